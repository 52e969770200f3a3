package validatorset_test

import (
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

// converge applies one plan and wants the next to be empty.
func (s *scene) converge(p planned) {
	s.t.Helper()
	s.apply(p)
	if again := s.plan(); len(again.steps)+len(again.deferred)+len(again.unread) > 0 || len(again.same) == 0 {
		s.t.Fatalf("steps %v, deferred %v, unread %v", again.steps, again.deferred, again.unread)
	}
}

func ops(steps []resource.Step) []string {
	var list []string
	for _, s := range steps {
		list = append(list, s.Op)
	}
	return list
}

func callOf(t *testing.T, step resource.Step) evm.Call {
	t.Helper()
	var p struct {
		Calls []evm.Wire `json:"calls"`
	}
	if err := (resource.Attrs{"calls": step.Params["calls"]}).Decode(&p); err != nil || len(p.Calls) != 1 {
		t.Fatal(p, err)
	}
	c, err := p.Calls[0].Call()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUpstreamsShapeIsRebuiltBelowItsRouting(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{Shape: contractstest.ShapeAggregation, Type: contractstest.Either})
	set := s.Declare("sepolia", 2, three...)
	set.Type = config.Either
	s.Announce("sepolia", three...)
	p := s.plan()
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"deploy", "deploy", "deploy", "set"}) {
		t.Fatalf("%v, deferred %v", got, p.deferred)
	}
	if c := callOf(t, p.steps[there][3]); c.To != s.Contracts["fuji"].RoutingISM {
		t.Errorf("the last call is to %s", c.To)
	}
	s.converge(p)

	set = s.Declare("sepolia", 3, three...) // a type may change too, what is made already is not made again
	p = s.plan()
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"deploy", "set"}) {
		t.Fatalf("%v", got)
	}
	s.converge(p)
	set.Threshold, set.Type = 2, config.Either
	p = s.plan()
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"set"}) {
		t.Fatalf("back to what exists: %v", got)
	}
	s.converge(p)
}

func TestAMailboxsDefaultConcernsEveryOriginAndIsToldSo(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{Networks: []string{"fuji", "sepolia", "amoy"}, Shape: contractstest.ShapeSingle})
	s.Declare("sepolia", 2, three...).Destinations = []string{"fuji"}
	s.Announce("sepolia", three...)
	p := s.plan()
	f := p.finding(t, validators.RuleShared, "fuji", "sepolia")
	if f.Severity != resource.Acknowledge {
		t.Errorf("%+v", f)
	}
	contains(t, f.Reason, "every origin that is not declared")
	if c := callOf(t, p.steps[there][1]); c.To != s.Contracts["fuji"].Mailbox {
		t.Errorf("the last call is to %s", c.To)
	}

	s.Declare("amoy", 2, three...).Destinations = []string{"fuji"}
	s.Announce("amoy", three...)
	p = s.plan()
	refusals(t, p, "shared-module fuji/amoy", "shared-module "+there)
	contains(t, p.finding(t, validators.RuleShared, "fuji", "sepolia").Reason, "messages from amoy too", "another set")
	narrow := s.kind.Read(t.Context(), s.Env, []resource.ID{config.SetID("fuji", "sepolia")}, s.Lookup)
	if len(narrow.Owned) != 1 || resource.FactsOf(narrow.Facts, config.SetID("fuji", "sepolia"))["shared-against"] != "amoy" {
		t.Errorf("a narrowed read does not tell whom else the call concerns: %+v", narrow.Facts)
	}

	s.Env.ValidatorSets = s.Env.ValidatorSets[:1]
	s.converge(s.plan())
}

func TestAModuleThatStoresItsMembersIsChangedInPlace(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{Type: contractstest.Storage})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	before := s.route("fuji", "sepolia")
	p := s.plan()
	if got := ops(p.steps[there]); !slices.Equal(got, []string{"set"}) {
		t.Fatalf("%v, deferred %v", got, p.deferred)
	}
	if c := callOf(t, p.steps[there][0]); c.To != before {
		t.Errorf("the call is to %s, the module is %s", c.To, before)
	}
	s.converge(p)
	if now := s.route("fuji", "sepolia"); now != before {
		t.Errorf("the route leads to %s now", now)
	}
}

func TestARouteThatIsMissingIsMade(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	sepolia, _ := s.Env.Network("sepolia")
	s.Send("fuji", "owner", evm.MustMethod("remove(uint32)").Call(s.Contracts["fuji"].RoutingISM, sepolia.DomainID))
	p := s.plan()
	steps := p.steps[there]
	if got := ops(steps); !slices.Equal(got, []string{"deploy", "set"}) {
		t.Fatalf("%v, deferred %v", got, p.deferred)
	}
	if pre := steps[1].Pre; len(pre) != 1 || pre[0].Op != resource.Absent || pre[0].Path != "ism" {
		t.Errorf("%+v", pre)
	}
	have := p.seen.Owned[0].Attrs
	if have["type"] != nil || have["threshold"] != nil || have["ism"] != nil {
		t.Errorf("no route has %v", have)
	}
	s.converge(p)
}

func TestWhatIsNotUnderstoodIsToldAndNeverRewritten(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	sepolia, _ := s.Env.Network("sepolia")
	at := s.Contracts["fuji"]
	for rule, where := range map[string]struct {
		to       common.Address
		severity resource.Severity
	}{
		ism.RuleUnknown: {at.Mailbox, resource.Acknowledge}, ism.RuleCycle: {at.RoutingISM, resource.Refuse}, ism.RuleNoSet: {at.PausableISM, resource.Acknowledge},
	} {
		s.Send("fuji", "owner", evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, sepolia.DomainID, where.to))
		p := s.plan()
		if f := p.finding(t, rule, "fuji", "sepolia"); f.Severity != where.severity {
			t.Errorf("%+v", f)
		}
		if len(p.steps) > 0 || p.deferred[there] == "" {
			t.Errorf("%s: steps %v, deferred %q", rule, p.steps, p.deferred)
		}
	}
	s.Send("fuji", "owner", evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, sepolia.DomainID, at.PausableISM))
	s.Send("fuji", "owner", evm.MustMethod("pause()").Call(at.PausableISM))
	s.plan().finding(t, validators.RulePaused, "fuji", "sepolia")
}

func TestOnlyAnOwnerWeHoldOrADeclaredSafeLeadsToAWrite(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	s.Declare("sepolia", 2, three...)
	s.Announce("sepolia", three...)
	client := s.Chains["fuji"].Client()
	ours, err := contractstest.Safe(t.Context(), client, validatorstest.Key("deployer"), []common.Address{validatorstest.Address("alice"), validatorstest.Address("bob")}, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	// It answers 86,400 to whatever it is asked.
	timelock, err := contractstest.Deploy(t.Context(), client, validatorstest.Key("deployer"), common.FromHex("600a600c600039600a6000f3620151805f5260205ff3"))
	if err != nil {
		t.Fatal(err)
	}
	// A contract is an interchain account by its owner, the router.
	router := validatorstest.Address("router")
	s.Env.Deployment.Networks["fuji"][config.RoleAccountRouter] = config.Deployed{Address: router.Hex()}
	account := s.routing(router)
	first := s.plan()
	repoint := callOf(t, first.steps[there][1]).Wire()
	for _, to := range []struct {
		address common.Address
		says    string
	}{{validatorstest.Address("stranger"), "an account whose key is not held here"}, {timelock, "a timelock"}, {account, "an interchain account"}, {ours, "a Safe that is not declared"}} {
		s.disown(to.address)
		p := s.plan()
		if len(p.steps) > 0 {
			t.Errorf("%s: %v", to.says, p.steps)
		}
		contains(t, p.deferred[there], to.says, to.address.Hex(), "nothing is sent", "the owner: to 0x", repoint.Data, "anybody: to 0x")
	}
	s.Env.Safes = []config.Safe{{Name: "governance", Network: "fuji", Address: ours.Hex(), Managed: true, Threshold: 2}}
	if p := s.plan(); len(p.steps) > 0 {
		t.Errorf("a Safe that was not read: %v", p.steps)
	}
	s.safes = []resource.Fact{{ID: call.SafeID("fuji", "governance"), Name: call.FactThreshold, Value: "2"}}
	if got := ops(s.plan().steps[there]); !slices.Equal(got, []string{"deploy", resource.Propose}) {
		t.Errorf("a declared Safe: %v, %v", got, s.plan().deferred)
	}
}

// disown puts a routing module of another owner in the place of fuji's.
func (s *scene) disown(owner common.Address) {
	s.t.Helper()
	s.Send("fuji", "owner", evm.MustMethod("setDefaultIsm(address)").Call(s.Contracts["fuji"].Mailbox, s.routing(owner)))
}

// routing makes a routing module of an owner on fuji.
func (s *scene) routing(owner common.Address) common.Address {
	s.t.Helper()
	at := s.Contracts["fuji"]
	sepolia, _ := s.Env.Network("sepolia")
	receipt, err := contractstest.Send(s.t.Context(), s.Chains["fuji"].Client(), validatorstest.Key("deployer"),
		evm.MustMethod("deploy(address,uint32[],address[])").Call(at.DomainRoutingISMFactory, owner, []uint32{sepolia.DomainID}, []common.Address{at.OriginISMs[sepolia.DomainID]}))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range receipt.Logs {
		if l.Address == at.DomainRoutingISMFactory && len(l.Data) == 32 {
			return common.BytesToAddress(l.Data)
		}
	}
	s.t.Fatal("no event tells the module's address")
	return common.Address{}
}
