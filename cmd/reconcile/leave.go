package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// keepInUse puts off what would take a key's access while its address still
// stands somewhere, may be brought back, or is within its grace.
func (s *session) keepInUse(ctx context.Context, d *plan.Difference, world *observe.World, desired resource.Set) error {
	kept, err := s.keep(ctx, world, desired, d.Changes, d.Resolved)
	if err != nil {
		return err
	}
	d.Changes = kept.Changes
	d.Deferred = append(d.Deferred, kept.Deferred...)
	slices.SortFunc(d.Deferred, func(a, b plan.Deferred) int { return a.ID.Compare(b.ID) })
	d.Findings = append(d.Findings, kept.Findings...)
	compactFindings(d)
	return nil
}

// keepAgain asks once more right before the first write, and of the whole world:
// a set may have been moved back since the plan was made. Nothing is read for a
// plan that takes nothing, and where nothing on a chain is declared.
func (s *session) keepAgain(ctx context.Context, p *plan.Plan, desired resource.Set) error {
	previous, err := s.previous()
	if err != nil {
		return err
	}
	named := func(set resource.Set) bool {
		return slices.ContainsFunc(set.IDs(), func(id resource.ID) bool { return proof.NamesKeys(id.Kind) })
	}
	if !slices.ContainsFunc(p.Changes, proof.Bears) || !named(desired) && !named(previous) {
		return nil
	}
	kinds, err := newKinds(s)
	if err != nil {
		return err
	}
	world, err := observe.All(ctx, s.env, kinds, desired, nil)
	if err != nil {
		return err
	}
	kept, err := s.keep(ctx, world, desired, p.Changes, p.Resolved)
	if err != nil || len(kept.Deferred) == 0 {
		return err
	}
	return &exitError{code: exitRefused, err: withHint(
		fmt.Errorf("%s: what keys are needed for has moved since the plan was made: %s: %s", s.env.Name, kept.Deferred[0].ID, kept.Deferred[0].Reason), "reconcile plan %s", s.env.Name)}
}

func (s *session) keep(ctx context.Context, world *observe.World, desired resource.Set, changes []plan.Change, resolved map[string]string) (proof.Kept, error) {
	if !slices.ContainsFunc(changes, func(c plan.Change) bool { return proof.Bears(c) || c.Action == plan.Delete }) {
		return proof.Kept{Changes: changes}, nil
	}
	previous, err := s.previous()
	if err != nil {
		return proof.Kept{}, err
	}
	bearers, err := s.bearers(world, desired, proof.Stand(s.chainsOf(world, desired, previous)).Why)
	if err != nil {
		return proof.Kept{}, err
	}
	return proof.Keep(s.proofInput(s.live(ctx), world, changes, resolved), bearers), nil
}

// chainsOf is what a world says of contracts, in the proof's words.
func (s *session) chainsOf(world *observe.World, desired, previous resource.Set) proof.Chains {
	c := proof.Chains{
		Declared: desired, Previous: previous, Observed: observedOf(world), Facts: world.Facts, Unread: world.Unread,
		Retired: map[string]bool{}, Departures: map[string]proof.Departure{}, Domains: map[string]uint32{}, Now: s.app.now(),
	}
	for _, n := range s.env.Networks {
		c.Retired[n.Name], c.Domains[n.Name] = n.State == "retired", n.DomainID
	}
	for _, env := range s.configurations() {
		for _, set := range env.ValidatorSets {
			d := c.Departures[set.Origin]
			d.Grace = max(d.Grace, set.Grace)
			d.Since = s.inForce(world, set)
			c.Departures[set.Origin] = d
		}
	}
	selector := func(signature string) string {
		of := evm.MustMethod(signature).Selector()
		return hexutil.Encode(of[:])
	}
	c.Route = selector("set(uint32,address)")
	for _, signature := range []string{"setDefaultIsm(address)", "setValidatorsAndThreshold(address[],uint8)", "setModulesAndThreshold(address[],uint8)"} {
		c.Repoints = append(c.Repoints, selector(signature))
	}
	return c
}

// configurations are this one and the last applied one.
func (s *session) configurations() []*config.Environment {
	if s.whole == nil {
		return []*config.Environment{s.env}
	}
	return []*config.Environment{s.env, s.whole}
}

// bearers lists the keys that are there or may be, with who runs them and why
// they must be able to.
func (s *session) bearers(world *observe.World, desired resource.Set, why func(proof.Held) []string) ([]proof.Bearer, error) {
	known := map[resource.ID]bool{}
	var list []proof.Bearer
	unread := resource.Covering(world.Unread)
	observed := observedOf(world)
	add := func(b proof.Bearer, h proof.Held) {
		if _, there := observed[h.Key]; !there && !unread(h.Key) {
			return
		}
		if h.Address = observed[h.Key].Outputs["address"]; unread(h.Key) {
			h.Address = ""
		}
		if b.Why = why(h); len(b.Why) > 0 {
			list = append(list, b)
		}
	}
	for _, env := range s.configurations() {
		for _, key := range env.Keys {
			if id := key.ResourceID(); !known[id] && key.Holder != "keystore" {
				known[id] = true
				add(s.bearer(key), s.held(key))
			}
		}
	}
	for _, id := range observed.IDs() {
		if (id.Kind == "kms-key" || id.Kind == "secret-key") && !known[id] && desired[id].ID.IsZero() {
			add(proof.Bearer{Key: id, Anyone: true}, proof.Held{Key: id, Attests: true})
		}
	}
	return list, nil
}

// held says what a declared key is.
func (s *session) held(key config.Key) proof.Held {
	h := proof.Held{Key: key.ResourceID(), Known: true, Attests: key.Use == "attestation", Networks: slices.Clone(key.Networks)}
	for _, env := range s.configurations() {
		for _, set := range env.ValidatorSets {
			member := slices.ContainsFunc(set.Members, func(m config.Member) bool { return m.Key == key.Name })
			h.Attests = h.Attests || member
			if member && len(h.Networks) > 0 && !slices.Contains(h.Networks, set.Origin) {
				h.Networks = append(h.Networks, set.Origin)
			}
		}
		for _, f := range env.Funding {
			if f.Bank == key.Name && !slices.Contains(h.Pays, f.Network) {
				h.Pays = append(h.Pays, f.Network)
			}
		}
	}
	return h
}

// bearer says who runs a declared key, who ran it, and where they publish.
func (s *session) bearer(key config.Key) proof.Bearer {
	b := proof.Bearer{Key: key.ResourceID(), Writes: map[string][]string{}}
	for i, env := range s.configurations() {
		if env.Access == nil {
			continue
		}
		var people []string
		for _, use := range env.Access.Uses {
			if use.Key == key.Name {
				people = append(people, use.Principals...)
			}
		}
		if i == 0 {
			b.Runs = people
		} else {
			b.Ran = people
		}
		people = slices.DeleteFunc(slices.Clone(people), func(p string) bool { return i > 0 && slices.Contains(b.Runs, p) })
		for _, bucket := range env.Access.Buckets {
			own := bucket.Agent == key.Agent && bucket.Instance == key.Instance
			if key.Use != "attestation" || !own && bucket.Agent != "" {
				continue
			}
			arn := "arn:aws:s3:::" + bucket.Bucket
			byIAM := env.Access.WritersByIAM(env.AWS.Account, arn)
			for _, principal := range people {
				b.Writes[principal] = append(b.Writes[principal], byIAM[principal]...)
				if slices.Contains(bucket.Writers, principal) {
					b.Writes[principal] = append(b.Writes[principal], arn+"/checkpoint")
				}
			}
		}
	}
	return b
}

func observedOf(world *observe.World) resource.Set {
	observed := resource.Set{}
	for _, from := range []resource.Set{world.Foreign, world.Owned} {
		for id, r := range from {
			observed[id] = r
		}
	}
	return observed
}
