package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func userARN(name string) string { return "arn:aws:iam::" + account + ":user/" + name }

func signer(arn, through string) view.Signer {
	return view.Signer{Principal: arn, Through: []string{through}, Certain: true, Expected: true}
}

// wholeAccess is staging with everything as declared: a role for each validator
// on each network, one for the relayer, nobody for the bank, and an
// administrator, as every account has one.
func wholeAccess() view.AccessReport {
	r := view.AccessReport{
		Environment: "staging", Account: account, Region: region,
		Totals:  view.AccessTotals{Users: 3, Groups: 2, Roles: 27, Policies: 54, Unmanaged: 5},
		NotRead: []string{"service control policies", "session policies", "IAM of other accounts"},
	}
	admin := view.Signer{Principal: userARN("alice"), Through: []string{"policy AdministratorAccess"}, Certain: true, Admin: true}
	add := func(agent string, instance int, name, role string) {
		n := len(r.Keys)
		k := view.KeyAccess{ID: keyID(name), Alias: "alias/staging-" + name, ARN: keyARN(n), Agent: agent, Instance: instance, Managed: true, Signers: []view.Signer{admin}}
		if role != "" {
			k.Signers = append(k.Signers, signer(roleARN(role), "policy "+role+"-signer"))
		}
		k.CanBecome = []view.Becoming{{Principal: roleARN("reconcile-apply-staging"), Path: "kms:PutKeyPolicy on " + keyARN(n)[strings.LastIndexByte(keyARN(n), '/')+1:], Certain: true}}
		r.Keys = append(r.Keys, k)
	}
	for _, network := range networks() {
		add("relayer", 0, "relayer-signer-"+network, "staging-relayer")
	}
	for instance := range 3 {
		for _, network := range networks() {
			for _, use := range []string{"attestation", "signer"} {
				add("validator", instance, fmt.Sprintf("validator-%d-%s-%s", instance, use, network), fmt.Sprintf("staging-validator-%d", instance))
			}
		}
	}
	add("", 0, "bank", "")
	return r
}

// brokenAccess is staging with one of every fault.
func brokenAccess() view.AccessReport {
	r := wholeAccess()
	r.Keys[4].Signers = append(r.Keys[4].Signers, view.Signer{Principal: userARN("mallory"), Through: []string{"inline policy debug"}, Certain: true})
	r.Keys[5].Signers = r.Keys[5].Signers[:1]
	r.Keys[5].Missing = []view.MissingSigner{{Principal: roleARN("staging-relayer"), Reason: "no alias of the key is like alias/staging-relayer*; it has alias/staging-fuji-relayer-signer", Hint: "reconcile plan staging"}}
	r.Keys[8].Signers = append(r.Keys[8].Signers, view.Signer{Principal: "arn:aws:iam::333344445555:user/dsrv", Doubt: "the condition StringEqualsFoo of key policy statement 2 is not understood"})
	r.Keys[9].ARN, r.Keys[9].Signers, r.Keys[9].CanBecome = "", nil, nil
	r.Keys[56].Managed = false
	r.Keys[56].Signers = append(r.Keys[56].Signers, view.Signer{Principal: "*", Through: []string{"key policy"}, Certain: true})
	for i := range 3 {
		r.Keys[i].CanBecome = append(r.Keys[i].CanBecome, view.Becoming{Principal: userARN("bob"), Path: "iam:AttachUserPolicy on bob", Certain: true}, view.Becoming{Principal: userARN("bob"), Path: "iam:CreatePolicyVersion on staging-relayer-signer"}, view.Becoming{Principal: userARN("bob"), Path: "iam:UpdateAssumeRolePolicy on staging-relayer, then sts:AssumeRole"}, view.Becoming{Principal: userARN("root-like"), Path: "anything", Admin: true, Certain: true})
	}
	r.Unread = []resource.Unread{{Scope: "kms-key/us-west-2", Operation: "kms:ListGrants", Cause: "AccessDeniedException"}}
	return r
}

// strangersIn asks for what the report's environment does not declare.
func strangersIn(r view.AccessReport) view.AccessReport {
	r.Unmanaged = []view.Unmanaged{
		{Kind: "user", Name: "alice", Path: "/", ARN: userARN("alice")},
		{Kind: "user", Name: "bob", Path: "/", ARN: userARN("bob")},
		{Kind: "user", Name: "mallory", Path: "/", ARN: userARN("mallory")},
		{Kind: "group", Name: "AdministratorAccess", Path: "/", ARN: "arn:aws:iam::" + account + ":group/AdministratorAccess"},
		{Kind: "role", Name: "ci", Path: "/deploy/", ARN: "arn:aws:iam::" + account + ":role/deploy/ci"},
		{Kind: "policy", Name: "AdministratorAccess", Path: "/", ARN: "arn:aws:iam::" + account + ":policy/AdministratorAccess"},
	}
	return r
}

func TestWhatNobodyDeclaresIsToldWithWhatItCanDo(t *testing.T) {
	t.Parallel()
	var report struct {
		Unmanaged []view.Unmanaged `json:"unmanaged"`
	}
	r := strangersIn(brokenAccess())
	if err := json.Unmarshal(accessText(t, r, func(o *view.AccessOptions) { o.Format = "json" }), &report); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, u := range report.Unmanaged {
		lines = append(lines, fmt.Sprintf("%s %s %d %d", u.Kind, u.Name, len(u.Signs), len(u.CanBecome)))
	}
	with := len(slices.DeleteFunc(slices.Clone(r.Keys), func(k view.KeyAccess) bool { return len(k.Signers) == 0 }))
	if diff := cmp.Diff([]string{
		fmt.Sprintf("user alice %d 0", with), "user mallory 1 0", fmt.Sprintf("policy AdministratorAccess %d 0", with),
		"user bob 0 3", "group AdministratorAccess 0 0", "role ci 0 0",
	}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.Unmanaged = []view.Unmanaged{}
	if text := string(accessText(t, r, nil)); !strings.Contains(text, "never touched: 0") {
		t.Errorf("of nothing: %s", text)
	}
	r.Unmanaged = nil
	if text := string(accessText(t, r, func(o *view.AccessOptions) { o.Format = "json" })); strings.Contains(text, `"unmanaged": [`) {
		t.Error("nobody asked for it")
	}
}

func accessText(t testing.TB, r view.AccessReport, change func(*view.AccessOptions)) []byte {
	t.Helper()
	o := view.AccessOptions{Options: options()}
	o.Width = 120
	if change != nil {
		change(&o)
	}
	return text(t, func(w io.Writer) error { return view.Access(w, r, o) })
}

func TestAccessReadsAsItsGoldenSays(t *testing.T) {
	t.Parallel()
	whole, broken := wholeAccess(), brokenAccess()
	archive := new(txtar.Archive)
	for _, part := range []struct {
		name   string
		r      view.AccessReport
		change func(*view.AccessOptions)
	}{
		{"as declared, 120 columns", whole, nil},
		{"as declared, 80 columns", whole, func(o *view.AccessOptions) { o.Width = 80 }},
		{"one of every fault, 120 columns", broken, nil},
		{"one of every fault, 80 columns", broken, func(o *view.AccessOptions) { o.Width = 80 }},
		{"one key", broken, func(o *view.AccessOptions) { o.Key = "relayer-signer-optimismsepolia" }},
		{"another key, by its alias", broken, func(o *view.AccessOptions) { o.Key = "staging-relayer-signer-arbitrumsepolia" }},
		{"one principal", broken, func(o *view.AccessOptions) { o.Principal = "role/staging-relayer" }},
		{"another principal", broken, func(o *view.AccessOptions) { o.Principal = "user/bob" }},
		{"what nobody declares", strangersIn(broken), nil},
		{"json of one key", broken, func(o *view.AccessOptions) { o.Key, o.Format = "relayer-signer-optimismsepolia", "json" }},
	} {
		archive.Files = append(archive.Files, txtar.File{Name: part.name, Data: accessText(t, part.r, part.change)})
	}
	golden(t, "access reads plainly", archive)
}

func TestNoKeyWithAFaultIsAsDeclared(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*view.KeyAccess){
		"a principal is missing":            func(k *view.KeyAccess) { k.Missing = []view.MissingSigner{{Principal: roleARN("x")}} },
		"somebody undeclared can sign":      func(k *view.KeyAccess) { k.Signers[1].Expected = false },
		"everyone can sign":                 func(k *view.KeyAccess) { k.Signers[1].Principal, k.Signers[1].Expected, k.Managed = "*", false, false },
		"it cannot be told of a declared":   func(k *view.KeyAccess) { k.Signers[1].Certain = false },
		"it cannot be told of an admin":     func(k *view.KeyAccess) { k.Signers[0].Certain = false },
		"nobody is declared":                func(k *view.KeyAccess) { k.Managed = false },
		"it is not there":                   func(k *view.KeyAccess) { k.ARN = "" },
		"another's role signs":              func(k *view.KeyAccess) { k.Signers[1].Principal = roleARN("staging-validator-2") },
		"a user of the same name signs":     func(k *view.KeyAccess) { k.Signers[1].Principal = userARN("staging-validator-1") },
		"the role of another account signs": func(k *view.KeyAccess) { k.Signers[1].Principal = "arn:aws:iam::333344445555:role/staging-validator-1" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := wholeAccess()
			for i, k := range r.Keys {
				if k.ID.Name == "validator-1-signer-fuji" {
					spoil(&r.Keys[i])
				}
			}
			got := string(accessText(t, r, nil))
			line := lineOf(got, " validator-1-signer-fuji ")
			if line == "" || !strings.Contains(got, "validator: 47 of 48 keys") {
				t.Errorf("the key has no line of its own:\n%s", got)
			}
			if foreign := strings.Contains(name, "signs"); strings.HasPrefix(line, "✓") != foreign {
				t.Errorf("it reads %s", line)
			}
		})
	}
}

func TestEveryKeyIsInExactlyOneLine(t *testing.T) {
	t.Parallel()
	for _, r := range []view.AccessReport{wholeAccess(), brokenAccess()} {
		got := string(accessText(t, r, func(o *view.AccessOptions) { o.Verbose, o.Width = true, 400 }))
		table, _, _ := strings.Cut(got, "could become able")
		for _, k := range r.Keys {
			if n := strings.Count(table, " "+k.ID.String()+" "); n != 1 {
				t.Errorf("%s stands in %d lines:\n%s", k.ID, n, table)
			}
		}
	}
}

func TestAKeyOrPrincipalThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]view.AccessOptions{
		"access: no key \"validator-9\" in staging\n  hint: reconcile keys staging lists them":                       {Key: "validator-9"},
		`access: "mallory" can use no key of staging, and could not become able to, as far as was read`:              {Principal: "mallory"},
		`access: "staging-relayer" can use no key of staging, and could not become able to, as far as was read`:      {Principal: "staging-relayer", Key: "bank"},
		`access: "user/staging-relayer" can use no key of staging, and could not become able to, as far as was read`: {Principal: "user/staging-relayer"},
		`format "yaml": not table or json`: {Format: "yaml"},
	} {
		if err := view.Access(io.Discard, wholeAccess(), o); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestOnePrincipalsJSONHasItsKeysAndNoOthers(t *testing.T) {
	t.Parallel()
	got := string(accessText(t, wholeAccess(), func(o *view.AccessOptions) { o.Principal, o.Format = "staging-relayer", "json" }))
	if strings.Count(got, `"alias"`) != 8 || strings.Contains(got, "alice") || strings.Contains(got, "validator") {
		t.Errorf("it has other keys or principals:\n%s", got)
	}
}

func TestAccessAsJSONHasListsEvenWhereThereIsNothing(t *testing.T) {
	t.Parallel()
	got := string(accessText(t, view.AccessReport{Keys: []view.KeyAccess{{ID: keyID("bank"), Signers: []view.Signer{{}}}}}, func(o *view.AccessOptions) { o.Format = "json" }))
	if strings.Contains(got, "null") || !strings.Contains(got, `"through": []`) {
		t.Errorf("it holds null:\n%s", got)
	}
}

func FuzzNoValueBreaksAccess(f *testing.F) {
	for i, value := range hostile() {
		f.Add(value, 60+i)
	}
	f.Fuzz(func(t *testing.T, x string, width int) {
		if width < 60 || width > 200 || len(x) > 500 {
			t.Skip("outside of what is promised")
		}
		r := view.AccessReport{Environment: x, Account: x, Region: x, NotRead: []string{x}, Unread: []resource.Unread{{Scope: x, Operation: x, Cause: x}}}
		for _, name := range []string{x, x + "2", "relayer-signer-fuji"} {
			r.Keys = append(r.Keys, view.KeyAccess{
				ID: resource.ID{Kind: x, Scope: x, Name: name}, Alias: x, ARN: x + "a", Agent: x, Managed: true,
				Signers:   []view.Signer{{Principal: x, Through: []string{x, x}, Certain: true}, {Principal: "arn:aws:iam::" + x + ":role/" + x, Doubt: x}, {Principal: x, Name: x, Certain: true, Admin: true}},
				Missing:   []view.MissingSigner{{Principal: x, Name: x, Reason: x, Hint: x}},
				CanBecome: []view.Becoming{{Principal: x, Path: x}, {Principal: x + "2", Name: x, Path: x, Admin: true}},
			})
		}
		for _, change := range []func(*view.AccessOptions){
			func(*view.AccessOptions) {}, func(o *view.AccessOptions) { o.Key = "relayer-signer-fuji" }, func(o *view.AccessOptions) { o.Principal = x }, func(o *view.AccessOptions) { o.Verbose = true },
		} {
			verbose := false
			got := string(accessText(t, r, func(o *view.AccessOptions) {
				o.Width = width
				change(o)
				verbose = o.Verbose || o.Key != "" || o.Principal != ""
			}))
			checkLines(t, got, width, verbose)
		}
		asked := r
		asked.Unmanaged = []view.Unmanaged{{Kind: x, Name: x, Path: x, ARN: x}, {Kind: "policy", Name: x, Path: "/", ARN: x + "2"}}
		checkLines(t, string(accessText(t, asked, func(o *view.AccessOptions) { o.Width = width })), width, false)
		got := accessText(t, asked, func(o *view.AccessOptions) { o.Format = "json" })
		if !json.Valid(got) || len(unsafe(string(bytes.ReplaceAll(got, []byte("\n"), nil)))) > 0 {
			t.Errorf("the JSON is not safe: %s", got)
		}
	})
}
