package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RuleLookAlike is the finding, and the fault, that two addresses are told apart
// by nobody who sees their first and last four digits.
const RuleLookAlike = "look-alike-address"

// KnownAddress is an address that an environment states, once: where it stands first.
type KnownAddress struct {
	// Address with its EIP-55 checksum.
	Address string `json:"address"`
	// Path is what it is stated for: funding.fuji.wallets.cold, or a key's name.
	Path string `json:"path"`
	// Environment that states it.
	Environment string          `json:"environment"`
	Source      resource.Source `json:"source"`
}

// String says where the address stands.
func (k KnownAddress) String() string { return place(k.Source) + ", " + k.Path }

// stated gathers the addresses of an environment.
type stated struct {
	env  string
	list []KnownAddress
	seen map[string]bool
}

func (s *stated) add(at string, where resource.Source, addresses ...string) {
	for _, address := range addresses {
		if address == "" || s.seen[address] || !common.IsHexAddress(address) {
			continue
		}
		s.seen[address] = true
		s.list = append(s.list, KnownAddress{Address: common.HexToAddress(address).Hex(), Path: at, Environment: s.env, Source: where})
	}
}

// statedAddresses lists every address that an environment states: pins, recipients,
// members, owners, Safes, contracts, its deployment and its people.
func statedAddresses(env *Environment) []KnownAddress {
	s := &stated{env: env.Name, seen: map[string]bool{}}
	for _, key := range slices.Sorted(maps.Keys(env.Pins)) {
		s.add(key, resource.Source{File: PinsFile(env.Name)}, env.Pins[key])
	}
	for _, f := range env.Funding {
		for _, w := range f.Wallets {
			s.add("funding."+f.Network+".wallets."+w.Name, w.Source, w.Address)
		}
	}
	for _, set := range env.ValidatorSets {
		for _, m := range set.Members {
			s.add("validatorSets."+set.Origin+".members."+m.Name, m.Source, m.Address)
		}
	}
	for _, one := range env.Safes {
		at := "safes." + one.Name
		s.add(at, one.Source, one.Address)
		for _, owner := range one.Owners {
			s.add(at+".owners", one.Source, owner.Address)
		}
		s.add(at, one.Source, append(slices.Clone(one.Modules), one.Guard, one.Fallback)...)
	}
	for _, c := range env.Contracts {
		s.contract(c)
	}
	s.deployment(env.Deployment)
	for _, p := range env.Governance.People {
		s.add("people."+p.Name+".addresses", p.Source, p.Addresses...)
	}
	return s.list
}

func (s *stated) contract(c Contract) {
	at := "contracts." + c.Name
	s.add(at, c.Source, c.Address, c.Beacon, c.Implementation)
	if c.Owner != nil {
		s.add(at+".owner", c.Source, c.Owner.Address)
	}
	for _, p := range c.Parameters {
		for _, want := range append(slices.Clone(p.WriteArgs), p.Want) {
			if strings.HasPrefix(want.Literal, "0x") {
				s.add(at+".parameters."+p.Name, p.Source, want.Literal)
			}
		}
	}
	for _, scan := range c.Scans {
		for _, entry := range scan.Want {
			for _, want := range entry {
				if strings.HasPrefix(want.Literal, "0x") {
					s.add(at+".scans."+scan.Name, scan.Source, want.Literal)
				}
			}
		}
	}
}

func (s *stated) deployment(d *Deployment) {
	if d == nil {
		return
	}
	for _, network := range slices.Sorted(maps.Keys(d.Networks)) {
		for _, role := range slices.Sorted(maps.Keys(d.Networks[network])) {
			c := d.Networks[network][role]
			s.add("networks."+network+".contracts."+role, d.Source, c.Address, c.Implementation)
		}
	}
	for _, network := range slices.Sorted(maps.Keys(d.Safes)) {
		for _, name := range slices.Sorted(maps.Keys(d.Safes[network])) {
			s.add("networks."+network+".safes."+name, d.Source, d.Safes[network][name])
		}
	}
}

// lookAlikes refuses addresses of an environment that look like others that are
// known: its own, and those of its neighbours. It fills in Environment.Known.
func lookAlikes(env *Environment, others []KnownAddress, faults *faults) {
	env.Known = append(statedAddresses(env), others...)
	seen := map[string]bool{}
	env.Known = slices.DeleteFunc(env.Known, func(k KnownAddress) bool {
		twice := seen[k.Address]
		seen[k.Address] = true
		return twice
	})
	for _, pair := range LookAlikes(env.Known) {
		here, there := pair[1], pair[0]
		if here.Environment != env.Name {
			here, there = there, here
		}
		if here.Environment != env.Name {
			continue // their own loads say so
		}
		faults.add(here.Source, here.Path, "find out which of the two is right; where both are, make one of them anew",
			"%s: %s begins and ends like %s (%s), and is another address", RuleLookAlike, here.Address, there.Address, there)
	}
}

// LookAlikes are the pairs of different addresses that are told apart by nobody who
// sees their first and last four digits.
func LookAlikes(known []KnownAddress) [][2]KnownAddress {
	addresses := make([]common.Address, len(known))
	for i, k := range known {
		addresses[i] = common.HexToAddress(k.Address)
	}
	var pairs [][2]KnownAddress
	for _, pair := range evm.LookAlikes(addresses) {
		pairs = append(pairs, [2]KnownAddress{known[pair[0]], known[pair[1]]})
	}
	return pairs
}
