package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// with loads the base environment with edits and further files.
func with(t *testing.T, edits string, more map[string]string) *config.Environment {
	t.Helper()
	files := base(t)
	edit(t, files, edits)
	for name, data := range more {
		files["environments/staging/"+name] = data
	}
	env, _ := load(t, write(t, files), "staging")
	return env
}

func keyNames(env *config.Environment, has string) []string {
	var names []string
	for _, k := range env.Keys {
		if strings.Contains(k.Name, has) {
			names = append(names, k.Name)
		}
	}
	return names
}

func TestASecondInstanceRenamesNothing(t *testing.T) {
	t.Parallel()
	one, two := with(t, "", nil), with(t, "agents.cue | relayer: {} | relayer: instances: 2\n", nil)
	first, second := keyNames(one, "relayer"), keyNames(two, "relayer")
	if diff := cmp.Diff([]string{"relayer-signer-fuji", "relayer-signer-sepolia"}, first); diff != "" {
		t.Errorf("keys of one relayer differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"relayer-1-signer-fuji", "relayer-1-signer-sepolia", "relayer-signer-fuji", "relayer-signer-sepolia"}, second); diff != "" {
		t.Errorf("keys of two relayers differ (-want +got):\n%s", diff)
	}
	wallets := slices.ContainsFunc(two.Funding[0].Wallets, func(w config.Wallet) bool { return w.Name == "relayer-1-signer-fuji" })
	if !wallets {
		t.Error("the second relayer is not funded")
	}
}

func TestASharedSignerIsOneKeyFundedOnEachNetwork(t *testing.T) {
	t.Parallel()
	env := with(t, "agents.cue | relayer: {} | relayer: signer: \"shared\"\n", nil)
	key, ok := env.Key("relayer-signer")
	if !ok {
		t.Fatalf("no key relayer-signer among %v", keyNames(env, ""))
	}
	if diff := cmp.Diff([]string{"fuji", "sepolia"}, key.Networks); diff != "" {
		t.Errorf("its networks differ (-want +got):\n%s", diff)
	}
	for _, f := range env.Funding {
		if !slices.ContainsFunc(f.Wallets, func(w config.Wallet) bool { return w.Name == "relayer-signer" }) {
			t.Errorf("not funded on %s", f.Network)
		}
	}
}

func TestTheOpticsSetSignsWithOneKeyPerAgent(t *testing.T) {
	t.Parallel()
	env := with(t, `agents.cue | agents: {\n\tvalidator: instances: 2\n\trelayer: {}\n} | agentSet: "optics"`+"\n"+
		`funding.cue | roles: { | roles: {\n\t\t\twatcher: {floor: "1", target: "2"}\n\t\t\tupdater: {floor: "1", target: "2"}\n\t\t\tprocessor: {floor: "1", target: "2"}\n\t\t\tkathy: "none"`+"\n", nil)
	want := []string{"bank", "kathy-signer", "processor-signer", "relayer-signer", "updater-attestation", "updater-signer", "watcher-attestation", "watcher-signer"}
	if diff := cmp.Diff(want, keyNames(env, "")); diff != "" {
		t.Errorf("keys differ (-want +got):\n%s", diff)
	}
	for _, w := range env.Funding[0].Wallets {
		if w.Name == "kathy-signer" || strings.Contains(w.Name, "attestation") {
			t.Errorf("%s is funded", w.Name)
		}
	}
}

func TestAnAgentOfASetCanBeTakenOutAndAnotherAdded(t *testing.T) {
	t.Parallel()
	env := with(t, `agents.cue | agents: { | agentSet: "hyperlane"\n\nagents: {\n\tscout: {role: "relayer", networks: ["fuji"]}`+"\n"+
		`agents.cue | relayer: {} | relayer: enabled: false`+"\n", nil)
	var names []string
	for _, a := range env.Agents {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"scout", "validator"}, names); diff != "" {
		t.Errorf("agents differ (-want +got):\n%s", diff)
	}
	scout := env.Agents[0]
	if len(scout.Routes) != 0 || scout.Role != "relayer" || env.Agents[1].Instances != 2 {
		t.Errorf("scout %+v, validator %+v", scout, env.Agents[1])
	}
}

func TestWhatIsStatedAboutAKeyWins(t *testing.T) {
	t.Parallel()
	env := with(t, `agents.cue | keys: bank: use: "bank" | keys: bank: {use: "bank", holder: "keystore", path: "keys/bank.json"}`+"\n"+
		`agents.cue | package staging | package staging\n\nkeys: "relayer-signer-fuji": {alias: "alias/old-relayer", adopt: true, region: "eu-west-1"}\nkeys: "relayer-signer-sepolia": holder: "hex"`+"\n", nil)
	got := map[string]string{}
	for _, name := range []string{"bank", "relayer-signer-fuji", "relayer-signer-sepolia"} {
		k, _ := env.Key(name)
		adopt := ""
		if k.Adopt {
			adopt = " adopt"
		}
		got[name] = k.ResourceID().String() + " " + k.Alias + adopt + " " + k.Source.String()
	}
	want := map[string]string{
		"bank":                   "keystore/local/bank staging-bank environments/staging/agents.cue:10",
		"relayer-signer-fuji":    "kms-key/eu-west-1/relayer-signer-fuji alias/old-relayer adopt environments/staging/agents.cue:3",
		"relayer-signer-sepolia": "secret-key/us-west-2/relayer-signer-sepolia staging-relayer-signer-sepolia environments/staging/agents.cue:4",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys differ (-want +got):\n%s", diff)
	}
}

func TestANamedSignerServesItsAgent(t *testing.T) {
	t.Parallel()
	env := with(t, `agents.cue | relayer: {} | relayer: signerKey: "old-signer"`+"\n"+
		`agents.cue | keys: bank | keys: "old-signer": {use: "signer", alias: "alias/old"}\nkeys: bank`+"\n", nil)
	key, _ := env.Key("old-signer")
	if diff := cmp.Diff([]string{"fuji", "sepolia"}, key.Networks); diff != "" || key.Role != "relayer" {
		t.Errorf("role %q, networks differ (-want +got):\n%s", key.Role, diff)
	}
	if names := keyNames(env, "relayer"); len(names) != 0 {
		t.Errorf("keys of its own: %v", names)
	}
}

func TestAnOverrideOfOneKeyLeavesTheOthers(t *testing.T) {
	t.Parallel()
	env := with(t, `funding.cue | fuji: { | fuji: {\n\t\tkeys: {\n\t\t\t"validator-1-signer-fuji": {floor: "5", target: "9"}\n\t\t\t"validator-0-signer-fuji": "none"\n\t\t\t"validator-0-attestation-fuji": {floor: "0.001", target: "0.002"}\n\t\t}`+"\n", nil)
	got := map[string]string{}
	for _, w := range env.Funding[0].Wallets {
		got[w.Name] = w.Floor.String() + " " + w.Target.String() + " " + w.Source.String()
	}
	want := map[string]string{
		"relayer-signer-fuji":          "300000000000000000 900000000000000000 environments/staging/funding.cue:20",
		"validator-0-attestation-fuji": "1000000000000000 2000000000000000 environments/staging/funding.cue:15",
		"validator-1-signer-fuji":      "5000000000000000000 9000000000000000000 environments/staging/funding.cue:13",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wallets of fuji differ (-want +got):\n%s", diff)
	}
}

func TestALiteralRecipientIsFundedByItsAddress(t *testing.T) {
	t.Parallel()
	env := with(t, `funding.cue | fuji: { | fuji: {\n\t\twallets: oracle: {address: "0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26", floor: "1", target: "2", burnPerDay: "0.5"}`+"\n", nil)
	w := env.Funding[0].Wallets[0]
	if w.Name != "oracle" || w.Address != "0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26" || w.BurnPerDay.String() != "500000000000000000" {
		t.Errorf("wallet is %+v", w)
	}
}

func TestAnEndpointMayComeFromTheNetworksOwnVariable(t *testing.T) {
	t.Parallel()
	env := with(t, `networks.cue | "https://sepolia.drpc.org" | "env:RECONCILE_RPC_SEPOLIA", "https://sepolia.drpc.org"`+"\n", nil)
	n, _ := env.Network("sepolia")
	if diff := cmp.Diff([]string{"env:RECONCILE_RPC_SEPOLIA", "https://sepolia.drpc.org"}, n.RPC); diff != "" {
		t.Errorf("endpoints differ (-want +got):\n%s", diff)
	}
	if name := config.Variable("sepolia"); name != "RECONCILE_RPC_SEPOLIA" {
		t.Errorf("its variable is %s", name)
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	env := with(t, "", nil)
	fuji, _ := env.Network("fuji")
	got := []any{
		string(env.Mode), env.Addresses, env.Store.Kind, env.Store.Path, env.Governance.TrustedRef, env.Governance.PlanLife.String(),
		env.Governance.Belts, fuji.Display, fuji.Stack, fuji.TxType, fuji.Decimals, fuji.BatchSize, env.Agents[0].OperatedBy,
	}
	want := []any{
		"managed", "observed", "file", ".reconcile/staging", "refs/heads/main", "24h0m0s",
		config.Belts{UpdateShare: 100, DeleteShare: 10, MinResources: 10, KeysRetired: count(1), ThresholdMove: count(1), MemberMoves: count(4)}, "fuji", "other", "auto", 18, 100, "us",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
}

func TestValuesMayBeComputedAndTheSchemaImported(t *testing.T) {
	t.Parallel()
	env := with(t, "", map[string]string{"more.cue": `package staging

import (
	"strings"

	"` + config.SchemaPath + `"
)

_shape: schema.#NativeToken & {symbol: "POL"}

for name, id in {amoy: 80002, zkevm: 2442} {
	networks: (name): {
		chainId: id, domainId: id, class: "testnet", confirmations: 1
		nativeToken: _shape
		rpc: ["https://" + strings.ToLower(name) + ".example.org"]
	}
	funding: (name): {
		caps: {transaction: "1", plan: "2", day: "3"}
		roles: {validator: "none", relayer: {floor: "1", target: "2"}}
	}
}
`})
	amoy, ok := env.Network("amoy")
	if !ok || amoy.RPC[0] != "https://amoy.example.org" || amoy.Symbol != "POL" || amoy.Source.File != "environments/staging/more.cue" {
		t.Errorf("amoy is %+v, %v", amoy, ok)
	}
}

func TestAMirrorWithItsDifferencesNamedLoads(t *testing.T) {
	t.Parallel()
	env, _ := load(t, roots()[1], "staging")
	if env.Mirrors == nil || env.Mirrors.Environment != "production" || env.Mirrors.Networks["fuji"] != "evmos" || len(env.Mirrors.Exceptions) != 1 {
		t.Errorf("mirrors is %+v", env.Mirrors)
	}
}

func TestABrokenNeighbourDoesNotStopAnEnvironmentThatDoesNotMirrorIt(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/development/x.cue"] = "package development\n\nname: "
	load(t, write(t, files), "staging")
}
