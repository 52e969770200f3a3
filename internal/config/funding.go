package config

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"github.com/ethereum/go-ethereum/common"
)

// lowerFunding derives the wallets of each network from the signers that work
// there, and gives each bank its networks.
func (l *lowering) lowerFunding() {
	for _, name := range slices.Sorted(maps.Keys(l.doc.raw.Funding)) {
		path := in("funding", name)
		if !l.known(path, name) {
			continue
		}
		network, _ := l.env.Network(name)
		l.env.Funding = append(l.env.Funding, l.fundingOf(network, l.doc.raw.Funding[name], path))
	}
	for _, key := range l.env.Keys {
		if key.Use == useBank && len(key.Networks) == 0 {
			l.fault(in("keys", key.Name), "name it: funding: <network>: bank: \""+key.Name+"\"", "this bank pays on no network")
		}
		if key.Use != useSigner && key.Use != useOwner {
			continue
		}
		for _, name := range key.Networks {
			if _, funded := l.doc.raw.Funding[name]; !funded {
				at := in("networks", name)
				l.fault(at, "declare it: funding: "+name+": {caps, roles}", "no funding, and %s %s signs here", article(cmp.Or(key.Role, key.Name)), cmp.Or(key.Role, key.Name))
			}
		}
	}
}

func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an"
	}
	return "a"
}

func (l *lowering) fundingOf(network Network, raw rawFunding, path cue.Path) Funding {
	f := funder{lowering: l, network: network, raw: raw, path: path}
	before := len(l.list)
	f.Funding = Funding{
		Network: network.Name, Bank: raw.Bank, Reserve: f.amount(raw.Reserve, "reserve"),
		CapTransaction: f.amount(raw.Caps.Transaction, "caps", "transaction"),
		CapPlan:        f.amount(raw.Caps.Plan, "caps", "plan"),
		CapDay:         f.amount(raw.Caps.Day, "caps", "day"),
		Source:         l.doc.at(path),
	}
	if len(l.list) == before && f.CapTransaction.Cmp(f.CapPlan) > 0 {
		l.fault(f.at("caps", "transaction"), "", "%s is above caps.plan, %s", raw.Caps.Transaction, raw.Caps.Plan)
	}
	if len(l.list) == before && f.CapPlan.Cmp(f.CapDay) > 0 {
		l.fault(f.at("caps", "plan"), "", "%s is above caps.day, %s", raw.Caps.Plan, raw.Caps.Day)
	}
	l.bankOf(network.Name, raw, path)
	f.keyWallets()
	f.literalWallets()
	slices.SortFunc(f.Wallets, func(a, b Wallet) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Address, b.Address))
	})
	return f.Funding
}

// funder lowers the funding of one network.
type funder struct {
	*lowering
	Funding
	network Network
	raw     rawFunding
	path    cue.Path
}

// at is a path below the network's funding.
func (f *funder) at(steps ...string) cue.Path {
	at := f.path
	for _, step := range steps {
		at = at.Append(cue.Str(step))
	}
	return at
}

// amount gives the smallest units of an amount, nil when none is stated. An
// amount with a fault is 1, so that it is told once and not again as "none".
func (f *funder) amount(text string, steps ...string) *big.Int {
	if text == "" {
		return nil
	}
	wei, err := parseAmount(text, f.network.Decimals)
	if err != nil {
		f.fault(f.at(steps...), "", "%s", err)
		return big.NewInt(1)
	}
	return wei
}

// wallet lowers the level that stands at steps.
func (f *funder) wallet(name string, level rawLevel, steps ...string) Wallet {
	before := len(f.list)
	below := func(field string) []string { return append(slices.Clone(steps), field) }
	w := Wallet{
		Name: name, Floor: f.amount(level.Floor, below("floor")...), Target: f.amount(level.Target, below("target")...),
		BurnPerDay: f.amount(level.BurnPerDay, below("burnPerDay")...), Source: f.doc.at(f.at(steps...)),
	}
	if len(f.list) == before && w.Floor.Cmp(w.Target) >= 0 {
		f.fault(f.at(below("floor")...), "", "%s is not below target, %s", level.Floor, level.Target)
	}
	return w
}

// literalWallets adds the recipients that are no key of ours.
func (f *funder) literalWallets() {
	addresses := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f.raw.Wallets)) {
		stated := f.raw.Wallets[name]
		at := f.at("wallets", name, "address")
		w := f.wallet(name, rawLevel{Floor: stated.Floor, Target: stated.Target, BurnPerDay: stated.BurnPerDay}, "wallets", name)
		w.Address = stated.Address
		if message, hint := checksum(stated.Address); message != "" {
			f.fault(at, hint, "%s", message)
		}
		if other, twice := addresses[strings.ToLower(stated.Address)]; twice {
			f.fault(at, "", "%s is also wallet %s: one address is funded once", stated.Address, other)
		}
		addresses[strings.ToLower(stated.Address)] = name
		if _, taken := f.env.Key(name); taken {
			f.fault(f.at("wallets", name), "", "%q is the name of a key", name)
		}
		f.Wallets = append(f.Wallets, w)
	}
}

// bankOf checks the paying key and notes the network as one of its own.
func (l *lowering) bankOf(network string, raw rawFunding, path cue.Path) {
	at := path.Append(cue.Str("bank"))
	var banks []string
	for i := range l.env.Keys {
		key := &l.env.Keys[i]
		if key.Use != useBank {
			continue
		}
		banks = append(banks, key.Name)
		if key.Name == raw.Bank && !slices.Contains(key.Networks, network) {
			key.Networks = slices.Sorted(slices.Values(append(key.Networks, network)))
		}
	}
	if !slices.Contains(banks, raw.Bank) {
		l.fault(at, cmp.Or(meant(raw.Bank, banks), "declare it: keys: \""+raw.Bank+"\": use: \"bank\""), "no key %q of use bank is declared", raw.Bank)
	}
}

// keyWallets gives each key that signs on the network its level: its own, or
// its role's. A missing one is a fault, because a wallet nobody thought of runs
// dry in silence.
func (f *funder) keyWallets() {
	var names []string
	missing := map[string]bool{}
	for _, key := range f.env.Keys {
		own, overridden := f.raw.Keys[key.Name]
		here := slices.Contains(key.Networks, f.Network)
		if here {
			names = append(names, key.Name)
		}
		switch {
		case overridden && key.Name == f.raw.Bank:
			f.fault(f.at("keys", key.Name), "", "the bank never funds itself")
		case overridden && !here:
			f.fault(f.at("keys", key.Name), "", "this key is not used on %s, but on %s", f.Network, strings.Join(key.Networks, ", "))
		case overridden && !own.None:
			f.Wallets = append(f.Wallets, f.wallet(key.Name, own, "keys", key.Name))
		case overridden || key.Use != useSigner && key.Use != useOwner || !here:
		default:
			f.roleWallet(key, missing)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.raw.Keys)) {
		if _, exists := f.env.Key(name); !exists {
			f.fault(f.at("keys", name), meant(name, names), "no key of this name")
		}
	}
}

// roleWallet gives a signer the level of its role; each role without one is
// told once.
func (f *funder) roleWallet(key Key, missing map[string]bool) {
	level, stated := f.raw.Roles[key.Role]
	switch {
	case stated && !level.None:
		f.Wallets = append(f.Wallets, f.wallet(key.Name, level, "roles", key.Role))
	case stated || missing[key.Role]:
	case key.Use == useOwner:
		f.fault(in("keys", key.Name), "funding: "+f.Network+": keys: \""+key.Name+"\": {floor, target}, or \"none\"", "has no level on %s, where it signs", f.Network)
	case key.Role == "":
		f.fault(f.at("keys"), "write a level for it, or \""+key.Name+"\": \"none\"", "no level for %s, which signs on %s", key.Name, f.Network)
	default:
		missing[key.Role] = true
		f.fault(f.at("roles"), "write a level for it, or "+key.Role+": \"none\"", "no level for %s, whose key %s signs on %s", key.Role, key.Name, f.Network)
	}
}

// checksum says what is wrong with an address, and how it is written right
// (EIP-55). An address without upper-case letters has no checksum to trust.
func checksum(address string) (message, hint string) {
	if !common.IsHexAddress(address) || len(address) != 42 {
		return strconv.Quote(address) + " is not an address: 0x and 40 hexadecimal digits", ""
	}
	if right := common.HexToAddress(address).Hex(); right != address {
		return "\"" + address + "\" has no valid EIP-55 checksum", "if it is the right address, write " + right
	}
	if common.HexToAddress(address) == (common.Address{}) {
		return "\"" + address + "\" is the zero address", ""
	}
	return "", ""
}
