package contract_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const zeroRoot = "0x0000000000000000000000000000000000000000000000000000000000000000"

func (w *world) nomad(change func(*contractstest.NomadOptions)) contractstest.NomadAddresses {
	w.t.Helper()
	o := contractstest.NomadOptions{
		Domain: 1000, Remote: 2000, Updater: addressOf("updater-signer"), RemoteUpdater: addressOf("remote"),
		Watchers: []common.Address{addressOf("w1"), addressOf("w2")}, OptimisticSeconds: 1800, RecoveryTimelock: 1, RecoveryManager: addressOf("recovery"),
	}
	change(&o)
	at, err := contractstest.Nomad(w.t.Context(), w.chain.Client(), keyOf("owner-0"), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

func (w *world) hash(at common.Address) string {
	w.t.Helper()
	code, err := w.chain.Client().CodeAt(w.t.Context(), at, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return evm.CodeHash(code).Hex()
}

func must(name, read, must, reason string, args ...string) config.Invariant {
	i := config.Invariant{Name: name, Read: read, Must: must, Reason: reason}
	for _, a := range args {
		i.Args = append(i.Args, config.Want{Literal: a})
	}
	return i
}

func literals(texts ...string) []config.Want {
	var list []config.Want
	for _, text := range texts {
		list = append(list, config.Want{Literal: text})
	}
	return list
}

// nomadEnvironment is the Nomad set, as CUE declares it.
func (w *world) nomadEnvironment(at contractstest.NomadAddresses) *config.Environment {
	router := &config.Party{Address: at.GovernanceRouter.Hex()}
	updater := config.Parameter{Name: "updater", Read: "updater()(address)", Want: config.Want{Key: "updater-signer"}}
	remote := config.Parameter{Name: "updater", Read: "updater()(address)", Want: config.Want{Literal: addressOf("remote").Hex()}}
	return environment(
		config.Contract{
			Name: "home", Address: at.Home.Hex(), Through: config.ThroughBeacon, Beacon: at.HomeBeacon.Hex(), Implementation: at.HomeImplementation.Hex(),
			CodeHash: w.hash(at.Home), ImplementationHash: w.hash(at.HomeImplementation), Owner: router, Managed: true, Parameters: []config.Parameter{updater},
			Invariants: []config.Invariant{must("state", "state()(uint8)", "1", "the home is active")},
		},
		config.Contract{
			Name: "replica", Address: at.Replica.Hex(), Through: config.ThroughBeacon, Beacon: at.ReplicaBeacon.Hex(), Implementation: at.ReplicaImplementation.Hex(),
			ImplementationHash: w.hash(at.ReplicaImplementation), Owner: router, Managed: true, Parameters: []config.Parameter{remote},
			Invariants: []config.Invariant{
				must("confirmAt", "confirmAt(bytes32)(uint256)", "0", "a root of zero is no root", zeroRoot),
				must("optimisticSeconds", "optimisticSeconds()(uint256)", ">= 1500", "watchers need time"),
				must("zeroRoot", "acceptableRoot(bytes32)(bool)", "false", "an unproven message reads as zero", zeroRoot),
			},
		},
		config.Contract{
			Name: "router", Address: at.GovernanceRouter.Hex(), Through: config.ThroughBeacon, Beacon: at.GovernanceRouterBeacon.Hex(), Managed: true,
			Invariants: []config.Invariant{
				must("manager", "recoveryManager()(address)", "code", "no single key recovers"),
				must("timelock", "recoveryTimelock()(uint256)", ">= 86400", "a recovery is seen before it acts"),
			},
		},
		config.Contract{
			Name: "xapp", Address: at.XAppConnectionManager.Hex(), Owner: router, Managed: true,
			Scans: []config.Scan{{Name: "watchers", Event: "WatcherPermissionSet(uint32 indexed,address,bool)", From: at.FromBlock, Want: [][]config.Want{
				literals("2000", addressOf("w1").Hex()), literals("2000", addressOf("w2").Hex()),
			}}},
		},
	)
}

func TestEveryFaultOfNomadsIncidentsIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.nomad(func(*contractstest.NomadOptions) {})
	found := w.findings(w.nomadEnvironment(at))
	if have, want := rules(found), []string{
		"refuse invariant-confirmat replica", "refuse invariant-manager router", "refuse invariant-timelock router", "refuse invariant-zeroroot replica",
	}; !reflect.DeepEqual(have, want) {
		t.Fatalf("found %v\nwant  %v", have, want)
	}
	contains(t, reasonOf(t, found, "invariant-zeroroot"), "acceptableRoot("+zeroRoot+")", `"true"`, "must be false", "an unproven message reads as zero")
	contains(t, reasonOf(t, found, "invariant-timelock"), `recoveryTimelock()(uint256) is "1", must be >= 86400`)
	contains(t, reasonOf(t, found, "invariant-manager"), addressOf("recovery").Hex(), "has no code, must have code")
}

func TestWhatGovernanceOwnsIsPrintedAndNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.nomad(func(*contractstest.NomadOptions) {})
	c := config.Contract{
		Name: "replica", Address: at.Replica.Hex(), Managed: true, Through: config.ThroughBeacon, Beacon: at.ReplicaBeacon.Hex(),
		Parameters: []config.Parameter{updater(config.Want{Key: "updater-signer"})},
	}
	steps, later := w.plan(environment(c))
	if len(steps) > 0 {
		t.Errorf("steps: %v", steps)
	}
	contains(t, later["replica"], "a contract of unknown kind, "+at.GovernanceRouter.Hex(), "the owner: to "+at.Replica.Hex()+" data 0x9d54f419")
}

func TestAMendedNomadHasNoFinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.deploy("owner-0", "Knob")
	at := w.nomad(func(o *contractstest.NomadOptions) {
		o.Mended, o.RecoveryTimelock, o.RecoveryManager = true, 86400, manager
	})
	if found := w.findings(w.nomadEnvironment(at)); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestWhatChangedBehindOurBackIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager, other := w.deploy("owner-0", "Knob"), w.deploy("owner-0", "Knob")
	at := w.nomad(func(o *contractstest.NomadOptions) {
		o.Mended, o.RecoveryTimelock, o.RecoveryManager = true, 86400, manager
	})
	for name, c := range map[string]struct {
		change func(*config.Environment)
		rule   string
		says   []string
	}{
		"another implementation": {func(e *config.Environment) { e.Contracts[1].Implementation = other.Hex() }, "refuse implementation replica",
			[]string{at.ReplicaImplementation.Hex(), other.Hex()}},
		"other code in force": {func(e *config.Environment) { e.Contracts[1].ImplementationHash = w.hash(other) }, "refuse code-hash replica",
			[]string{w.hash(at.ReplicaImplementation), w.hash(other)}},
		"another proxy":  {func(e *config.Environment) { e.Contracts[0].CodeHash = w.hash(other) }, "refuse code-hash home", []string{w.hash(at.Home), w.hash(other)}},
		"another beacon": {func(e *config.Environment) { e.Contracts[0].Beacon = at.ReplicaBeacon.Hex() }, "refuse beacon home", []string{"does not hold the beacon " + at.ReplicaBeacon.Hex()}},
		"no beacon": {func(e *config.Environment) {
			e.Contracts[0].Beacon, e.Contracts[0].Implementation, e.Contracts[0].ImplementationHash = "", "", ""
		}, "note implementation home", []string{"no beacon is declared"}},
		"no beacon for what is pinned": {func(e *config.Environment) { e.Contracts[0].Beacon = "" }, "refuse implementation home", []string{"no beacon is declared"}},
		"no EIP-1967 proxy":            {func(e *config.Environment) { e.Contracts[0].Through = config.ThroughEIP1967 }, "refuse implementation home", []string{"its EIP-1967 slot is empty"}},
		"another owner":                {func(e *config.Environment) { e.Contracts[3].Owner = &config.Party{Key: "owner-0"} }, "refuse owner xapp", []string{at.GovernanceRouter.Hex(), addressOf("owner-0").Hex()}},
		"another owner, watched": {func(e *config.Environment) {
			e.Contracts[3].Owner = &config.Party{Key: "owner-0"}
			e.Contracts[3].Managed = false
		}, "note owner xapp", nil},
		"an undeclared watcher": {func(e *config.Environment) { e.Contracts[3].Scans[0].Want = e.Contracts[3].Scans[0].Want[1:] }, "refuse scan-watchers xapp",
			[]string{"(2000, " + addressOf("w1").Hex() + ") is on, and is not declared"}},
		"a missing watcher": {func(e *config.Environment) {
			e.Contracts[3].Scans[0].Want = append(e.Contracts[3].Scans[0].Want, []config.Want{{Literal: "2000"}, {Key: "updater-signer"}})
		}, "refuse scan-watchers xapp", []string{"(2000, " + addressOf("updater-signer").Hex() + ") is not on"}},
		"another updater": {func(e *config.Environment) { e.Contracts[0].Parameters[0].Want = config.Want{Literal: other.Hex()} }, "refuse parameter-updater home",
			[]string{"updater()(address)", addressOf("updater-signer").Hex(), other.Hex(), "nothing is declared that writes it"}},
		"nothing there": {func(e *config.Environment) { e.Contracts[2].Address = addressOf("nobody").Hex() }, "refuse no-code router", []string{"no code at " + addressOf("nobody").Hex()}},
		"not deployed":  {func(e *config.Environment) { e.Contracts[2].Address, e.Contracts[3].Address = "", "" }, "note not-deployed fuji", []string{"router, xapp"}},
	} {
		env := w.nomadEnvironment(at)
		c.change(env)
		found := w.findings(env)
		if have := rules(found); !reflect.DeepEqual(have, []string{c.rule}) {
			t.Errorf("%s: found %v, want %s", name, found, c.rule)
			continue
		}
		contains(t, found[0].Reason, c.says...)
	}
}

func TestTheLastWordOnAWatcherCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	for _, e := range []struct {
		who string
		on  bool
	}{{"w1", true}, {"w2", true}, {"w1", false}, {"w3", false}, {"w2", false}, {"w2", true}} {
		w.send("owner-0", knob, "turn(uint32,address,bool)", uint32(5), addressOf(e.who), e.on)
	}
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Scans: []config.Scan{{
		Name: "who", Event: "Switched(uint32 indexed,address,bool)", Want: [][]config.Want{literals("5", addressOf("w2").Hex())},
	}}})
	if found := w.findings(env); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	// The same event, indexed otherwise, is another event with the same topic.
	env.Contracts[0].Scans[0].Event = "Switched(uint32,address,bool)"
	contains(t, reasonOf(t, w.findings(env), "scan-who"), "cannot be read", "another shape")
	env.Contracts[0].Scans[0].Event = "Switched(uint32 indexed,address,bool)"
	env.Contracts[0].Scans[0].From = 1 << 40
	contains(t, reasonOf(t, w.findings(env), "scan-who"), "is not on, and must be")
}

func TestEachSetBeginsAtItsOwnBlockAndWaitsForItsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	w.send("owner-0", knob, "turn(uint32,address,bool)", uint32(5), addressOf("w1"), true)
	head, err := w.chain.Client().BlockNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const event = "Switched(uint32 indexed,address,bool)"
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Managed: true, Scans: []config.Scan{
		{Name: "all", Event: event, Want: [][]config.Want{literals("5", addressOf("w1").Hex())}},
		{Name: "later", Event: event, From: head + 1, Want: [][]config.Want{}},
		{Name: "waits", Event: event, Want: [][]config.Want{{{Literal: "5"}, {Key: "unborn"}}}},
	}})
	if found := w.findings(env); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestABeaconThatSaysTwoThingsIsNotFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	liar := w.deploy("owner-0", "Liar")
	proxy := w.deployWith("owner-0", "Named", liar)
	env := environment(config.Contract{Name: "proxy", Address: proxy.Hex(), Through: config.ThroughBeacon, Beacon: liar.Hex()})
	found := w.findings(env)
	contains(t, reasonOf(t, found, "implementation"), "the beacon "+liar.Hex()+" answers 0x0000000000000000000000000000000000000002 and stores 0x")
	if len(found) != 1 || found[0].Severity != resource.Refuse {
		t.Errorf("found %v", found)
	}
}

func TestTheCodeBehindAnOrdinaryProxyIsTheReviewedOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob, other := w.deploy("owner-0", "Knob"), w.deploy("owner-0", "Hostile")
	env := environment(config.Contract{
		Name: "proxy", Address: w.deployWith("owner-0", "Proxy", knob).Hex(), Through: config.ThroughEIP1967, Implementation: knob.Hex(), ImplementationHash: w.hash(knob),
		Invariants: []config.Invariant{must("limit", "limit()(uint256)", "<= 9", "the proxy's own storage")},
	})
	if found := w.findings(env); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	env.Contracts[0].Address = w.deployWith("owner-0", "Proxy", other).Hex()
	if have, want := rules(w.findings(env)), []string{"refuse code-hash proxy", "refuse implementation proxy", "refuse invariant-limit proxy"}; !reflect.DeepEqual(have, want) {
		t.Errorf("found %v, want %v", have, want)
	}
	env.Contracts[0].Address = w.deployWith("owner-0", "Proxy", addressOf("nobody")).Hex()
	contains(t, reasonOf(t, w.findings(env), "code-hash"), addressOf("nobody").Hex()+", hashes to none, the reviewed one to "+w.hash(knob))
}

func TestAnAccountThatLendsItsCodeIsNoContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	knob := w.deploy("owner-0", "Knob")
	w.send("owner-0", knob, "setUpdater(address)", addressOf("lent"))
	env := environment(config.Contract{Name: "knob", Address: knob.Hex(), Invariants: []config.Invariant{
		must("a", "updater()(address)", "code", "no single key"), must("b", "updater()(address)", "no code", "a plain key"), must("c", "owner()(address)", "no code", ""),
	}})
	found := w.findings(env)
	contains(t, reasonOf(t, found, "invariant-a"), "its key has lent")
	contains(t, reasonOf(t, found, "invariant-b"), "its key has lent")
	if len(found) != 2 {
		t.Errorf("found %v", rules(found))
	}
}

func TestEventsThatCannotBeReadHideNoInvariant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.nomad(func(*contractstest.NomadOptions) {})
	env := w.nomadEnvironment(at)
	w.wire.deaf = "eth_getLogs"
	seen := w.kind.Observe(t.Context(), env, lookup)
	if len(seen.Unread) != 1 || seen.Unread[0].Scope != "contract/fuji/xapp" || seen.Unread[0].Operation != "eth_getLogs" {
		t.Errorf("unread: %v", seen.Unread)
	}
	desired, err := w.kind.Declare(env)
	if err != nil {
		t.Fatal(err)
	}
	found, err := w.kind.Check(desired, seen.Owned, seen.Facts)
	if err != nil || len(found) != 4 || strings.Contains(strings.Join(rules(found), " "), "watchers") {
		t.Errorf("found %v, %v", rules(found), err)
	}
}

func TestANetworkThatIsRetiredIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := environment(config.Contract{Name: "knob", Address: addressOf("x").Hex(), Managed: true})
	env.Networks[0].State = config.Retired
	before := w.network.Requests()
	if found := w.findings(env); len(found) > 0 || w.network.Requests() != before {
		t.Errorf("found %v in %d requests", found, w.network.Requests()-before)
	}
}
