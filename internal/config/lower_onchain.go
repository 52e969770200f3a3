package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// chaining lowers what there must be on chains: validator sets, Safes, contracts.
type chaining struct {
	*lowering
	// contracts are where the declared contracts are, by name; safes the Safes'
	// addresses, by name and network. Without an address: not deployed yet.
	contracts map[string]Deployed
	safes     map[string]map[string]string
}

// onchain lowers the chain side. Addresses are found first, because one contract
// may name another.
func (l *lowering) onchain() {
	c := &chaining{lowering: l, contracts: map[string]Deployed{}, safes: map[string]map[string]string{}}
	c.floor()
	c.sender()
	c.placeSafes()
	c.placeContracts()
	c.validatorSets()
	c.lowerSafes()
	c.lowerContracts()
}

// floor reads the least that a validator set may be; 3 members and a threshold of
// two thirds where nothing is said.
func (c *chaining) floor() {
	c.env.Floor = ism.DefaultFloor()
	raw := c.doc.raw.Validators
	if raw == nil {
		return
	}
	share, of, _ := strings.Cut(raw.Floor.Threshold, "/")
	floor := ism.Floor{Members: raw.Floor.Members}
	floor.Num, _ = strconv.Atoi(share)
	floor.Den, _ = strconv.Atoi(of)
	if floor.Num > floor.Den {
		c.fault(in("validators", "floor", "threshold"), "", "%s is more than all members", raw.Floor.Threshold)
	}
	c.env.Floor = floor
}

// sender finds the owner key that pays for calls that anybody may make.
func (c *chaining) sender() {
	stated := c.doc.raw.Sender
	var owners []string
	for _, key := range c.env.Keys {
		if key.Use == useOwner {
			owners = append(owners, key.Name)
		}
	}
	switch {
	case stated == "" && len(owners) == 1:
		c.env.Sender = owners[0]
	case stated != "":
		c.ownerKey(in("sender"), stated, "")
		c.env.Sender = stated
	}
}

// ownerKey demands a key of use owner that is used on the network, on any where
// none is named.
func (c *chaining) ownerKey(at cue.Path, name, network string) bool {
	var owners []string
	for _, key := range c.env.Keys {
		if key.Use == useOwner {
			owners = append(owners, key.Name)
		}
	}
	key, known := c.env.Key(name)
	switch {
	case !known:
		c.fault(at, cmp.Or(meant(name, owners), "declare it: keys: \""+name+"\": use: \"owner\""), "no key %q in this environment", name)
	case key.Use != useOwner:
		c.fault(at, cmp.Or(meant(name, owners), "declare one: keys: owner: use: \"owner\""), "key %s is of use %s, this needs one of use owner", name, key.Use)
	case network != "" && !slices.Contains(key.Networks, network):
		c.fault(at, "add "+network+" to its networks", "key %s is not used on %s, but on %s", name, network, strings.Join(key.Networks, ", "))
	default:
		return true
	}
	return false
}

// alive demands a network that is known and not retired.
func (c *chaining) alive(at cue.Path, network string) bool {
	if !c.known(at, network) {
		return false
	}
	if c.retired(network) {
		c.fault(at, "take it out", "network %s is retired, and not read", network)
		return false
	}
	return true
}

func (c *chaining) retired(network string) bool {
	return c.doc.raw.Networks[network].State == Retired
}

// aliveNames are the networks that are not retired.
func (c *chaining) aliveNames() []string {
	return slices.DeleteFunc(c.networkNames(), c.retired)
}

// party lowers one party on a network.
func (c *chaining) party(at cue.Path, raw rawParty, network string) (Party, bool) {
	stated := 0
	for _, field := range []string{raw.Key, raw.Safe, raw.Contract, raw.Address} {
		if field != "" {
			stated++
		}
	}
	party := Party(raw)
	if stated != 1 {
		c.fault(at, "write {key: \"…\"}, {safe: \"…\"}, {contract: \"…\"} or {address: \"0x…\"}", "a party is one of key, safe, contract and address, this states %d", stated)
		return party, false
	}
	switch {
	case raw.Key != "":
		return party, c.ownerKey(at.Append(cue.Str("key")), raw.Key, network)
	case raw.Safe != "":
		_, ok := c.safeOn(at.Append(cue.Str("safe")), raw.Safe, network)
		return party, ok
	case raw.Contract != "":
		_, ok := c.contractOn(at.Append(cue.Str("contract")), raw.Contract, network)
		return party, ok
	default:
		return party, c.address(at.Append(cue.Str("address")), raw.Address)
	}
}

// safeOn finds a Safe's address on a network; empty: not deployed yet.
func (c *chaining) safeOn(at cue.Path, name, network string) (string, bool) {
	places, known := c.safes[name]
	if !known {
		c.fault(at, meant(name, slices.Collect(maps.Keys(c.doc.raw.Safes))), "no Safe %q in this environment", name)
		return "", false
	}
	address, there := places[network]
	if !there {
		c.fault(at, "add "+network+" to its networks", "Safe %s is not on %s, but on %s", name, network, cmp.Or(strings.Join(slices.Sorted(maps.Keys(places)), ", "), "no network"))
	}
	return address, there
}

// contractOn finds a declared contract on a network, on any where none is named.
func (c *chaining) contractOn(at cue.Path, name, network string) (string, bool) {
	raw, known := c.doc.raw.Contracts[name]
	switch {
	case !known:
		c.fault(at, meant(name, slices.Collect(maps.Keys(c.doc.raw.Contracts))), "no contract %q in this environment", name)
		return "", false
	case network != "" && raw.Network != network:
		c.fault(at, "", "contract %s is on %s, this is on %s", name, raw.Network, network)
		return "", false
	}
	return c.contracts[name].Address, true
}

// address demands an address with its checksum.
func (c *chaining) address(at cue.Path, stated string) bool {
	message, hint := checksum(stated)
	if message != "" {
		c.fault(at, hint, "%s", message)
	}
	return message == ""
}

// place is where something is: at the stated address, or where the deployment
// has that role on the network; nowhere while it is not deployed there.
func (c *chaining) place(at cue.Path, network, stated string) Deployed {
	role, ofDeployment := strings.CutPrefix(stated, "deployment:")
	if !ofDeployment {
		c.address(at, stated)
		return Deployed{Address: stated}
	}
	d := c.env.Deployment
	if d == nil || d.Networks[network] == nil {
		return Deployed{}
	}
	found, ok := d.Contract(network, role)
	if !ok {
		c.fault(at, meant(role, slices.Collect(maps.Keys(d.Networks[network]))), "deployment %s has no contract %q on %s", d.ID, role, network)
	}
	return found
}

// calls reads the methods that parameters may be written by, and refuses risks
// that are too low for what they do.
func (l *lowering) calls(raw map[string]string) map[string]resource.Risk {
	if len(raw) == 0 {
		return nil
	}
	calls := map[string]resource.Risk{}
	for _, text := range slices.Sorted(maps.Keys(raw)) {
		at := in("gates", "calls", text)
		method, err := evm.ParseMethod(text)
		switch {
		case err != nil:
			l.fault(at, "", "%s", err)
			continue
		case len(method.Outputs) > 0 || method.Signature != text:
			l.fault(at, "write \""+method.Signature+"\"", "is not the signature of a method alone")
		case Delegates(text):
			l.fault(at, "", "%s lets a contract run code or calls of its caller's choice: no plan writes by it", text)
		case raw[text] != string(resource.Destructive) && heavy(text):
			l.fault(at, "write \"destructive\"", "is %s: %s moves ownership, code or tokens, which is destructive at least", raw[text], text)
		}
		calls[text] = resource.Risk(raw[text])
	}
	return calls
}

// Delegates tells methods that run code or calls given as data: what they do is
// not seen in their name. Names of Safe 1.4.1, OpenZeppelin Contracts 5, Nomad's
// GovernanceRouter and Multicall3.
func Delegates(signature string) bool {
	name, _, _ := strings.Cut(strings.ToLower(signature), "(")
	for _, prefix := range []string{"exec", "multicall", "multisend", "aggregate", "tryaggregate", "delegate", "simulate", "callbatch", "enablemodule", "setguard", "setfallbackhandler", "setmoduleguard"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "delegatecall") || strings.HasPrefix(name, "upgrade") && strings.HasSuffix(name, "andcall")
}

// heavy tells methods that move ownership, code or tokens, by their names in
// OpenZeppelin Contracts 5, EIP-20, EIP-721, EIP-1967 proxies and Nomad's beacons.
func heavy(signature string) bool {
	name, _, _ := strings.Cut(strings.ToLower(signature), "(")
	for _, prefix := range []string{
		"transfer", "renounce", "acceptowner", "acceptadmin", "begindefaultadmin", "setowner", "addowner", "removeowner", "swapowner", "changeowner",
		"changeadmin", "setadmin", "setpendingadmin", "setgovernor", "grantrole", "revokerole", "setauthority", "changethreshold",
		"upgrade", "setimplementation", "setbeacon", "setcode", "initialize", "reinitialize", "selfdestruct", "destroy", "kill",
		"approve", "increaseallowance", "setapproval", "permit", "safetransfer", "mint", "burn", "withdraw", "sweep", "claim", "rescue", "redeem", "deposit",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// day reads a date that the schema found to look like one; zero for none.
func (l *lowering) day(at cue.Path, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		l.fault(at, "", "%q is not a day of the calendar", text)
	}
	return day
}
