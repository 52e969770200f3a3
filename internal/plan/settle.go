package plan

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// findReplaced finds what this plan replaces, before anything is compared: who
// points at it must see a ref and not the old value. One replacement may cause
// another, so it repeats until nothing is added.
func (d *differ) findReplaced() {
	d.replaced = map[resource.ID]bool{}
	candidates := d.in.Desired.IDs()
	candidates = slices.DeleteFunc(candidates, func(id resource.ID) bool {
		rules := d.in.Rules[id.Kind]
		_, owned := d.in.Owned[id]
		return len(rules.Traits.Immutable) == 0 || rules.Steps == nil || !owned ||
			d.in.Desired[id].Mode == resource.Observed || d.unread(id)
	})
	for added := true; added; {
		added = false
		for _, id := range candidates {
			if !d.replaced[id] && d.mustReplace(id) {
				d.replaced[id], added = true, true
			}
		}
	}
}

func (d *differ) mustReplace(id resource.ID) bool {
	traits := d.in.Rules[id.Kind].Traits
	have := d.in.Owned[id].Attrs
	want, _ := d.in.Desired[id].Attrs.Resolve(d.output)
	return slices.ContainsFunc(compareFields(traits, have, want), func(f FieldChange) bool { return slices.Contains(traits.Immutable, f.Path) })
}

// usersOf lists, for each resource, who points at it, in order.
func usersOf(set resource.Set) map[resource.ID][]resource.ID {
	users := map[resource.ID][]resource.ID{}
	for _, id := range set.IDs() {
		for _, ref := range set[id].Attrs.Refs() {
			if list := users[ref.ID]; ref.ID != id && (len(list) == 0 || list[len(list)-1] != id) {
				users[ref.ID] = append(list, id)
			}
		}
	}
	return users
}

// settle defers what cannot be done in this plan: changes whose refs nobody
// will fill, and deletes of what may still be used, because its user is not
// ours, could not be read or waits itself. It repeats, because a deferred change leaves others
// waiting.
func (d *differ) settle() {
	users := map[resource.ID][]resource.ID{}
	if slices.ContainsFunc(d.out.Changes, func(c Change) bool { return c.Action == Delete }) {
		users = usersOf(d.in.Previous)
	}
	waiting := map[resource.ID]bool{}
	for _, later := range d.out.Deferred {
		waiting[later.ID] = true
	}
	for {
		making := map[resource.ID]bool{}
		for _, c := range d.out.Changes {
			making[c.ID] = c.Action != Delete
		}
		kept := d.out.Changes[:0:0]
		for _, c := range d.out.Changes {
			reason, blocked := d.blocked(c, making, waiting, users[c.ID])
			if blocked {
				d.out.Deferred = append(d.out.Deferred, Deferred{ID: c.ID, Reason: reason})
				waiting[c.ID] = true
				continue
			}
			kept = append(kept, c)
		}
		if len(kept) == len(d.out.Changes) {
			return
		}
		d.out.Changes = kept
	}
}

// blocked says what a change waits for that this plan does not do.
func (d *differ) blocked(c Change, making, waiting map[resource.ID]bool, users []resource.ID) (string, bool) {
	for _, ref := range needs(c) {
		if _, there := d.output(ref); !there && !making[ref.ID] {
			return "waits for " + ref.String(), true
		}
	}
	if c.Action != Delete {
		return "", false
	}
	for _, user := range users {
		_, unmarked := d.in.Foreign[user]
		switch {
		case unmarked:
			return "may still be used by " + user.String() + ", which does not carry our mark", true
		case d.kept[user]:
			return "is still used by " + user.String() + ", which stays", true
		case d.unread(user):
			return "may still be used by " + user.String() + ", which was not read", true
		case waiting[user]:
			return "is still used by " + user.String() + ", whose change is deferred", true
		}
	}
	return "", false
}

// withWaits writes into every delete which changes must come first. A reader of
// the plan file knows no earlier configuration and could not tell from refs.
func withWaits(changes []Change, previous resource.Set) []Change {
	before := Dependencies(changes, previous)
	for i, c := range changes {
		if c.Action == Delete {
			changes[i].Waits = before[c.ID]
		}
	}
	return changes
}
