package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// effect is what a call does in words: the reader's own decoder's, or nothing.
func (v *viewer) effect(network string, w wire) string {
	text := ""
	if v.o.Explain != nil {
		text = v.o.Explain(network, w.To, w.Data)
	}
	if w.Value != "" {
		text = strings.TrimPrefix(text+", with "+w.Value+" wei", ", ")
	}
	return text
}

// sizeOf says how long calldata is.
func sizeOf(data string) string { return count(max(0, len(data)-2)/2, "byte") + " of data" }

// target is where a call goes and what it does there.
func (v *viewer) target(network string, w wire) string {
	to, effect := v.named(w.To), v.effect(network, w)
	switch {
	case strings.HasPrefix(effect, w.To):
		to = effect // the decoder names the target itself
	case effect != "":
		to += ": " + effect
	}
	return to + " (" + sizeOf(w.Data) + ")"
}

// made tells the step of a contract call: what it does and who makes it, then
// what is called, then the calldata whole. Calls of a Safe stand in its batch.
func (v *viewer) made(s resource.Step, t transaction) []field {
	lines := []field{{sign: '>', text: v.headOf(s, t)}}
	for _, w := range t.Calls {
		lines = append(lines, field{path: "  to", sign: ' ', text: v.target(t.Network, w)})
		if t.Safe == "" {
			lines = append(lines, field{path: "  data", sign: ' ', text: w.Data})
		}
	}
	if t.Safe != "" {
		lines = append(lines, field{path: "  whole", sign: ' ', text: v.batchName(t) + ", below"})
	}
	return lines
}

// headOf is a step in a line: deploy 0x… by key owner (gas ≤ N, fee ≤ 0.01 ETH).
func (v *viewer) headOf(s resource.Step, t transaction) string {
	head := s.Op
	if t.Creates != "" {
		head += " " + t.Creates
	}
	switch {
	case t.proposed():
		head += " " + count(len(t.Calls), "call") + " to Safe " + literalName(t.SafeName) + " " + t.Safe
		if t.Delegate != "" {
			head += " by delegate " + keyAndAddress(t.Delegate)
		}
	case t.executed():
		head += " as Safe " + literalName(t.SafeName) + " " + t.Safe + ", sent by key " + literalName(t.Sender) + " " + t.From
	default:
		head += " by key " + literalName(t.Sender) + " " + t.From
	}
	var most []string
	if t.Gas != "" {
		most = append(most, "gas ≤ "+t.Gas)
	}
	if s.Spend != nil {
		most = append(most, "fee ≤ "+v.feeText(*s.Spend))
	}
	if len(most) > 0 {
		head += " (" + strings.Join(most, ", ") + ")"
	}
	return head
}

func keyAndAddress(signer string) string {
	key, address, _ := strings.Cut(signer, "=")
	return strings.TrimRight("key "+literalName(key)+" "+address, " ")
}

func (v *viewer) feeText(s resource.Spend) string {
	coin, known := v.o.Coins[s.Network]
	if !known {
		return s.Fee + " wei"
	}
	return amount(s.Fee, coin.Decimals, true, false) + " " + coin.Symbol
}

// batch is all that a plan has one Safe do: one transaction.
type batch struct {
	transaction
	of []resource.ID
}

// batches lists them in the order of the changes, each once.
func (v *viewer) batches(changes []plan.Change) []batch {
	at := map[string]int{}
	var list []batch
	for _, c := range changes {
		for _, s := range c.Steps {
			t, ok := transactionOf(s)
			if !ok || t.Safe == "" {
				continue
			}
			key := s.Batch + "\x00" + t.Network + "\x00" + t.Safe
			i, seen := at[key]
			if !seen {
				i = len(list)
				at[key] = i
				if len(t.Batch) == 0 {
					t.Batch = t.Calls
				}
				list = append(list, batch{transaction: t})
			}
			list[i].of = append(list[i].of, c.ID)
		}
	}
	return list
}

func (v *viewer) batchName(t transaction) string {
	n := len(t.Batch)
	if n == 0 {
		n = len(t.Calls)
	}
	return "one transaction of Safe " + literalName(t.SafeName) + " on " + t.Network + " with " + count(n, "call")
}

// batchHead says what a Safe's signers will be asked for.
func (v *viewer) batchHead(b batch) string {
	act, rest := v.actOf(b.transaction)
	head := act + " " + b.Safe + " on " + b.Network + " " + rest + ": " + count(len(b.Batch), "call") + " in one transaction"
	if b.MultiSend != "" && len(b.Batch) > 1 {
		head += " through MultiSendCallOnly " + b.MultiSend
	}
	return head
}

// together lists the Safes' transactions, whole.
func (t *text) together() {
	list := t.batches(t.p.Changes)
	if len(list) == 0 || !t.lines.o.Verbose {
		return
	}
	t.blank()
	t.seg(bold, "transactions of Safes").seg("", ": each is signed whole or not at all").end()
	for _, b := range list {
		t.mark(yellow, "»", t.batchHead(b))
		for i, w := range b.Batch {
			t.prose("", indentation, number(i+1)+". "+t.target(b.Network, w))
			t.seg("", indentation+"   ").seg("", w.Data).end()
		}
	}
}
