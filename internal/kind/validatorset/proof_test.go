package validatorset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

const there = "fuji/sepolia" // what fuji asks of messages from sepolia

func refusals(t *testing.T, p planned, want ...string) {
	t.Helper()
	have := p.refusals()
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("refused for %q, want %q: %+v", have, want, p.findings)
	}
}

func TestAMemberIsTakenOnlyWhenItIsShownToSign(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	set := s.Declare("sepolia", 2, three...)

	s.Announce("sepolia", "validator-0", "validator-1")
	p := s.plan() // no message has left: who is announced is unproven, and counts
	refusals(t, p, "unproven-member "+there)
	contains(t, p.finding(t, validators.RuleUnproven, "fuji", "sepolia").Reason, "new member validator-2", "is unannounced, need live")

	s.Announce("sepolia", "validator-2")
	refusals(t, s.plan())

	s.Dispatch("sepolia", "fuji", "one")
	p = s.plan()
	refusals(t, p, "unproven-member "+there, "not-enough-live "+there)
	contains(t, p.finding(t, validators.RuleUnproven, "fuji", "sepolia").Reason, "new member validator-1", "; and new member validator-2")
	contains(t, p.finding(t, validators.RuleQuorum, "fuji", "sepolia").Reason, "live 0 of 3, need 2", "validator-0 (behind)", "validator-2 (behind)")

	s.Attest("sepolia", "validator-0")
	p = s.plan()
	refusals(t, p, "unproven-member "+there, "not-enough-live "+there)
	contains(t, p.finding(t, validators.RuleQuorum, "fuji", "sepolia").Reason, "live 1 of 3, need 2")

	s.Attest("sepolia", "validator-1")
	refusals(t, s.plan(), "unproven-member "+there)

	set.Unproven = []config.Exception{{Member: "validator-2", Reason: "its operator starts it on Monday", Expires: noon.Add(time.Hour)}}
	p = s.plan()
	refusals(t, p)
	if f := p.finding(t, validators.RuleUnproven, "fuji", "sepolia"); f.Severity != resource.Note || !strings.Contains(f.Reason, "on Monday") {
		t.Errorf("%+v", f)
	}
	set.Unproven[0].Expires = noon
	refusals(t, s.plan(), "unproven-member "+there)
	set.Unproven = nil

	s.Attest("sepolia", "validator-2")
	location := set.Members[2].Location
	set.Members[2].Location = location + "-other"
	refusals(t, s.plan(), "unproven-member "+there)
	set.Members[2].Location = location
	refusals(t, s.plan())
}

func TestWhoStoppedSincePlanningIsAskedRightBeforeTheRepoint(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	set := s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	s.Dispatch("sepolia", "fuji", "one")
	s.Attest("sepolia", three...)
	p := s.plan()
	refusals(t, p)
	deploy, repoint := p.steps[there][0], p.steps[there][1]
	before := s.route("fuji", "sepolia")

	s.Dispatch("sepolia", "fuji", "two")
	if _, err := s.do(deploy); err != nil {
		t.Errorf("a module that nobody is pointed to asks nobody: %v", err)
	}
	refused := func(step resource.Step, parts ...string) {
		t.Helper()
		_, err := s.do(step)
		var no *kind.NotAcceptedError
		if !errors.As(err, &no) {
			t.Fatalf("not refused: %v", err)
		}
		contains(t, err.Error(), parts...)
		if now := s.route("fuji", "sepolia"); now != before {
			t.Fatalf("repointed to %s", now)
		}
	}
	refused(repoint, "live 0 of 3, need 2", "messages from sepolia would stand still", "validator-1", "1 behind")
	s.Attest("sepolia", "validator-0", "validator-1")
	refused(repoint, "1 new members do not sign", "validator-2")
	set.Unproven = []config.Exception{{Member: "validator-2", Reason: "accepted", Expires: noon}}
	refused(repoint, "1 new members do not sign", "validator-2") // the exception is over
	set.Unproven = nil

	s.Proxies["sepolia"].BreakReads("denied")
	refused(repoint, "sepolia")
	s.Proxies["sepolia"].BreakReads("")

	s.Attest("sepolia", "validator-2")
	if _, err := s.do(repoint); err != nil {
		t.Fatal(err)
	}
	if p := s.plan(); !slices.Equal(p.same, []string{there}) {
		t.Errorf("%+v", p)
	}
	s.Dispatch("sepolia", "fuji", "three")
	p = s.plan()
	if f := p.finding(t, validators.RuleHalted, "fuji", "sepolia"); f.Severity != resource.Acknowledge || !strings.Contains(f.Reason, "live 0 of 3, need 2") {
		t.Errorf("%+v", f)
	}
	s.Attest("sepolia", "validator-0", "validator-1")
	if f := s.plan().finding(t, validators.RuleSpare, "fuji", "sepolia"); f.Severity != resource.Note || !strings.Contains(f.Reason, "validator-2 (behind)") {
		t.Errorf("%+v", f)
	}
}

func TestAStepAboutAnotherSetThanTheDeclaredOneIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	set := s.Declare("sepolia", 2, three...)
	set.Members[2] = config.Member{Name: "partner", Address: validatorstest.Address(validatorstest.AttestationKey("validator-2", "sepolia")).Hex()}
	s.Announce("sepolia", three...)
	p := s.plan()
	refusals(t, p)
	if len(p.steps[there]) != 2 {
		t.Fatalf("%+v", p)
	}
	about := func(change func(subject map[string]any, members []any)) resource.Step {
		step := p.steps[there][1]
		step.Params = step.Params.Clone()
		subject, _ := step.Params["subject"].(map[string]any)
		members, _ := subject["members"].([]any)
		change(subject, members)
		return step
	}
	stranger := validatorstest.Address("a stranger").Hex()
	for name, step := range map[string]resource.Step{
		"a stranger in the place of an address": about(func(_ map[string]any, m []any) { m[2].(map[string]any)["address"] = stranger }),
		"one member twice":                      about(func(_ map[string]any, m []any) { m[1].(map[string]any)["address"] = m[0].(map[string]any)["address"] }),
		"another name":                          about(func(_ map[string]any, m []any) { m[1].(map[string]any)["name"] = "validator-9" }),
		"no address":                            about(func(_ map[string]any, m []any) { m[1].(map[string]any)["address"] = "0x" }),
		"one member less":                       about(func(s map[string]any, m []any) { s["members"] = m[:2] }),
		"a lower threshold":                     about(func(s map[string]any, _ []any) { s["threshold"] = 1 }),
		"no members":                            about(func(s map[string]any, _ []any) { delete(s, "members") }),
		"another origin":                        func() resource.Step { s := p.steps[there][1]; s.ID.Name = "fuji"; return s }(),
		"another destination":                   func() resource.Step { s := p.steps[there][1]; s.ID.Scope = "sepolia"; return s }(),
	} {
		_, err := s.kind.Prepare(t.Context(), kind.Resolved{Step: step, Intent: "i", Environment: s.Env})
		var no *kind.NotAcceptedError
		if !errors.As(err, &no) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.do(p.steps[there][0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.kind.Prepare(t.Context(), kind.Resolved{Step: p.steps[there][1], Intent: "i", Environment: s.Env}); err != nil {
		t.Fatalf("the step as it was planned: %v", err)
	}
	pinned := func(change func()) error {
		change()
		_, err := s.kind.Prepare(t.Context(), kind.Resolved{Step: p.steps[there][1], Intent: "i", Environment: s.Env})
		return err
	}
	key := validatorstest.AttestationKey("validator-1", "sepolia")
	if err := pinned(func() { s.Env.Pins[key] = stranger }); err == nil || !strings.Contains(err.Error(), stranger) {
		t.Errorf("a key that is pinned elsewhere: %v", err)
	}
	if err := pinned(func() { delete(s.Env.Pins, key); s.Env.Addresses = "pinned" }); err == nil || !strings.Contains(err.Error(), "is not pinned") {
		t.Errorf("a key that is not pinned: %v", err)
	}
	s.Env.Addresses = "observed"
	if err := pinned(func() { set.Managed = false }); err == nil || !strings.Contains(err.Error(), "manages no set") {
		t.Errorf("a set that is only watched: %v", err)
	}
}
