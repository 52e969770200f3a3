package validators_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

func address(i int) common.Address { return common.BytesToAddress([]byte{0xaa, byte(i)}) }

// caseOf is a set of so many members, each of a party of its own and live.
func caseOf(threshold, members int) validators.Case {
	c := validators.Case{
		ID: resource.ID{Kind: "validator-set", Scope: "fuji", Name: "sepolia"}, Floor: ism.DefaultFloor(),
		Set: ism.Set{Type: ism.MessageID, Threshold: threshold}, By: map[common.Address]validators.Signer{},
	}
	for i := range members {
		c.Set.Members = append(c.Set.Members, address(i))
		c.By[address(i)] = validators.Signer{Name: fmt.Sprint("validator-", i), Operator: fmt.Sprint("operator-", i), State: attestation.Live}
	}
	return c
}

func (s told) has(t *testing.T, name string, want ...string) {
	t.Helper()
	have := strings.Join(s, "\n")
	if len(s) != len(want) {
		t.Errorf("%s: told\n%s\nwant %q", name, have, want)
	}
	for _, w := range want {
		if !strings.Contains(have, w) {
			t.Errorf("%s: told\n%s\nwant %q", name, have, w)
		}
	}
}

type told []string

func judged(c validators.Case, have *ism.Path) told {
	var list told
	for _, f := range c.Judge(have) {
		list = append(list, fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, f.Reason))
	}
	return list
}

func held(c validators.Case, by string, members ...int) validators.Case {
	for _, i := range members {
		s := c.By[address(i)]
		s.Operator = by
		c.By[address(i)] = s
	}
	return c
}

func TestASetIsJudgedAsItIsDeclared(t *testing.T) {
	t.Parallel()
	judged(caseOf(2, 3), nil).has(t, "two of three")
	judged(caseOf(1, 1), nil).has(t, "one of one", "refuse below-floor: 1 members, the environment's floor is 3", "refuse one-party-forges: operator operator-0 holds 1 members")
	judged(caseOf(2, 4), nil).has(t, "two of four", "refuse below-floor: threshold 2 of 4 members, the environment's floor is 3")
	judged(caseOf(4, 3), nil).has(t, "four of three", "refuse malformed-set: threshold 4 of 3")
	judged(caseOf(0, 3), nil).has(t, "none of three", "refuse malformed-set: threshold 0")

	judged(held(caseOf(3, 4), "acme", 0, 1), nil).has(t, "can halt", "acknowledge one-party-halts: operator acme holds 2 members")
	judged(held(caseOf(3, 4), "acme", 0, 1, 2), nil).has(t, "can forge", "refuse one-party-forges: operator acme holds 3 members")
	reasoned := held(caseOf(3, 4), "acme", 0, 1, 2)
	reasoned.Reason = "a rehearsal"
	judged(reasoned, nil).has(t, "meant on a testnet", "note one-party-forges: operator acme holds 3 members and 3 sign any message: it alone can forge; the set's reason: a rehearsal")
	reasoned.Mainnet = true
	judged(reasoned, nil).has(t, "meant on mainnet", "acknowledge one-party-forges")
	reasoned.Watched = true
	judged(reasoned, nil).has(t, "somebody else's")
}

func TestLeavingASetIsJudgedByWhoSigns(t *testing.T) {
	t.Parallel()
	old := &ism.Path{Set: &ism.Set{Type: ism.MessageID, Threshold: 1, Members: []common.Address{address(0)}}}
	with := func(change func(s *validators.Signer), members ...int) validators.Case {
		c := caseOf(2, 3)
		for _, i := range members {
			s := c.By[address(i)]
			change(&s)
			c.By[address(i)] = s
		}
		return c
	}
	state := func(s attestation.State) func(*validators.Signer) {
		return func(m *validators.Signer) { m.State = s }
	}
	judged(with(state(attestation.Live)), old).has(t, "all live")
	judged(with(state(attestation.Unproven), 0, 1, 2), old).has(t, "nothing was there to sign")
	judged(with(state(attestation.Behind), 0), old).has(t, "who stays may be silent while enough are left")
	judged(with(state(attestation.Behind), 2), old).has(t, "who is new must sign", "refuse unproven-member: new member validator-2")
	judged(with(state(""), 2), old).has(t, "who was not read does not sign", "new member validator-2 "+address(2).Hex()+" is unread, need live")
	judged(with(state(attestation.Unreachable), 0, 1), old).has(t, "too few",
		"new member validator-1", "refuse not-enough-live: live 1 of 3, need 2: messages from sepolia would stand still; silent: validator-0 (unreachable), validator-1 (unreachable)")
	accepted := with(func(s *validators.Signer) { s.State, s.Accepted = attestation.Behind, "it starts on Monday" }, 2)
	judged(accepted, old).has(t, "accepted", "note unproven-member: validator-2 "+address(2).Hex()+" is behind and is taken all the same: it starts on Monday")
	many := with(func(s *validators.Signer) { s.State, s.Accepted = attestation.Behind, "later" }, 1, 2)
	judged(many, old).has(t, "no exception stands for the threshold", "note unproven-member", "note unproven-member", "refuse not-enough-live: live 1 of 3, need 2")

	shared := caseOf(2, 3)
	shared.Shared = "amoy"
	judged(shared, old).has(t, "shared", "acknowledge shared-module: the call changes what is asked of messages from amoy too")
	shared.Against = "amoy"
	judged(shared, old).has(t, "shared against another's", "refuse shared-module")
	broken := *old
	broken.Problems = []ism.Problem{{Rule: ism.RuleUnknown, Reason: "?"}}
	judged(with(state(attestation.Behind), 1, 2), &broken).has(t, "what is not understood is not left")
}

func TestASetInForceIsJudgedByWhoIsLeft(t *testing.T) {
	t.Parallel()
	for silent, want := range map[int][]string{
		0: nil, 1: {"note no-spare-signer: live 2 of 3, need 2"}, 2: {"acknowledge halted: live 1 of 3, need 2: no message is delivered; silent: validator-0 (behind), validator-1 (behind)"},
	} {
		c := caseOf(2, 3)
		for i := range silent {
			s := c.By[address(i)]
			s.State = attestation.Behind
			c.By[address(i)] = s
		}
		inForce := c.Set
		judged(c, &ism.Path{Set: &inForce}).has(t, fmt.Sprint(silent, " silent"), want...)
	}
	c := caseOf(2, 3)
	for i := range 3 {
		c.By[address(i)] = validators.Signer{Name: "x"}
	}
	judged(c, &ism.Path{Set: &c.Set}).has(t, "not read, not halted")
}

func TestWhatWasAcceptedWithASetInForceIsNotToldOnEveryPlan(t *testing.T) {
	t.Parallel()
	one := held(caseOf(2, 3), "core", 0, 1, 2)
	same, other := one.Set, ism.Set{Type: ism.MessageID, Threshold: 1, Members: []common.Address{address(7)}}
	judged(one, &ism.Path{Set: &same}).has(t, "in force without a reason", "acknowledge one-party-forges: operator core holds 3 members")
	judged(one, &ism.Path{Set: &other}).has(t, "on the way without a reason", "refuse one-party-forges: operator core holds 3 members")
	one.Reason = "a rehearsal"
	judged(one, &ism.Path{Set: &same}).has(t, "in force with a reason")
	judged(one, &ism.Path{Set: &other}).has(t, "on the way with a reason", "note one-party-forges: operator core holds 3 members")
}
