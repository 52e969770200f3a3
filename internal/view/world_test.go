package view_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// The world of these tests: the eight test networks of staging.
const region = "us-west-2"

var noon = time.Date(2026, 9, 28, 12, 0, 0, 0, time.UTC)

func chains() map[string]uint64 {
	return map[string]uint64{
		"arbitrumsepolia": 421614, "basesepolia": 84532, "bsctestnet": 97, "celosepolia": 11142220,
		"fuji": 43113, "optimismsepolia": 11155420, "polygonamoy": 80002, "sepolia": 11155111,
	}
}

func networks() []string { return slices.Sorted(maps.Keys(chains())) }

func coins() map[string]view.Coin {
	coins := map[string]view.Coin{}
	for _, network := range networks() {
		coins[network] = view.Coin{Symbol: "ETH", Decimals: 18}
	}
	coins["fuji"] = view.Coin{Symbol: "AVAX", Decimals: 18}
	coins["bsctestnet"] = view.Coin{Symbol: "BNB", Decimals: 18}
	coins["celosepolia"] = view.Coin{Symbol: "CELO", Decimals: 18}
	coins["polygonamoy"] = view.Coin{Symbol: "POL", Decimals: 18}
	return coins
}

func traits() map[string]resource.Traits {
	return map[string]resource.Traits{
		"kms-key": {DeleteOff: true},
		"funding": {
			Moving: []string{"balance"}, Symbol: "$",
			Verbs: map[string]string{"create": "fund", "update": "top up"},
		},
		"validator-set": {Verbs: map[string]string{"create": "repoint", "update": "repoint"}, Computed: []string{"ism", "path"}, Steering: []string{"terms"}},
		"contract":      {Verbs: map[string]string{"update": "write"}},
	}
}

func options() view.Options {
	return view.Options{
		Width: 100, Now: noon, Traits: traits(), Coins: coins(),
		Stats:  view.Stats{AWSCalls: 41, RPCCalls: 16, Duration: 1234 * time.Millisecond, NetworksRead: 8, NetworksAll: 8},
		Quorum: view.Quorum{May: []string{"alice", "bob"}},
	}
}

// stagingPlan is a plan of staging with the given changes and nothing else.
func stagingPlan(changes ...plan.Change) *plan.Plan {
	p := &plan.Plan{
		Format: plan.Format, Tool: "reconcile 0.1.0", Environment: "staging", Class: "testnet",
		Revision: plan.Revision{Commit: "4f2a91c07be1d2c3b4a5968778695a4b3c2d1e0f", Authors: []string{"carol@ops"}},
		Identity: plan.Identity{Account: "222233334444", Region: region, Chains: chains()},
		Created:  noon, Expires: noon.Add(24 * time.Hour), Changes: changes,
		Summary: plan.Summary{Unchanged: 142},
	}
	for _, c := range changes {
		if c.Risk.Rank() >= p.Requires.Risk.Rank() || p.Requires.Risk == "" {
			p.Requires.Risk = c.Risk
		}
	}
	if p.Requires.Risk == resource.Sensitive {
		p.Requires.Approvals = 1
	}
	return p
}

func seal(t testing.TB, p *plan.Plan) *plan.Plan {
	t.Helper()
	if err := p.Seal(map[string][]string{"funding": {"balance"}}); err != nil {
		t.Fatal(err)
	}
	return p
}

func keyID(name string) resource.ID { return resource.ID{Kind: "kms-key", Scope: region, Name: name} }

func from(file string, line int) []resource.Source {
	return []resource.Source{{File: "environments/staging/" + file, Line: line}}
}

// createKey is the creation of one key, as the kind plans it.
func createKey(agent, instance, use, network string, line int) plan.Change {
	name := agent
	if instance != "" {
		name += "-" + instance
	}
	name += "-" + use + "-" + network
	after := resource.Attrs{
		"alias": "alias/staging-" + name, "description": fmt.Sprintf("%s key of %s %s on %s", use, agent, instance, network),
		"spec": "ECC_SECG_P256K1", "enabled": true, "networks": []any{network},
		"tags": map[string]any{"reconcile:environment": "staging", "reconcile:id": keyID(name).String(), "agent": agent, "use": use, "network": network},
	}
	return created(plan.Change{ID: keyID(name), Risk: resource.Routine, After: after, Why: from("agents.cue", line)}, "create-key", "create-alias")
}

// created makes a change a creation: fields from what is declared, one step
// per operation.
func created(c plan.Change, ops ...string) plan.Change {
	c.Action, c.Cause = plan.Create, plan.FromConfig
	for _, path := range slices.Sorted(maps.Keys(c.After)) {
		c.Fields = append(c.Fields, plan.FieldChange{Path: path, After: c.After[path]})
	}
	for _, op := range ops {
		c.Steps = append(c.Steps, resource.Step{Op: op, ID: c.ID, Params: resource.Attrs{"alias": c.After["alias"]}})
	}
	return c
}

const ether = "000000000000000000"

// fund is the first or a later payment to a wallet.
func fund(network, wallet string, action plan.Action, wei, say string) plan.Change {
	id := resource.ID{Kind: "funding", Scope: network, Name: wallet + "-" + network}
	ref := resource.Ref{ID: keyID(wallet + "-" + network), Output: "address"}
	balance := map[string]any{"floor": "5" + ether[1:], "target": "2" + ether}
	c := plan.Change{
		ID: id, Action: action, Risk: resource.Routine, Cause: plan.FromConfig, Why: from("funding.cue", 8),
		After: resource.Attrs{"to": ref, "balance": balance},
		Fields: []plan.FieldChange{
			{Path: "balance", Before: map[string]any{"wei": "80000000000000000"}, After: balance},
			{Path: "to", After: ref},
		},
		Steps: []resource.Step{{
			Op: "transfer", ID: id, Params: resource.Attrs{"to": ref, "target": "2" + ether, "ceiling": wei},
			Needs:       []resource.Ref{ref},
			Pre:         []resource.Precondition{{ID: id, Path: "balance.wei", Op: resource.AtMost, Value: "5" + ether[1:]}},
			Annotations: resource.Attrs{"say": say},
			Spend:       &resource.Spend{Network: network, From: keyID("bank").String(), Wei: wei, Fee: "420000000000001"},
			Lane:        network + "/bank",
		}},
	}
	if action == plan.Create {
		c.Fields[0].Before = nil
	} else {
		c.Before = &plan.State{Attrs: resource.Attrs{"balance": map[string]any{"wei": "80000000000000000"}}}
		c.Fields = c.Fields[:1]
	}
	return c
}

func spend(p *plan.Plan) *plan.Plan {
	total := map[string]plan.Spend{}
	for _, s := range p.Steps() {
		if s.Spend != nil {
			sum := total[s.Spend.Network]
			total[s.Spend.Network] = plan.Spend{Network: s.Spend.Network, Wei: added(sum.Wei, s.Spend.Wei), Fee: added(sum.Fee, s.Spend.Fee)}
		}
	}
	for _, network := range slices.Sorted(maps.Keys(total)) {
		p.Spend = append(p.Spend, total[network])
	}
	return p
}

// added adds two amounts in wei; an empty one is none.
func added(a, b string) string {
	x, _ := new(big.Int).SetString("0"+a, 10)
	y, _ := new(big.Int).SetString("0"+b, 10)
	return x.Add(x, y).String()
}

// firstPlan is staging before anything exists: 48 validator keys, 8 relayer
// keys, a bank, and a wallet per relayer to be funded.
func firstPlan() *plan.Plan {
	var changes []plan.Change
	changes = append(changes, created(plan.Change{ID: keyID("bank"), Risk: resource.Routine, After: resource.Attrs{"alias": "alias/staging-bank"}, Why: from("keys.cue", 5)}, "create-key", "create-alias"))
	for _, network := range networks() {
		changes = append(changes, createKey("relayer", "", "signer", network, 45))
		changes = append(changes, fund(network, "relayer-signer", plan.Create, "2"+ether, "new wallet, send 2 to reach its target"))
		for instance := range 3 {
			for _, use := range []string{"attestation", "signer"} {
				changes = append(changes, createKey("validator", fmt.Sprint(instance), use, network, 31))
			}
		}
	}
	p := spend(stagingPlan(changes...))
	p.Summary.Unchanged = 0
	return p
}

// mixedPlan has a little of everything that a reviewer meets on a normal day.
func mixedPlan() *plan.Plan {
	policy := resource.ID{Kind: "iam-policy", Scope: "global", Name: "validator-2-signer"}
	newKey := keyID("validator-2-attestation-fuji")
	changes := []plan.Change{
		createKey("validator", "2", "attestation", "fuji", 31),
		{
			ID: policy, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig, Why: from("agents.cue", 31),
			Before: &plan.State{}, After: resource.Attrs{"kms:Sign on": []any{}},
			Fields: []plan.FieldChange{{
				Path:   "kms:Sign on",
				Before: []any{"key/validator-0-attestation-fuji", "key/validator-1-attestation-fuji"},
				After:  []any{"key/validator-0-attestation-fuji", "key/validator-1-attestation-fuji", resource.Ref{ID: newKey, Output: "arn"}},
			}},
			Steps: []resource.Step{{Op: "put-policy", ID: policy}},
		},
	}
	for _, destination := range networks() {
		if destination == "fuji" {
			continue
		}
		changes = append(changes, thresholdLeg(destination))
	}
	changes = append(changes, fund("fuji", "relayer-signer", plan.Update, "1920000000000000000", "balance 0.08 AVAX below floor 0.5, top up to 2"))
	return spend(withSigners(stagingPlan(changes...)))
}

// driftPlan is a world that somebody changed by hand: a tag, and a key that
// was disabled.
func driftPlan() *plan.Plan {
	retag := plan.Change{
		ID: keyID("relayer-signer-fuji"), Action: plan.Update, Risk: resource.Routine, Cause: plan.FromDrift, Why: from("agents.cue", 45),
		Before: &plan.State{}, After: resource.Attrs{},
		Fields: []plan.FieldChange{{Path: "tags", Before: map[string]any{"agent": "relayer", "owner": "mallory"}, After: map[string]any{"agent": "relayer", "use": "signer"}}},
		Steps:  []resource.Step{{Op: "tag-key"}},
	}
	enable := plan.Change{
		ID: keyID("relayer-signer-sepolia"), Action: plan.Update, Risk: resource.Sensitive, Person: true, Cause: plan.FromDrift, Why: from("agents.cue", 45),
		Before: &plan.State{}, After: resource.Attrs{},
		Fields: []plan.FieldChange{{Path: "enabled", Before: false, After: true}},
		Steps:  []resource.Step{{Op: "enable-key", Annotations: resource.Attrs{"say": "enabling it gives it power again; somebody may have disabled it on purpose"}}},
	}
	return stagingPlan(retag, enable)
}

// fleetPlan updates n keys, no two alike, so that nothing folds.
func fleetPlan(n int) *plan.Plan {
	var changes []plan.Change
	for i := range n {
		c := createKey("agent", fmt.Sprint(i), "signer", networks()[i%8], 31)
		c.Action, c.Before = plan.Update, &plan.State{}
		risks := []resource.Risk{resource.Routine, resource.Routine, resource.Sensitive, resource.Routine}
		c.Risk = risks[i%4]
		if i%500 == 499 {
			c.Risk, c.Action = resource.Destructive, plan.Delete
		}
		c.Fields = []plan.FieldChange{{Path: "description", Before: fmt.Sprintf("old text %d", i*7), After: fmt.Sprintf("new text %d of a rather longer sort", i*7)}}
		c.After = resource.Attrs{"description": c.Fields[0].After}
		changes = append(changes, c)
	}
	p := stagingPlan(changes...)
	p.Requires = plan.Requires{Approvals: 2, Risk: resource.Destructive}
	return p
}
