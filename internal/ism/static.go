package ism

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Factory makes static modules: contracts whose members stand in their own code,
// at an address that follows from them.
type Factory struct {
	Address common.Address `json:"address"`
	// Implementation is what the factory's modules delegate to: its implementation().
	Implementation common.Address `json:"implementation"`
	// Earlier are implementations of earlier factories of the same kind that were
	// reviewed: live modules of theirs are proved too, new ones are not made.
	Earlier []common.Address `json:"earlier,omitempty"`
}

// Factories are the pinned ones of a network, as its deployment names them. The
// zero value of each is one that is not there.
type Factories struct {
	MessageID   Factory `json:"messageId,omitzero"`
	MerkleRoot  Factory `json:"merkleRoot,omitzero"`
	Aggregation Factory `json:"aggregation,omitzero"`
	// AddOnly are implementations of routing modules that never change a route that
	// they have (IncrementalDomainRoutingIsm). No read tells them from others.
	AddOnly []common.Address `json:"addOnly,omitempty"`
}

func (f Factory) made(implementation common.Address) bool {
	none := common.Address{}
	return implementation != none && (implementation == f.Implementation || slices.Contains(f.Earlier, implementation))
}

// The parts of a MetaProxy (EIP-3448, as libs/MetaProxy.sol of @hyperlane-xyz/core
// has it) around its implementation. The first loaderBytes of metaHead copy the
// rest into place; they are in the creation code only.
const (
	metaHead    = "\x60\x0b\x38\x03\x80\x60\x0b\x3d\x39\x3d\xf3\x36\x3d\x3d\x37\x3d\x3d\x3d\x3d\x60\x36\x80\x38\x03\x80\x91\x36\x39\x36\x01\x3d\x73"
	metaTail    = "\x5a\xf4\x3d\x3d\x93\x80\x3e\x60\x34\x57\xfd\x5b\xf3"
	loaderBytes = 11
)

// The parts of a minimal proxy (EIP-1167) around its implementation.
const (
	minimalHead = "\x36\x3d\x3d\x37\x3d\x3d\x3d\x36\x3d\x73"
	minimalTail = "\x5a\xf4\x3d\x82\x80\x3e\x90\x3d\x91\x60\x2b\x57\xfd\x5b\xf3"
)

// metadata is abi.encode(address[], uint8).
func metadata(members []common.Address, threshold int) []byte {
	list, _ := abi.NewType("address[]", "", nil)
	small, _ := abi.NewType("uint8", "", nil)
	data, err := abi.Arguments{{Type: list}, {Type: small}}.Pack(members, uint8(threshold))
	if err != nil {
		panic(err) // the types are those of the values
	}
	return data
}

func creation(implementation common.Address, data []byte) []byte {
	size := common.LeftPadBytes([]byte{byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}, 32)
	return slices.Concat([]byte(metaHead), implementation[:], []byte(metaTail), data, size)
}

// Code is the runtime code of a static module: it alone proves the members.
func Code(implementation common.Address, members []common.Address, threshold int) []byte {
	return creation(implementation, metadata(members, threshold))[loaderBytes:]
}

// Predict is the address of the factory's static module with these members in
// this order: the factory's own getAddress, without asking it.
func (f Factory) Predict(members []common.Address, threshold int) common.Address {
	data := metadata(members, threshold)
	return evm.Create2(f.Address, crypto.Keccak256Hash(data), creation(f.Implementation, data))
}

// implementation reads what a proxy's code delegates to; zero for other code.
func implementation(code []byte) common.Address {
	for _, shape := range []struct{ head, tail string }{{metaHead[loaderBytes:], metaTail}, {minimalHead, minimalTail}} {
		rest, ok := bytes.CutPrefix(code, []byte(shape.head))
		if ok && len(rest) >= common.AddressLength && bytes.HasPrefix(rest[common.AddressLength:], []byte(shape.tail)) {
			return common.Address(rest[:common.AddressLength])
		}
	}
	return common.Address{}
}

// Deploy is a static module that does not exist yet. Anybody may send its call;
// where the module exists by then, the call changes nothing.
type Deploy struct {
	// Factory makes it, and it will run the code of Implementation.
	Factory, Implementation common.Address
	// Members are sorted by bytes, and so have one address whoever makes them.
	// Upstream's tools sort checksummed text and may arrive at another one.
	Members   []common.Address
	Threshold int
	Call      evm.Call
	// Address is where the module will be.
	Address common.Address
}

// deploy is the static module of the factory with these members, sorted.
func (f Factory) deploy(what string, members []common.Address, threshold int) (Deploy, error) {
	none := common.Address{}
	if f.Address == none || f.Implementation == none {
		return Deploy{}, fmt.Errorf("no factory of static %s modules is pinned for this network", what)
	}
	sorted := Sorted(members)
	return Deploy{
		Factory: f.Address, Implementation: f.Implementation, Members: sorted, Threshold: threshold, Address: f.Predict(sorted, threshold),
		Call: evm.MustMethod("deploy(address[],uint8)").Call(f.Address, sorted, uint8(threshold)),
	}, nil
}

// Sorted are the addresses by their bytes; the argument stays as it is.
func Sorted(list []common.Address) []common.Address {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, common.Address.Cmp)
	return sorted
}
