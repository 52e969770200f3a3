package config_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// deployedNomad is an overlay with the Nomad contracts of an environment's
// networks at made-up addresses.
func deployedNomad(t *testing.T, env *config.Environment) *config.Overlay {
	t.Helper()
	d := config.Deployment{ID: "made-up", Networks: map[string]map[string]config.Deployed{}}
	next := int64(0x1000)
	for _, n := range env.Networks {
		roles := []string{"home", "homeBeacon", "updaterManager", "xAppConnectionManager", "governanceRouter", "governanceRouterBeacon", "upgradeBeaconController", "replicaBeacon"}
		for _, other := range env.Networks {
			if other.Name != n.Name {
				roles = append(roles, "replica-"+other.Name)
			}
		}
		d.Networks[n.Name] = map[string]config.Deployed{}
		for _, role := range roles {
			next++
			d.Networks[n.Name][role] = config.Deployed{Address: common.BigToAddress(big.NewInt(next)).Hex()}
		}
	}
	file, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"environment": env.Name, "networks": map[string]any{}, "deployment": json.RawMessage(file)})
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := config.LoadOverlay("o.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return overlay
}

func TestTheNomadSetIsDeclaredByConfigurationAlone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"development", "staging", "production"} {
		env, _ := load(t, roots()[1], name)
		n := len(env.Networks)
		if want := 5*n + n*(n-1); len(env.Contracts) != want {
			t.Errorf("%s: %d contracts, want 5 for each of %d networks and one for each pair: %d", name, len(env.Contracts), n, want)
		}
		there, _, err := config.Load(config.Options{Root: roots()[1], Name: name, Overlay: deployedNomad(t, env)})
		if err != nil {
			t.Errorf("%s, deployed: %v", name, err)
			continue
		}
		for _, c := range there.Contracts {
			if c.Address == "" || (c.Through == config.ThroughBeacon) != (c.Beacon != "") {
				t.Errorf("%s: %s is at %q, its beacon at %q", name, c.Name, c.Address, c.Beacon)
			}
		}
	}
}

// TestTheNomadSetNamesWhatWentWrongIn2022: a replica that takes root zero, a short
// recovery timelock, a recovery manager without code.
func TestTheNomadSetNamesWhatWentWrongIn2022(t *testing.T) {
	t.Parallel()
	env, _ := load(t, roots()[1], "staging")
	got := map[string]string{}
	for _, name := range []string{"replica-fuji-on-sepolia", "governance-router-sepolia"} {
		i := slices.IndexFunc(env.Contracts, func(c config.Contract) bool { return c.Name == name })
		for _, invariant := range env.Contracts[i].Invariants {
			got[invariant.Read] = invariant.Must
		}
	}
	want := map[string]string{
		"acceptableRoot(bytes32)(bool)": "false", "confirmAt(bytes32)(uint256)": "0", "localDomain()(uint32)": "9999", "state()(uint8)": "1",
		"recoveryTimelock()(uint256)": ">= 86400", "recoveryManager()(address)": "code", "recoveryActiveAt()(uint256)": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("invariants differ (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(env.Contracts, func(c config.Contract) bool { return c.Name == "connections-sepolia" })
	watchers := env.Contracts[i].Scans[0].Want
	if diff := cmp.Diff([][]config.Want{{{Literal: "5000"}, {Key: "watcher-attestation-moonbasealpha"}}, {{Literal: "43113"}, {Key: "watcher-attestation-fuji"}}}, watchers,
		cmp.Transformer("sorted", func(w [][]config.Want) map[string]string {
			m := map[string]string{}
			for _, e := range w {
				m[e[0].Literal] = e[1].Key
			}
			return m
		})); diff != "" {
		t.Errorf("watchers differ (-want +got):\n%s", diff)
	}
}
