package contract_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// answers are what a hostile contract gives, and what is said of it.
func answers() map[string]struct{ read, says string } {
	return map[string]struct{ read, says string }{
		"flood":    {"flood()(uint256[])", "bytes, at most"},
		"floods":   {"flood()(string)", "bytes, at most"},
		"dirty":    {"dirty()(address)", "another shape"},
		"switched": {"dirty()(bool)", "another shape"},
		"small":    {"dirty()(uint8)", "another shape"},
		"short":    {"short()(uint256)", "another shape"},
		"far":      {"far()(string)", "another shape"},
		"text":     {"text()(string)", "no text"},
		"dead":     {"dead()(uint256)", "reverts"},
		"red":      {"red()(uint256)", `reverts`},
	}
}

func TestWhatAHostileContractAnswersIsNoValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := config.Contract{Name: "hostile", Address: w.deploy("owner-0", "Hostile").Hex(), Managed: true, Owner: &config.Party{Key: "owner-0"}}
	for name, a := range answers() {
		c.Parameters = append(c.Parameters, config.Parameter{Name: name, Read: a.read, Want: config.Want{Literal: "1"}})
		c.Invariants = append(c.Invariants, config.Invariant{Name: name, Read: a.read, Must: "!= 1", Reason: "it is never one"})
	}
	c.Invariants = append(c.Invariants, config.Invariant{Name: "fine", Read: "fine()(uint256)", Must: "7"})
	c.Scans = []config.Scan{{Name: "none", Event: "Set(address,bool)", Want: [][]config.Want{}}}
	env := environment(c)
	found := w.findings(env)
	for name, a := range answers() {
		for _, rule := range []string{"parameter-", "invariant-"} {
			contains(t, reasonOf(t, found, rule+name), "cannot be read", a.says)
		}
	}
	contains(t, reasonOf(t, found, "owner"), "cannot be read")
	if have, want := len(found), 2*len(answers())+1; have != want {
		t.Errorf("%d findings, want %d: %v", have, want, rules(found))
	}
	for _, f := range found {
		if f.Severity != resource.Refuse || strings.ContainsRune(f.Reason, 0x1b) || len(f.Reason) > 1000 {
			t.Errorf("%+v", f)
		}
	}
	if seen := w.observe(env); len(seen.Owned) != 1 || len(seen.Owned[0].Attrs["unreadable"].(map[string]any)) != len(found) {
		t.Errorf("seen %v", seen.Owned)
	}
}

func TestNothingIsWrittenOverWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := environment(config.Contract{Name: "hostile", Address: w.deploy("owner-0", "Hostile").Hex(), Managed: true, Parameters: []config.Parameter{limit("7")}})
	_, later := w.plan(env)
	contains(t, later["hostile"], "parameter limit", "what it is now cannot be read")
}

func TestTwentyContractsAreReadInAFewRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	var all []config.Contract
	for i := range 20 {
		c := config.Contract{Name: string(rune('a' + i)), Address: knob.Hex(), Managed: true}
		for n := range 9 {
			p := route(string(rune('1'+n)), knob.Hex())
			c.Parameters = append(c.Parameters, p)
		}
		c.Invariants = []config.Invariant{must("manager", "updater()(address)", "code", "")}
		all = append(all, c)
	}
	env := environment(all...)
	before := w.network.Requests()
	if seen := w.observe(env); len(seen.Owned) != 20 {
		t.Fatalf("%d contracts", len(seen.Owned))
	}
	// 240 questions (code, owner, 9 parameters and an invariant each), 20 that follow.
	const head, first, second, account = 1, 3, 1, 1
	if have := w.network.Requests() - before; have > head+first+second+account {
		t.Errorf("%d requests", have)
	}
}
