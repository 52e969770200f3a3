package view_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// Whoever signs a plan compares addresses digit by digit: no width cuts them.
func TestPinsArePrintedWhole(t *testing.T) {
	t.Parallel()
	const (
		arnA, a = "arn:aws:kms:us-west-2:222233334444:key/3d954634-6dd4-475e-a8ff-0e56918b36dd", "0x0Fc2a070406b366c108581d0EC6d68a98a18737b"
		arnB, b = "arn:aws:kms:us-west-2:222233334444:key/e5631631-2e02-4048-8d48-74f70da97429", "0x77E39007B8a21B259C093e29E0572E5872430b27"
		legacy  = "0x75BB33e3e08458a89f7918BB45673927b981211c"
	)
	c := plan.Change{
		ID: resource.ID{Kind: plan.GovernanceKind, Scope: "staging", Name: "addresses"}, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig,
		Before: &plan.State{}, After: resource.Attrs{},
		Fields: []plan.FieldChange{
			{Path: "a-new-one", After: arnA + " " + a},
			{Path: "validator-0-attestation-arbitrumsepolia", Before: arnA + " " + a, After: arnB + " " + b},
			{Path: "z-gone", Before: legacy},
		},
	}
	p := stagingPlan(c)
	for _, width := range []int{60, 80, 100, 160} {
		o := options()
		o.Width = width
		got := planText(t, p, o)
		for _, want := range []string{"- " + a, "+ " + b, "+ " + a, "- " + legacy} {
			if !strings.Contains(got, want) {
				t.Errorf("width %d: no %s in\n%s", width, want, got)
			}
		}
		if width >= 100 && (strings.Count(got, arnA) != 2 || strings.Count(got, arnB) != 1) {
			t.Errorf("width %d: an ARN is cut in\n%s", width, got)
		}
		if order := []int{strings.Index(got, "validator-0"), strings.Index(got, "z-gone"), strings.Index(got, "a-new-one")}; order[0] > order[2] || order[1] > order[2] {
			t.Errorf("width %d: what is new stands before what changed:\n%s", width, got)
		}
	}
	var comment bytes.Buffer
	if err := markdown(&comment, p, options()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{a, b, legacy, arnA, arnB} {
		if !strings.Contains(comment.String(), want) {
			t.Errorf("no %s in\n%s", want, comment.String())
		}
	}
}

// TestADigestOfRulesSaysWhereTheirWordsAreRead: nobody agrees to a digest, and nobody
// pastes a command that a forged file made.
func TestADigestOfRulesSaysWhereTheirWordsAreRead(t *testing.T) {
	t.Parallel()
	before, after := strings.Repeat("a", 40), strings.Repeat("b", 40)
	for name, c := range map[string]struct {
		change func(*plan.Plan)
		want   string
	}{
		"two commits":    {func(*plan.Plan) {}, "git diff aaaaaaa bbbbbbb -- environments/staging environments/people.cue policy"},
		"a working tree": {func(p *plan.Plan) { p.Revision.Dirty = true }, "git diff aaaaaaa -- environments/staging"},
		"no anchor":      {func(p *plan.Plan) { p.Revision.Applied = "" }, ""},
		"forged name":    {func(p *plan.Plan) { p.Environment = "staging; id" }, ""},
		"forged commit":  {func(p *plan.Plan) { p.Revision.Commit = "$(id)" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &plan.Plan{Environment: "staging", Revision: plan.Revision{Applied: before, Commit: after}}
			p.Changes = []plan.Change{{
				ID: resource.ID{Kind: plan.GovernanceKind, Scope: "staging", Name: "staging"}, Action: plan.Update, Risk: resource.Destructive,
				Fields: []plan.FieldChange{{Path: "governance", Before: "sha256:1", After: "sha256:2"}},
			}}
			c.change(p)
			var out strings.Builder
			if err := view.Plan(&out, p, view.Options{Width: 130}); err != nil {
				t.Fatal(err)
			}
			if c.want == "" && strings.Contains(out.String(), "git diff") || !strings.Contains(out.String(), c.want) {
				t.Errorf("want %q in:\n%s", c.want, out.String())
			}
			if !strings.Contains(out.String(), "read what changes in them") || strings.Contains(out.String(), "sha256:1") {
				t.Errorf("a digest, and not what it stands for:\n%s", out.String())
			}
		})
	}
}

func TestASentenceIsBrokenAtItsBlanksAndNoWordIsCut(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0", 64)
	for width, want := range map[int]string{
		0:  "kept in origin, under " + digest + ", until\\u001b noon\n",
		20: "kept in origin,\n  under\n  " + digest + ",\n  until\\u001b noon\n",
	} {
		var out strings.Builder
		if err := view.Prose(&out, "kept in origin, under "+digest+", until\x1b noon", view.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%d wide: %q, want %q", width, out.String(), want)
		}
	}
}
