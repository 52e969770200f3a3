package safe

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Effect is what a call would do, in a line. Danger names what it could take
// away, separated by commas: module, guard, owner, fallback handler, delegatecall,
// ownership, upgrade, signature, token, value, the safe itself; empty for none
// that is known.
type Effect struct{ Text, Danger string }

// Names give an address a name of the configuration, or nothing.
type Names func(common.Address) string

// maxNested calls in each other are told apart, and maxTold of a list are told.
const (
	maxNested = 4
	maxTold   = 20
)

// EffectOf tells what a plain call would do. What it cannot read it says so of,
// and never calls harmless: calldata of a dangerous method that is spelled oddly
// keeps its danger, because the contract may read it all the same.
func EffectOf(c evm.Call, known Names) Effect { return teller{known: known}.call(c, 0) }

// EffectsOf tells what a Safe transaction would do: one effect for each call that
// it makes, and one for whatever else is odd about it.
func EffectsOf(safe, multiSend common.Address, tx Tx, known Names) []Effect {
	t := teller{safe: safe, known: known}
	var all []Effect
	if refund := tx.refund(); refund != "" {
		all = append(all, Effect{"pays whoever executes it: " + refund, "value"})
	}
	if tx.Operation == OperationCall && tx.To == safe && len(tx.Data) == 0 && amountOf(tx.Value).Sign() == 0 {
		return append(all, Effect{Text: fmt.Sprintf("nothing: it only uses up nonce %d, so that others with it cannot be executed", tx.Nonce)})
	}
	calls, err := contents(tx, multiSend)
	if err != nil {
		return append(all, Effect{fmt.Sprintf("%s; %s", err, describe(tx.Data)), "delegatecall"})
	}
	for _, c := range calls {
		all = append(all, t.call(t.meant(c, tx.Operation), 0))
	}
	return all
}

// meant is a call as a batch makes it: MultiSendCallOnly 1.5.0 takes the zero
// address for the Safe itself.
func (t teller) meant(c evm.Call, operation uint8) evm.Call {
	if operation == OperationDelegateCall && c.To == (common.Address{}) {
		c.To = t.safe
	}
	return c
}

// teller writes effects in the words of one place.
type teller struct {
	safe  common.Address
	known Names
}

func (t teller) name(address common.Address) string {
	if t.known != nil {
		if name := t.known(address); name != "" {
			return address.Hex() + " (" + name + ")"
		}
	}
	return address.Hex()
}

func (t teller) call(c evm.Call, depth int) Effect {
	e := t.method(c, depth)
	if amountOf(c.Value).Sign() != 0 {
		e.Danger = join(e.Danger, "value")
		if len(c.Data) > 0 {
			e.Text += ", with " + c.Value.String() + " wei"
		}
	}
	return e
}

func (t teller) method(c evm.Call, depth int) Effect {
	if len(c.Data) == 0 {
		return Effect{Text: fmt.Sprintf("send %s wei to %s", amountOf(c.Value), t.name(c.To))}
	}
	for _, k := range knownMethods() {
		if len(c.Data) < 4 || !bytes.Equal(crypto.Keccak256([]byte(k.signature))[:4], c.Data[:4]) {
			continue
		}
		m := evm.MustMethod(k.signature)
		args, ok := m.Arguments(c.Data)
		if !ok && k.nested != nil {
			k.danger = join(k.danger, "delegatecall")
		}
		if !ok {
			return Effect{fmt.Sprintf("%s: %s with arguments that are not spelled as usual (%d bytes)", t.name(c.To), k.signature, len(c.Data)), k.danger}
		}
		e := Effect{Text: t.name(c.To) + ": " + t.fill(k.text, args), Danger: k.danger}
		if k.nested == nil {
			return e
		}
		if depth >= maxNested {
			return Effect{e.Text + "; what is in it lies too deep", join(e.Danger, "delegatecall")}
		}
		for _, inner := range k.nested(t, c.To, args, depth+1) {
			e.Text, e.Danger = e.Text+"; "+inner.Text, join(e.Danger, inner.Danger)
		}
		return e
	}
	e := Effect{Text: t.name(c.To) + ": " + describe(c.Data)}
	if c.To == t.safe && t.safe != (common.Address{}) {
		e.Danger = "the safe itself"
	}
	return e
}

// describe is what can be said of data that is not read.
func describe(data []byte) string {
	switch {
	case len(data) == 0:
		return "no data"
	case len(data) < 4:
		return fmt.Sprintf("unknown data %s (%d bytes)", hexutil.Encode(data), len(data))
	}
	return fmt.Sprintf("unknown method %s (%d bytes)", hexutil.Encode(data[:4]), len(data))
}

// fill puts arguments into a text, {0} being the first.
func (t teller) fill(text string, args []any) string {
	for i, arg := range args {
		hole := "{" + strconv.Itoa(i) + "}"
		if strings.Contains(text, hole) {
			text = strings.ReplaceAll(text, hole, t.format(arg))
		}
	}
	return text
}

func (t teller) format(arg any) string {
	switch v := arg.(type) {
	case common.Address:
		if v == (common.Address{}) {
			return "none (the zero address)"
		}
		return t.name(v)
	case []common.Address:
		parts := make([]string, 0, min(len(v), maxTold))
		for _, a := range v[:min(len(v), maxTold)] {
			parts = append(parts, t.name(a))
		}
		return "[" + strings.Join(parts, ", ") + rest(len(v)) + "]"
	case []byte:
		return describe(v)
	}
	text := evm.Format(arg)
	if len(text) > 1500 {
		text = text[:1500] + fmt.Sprintf("… (%d characters)", len(text))
	}
	return text
}

func rest(n int) string {
	if n <= maxTold {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-maxTold)
}

// join adds dangers, each once.
func join(danger, more string) string {
	all := strings.FieldsFunc(danger, func(r rune) bool { return r == ',' })
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	for word := range strings.SplitSeq(more, ", ") {
		if word != "" && !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return strings.Join(all, ", ")
}

// inSafe tells what another Safe would execute. A delegatecall stays one here,
// since nobody pinned that Safe's MultiSendCallOnly.
func inSafe(t teller, to common.Address, args []any, depth int) []Effect {
	tx := Tx{
		To: args[0].(common.Address), Value: args[1].(*big.Int), Data: args[2].([]byte), Operation: args[3].(uint8),
		SafeTxGas: args[4].(*big.Int), BaseGas: args[5].(*big.Int), GasPrice: args[6].(*big.Int),
		GasToken: args[7].(common.Address), RefundReceiver: args[8].(common.Address),
	}
	t.safe = to
	var all []Effect
	if refund := tx.refund(); refund != "" {
		all = append(all, Effect{"pays whoever executes it: " + refund, "value"})
	}
	if tx.Operation == OperationCall {
		return append(all, t.call(tx.call(), depth))
	}
	all = append(all, Effect{"delegatecall to " + t.name(tx.To), "delegatecall"})
	calls, err := contents(tx, tx.To)
	if err != nil {
		return append(all, Effect{Text: err.Error()})
	}
	for i := range calls {
		calls[i] = t.meant(calls[i], tx.Operation)
	}
	return append(all, t.list(calls, depth)...)
}

// inBatch tells of a multiSend that is called and not delegated to: what is in
// it then happens in the name of the MultiSend contract.
func inBatch(t teller, to common.Address, args []any, depth int) []Effect {
	data := multiSendMethod().Call(to, args...).Data
	calls, err := contents(Tx{To: to, Data: data, Operation: OperationDelegateCall}, to)
	if err != nil {
		return []Effect{{err.Error(), "delegatecall"}}
	}
	return t.list(calls, depth)
}

func (t teller) list(calls []evm.Call, depth int) []Effect {
	var all []Effect
	for i, c := range calls {
		e := t.call(c, depth)
		if i >= maxTold {
			e.Text = ""
		}
		all = append(all, e)
	}
	if len(calls) > maxTold {
		all[maxTold].Text = fmt.Sprintf("%d more calls", len(calls)-maxTold)
		merged := all[:maxTold+1]
		for _, e := range all[maxTold+1:] {
			merged[maxTold].Danger = join(merged[maxTold].Danger, e.Danger)
		}
		all = merged
	}
	return all
}

// inUpgrade tells what the new implementation is asked at once.
func inUpgrade(at int) func(teller, common.Address, []any, int) []Effect {
	return func(_ teller, _ common.Address, args []any, _ int) []Effect {
		return []Effect{{Text: "and calls it with " + describe(args[at].([]byte))}}
	}
}
