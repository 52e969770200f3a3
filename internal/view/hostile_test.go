package view_test

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// poisoned is a plan in which every text that can come from outside is x.
func poisoned(x string) *plan.Plan {
	id := resource.ID{Kind: x, Scope: x, Name: x}
	ref := resource.Ref{ID: id, Output: x}
	change := func(action plan.Action, risk resource.Risk, cause plan.Cause, name string, person bool) plan.Change {
		own := resource.ID{Kind: x, Scope: x, Name: x + name}
		return plan.Change{
			ID: own, Group: x, Action: action, Risk: risk, Cause: cause, Person: person,
			After: resource.Attrs{x: ref}, Why: []resource.Source{{File: x, Line: 3}},
			Fields: []plan.FieldChange{
				{Path: x, Before: x, After: nil},
				{Path: "list", Before: []any{x, "b"}, After: []any{"b", x + "2", ref}},
				{Path: "map", Before: map[string]any{x: x, "same": x}, After: map[string]any{x: "other", "same": x, "new": map[string]any{x: json.Number("7")}}},
				{Path: "enabled", Before: false, After: true},
				{Path: "long", Before: strings.Repeat(x, 40) + "a", After: strings.Repeat(x, 40) + "b"},
			},
			Steps: []resource.Step{{
				Op: x, ID: own, Params: resource.Attrs{x: x, "list": []any{x}}, Annotations: resource.Attrs{"say": []any{x, x + " " + x}},
				Needs: []resource.Ref{ref}, Pre: []resource.Precondition{{ID: id, Path: x, Op: resource.PreOp(x), Value: x}},
				Spend: &resource.Spend{Network: x, From: x, Wei: x, Fee: x},
			}},
		}
	}
	return &plan.Plan{
		Format: plan.Format, Tool: x, Environment: x, Class: "mainnet", Digest: x, ChangesDigest: x,
		Revision: plan.Revision{Commit: x, Dirty: true, Authors: []string{x, x}},
		Overlay:  &plan.Overlay{Name: x, Open: true}, Partial: true, Only: []string{x},
		Identity: plan.Identity{Account: x, Region: x, Chains: map[string]uint64{x: 1}},
		Created:  noon, Expires: noon.Add(time.Hour),
		Changes: []plan.Change{
			change(plan.Create, resource.Routine, plan.FromConfig, "0", false), change(plan.Create, resource.Routine, plan.FromConfig, "1", false),
			change(plan.Update, resource.Sensitive, plan.FromBoth, "2", false), change(plan.Delete, resource.Destructive, plan.FromConfig, "3", false),
			change(plan.Update, resource.Risk(x), plan.FromDrift, "4", true),
		},
		Deferred: []plan.Deferred{{ID: id, Reason: x}, {ID: resource.ID{Kind: x, Scope: x, Name: x + "9"}, Reason: x}},
		Pending:  []plan.Pending{{ID: id, Reason: x}},
		Unread:   []resource.Unread{{Scope: x, Operation: x, Cause: x}, {Scope: x + "2", Operation: x, Cause: x}},
		Findings: []resource.Finding{
			{Rule: x, Severity: resource.Refuse, ID: id, Reason: x, Hint: x}, {Rule: x, Severity: resource.Acknowledge, Reason: x},
			{Rule: x, Severity: resource.Note, ID: id, Reason: x + " " + x},
		},
		Spend:    []plan.Spend{{Network: x, Wei: x, Fee: "12"}},
		Requires: plan.Requires{Approvals: 2, Risk: resource.Risk(x), Forbidden: true},
	}
}

func poisonedOptions(x string) view.Options {
	o := options()
	o.Stale, o.Monthly, o.Next, o.Artifact, o.Quorum = x, x, x, x, view.Quorum{May: []string{x}, Signed: []string{x, x}, Wrote: []string{x}, Replan: true}
	o.Traits[x] = resource.Traits{Verbs: map[string]string{"create": x}, Symbol: "$"}
	o.Coins[x] = view.Coin{Symbol: x, Decimals: 18}
	return o
}

func TestHostileValuesStayVisibleAndHarmless(t *testing.T) {
	t.Parallel()
	x := "\x1b[2J`@ops`|\u202e-->\n::error::</details>#1"
	p, o := poisoned(x), poisonedOptions(x)
	inCI := o
	inCI.CI = true
	outcome := view.Outcome{ID: p.Changes[0].ID, Op: x, Result: "failed", Detail: x, Err: x}
	row := view.KeyRow{Key: "=" + x, Alias: x, ARN: x, Address: x, Region: x, State: x, Networks: []string{x}}
	parts := []struct {
		name  string
		write func(io.Writer) error
	}{
		{"terminal.txt", func(w io.Writer) error { return view.Plan(w, p, o) }},
		{"build-log.txt", func(w io.Writer) error { return view.Plan(w, p, inCI) }},
		{"comment.md", func(w io.Writer) error { return markdown(w, p, o) }},
		{"outcomes.txt", func(w io.Writer) error {
			return view.Outcomes(w, []view.Outcome{outcome}, view.OutcomeOptions{Options: o, Verified: x})
		}},
		{"live.txt", func(w io.Writer) error { return view.Live(w, outcome, inCI) }},
		{"keys.txt", func(w io.Writer) error { return view.Keys(w, []view.KeyRow{row}, view.KeysOptions{Options: o}) }},
		{"keys.csv", func(w io.Writer) error {
			return view.Keys(w, []view.KeyRow{row}, view.KeysOptions{Options: o, Format: "csv"})
		}},
		{"keys.json", func(w io.Writer) error {
			return view.Keys(w, []view.KeyRow{row}, view.KeysOptions{Options: o, Format: "json"})
		}},
	}
	archive := new(txtar.Archive)
	for _, part := range parts {
		archive.Files = append(archive.Files, txtar.File{Name: part.name, Data: text(t, part.write)})
	}
	golden(t, "hostile values stay visible and harmless", archive)
}

func TestANameOfManyPartsIsPrintedWithoutTryingThemAll(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("a-", 20_000) + "fuji"
	changes := []plan.Change{createKey(name, "0", "signer", "fuji", 1), createKey(name, "1", "signer", "fuji", 1)}
	if got := planText(t, stagingPlan(changes...), options()); strings.Count(got, "create") < 2 {
		t.Errorf("the changes are missing:\n%s", got)
	}
}

var ansi = regexp.MustCompile("\x1b\\[[0-9]+m")

func FuzzNoValueBreaksAPlan(f *testing.F) {
	for i, value := range hostile() {
		f.Add(value, 60+i)
	}
	f.Fuzz(func(t *testing.T, x string, width int) {
		if width < 60 || width > 200 || len(x) > 500 {
			t.Skip("outside of what is promised")
		}
		checkPlan(t, poisoned(x), poisonedOptions(x), x, width)
	})
}

// checkPlan prints a poisoned plan in every way and looks for what must never be.
func checkPlan(t *testing.T, p *plan.Plan, o view.Options, x string, width int) {
	t.Helper()
	command := regexp.MustCompile(`(?m)^\s*::|##[^ #\n]`)
	o.Width = width
	for _, verbose := range []bool{false, true} {
		o.Verbose = verbose
		plainText := string(text(t, func(w io.Writer) error { return view.Plan(w, p, o) }))
		checkLines(t, plainText, width, verbose)
		checkLines(t, string(text(t, func(w io.Writer) error { return view.Verify(w, p, o) })), width, verbose)
		colored := o
		colored.Color = true
		got := string(text(t, func(w io.Writer) error { return view.Plan(w, p, colored) }))
		if diff := cmp.Diff(plainText, ansi.ReplaceAllString(got, "")); diff != "" {
			t.Errorf("colour changes the text of %q (-plain +coloured):\n%s", x, diff)
		}
		inCI := o
		inCI.CI = true
		if got := text(t, func(w io.Writer) error { return view.Plan(w, p, inCI) }); command.Match(got) {
			t.Errorf("%q gives a build log the command %q", x, command.Find(got))
		}
	}
	checkComment(t, string(text(t, func(w io.Writer) error { return markdown(w, p, o) })), x)
}

func checkLines(t *testing.T, got string, width int, verbose bool) {
	t.Helper()
	for line := range strings.Lines(got) {
		line = strings.TrimSuffix(line, "\n")
		if found := unsafe(line); len(found) > 0 {
			t.Errorf("%q lets %q through", line, found)
		}
		// Hints are there to be copied, verbose values to be read whole.
		if n := cells(line); n > width && !verbose && !strings.Contains(line, "hint:") {
			t.Errorf("a line has %d columns of %d: %q", n, width, line)
		}
	}
}

// cells counts as a terminal does, roughly: enough for what is tested.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n++
		if (r >= 0x1100 && r <= 0x115f) || (r >= 0x2e80 && r <= 0xa4cf) || (r >= 0xac00 && r <= 0xd7a3) || (r >= 0xff00 && r <= 0xff60) {
			n++
		}
		if r >= 0x300 && r <= 0x36f {
			n--
		}
	}
	return n
}

// checkComment reads a comment as a forge would; only artifact may be a link.
func checkComment(t *testing.T, got, artifact string) {
	t.Helper()
	if len(got) >= 65_536 {
		t.Errorf("the comment has %d bytes, a forge takes 65,536", len(got))
	}
	first, rest, _ := strings.Cut(got, "\n")
	if !strings.HasPrefix(first, "<!-- reconcile:v1 {") || !strings.HasSuffix(first, "} -->") || strings.Count(first, "--") != 2 {
		t.Errorf("the marker is %q", first)
	}
	var mark map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(first, "<!-- reconcile:v1 "), " -->")), &mark); err != nil {
		t.Errorf("the marker %q: %v", first, err)
	}
	for line := range strings.Lines(rest) {
		if found := unsafe(strings.TrimSuffix(line, "\n")); len(found) > 0 {
			t.Errorf("%q lets %q through", line, found)
		}
	}
	readPage(got, artifact).check(t, "the comment")
}

func TestACommentKeepsToItsBudgetWhateverIsInIt(t *testing.T) {
	t.Parallel()
	big := fleetPlan(2000)
	for i := range 400 {
		big.Findings = append(big.Findings, resource.Finding{Rule: strings.Repeat("|", 300), Severity: resource.Refuse, ID: big.Changes[i].ID, Reason: strings.Repeat("`@|", 2000)})
		big.Unread = append(big.Unread, resource.Unread{Scope: strings.Repeat("&", i), Operation: strings.Repeat("#1 ", 500), Cause: strings.Repeat("<", 9000)})
	}
	seal(t, big)
	for _, budget := range []int{8_000, 20_000, 60_000} {
		got := text(t, func(w io.Writer) error {
			_, err := view.Comment(w, []view.CommentPlan{{Plan: big, Options: options()}}, view.CommentOptions{Limit: budget})
			return err
		})
		if len(got) > budget {
			t.Errorf("the comment has %d bytes, its budget is %d", len(got), budget)
		}
		if !bytes.Contains(got, []byte("of 2000 changes shown")) || !bytes.Contains(got, []byte(`"truncated":true`)) {
			t.Errorf("a comment of %d bytes does not say that it was cut", len(got))
		}
		if !bytes.Contains(got, []byte(big.Digest)) || !bytes.Contains(got, []byte("needs 2 approvals")) {
			t.Errorf("a comment of %d bytes lost its footer", len(got))
		}
		checkComment(t, string(got), "")
	}
}
