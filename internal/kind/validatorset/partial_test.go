package validatorset_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

func TestWhatIsNotReadWaitsAndTheOthersProceed(t *testing.T) {
	t.Parallel()
	networks := []string{"amoy", "fuji", "sepolia"}
	s := start(t, validatorstest.Options{Networks: networks})
	for _, origin := range networks {
		s.Declare(origin, 2, three...)
		s.Announce(origin, three...)
	}
	s.Proxies["amoy"].BreakReads("denied")
	p := s.plan()
	slices.Sort(p.unread)
	if want := []string{"amoy/fuji", "amoy/sepolia", "fuji/amoy", "sepolia/amoy"}; !slices.Equal(p.unread, want) {
		t.Errorf("unread %v, want %v", p.unread, want)
	}
	if len(p.steps) != 2 || p.steps["fuji/sepolia"] == nil || p.steps["sepolia/fuji"] == nil {
		t.Errorf("steps of %v", p.steps)
	}
	for _, u := range p.seen.Unread {
		if u.Operation == "" || u.Cause == "" || !strings.HasPrefix(u.Scope, "validator-set/") {
			t.Errorf("%+v", u)
		}
	}
	for _, f := range p.findings {
		if f.Severity == resource.Refuse && f.ID.Scope != "amoy" && f.ID.Name != "amoy" {
			t.Errorf("%+v", f)
		}
	}
	s.Proxies["amoy"].BreakReads("")
	s.converge(s.plan())
}

func TestWhoseStandingWasNotReadIsInNoStep(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	desired, err := s.kind.Declare(s.Env)
	if err != nil {
		t.Fatal(err)
	}
	seen := s.kind.Observe(t.Context(), s.Env, s.Lookup)
	want := desired[0]
	want.Attrs, _ = want.Attrs.Resolve(s.Lookup)
	if _, err := s.kind.Steps(&seen.Owned[0], &want, seen.Facts); err != nil {
		t.Fatal(err)
	}
	id := validators.ValidatorID("sepolia", "validator-1")
	less := slices.DeleteFunc(slices.Clone(seen.Facts), func(f resource.Fact) bool { return f.ID == id })
	if steps, err := s.kind.Steps(&seen.Owned[0], &want, less); err == nil || !strings.Contains(err.Error(), "whether validator-1") {
		t.Errorf("%v, %v", steps, err)
	}
	other := append(slices.Clone(less), resource.Fact{ID: id, Name: "address", Value: validatorstest.Address("somebody else").Hex()}, resource.Fact{ID: id, Name: "standing", Value: "live"})
	if steps, err := s.kind.Steps(&seen.Owned[0], &want, other); err == nil || !strings.Contains(err.Error(), "whether validator-1") {
		t.Errorf("somebody else signs: %v, %v", steps, err)
	}
	if steps, err := s.kind.Steps(&seen.Owned[0], &desired[0], seen.Facts); err == nil || !strings.Contains(err.Error(), "waits for secret-key/us-west-2/validator-0-attestation-sepolia#address") {
		t.Errorf("%v, %v", steps, err)
	}
	if _, err := s.kind.Steps(&seen.Owned[0], nil, seen.Facts); err == nil {
		t.Error("a route was removed")
	}
}

func TestAMessageThatIsNotYetOldEnoughToBeSignedMakesNobodyLate(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.Dispatch("sepolia", "fuji", "one")
	s.Attest("sepolia", three...)
	s.Env.Networks[1].Confirmations = 12
	s.Chains["sepolia"].Mine(12)
	s.Dispatch("sepolia", "fuji", "two")
	refusals(t, s.plan())
	s.Chains["sepolia"].Mine(12)
	if have := s.plan().refusals(); len(have) != 2 {
		t.Errorf("nobody signed a message that is old enough: refused for %v", have)
	}
}

func TestAWatchedSetIsToldAboutAndNeverWritten(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	set := s.Declare("sepolia", 2, three...)
	set.Managed = false
	p := s.plan()
	if len(p.steps) > 0 || len(p.refusals()) > 0 {
		t.Errorf("%v, %v", p.steps, p.refusals())
	}
	if facts := resource.FactsOf(p.seen.Facts, config.SetID("fuji", "sepolia")); len(facts) > 0 {
		t.Errorf("what a change would take was read: %v", facts)
	}
	if len(p.seen.Owned) != 1 || p.seen.Owned[0].Mode != resource.Observed {
		t.Errorf("%+v", p.seen.Owned)
	}
}

func TestWherePinsAreAskedForNoOtherAddressIsPutIntoASet(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.Env.Addresses = "pinned"
	for _, name := range three[:2] {
		key := validatorstest.AttestationKey(name, "sepolia")
		s.Env.Pins[key] = validatorstest.Address(key).Hex()
	}
	p := s.plan()
	refusals(t, p, "unpinned-member "+there)
	contains(t, p.finding(t, validators.RuleUnpinned, "fuji", "sepolia").Reason, "validator-2-attestation-sepolia is not pinned")
	contains(t, p.deferred[there], "validator-2-attestation-sepolia is not pinned")

	last := validatorstest.AttestationKey("validator-2", "sepolia")
	s.Env.Pins[last] = validatorstest.Address("somebody else").Hex()
	p = s.plan()
	refusals(t, p, "unpinned-member "+there)
	contains(t, p.deferred[there], "has the address "+validatorstest.Address(last).Hex(), "pins "+s.Env.Pins[last])

	s.Env.Pins[last] = validatorstest.Address(last).Hex()
	s.Env.Addresses = "observed"
	refusals(t, s.plan())
	s.Env.Addresses = "pinned"
	s.converge(s.plan())
}

func TestANetworkWithoutContractsIsNotedAndSkipped(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Declare("fuji", 2, three...)
	s.Announce("sepolia", three...)
	s.Announce("fuji", three...)
	delete(s.Env.Deployment.Networks["fuji"], config.RoleMerkleTreeHook)
	p := s.plan()
	if len(p.steps) != 1 || p.steps[there] == nil {
		t.Errorf("%v", p.steps)
	}
	f := p.finding(t, "not-deployed", "fuji", "contracts")
	if f.Severity != resource.Note {
		t.Errorf("%+v", f)
	}
	contains(t, f.Reason, config.RoleMerkleTreeHook)
	s.Env.Deployment = nil
	p = s.plan()
	if len(p.steps)+len(p.unread) > 0 || len(p.findings) != 2 {
		t.Errorf("%+v", p)
	}
}
