package safe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Recognise is nil only for our own proposal: the safeTxHash computed here over
// all ten fields of the pending transaction is that of our batch of calls under
// the pending one's nonce. The error says everything that is odd.
func Recognise(chainID uint64, safe, multiSend common.Address, ours []evm.Call, pending Tx) error {
	need, err := Batch(multiSend, ours, pending.Nonce)
	if err != nil {
		return err
	}
	needed, err := HashesOf(chainID, safe, need)
	if err != nil {
		return err
	}
	have, err := HashesOf(chainID, safe, pending)
	if err != nil {
		return err
	}
	if have.SafeTx == needed.SafeTx {
		return nil
	}
	return fmt.Errorf("safe transaction %d is not ours: %w", pending.Nonce, difference(multiSend, ours, need, pending))
}

// difference is never nil: it is asked where the hashes differ.
func difference(multiSend common.Address, ours []evm.Call, need, pending Tx) error {
	var odd []string
	if refund := pending.refund(); refund != "" {
		odd = append(odd, "refund fields are set: "+refund)
	}
	calls, err := contents(pending, multiSend)
	if err != nil {
		odd = append(odd, err.Error())
	} else if text := compare(ours, calls); text != "" {
		odd = append(odd, text)
	}
	if len(odd) == 0 && (pending.Operation != need.Operation || pending.To != need.To) {
		odd = append(odd, fmt.Sprintf("the same calls in another form: operation %d to %s, need operation %d to %s",
			pending.Operation, pending.To.Hex(), need.Operation, need.To.Hex()))
	}
	if len(odd) == 0 {
		return errors.New("its hash is another one")
	}
	return errors.New(strings.Join(odd, "; "))
}

// compare says where calls differ from ours, or nothing.
func compare(ours, theirs []evm.Call) string {
	front := 0
	for front < min(len(ours), len(theirs)) && ours[front].Equal(theirs[front]) {
		front++
	}
	back := 0
	for back < min(len(ours), len(theirs))-front && ours[len(ours)-1-back].Equal(theirs[len(theirs)-1-back]) {
		back++
	}
	switch {
	case front == len(ours) && front == len(theirs):
		return ""
	case front+back == len(ours):
		return more("it has %s", theirs[front:len(theirs)-back], "more ")
	case front+back == len(theirs):
		return more("it lacks %s", ours[front:len(ours)-back], "")
	case len(ours) != len(theirs):
		return fmt.Sprintf("it has %d calls, need %d, and they differ at %d: %s, need %s", len(theirs), len(ours), front+1, brief(theirs[front]), brief(ours[front]))
	}
	return fmt.Sprintf("the calls differ at %d: %s, need %s", front+1, brief(theirs[front]), brief(ours[front]))
}

func more(format string, calls []evm.Call, word string) string {
	text := "one " + word + "call"
	if len(calls) > 1 {
		text = fmt.Sprintf("%d %scalls", len(calls), word)
	}
	return fmt.Sprintf(format, text) + ": " + brief(calls[0])
}

// brief is a call in a line: what it is about stands in its effect.
func brief(c evm.Call) string {
	text := "to " + c.To.Hex()
	if c.Value != nil && c.Value.Sign() != 0 {
		text += " with " + c.Value.String() + " wei"
	}
	if len(c.Data) <= 68 {
		return text + " data " + hexutil.Encode(c.Data)
	}
	return fmt.Sprintf("%s data %s… (%d bytes)", text, hexutil.Encode(c.Data[:68]), len(c.Data))
}
