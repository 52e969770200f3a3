package view_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func find(p *plan.Plan, destination string) *plan.Change {
	for i, c := range p.Changes {
		if c.ID.Scope == destination && c.ID.Kind == "validator-set" {
			return &p.Changes[i]
		}
	}
	return nil
}

func TestADestinationThatIsNotAsTheOthersStandsAlone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Change){
		"another threshold before": func(c *plan.Change) { c.Fields[0].Before = c.Fields[0].After },
		"another member before":    func(c *plan.Change) { c.Fields[1].Before = []any{memberOne, memberFour} },
		"a type that changes": func(c *plan.Change) {
			c.Fields = append(c.Fields, plan.FieldChange{Path: "type", Before: "merkle-root", After: "message-id"})
		},
		"another risk":            func(c *plan.Change) { c.Risk = resource.Destructive },
		"routine among sensitive": func(c *plan.Change) { c.Risk = resource.Routine },
		"a person must decide":    func(c *plan.Change) { c.Person = true },
		"changed outside git":     func(c *plan.Change) { c.Cause = plan.FromDrift },
		"another origin":          func(c *plan.Change) { c.ID.Name, c.Group = "sepolia", "validator-set/sepolia" },
		"no route so far":         func(c *plan.Change) { c.Before.Attrs["type"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := thresholdPlan()
			spoil(find(p, "basesepolia"))
			got := planText(t, p, wide())
			if !strings.Contains(got, "→ basesepolia ") || !strings.Contains(got, "fuji → 6 destinations") {
				t.Errorf("the exception is not alone:\n%s", got)
			}
		})
	}
}

func TestEveryWayOfMakingTheCallsHasItsLine(t *testing.T) {
	t.Parallel()
	p := thresholdPlan()
	p.Changes[0].Steps[1].Params["sender"] = "other-owner"
	executed := bySafe(*find(p, "sepolia"))
	executed.Action = plan.Update
	last := &executed.Steps[len(executed.Steps)-1]
	last.Op, last.Params["signers"] = "execute", []any{"alice-owner=" + memberOne, "bob-owner=" + memberTwo}
	*find(p, "sepolia") = executed
	got := planText(t, p, wide())
	for _, want := range []string{
		"    arbitrumsepolia  2 transactions by key owner and key other-owner, held here\n",
		"    4 networks       basesepolia, bsctestnet, celosepolia, polygonamoy: 2 transactions each by key owner, held here\n",
		"    optimismsepolia  1 transaction by key owner, held here, then proposed to Safe governance " + governance + " (2 of 3 must sign)\n",
		"    sepolia          1 transaction by key owner, held here, then executed as Safe governance " + governance + " with its owner keys\n                     alice-owner and bob-owner, held here\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in:\n%s", want, got)
		}
	}
}

func TestModulesAndSafesOfOtherAddressesAreCounted(t *testing.T) {
	t.Parallel()
	p := thresholdPlan()
	for i := range p.Changes {
		p.Changes[i] = bySafe(leg(p.Changes[i].ID.Scope, two(), three()))
		last := p.Changes[i].Steps[1]
		last.Params["safe"] = fmt.Sprintf("%s%02d", governance[:40], i)
		last.Params["subject"].(map[string]any)["ism"] = fmt.Sprintf("%s%02d", newISM[:40], i)
	}
	got := planText(t, p, wide())
	for _, want := range []string{newISM[:40] + "00 and 6 more on 7 networks (full list: --verbose)", "proposed to Safe governance, at another address on each, 2 of 3 must sign\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestSignersAreCountedAsTheGateCountsThem(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"live":        "live signers     3 of 3, need 2\n",
		"unproven":    "live signers     3 of 3, need 2, 1 of them unproven (nothing was there to sign yet)\n",
		"unreachable": "live signers     2 of 3, need 2; dsrv is unreachable\n",
		"":            "live signers     2 of 3, need 2; dsrv is not known\n",
	} {
		if got := planText(t, standing(thresholdPlan(), "dsrv", state), wide()); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in:\n%s", state, want, got)
		}
	}
}

func TestTheDefaultViewHoldsNoCalldataAndNoTrees(t *testing.T) {
	t.Parallel()
	for _, s := range chainStories() {
		if strings.HasPrefix(s.name, "what a timelock") {
			continue // there the calls are what is told
		}
		o := options()
		s.options(&o)
		got := planText(t, seal(t, s.plan), o)
		for _, raw := range []string{"000000000000000000000000000000000000000000000000000000000000a869", "nobody wants to see", "of no interest", `{"`, "batch", "singleton"} {
			if strings.Contains(got, raw) {
				t.Errorf("%s: %q stands in:\n%s", s.name, raw, got)
			}
		}
	}
}

func TestCalldataIsWholeAndInOnePieceWhereItIsTold(t *testing.T) {
	t.Parallel()
	data := deployCall()["data"].(string)
	for _, width := range []int{40, 80, 120} {
		o := options()
		o.Width, o.Verbose = width, true
		if got := planText(t, thresholdPlan(), o); strings.Count(got, data+"\n") != 7 {
			t.Errorf("width %d: the calldata is broken", width)
		}
		o.Verbose = false
		if got := planText(t, timelockPlan(), o); !strings.Contains(got, "\n"+data+"\n") {
			t.Errorf("width %d: the printed calldata is broken:\n%s", width, got)
		}
	}
}

func TestTheTransactionOfASafeIsListedOnce(t *testing.T) {
	t.Parallel()
	o := options()
	o.Verbose = true
	p := seal(t, ownersPlan())
	call := setCall(routingISM)["data"].(string)
	for name, got := range map[string]string{
		"text":     planText(t, p, o),
		"markdown": string(text(t, func(w io.Writer) error { return markdown(w, p, o) })),
	} {
		if strings.Count(got, call) != 1 || strings.Count(got, "3 calls in one transaction") != 1 {
			t.Errorf("%s: the batch is not told once:\n%s", name, got)
		}
	}
}

func TestReasonsThatOnlyLookLikeOursStaySentences(t *testing.T) {
	t.Parallel()
	deferred, pending := deferredReason(), proposedReason(proposalOne)
	for name, change := range map[string]func(p *plan.Plan){
		"a hash with a tail":   func(p *plan.Plan) { p.Pending[0].Reason = strings.Replace(pending, ", nonce", "; rm, nonce", 1) },
		"a hash that is short": func(p *plan.Plan) { p.Pending[0].Reason = strings.Replace(pending, proposalOne, proposalOne[:40], 1) },
		"a hash that is none": func(p *plan.Plan) {
			p.Pending[0].Reason = strings.Replace(pending, proposalOne, "$(rm)"+proposalOne[5:], 1)
		},
		"a nonce that is none":   func(p *plan.Plan) { p.Pending[0].Reason = strings.Replace(pending, "nonce 12", "nonce x", 1) },
		"no address of a Safe":   func(p *plan.Plan) { p.Pending[0].Reason = strings.Replace(pending, governance, "0x12", 1) },
		"odd calldata":           func(p *plan.Plan) { p.Deferred[0].Reason = deferred + "0" },
		"a stranger's call":      func(p *plan.Plan) { p.Deferred[0].Reason = strings.Replace(deferred, "anybody", "somebody", 1) },
		"no address to call":     func(p *plan.Plan) { p.Deferred[0].Reason = strings.Replace(deferred, factory, "0x12", 1) },
		"a made thing elsewhere": func(p *plan.Plan) { p.Deferred[0].Reason = strings.Replace(deferred, newISM+")", "there)", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := stagingPlan()
			p.Pending = []plan.Pending{{ID: setID("sepolia"), Reason: "proposed"}}
			p.Deferred = []plan.Deferred{{ID: setID("sepolia"), Reason: "later"}}
			change(p)
			got := planText(t, p, wide())
			if strings.Contains(got, "safe verify") || strings.Contains(got, "calls to make on sepolia:\n") {
				t.Errorf("it was taken for ours:\n%s", got)
			}
		})
	}
}

// poison puts x wherever a plan of contracts holds a text from outside.
func poison(p *plan.Plan, x string) *plan.Plan {
	for i := range p.Facts {
		if f := &p.Facts[i]; f.Name != "address" {
			f.Value = x
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if terms, ok := c.After["terms"].(map[string]any); ok && terms["names"] != nil {
			terms["names"] = []any{map[string]any{"name": x, "operator": x + x}, map[string]any{"name": x}}
		}
		for _, s := range c.Steps {
			for _, name := range []string{"sender", "from", "gas", "safeName", "safe", "multiSend", "delegate", "creates"} {
				if _, ok := s.Params[name]; ok {
					s.Params[name] = x
				}
			}
			s.Params["calls"] = append(s.Params["calls"].([]any), map[string]any{"to": x, "value": x, "data": x})
		}
	}
	for i := range p.Pending {
		p.Pending[i].Reason = strings.Replace(p.Pending[i].Reason, "governance", strings.ReplaceAll(x, " ", ""), 1)
	}
	for i := range p.Deferred {
		p.Deferred[i].Reason = strings.Replace(p.Deferred[i].Reason, "a timelock", x, 1)
	}
	return p
}

func FuzzNoContractBreaksAPlan(f *testing.F) {
	for i, value := range hostile() {
		f.Add(value, 60+i)
	}
	f.Fuzz(func(t *testing.T, x string, width int) {
		if width < 60 || width > 200 || len(x) > 200 {
			t.Skip("outside of what is promised")
		}
		o := options()
		o.Explain = func(network, to, data string) string { return x }
		for _, p := range []*plan.Plan{thresholdPlan(), ownersPlan(), parameterPlan(), pendingSetPlan()} {
			checkPlan(t, poison(p, x), o, x, width)
		}
		checkComment(t, string(text(t, func(w io.Writer) error { return markdown(w, poison(timelockPlan(), x), o) })), "")
	})
}
