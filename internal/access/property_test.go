package access_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func some(r *rand.Rand, list ...string) []string {
	n := 1 + r.IntN(3)
	picked := make([]string, n)
	for i := range picked {
		picked[i] = pick(r, list...)
	}
	return picked
}

// conditionPool holds conditions that are decided, and some that are not
// understood.
func conditionPool() []string {
	return []string{
		"ForAnyValue:StringLike kms:ResourceAliases alias/staging-relayer*", "ForAllValues:StringLike kms:ResourceAliases alias/*", "StringEquals aws:username alice",
		"StringNotEquals aws:username alice", "ArnLike aws:PrincipalArn arn:aws:iam::*:role/*", "Bool aws:SecureTransport true", "Null aws:username true",
		"StringEqualsIfExists aws:SourceVpc vpc-1", "IpAddress aws:SourceIp 203.0.113.0/24", "StringEquals aws:ResourceTag/environment staging", "StringLike aws:PrincipalTag/team ${aws:PrincipalTag/team}",
	}
}

func doubtful() []string {
	return []string{"StringEquals kms:RequestAlias alias/x", "DateLessThan aws:CurrentTime 2030-01-01T00:00:00Z", "Sounds aws:username like", "Bool aws:MultiFactorAuthPresent true"}
}

func randomStatement(r *rand.Rand, around bool, conditions []string) access.Statement {
	s := access.Statement{Effect: pick(r, access.Allow, access.Allow, access.Deny), Sid: pick(r, "", "A", "B")}
	actions := some(r, "kms:Sign", "kms:*", "*", "kms:Get*", "iam:*", "KMS:sign", "kms:S?gn")
	if r.IntN(6) == 0 {
		s.NotActions = actions
	} else {
		s.Actions = actions
	}
	resources := access.Literals(some(r, "*", keyARN, "arn:aws:kms:*:111122223333:key/*", "arn:aws:s3:::*", "arn:aws:kms:us-west-2:${aws:PrincipalAccount}:key/*")...)
	if r.IntN(6) == 0 {
		s.NotResources = resources
	} else {
		s.Resources = resources
	}
	if around {
		principals := map[string]access.Values{"AWS": access.Literals(some(r, "*", account, user("alice"), role("agent"), user("bob"), "arn:aws:sts::"+account+":assumed-role/agent/one")...)}
		if s.Effect == access.Deny && r.IntN(3) == 0 {
			s.NotPrincipals = principals
		} else {
			s.Principals = principals
		}
	}
	for range r.IntN(3) {
		parts := strings.SplitN(pick(r, conditions...), " ", 3)
		if s.Conditions == nil {
			s.Conditions = map[string]map[string]access.Values{}
		}
		if s.Conditions[parts[0]] == nil {
			s.Conditions[parts[0]] = map[string]access.Values{}
		}
		s.Conditions[parts[0]][parts[1]] = access.Literals(append(some(r, parts[2], parts[2], "other"), parts[2])...)
	}
	return s
}

func randomDocument(r *rand.Rand, around bool, conditions []string) access.Document {
	d := access.Document{Version: access.Version}
	for range 1 + r.IntN(4) {
		d.Statements = append(d.Statements, randomStatement(r, around, conditions))
	}
	return d
}

// randomWorld has one user and one role under random policies.
func randomWorld(r *rand.Rand, conditions []string) *access.World {
	w := setting{aliases: some(r, "alias/staging-relayer-signer", "alias/other")[:1]}.build()
	w.Keys[0].Policy = randomDocument(r, true, conditions)
	if r.IntN(2) == 0 {
		w.Keys[0].Policy.Statements = append(w.Keys[0].Policy.Statements, doc(delegates).Statements...)
	}
	w.Directory.Users[0].Inline = map[string]access.Document{"own": randomDocument(r, false, conditions)}
	w.Directory.Roles[0].Inline = map[string]access.Document{"own": randomDocument(r, false, conditions)}
	if r.IntN(3) == 0 {
		arn := policyARN("limit")
		w.Directory.Policies = []access.Policy{{ARN: arn, Name: "limit", Document: randomDocument(r, false, conditions)}}
		w.Directory.Users[0].Boundary, w.Directory.Roles[0].Boundary = arn, arn
	}
	if r.IntN(4) == 0 {
		w.Keys[0].Grants = []access.Grant{{ID: "g", Grantee: pick(r, user("alice"), role("agent")), Operations: []string{"Sign"}}}
	}
	return w
}

func randomRequest(r *rand.Rand) access.Request {
	context := map[string][]string{"aws:SecureTransport": {"true"}, "aws:SourceVpc": nil, "aws:SourceIp": {pick(r, "203.0.113.9", "198.51.100.9")}}
	return access.Request{Principal: pick(r, user("alice"), role("agent")), Action: pick(r, "kms:Sign", "kms:GetPublicKey"), Resource: keyARN, Context: context}
}

func TestADocumentInOtherWordsMeansTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		d := randomDocument(r, r.IntN(2) == 0, append(conditionPool(), doubtful()...))
		text := rewritten(r, d)
		other, err := access.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v: %s", seed, err, text)
		}
		if !d.Equivalent(other) || !other.Equivalent(d) || !access.Narrows(d, other) || !access.Narrows(other, d) {
			t.Fatalf("seed %d: not the same:\n%+v\n%s", seed, d, text)
		}
		w := randomWorld(r, conditionPool())
		ask := randomRequest(r)
		w.Directory.Users[0].Inline["own"], w.Directory.Roles[0].Inline["own"] = d, d
		before := w.Decide(ask).Verdict
		w.Directory.Users[0].Inline["own"], w.Directory.Roles[0].Inline["own"] = other, other
		if after := w.Decide(ask).Verdict; after != before {
			t.Fatalf("seed %d: %q became %q", seed, before, after)
		}
	}
}

func TestAnotherMeaningIsNotTheSame(t *testing.T) {
	t.Parallel()
	base := doc(signByAlias, delegates)
	for name, change := range map[string]func(d *access.Document){
		"effect":    func(d *access.Document) { d.Statements[0].Effect = access.Deny },
		"action":    func(d *access.Document) { d.Statements[0].Actions = append(d.Statements[0].Actions, "kms:Verify") },
		"resource":  func(d *access.Document) { d.Statements[0].Resources = access.Literals("*") },
		"principal": func(d *access.Document) { d.Statements[1].Principals["AWS"] = access.Literals("*") },
		"condition": func(d *access.Document) { d.Statements[0].Conditions = nil },
		"statement": func(d *access.Document) { d.Statements = d.Statements[:1] },
		"version":   func(d *access.Document) { d.Version = "2008-10-17" },
		"not": func(d *access.Document) {
			d.Statements[0].NotActions, d.Statements[0].Actions = d.Statements[0].Actions, nil
		},
		"fault": func(d *access.Document) { d.Fault = "x" },
	} {
		d := doc(signByAlias, delegates)
		change(&d)
		if base.Equivalent(d) || d.Equivalent(base) {
			t.Errorf("%s: called the same", name)
		}
	}
}

// rankOf orders verdicts by how much they let.
func rankOf(v access.Verdict) int {
	return slices.Index([]access.Verdict{access.Denied, access.NotAllowed, access.Unknown, access.Allowed}, v)
}

// lets is rankOf where both kinds of no are the same.
func lets(v access.Verdict) int { return max(rankOf(v), 1) }

func TestWhatNarrowsNeverLetsMore(t *testing.T) {
	t.Parallel()
	narrowed := 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 2))
		w := randomWorld(r, append(conditionPool(), doubtful()...))
		before := w.Directory.Users[0].Inline["own"]
		after := access.Document{Version: before.Version, Statements: slices.Clone(before.Statements)}
		for range 1 + r.IntN(2) {
			switch at := r.IntN(len(after.Statements) + 1); {
			case at == len(after.Statements):
				after.Statements = append(after.Statements, randomStatement(r, false, conditionPool()))
			case r.IntN(2) == 0:
				// One resource more, or one less.
				one := &after.Statements[at]
				if n := len(one.Resources); n > 1 {
					one.Resources = slices.Delete(slices.Clone(one.Resources), n-1, n)
				} else if n == 1 {
					one.Resources = append(slices.Clone(one.Resources), randomStatement(r, false, conditionPool()).Resources...)
				}
			default:
				after.Statements = slices.Delete(slices.Clone(after.Statements), at, at+1)
			}
		}
		if !access.Narrows(before, after) {
			continue
		}
		narrowed++
		ask := randomRequest(r)
		ask.Principal = user("alice")
		had := w.Decide(ask)
		w.Directory.Users[0].Inline["own"] = after
		if has := w.Decide(ask); lets(has.Verdict) > lets(had.Verdict) {
			t.Fatalf("seed %d: %q became %q\n%+v\n%+v", seed, had.Verdict, has.Verdict, before, after)
		}
	}
	if narrowed < 250 {
		t.Errorf("only %d of the documents narrow: the property says little", narrowed)
	}
}

// TestFewerResourcesNarrow: a key that moves from one policy to another is taken
// from the one and given by the other, and neither is both.
func TestFewerResourcesNarrow(t *testing.T) {
	t.Parallel()
	document := func(effect, action, resources string) access.Document {
		return access.Read(`{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"` + action + `","Resource":[` + resources + `]}]}`)
	}
	both, one, other := document("Allow", "kms:Sign", `"a","b"`), document("Allow", "kms:Sign", `"b"`), document("Allow", "kms:Sign", `"b","c"`)
	denied, more := document("Deny", "kms:Sign", `"a"`), document("Deny", "kms:Sign", `"a","b"`)
	principals := func(resources bool) access.Document {
		d := document("Allow", "kms:Sign", `"a"`)
		if !resources {
			d.Statements[0].Resources = nil
		}
		return d
	}
	for name, test := range map[string]struct {
		before, after access.Document
		want          bool
	}{
		"one less":                      {both, one, true},
		"one more":                      {one, both, false},
		"one for another":               {both, other, false},
		"less, and another action":      {both, document("Allow", "kms:Verify", `"b"`), false},
		"a pattern is no resource":      {document("Allow", "kms:Sign", `"*"`), one, false},
		"less is denied":                {more, denied, false},
		"more is denied":                {denied, more, true},
		"where resources are not named": {both, principals(false), false},
		"and the other way round":       {principals(false), both, false},
	} {
		if have := access.Narrows(test.before, test.after); have != test.want {
			t.Errorf("%s: %t", name, have)
		}
	}
}

func TestAnotherDenyNeverLetsMoreAndOneAllowLessNeverDoes(t *testing.T) {
	t.Parallel()
	seen := map[access.Verdict]int{}
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 3))
		w, ask := randomWorld(r, append(conditionPool(), doubtful()...)), randomRequest(r)
		had := w.Decide(ask)
		seen[had.Verdict]++
		check := func(what string) {
			if has := w.Decide(ask); lets(has.Verdict) > lets(had.Verdict) || had.Verdict == access.Denied && what == "deny" && has.Verdict != access.Denied {
				t.Fatalf("seed %d: %s: %q (%s) became %q (%s)", seed, what, had.Verdict, had.Reason, has.Verdict, has.Reason)
			}
		}
		around := r.IntN(2) == 0
		s := randomStatement(r, around, append(conditionPool(), doubtful()...))
		s.Effect = access.Deny
		change := func(edit func([]access.Statement) []access.Statement) {
			if around {
				w.Keys[0].Policy.Statements = edit(slices.Clone(w.Keys[0].Policy.Statements))
				return
			}
			for _, inline := range []map[string]access.Document{w.Directory.Users[0].Inline, w.Directory.Roles[0].Inline} {
				d := inline["own"]
				d.Statements = edit(slices.Clone(d.Statements))
				inline["own"] = d
			}
		}
		before := *w
		before.Directory.Users[0].Inline = maps.Clone(w.Directory.Users[0].Inline)
		change(func(list []access.Statement) []access.Statement { return append(list, s) })
		check("deny")
		change(func(list []access.Statement) []access.Statement {
			if at := slices.IndexFunc(list, func(s access.Statement) bool { return s.Effect == access.Allow }); at >= 0 {
				return slices.Delete(list, at, at+1)
			}
			return list
		})
		check("one allow less")
	}
	for _, v := range []access.Verdict{access.Allowed, access.Denied, access.NotAllowed, access.Unknown} {
		if seen[v] < 50 {
			t.Errorf("%q came up %d times only: %v", v, seen[v], seen)
		}
	}
}

// TestWhatIsNotUnderstoodIsNeverAllowed decides each world three times: with its
// doubtful conditions as they stand, as if they held, and as if they did not.
// Whatever is certain in spite of them must come out the same both ways.
func TestWhatIsNotUnderstoodIsNeverAllowed(t *testing.T) {
	t.Parallel()
	certain := 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 4))
		conditions := append(conditionPool(), doubtful()...)
		w, ask := randomWorld(r, conditions), randomRequest(r)
		got := w.Decide(ask)
		if got.Verdict == access.Unknown {
			continue
		}
		certain++
		for _, holds := range []string{`true`, `false`} {
			settle(w, holds)
			if other := w.Decide(ask); other.Verdict != got.Verdict && lets(other.Verdict) != lets(got.Verdict) && other.Verdict != access.Unknown {
				t.Fatalf("seed %d: %q (%s), but %q (%s) if what is doubtful is %s", seed, got.Verdict, got.Reason, other.Verdict, other.Reason, holds)
			}
			w = randomWorld(rand.New(rand.NewPCG(seed, 4)), conditions)
		}
	}
	if certain < 400 {
		t.Errorf("only %d were certain", certain)
	}
}

// settle puts a condition that holds, or does not, in the place of each doubtful
// one.
func settle(w *access.World, holds string) {
	for _, d := range []access.Document{w.Keys[0].Policy, w.Directory.Users[0].Inline["own"], w.Directory.Roles[0].Inline["own"]} {
		settleDocument(d, holds)
	}
	for _, p := range w.Directory.Policies {
		settleDocument(p.Document, holds)
	}
}

func settleDocument(d access.Document, holds string) {
	for _, s := range d.Statements {
		for operator, byKey := range s.Conditions {
			for key := range byKey {
				if slices.ContainsFunc(doubtful(), func(text string) bool { return strings.HasPrefix(text, operator+" "+key+" ") }) {
					delete(byKey, key)
					settled := s.Conditions["StringLike"]
					if settled == nil {
						settled = map[string]access.Values{}
					}
					settled["aws:PrincipalAccount"] = access.Literals(map[string]string{"true": "*", "false": "nobody"}[holds])
					s.Conditions["StringLike"] = settled
				}
			}
		}
	}
}

func TestADocumentSurvivesItsText(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		d := randomDocument(rand.New(rand.NewPCG(seed, 5)), seed%2 == 0, conditionPool())
		text, err := d.Text()
		if err != nil {
			t.Fatal(err)
		}
		back, err := access.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		data, err := resource.Canonical(d)
		if err != nil || !bytes.Equal(data, []byte(text)) {
			t.Fatalf("%s is not %s, %v", data, text, err)
		}
	}
}
