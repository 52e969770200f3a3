package config

import (
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// compare checks an environment against the others of its repository: what two
// of them must not share, and what one must have in common with the one it
// mirrors.
func compare(tree fs.FS, env *Environment) error {
	names, err := listFolder(tree)
	if err != nil {
		return err
	}
	var faults faults
	var others []KnownAddress
	for _, name := range names {
		if name == env.Name {
			continue
		}
		other, _, err := loadOne(tree, name, nil)
		if err != nil {
			if m := env.Mirrors; m != nil && m.Environment == name {
				faults.add(m.Source, "mirrors", "reconcile vet "+name, "%s has faults of its own, the two were not compared", name)
			}
			continue
		}
		separate(env, other, &faults)
		others = append(others, statedAddresses(other)...)
		if m := env.Mirrors; m != nil && m.Environment == name {
			mirror(env, other, &faults)
		}
	}
	if m := env.Mirrors; m != nil && !slices.Contains(names, m.Environment) {
		faults.add(m.Source, "mirrors.environment", meant(m.Environment, names), "no environment %q", m.Environment)
	}
	lookAlikes(env, others, &faults)
	return faults.err()
}

// thing is something that one environment alone may have.
type thing struct{ kind, id string }

type holding struct {
	thing
	path  string
	where resource.Source
}

// holdings lists what an environment claims for itself.
func holdings(env *Environment) []holding {
	var all []holding
	claim := func(kind, id, at string, where resource.Source) {
		all = append(all, holding{thing{kind, id}, at, where})
	}
	for _, key := range env.Keys {
		at := "keys." + key.Name
		if key.Holder == "keystore" {
			claim("keystore", key.Path, at, key.Source)
			continue
		}
		claim("alias", strings.Join([]string{env.AWS.Account, key.Region, key.Alias}, " "), at, key.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(env.Pins)) {
		claim("address", env.Pins[name], name, resource.Source{File: PinsFile(env.Name)})
		if arn := env.PinnedARNs[name]; arn != "" {
			claim("key", arn, name, resource.Source{File: PinsFile(env.Name)})
		}
	}
	for _, f := range env.Funding {
		for _, w := range f.Wallets {
			if w.Address != "" {
				claim("address", w.Address, "funding."+f.Network+".wallets."+w.Name, w.Source)
			}
		}
	}
	all = append(all, chainHoldings(env)...)
	if env.Store.Kind == "s3" {
		claim("bucket", env.Store.Bucket, "store.bucket", env.Store.Source)
	} else {
		claim("folder", env.Store.Path, "store.path", env.Store.Source)
	}
	return append(all, accessHoldings(env)...)
}

// accessHoldings lists the names in IAM, buckets and secrets that an environment
// claims. Names in IAM are one regardless of case (IAM User Guide, "IAM
// identifiers"); a bucket's is one in the whole world.
func accessHoldings(env *Environment) []holding {
	a := env.Access
	if a == nil {
		return nil
	}
	var all []holding
	claim := func(kind, name, at string, where resource.Source) {
		all = append(all, holding{thing{kind, env.AWS.Account + " " + strings.ToLower(name)}, at, where})
	}
	for _, u := range a.Users {
		claim("user", u.Name, "access", u.Source)
		if u.AccessKey != nil {
			claim("secret", u.AccessKey.Region+" "+u.AccessKey.Secret, "access", u.AccessKey.Source)
		}
	}
	for _, g := range a.Groups {
		claim("group", g.Name, "access", g.Source)
	}
	for _, r := range a.Roles {
		claim("role", r.Name, "access", r.Source)
	}
	for _, p := range a.Policies {
		claim("policy", p.Name, "access", p.Source)
	}
	for _, b := range a.Buckets {
		all = append(all, holding{thing{"bucket", b.Bucket}, "buckets." + b.Name, b.Source})
	}
	return all
}

// chainHoldings lists the Safes and contracts that an environment writes to, by
// chain: one address on two chains is two contracts.
func chainHoldings(env *Environment) []holding {
	var all []holding
	claim := func(kind, network, address, at string, where resource.Source) {
		if n, ok := env.Network(network); ok && address != "" {
			all = append(all, holding{thing{kind, strconv.FormatUint(n.ChainID, 10) + ":" + address}, at, where})
		}
	}
	for _, s := range env.Safes {
		if s.Managed {
			claim("Safe", s.Network, s.Address, "safes."+s.Name, s.Source)
		}
	}
	for _, c := range env.Contracts {
		if c.Managed {
			claim("contract", c.Network, c.Address, "contracts."+c.Name, c.Source)
		}
	}
	return all
}

// separate refuses keys, banks, buckets, addresses and principals in two
// environments: a rehearsal must not be able to touch what is real.
func separate(env, other *Environment, faults *faults) {
	theirs := map[thing]holding{}
	for _, h := range holdings(other) {
		theirs[h.thing] = h
	}
	for _, h := range holdings(env) {
		if twin, shared := theirs[h.thing]; shared {
			faults.add(h.where, h.path, "the other one: "+place(twin.where)+", "+twin.path,
				"%s %s is also in environment %s: environments share no %s", h.kind, h.id, other.Name, unshared(h.kind))
		}
	}
}

// unshared are the things that environments share none of, those like kind.
func unshared(kind string) string {
	if slices.Contains([]string{"user", "group", "role", "policy", "secret"}, kind) {
		return "users, groups, roles, policies or secrets"
	}
	if kind == "Safe" || kind == "contract" {
		return "Safes or contracts that they manage"
	}
	return "keys, banks, buckets or addresses"
}

// place is file:line, or the file alone.
func place(at resource.Source) string {
	if at.Line == 0 {
		return at.File
	}
	return at.String()
}
