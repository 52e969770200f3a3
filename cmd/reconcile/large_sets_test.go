package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// Sets of a shape: what the networks ask for.
const (
	setsAsDeclared = "as declared"
	setsOfOthers   = "of others"
)

// sets are networks whose contracts answer from a table: a mailbox with a routing
// module in front of one static multisig for each origin, at the same addresses on
// every network. No message has left any of them.
type sets struct {
	// answers by contract and calldata, and code by contract: as they stand in JSON.
	answers, code map[string]string
	// mailbox, router, hook and announcing contract, and who made the modules.
	mailbox, router, hook, announce common.Address
	factory                         ism.Factory
	// owner of mailbox and routing module.
	owner common.Address
	// leaf is an origin's module by domain.
	leaf map[uint32]common.Address
}

func newSets() *sets {
	return &sets{answers: map[string]string{}, code: map[string]string{}, leaf: map[uint32]common.Address{}}
}

func at(name string) common.Address { return common.BytesToAddress(crypto.Keccak256([]byte(name))) }

// deployment is that of every network.
func (l *large) deployment(tb testing.TB) json.RawMessage {
	tb.Helper()
	d := &config.Deployment{ID: "large", Networks: map[string]map[string]config.Deployed{}}
	for i := range l.networks {
		contracts := map[string]config.Deployed{config.RoleMessageIDFactory: {Address: at("factory").Hex(), Implementation: at("implementation").Hex()}}
		for _, role := range []string{config.RoleMailbox, config.RoleMerkleTreeHook, config.RoleValidatorAnnounce} {
			contracts[role] = config.Deployed{Address: at(role).Hex()}
		}
		d.Networks[networkName(i)] = contracts
	}
	text, err := d.JSON()
	done(tb, err)
	return text
}

// declareSets are sets of every origin for all others, in CUE.
func (l *large) declareSets() string {
	if l.shape.sets == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("sender: \"owner\", routes: \"all\"\nkeys: owner: use: \"owner\"\n")
	for i := range l.networks {
		fmt.Fprintf(&b, "funding: n%d: keys: owner: \"none\"\nvalidatorSets: n%[1]d: {threshold: 2, reason: \"one team runs all members\", members: [", i)
		for m := range l.validators {
			fmt.Fprintf(&b, "{agent: \"validator-%d\"},", m)
		}
		b.WriteString("]}\n")
	}
	return b.String()
}

// attest makes the contracts, and lets every validator announce itself.
func (l *large) attest(tb testing.TB) {
	tb.Helper()
	s := newSets()
	s.mailbox, s.router, s.hook, s.announce = at(config.RoleMailbox), at("router"), at(config.RoleMerkleTreeHook), at(config.RoleValidatorAnnounce)
	s.factory = ism.Factory{Address: at("factory"), Implementation: at("implementation")}
	s.owner = l.addressOf(tb, "owner")
	var domains []uint32
	for i, set := range l.env.ValidatorSets {
		network, _ := l.env.Network(set.Origin)
		wanted := ism.Set{Type: ism.MessageID, Threshold: set.Threshold}
		for _, m := range set.Members {
			address := l.addressOf(tb, m.Key)
			wanted.Members = append(wanted.Members, address)
			l.announce(tb, s, network.DomainID, m.Key, address)
		}
		if l.shape.sets == setsOfOthers {
			wanted.Members, wanted.Threshold = []common.Address{at(fmt.Sprint("throw-away ", i))}, 1
		}
		s.leaf[network.DomainID] = s.multisig(ism.Sorted(wanted.Members), wanted.Threshold)
		domains = append(domains, network.DomainID)
	}
	s.rest(domains)
	l.contracts = s
}

func (l *large) addressOf(tb testing.TB, name string) common.Address {
	tb.Helper()
	key, ok := l.env.Key(name)
	if !ok {
		tb.Fatalf("no key %q", name)
	}
	return l.addresses[key.ResourceID()]
}

func (l *large) announce(tb testing.TB, s *sets, domain uint32, name string, address common.Address) {
	tb.Helper()
	key, _ := l.env.Key(name)
	folder := filepath.Join(l.checkpoints(), name)
	signer := attestationtest.Signer{Address: address, Sign: cloud.KMSSigner(l.fake.KMS(key.Region), key.Alias, address)}
	signed, err := signer.Announcement(tb.Context(), attestation.Origin{Domain: domain, Hook: s.hook, Mailbox: s.mailbox}, "file://"+folder)
	done(tb, err)
	done(tb, attestationtest.Folder(folder).Put(tb.Context(), "announcement.json", attestationtest.EncodeAnnouncement(signed)))
	list := evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])")
	s.says(list.Call(s.announce, []common.Address{address}), []string{"string[][]"}, [][]string{{"file://" + folder}})
}

// checkpoints is the folder that the overlay names.
func (l *large) checkpoints() string { return filepath.Join(l.root, "checkpoints") }

// says makes a contract answer a call.
func (s *sets) says(call evm.Call, types []string, values ...any) {
	var list abi.Arguments
	for _, name := range types {
		t, err := abi.NewType(name, "", nil)
		if err != nil {
			panic(err) // the names are those below
		}
		list = append(list, abi.Argument{Type: t})
	}
	data, err := list.Pack(values...)
	if err != nil {
		panic(err) // the values are those below
	}
	to := strings.ToLower(call.To.Hex())
	s.answers[to+hexutil.Encode(call.Data)] = `"` + hexutil.Encode(data) + `"`
	if s.code[to] == "" {
		s.code[to] = `"0x60016000"`
	}
}

// multisig is a static one.
func (s *sets) multisig(members []common.Address, threshold int) common.Address {
	leaf := s.factory.Predict(members, threshold)
	s.says(evm.MustMethod("moduleType()(uint8)").Call(leaf), []string{"uint8"}, uint8(ism.MessageIDMultisig))
	s.says(evm.MustMethod("validatorsAndThreshold(bytes)(address[],uint8)").Call(leaf, []byte{}), []string{"address[]", "uint8"}, members, uint8(threshold))
	s.code[strings.ToLower(leaf.Hex())] = `"` + hexutil.Encode(ism.Code(s.factory.Implementation, members, threshold)) + `"`
	return leaf
}

// rest is what every network has.
func (s *sets) rest(domains []uint32) {
	for _, owned := range []common.Address{s.mailbox, s.router} {
		s.says(evm.MustMethod("owner()(address)").Call(owned), []string{"address"}, s.owner)
	}
	s.says(evm.MustMethod("defaultIsm()(address)").Call(s.mailbox), []string{"address"}, s.router)
	s.says(evm.MustMethod("moduleType()(uint8)").Call(s.router), []string{"uint8"}, uint8(ism.Routing))
	var all []*big.Int
	for _, d := range domains {
		s.says(evm.MustMethod("module(uint32)(address)").Call(s.router, d), []string{"address"}, s.leaf[d])
		all = append(all, new(big.Int).SetUint64(uint64(d)))
	}
	s.says(evm.MustMethod("domains()(uint256[])").Call(s.router), []string{"uint256[]"}, all)
	s.says(evm.MustMethod("count()(uint32)").Call(s.hook), []string{"uint32"}, uint32(0))
	s.says(evm.MustMethod("root()(bytes32)").Call(s.hook), []string{"bytes32"}, [32]byte{})
}

// answer is what stands beside the id in the answer to a call of a contract.
func (s *sets) answer(method string, params []json.RawMessage) (string, bool) {
	switch method {
	case "eth_getCode":
		var to string
		_ = json.Unmarshal(params[0], &to)
		if code, ok := s.code[strings.ToLower(to)]; ok {
			return `"result":` + code, true
		}
	case "eth_call":
		var call struct{ To, Data string }
		_ = json.Unmarshal(params[0], &call)
		if answer, ok := s.answers[strings.ToLower(call.To)+call.Data]; ok {
			return `"result":` + answer, true
		}
		if _, ok := s.code[strings.ToLower(call.To)]; ok {
			return `"error":{"code":3,"message":"execution reverted","data":"0x"}`, true
		}
	}
	return "", false
}
