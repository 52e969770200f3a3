package contract_test

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/contract"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// plan asks for the steps of what differs, as diff does: by name of the contract.
func (w *world) plan(env *config.Environment) (map[string][]resource.Step, map[string]string) {
	w.t.Helper()
	seen := w.observe(env)
	return w.steps(env, seen.Owned, seen.Facts)
}

func (w *world) steps(env *config.Environment, owned []resource.Resource, facts []resource.Fact) (map[string][]resource.Step, map[string]string) {
	w.t.Helper()
	desired, err := w.kind.Declare(env)
	if err != nil {
		w.t.Fatal(err)
	}
	all, later := map[string][]resource.Step{}, map[string]string{}
	for i := range desired {
		want := desired[i]
		want.Attrs, _ = want.Attrs.Resolve(lookup)
		if w.kind.Traits.Satisfies("parameters", want.Attrs, owned[i].Attrs) {
			continue
		}
		steps, err := w.kind.Steps(&owned[i], &want, facts)
		var deferred *resource.DeferredError
		if errors.As(err, &deferred) {
			later[want.ID.Name] = deferred.Reason
		} else if err != nil {
			w.t.Fatal(err)
		}
		if len(steps) > 0 {
			all[want.ID.Name] = steps
		}
	}
	return all, later
}

// run does steps as apply does.
func (w *world) run(env *config.Environment, steps []resource.Step) error {
	w.t.Helper()
	for _, s := range steps {
		r := kind.Resolved{Step: s, Intent: "intent", Environment: env}
		prepared, err := w.kind.Prepare(w.t.Context(), r)
		if err != nil {
			return err
		}
		if _, err := w.kind.Do(w.t.Context(), r, prepared); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) read(at common.Address, method string, args ...any) string {
	w.t.Helper()
	values, err := contractstest.Read(w.t.Context(), w.chain.Client(), at, method, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return evm.Format(values[0])
}

func TestParametersAreWrittenOneByOneByTheOwnersKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Parameters: []config.Parameter{
		limit("7"), route("5", knob.Hex()), updater(config.Want{Key: "updater-signer"}),
	}})
	plans, _ := w.plan(env)
	steps := plans["knob"]
	if len(steps) != 3 {
		t.Fatalf("%d steps: %+v", len(steps), steps)
	}
	for i, name := range []string{"limit", "route-5", "updater"} {
		s := steps[i]
		if s.Op != "write" || s.Lane == "" || s.Spend == nil || s.Spend.Wei != "0" || len(s.Pre) != 2 || s.Pre[1].Path != "parameters."+name || s.Pre[0].Op != resource.CodeHash {
			t.Errorf("step %d: %+v", i, s)
		}
	}
	if err := w.run(env, steps); err != nil {
		t.Fatal(err)
	}
	if have := []string{w.read(knob, "limit()(uint256)"), w.read(knob, "routes(uint32)(address)", uint32(5)), w.read(knob, "updater()(address)")}; !reflect.DeepEqual(have, []string{"7", knob.Hex(), addressOf("updater-signer").Hex()}) {
		t.Errorf("the contract holds %v", have)
	}
	if again, later := w.plan(env); len(again)+len(later) > 0 {
		t.Errorf("a second plan: %v %v", again, later)
	}
}

func TestAWriteBehindAProxyClaimsTheCodeInForce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	// The proxy's own storage names no owner: slot 0 is empty until it is written.
	env := environment(config.Contract{Name: "proxy", Address: w.deployWith("owner-0", "Proxy", knob).Hex(), Managed: true, Through: config.ThroughEIP1967, Parameters: []config.Parameter{limit("7")}})
	seen := w.observe(env)
	for i, f := range seen.Facts {
		if f.Name == call.FactOwner {
			seen.Facts[i].Value = "key owner-0 " + addressOf("owner-0").Hex()
		}
	}
	plans, later := w.steps(env, seen.Owned, seen.Facts)
	if len(plans["proxy"]) != 1 {
		t.Fatalf("steps %v, later %v", plans, later)
	}
	pre := plans["proxy"][0].Pre
	if len(pre) != 3 || pre[1].Path != "implementationHash" || pre[1].Value != w.hash(knob) || pre[2].Value != "0" {
		t.Errorf("claims %+v", pre)
	}
}

func TestACallThatWouldRevertIsNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Parameters: []config.Parameter{limit("1000")}})
	plans, _ := w.plan(env)
	err := w.run(env, plans["knob"])
	var refused *kind.NotAcceptedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "too high") {
		t.Errorf("%v", err)
	}
}

func TestAStepThatTheEnvironmentDoesNotDeclareIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	declared := func() *config.Environment {
		return environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Parameters: []config.Parameter{limit("7"), updater(config.Want{Key: "updater-signer"})}})
	}
	plans, _ := w.plan(declared())
	for name, change := range map[string]func(*config.Environment){
		"another value":     func(e *config.Environment) { e.Contracts[0].Parameters[0].Want.Literal = "8" },
		"another address":   func(e *config.Environment) { e.Contracts[0].Address = addressOf("x").Hex() },
		"no governance":     func(e *config.Environment) { e.Governance.Calls = nil },
		"only watched":      func(e *config.Environment) { e.Contracts[0].Managed = false },
		"no contract":       func(e *config.Environment) { e.Contracts = nil },
		"no write any more": func(e *config.Environment) { e.Contracts[0].Parameters[0].Write = "" },
	} {
		env := declared()
		change(env)
		r := kind.Resolved{Step: plans["knob"][0], Intent: "intent", Environment: env}
		var refused *kind.NotAcceptedError
		if _, err := w.kind.Prepare(t.Context(), r); !errors.As(err, &refused) {
			t.Errorf("%s: prepare: %v", name, err)
		}
		if _, err := w.kind.Do(t.Context(), r, kind.Prepared(`{}`)); !errors.As(err, &refused) {
			t.Errorf("%s: do: %v", name, err)
		}
	}
	paid := plans["knob"][0]
	paid.Params = paid.Params.Clone()
	paid.Params["calls"].([]any)[0].(map[string]any)["value"] = "1"
	if _, err := w.kind.Prepare(t.Context(), kind.Resolved{Step: paid, Environment: declared()}); err == nil || !strings.Contains(err.Error(), "writes no declared parameter") {
		t.Errorf("a call that pays: %v", err)
	}
	pinned := declared()
	pinned.Addresses = "pinned"
	if _, err := w.kind.Prepare(t.Context(), kind.Resolved{Step: plans["knob"][1], Environment: pinned}); err == nil {
		t.Error("the address of a key without a pin was written")
	}
	pinned.Pins["updater-signer"] = addressOf("other").Hex()
	if _, err := w.kind.Prepare(t.Context(), kind.Resolved{Step: plans["knob"][1], Environment: pinned}); err == nil {
		t.Error("another address than the pinned one was written")
	}
	if nonce, err := w.chain.Client().PendingNonceAt(t.Context(), addressOf("owner-0")); err != nil || nonce != 1 {
		t.Errorf("%d transactions, %v, want the deployment alone", nonce, err)
	}
}

// scripted is a contract as read, without a chain.
func scripted(owner string, parameters map[string]resource.Value) ([]resource.Resource, []resource.Fact) {
	id := resource.ID{Kind: contract.Name, Scope: fuji, Name: "knob"}
	attrs, err := resource.Encode(contract.Spec{Address: addressOf("knob").Hex(), CodeHash: "0x01", Parameters: parameters})
	if err != nil {
		panic(err)
	}
	facts := append(call.Fees(id, big.NewInt(1e9), nil), resource.Fact{ID: id, Name: call.FactOwner, Value: owner},
		resource.Fact{ID: call.SafeID("fuji", "gov"), Name: call.FactThreshold, Value: "2"})
	return []resource.Resource{{ID: id, Attrs: attrs}}, facts
}

func TestWhoMakesTheCallsFollowsFromTheOwner(t *testing.T) {
	t.Parallel()
	w := &world{t: t, kind: bare(t)}
	a := addressOf("x").Hex()
	before := map[string]resource.Value{"limit": resource.Literal("1"), "owner": resource.Literal(a)}
	hand := config.Parameter{Name: "owner", Read: "owner()(address)", Want: config.Want{Literal: addressOf("y").Hex()}, Write: "transferOwnership(address)", WriteArgs: []config.Want{{Wanted: true}}}
	code := config.Parameter{Name: "owner", Read: "beacon()(address)", Want: config.Want{Literal: addressOf("y").Hex()}, Write: "upgrade(address,address)", WriteArgs: []config.Want{{Literal: a}, {Wanted: true}}}
	for name, c := range map[string]struct {
		owner      string
		parameters []config.Parameter
		ops        string
		later      string
	}{
		"a key":                      {"key owner-0 " + a, []config.Parameter{limit("7")}, "write", ""},
		"a key that hands over":      {"key owner-0 " + a, []config.Parameter{limit("7"), hand}, "write surrender", ""},
		"a key that upgrades":        {"key owner-0 " + a, []config.Parameter{code}, "upgrade", ""},
		"a Safe":                     {"safe gov " + a, []config.Parameter{limit("7")}, "propose", ""},
		"a Safe with two":            {"safe gov " + a, []config.Parameter{limit("7"), hand}, "propose/destructive", ""},
		"a Safe that upgrades":       {"safe gov " + a, []config.Parameter{code}, "propose/destructive/person", ""},
		"a timelock":                 {"timelock - " + a, []config.Parameter{limit("7")}, "", "nothing is sent; calls to make on fuji: the owner: to "},
		"nobody read it":             {"", []config.Parameter{limit("7")}, "", "its owner was not read"},
		"a key that is not made yet": {"key owner-0 " + a, []config.Parameter{updater(config.Want{Key: "unborn"})}, "", "waits for secret-key/us-west-2/unborn#address"},
	} {
		owned, facts := scripted(c.owner, map[string]resource.Value{"limit": before["limit"], "owner": before["owner"], "updater": resource.Literal(a)})
		steps, later := w.steps(environment(config.Contract{Name: "knob", Address: addressOf("knob").Hex(), Managed: true, Parameters: c.parameters}), owned, facts)
		var ops []string
		for _, s := range steps["knob"] {
			op := s.Op
			if s.Risk != "" {
				op += "/" + string(s.Risk)
			}
			if s.Person {
				op += "/person"
			}
			ops = append(ops, op)
		}
		if have := strings.Join(ops, " "); have != c.ops || !strings.Contains(later["knob"], c.later) || (c.later == "") != (later["knob"] == "") {
			t.Errorf("%s: %q, deferred: %q", name, have, later["knob"])
		}
		if c.ops == "propose/destructive" {
			if calls := fmt.Sprint(steps["knob"][0].Params["calls"]); strings.Count(calls, "data:") != 2 || len(steps["knob"][0].Pre) != 3 {
				t.Errorf("%s: %s, %v", name, calls, steps["knob"][0].Pre)
			}
		}
	}
}

func bare(t *testing.T) kind.Kind {
	t.Helper()
	k, err := contract.New(contract.Options{Calls: &call.Maker{}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatNoWriteMendsIsNoDifference(t *testing.T) {
	t.Parallel()
	k := bare(t)
	env := environment(config.Contract{Name: "knob", Address: addressOf("knob").Hex(), CodeHash: "0x02", Owner: &config.Party{Key: "owner-0"}, Managed: true, Parameters: []config.Parameter{limit("7")}})
	desired, err := k.Declare(env)
	if err != nil {
		t.Fatal(err)
	}
	owned, _ := scripted("", map[string]resource.Value{"limit": resource.Literal("8")})
	for path := range desired[0].Attrs {
		if k.Traits.Satisfies(path, desired[0].Attrs, owned[0].Attrs) == (path == "parameters") {
			t.Errorf("%s differs", path)
		}
	}
}

func TestTheKeysThatAReadNeedsAreReadBeforeIt(t *testing.T) {
	t.Parallel()
	asked := config.Parameter{Name: "may", Read: "may(address)(bool)", Args: []config.Want{{Key: "unborn"}}, Want: config.Want{Literal: "true"}}
	must := config.Invariant{Name: "sees", Read: "sees(address)(bool)", Args: []config.Want{{Key: "updater-signer"}}, Must: "true"}
	for refs, c := range map[string]config.Contract{
		"unborn updater-signer": {Parameters: []config.Parameter{asked}, Invariants: []config.Invariant{must}}, "owner-0": {Managed: true, Parameters: []config.Parameter{limit("1")}},
	} {
		c.Name, c.Address = "knob", addressOf("knob").Hex()
		env := environment(c)
		env.Sender = ""
		desired, err := bare(t).Declare(env)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, ref := range desired[0].Attrs.Refs() {
			names = append(names, ref.ID.Name)
		}
		if have := strings.Join(names, " "); have != refs {
			t.Errorf("points at %s, want %s", have, refs)
		}
	}
}

func TestAReadThatNeedsAKeyWaitsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Invariants: []config.Invariant{
		{Name: "sees", Read: "sees(address)(bool)", Args: []config.Want{{Key: "unborn"}}, Must: "true", Reason: "r"},
	}})
	contains(t, reasonOf(t, w.findings(env), "invariant-sees"), "sees(key unborn) cannot be read", "waits for the address of key unborn")
}

func TestAKeyWithoutAPinIsNotWrittenWherePinsAreDemanded(t *testing.T) {
	t.Parallel()
	w := &world{t: t, kind: bare(t)}
	owned, facts := scripted("key owner-0 "+addressOf("x").Hex(), map[string]resource.Value{"updater": resource.Literal(addressOf("x").Hex())})
	env := environment(config.Contract{Name: "knob", Address: addressOf("knob").Hex(), Managed: true, Parameters: []config.Parameter{updater(config.Want{Key: "updater-signer"})}})
	env.Addresses = "pinned"
	id := owned[0].ID
	facts = append(facts, resource.Fact{ID: id, Name: "key updater-signer", Value: addressOf("updater-signer").Hex()})
	judged := func() []resource.Finding {
		desired, err := w.kind.Declare(env)
		if err != nil {
			t.Fatal(err)
		}
		found, err := w.kind.Check(desired, owned, facts)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	steps, later := w.steps(env, owned, facts)
	if contains(t, later["knob"], "not pinned"); len(steps) > 0 {
		t.Errorf("steps %v", steps)
	}
	contains(t, reasonOf(t, judged(), "pin-mismatch"), "does not pin key updater-signer")
	env.Pins["updater-signer"] = addressOf("x").Hex()
	_, later = w.steps(env, owned, facts)
	contains(t, later["knob"], "addresses.json pins "+addressOf("x").Hex())
	contains(t, reasonOf(t, judged(), "pin-mismatch"), "has the address "+addressOf("updater-signer").Hex())
	env.Pins["updater-signer"] = addressOf("updater-signer").Hex()
	if steps, later = w.steps(env, owned, facts); len(steps["knob"]) != 1 || len(judged()) > 0 {
		t.Errorf("steps %v, later %v, found %v", steps, later, judged())
	}
}

func TestAMethodThatRunsCallsIsNeverWrittenBy(t *testing.T) {
	t.Parallel()
	w := &world{t: t, kind: bare(t)}
	for _, method := range []string{"execute(address)", "multicall(bytes[])", "delegateTo(address)", "upgradeToAndCall(address,bytes)", "functionDelegateCall(address)"} {
		owned, facts := scripted("key owner-0 "+addressOf("x").Hex(), map[string]resource.Value{"updater": resource.Literal(addressOf("x").Hex())})
		p := updater(config.Want{Key: "updater-signer"})
		p.Write = method
		env := environment(config.Contract{Name: "knob", Address: addressOf("knob").Hex(), Managed: true, Parameters: []config.Parameter{p}})
		env.Governance.Calls[method] = resource.Destructive
		steps, later := w.steps(env, owned, facts)
		if contains(t, later["knob"], "no method that may be written by"); len(steps) > 0 {
			t.Errorf("%s: %v", method, steps)
		}
	}
}
