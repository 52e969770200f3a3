// Package evm holds the words of contract calls: methods by their signature,
// calldata, results, revert reasons and CREATE2 addresses. It is pure: it asks
// no node anything.
package evm

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
)

// Call is one message to a contract. As a read it is asked at a block; as a
// write it is what an owner sends or signs.
type Call struct {
	To common.Address `json:"to"`
	// Value in wei; nil is none.
	Value *big.Int `json:"-"`
	Data  []byte   `json:"-"`
}

// Equal compares target, value and calldata.
func (c Call) Equal(other Call) bool {
	return c.To == other.To && c.wei().Cmp(other.wei()) == 0 && bytes.Equal(c.Data, other.Data)
}

func (c Call) wei() *big.Int {
	if c.Value == nil {
		return new(big.Int)
	}
	return c.Value
}

// Wire is a call as plans, proposals and records hold it: the address with its
// EIP-55 checksum, wei in decimal, calldata in lower-case hex.
type Wire struct {
	To    string `json:"to"`
	Value string `json:"value,omitempty"`
	Data  string `json:"data"`
}

// Wire is the call's written form.
func (c Call) Wire() Wire {
	w := Wire{To: c.To.Hex(), Data: hexutil.Encode(c.Data)}
	if c.wei().Sign() != 0 {
		w.Value = c.Value.String()
	}
	return w
}

// MaxCalldata bounds a call's data: no node takes a transaction above 128 KiB.
const MaxCalldata = 128 << 10

// Call reads the written form back and refuses every other spelling of it.
func (w Wire) Call() (Call, error) {
	var c Call
	if !common.IsHexAddress(w.To) || common.HexToAddress(w.To).Hex() != w.To {
		return c, fmt.Errorf("%.60q is no address with its checksum", w.To)
	}
	c.To = common.HexToAddress(w.To)
	if w.Value != "" {
		value, ok := new(big.Int).SetString(w.Value, 10)
		if !ok || value.Sign() <= 0 || value.BitLen() > 256 || value.String() != w.Value {
			return c, fmt.Errorf("%.60q is no amount of wei", w.Value)
		}
		c.Value = value
	}
	data, err := hexutil.Decode(w.Data)
	if w.Data == "0x" {
		data, err = nil, nil
	}
	if err != nil || len(data) > MaxCalldata || hexutil.Encode(data) != w.Data {
		return c, fmt.Errorf("%.60q is no calldata", w.Data)
	}
	c.Data = data
	return c, nil
}

// Result is what a read call gave. Reverted says that the contract refused; Data
// then holds what it said (see Reason). A call to an address without code
// succeeds with no data at all.
type Result struct {
	Data     []byte
	Reverted bool
}

// Create2 is the address of a contract made by CREATE2 (EIP-1014).
func Create2(deployer common.Address, salt [32]byte, initCode []byte) common.Address {
	return crypto.CreateAddress2(deployer, salt, crypto.Keccak256(initCode))
}

// CodeHash is the keccak-256 of runtime code, as pinned in deployments; the zero
// hash for no code at all, which no code hashes to.
func CodeHash(code []byte) common.Hash {
	if len(code) == 0 {
		return common.Hash{}
	}
	return crypto.Keccak256Hash(code)
}

// ParseAddress reads an address with or without its EIP-55 checksum and refuses
// a wrong one: mixed case that does not check is a typing error.
func ParseAddress(text string) (common.Address, error) {
	if !common.IsHexAddress(text) || len(text) != 42 {
		return common.Address{}, fmt.Errorf("%.60q is not an address: 0x and 40 hexadecimal digits", text)
	}
	address := common.HexToAddress(text)
	lower, upper := "0x"+common.Bytes2Hex(address[:]), "0x"+fmt.Sprintf("%X", address[:])
	if text != lower && text != upper && text != address.Hex() {
		return common.Address{}, fmt.Errorf("%s has a wrong checksum; with the right one it is %s", text, address.Hex())
	}
	return address, nil
}
