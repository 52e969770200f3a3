package contractstest_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func TestHyperlaneStandsAsItsOwnerAskedForIt(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		owner, routing := address(t, "owner"), address(t, "routing owner")
		three := []common.Address{address(t, "v1"), address(t, "v2"), address(t, "v3")}
		at, err := contractstest.Hyperlane(t.Context(), client, key(t, "deployer"), contractstest.Options{
			Domain: domain, Owner: owner, RoutingOwner: routing,
			Origins: []contractstest.Origin{
				{Domain: 5, Validators: three, Threshold: 2},
				{Domain: 6, Validators: three[:1], Threshold: 1, Type: contractstest.MerkleRoot},
				{Domain: 7, Validators: three, Threshold: 3, Type: contractstest.Either},
				{Domain: 8, Validators: three, Threshold: 2, Type: contractstest.Storage},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			of     common.Address
			method string
			want   any
		}{
			{at.Mailbox, "localDomain()(uint32)", uint32(domain)},
			{at.Mailbox, "owner()(address)", owner},
			{at.Mailbox, "defaultIsm()(address)", at.RoutingISM},
			{at.Mailbox, "defaultHook()(address)", at.MerkleTreeHook},
			{at.Mailbox, "requiredHook()(address)", at.RequiredHook},
			{at.ProxyAdmin, "owner()(address)", owner},
			{at.RoutingISM, "owner()(address)", routing},
			{at.PausableISM, "owner()(address)", owner},
			{at.ValidatorAnnounce, "mailbox()(address)", at.Mailbox},
			{at.MerkleTreeHook, "count()(uint32)", uint32(0)},
		} {
			if have := read(t, client, c.of, c.method); have != c.want {
				t.Errorf("%s is %v, want %v", c.method, have, c.want)
			}
		}
		if word, err := client.StorageAt(t.Context(), at.Mailbox, common.HexToHash(evm.ImplementationSlot), nil); err != nil || common.BytesToAddress(word) != at.MailboxImplementation {
			t.Errorf("implementation of the Mailbox is %x, %v, want %s", word, err, at.MailboxImplementation)
		}
		for origin, kind := range map[uint32]uint8{5: 5, 6: 4, 7: 2, 8: 5} { // moduleType of upstream's IInterchainSecurityModule
			ism := read(t, client, at.RoutingISM, "module(uint32)(address)", origin).(common.Address)
			if ism != at.OriginISMs[origin] || read(t, client, ism, "moduleType()(uint8)") != kind {
				t.Errorf("origin %d has %s, want %s of type %d", origin, ism, at.OriginISMs[origin], kind)
			}
		}
		if have := read(t, client, at.OriginISMs[8], "owner()(address)"); have != routing {
			t.Errorf("the storage ISM is owned by %s, want %s", have, routing)
		}
		if have, want := at.OriginISMs[5], predicted(t, client, at.StaticMessageIDMultisigISMFactory, three, 2); have != want {
			t.Errorf("static ISM at %s, the formula says %s", have, want)
		}
	})
}

// predicted is the address of a static ISM by the formula of upstream's MetaProxy
// (EIP-3448) and CREATE2.
func predicted(t *testing.T, client *ethclient.Client, factory common.Address, members []common.Address, threshold uint8) common.Address {
	t.Helper()
	list, err := abi.NewType("address[]", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	number, err := abi.NewType("uint8", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.SortedFunc(slices.Values(members), common.Address.Cmp)
	metadata, err := abi.Arguments{{Type: list}, {Type: number}}.Pack(sorted, threshold)
	if err != nil {
		t.Fatal(err)
	}
	implementation := read(t, client, factory, "implementation()(address)").(common.Address)
	code := slices.Concat(
		common.FromHex("600b380380600b3d393df3363d3d373d3d3d3d60368038038091363936013d73"), implementation[:],
		common.FromHex("5af43d3d93803e603457fd5bf3"), metadata, common.BigToHash(big.NewInt(int64(len(metadata)))).Bytes(),
	)
	return evm.Create2(factory, crypto.Keccak256Hash(metadata), code)
}

func TestTheOnlyOriginsISMCanBeTheMailboxsOwn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		o := contractstest.Options{Domain: domain, Shape: contractstest.ShapeSingle, Origins: []contractstest.Origin{
			{Domain: 5, Validators: []common.Address{address(t, "v1")}, Threshold: 1, Type: contractstest.Storage},
		}}
		at, err := contractstest.Hyperlane(t.Context(), client, key(t, "deployer"), o)
		if err != nil {
			t.Fatal(err)
		}
		if have := read(t, client, at.Mailbox, "defaultIsm()(address)"); have != at.OriginISMs[5] || at.RoutingISM != (common.Address{}) {
			t.Errorf("the Mailbox has %s, want %s", have, at.OriginISMs[5])
		}
		values, err := contractstest.Read(t.Context(), client, at.DefaultISM, "validatorsAndThreshold(bytes)(address[],uint8)", []byte{})
		if err != nil || evm.FormatAll(values) != "["+address(t, "v1").Hex()+"], 1" {
			t.Errorf("members %s, %v", evm.FormatAll(values), err)
		}
	})
}

func TestAContractsReasonIsInTheErrorOfItsDeployment(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		_, err := contractstest.Hyperlane(t.Context(), client, key(t, "deployer"), contractstest.Options{Domain: domain, Shape: "none"})
		if err == nil || !strings.Contains(err.Error(), `shape "none"`) {
			t.Errorf("an unknown shape: %v", err)
		}
		_, err = contractstest.Hyperlane(t.Context(), client, key(t, "deployer"), contractstest.Options{
			Domain: domain, Origins: []contractstest.Origin{{Domain: 5, Validators: []common.Address{{1}}, Threshold: 2}},
		})
		if err == nil || !strings.Contains(err.Error(), "Invalid threshold") {
			t.Errorf("a threshold above the number of validators: %v", err)
		}
	})
}

func TestAValidatorIsAnnouncedByItsOwnSignature(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		at, err := contractstest.Hyperlane(t.Context(), client, key(t, "deployer"), contractstest.Options{Domain: domain})
		if err != nil {
			t.Fatal(err)
		}
		for _, location := range []string{"s3://first/us-west-2", "s3://second/us-west-2"} {
			if err := contractstest.Announce(t.Context(), client, key(t, "deployer"), at.ValidatorAnnounce, key(t, "v1"), location); err != nil {
				t.Fatal(err)
			}
		}
		have := read(t, client, at.ValidatorAnnounce, "getAnnouncedStorageLocations(address[])(string[][])", []common.Address{address(t, "v1")})
		if evm.Format(have) != "[[s3://first/us-west-2, s3://second/us-west-2]]" {
			t.Errorf("announced: %s", evm.Format(have))
		}
		err = contractstest.Announce(t.Context(), client, key(t, "deployer"), at.ValidatorAnnounce, key(t, "v1"), "s3://first/us-west-2")
		if err == nil || !strings.Contains(err.Error(), "replay") {
			t.Errorf("the same again: %v", err)
		}
	})
}
