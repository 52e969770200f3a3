package evm

import (
	"github.com/ethereum/go-ethereum/common"
)

// About is what a Question asks for.
type About string

// What can be asked of a chain at one block.
const (
	// AboutCall runs a read call; its Result is what the contract returns.
	AboutCall About = "call"
	// AboutCode is the runtime code of an address; none is no data.
	AboutCode About = "code"
	// AboutSlot is one storage word of 32 bytes.
	AboutSlot About = "slot"
	// AboutBalance is a balance in wei, and AboutNonce a count of transactions,
	// each as a word of 32 bytes.
	AboutBalance About = "balance"
	AboutNonce   About = "nonce"
)

// Question is one thing asked of a chain. Questions of one list go in as few
// requests as they fit in, and are answered at one block.
type Question struct {
	About About
	To    common.Address
	// Data is a call's calldata.
	Data []byte
	// Slot is the storage word's key.
	Slot common.Hash
}

// Ask asks a read call without a sender.
func Ask(c Call) Question { return Question{About: AboutCall, To: c.To, Data: c.Data} }

// AskCode asks for the code of an address.
func AskCode(address common.Address) Question { return Question{About: AboutCode, To: address} }

// AskSlot asks for one word of storage.
func AskSlot(address common.Address, slot common.Hash) Question {
	return Question{About: AboutSlot, To: address, Slot: slot}
}

// AskBalance asks for a balance.
func AskBalance(address common.Address) Question {
	return Question{About: AboutBalance, To: address}
}

// Word is the answer as a word: the zero hash where the data is no single word.
func (r Result) Word() (common.Hash, bool) {
	if r.Reverted || len(r.Data) != 32 {
		return common.Hash{}, false
	}
	return common.Hash(r.Data), true
}

// ImplementationSlot is where a proxy keeps its implementation: EIP-1967
// (https://eips.ethereum.org/EIPS/eip-1967).
const ImplementationSlot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
