package contractstest_test

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func nomad(t *testing.T) contractstest.NomadOptions {
	t.Helper()
	return contractstest.NomadOptions{
		Domain: 1000, Remote: 2000, Updater: address(t, "updater"), RemoteUpdater: address(t, "remote updater"),
		Watchers: []common.Address{address(t, "w1"), address(t, "w2")}, OptimisticSeconds: 1800,
		RecoveryTimelock: 1, RecoveryManager: address(t, "recovery"),
	}
}

func TestTheDoublesOfNomadAnswerWithTheRealSelectors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		o := nomad(t)
		at, err := contractstest.Nomad(t.Context(), client, key(t, "deployer"), o)
		if err != nil {
			t.Fatal(err)
		}
		hash := func(domain byte, n byte) [32]byte {
			return [32]byte(crypto.Keccak256([]byte{0, 0, domain, n, 'N', 'O', 'M', 'A', 'D'}))
		}
		for _, c := range []struct {
			of               common.Address
			method, selector string // as computed from the originals' sources
			want             any
			args             []any
		}{
			{at.Home, "owner()(address)", "8da5cb5b", at.GovernanceRouter, nil},
			{at.Home, "updater()(address)", "df034cd0", o.Updater, nil},
			{at.Home, "state()(uint8)", "c19d93fb", uint8(1), nil},
			{at.Home, "localDomain()(uint32)", "8d3638f4", o.Domain, nil},
			{at.Home, "homeDomainHash()(bytes32)", "45630b1a", hash(3, 232), nil},
			{at.Home, "committedRoot()(bytes32)", "67a6771d", [32]byte{}, nil},
			{at.Home, "updaterManager()(address)", "9df6c8e1", at.UpdaterManager, nil},
			{at.Home, "nonces(uint32)(uint32)", "b95a2001", uint32(0), []any{uint32(7)}},
			{at.Home, "root()(bytes32)", "ebf0c717", [32]byte{}, nil},
			{at.Replica, "owner()(address)", "8da5cb5b", at.GovernanceRouter, nil},
			{at.Replica, "updater()(address)", "df034cd0", o.RemoteUpdater, nil},
			{at.Replica, "remoteDomain()(uint32)", "961681dc", o.Remote, nil},
			{at.Replica, "homeDomainHash()(bytes32)", "45630b1a", hash(7, 208), nil},
			{at.Replica, "acceptableRoot(bytes32)(bool)", "a3f81d68", true, []any{[32]byte{}}},
			{at.Replica, "acceptableRoot(bytes32)(bool)", "a3f81d68", true, []any{[32]byte{31: 1}}},
			{at.Replica, "acceptableRoot(bytes32)(bool)", "a3f81d68", false, []any{[32]byte{31: 2}}},
			{at.XAppConnectionManager, "home()(address)", "9fa92f9d", at.Home, nil},
			{at.XAppConnectionManager, "replicaToDomain(address)(uint32)", "5f8b1dba", o.Remote, []any{at.Replica}},
			{at.XAppConnectionManager, "domainToReplica(uint32)(address)", "b9cff162", at.Replica, []any{o.Remote}},
			{at.XAppConnectionManager, "isReplica(address)(bool)", "5190bc53", true, []any{at.Replica}},
			{at.XAppConnectionManager, "watcherPermission(address,uint32)(bool)", "427ebef5", true, []any{o.Watchers[1], o.Remote}},
			{at.XAppConnectionManager, "watcherPermission(address,uint32)(bool)", "427ebef5", false, []any{o.Updater, o.Remote}},
			{at.GovernanceRouter, "governor()(address)", "0c340a24", address(t, "deployer"), nil},
			{at.GovernanceRouter, "governorDomain()(uint32)", "5585416c", o.Domain, nil},
			{at.GovernanceRouter, "recoveryManager()(address)", "de314b19", o.RecoveryManager, nil},
			{at.GovernanceRouter, "inRecovery()(bool)", "f05151df", false, nil},
			{at.GovernanceRouter, "routers(uint32)(bytes32)", "2ead72f6", [32]byte{}, []any{o.Remote}},
			{at.GovernanceRouter, "xAppConnectionManager()(address)", "3339df96", at.XAppConnectionManager, nil},
			{at.GovernanceRouter, "inboundCallBatches(bytes32)(uint8)", "13555d89", uint8(0), []any{[32]byte{}}},
			{at.GovernanceRouter, "recoveryTimelock()(uint256)", "670a43c4", 1, nil},
			{at.GovernanceRouter, "recoveryActiveAt()(uint256)", "e5429298", 0, nil},
			{at.Home, "count()(uint256)", "06661abd", 0, nil},
			{at.Home, "queueLength()(uint256)", "ab91c7b0", 0, nil},
			{at.Replica, "optimisticSeconds()(uint256)", "39992668", 1800, nil},
			{at.Replica, "confirmAt(bytes32)(uint256)", "71bfb7b8", 1, []any{[32]byte{}}},
			{at.UpdaterManager, "owner()(address)", "8da5cb5b", at.GovernanceRouter, nil},
		} {
			selector := evm.MustMethod(c.method).Selector()
			if have := read(t, client, c.of, c.method, c.args...); evm.Format(have) != evm.Format(c.want) || hex.EncodeToString(selector[:]) != c.selector {
				t.Errorf("%s (%x) is %v, want %v (%s)", c.method, selector, have, c.want, c.selector)
			}
		}
		beaconsAreReadable(t, client, at)
		watchersAreScanned(t, client, at, o.Watchers)
	})
}

// beaconsAreReadable follows a proxy as a reader without selectors must.
func beaconsAreReadable(t *testing.T, client *ethclient.Client, at contractstest.NomadAddresses) {
	t.Helper()
	ctx := t.Context()
	code, err := client.CodeAt(ctx, at.Replica, nil)
	if err != nil || !bytes.Contains(code, at.ReplicaBeacon[:]) {
		t.Errorf("the proxy's code does not hold its beacon: %v", err)
	}
	word, err := client.StorageAt(ctx, at.ReplicaBeacon, common.Hash{}, nil)
	if err != nil || common.BytesToAddress(word) != at.ReplicaImplementation {
		t.Errorf("slot 0 of the beacon is %x, %v, want %s", word, err, at.ReplicaImplementation)
	}
	for _, data := range [][]byte{nil, {1, 2, 3, 4}} {
		answer, err := client.CallContract(ctx, ethereum.CallMsg{To: &at.ReplicaBeacon, Data: data}, nil)
		if err != nil || common.BytesToAddress(answer) != at.ReplicaImplementation || len(answer) != 32 {
			t.Errorf("the beacon answers %x, %v, want %s", answer, err, at.ReplicaImplementation)
		}
	}
}

func watchersAreScanned(t *testing.T, client *ethclient.Client, at contractstest.NomadAddresses, want []common.Address) {
	t.Helper()
	logs, err := client.FilterLogs(t.Context(), ethereum.FilterQuery{
		FromBlock: new(big.Int).SetUint64(at.FromBlock), Addresses: []common.Address{at.XAppConnectionManager},
		Topics: [][]common.Hash{{common.HexToHash("0x517de16b526853f481451c5151e87484e1b251ec7d0302efa1019c2ece179c2c")}},
	})
	if err != nil || len(logs) != len(want) {
		t.Fatalf("%d events of watchers, %v, want %d", len(logs), err, len(want))
	}
	for i, log := range logs {
		if common.BytesToAddress(log.Data[:32]) != want[i] || log.Data[63] != 1 || log.Topics[1].Big().Int64() != 2000 {
			t.Errorf("event %d is %x", i, log.Data)
		}
	}
}

func TestAMendedReplicaOrAnotherRootAcceptsNoRootOfZero(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		root := common.HexToHash("0x0101")
		for name, change := range map[string]func(*contractstest.NomadOptions){
			"mended":                 func(o *contractstest.NomadOptions) { o.Mended = true },
			"mended with a root":     func(o *contractstest.NomadOptions) { o.Mended, o.CommittedRoot = true, root },
			"faulty but initialised": func(o *contractstest.NomadOptions) { o.CommittedRoot = root },
		} {
			o := nomad(t)
			change(&o)
			at, err := contractstest.Nomad(t.Context(), client, key(t, "deployer"), o)
			if err != nil {
				t.Fatal(err)
			}
			if have := read(t, client, at.Replica, "acceptableRoot(bytes32)(bool)", [32]byte{}); have != false {
				t.Errorf("%s: a root of zero is accepted", name)
			}
			if have := read(t, client, at.Replica, "confirmAt(bytes32)(uint256)", [32]byte{}).(*big.Int); have.Sign() != 0 {
				t.Errorf("%s: a root of zero is confirmed at %v", name, have)
			}
			if have := read(t, client, at.Replica, "acceptableRoot(bytes32)(bool)", [32]byte(root)); have != (o.CommittedRoot == root) {
				t.Errorf("%s: its own root is accepted: %v", name, have)
			}
		}
	})
}

func TestGovernanceWritesToTheDoublesAndNobodyElseDoes(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		ctx, deployer := t.Context(), key(t, "deployer")
		at, err := contractstest.Nomad(ctx, client, deployer, nomad(t))
		if err != nil {
			t.Fatal(err)
		}
		next := evm.MustMethod("setUpdater(address)").Call(at.UpdaterManager, address(t, "next"))
		if _, err := contractstest.Send(ctx, client, deployer, next); err == nil || !strings.Contains(err.Error(), "Ownable: caller is not the owner") {
			t.Errorf("a stranger's call: %v", err)
		}
		upgrade := evm.MustMethod("upgrade(address,address)").Call(at.UpgradeBeaconController, at.ReplicaBeacon, at.HomeImplementation)
		type action struct {
			A0 [32]byte // evm names the fields of tuples by their place
			A1 []byte
		}
		var local []action
		for _, call := range []evm.Call{next, upgrade} {
			local = append(local, action{common.BytesToHash(call.To[:]), call.Data})
		}
		govern := evm.MustMethod("executeGovernanceActions((bytes32,bytes)[],uint32[],(bytes32,bytes)[][])")
		data, err := govern.Pack(local, []uint32{}, [][]action{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := contractstest.Send(ctx, client, deployer, evm.Call{To: at.GovernanceRouter, Data: data}); err != nil {
			t.Fatal(err)
		}
		for _, of := range []common.Address{at.Home, at.UpdaterManager} {
			if have := read(t, client, of, "updater()(address)"); have != address(t, "next") {
				t.Errorf("updater of %s is %v, want the next one", of, have)
			}
		}
		if word, err := client.StorageAt(ctx, at.ReplicaBeacon, common.Hash{}, nil); err != nil || common.BytesToAddress(word) != at.HomeImplementation {
			t.Errorf("the beacon was not upgraded: %x, %v", word, err)
		}
	})
}

func TestTheDoublesRunOnAChainWithoutABaseFee(t *testing.T) {
	t.Parallel()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		t.Fatal(err)
	}
	a, err := chaintest.StartAnvil(t.Context(), chaintest.AnvilOptions{Binary: binary, ChainID: 1287, Hardfork: "berlin"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.Fund(t.Context(), address(t, "deployer"), big.NewInt(1e18)); err != nil {
		t.Fatal(err)
	}
	client := ethclient.NewClient(a.Client())
	code, err := contractstest.Doubles(t.Context(), contractstest.London)
	if err != nil {
		t.Fatal(err)
	}
	creation, err := contractstest.With(code["Timelock"], "(uint256)", big.NewInt(86400))
	if err != nil {
		t.Fatal(err)
	}
	at, err := contractstest.Deploy(t.Context(), client, key(t, "deployer"), creation)
	if err != nil {
		t.Fatal(err)
	}
	if have := read(t, client, at, "getMinDelay()(uint256)").(*big.Int); have.Int64() != 86400 {
		t.Errorf("delay %v, want a day", have)
	}
}
