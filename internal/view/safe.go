package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// SafeRow is one declared Safe. All of its texts may be a stranger's.
type SafeRow struct {
	Name, Network, Address string
	// Owners, Threshold and Nonce as read; without meaning unless Read.
	Owners           int
	Threshold, Nonce uint64
	Read             bool
	// State says how far it was read: "read", "queue not read", "not read", "not
	// deployed"; Reason why not further.
	State, Reason string
	Waiting       []SafeWaiting
}

// SafeWaiting is a transaction that waits for owners' signatures.
type SafeWaiting struct {
	Nonce uint64
	Hash  string
	// Whose is "ours", "others" or "look-alike".
	Whose string
	// Signatures counts the owners of whom the service has a valid one; -1: nobody
	// can tell.
	Signatures int
	// Effects are what it would do, a line each.
	Effects []string
	// Odd is how a look-alike differs from ours.
	Odd string
}

func (r SafeRow) count(whose ...string) string {
	n := 0
	for _, w := range r.Waiting {
		for _, one := range whose {
			if w.Whose == one {
				n++
			}
		}
	}
	return strconv.Itoa(n)
}

// Safes writes the declared Safes and what waits for signatures on each, whole.
func Safes(w io.Writer, rows []SafeRow, o TableOptions) error {
	switch o.Format {
	case "", "table":
	case "json":
		return safesJSON(w, rows)
	default:
		return fmt.Errorf("format %q: not table or json", o.Format)
	}
	l := lines{o: o.Options}
	if len(rows) == 0 {
		l.seg("", "no Safes are declared").end()
		return l.flush(w)
	}
	table := [][]string{{"SAFE", "NETWORK", "ADDRESS", "OWNERS", "NONCE", "OURS", "OTHERS", "STATE"}}
	for _, r := range rows {
		owners, nonce, ours, others := "", "", "", ""
		if r.Read {
			owners, nonce = fmt.Sprintf("%d of %d", r.Threshold, r.Owners), strconv.FormatUint(r.Nonce, 10)
			ours, others = r.count("ours"), r.count("others", "look-alike")
		}
		table = append(table, []string{r.Name, r.Network, r.Address, owners, nonce, ours, others, r.State})
	}
	l.columns(table, func(column int, cell string) string {
		if column == len(table[0])-1 && cell != "read" {
			return yellow
		}
		return ""
	})
	for _, r := range rows {
		l.waiting(r)
	}
	return l.flush(w)
}

func (l *lines) waiting(r SafeRow) {
	if r.Reason == "" && len(r.Waiting) == 0 {
		return
	}
	l.blank()
	l.seg(bold, r.Network+" "+r.Name).end()
	if r.Reason != "" {
		l.prose(yellow, "  ", r.Reason)
	}
	for _, w := range r.Waiting {
		style := map[string]string{"look-alike": red, "others": yellow}[w.Whose]
		l.seg("", fmt.Sprintf("  nonce %d  ", w.Nonce)).seg("", w.Hash).seg("", "  ").seg(style, w.Whose)
		if w.Signatures >= 0 {
			l.seg("", fmt.Sprintf("  %d of %d signed", w.Signatures, r.Threshold))
		}
		l.end()
		if w.Odd != "" {
			l.prose(red, "    ", w.Odd)
		}
		for _, effect := range w.Effects {
			l.prose("", "    ", effect)
		}
	}
}

func safesJSON(w io.Writer, rows []SafeRow) error {
	type waiting struct {
		Nonce      uint64   `json:"nonce"`
		Hash       string   `json:"safeTxHash"`
		Whose      string   `json:"whose"`
		Signatures *int     `json:"signatures"`
		Effects    []string `json:"effects"`
		Odd        string   `json:"odd,omitempty"`
	}
	type row struct {
		Name      string    `json:"name"`
		Network   string    `json:"network"`
		Address   string    `json:"address"`
		Owners    *int      `json:"owners"`
		Threshold *uint64   `json:"threshold"`
		Nonce     *uint64   `json:"nonce"`
		State     string    `json:"state"`
		Reason    string    `json:"reason,omitempty"`
		Waiting   []waiting `json:"waiting"`
	}
	list := make([]row, len(rows))
	for i, r := range rows {
		list[i] = row{Name: r.Name, Network: r.Network, Address: r.Address, State: r.State, Reason: r.Reason, Waiting: []waiting{}}
		if r.Read {
			list[i].Owners, list[i].Threshold, list[i].Nonce = &r.Owners, &r.Threshold, &r.Nonce
		}
		for _, one := range r.Waiting {
			out := waiting{Nonce: one.Nonce, Hash: one.Hash, Whose: one.Whose, Effects: append([]string{}, one.Effects...), Odd: one.Odd}
			if one.Signatures >= 0 {
				out.Signatures = &one.Signatures
			}
			list[i].Waiting = append(list[i].Waiting, out)
		}
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("safes: encode: %w", err)
	}
	_, err = w.Write(append(ascii(data), '\n'))
	return err
}

// SafeTransaction is a transaction of a Safe as an owner is asked to sign it. All
// of its texts may be a stranger's.
type SafeTransaction struct {
	// Odd is what does not add up, told before all else.
	Odd []string
	// Source says where it was found: "recorded proposal", "queue of …", a file.
	Source                 string
	Safe, Network, Address string
	ChainID, Nonce         uint64
	// To, Value, Data and Operation are the transaction's own.
	To, Value, Data string
	Operation       uint8
	// Calls that it makes, in their order.
	Calls []SafeCall
	// The three hashes, computed here.
	Domain, Message, SafeTx string
}

// SafeCall is one call of a Safe's transaction.
type SafeCall struct {
	To, Value, Data string
	// Effect is what it does, Danger what it could take away.
	Effect, Danger string
}

// Safe writes a transaction for comparing with the screen of a hardware wallet:
// hashes and data whole, never cut.
func Safe(w io.Writer, t SafeTransaction, o Options) error {
	o.Verbose = true
	l := lines{o: o}
	for _, odd := range t.Odd {
		l.mark(red, "✗", odd)
	}
	if len(t.Odd) > 0 {
		l.seg(red, "do not sign before this is understood").end()
		l.blank()
	}
	l.pair("found", t.Source)
	l.pair("network", fmt.Sprintf("%s (chain id %d)", t.Network, t.ChainID))
	l.pair("safe", strings.TrimSpace(t.Safe+" "+t.Address))
	l.pair("nonce", strconv.FormatUint(t.Nonce, 10))
	l.pair("to", t.To)
	l.pair("value", t.Value+" wei")
	operation := "0 (call)"
	if t.Operation == 1 {
		operation = "1 (delegatecall)"
	} else if t.Operation > 1 {
		operation = strconv.Itoa(int(t.Operation))
	}
	l.pair("operation", operation)
	for i, c := range t.Calls {
		l.blank()
		l.seg(bold, fmt.Sprintf("call %d of %d", i+1, len(t.Calls))).end()
		l.prose("", "  ", c.Effect)
		if c.Danger != "" {
			l.prose(red, "  ", "this concerns: "+c.Danger)
		}
		l.seg("", "  to    ").seg("", c.To).end()
		if c.Value != "0" {
			l.seg("", "  value ").seg(yellow, c.Value+" wei").end()
		}
		l.seg("", "  data  ").seg("", c.Data).end()
	}
	if len(t.Calls) == 0 {
		l.pair("data", t.Data)
	}
	l.blank()
	l.seg(bold, "what the wallet must show").end()
	l.pair("domain hash", t.Domain)
	l.pair("message hash", t.Message)
	l.pair("safeTxHash", t.SafeTx)
	return l.flush(w)
}

func (l *lines) pair(name, value string) { l.seg(faint, pad(name, 14)).seg("", value).end() }
