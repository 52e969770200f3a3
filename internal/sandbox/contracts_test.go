package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// lagoon is a small environment of three networks; more is CUE that is added.
func lagoon(more string) string {
	var b strings.Builder
	b.WriteString(`package lagoon

name:     "lagoon"
purpose:  "three networks with contracts"
class:    "testnet"
accounts: "hex"
operator: "core"
aws: {account: "111122223333", region: "us-west-2"}
store: {kind: "file", path: ".reconcile/lagoon"}
agents: relayer: {}
keys: bank: use: "bank"
gates: {routine: "auto", sensitive: "auto", destructive: "auto"}
`)
	for i, name := range []string{"north", "east", "west"} {
		fmt.Fprintf(&b, `networks: %[1]s: {
	chainId: %[2]d, domainId: %[3]d, class: "testnet", nativeToken: symbol: "ETH"
	rpc: ["https://%[1]s.example.org"], confirmations: 1
}
funding: %[1]s: {
	caps: {transaction: "1", plan: "2", day: "4"}
	roles: relayer: {floor: "0.1", target: "0.4"}
}
`, name, 880001+i, 7001+i)
	}
	return b.String() + more
}

// What environments declare for contracts.
const (
	oneOwner = `keys: owner: use: "owner"
funding: [=~"north|east|west"]: keys: owner: "none"
`
	threeOwners = `keys: [=~"^owner-"]: use: "owner"
keys: {"owner-0": {}, "owner-1": {}, "owner-2": {}}
funding: [=~"north|east|west"]: keys: {"owner-0": "none", "owner-1": "none", "owner-2": "none"}
sender: "owner-0"
`
	council = `safes: council: {
	networks: "all", threshold: 2
	owners: [{key: "owner-0"}, {key: "owner-1"}, {safe: "inner"}]
}
safes: inner: {networks: "all", threshold: 1, owners: [{key: "owner-2"}, {address: "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}]}
`
)

// repository is a git repository with one environment.
func repository(t *testing.T, text string) string {
	t.Helper()
	root := t.TempDir()
	path := filepath.Join(root, "environments", "lagoon", "environment.cue")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-q", "-m", "first"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=" + os.DevNull}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	return root
}

// contracted is a sandbox of lagoon with contracts, and somebody in it.
type contracted struct {
	*Somebody
	t      *testing.T
	folder string
	said   []string
}

// bringUp starts it; the keys of with are there with a coin on each network.
func bringUp(t *testing.T, more string, c Contracts, with ...string) *contracted {
	t.Helper()
	w := &contracted{t: t, folder: filepath.Join(t.TempDir(), "worlds")}
	coins := map[string]string{}
	for _, name := range with {
		coins[name] = "1"
	}
	running, err := Up(t.Context(), Options{
		Root: repository(t, lagoon(more)), Name: "lagoon", Folder: w.folder, Tools: ".", Contracts: &c, With: coins,
		Progress: func(line string) { w.said = append(w.said, line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	if w.Somebody, err = Visit(t.Context(), w.folder, "lagoon"); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *contracted) client(network string) *ethclient.Client {
	w.t.Helper()
	n, _ := w.env.Network(network)
	client, err := ethclient.DialContext(w.t.Context(), n.RPC[0])
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return client
}

func (w *contracted) read(network string, to common.Address, method string, args ...any) any {
	w.t.Helper()
	values, err := contractstest.Read(w.t.Context(), w.client(network), to, method, args...)
	if err != nil {
		w.t.Fatalf("%s: %s: %v", network, method, err)
	}
	return values[0]
}

func (w *contracted) contract(network, role string) common.Address {
	w.t.Helper()
	c, ok := w.env.Deployment.Contract(network, role)
	if !ok {
		w.t.Fatalf("%s has no %s", network, role)
	}
	return common.HexToAddress(c.Address)
}

// address of a key, by the key itself.
func (w *contracted) address(name string) common.Address {
	w.t.Helper()
	key, err := w.key(name)
	if err != nil {
		w.t.Fatal(err)
	}
	address, _, err := w.signer(w.t.Context(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

// requirePinned demands that all code is on the chain as the deployment pins it.
func (w *contracted) requirePinned() {
	w.t.Helper()
	for network, contracts := range w.env.Deployment.Networks {
		client := w.client(network)
		pinned := func(what, address, want string) {
			code, err := client.CodeAt(w.t.Context(), common.HexToAddress(address), nil)
			if have := evm.CodeHash(code).Hex(); err != nil || have != want || len(code) == 0 {
				w.t.Errorf("%s: %s has code %s (%v), the deployment pins %s", network, what, have, err, want)
			}
		}
		if len(contracts) != 12 {
			w.t.Errorf("%s: %d contracts", network, len(contracts))
		}
		for role, c := range contracts {
			pinned(role, c.Address, c.CodeHash)
			if behind := role == config.RoleMailbox || strings.HasSuffix(role, "Factory"); behind != (c.Implementation != "") {
				w.t.Errorf("%s: %s pins implementation %q", network, role, c.Implementation)
			} else if behind {
				pinned(role+"'s implementation", c.Implementation, c.ImplementationHash)
			}
		}
	}
}

func TestASandboxHasContractsThatItsOwnerKeyOwns(t *testing.T) {
	t.Parallel()
	w := bringUp(t, oneOwner, Contracts{})
	w.requirePinned()
	owner := w.address("owner")
	for _, n := range w.env.Networks {
		mailbox := w.contract(n.Name, config.RoleMailbox)
		routing := w.read(n.Name, mailbox, "defaultIsm()(address)").(common.Address)
		for what, at := range map[string]common.Address{"Mailbox": mailbox, "routing ISM": routing} {
			if have := w.read(n.Name, at, "owner()(address)"); have != owner {
				t.Errorf("%s: the %s's owner is %s, need %s", n.Name, what, have, owner)
			}
		}
		if have := w.read(n.Name, mailbox, "localDomain()(uint32)"); have != n.DomainID {
			t.Errorf("%s: domain is %v, need %d", n.Name, have, n.DomainID)
		}
		if have := len(w.read(n.Name, routing, "domains()(uint256[])").([]*big.Int)); have != len(w.env.Networks)-1 {
			t.Errorf("%s: %d origins", n.Name, have)
		}
		if balance, err := w.client(n.Name).BalanceAt(t.Context(), owner, nil); err != nil || coins(balance, 18) != "100" {
			t.Errorf("%s: the owner holds %s (%v)", n.Name, balance, err)
		}
	}
	requireFiles(t, w)
	makers, err := keyKinds(w.session)
	if err != nil {
		t.Fatal(err)
	}
	var made []*purse
	for _, name := range []string{"bank", "owner"} {
		key, _ := w.env.Key(name)
		made = append(made, &purse{key: key, address: w.address(name)})
	}
	requireConverged(t, w.env, makers["secret-key"], made...)
}

// requireFiles demands that the file and the overlay say the same.
func requireFiles(t *testing.T, w *contracted) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.folder, "lagoon", DeploymentFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.ParseDeployment(DeploymentFile, data); err != nil {
		t.Error(err)
	}
	var in, file bytes.Buffer
	if err := json.Compact(&in, w.env.Overlay.Deployment); err != nil {
		t.Error(err)
	}
	if err := json.Compact(&file, data); err != nil || in.String() != file.String() {
		t.Errorf("the overlay's deployment is not the file's (%v)", err)
	}
	folder := w.env.Overlay.Checkpoints
	if info, err := os.Stat(folder); err != nil || !info.IsDir() || !filepath.IsAbs(folder) {
		t.Errorf("checkpoints are at %s (%v)", folder, err)
	}
	state, err := Running(w.folder, "lagoon")
	if err != nil || !strings.Contains(state.Contracts, "on 3 networks, owned by key owner") {
		t.Errorf("the state says %q (%v)", state.Contracts, err)
	}
}

func TestASandboxsContractsAreOwnedByTheDeclaredSafe(t *testing.T) {
	t.Parallel()
	w := bringUp(t, threeOwners+council, Contracts{Owner: "safe:council", Shape: contractstest.ShapeAggregation})
	w.requirePinned()
	for _, n := range w.env.Networks {
		council := common.HexToAddress(w.env.Deployment.Safes[n.Name]["council"])
		inner := common.HexToAddress(w.env.Deployment.Safes[n.Name]["inner"])
		if have := w.read(n.Name, w.contract(n.Name, config.RoleMailbox), "owner()(address)"); have != council {
			t.Errorf("%s: owner is %s, need %s", n.Name, have, council)
		}
		if have, want := fmt.Sprint(w.read(n.Name, council, "getOwners()(address[])")), fmt.Sprint([]common.Address{w.address("owner-0"), w.address("owner-1"), inner}); have != want {
			t.Errorf("%s: owners of the Safe are %s, need %s", n.Name, have, want)
		}
		top := w.read(n.Name, w.contract(n.Name, config.RoleMailbox), "defaultIsm()(address)").(common.Address)
		if have := w.read(n.Name, top, "moduleType()(uint8)"); have != uint8(2) {
			t.Errorf("%s: the default ISM is of type %v", n.Name, have)
		}
	}
	for _, s := range w.env.Safes {
		if s.Address == "" || s.Address != w.env.Deployment.Safes[s.Network][s.Name] {
			t.Errorf("%s is at %q", s.ResourceID(), s.Address)
		}
	}
}

func TestWhereNoSafeIsDeclaredASandboxMakesOneOfThreeOwnerKeys(t *testing.T) {
	t.Parallel()
	w := bringUp(t, threeOwners, Contracts{Owner: OwnerSafe})
	for _, n := range w.env.Networks {
		safe := common.HexToAddress(w.env.Deployment.Safes[n.Name]["sandbox"])
		if have := w.read(n.Name, w.contract(n.Name, config.RoleMailbox), "owner()(address)"); have != safe {
			t.Errorf("%s: owner is %s, need %s", n.Name, have, safe)
		}
		if have := fmt.Sprint(w.read(n.Name, safe, "getThreshold()(uint256)"), len(w.read(n.Name, safe, "getOwners()(address[])").([]common.Address))); have != "2 3" {
			t.Errorf("%s: threshold and owners are %s", n.Name, have)
		}
	}
}

func TestASandboxSaysWhatContractsNeedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more      string
		contracts Contracts
		want      string
	}{
		"no owner":               {"", Contracts{}, `hint: declare it: keys: owner: use: "owner"`},
		"an owner elsewhere":     {`keys: owner: {use: "owner", networks: ["north"]}` + "\nfunding: north: keys: owner: \"none\"\n", Contracts{}, "key owner is not used on east"},
		"too few for a Safe":     {oneOwner, Contracts{Owner: "safe"}, "1 keys of use owner, a 2-of-3 Safe needs 3"},
		"two Safes":              {threeOwners + council, Contracts{Owner: "safe"}, "hint: say which one owns: --owner safe:council"},
		"a Safe that is not":     {threeOwners + council, Contracts{Owner: "safe:cuncil"}, `no Safe "cuncil" among 2`},
		"a Safe on some":         {threeOwners + `safes: council: {networks: north: "deployment", threshold: 1, owners: [{key: "owner-0"}]}`, Contracts{Owner: "safe"}, "Safe council is not the deployment's on east"},
		"a Safe of old":          {threeOwners + `safes: council: {networks: "all", version: "1.3.0", threshold: 1, owners: [{key: "owner-0"}]}`, Contracts{}, "version is 1.3.0, a sandbox has 1.4.1 only"},
		"an owner of what":       {oneOwner, Contracts{Owner: "multisig"}, `owner "multisig" is none of eoa, safe and safe:NAME`},
		"a shape of what":        {oneOwner, Contracts{Shape: "round"}, `shape "round" is neither routing nor aggregation`},
		"nothing after the name": {oneOwner, Contracts{Owner: "safe:"}, `owner "safe:" is none of`},
	} {
		folder := t.TempDir()
		_, err := Up(t.Context(), Options{
			Root: repository(t, lagoon(c.more)), Name: "lagoon", Folder: folder, Tools: "nowhere", Contracts: &c.contracts,
			Progress: func(line string) { t.Errorf("%s: %s", name, line) },
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, need %q", name, err, c.want)
		}
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestWhatAKilledSandboxDeployedIsGoneWhenTheNextOneStarts(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	killed, err := Claim(parent, "lagoon")
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(CheckpointsFolder, "north", "validator-0")
	if err := os.MkdirAll(killed.Path(kept), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := killed.put(DeploymentFile, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := killed.lock.Close(); err != nil { // as its process ends
		t.Fatal(err)
	}
	next, err := Claim(parent, "lagoon")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = next.Release() })
	for _, name := range []string{DeploymentFile, CheckpointsFolder} {
		if _, err := os.Stat(next.Path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", name, err)
		}
	}
}
