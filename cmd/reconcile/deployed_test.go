package main

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestWhatIsNotDeployedIsToldOncePerNetwork(t *testing.T) {
	t.Parallel()
	env := &config.Environment{
		Name:     "harbour",
		Networks: []config.Network{{Name: "fuji"}, {Name: "goerli", State: config.Retired}, {Name: "mumbai"}, {Name: "sepolia"}},
		ValidatorSets: []config.ValidatorSet{
			{Origin: "fuji", Destinations: []string{"goerli", "mumbai", "sepolia"}}, {Origin: "mumbai", Destinations: []string{"fuji", "sepolia"}},
		},
		Safes:     []config.Safe{{Name: "governance", Network: "fuji", Address: "0x01"}, {Name: "governance", Network: "sepolia"}},
		Contracts: []config.Contract{{Name: "e", Network: "sepolia"}, {Name: "d", Network: "sepolia"}, {Name: "c", Network: "sepolia"}, {Name: "b", Network: "sepolia"}, {Name: "a", Network: "sepolia"}},
	}
	said := func() map[string]string {
		texts := map[string]string{}
		// What a kind said of its own is in it.
		for _, f := range notDeployed(env, []resource.Finding{{Rule: "not-deployed", ID: resource.ID{Kind: "network", Scope: "sepolia", Name: "sepolia"}}, {Rule: "other"}}) {
			if f.Rule != "other" && (f.Severity != resource.Note || f.Hint == "") {
				t.Errorf("%+v", f)
			}
			texts[f.Rule+" "+f.ID.Scope] += f.Reason
		}
		return texts
	}
	same := func(have, want map[string]string) {
		t.Helper()
		for key, text := range want {
			if have[key] != text {
				t.Errorf("%q: %q, want %q", key, have[key], text)
			}
		}
		if len(have) != len(want) {
			t.Errorf("%q", have)
		}
	}
	same(said(), map[string]string{"other ": "", "not-deployed ": "not deployed, so not looked at: 4 validator sets, 1 Safe, 5 contracts"})

	mailbox := map[string]config.Deployed{config.RoleMailbox: {Address: "0x02"}}
	env.Deployment = &config.Deployment{Networks: map[string]map[string]config.Deployed{"fuji": mailbox, "sepolia": mailbox}}
	same(said(), map[string]string{
		"other ":               "",
		"not-deployed fuji":    "not deployed, so not looked at: validator set mumbai (has no Mailbox itself)",
		"not-deployed mumbai":  "not deployed, so not looked at: validator set fuji",
		"not-deployed sepolia": "not deployed, so not looked at: validator set mumbai (has no Mailbox itself), Safe governance, contracts a, b, c, d and 1 more",
	})

	env.ValidatorSets, env.Safes, env.Contracts = nil, nil, nil
	same(said(), map[string]string{"other ": ""})
}
