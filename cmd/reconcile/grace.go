package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/big"
	"time"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// inForce is since when every destination is known to have the set that it has:
// the outcome of the last call that we sent, which is written after its
// confirmations. Who executed a proposal, or whoever else changed a set, left no
// time: then it counts from the first close of a plan that read the sets as they
// are now. The zero time: not known.
func (s *session) inForce(world *observe.World, set config.ValidatorSet) time.Time {
	if at, sent := s.lastSent(set); sent {
		return at
	}
	now, whole := s.setsReading(world, set.Origin)
	if !whole {
		return time.Time{}
	}
	return s.ledger.Since(setsID(set.Origin), now)
}

// lastSent is the time of the last change of an origin's set at any destination;
// false where there is none, where others had to execute one of them, and where
// nobody knows whether it happened.
func (s *session) lastSent(set config.ValidatorSet) (at time.Time, sent bool) {
	if !set.Managed {
		return at, false
	}
	for _, destination := range set.Destinations {
		id := config.SetID(destination, set.Origin)
		e, tried := s.ledger.Last(func(e journal.Entry) bool { return e.ID == id && e.Op != call.Deploy })
		switch {
		case !tried:
			continue
		case e.Happened != journal.Happened || e.Op == resource.Propose:
			return time.Time{}, false
		case e.Time.After(at):
			at = e.Time
		}
		sent = true
	}
	return at, sent
}

// setsID is what the journal's reading of an origin's sets is on. It is no
// resource.
func setsID(origin string) resource.ID {
	return resource.ID{Kind: "validator-sets", Scope: "in-force", Name: origin}
}

// setsReading is a number that tells what all destinations ask of an origin from
// anything else; false where one of them was not read.
func (s *session) setsReading(world *observe.World, origin string) (string, bool) {
	sum, some := sha256.New(), false
	unread := resource.Covering(world.Unread)
	for _, set := range s.env.ValidatorSets {
		if set.Origin != origin {
			continue
		}
		for _, destination := range set.Destinations {
			id := config.SetID(destination, origin)
			if n, known := s.env.Network(destination); known && n.State == "retired" {
				continue
			}
			r, read := world.Owned[id]
			if !read || unread(id) {
				return "", false
			}
			some = true
			text, err := resource.Canonical(map[string]any{"id": id, "type": r.Attrs["type"], "threshold": r.Attrs["threshold"], "members": r.Attrs["members"]})
			if err != nil {
				return "", false
			}
			fmt.Fprintf(sum, "%s\n", text)
		}
	}
	return new(big.Int).SetBytes(sum.Sum(nil)[:16]).String(), some
}

// setReadings are those readings, of the origins for which nothing else tells
// since when a set is in force.
func (s *session) setReadings(world *observe.World, readings map[string]string) {
	for _, set := range s.env.ValidatorSets {
		if _, sent := s.lastSent(set); sent {
			continue
		}
		if now, whole := s.setsReading(world, set.Origin); whole {
			readings[setsID(set.Origin).String()] = now
		}
	}
}

// live is IAM as it was read; nil where access is not declared, and where it
// could not be read.
func (s *session) live(ctx context.Context) *access.Directory {
	if s.env.Access == nil {
		return nil
	}
	live, err := s.directory.All(ctx)
	if err != nil {
		return nil
	}
	return live
}
