package view_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// told is how a change of one attribute reads, white space made even.
func told(t testing.TB, kind, path string, before, after any, verbose bool) string {
	t.Helper()
	c := plan.Change{ID: resource.ID{Kind: kind, Scope: region, Name: "subject"}, Action: plan.Update, Risk: resource.Sensitive, Before: &plan.State{}, Fields: []plan.FieldChange{{Path: path, Before: before, After: after}}}
	p := stagingPlan(c)
	p.Resolved = map[string]string{keyID("relayer-signer-fuji").String() + "#arn": keyARN(1), keyID("relayer-signer-sepolia").String() + "#arn": keyARN(2), keyID("bank").String() + "#address": keyARN(3)}
	o := options()
	o.Width, o.Verbose = 2000, verbose
	text := planText(t, p, o)
	_, text, _ = strings.Cut(text, "sensitive\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.TrimPrefix(strings.Join(lines, "\n"), path+" ")
}

func TestAStatementReadsAsASentence(t *testing.T) {
	t.Parallel()
	aws := func(principals ...string) members { return members{"AWS": list(principals...)} }
	for _, c := range []struct {
		statement members
		want      string
	}{
		{with(allow("kms:Sign", "kms:GetPublicKey"), "Resource", list(keyARN(1), keyARN(2))), "+ allow kms:GetPublicKey, kms:Sign on kms-key relayer-signer-{fuji,sepolia}"},
		{with(allow("kms:Sign"), "Resource", list[any](arnOf(keyID("relayer-signer-moonbase")), keyARN(7))), "+ allow kms:Sign on " + keyARN(7) + ", kms-key relayer-signer-moonbase"},
		{with(with(allow("kms:Sign"), "Principal", aws(roleARN("staging-relayer"))), "Condition", members{"ForAnyValue:StringLike": members{"kms:ResourceAliases": "alias/staging-relayer-*"}}), "+ allow kms:Sign to role staging-relayer when any of kms:ResourceAliases is like alias/staging-relayer-*"},
		{with(allow("kms:*"), "Principal", aws("arn:aws:iam::222233334444:root")), "+ allow kms:* to account 222233334444 (its IAM decides)"},
		{with(allow("kms:*"), "Principal", aws("333344445555")), "+ WILDCARD: allow kms:* to account 333344445555 (its IAM decides)"},
		{with(allow("s3:GetObject"), "Principal", "*"), "+ PUBLIC: allow s3:GetObject to EVERYONE"},
		{with(allow("*"), "Resource", "*"), "+ WILDCARD: allow EVERY ACTION on ANYTHING"},
		{with(allow("kms:?i*n"), "Resource", "*"), "+ WILDCARD: allow kms:?i*n on ANYTHING"},
		{with(allow("k?s:Sign"), "Resource", "*"), "+ WILDCARD: allow k?s:Sign on ANYTHING"},
		{with(allow("s3:Get*"), "Resource", "*"), "+ allow s3:Get* on ANYTHING"},
		{with(with(members{"Effect": "Allow"}, "NotAction", "iam:*"), "Resource", "*"), "+ WILDCARD: allow EVERY ACTION except iam:* on ANYTHING"},
		{with(allow("s3:GetObject"), "NotPrincipal", aws(roleARN("a"))), `+ PUBLIC: allow s3:GetObject to EVERYONE except role "a"`},
		{with(with(deny("s3:*"), "Principal", "*"), "Condition", members{"Bool": members{"aws:SecureTransport": false}}), "+ DENY s3:* to EVERYONE when aws:SecureTransport is false"},
		{with(allow("sts:AssumeRole"), "Principal", aws("AROAEXAMPLEEXAMPLE234", "arn:aws:iam::333344445555:user/ops/dsrv")), "+ allow sts:AssumeRole to AROAEXAMPLEEXAMPLE234 (a user or role that was deleted), user dsrv of account 333344445555"},
		{with(allow("sts:AssumeRole"), "Principal", members{"Service": "ecs-tasks.amazonaws.com"}), "+ allow sts:AssumeRole to service ecs-tasks.amazonaws.com"},
		{with(allow("s3:GetObject"), "Resource", list("arn:aws:s3:::b/*", "arn:aws:s3:::b", "arn:aws:s3:::b/x*")), "+ allow s3:GetObject on objects in bucket b like x*, bucket b, objects in bucket b"},
		{with(allow("kms:Sign"), "Condition", members{"Null": members{"aws:TokenIssueTime": "true"}, "NumericLessThan": members{"aws:MultiFactorAuthAge": "300"}}), "+ allow kms:Sign when aws:TokenIssueTime is absent and aws:MultiFactorAuthAge \"NumericLessThan\" 300"},
		{with(allow("kms:Sign"), "Condition", members{"StringNotEqualsIfExists": members{"aws:SourceVpc": list("vpc-1", "vpc-2")}}), "+ allow kms:Sign when aws:SourceVpc, if present, is none of vpc-1, vpc-2"},
		{with(allow("a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "z:*"), "Resource", "*"), "+ WILDCARD: allow z:*, a:1, a:2, a:3, a:4, a:5, and 2 more on ANYTHING"},
	} {
		got := told(t, "iam-policy", "document", nil, document(c.statement), false)
		if got != strings.ReplaceAll(c.want, `role "a"`, "role a") {
			t.Errorf("%v reads\n%s, want\n%s", c.statement, got, c.want)
		}
	}
	if got := told(t, "kms-key", "policy", nil, document(with(with(allow("kms:Sign"), "Principal", aws(roleARN("r"))), "Resource", "*")), false); got != "+ allow kms:Sign to role r" {
		t.Errorf("the resource of a key's own policy is told: %s", got)
	}
}

func TestTheSignSaysWhetherSomebodyGetsMore(t *testing.T) {
	t.Parallel()
	alias := func(operator string, patterns ...string) members {
		return members{operator: members{"kms:ResourceAliases": list(patterns...)}}
	}
	sign := func(condition any) members {
		statement := with(allow("kms:Sign"), "Resource", "*")
		if condition != nil {
			statement["Condition"] = condition
		}
		return statement
	}
	on := func(statement members, resources ...string) members {
		return with(statement, "Resource", list(resources...))
	}
	for name, c := range map[string]struct {
		before, after members
		want          []string
	}{
		"an action more":              {on(allow("a:One"), "*"), on(allow("a:One", "a:Two"), "*"), []string{"~ allow … on ANYTHING", "+ a:Two"}},
		"an action less":              {on(allow("a:One", "a:Two"), "*"), on(allow("a:One"), "*"), []string{"~ allow … on ANYTHING", "- a:Two"}},
		"a wildcard more":             {on(allow("a:One"), "*"), on(allow("a:One", "a:*"), "*"), []string{"~ WILDCARD: allow … on ANYTHING", "+ WIDE: a:*"}},
		"a resource more":             {on(allow("a:One"), "x:1"), on(allow("a:One"), "x:2", "x:1"), []string{"~ allow a:One on …", "+ on x:2"}},
		"everyone":                    {with(sign(nil), "Principal", members{"AWS": roleARN("r")}), with(sign(nil), "Principal", "*"), []string{"~ PUBLIC: allow kms:Sign on ANYTHING to …", "- to role r", "+ WIDE: to EVERYONE"}},
		"a condition gone":            {sign(alias("StringLike", "alias/a")), sign(nil), []string{"~ allow kms:Sign on ANYTHING", "+ no longer only when kms:ResourceAliases is like alias/a"}},
		"a condition more":            {sign(nil), sign(alias("StringLike", "alias/a")), []string{"~ allow kms:Sign on ANYTHING", "- now only when kms:ResourceAliases is like alias/a"}},
		"a value more":                {sign(alias("StringLike", "alias/a")), sign(alias("StringLike", "alias/a", "alias/b")), []string{"~ allow kms:Sign on ANYTHING", "+ when kms:ResourceAliases is like alias/b"}},
		"an exception more":           {sign(alias("StringNotLike", "alias/a")), sign(alias("StringNotLike", "alias/a", "alias/b")), []string{"~ allow kms:Sign on ANYTHING", "- now when kms:ResourceAliases is not like alias/b"}},
		"an exception less":           {with(members{"Effect": "Allow", "NotAction": list("a:One", "a:Two")}, "Resource", "*"), with(members{"Effect": "Allow", "NotAction": list("a:One")}, "Resource", "*"), []string{"~ WILDCARD: allow … on ANYTHING", "+ no longer EVERY ACTION except a:Two"}},
		"a denial that denies less":   {on(deny("a:One", "a:Two"), "*"), on(deny("a:One"), "*"), []string{"~ DENY … on ANYTHING", "+ no longer a:Two"}},
		"a denial that denies more":   {on(deny("a:One"), "*"), on(deny("a:One", "a:Two"), "*"), []string{"~ DENY … on ANYTHING", "- now a:Two"}},
		"a denial with one way out":   {on(deny("a:One"), "*"), with(on(deny("a:One"), "*"), "Condition", alias("StringLike", "alias/a")), []string{"~ DENY a:One on ANYTHING", "+ only when kms:ResourceAliases is like alias/a"}},
		"an allow that became a deny": {on(allow("a:One"), "*"), on(deny("a:One"), "*"), []string{"+ DENY a:One on ANYTHING", "- allow a:One on ANYTHING"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, want := told(t, "iam-policy", "document", document(c.before), document(c.after), false), strings.Join(c.want, "\n"); got != want {
				t.Errorf("it reads\n%s\nwant\n%s", got, want)
			}
		})
	}
	gone := told(t, "iam-policy", "document", document(on(deny("a:One"), "*"), sign(nil)), document(sign(nil)), false)
	if gone != "+ no longer DENY a:One on ANYTHING" {
		t.Errorf("a denial that is gone reads %s", gone)
	}
}

// strange makes a random document of few words, so that two of them are often
// alike.
func strange(r *rand.Rand) members {
	pick := func(words ...string) any {
		some := []any{}
		for _, word := range words {
			if r.IntN(2) == 0 {
				some = append(some, word)
			}
		}
		if len(some) == 0 {
			return words[0]
		}
		r.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		return some
	}
	var statements []members
	for range 1 + r.IntN(3) {
		s := members{"Effect": []string{"Allow", "Allow", "Deny"}[r.IntN(3)], []string{"Action", "Action", "NotAction"}[r.IntN(3)]: pick("a:One", "a:two", "*")}
		if r.IntN(3) > 0 {
			s[[]string{"Resource", "Resource", "NotResource"}[r.IntN(3)]] = pick("*", keyARN(1), keyARN(2), keyARN(3))
		}
		if r.IntN(3) == 0 {
			s["Principal"] = members{"AWS": pick("*", roleARN("a"), roleARN("b"), "222233334444")}
		}
		if r.IntN(2) == 0 {
			s["Condition"] = members{[]string{"StringLike", "StringNotLike", "Odd"}[r.IntN(3)]: members{"k:a": pick("v 1", "v-2", "v")}}
		}
		if r.IntN(3) == 0 {
			s["Sid"] = "S"
		}
		statements = append(statements, s)
	}
	return document(statements...)
}

func parse(t testing.TB, doc members) access.Document {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	d, err := access.Parse(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestADifferenceInMeaningIsAlwaysToldAndNoOther(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	equal, narrower := 0, 0
	for range 800 {
		before, after := strange(r), strange(r)
		if r.IntN(8) == 0 {
			after = members{"Version": before["Version"], "Statement": shuffled(r, before["Statement"])}
		}
		old, now := parse(t, before), parse(t, after)
		got := told(t, "iam-policy", "document", before, after, r.IntN(2) == 0)
		signs := 0
		for line := range strings.Lines(got) {
			if strings.ContainsRune("+-", rune(line[0])) {
				signs++
			}
			if access.Narrows(old, now) && line[0] == '+' && !strings.HasPrefix(line, "+ DENY ") {
				t.Fatalf("%v → %v gives nobody more, and reads\n%s", before, after, got)
			}
		}
		if old.Equivalent(now) != (signs == 0) {
			t.Fatalf("%v → %v: equivalent is %t, and it reads\n%s", before, after, old.Equivalent(now), got)
		}
		if old.Equivalent(now) {
			equal++
		} else if access.Narrows(old, now) {
			narrower++
		}
	}
	if equal < 30 || narrower < 5 {
		t.Errorf("only %d documents were alike and %d narrower: the test says little", equal, narrower)
	}
}

func shuffled(r *rand.Rand, statements any) []any {
	list, _ := statements.([]any)
	list = append([]any{}, list...)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if r.IntN(2) == 0 && len(list) > 1 {
		list = list[1:]
	}
	return list
}

func TestTwoMeaningsNeverReadAlikeWhenAllIsShown(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	seen := map[string]access.Document{}
	for range 800 {
		doc := strange(r)
		delete(doc["Statement"].([]any)[0].(members), "Sid")
		doc["Statement"] = doc["Statement"].([]any)[:1]
		got, d := told(t, "iam-policy", "document", nil, doc, true), parse(t, doc)
		if other, ok := seen[got]; ok && !other.Equivalent(d) {
			t.Fatalf("%v and %v both read\n%s", other, d, got)
		}
		seen[got] = d
	}
	for _, forged := range []members{
		with(allow("kms:Sign"), "Resource", list("ANYTHING")), with(allow("kms:Sign"), "Resource", list("kms-key bank")),
		with(allow("EVERY ACTION"), "Resource", list("x:1")), with(allow("kms:Sign"), "Resource", list("x:1 to EVERYONE")),
		with(allow("kms:Sign"), "Principal", members{"AWS": "EVERYONE"}), with(allow("kms:Sign"), "Condition", members{"StringLike": members{"k:a": "v and its sub is x"}}),
	} {
		if got := told(t, "iam-policy", "document", nil, document(forged), false); strings.Count(got, `"`) != 2 {
			t.Errorf("words of ours stand without quotes: %s", got)
		}
	}
}

func TestSetsOfNamesKnowNoOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path          string
		before, after any
		want          string
	}{
		{"policies", list("a", "b"), list("b", "c"), "- a\npolicies + c"},
		{"policies", nil, list("staging-a", "arn:aws:iam::aws:policy/job-function/PowerUserAccess"), "+ WILDCARD: PowerUserAccess (of AWS), staging-a"},
		{"members", list("a", "b"), list("b", "a", "c"), "+ c"},
		{"members", list("a b"), list[string](), `- "a b"`},
		{"boundary", "arn:aws:iam::222233334444:policy/reconcile-boundary-staging", nil, "+ no longer within reconcile-boundary-staging"},
		{"publicAccess", members{"BlockPublicPolicy": true}, members{"BlockPublicPolicy": false}, "+ public policies: blocked → allowed"},
		{"publicAccess", members{"BlockPublicPolicy": false}, members{"BlockPublicPolicy": true}, "- public policies: allowed → blocked"},
		{"publicAccess", members{"blockPublicAcls": true, "ignorePublicAcls": true}, nil, "+ new public ACLs: blocked → allowed\n+ public ACLs: blocked → allowed"},
		{"publicAccess", members{"blockPolicy": true, "restrictBuckets": true, "blockAcls": true, "ignoreAcls": true}, members{"blockPolicy": false, "restrictBuckets": true, "blockAcls": true, "ignoreAcls": true}, "+ public policies: blocked → allowed"},
		{"trust", members{"Fault": "statement 1: who knows"}, document(with(allow("sts:AssumeRole"), "Principal", members{"AWS": roleARN("a")})), "! what stands there was not understood, so nobody can tell what it gives: statement 1: who knows\n+ allow sts:AssumeRole to role a"},
		{"policy", members{"Version": "2012-10-17"}, nil, "no statement: it allows nothing"},
		{"inline", members{"x": document(with(allow("a:1"), "Resource", "*"))}, members{"y": document(with(allow("a:1"), "Resource", "*"))}, ".x - allow a:1 on ANYTHING\ninline.y + allow a:1 on ANYTHING"},
		{"document", document(with(allow("a:One"), "Resource", "*")), document(with(with(allow("A:one"), "Resource", list("*")), "Sid", "x")), "means the same: other names of statements, or another order"},
	} {
		if got := strings.TrimPrefix(told(t, "iam-role", c.path, c.before, c.after, false), "inline"); got != c.want {
			t.Errorf("%s %v → %v reads\n%s\nwant\n%s", c.path, c.before, c.after, got, c.want)
		}
	}
}

func TestAnAccessExceptionNeverFoldsIntoItsGroup(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Change){
		"trust in another's service account": func(c *plan.Change) {
			c.After["trust"] = createRole("x", "validator-2-fuji").After["trust"]
		},
		"another's policy": func(c *plan.Change) {
			c.After["policies"] = list("staging-validator-1-sepolia-signer", "staging-validator-1-fuji-checkpoints")
		},
		"one policy more": func(c *plan.Change) {
			c.After["policies"] = append(c.After["policies"].([]any), "arn:aws:iam::aws:policy/AdministratorAccess")
		},
		"no boundary": func(c *plan.Change) { delete(c.After, "boundary") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := firstAccess()
			for i, c := range p.Changes {
				if c.ID == iam("role", "staging-validator-1-fuji") {
					spoil(&c)
					c.Fields = nil
					p.Changes[i] = created(c, "create-role")
				}
			}
			if got := planText(t, p, wide()); lineOf(got, " staging-validator-1-fuji ") == "" || !strings.Contains(got, "create 23") {
				t.Errorf("the exception is not alone:\n%s", got)
			}
		})
	}
}

func TestPlansOfAccessReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	for _, s := range []story{
		{name: "the first access of an environment is about a screen", plan: firstAccess(), parts: []string{"width-100.txt"}},
		{name: "a day on which access moves in every way", plan: changedAccess(), parts: []string{"width-60.txt", "width-100.txt", "verbose.txt", "comment.md"}},
	} {
		seal(t, s.plan)
		golden(t, s.name, s.render(t))
	}
	got := planText(t, firstAccess(), options())
	if n := strings.Count(got, "\n"); n > 60 {
		t.Errorf("the first access takes %d lines, a screen is about 60:\n%s", n, got)
	}
}

func TestEveryLineOfASentenceInACommentHasItsSignInTheFirstColumn(t *testing.T) {
	t.Parallel()
	statement := with(allow("kms:Sign"), "Condition", members{"StringLike": members{"k:a": strings.Repeat("word - and\n+ more ", 40)}})
	c := changedAccess().Changes[0]
	c.Fields = []plan.FieldChange{{Path: "document", Before: document(statement)}}
	c.After = nil
	got := string(text(t, func(w io.Writer) error { return markdown(w, seal(t, stagingPlan(c)), options()) }))
	_, got, _ = strings.Cut(got, "agents.cue:45\n-")
	got, _, _ = strings.Cut(got, "```")
	for line := range strings.Lines(strings.TrimSpace(got)) {
		if !strings.HasPrefix(line, "-  ") && !strings.HasPrefix(line, "document:") {
			t.Errorf("a line begins with %q", line)
		}
	}
	if strings.Count(got, "\n") < 5 {
		t.Errorf("the sentence was not found:\n%s", got)
	}
}

func TestAnARNThatTwoResourcesClaimIsNobodys(t *testing.T) {
	t.Parallel()
	p := stagingPlan(createPolicy("p", with(allow("kms:Sign"), "Resource", list(keyARN(1), keyARN(2)))))
	p.Resolved = map[string]string{keyID("a").String() + "#arn": keyARN(1), keyID("b").String() + "#arn": keyARN(1), keyID("c").String() + "#arn": keyARN(2)}
	if got := planText(t, p, wide()); !strings.Contains(got, "on "+keyARN(1)+", kms-key c\n") {
		t.Errorf("it reads:\n%s", got)
	}
}

func TestDocumentsInAnotherOrderFoldAllTheSame(t *testing.T) {
	t.Parallel()
	first, second := createPolicy("validator-0-signer", signs("validator-0-a", "validator-0-b")), createPolicy("validator-1-signer", signs("validator-1-b", "validator-1-a"))
	if got := planText(t, stagingPlan(first, second), wide()); !strings.Contains(got, "validator-{0,1}-signer") {
		t.Errorf("two policies alike do not fold:\n%s", got)
	}
}

func TestWhatIsMadeWithNothingTellsNothing(t *testing.T) {
	t.Parallel()
	id := iam("user", "staging-relayer")
	user := created(plan.Change{ID: id, Risk: resource.Routine, Why: from("agents.cue", 31), After: mark(id, members{"groups": []any{}, "policies": []any{}, "inline": members{}})}, "create-user")
	got := planText(t, stagingPlan(user), wide())
	if line := lineOf(got, "+ iam-user"); !strings.Contains(got, line+"\ncreate 1") {
		t.Errorf("it reads:\n%s", got)
	}
	user.Risk = resource.Sensitive
	if got := planText(t, stagingPlan(user), wide()); strings.Contains(got, "[]") || strings.Contains(got, "{}") {
		t.Errorf("it reads:\n%s", got)
	}
}

func TestBucketsOfOnePatternFoldInASentence(t *testing.T) {
	t.Parallel()
	var objects []any
	for _, network := range networks() {
		objects = append(objects, "arn:aws:s3:::acme-validator-0-"+network+"/*")
	}
	got := told(t, "iam-policy", "document", nil, document(with(allow("s3:PutObject"), "Resource", append(objects, "arn:aws:s3:::a{b,c}/*"))), false)
	if got != `+ allow s3:PutObject on objects in bucket "a{b,c}" like *, objects in bucket acme-validator-0-{all 8 networks}` {
		t.Errorf("it reads %s", got)
	}
}

func TestSpacesInAValueAreNotLostWhereLinesWrap(t *testing.T) {
	t.Parallel()
	like := func(value string) string {
		return told(t, "iam-policy", "document", nil, document(with(allow("kms:Sign"), "Condition", members{"StringLike": members{"k:a": value}})), false)
	}
	if one, two := like("a b"), like("a  b"); one == two || !strings.Contains(two, `"a \u0020b"`) {
		t.Errorf("%s and %s", one, two)
	}
}
