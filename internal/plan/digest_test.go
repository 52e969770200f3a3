package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// exemplar is one plan with something in every part.
func exemplar(t *testing.T) *plan.Plan {
	t.Helper()
	wallet := resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer"}
	key := resource.ID{Kind: "key", Scope: "us-west-2", Name: "relayer"}
	p := &plan.Plan{
		Format: plan.Format, Tool: "reconcile 1.2.3", Environment: "staging", Class: "testnet",
		Revision: plan.Revision{Commit: "c0ffee", Config: "sha256:cc", Governance: "sha256:99", Applied: "bead", Authors: []string{"a@example.org"}},
		Identity: plan.Identity{Account: "111122223333", Region: "us-west-2", Chains: map[string]uint64{"fuji": 43113}},
		Observed: "sha256:0b", Created: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Expires: time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC),
		Changes: []plan.Change{
			{
				ID: key, Action: plan.Update, Risk: resource.Routine, Cause: plan.FromDrift,
				Before: &plan.State{Attrs: resource.Attrs{"tags": "old"}}, After: resource.Attrs{"tags": "new"},
				Fields: []plan.FieldChange{{Path: "tags", Before: "old", After: "new"}},
				Steps:  []resource.Step{{Op: "tag", ID: key, Params: resource.Attrs{"role": "relayer"}}},
				Why:    []resource.Source{{File: "agents.cue", Line: 12}},
			}, {
				ID: wallet, Group: "funding/fuji", Action: plan.Update, Risk: resource.Routine, Cause: plan.FromDrift,
				Before: &plan.State{Attrs: resource.Attrs{"balance": map[string]any{"wei": "9"}}},
				After:  resource.Attrs{"balance": map[string]any{"floor": "10", "target": "30"}},
				Fields: []plan.FieldChange{{Path: "balance", Before: map[string]any{"wei": "9"}, After: map[string]any{"floor": "10", "target": "30"}}},
				Steps: []resource.Step{{
					Op: "top-up", ID: wallet, Params: resource.Attrs{"to": resource.Ref{ID: key, Output: "address"}, "target": "30"},
					Annotations: resource.Attrs{"amount": "21"}, Lane: "fuji/bank",
					Spend: &resource.Spend{Network: "fuji", From: "key/us-west-2/bank", Wei: "30", Fee: "5"},
				}},
				Why: []resource.Source{{File: "funding.cue", Line: 7}},
			},
		},
		Resolved: map[string]string{key.String() + "#address": "0x1111111111111111111111111111111111111111"},
		Facts:    []resource.Fact{{ID: wallet, Name: "nonce", Value: "4"}},
		Unread:   []resource.Unread{{Scope: "sepolia", Operation: "eth_chainId", Cause: "timeout"}},
		Findings: []resource.Finding{{Rule: "burn", Severity: resource.Acknowledge, ID: wallet, Reason: "lost 7 wei since yesterday"}},
		Spend:    []plan.Spend{{Network: "fuji", Wei: "30", Fee: "5"}},
		Requires: plan.Requires{Risk: resource.Routine},
	}
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	return p
}

// movement is one thing that may differ between two plans.
type movement struct {
	name string
	move func(p *plan.Plan)
}

func movesByItself() []movement {
	return []movement{
		{"the tool", func(p *plan.Plan) { p.Tool = "reconcile 1.2.4" }},
		{"the commit", func(p *plan.Plan) { p.Revision.Commit = "merged" }},
		{"the authors", func(p *plan.Plan) { p.Revision.Authors = append(p.Revision.Authors, "b@example.org") }},
		{"when it was made and ends", func(p *plan.Plan) { p.Created, p.Expires = p.Created.Add(time.Hour), p.Expires.Add(time.Hour) }},
		{"the line that declares it", func(p *plan.Plan) { p.Changes[0].Why[0].Line = 99 }},
		{"the file that declares it", func(p *plan.Plan) { p.Changes[0].Why[0].File = "moved.cue" }},
		{"the balance that was read", func(p *plan.Plan) {
			p.Changes[1].Before.Attrs["balance"] = map[string]any{"wei": "8"}
			p.Changes[1].Fields[0].Before = map[string]any{"wei": "8"}
		}},
		{"the amount computed from it", func(p *plan.Plan) { p.Changes[1].Steps[0].Annotations["amount"] = "22" }},
		{"the fee", func(p *plan.Plan) { p.Spend[0].Fee = "6"; p.Changes[1].Steps[0].Spend.Fee = "6" }},
		{"all that was observed", func(p *plan.Plan) { p.Observed = "sha256:0c" }},
		{"a fact", func(p *plan.Plan) { p.Facts[0].Value = "5" }},
		{"a finding's words", func(p *plan.Plan) { p.Findings[0].Reason = "lost 8 wei since yesterday"; p.Findings[0].Hint = "look" }},
		{"why something is unread", func(p *plan.Plan) { p.Unread[0].Cause = "refused"; p.Unread[0].Operation = "eth_call" }},
		{"how many are unchanged", func(p *plan.Plan) { p.Summary.Unchanged = 7 }},
	}
}

func matters() []movement {
	finding := resource.Finding{Rule: "belt-plan", Severity: resource.Refuse}
	return []movement{
		{"the environment", func(p *plan.Plan) { p.Environment = "production" }},
		{"the account", func(p *plan.Plan) { p.Identity.Account = "444455556666" }},
		{"the region", func(p *plan.Plan) { p.Identity.Region = "eu-central-1" }},
		{"a chain id", func(p *plan.Plan) { p.Identity.Chains["fuji"] = 43114 }},
		{"an overlay", func(p *plan.Plan) { p.Overlay = &plan.Overlay{Name: "o.json", Digest: "sha256:1"} }},
		{"a partial plan", func(p *plan.Plan) { p.Partial = true }},
		{"the governance in force", func(p *plan.Plan) { p.Revision.Governance = "sha256:98" }},
		{"the resource", func(p *plan.Plan) { p.Changes[0].ID.Name = "other" }},
		{"the action", func(p *plan.Plan) { p.Changes[0].Action = plan.Replace }},
		{"the risk", func(p *plan.Plan) { p.Changes[0].Risk = resource.Sensitive }},
		{"a field before", func(p *plan.Plan) { p.Changes[0].Fields[0].Before = "older" }},
		{"a field after", func(p *plan.Plan) { p.Changes[0].Fields[0].After = "newer" }},
		{"a field's path", func(p *plan.Plan) { p.Changes[0].Fields[0].Path = "alias" }},
		{"the target of a wallet", func(p *plan.Plan) {
			p.Changes[1].Fields[0].After = map[string]any{"floor": "10", "target": "31"}
		}},
		{"a step's operation", func(p *plan.Plan) { p.Changes[0].Steps[0].Op = "untag" }},
		{"a step's resource", func(p *plan.Plan) { p.Changes[0].Steps[0].ID.Name = "other" }},
		{"a step's parameter", func(p *plan.Plan) { p.Changes[0].Steps[0].Params["role"] = "root" }},
		{"whom a payment goes to", func(p *plan.Plan) { p.Changes[1].Steps[0].Params["to"] = "0x22" }},
		{"one step more", func(p *plan.Plan) {
			p.Changes[0].Steps = append(p.Changes[0].Steps, resource.Step{Op: "tag", ID: p.Changes[0].ID})
		}},
		{"one change less", func(p *plan.Plan) { p.Changes = p.Changes[:1] }},
		{"the order of the changes", func(p *plan.Plan) { p.Changes[0], p.Changes[1] = p.Changes[1], p.Changes[0] }},
		{"the money at most", func(p *plan.Plan) { p.Spend[0].Wei = "31" }},
		{"another finding", func(p *plan.Plan) { p.Findings = append(p.Findings, finding) }},
		{"a finding's severity", func(p *plan.Plan) { p.Findings[0].Severity = resource.Note }},
		{"a finding's rule", func(p *plan.Plan) { p.Findings[0].Rule = "dust" }},
		{"a finding's resource", func(p *plan.Plan) { p.Findings[0].ID = resource.ID{} }},
		{"another scope unread", func(p *plan.Plan) { p.Unread = append(p.Unread, resource.Unread{Scope: "gnosis"}) }},
		{"everything read", func(p *plan.Plan) { p.Unread = nil }},
	}
}

func TestTheChangesDigestStaysWhenOnlyWhatMovesByItselfMoves(t *testing.T) {
	t.Parallel()
	base := exemplar(t)
	for _, m := range movesByItself() {
		t.Run(m.name, func(t *testing.T) {
			p := exemplar(t)
			m.move(p)
			if err := p.Seal(testMoving()); err != nil {
				t.Fatal(err)
			}
			if p.ChangesDigest != base.ChangesDigest {
				t.Error("the changes digest is another: an approval would be lost")
			}
			if p.Digest == base.Digest {
				t.Error("the digest is the same: it covers the whole plan")
			}
		})
	}
}

func TestTheChangesDigestDiffersOnAnythingThatMatters(t *testing.T) {
	t.Parallel()
	seen := map[string]string{exemplar(t).ChangesDigest: "the plan itself"}
	for _, m := range matters() {
		t.Run(m.name, func(t *testing.T) {
			p := exemplar(t)
			m.move(p)
			if err := p.Seal(testMoving()); err != nil {
				t.Fatal(err)
			}
			if other, twice := seen[p.ChangesDigest]; twice {
				t.Errorf("the changes digest equals that of %s", other)
			}
			seen[p.ChangesDigest] = m.name
		})
	}
}

func TestABalanceCountsWhereItDoesNotMoveByItself(t *testing.T) {
	t.Parallel()
	one, two := exemplar(t), exemplar(t)
	two.Changes[1].Fields[0].Before = map[string]any{"wei": "8"}
	for _, p := range []*plan.Plan{one, two} {
		if err := p.Seal(nil); err != nil {
			t.Fatal(err)
		}
	}
	if one.ChangesDigest == two.ChangesDigest {
		t.Error("a field that is not named as moving moved, and the changes digest stayed")
	}
}

func TestSealingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	first := encoded(t, p)
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	if string(encoded(t, p)) != string(first) {
		t.Error("a sealed plan sealed again has other bytes")
	}
}

func TestTextThatIsNotUTF8CanBeReadBack(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	p.Unread[0].Cause = "node said \xff\xfe"
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	again, err := plan.Decode(encoded(t, p))
	if err != nil {
		t.Fatalf("the tool cannot read its own plan: %v", err)
	}
	if !strings.HasPrefix(again.Unread[0].Cause, "node said ") {
		t.Errorf("cause %q", again.Unread[0].Cause)
	}
}

func TestAStepIsKnownByWhatItDoesAndNotByItsAnnotations(t *testing.T) {
	t.Parallel()
	step := func(move func(*resource.Step)) string {
		s := exemplar(t).Changes[1].Steps[0]
		move(&s)
		digest, err := plan.StepDigest(s)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	base := step(func(*resource.Step) {})
	if base != step(func(s *resource.Step) { s.Annotations = resource.Attrs{"amount": "1"} }) {
		t.Error("an annotation is in the step's digest")
	}
	for name, other := range map[string]string{
		"operation": step(func(s *resource.Step) { s.Op = "sweep" }),
		"resource":  step(func(s *resource.Step) { s.ID.Name = "other" }),
		"parameter": step(func(s *resource.Step) { s.Params = resource.Attrs{"target": "31"} }),
		"ceiling":   step(func(s *resource.Step) { s.Spend = &resource.Spend{Network: "fuji", Wei: "31"} }),
		"pre":       step(func(s *resource.Step) { s.Pre = []resource.Precondition{{Op: resource.Absent}} }),
	} {
		if other == base {
			t.Errorf("another %s, the same digest", name)
		}
	}
}

func TestTheObservedDigestIgnoresOrderAndSeesEverything(t *testing.T) {
	t.Parallel()
	facts := []resource.Fact{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}
	unread := []resource.Unread{{Scope: "fuji"}, {Scope: "sepolia"}}
	id := resource.ID{Kind: "key", Scope: "r1", Name: "n"}
	owned := resource.Set{id: {ID: id, Attrs: resource.Attrs{"a": "1"}, Outputs: resource.Outputs{"arn": "x"}}}
	digest := func(owned, foreign resource.Set, facts []resource.Fact, unread []resource.Unread) string {
		d, err := plan.ObservedDigest(owned, foreign, facts, unread)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	base := digest(owned, nil, facts, unread)
	if base != digest(owned, resource.Set{}, []resource.Fact{facts[1], facts[0]}, []resource.Unread{unread[1], unread[0]}) {
		t.Error("the order of facts or unread scopes shows")
	}
	if facts[0].Name != "a" || unread[0].Scope != "fuji" {
		t.Error("the caller's lists were sorted under its hands")
	}
	others := []string{
		digest(nil, owned, facts, unread), digest(owned, owned, facts, unread), digest(owned, nil, facts[:1], unread), digest(owned, nil, facts, unread[:1]),
		digest(resource.Set{id: {ID: id, Attrs: resource.Attrs{"a": "2"}, Outputs: resource.Outputs{"arn": "x"}}}, nil, facts, unread),
		digest(resource.Set{id: {ID: id, Attrs: resource.Attrs{"a": "1"}, Outputs: resource.Outputs{"arn": "y"}}}, nil, facts, unread),
	}
	for i, other := range others {
		if other == base {
			t.Errorf("world %d is another and has the same digest", i)
		}
	}
}
