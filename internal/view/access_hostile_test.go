package view_test

import (
	"io"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// poisonedAccess adds all that can say who may do what.
func poisonedAccess(x string) *plan.Plan {
	p := poisoned(x)
	p.Changes = p.Changes[1:3]
	for i := range p.Changes {
		p.Changes[i].Fields = []plan.FieldChange{
			{Path: "document", Before: poisonedDocument(x, "Allow"), After: poisonedDocument(x+"2", "Deny")},
			{Path: "trust", Before: poisonedDocument(x, "Allow"), After: with(poisonedDocument(x, "Allow"), "Version", x)},
			{Path: "policy", After: members{"Statement": x}}, {Path: "other", After: members{"Statement": list(x)}},
			{Path: "inline", Before: members{x: poisonedDocument(x, "Allow")}, After: members{x + "2": poisonedDocument(x, "Allow"), x + "3": x}},
			{Path: "policies", Before: list(x, "arn:aws:iam::aws:policy/"+x), After: list(x+"2", "arn:aws:iam::"+x+":policy/p")},
			{Path: "boundary", Before: "arn:aws:iam::" + x + ":policy/" + x, After: x},
			{Path: "publicAccess", Before: members{"blockPublicAcls": true, x: true}},
		}
	}
	return p
}

// poisonedDocument is a policy document that a stranger wrote.
func poisonedDocument(x, effect string) members {
	return members{"Version": "2012-10-17", "Id": x, "Statement": list[any](
		members{
			"Sid": x, "Effect": effect, "Action": list(x, "s3:"+x, x+":*"), "Resource": list(x, "arn:aws:s3:::"+x+"/"+x, "arn:aws:kms:"+x),
			"Principal": members{
				"AWS":     list(x, "arn:aws:iam::"+x+":role/"+x, "arn:aws:iam::222233334444:user/"+x, "arn:aws:sts::1:assumed-role/"+x),
				"Service": list(x), "Federated": list(x, "arn:aws:iam::1:oidc-provider/"+x), x: list(x),
			},
			"Condition": members{x: members{x: list(x)}, "StringLike": members{x: list(x, "b")}, "ForAnyValue:" + x: members{"k": list(x)}, "Null": members{x: list(x)}},
		},
		members{"Effect": "Allow", "NotAction": list(x), "NotResource": list(x), "NotPrincipal": members{x: list(x)}},
	)}
}

func FuzzNoDocumentBreaksAPlan(f *testing.F) {
	for i, value := range hostile() {
		if i%4 == 0 {
			f.Add(value, 60+i)
		}
	}
	f.Fuzz(func(t *testing.T, x string, width int) {
		if width < 60 || width > 200 || len(x) > 200 {
			t.Skip("outside of what is promised")
		}
		checkPlan(t, poisonedAccess(x), poisonedOptions(x), x, width)
	})
}

func TestAStrangersDocumentStaysVisibleAndHarmless(t *testing.T) {
	t.Parallel()
	x := "\x1b[2J```@ops|\u202e-->\n::error::</details>#1"
	id := iam("policy", "staging-relayer-signer")
	p := stagingPlan(plan.Change{ID: id, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromDrift, Before: &plan.State{}, Fields: []plan.FieldChange{{
		Path: "document",
		Before: document(
			with(with(with(allow("kms:"+x), "Sid", x), "Resource", "arn:aws:kms:"+x), "Condition", members{"StringLike": members{"k:" + x: x}}),
			with(with(deny("s3:*"), "Principal", members{"AWS": x}), "Resource", "arn:aws:s3:::"+x)),
	}}})
	seal(t, p)
	o := options()
	verbose := o
	verbose.Verbose = true
	archive := new(txtar.Archive)
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"terminal.txt", func(w io.Writer) error { return view.Plan(w, p, o) }},
		{"verbose.txt", func(w io.Writer) error { return view.Plan(w, p, verbose) }},
		{"comment.md", func(w io.Writer) error { return markdown(w, p, o) }},
	} {
		archive.Files = append(archive.Files, txtar.File{Name: part.name, Data: text(t, part.write)})
	}
	golden(t, "a strangers document stays visible and harmless", archive)
}
