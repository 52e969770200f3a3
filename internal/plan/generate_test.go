package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// randomWorld makes a world by its seed: an earlier configuration was applied,
// then somebody edited the configuration, somebody else edited the world, and
// some scope may not answer.
func randomWorld(seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 7))
	w := &world{rules: testRules(), desired: resource.Set{}, previous: resource.Set{}, live: map[resource.ID]*object{}}
	ids := randomIDs(r)
	for i, id := range ids {
		if chance(r, 80) {
			w.previous[id] = randomResource(r, id, ids[:i], w.previous)
		}
	}
	w.settleAs(w.previous, ids)
	w.edit(r, ids)
	w.drift(r)
	if chance(r, 30) {
		scope := pick(r, []string{"r1", "r2", "fuji", "sepolia", "policy", "key/r2"})
		w.unread = append(w.unread, resource.Unread{Scope: scope, Operation: "read", Cause: "timeout"})
	}
	for _, id := range ids {
		if chance(r, 10) {
			w.facts = append(w.facts, resource.Fact{ID: id, Name: "seen", Value: strconv.Itoa(r.IntN(9))})
		}
		if chance(r, 4) {
			w.facts = append(w.facts, resource.Fact{ID: id, Name: "wait", Value: "yes"})
		}
	}
	return w
}

func randomIDs(r *rand.Rand) []resource.ID {
	var ids []resource.ID
	for i := range 4 + r.IntN(14) {
		kind := pick(r, []string{"key", "key", "key", "policy", "policy", "funding", "watch"})
		scope := pick(r, []string{"r1", "r2"})
		if kind == "funding" || kind == "watch" {
			scope = pick(r, []string{"fuji", "sepolia"})
		}
		// The number at the end keeps the order of creation apart from that of names.
		ids = append(ids, resource.ID{Kind: kind, Scope: scope, Name: fmt.Sprintf("n%d-%d", r.IntN(100), i)})
	}
	return ids
}

// randomResource may point at what came earlier and is in the set.
func randomResource(r *rand.Rand, id resource.ID, earlier []resource.ID, in resource.Set) resource.Resource {
	var refs []any
	for _, other := range earlier {
		if _, there := in[other]; there && (other.Kind == "key" || other.Kind == "policy") && chance(r, 30) {
			refs = append(refs, resource.Ref{ID: other, Output: pick(r, []string{"address", "arn"})})
		}
	}
	res := resource.Resource{ID: id, Why: []resource.Source{{File: "agents.cue", Line: 1 + r.IntN(99)}}}
	if chance(r, 30) {
		res.Group = "group-" + strconv.Itoa(r.IntN(3))
	}
	switch id.Kind {
	case "key":
		res.Attrs = resource.Attrs{"spec": pick(r, []string{"a", "a", "a", "b"}), "tags": map[string]any{"role": strconv.Itoa(r.IntN(4))}}
		if len(refs) > 0 {
			res.Attrs["parent"] = refs[0]
		} else {
			res.Attrs["parent"] = ""
		}
	case "policy":
		members := append([]any{"root"}, refs...)
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		res.Attrs = resource.Attrs{"members": members, "text": strconv.Itoa(r.IntN(3))}
	case "funding":
		floor := r.IntN(50)
		res.Attrs = resource.Attrs{"address": "0xliteral", "balance": map[string]any{"floor": strconv.Itoa(floor), "target": strconv.Itoa(floor + 1 + r.IntN(50))}}
		if len(refs) > 0 {
			res.Attrs["address"] = refs[0]
		}
	case "watch":
		res.Attrs = resource.Attrs{"height": strconv.Itoa(r.IntN(3))}
		res.Mode = resource.Observed
	}
	return res
}

// settleAs makes the world what a configuration declares.
func (w *world) settleAs(set resource.Set, ids []resource.ID) {
	for _, id := range ids {
		res, ok := set[id]
		if !ok {
			continue
		}
		attrs, missing := res.Attrs.Resolve(w.output)
		if len(missing) > 0 {
			panic(fmt.Sprintf("%s points at %v, which is not there", id, missing))
		}
		attrs = bare(attrs)
		if id.Kind == "funding" {
			attrs["balance"] = map[string]any{"wei": attrs["balance"].(map[string]any)["target"]}
		}
		w.put(id, attrs, usedBy(res.Attrs), id.Kind != "watch")
	}
}

// edit makes the configuration of today out of the earlier one.
func (w *world) edit(r *rand.Rand, ids []resource.ID) {
	for i, id := range ids {
		old, had := w.previous[id]
		switch {
		case had && chance(r, 18), !had && chance(r, 30):
			continue
		case had && chance(r, 75):
			dangling := slices.ContainsFunc(usedBy(old.Attrs), func(used resource.ID) bool { _, ok := w.desired[used]; return !ok })
			if !dangling || chance(r, 10) {
				w.desired[id] = old
				break
			}
			fallthrough
		default:
			w.desired[id] = randomResource(r, id, ids[:i], w.desired)
		}
		if chance(r, 5) && (id.Kind == "key" || id.Kind == "policy") {
			w.adopt(id)
		}
	}
}

// adopt lets the configuration take over an unmarked object.
func (w *world) adopt(id resource.ID) {
	res := w.desired[id]
	res.Attrs = res.Attrs.Clone()
	res.Attrs["adopt"] = true
	w.desired[id] = res
}

// drift is what others did to the world.
func (w *world) drift(r *rand.Rand) {
	for _, id := range sortedIDs(w.live) {
		o := w.live[id]
		switch n := r.IntN(100); {
		case n < 7:
			delete(w.live, id)
		case n < 15 && id.Kind != "watch" && id.Kind != "funding":
			o.marked = false
			if _, declared := w.desired[id]; declared && chance(r, 60) {
				w.adopt(id)
			}
			if chance(r, 30) && id.Kind == "policy" {
				o.attrs["text"] = "drifted"
			}
		case n < 25 && id.Kind == "key":
			o.attrs["tags"] = map[string]any{"role": "drifted"}
		case n < 25 && id.Kind == "policy":
			o.attrs["text"] = "drifted"
		case n < 35 && id.Kind == "key":
			o.attrs["note"] = "nobody manages this"
		case n < 60 && id.Kind == "funding":
			o.attrs["balance"] = map[string]any{"wei": strconv.Itoa(r.IntN(100))}
		case n < 30 && id.Kind == "key":
			o.attrs["spec"] = "drifted"
		}
	}
}

func sortedIDs(live map[resource.ID]*object) []resource.ID {
	ids := make([]resource.ID, 0, len(live))
	for id := range live {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, resource.ID.Compare)
	return ids
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
