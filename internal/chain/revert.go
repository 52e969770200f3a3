package chain

import (
	"errors"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// codeReverted is the JSON-RPC error code of a call that reverted (geth, and
// those that follow it).
const codeReverted = 3

// revertOf tells whether a node's error says that the contract refused, and what
// the contract said.
func revertOf(c *call) ([]byte, bool) {
	var said rpc.Error
	if c.said == nil || !errors.As(c.said, &said) {
		return nil, false
	}
	if said.ErrorCode() != codeReverted && !halted(said.Error()) {
		return nil, false
	}
	var holder rpc.DataError
	if !errors.As(c.said, &holder) {
		return nil, true
	}
	text, _ := holder.ErrorData().(string)
	// Nethermind writes "Reverted 0x…".
	return cutHex(strings.TrimPrefix(text, "Reverted ")), true
}

// halted knows the words for a contract's own end in geth, anvil, Nethermind,
// Besu and Erigon. Whoever wrote the contract chose that end, so it is no fault
// of the endpoint.
func halted(message string) bool {
	message = strings.ToLower(message)
	words := []string{
		"revert", "invalid opcode", "bad instruction", "invalid jump", "stack underflow", "stack limit reached", "out of gas",
		"write protection", "return data out of bounds", "vm execution error", "evm error",
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, w) })
}

// cutHex reads hex of at most one byte more than evm.MaxReply; what is no hex
// says nothing.
func cutHex(text string) []byte {
	if most := 2 + 2*(evm.MaxReply+1); len(text) > most {
		text = text[:most]
	}
	data, err := hexutil.Decode(text)
	if err != nil {
		return nil
	}
	return data
}
