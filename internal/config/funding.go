package config

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
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
		if key.Use != useSigner {
			continue
		}
		for _, name := range key.Networks {
			if _, funded := l.doc.raw.Funding[name]; !funded {
				at := in("networks", name)
				l.fault(at, "declare it: funding: "+name+": {caps, roles}", "no funding, and %s %s signs here", article(key.Role), cmp.Or(key.Role, key.Name))
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
	amount := func(text string, steps ...string) *big.Int {
		if text == "" {
			return nil
		}
		wei, err := parseAmount(text, network.Decimals)
		if err != nil {
			at := path
			for _, step := range steps {
				at = at.Append(cue.Str(step))
			}
			l.fault(at, "", "%s", err)
			return new(big.Int)
		}
		return wei
	}
	f := Funding{
		Network: network.Name, Bank: raw.Bank, Reserve: amount(raw.Reserve, "reserve"),
		CapTransaction: amount(raw.Caps.Transaction, "caps", "transaction"),
		CapPlan:        amount(raw.Caps.Plan, "caps", "plan"),
		CapDay:         amount(raw.Caps.Day, "caps", "day"),
		Source:         l.doc.at(path),
	}
	if f.CapTransaction.Cmp(f.CapPlan) > 0 {
		l.fault(path.Append(cue.Str("caps"), cue.Str("transaction")), "", "%s is above caps.plan, %s", raw.Caps.Transaction, raw.Caps.Plan)
	}
	if f.CapPlan.Cmp(f.CapDay) > 0 {
		l.fault(path.Append(cue.Str("caps"), cue.Str("plan")), "", "%s is above caps.day, %s", raw.Caps.Plan, raw.Caps.Day)
	}
	l.bankOf(network.Name, raw, path)
	wallet := func(name string, level rawLevel, steps ...string) Wallet {
		w := Wallet{
			Name: name, Floor: amount(level.Floor, append(steps, "floor")...), Target: amount(level.Target, append(steps, "target")...),
			BurnPerDay: amount(level.BurnPerDay, append(steps, "burnPerDay")...),
		}
		at := path
		for _, step := range steps {
			at = at.Append(cue.Str(step))
		}
		w.Source = l.doc.at(at)
		if w.Floor.Cmp(w.Target) >= 0 && w.Target.Sign() > 0 || w.Floor.Cmp(w.Target) > 0 {
			l.fault(at.Append(cue.Str("floor")), "", "%s is not below target, %s", level.Floor, level.Target)
		}
		return w
	}
	l.keyWallets(&f, raw, path, wallet)
	addresses := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(raw.Wallets)) {
		stated := raw.Wallets[name]
		at := path.Append(cue.Str("wallets"), cue.Str(name), cue.Str("address"))
		w := wallet(name, rawLevel{Floor: stated.Floor, Target: stated.Target, BurnPerDay: stated.BurnPerDay}, "wallets", name)
		w.Address = stated.Address
		if message, hint := checksum(stated.Address); message != "" {
			l.fault(at, hint, "%s", message)
		}
		if other, twice := addresses[strings.ToLower(stated.Address)]; twice {
			l.fault(at, "", "%s is also wallet %s: one address is funded once", stated.Address, other)
		}
		addresses[strings.ToLower(stated.Address)] = name
		if _, taken := l.env.Key(name); taken {
			l.fault(path.Append(cue.Str("wallets"), cue.Str(name)), "", "%q is the name of a key", name)
		}
		f.Wallets = append(f.Wallets, w)
	}
	slices.SortFunc(f.Wallets, func(a, b Wallet) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Address, b.Address))
	})
	return f
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
func (l *lowering) keyWallets(f *Funding, raw rawFunding, path cue.Path, wallet func(string, rawLevel, ...string) Wallet) {
	var names []string
	missing := map[string]bool{}
	for _, key := range l.env.Keys {
		own, overridden := raw.Keys[key.Name]
		here := slices.Contains(key.Networks, f.Network)
		if here {
			names = append(names, key.Name)
		}
		switch {
		case overridden && key.Name == raw.Bank:
			l.fault(path.Append(cue.Str("keys"), cue.Str(key.Name)), "", "the bank never funds itself")
		case overridden && !here:
			l.fault(path.Append(cue.Str("keys"), cue.Str(key.Name)), "", "this key is not used on %s, but on %s", f.Network, strings.Join(key.Networks, ", "))
		case overridden && !own.None:
			f.Wallets = append(f.Wallets, wallet(key.Name, own, "keys", key.Name))
		case overridden || key.Use != useSigner || !here:
		default:
			level, stated := raw.Roles[key.Role]
			switch {
			case !stated && !missing[key.Role]:
				missing[key.Role] = true
				l.fault(path.Append(cue.Str("roles")), "write a level for it, or "+cmp.Or(key.Role, "the key")+": \"none\"", "no level for %s, whose key %s signs on %s", cmp.Or(key.Role, "a signer without a role"), key.Name, f.Network)
			case stated && !level.None:
				f.Wallets = append(f.Wallets, wallet(key.Name, level, "roles", key.Role))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Keys)) {
		if _, exists := l.env.Key(name); !exists {
			l.fault(path.Append(cue.Str("keys"), cue.Str(name)), meant(name, names), "no key of this name")
		}
	}
}

// checksum says what is wrong with an address, and how it is written right
// (EIP-55). An address without upper-case letters has no checksum to trust.
func checksum(address string) (message, hint string) {
	if !common.IsHexAddress(address) || len(address) != 42 {
		return "\"" + address + "\" is not an address: 0x and 40 hexadecimal digits", ""
	}
	if right := common.HexToAddress(address).Hex(); right != address {
		return "\"" + address + "\" has no valid EIP-55 checksum", "if it is the right address, write " + right
	}
	if common.HexToAddress(address) == (common.Address{}) {
		return "\"" + address + "\" is the zero address", ""
	}
	return "", ""
}
