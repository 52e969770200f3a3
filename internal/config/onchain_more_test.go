package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// edited loads the environment with what is on chains, edited.
func edited(t *testing.T, edits string) (*config.Environment, config.Revision) {
	t.Helper()
	files := onchain(t)
	edit(t, files, edits)
	return load(t, write(t, files), "staging")
}

func TestTheGovernanceDigestFollowsWhatJudgesChangesOnChains(t *testing.T) {
	t.Parallel()
	_, unchanged := edited(t, "")
	for name, edits := range map[string]string{
		"a member":            `onchain.cue | {agent: "validator-1"} | {address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2", alias: "b"}`,
		"a threshold":         `onchain.cue | threshold: 2\n\t\tmembers | threshold: 3\n\t\tmembers`,
		"a grace":             `onchain.cue | "90m" | "91m"`,
		"an owner":            `onchain.cue | {safe: "council"} | {address: "0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1"}`,
		"a parameter":         `onchain.cue | want: 1800 | want: 1801`,
		"an invariant":        `onchain.cue | ">= 86400" | ">= 1"`,
		"the floor, as it is": `onchain.cue | validatorSets: { | validators: floor: {members: 3, threshold: "2/3"}\n\nvalidatorSets: {`,
		"a deployment":        `deployments/2026-11.json | 0x2222 | 0x4444`,
	} {
		if _, revision := edited(t, edits); revision.Governance != unchanged.Governance || revision.Config == unchanged.Config {
			t.Errorf("%s: governance %s, config %s: want the second changed only", name, revision.Governance, revision.Config)
		}
	}
	seen := map[string]string{unchanged.Governance: "nothing"}
	for name, edits := range map[string]string{
		"a call":                    `onchain.cue | gates: calls: { | gates: calls: "pause()": "sensitive"\n\ngates: calls: {`,
		"a call's risk":             `onchain.cue | "setUpdater(address)":             "sensitive" | "setUpdater(address)": "destructive"`,
		"the floor":                 `onchain.cue | validatorSets: { | validators: floor: threshold: "1/2"\n\nvalidatorSets: {`,
		"an unproven member":        `onchain.cue | unproven: [{member: "acme-0", | unproven: [{member: "validator-0", `,
		"when it expires":           `onchain.cue | 2027-01-31 | 2027-03-31`,
		"a service":                 `onchain.cue | /tx-service/sep | /tx-service/other`,
		"a service's key":           `onchain.cue | env:RECONCILE_SAFE_KEY | env:RECONCILE_SAFE_KEY_B`,
		"who proposes":              `onchain.cue | \n\t\tdelegate:   "owner" | `,
		"executing":                 `onchain.cue | \n\t\texecute:   true | `,
		"who owns what is executed": `onchain.cue | owners:    [{key: "owner"}]\n\t\tthreshold: 1\n\t\tmanaged | owners: [{key: "owner"}, {address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2"}]\n\t\tthreshold: 1\n\t\tmanaged`,
	} {
		_, revision := edited(t, edits)
		if other, twice := seen[revision.Governance]; twice {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[revision.Governance] = name
	}
}

func TestOrderIsNoGovernance(t *testing.T) {
	t.Parallel()
	_, one := edited(t, `onchain.cue | owners:    [{key: "owner"}]\n\t\tthreshold: 1\n\t\tmanaged | owners: [{key: "owner"}, {address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2"}]\n\t\tthreshold: 1\n\t\tmanaged`)
	_, other := edited(t, `onchain.cue | owners:    [{key: "owner"}]\n\t\tthreshold: 1\n\t\tmanaged | owners: [{address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2"}, {key: "owner"}]\n\t\tthreshold: 1\n\t\tmanaged`)
	if one.Governance != other.Governance {
		t.Error("the order of owners changes the digest of governance")
	}
}

func TestAMemberIsWhereItsAgentIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ edits, key, location string }{
		"a bucket per instance": {`agents.cue | validator: instances: 2 | validator: {instances: 2, storage: "perInstance"}`,
			"validator-0-attestation-fuji", "s3://acme-staging-validator-0/us-west-2/fuji"},
		"a bucket of another name": {`onchain.cue | gates: calls: { | buckets: "validator-0-fuji": {bucket: "legacy-fuji", region: "eu-west-1"}\n\ngates: calls: {`,
			"validator-0-attestation-fuji", "s3://legacy-fuji/eu-west-1"},
		"no bucket": {`onchain.cue | access: {organization: "acme", trust: ecs: {}}\n | `,
			"validator-0-attestation-fuji", ""},
		"one key": {`agents.cue | validator: instances: 2 | validator: {instances: 2, attestation: "one"}` + "\n" + `onchain.cue | validator-0-attestation-sepolia | validator-0-attestation`,
			"validator-0-attestation", "s3://acme-staging-validator-0-fuji/us-west-2"},
		"a key in a file": {`onchain.cue | keys: owner: use: "owner" | keys: owner: use: "owner"\nkeys: "validator-0-attestation-fuji": {holder: "keystore", path: "k.json"}`,
			"validator-0-attestation-fuji", "s3://acme-staging-validator-0-fuji/us-west-2"},
	} {
		env, _ := edited(t, c.edits)
		m := env.ValidatorSets[0].Members[0]
		if m.Key != c.key || m.Location != c.location {
			t.Errorf("%s: %s at %q, want %s at %q", name, m.Key, m.Location, c.key, c.location)
		}
		if inFile := name == "a key in a file"; inFile != (m.Account == "") || inFile != (m.Region == "") {
			t.Errorf("%s: account %q, region %q", name, m.Account, m.Region)
		}
	}
}

func TestASetLeadsWhereTheRoutesLead(t *testing.T) {
	t.Parallel()
	env, _ := edited(t, `onchain.cue | routes:     "all" | routes: [{from: "fuji", to: "sepolia"}]`)
	if diff := cmp.Diff([]string{"sepolia"}, env.ValidatorSets[0].Destinations); diff != "" {
		t.Errorf("destinations differ (-want +got):\n%s", diff)
	}
	env, _ = edited(t, `onchain.cue | destinations: ["fuji"] | destinations: "all"`)
	if diff := cmp.Diff([]string{"fuji"}, env.ValidatorSets[1].Destinations); diff != "" {
		t.Errorf("destinations differ (-want +got):\n%s", diff)
	}
}

func TestASetOfSomebodyElseHasNoFloor(t *testing.T) {
	t.Parallel()
	env, _ := edited(t, `onchain.cue | reason: "a rehearsal with one" | managed: false`)
	if s := env.ValidatorSets[1]; s.Managed || s.Reason != "" || s.Grace != 90*time.Minute {
		t.Errorf("set is %+v, want one that is watched", s)
	}
}

func TestAnEnvironmentChoosesItsFloor(t *testing.T) {
	t.Parallel()
	env, _ := edited(t, `onchain.cue | validatorSets: { | validators: floor: {members: 1, threshold: "1/2"}\n\nvalidatorSets: {`+"\n"+`onchain.cue | reason: "a rehearsal with one" | `)
	if diff := cmp.Diff(ism.Floor{Members: 1, Num: 1, Den: 2}, env.Floor); diff != "" {
		t.Errorf("floor differs (-want +got):\n%s", diff)
	}
}

func TestTheSenderIsTheOnlyOwnerKeyOrTheStatedOne(t *testing.T) {
	t.Parallel()
	second := `onchain.cue | keys: owner: use: "owner" | keys: {owner: use: "owner", second: {use: "owner", networks: ["sepolia"]}}\nfunding: sepolia: keys: second: {floor: "0.1", target: "0.2"}`
	for edits, want := range map[string]string{
		"":     "owner",
		second: "",
		second + "\n" + `onchain.cue | routes:     "all" | routes: "all"\nsender: "second"`: "second",
	} {
		env, _ := edited(t, edits)
		if env.Sender != want {
			t.Errorf("sender is %q, want %q", env.Sender, want)
		}
		key, _ := env.Key("owner")
		if diff := cmp.Diff([]string{"fuji", "sepolia"}, key.Networks); diff != "" {
			t.Errorf("networks of owner differ (-want +got):\n%s", diff)
		}
	}
}

// TestTwoEnvironmentsManageNoContractTogether copies the environment under
// another name: what is on the same chain at the same address is shared.
func TestTwoEnvironmentsManageNoContractTogether(t *testing.T) {
	t.Parallel()
	files := onchain(t)
	for name, data := range onchain(t) {
		if twin, ok := strings.CutPrefix(name, "environments/staging/"); ok {
			files["environments/twin/"+twin] = strings.NewReplacer(`name:     "staging"`, `name: "twin"`, "222233334444", "999933334444", "acme\", trust", "twin\", trust", "443113", "1").Replace(data)
		}
	}
	_, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
	if err == nil {
		t.Fatal("two environments with one Safe load")
	}
	for _, want := range []string{
		"safes.governance: Safe 43113:0xb2b2b2b2b2B2b2B2B2b2b2B2B2b2B2B2b2b2b2b2 is also in environment twin: environments share no Safes or contracts that they manage",
		"contracts.replica: contract 43113:0xc2C2C2C2C2C2c2c2c2c2C2C2c2C2C2C2C2C2c2C2 is also in environment twin",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %q:\n%v", want, err)
		}
	}
	for _, watched := range []string{"council", "contracts.home"} {
		if strings.Contains(err.Error(), watched) {
			t.Errorf("%s is watched only, and told as shared:\n%v", watched, err)
		}
	}
}

// TestAMirrorHasTheSameShapeOnChains: values differ, sizes do not.
func TestAMirrorHasTheSameShapeOnChains(t *testing.T) {
	t.Parallel()
	between := func(here, there string) error {
		files := onchain(t)
		real := onchain(t)
		edit(t, real, there)
		edit(t, files, here)
		for name, data := range real {
			if twin, ok := strings.CutPrefix(name, "environments/staging/"); ok {
				data = strings.NewReplacer(`name:     "staging"`, `name: "real"`, "222233334444", "999933334444", "acme\", trust", "real\", trust", "0xD1d1d1D1d1d1D1d1D1D1D1d1d1D1D1D1d1D1d1d1", "0xc2C2C2C2C2C2c2c2c2c2C2C2c2C2C2C2C2C2c2C2",
					"11155111", "1111", "0xb2b2b2b2b2B2b2B2B2b2b2B2B2b2B2B2b2b2b2b2", "0xd4d4d4D4D4d4d4d4d4D4d4D4d4d4d4d4d4d4D4d4", "43113", "4311").Replace(data)
				files["environments/real/"+twin] = data
			}
		}
		files["environments/staging/mirrors.cue"] = "package staging\n\nmirrors: {environment: \"real\", networks: {fuji: \"fuji\", sepolia: \"sepolia\"}}\n"
		root := write(t, files)
		if _, _, err := config.Load(config.Options{Root: root, Name: "real"}); err != nil {
			return err
		}
		_, _, err := config.Load(config.Options{Root: root, Name: "staging"})
		return err
	}
	mirrored := func(edits string) error { return between("", edits) }
	const without = `onchain.cue | sepolia: {\n\t\ttype: | #none: {\n\t\ttype:`
	if err := between(without, ""); err == nil || !strings.Contains(err.Error(), "validatorSets.sepolia: is missing, real has that of sepolia") {
		t.Errorf("a set that is missing here: %v", err)
	}
	if err := between("", without); err == nil || !strings.Contains(err.Error(), "validatorSets.sepolia: is not in real, where sepolia stands for it") {
		t.Errorf("a set that is missing there: %v", err)
	}
	if err := mirrored(""); err != nil {
		t.Fatalf("the same shape: %v", err)
	}
	for edits, want := range map[string]string{
		`onchain.cue | threshold: 2\n\t\tmembers | threshold: 3\n\t\tmembers`: "validatorSets.fuji.threshold: is 2, in real 3",
		`onchain.cue | {agent: "validator-1"}, | {agent: "validator-1"}, {address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2", alias: "b", region: "eu-west-1"},\n\t\t\t{address: "0xA4a4A4A4A4a4a4a4a4a4a4A4a4a4a4a4A4a4A4A4", alias: "c"},` + "\n" + `onchain.cue | threshold: 2\n\t\tmembers | threshold: 4\n\t\tmembers`: "validatorSets.fuji.members: is 3, in real 5",
		`onchain.cue | type:      "either" | type: "merkle-root"`:                                                    "validatorSets.sepolia.type: is either, in real merkle-root",
		`onchain.cue | {agent: "validator-1"} | {address: "0xa2A2a2A2A2A2A2a2a2a2a2A2A2A2A2a2A2A2a2a2", alias: "b"}`: "validatorSets.fuji.agents: is 2, in real 1",
		`onchain.cue | threshold: 2\n\t\tversion | threshold: 3\n\t\tversion`:                                        "safes.governance.fuji.threshold: is 2, in real 3",
		`onchain.cue | optimisticSeconds: {read: "optimisticSeconds()(uint256)", want: 1800} | `:                     "contracts.fuji: has 2 contracts with 4 parameters (2 written), 5 invariants and 1 scans, in real 2 with 3 (2), 5 and 1",
	} {
		if err := mirrored(edits); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got %v\nwant %s", edits, err, want)
		}
	}
}

// BenchmarkChainSide shows that evaluation grows with what is declared, and not
// with its square: contracts, sets and Safes of one network cost the same among 8
// networks and among 64.
func BenchmarkChainSide(b *testing.B) {
	for _, networks := range []int{8, 64} {
		b.Run(fmt.Sprint(networks), func(b *testing.B) {
			root := write(b, manyNetworks(networks))
			b.ResetTimer()
			for range b.N {
				if _, _, err := config.Load(config.Options{Root: root, Name: "staging"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*networks), "ms/network")
		})
	}
}

// manyNetworks is an environment with a set, a Safe and 3 contracts per network.
func manyNetworks(n int) map[string]string {
	var networks strings.Builder
	for i := range n {
		fmt.Fprintf(&networks, "\tn%d: {chainId: %d, domainId: %d, class: \"testnet\", nativeToken: symbol: \"ETH\", rpc: [\"https://n%d.drpc.org\"], confirmations: 1}\n", i, i+1, i+1, i)
	}
	return map[string]string{filepath.Join("environments", "staging", "environment.cue"): `package staging

name: "staging", purpose: "many", class: "testnet", accounts: "kms"
aws: {account: "222233334444", region: "us-west-2"}
gates: {routine: "auto", sensitive: "auto", destructive: "auto", calls: "setUpdater(address)": "sensitive"}
agentSet: "hyperlane"
routes: "all"
keys: {bank: use: "bank", owner: use: "owner"}
networks: {
` + networks.String() + `}
funding: {for name, _ in networks {(name): {
	caps: {transaction: "1", plan: "2", day: "3"}
	roles: {validator: {floor: "0.1", target: "0.2"}, relayer: {floor: "0.1", target: "0.2"}}
	keys: owner: "none"
}}}
validatorSets: {for name, _ in networks {(name): {threshold: 2, members: [{agent: "validator-0"}, {agent: "validator-1"}, {agent: "validator-2"}]}}}
safes: governance: {networks: "all", owners: [{key: "owner"}], threshold: 1}
contracts: {for name, _ in networks for role in ["home", "router", "manager"] {"\(role)-\(name)": {
	network: name, address: "deployment:\(role)", owner: safe: "governance"
	parameters: updater: {read: "updater()(address)", want: key: "validator-0-attestation-\(name)", write: "setUpdater(address)"}
	invariants: {
		domain: {read: "localDomain()(uint32)", must: domain: name, reason: "it is the chain's"}
		zero: {read: "acceptableRoot(bytes32)(bool)", args: ["0x0000000000000000000000000000000000000000000000000000000000000000"], must: false, reason: "nothing is proved"}
	}
}}}
`}
}
