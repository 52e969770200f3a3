package view_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

const artifactURL = "https://github.com/acme/environments/actions/runs/123/artifacts/456"

// dayPlan is a normal pull request to staging: power and money move, a wallet was
// emptied by hand, and one change outside git has a plan of its own.
func dayPlan() view.CommentPlan {
	p := mixedPlan()
	drained := fund("sepolia", "relayer-signer", plan.Update, "1500000000000000000", "balance 0.5 ETH below floor 1, top up to 2")
	drained.Cause = plan.FromDrift
	p.Changes = append(p.Changes, drained)
	p.Deferred = []plan.Deferred{{ID: setID("celosepolia"), Reason: "waits for " + keyID("validator-2-attestation-fuji").String() + "#address"}}
	p.Revision.Applied, p.Revision.Unsigned = "90ab12c4d5e6f708192a3b4c5d6e7f8091a2b3c4", 1
	p.Revision.Authors = []string{"carol@ops.example", "forge:carol"}
	p.Requires.Approvals = 2
	p.Spend = nil
	spend(p)
	o := options()
	o.Quorum = view.Quorum{May: []string{"alice", "bob"}, Signed: []string{"dan"}, Wrote: []string{"carol"}}
	o.Next, o.Monthly, o.Artifact = "reconcile approve --pr 17 --key ~/.ssh/id_ed25519", "+$1.00/month", artifactURL
	return view.CommentPlan{Plan: p, Options: o}
}

// refusedProduction is what nobody may apply: it retires a key that is in use, lowers
// its own judges, and one network was not read.
func refusedProduction() view.CommentPlan {
	retire := plan.Change{
		ID: keyID("validator-0-attestation-fuji"), Action: plan.Delete, Risk: resource.Destructive, Person: true, Cause: plan.FromConfig, Why: from("agents.cue", 12),
		Before: &plan.State{Attrs: resource.Attrs{"enabled": true}}, Fields: []plan.FieldChange{{Path: "enabled", Before: true, After: nil}},
		Steps: []resource.Step{{Op: "disable-key"}},
	}
	rules := plan.Change{
		ID: resource.ID{Kind: plan.GovernanceKind, Scope: "production", Name: "production"}, Action: plan.Update, Risk: resource.Destructive, Cause: plan.FromConfig, Why: from("approvers", 3),
		Before: &plan.State{}, After: resource.Attrs{},
		Fields: []plan.FieldChange{{Path: "gates.destructive.approvals", Before: "2", After: "1"}},
	}
	p := spend(withSigners(stagingPlan(retire, rules, thresholdLeg("sepolia"), thresholdLeg("basesepolia"))))
	p.Environment, p.Class = "production", "mainnet"
	p.Requires = plan.Requires{Approvals: 2, Risk: resource.Destructive}
	p.Revision.Authors = []string{"dave@ops.example", "forge:dave"}
	p.Findings = []resource.Finding{
		{Rule: "key-in-use", Severity: resource.Refuse, ID: retire.ID, Reason: "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc stands in the sets of sepolia and basesepolia", Hint: "take the member out of environments/production/validators.cue first, the key later"},
		{Rule: "belt-keys", Severity: resource.Refuse, Reason: "1 key retired, at most 0"},
		{Rule: "policy/quorum.cue:4", Severity: resource.Acknowledge, ID: setID("sepolia"), Reason: "a set of mainnet wants 3 operators, has 2"},
		{Rule: "undeclared", Severity: resource.Note, ID: keyID("kathy-signer-fuji"), Reason: "carries our mark and is not in the configuration; nothing is removed"},
	}
	p.Findings = append(p.Findings, pauses()...)
	p.Unread = []resource.Unread{{Scope: "celosepolia", Operation: "eth_chainId", Cause: "2 of 2 endpoints time out"}}
	o := options()
	o.Stats.NetworksRead = 7
	o.Quorum = view.Quorum{May: []string{"alice", "bob", "carol"}, Wrote: []string{"dave"}, Replan: true}
	o.Artifact = artifactURL
	return view.CommentPlan{Plan: p, Options: o}
}

// pauses are what holds an environment for a while.
func pauses() []resource.Finding {
	return []resource.Finding{
		{Rule: plan.RuleStopped, Severity: resource.Note, Reason: "changes are stopped, top-ups go on: bridge incident 12 (alice@ops, 2026-09-28 11:00 UTC)", Hint: "once it is over: reconcile resume production --why TEXT"},
		{Rule: plan.RuleFrozen, Severity: resource.Note, Reason: "frozen until 2026-10-05 08:00 UTC (quarter end)"},
	}
}

// quietPlan is an environment as declared.
func quietPlan(name string) view.CommentPlan {
	p := stagingPlan()
	p.Environment = name
	return view.CommentPlan{Plan: p, Options: options()}
}

// blindPlan has nothing to do in what was read.
func blindPlan(name string) view.CommentPlan {
	cp := view.CommentPlan{Plan: unreadPlan(), Options: options()}
	cp.Plan.Environment, cp.Stats.NetworksRead = name, 7
	return cp
}

// asidePlan has nothing to do but what has a plan of its own.
func asidePlan() view.CommentPlan {
	cp := quietPlan("staging")
	cp.Plan.Cause, cp.Plan.Elsewhere = plan.FromConfig, 2
	return cp
}

func written(t testing.TB, o view.CommentOptions, plans ...view.CommentPlan) (text string, truncated bool) {
	t.Helper()
	var b bytes.Buffer
	for _, cp := range plans {
		seal(t, cp.Plan)
	}
	truncated, err := view.Comment(&b, plans, o)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), truncated
}

func TestCommentsReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	for name, plans := range map[string][]view.CommentPlan{
		"a comment of a normal day says what it needs first":                {dayPlan()},
		"a comment of a production plan that is refused says why":           {refusedProduction()},
		"a comment of nothing to do is one line":                            {quietPlan("staging")},
		"a comment of two quiet environments is one line":                   {quietPlan("development"), quietPlan("staging")},
		"a comment of an unread network is no quiet one":                    {blindPlan("staging")},
		"a comment of drift alone says where that is":                       {asidePlan()},
		"a comment of four environments tells those with changes by itself": {quietPlan("development"), dayPlan(), blindPlan("canary"), refusedProduction()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, truncated := written(t, view.CommentOptions{}, plans...)
			if truncated {
				t.Error("it was truncated")
			}
			readPage(got, artifactURL).check(t, "the comment")
			files := []txtar.File{{Name: "comment.md", Data: []byte(got)}}
			if len(plans) == 1 {
				o := plans[0].Options
				files = append(files, txtar.File{Name: "terminal.txt", Data: text(t, func(w io.Writer) error { return view.Plan(w, plans[0].Plan, o) })})
			}
			golden(t, name, &txtar.Archive{Files: files})
		})
	}
}

// firstScreen is what stands above the first table.
func firstScreen(t *testing.T, comment string) string {
	t.Helper()
	screen, _, found := strings.Cut(comment, "\n| what |")
	if !found {
		t.Fatalf("there is no table:\n%s", comment)
	}
	return screen
}

func TestTheFirstScreenSaysWhatHowRiskyHowMuchWhatWasNotReadWhoAndWhatNext(t *testing.T) {
	t.Parallel()
	day, _ := written(t, view.CommentOptions{}, dayPlan())
	cp := refusedProduction()
	cp.Next = "reconcile show production.plan.json"
	refused, _ := written(t, view.CommentOptions{}, cp)
	for comment, wants := range map[string][]string{
		day: {
			"create 1, update 1, repoint 6, top up 2, propose 1", "sensitive", "1.92 AVAX + 1.5 ETH out at most", "plan `sha256:", "8 of 8 networks read",
			"needs 2 approvals (sensitive), has 1 (dan): alice or bob may sign; carol wrote it", "next: `reconcile approve --pr 17", "later 1",
		},
		refused: {
			"(mainnet)", "destructive", "refused by 3 findings", "needs 2 approvals (destructive), one of them of somebody who planned again: alice, bob or carol may sign; dave wrote it",
			"**1 of 8 networks not read**", "celosepolia: eth\\_chainId", "**refused** `key-in-use`", "changes are stopped, top-ups go on: bridge incident 12", "frozen until 2026-10-05", "the rules that judge this environment change", "next: `reconcile show",
		},
	} {
		screen := firstScreen(t, comment)
		for _, want := range wants {
			if !strings.Contains(screen, want) {
				t.Errorf("the first screen lacks %q:\n%s", want, screen)
			}
		}
	}
}

func TestWhatRemovesOrMovesPowerNeverFoldsIntoRoutine(t *testing.T) {
	t.Parallel()
	base := createKey("agent", "0", "signer", "fuji", 31)
	for _, risk := range []resource.Risk{resource.Protective, resource.Sensitive, resource.Destructive, "unheard-of"} {
		odd := createKey("agent", "1", "signer", "fuji", 31)
		odd.Risk = risk
		p := stagingPlan(base, odd, createKey("agent", "2", "signer", "fuji", 31))
		got, _ := written(t, view.CommentOptions{}, view.CommentPlan{Plan: p, Options: options()})
		table, _, _ := strings.Cut(got, "<details")
		if !strings.Contains(table, "agent-1-signer") || !strings.Contains(table, "2 × create, routine") {
			t.Errorf("a %s change is in the row of routine ones:\n%s", risk, table)
		}
	}
}

func TestTenThousandChangesKeepToEveryForgesLimitAndSayHowManyAreShown(t *testing.T) {
	t.Parallel()
	p := seal(t, fleetPlan(10_000))
	o := options()
	o.Artifact = artifactURL
	for _, limit := range []int{4_000, 32_768, 60_000, 1_000_000} {
		var b bytes.Buffer
		truncated, err := view.Comment(&b, []view.CommentPlan{{Plan: p, Options: o}}, view.CommentOptions{Limit: limit})
		if err != nil || !truncated || b.Len() > limit {
			t.Fatalf("%d bytes of %d, truncated %v: %v", b.Len(), limit, truncated, err)
		}
		got := b.String()
		markers, ok := view.ParseMarker(got)
		if !ok || !markers[0].Truncated {
			t.Errorf("the marker says %v", markers)
		}
		for _, want := range []string{"of 10000 rows shown", "of 10000 changes shown", p.Digest, p.ChangesDigest, "needs 2 approvals", "<" + artifactURL + ">"} {
			if !strings.Contains(got, want) {
				t.Errorf("a comment of %d bytes lacks %q", len(got), want)
			}
		}
		// What removes comes first, in the table and in the details.
		if shown := strings.Count(got, "delete, **destructive**"); limit >= 32_768 && shown != 20 {
			t.Errorf("%d of 20 destructive rows are shown in %d bytes", shown, limit)
		}
		if strings.Contains(got, ", routine ·") && limit <= 60_000 {
			t.Error("a routine row is shown, and sensitive ones are not")
		}
		readPage(got, artifactURL).check(t, "a big comment")
	}
}

func TestEachEnvironmentKeepsItsTableAndFooterHoweverBigAnotherIs(t *testing.T) {
	t.Parallel()
	big := view.CommentPlan{Plan: fleetPlan(3000), Options: options()}
	got, truncated := written(t, view.CommentOptions{}, big, dayPlan(), refusedProduction())
	if !truncated || len(got) > 60_000 {
		t.Errorf("%d bytes, truncated %v", len(got), truncated)
	}
	markers, ok := view.ParseMarker(got)
	if !ok || len(markers) != 3 || !markers[0].Truncated {
		t.Fatalf("the markers are %v", markers)
	}
	for _, m := range markers {
		if strings.Count(got, "plan `"+m.Plan+"`, good until") != 1 || strings.Count(got, "### "+m.Environment) < 1 {
			t.Errorf("%s lost its title or its footer", m.Environment)
		}
	}
	// Details of what removes come before those of routine changes elsewhere.
	if !strings.Contains(got, "! kms-key/us-west-2/validator-0-attestation-fuji\n") {
		t.Error("the details of a destructive change of the smallest environment are missing")
	}
	readPage(got, artifactURL).check(t, "the comment")
}

func TestAnAddressThatAPersonDecidesOnIsWholeInTheDetailsHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	pins := plan.Change{
		ID: resource.ID{Kind: plan.GovernanceKind, Scope: "staging", Name: "addresses"}, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig,
		Before: &plan.State{}, After: resource.Attrs{},
	}
	for i := range 300 {
		pins.Fields = append(pins.Fields, plan.FieldChange{Path: fmt.Sprintf("relayer-signer-%d", i), After: fmt.Sprintf("arn:aws:kms:us-west-2:222233334444:key/%d 0x%040x", i, i)})
	}
	for limit, wants := range map[int]int{60_000: 300, 20_000: 90} {
		got, truncated := written(t, view.CommentOptions{Limit: limit}, view.CommentPlan{Plan: stagingPlan(pins, leg("sepolia", two(), three())), Options: options()})
		shown := 0
		for i := range 300 {
			if strings.Contains(got, fmt.Sprintf("0x%040x\n", i)) {
				shown++
			}
		}
		if shown < wants || truncated != (shown < 300) {
			t.Errorf("%d of 300 addresses are whole in %d bytes, truncated %v", shown, limit, truncated)
		}
	}
	if got, _ := written(t, view.CommentOptions{Limit: 20_000}, view.CommentPlan{Plan: stagingPlan(pins), Options: options()}); !strings.Contains(got, "details of 0 of 1 changes shown") {
		t.Error("a change counts as told before its last line")
	}
	recipient := fund("fuji", "relayer-signer", plan.Create, "2"+ether, "")
	recipient.Risk, recipient.Fields[1].After = resource.Sensitive, "0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a"
	got, _ := written(t, view.CommentOptions{}, view.CommentPlan{Plan: stagingPlan(recipient), Options: options()})
	if !strings.Contains(got, "to: 0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a") {
		t.Errorf("the recipient is not whole:\n%s", got)
	}
}

func TestThreeBigEnvironmentsShareTheRoom(t *testing.T) {
	t.Parallel()
	big := view.CommentPlan{Plan: fleetPlan(1000), Options: options()}
	got, truncated := written(t, view.CommentOptions{}, big, big, big)
	if !truncated || len(got) > 60_000 || strings.Count(got, "rows shown") != 3 {
		t.Errorf("%d bytes, truncated %v, %d tables", len(got), truncated, strings.Count(got, "rows shown"))
	}
}

func TestACommentThatCannotHoldWhatIsNeverDroppedIsAnError(t *testing.T) {
	t.Parallel()
	p := seal(t, mixedPlan())
	for limit, want := range map[int]string{500: "the limit is 500", 1: "the limit is 1"} {
		_, err := view.Comment(io.Discard, []view.CommentPlan{{Plan: p, Options: options()}}, view.CommentOptions{Limit: limit})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	for _, n := range []int{0, 51} {
		if _, err := view.Comment(io.Discard, make([]view.CommentPlan, n), view.CommentOptions{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has %d environments", n)) {
			t.Errorf("%d environments: %v", n, err)
		}
	}
}

func TestOnlyAPlainAddressBecomesALink(t *testing.T) {
	t.Parallel()
	for artifact, want := range map[string]string{
		artifactURL:                          "<" + artifactURL + ">",
		"https://x.example/a?b=c":            "`https://x.example/a?b=c`",
		"https://x.example/)[y](javascript:": "`https://x.example/)[y](javascript:`",
		"http://x.example/a":                 "`http://x.example/a`",
		"https://":                           "`https://`",
		"https://user@x.example/":            "`https://user@x.example/`",
		"javascript:alert(1)":                "`javascript:alert(1)`",
		"s3://bucket/staging.plan.json":      "`s3://bucket/staging.plan.json`",
	} {
		cp := dayPlan()
		cp.Artifact = artifact
		got, _ := written(t, view.CommentOptions{}, cp)
		if !strings.Contains(got, "- whole plan: "+want+"\n") {
			t.Errorf("%q is not told as %s", artifact, want)
		}
	}
}

func TestABannerStandsAboveThePlanInEverySink(t *testing.T) {
	t.Parallel()
	p := mixedPlan()
	p.Findings = append(p.Findings, pauses()...)
	p = seal(t, p)
	p.Partial, p.Only, p.Revision.Dirty = true, []string{"funding/fuji/x"}, true
	p.Overlay = &plan.Overlay{Name: "fork.json"}
	o := options()
	o.Now, o.Stale, o.Foreign = noon.Add(30*time.Hour), "main moved on", "reconcile.plan/0"
	o.Banner = []string{"the digest of another version was not checked"}
	for sink, got := range map[string]string{
		"terminal": planText(t, p, o),
		"comment":  string(text(t, func(w io.Writer) error { return markdown(w, p, o) })),
	} {
		above, _, _ := strings.Cut(got, "validator-2-attestation-fuji")
		for _, want := range []string{"stale: main moved on", "expired 6 h ago", "not committed", "partial: only funding", "overlay fork.json", "reconcile.plan/0", "was not checked", "changes are stopped, top-ups go on: bridge incident 12 (alice", "frozen until 2026-10-05 08:00 UTC (quarter end)"} {
			if !strings.Contains(strings.ReplaceAll(above, "`", ""), want) {
				t.Errorf("%s: no %q above the plan:\n%s", sink, want, above)
			}
		}
	}
}
