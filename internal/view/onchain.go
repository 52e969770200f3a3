package view

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The kinds whose changes are calls of contracts. What their steps and facts hold
// is what internal/call writes.
const (
	kindValidatorSet = "validator-set"
	kindSafe         = "safe"
	kindContract     = "contract"
	// kindValidator is what facts about a member of a set are on; no resource.
	kindValidator = "validator"
)

func onChain(kind string) bool {
	return kind == kindValidatorSet || kind == kindSafe || kind == kindContract
}

// wire is a contract call as steps hold it.
type wire struct {
	To    string `json:"to"`
	Value string `json:"value"`
	Data  string `json:"data"`
}

// transaction is what the step of a contract call was given.
type transaction struct {
	Network   string   `json:"network"`
	Sender    string   `json:"sender"`
	From      string   `json:"from"`
	Gas       string   `json:"gas"`
	Calls     []wire   `json:"calls"`
	Batch     []wire   `json:"batch"`
	Creates   string   `json:"creates"`
	SafeName  string   `json:"safeName"`
	Safe      string   `json:"safe"`
	MultiSend string   `json:"multiSend"`
	Signers   []string `json:"signers"`
	Delegate  string   `json:"delegate"`
	// Subject of a validator set's call.
	Subject struct {
		ISM string `json:"ism"`
	} `json:"subject"`
}

// transactionOf reads the parameters of a step; false where they are another's.
func transactionOf(s resource.Step) (transaction, bool) {
	var t transaction
	if !onChain(s.ID.Kind) {
		return t, false
	}
	data, err := json.Marshal(s.Params)
	if err != nil || json.Unmarshal(data, &t) != nil || t.Network == "" || len(t.Calls) == 0 {
		return transaction{}, false
	}
	return t, true
}

// executed reports a Safe's transaction that is sent from here, proposed one that
// others must sign.
func (t transaction) executed() bool { return t.Safe != "" && len(t.Signers) > 0 }
func (t transaction) proposed() bool { return t.Safe != "" && len(t.Signers) == 0 }

// isHex reports a text of 0x and so many hex digits; with digits below zero, of
// any whole number of bytes.
func isHex(text string, digits int) bool {
	hex, ok := strings.CutPrefix(text, "0x")
	if digits < 0 {
		return ok && len(hex)%2 == 0 && strings.Trim(hex, "0123456789abcdefABCDEF") == ""
	}
	return ok && len(hex) == digits && strings.Trim(hex, "0123456789abcdefABCDEF") == ""
}

// The lengths in hex digits of addresses and of hashes.
const (
	addressDigits = 40
	hashDigits    = 64
)

func isAddress(text string) bool { return isHex(text, addressDigits) }

// shortAddress keeps both ends, for lines that say the whole one elsewhere.
func shortAddress(address string) string {
	if !isAddress(address) {
		return address
	}
	return address[:6] + "…" + address[len(address)-4:]
}

// sameText compares values; addresses in whatever case.
func sameText(a, b string) bool {
	return a == b || isAddress(a) && isAddress(b) && strings.EqualFold(a, b)
}

// addressOutput is the output under which keys give their address.
const addressOutput = "address"

// addressesOf names the addresses that the plan knows, in lower case: those of
// keys, of members of sets and of Safes. One that two things have is named by both.
func addressesOf(p *plan.Plan) map[string]string {
	names := map[string]string{}
	add := func(address, name string) {
		if address = strings.ToLower(address); !isAddress(address) || names[address] == name {
			return
		}
		if names[address] != "" {
			name = names[address] + ", " + name
		}
		names[address] = name
	}
	for _, text := range sortedKeys(p.Resolved) {
		if ref, err := resource.ParseRef(text); err == nil && ref.Output == addressOutput {
			add(p.Resolved[text], "key "+literalName(ref.ID.Name))
		}
	}
	for _, f := range p.Facts {
		address := strings.ToLower(f.Value)
		if f.ID.Kind == kindValidator && f.Name == "address" && names[address] == "" {
			add(address, literalName(f.ID.Name))
		}
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string { return members(m, nil) }

// named is an address with what is known of it.
func (v *viewer) named(address string) string {
	if name := v.addresses[strings.ToLower(address)]; name != "" {
		return address + " (" + name + ")"
	}
	return address
}

// fact is one fact about a resource, empty where nobody stated it.
func (v *viewer) fact(id resource.ID, name string) string { return v.facts[id][name] }

// factsOf keeps the facts of what is shown here.
func factsOf(p *plan.Plan) map[resource.ID]map[string]string {
	facts := map[resource.ID]map[string]string{}
	for _, f := range p.Facts {
		if !onChain(f.ID.Kind) && f.ID.Kind != kindValidator {
			continue
		}
		if facts[f.ID] == nil {
			facts[f.ID] = map[string]string{}
		}
		facts[f.ID][f.Name] = f.Value
	}
	return facts
}

// mustSign says how many of a Safe's owners must sign.
func (v *viewer) mustSign(safe resource.ID) string {
	threshold, owners := v.fact(safe, "threshold"), v.fact(safe, "owners")
	switch {
	case threshold == "":
		return "its owners must sign"
	case owners == "":
		return threshold + " of its owners must sign"
	default:
		return threshold + " of " + owners + " must sign"
	}
}

// routesOf names the sets of validators by origin and destinations; false for
// other resources.
func routesOf(ids []resource.ID) ([]string, bool) {
	to := map[string][]string{}
	for _, id := range ids {
		if id.Kind != kindValidatorSet {
			return nil, false
		}
		to[id.Name] = append(to[id.Name], id.Scope)
	}
	var names []string
	for _, origin := range sortedKeys(to) {
		destinations := to[origin]
		slices.Sort(destinations)
		text := strings.Join(destinations, ", ")
		if len(destinations) > shownNetworks {
			text = number(len(destinations)) + " destinations"
		}
		names = append(names, origin+" → "+text)
	}
	if len(names) > shownNames {
		return []string{number(len(names)) + " origins → " + count(len(ids), "destination") + " in all"}, true
	}
	return names, true
}
