// Package observe runs the Observe of all kinds, those that give addresses
// before those that need them, and gathers what is there, what was noticed and
// what could not be read.
package observe

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// World is what was read. Owned resources carry our mark; Foreign ones have a
// name of ours, or matter to us, and are never written.
type World struct {
	Owned, Foreign resource.Set
	Facts          []resource.Fact
	Unread         []resource.Unread
	// Findings are contradictions of the world with itself, such as two objects
	// that claim one id.
	Findings []resource.Finding
}

// duplicateID is the rule of the finding about two objects that claim one id.
const duplicateID = "duplicate-id"

// Claimed counts the live objects, owned or foreign, that claim an id. More
// than one means that nothing may be said of it or written to it.
func (w *World) Claimed(id resource.ID) int {
	claims := 0
	if _, owned := w.Owned[id]; owned {
		claims++
	}
	if _, foreign := w.Foreign[id]; foreign {
		claims++
	}
	for _, f := range w.Findings {
		if f.Rule == duplicateID && f.ID == id {
			claims++
		}
	}
	return claims
}

// Lookup resolves refs against the owned resources. What is unread, and what
// two objects claim, resolves to nothing, whatever was seen of it.
func (w *World) Lookup(ref resource.Ref) (string, bool) {
	for _, u := range w.Unread {
		if u.Covers(ref.ID) {
			return "", false
		}
	}
	if w.Claimed(ref.ID) > 1 {
		return "", false
	}
	value := w.Owned[ref.ID].Outputs[ref.Output]
	return value, value != ""
}

// Declare asks every kind what must be and joins the answers.
func Declare(env *config.Environment, kinds []kind.Kind) (resource.Set, error) {
	var all []resource.Resource
	for _, k := range kinds {
		declared, err := k.Declare(env)
		if err != nil {
			return nil, fmt.Errorf("%s: declare: %w", k.Name, err)
		}
		all = append(all, declared...)
	}
	return resource.NewSet(all...)
}

// Progress is told when a kind begins and has been read.
type Progress func(kind string, done bool)

// All reads the whole environment. Kinds whose declarations point at other
// kinds are read after those; the rest is read at once.
func All(ctx context.Context, env *config.Environment, kinds []kind.Kind, desired resource.Set, progress Progress) (*World, error) {
	return run(kinds, desired, progress, func(k kind.Kind, lookup kind.Lookup) kind.Seen {
		return k.Observe(ctx, env, lookup)
	})
}

// Some reads the given resources and nothing else. A resource of a kind that
// is not among kinds is unread: nobody looked, so it is not absent.
func Some(ctx context.Context, env *config.Environment, kinds []kind.Kind, desired resource.Set, ids []resource.ID) (*World, error) {
	byKind := map[string][]resource.ID{}
	for _, id := range ids {
		byKind[id.Kind] = append(byKind[id.Kind], id)
	}
	world, err := run(kinds, desired, nil, func(k kind.Kind, lookup kind.Lookup) kind.Seen {
		wanted := byKind[k.Name]
		if len(wanted) == 0 {
			return kind.Seen{}
		}
		slices.SortFunc(wanted, resource.ID.Compare)
		return k.Read(ctx, env, slices.Compact(wanted), lookup)
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(kinds, func(k kind.Kind) bool { return k.Name == id.Kind }) {
			world.Unread = append(world.Unread, resource.Unread{Scope: id.String(), Operation: "read", Cause: "no kind of this name"})
		}
	}
	world.sort()
	return world, nil
}

func run(kinds []kind.Kind, desired resource.Set, progress Progress, read func(kind.Kind, kind.Lookup) kind.Seen) (*World, error) {
	waves, err := Waves(kinds, desired)
	if err != nil {
		return nil, err
	}
	world := &World{Owned: resource.Set{}, Foreign: resource.Set{}}
	for _, wave := range waves {
		seen := make([]kind.Seen, len(wave))
		var wait sync.WaitGroup
		for i, k := range wave {
			wait.Go(func() {
				if progress != nil {
					progress(k.Name, false)
					defer progress(k.Name, true)
				}
				seen[i] = read(k, world.Lookup)
			})
		}
		wait.Wait()
		for _, s := range seen {
			world.add(s)
		}
	}
	world.sort()
	return world, nil
}

func (w *World) add(s kind.Seen) {
	for _, part := range []struct {
		from []resource.Resource
		into resource.Set
	}{{s.Owned, w.Owned}, {s.Foreign, w.Foreign}} {
		for _, r := range part.from {
			if _, twice := part.into[r.ID]; twice {
				w.Findings = append(w.Findings, resource.Finding{
					Rule: duplicateID, Severity: resource.Refuse, ID: r.ID,
					Reason: "two live objects claim this id",
				})
				continue
			}
			part.into[r.ID] = r
		}
	}
	w.Facts = append(w.Facts, s.Facts...)
	w.Unread = append(w.Unread, s.Unread...)
}

func (w *World) sort() {
	slices.SortFunc(w.Facts, resource.Fact.Compare)
	w.Facts = slices.Compact(w.Facts)
	slices.SortFunc(w.Unread, resource.Unread.Compare)
	w.Unread = slices.Compact(w.Unread)
	slices.SortFunc(w.Findings, resource.Finding.Compare)
}

// Waves groups kinds so that each comes after the kinds that its declarations
// point at. Kinds that are read alone wait for nobody; others that point at each
// other in a circle are an error.
func Waves(kinds []kind.Kind, desired resource.Set) ([][]kind.Kind, error) {
	needs, alone := map[string]map[string]bool{}, map[string]bool{}
	for _, k := range kinds {
		alone[k.Name] = k.Traits.Alone
	}
	for id, r := range desired {
		if alone[id.Kind] {
			continue
		}
		for _, ref := range r.Attrs.Refs() {
			if ref.ID.Kind == id.Kind {
				continue
			}
			if needs[id.Kind] == nil {
				needs[id.Kind] = map[string]bool{}
			}
			needs[id.Kind][ref.ID.Kind] = true
		}
	}
	var waves [][]kind.Kind
	left := slices.Clone(kinds)
	for len(left) > 0 {
		waiting := map[string]bool{}
		for _, k := range left {
			waiting[k.Name] = true
		}
		var wave, later []kind.Kind
		for _, k := range left {
			if anyWaiting(needs[k.Name], waiting) {
				later = append(later, k)
			} else {
				wave = append(wave, k)
			}
		}
		if len(wave) == 0 {
			return nil, fmt.Errorf("kinds wait for each other: %v", names(left))
		}
		waves = append(waves, wave)
		left = later
	}
	return waves, nil
}

func anyWaiting(needs, waiting map[string]bool) bool {
	for name := range needs {
		if waiting[name] {
			return true
		}
	}
	return false
}

func names(kinds []kind.Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = k.Name
	}
	return list
}
