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
		d.holders = holdersOf(d.in.Owned, d.out.Changes)
	}
	waiting := map[resource.ID]bool{}
	for _, later := range d.out.Deferred {
		waiting[later.ID] = true
	}
	for _, proposed := range d.out.Pending {
		waiting[proposed.ID] = true
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
	for _, user := range slices.Concat(users, d.holders[c.ID]) {
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
	for _, holder := range d.holders[c.ID] {
		if _, changes := making[holder]; !changes {
			return "is still used by " + holder.String(), true
		}
	}
	return "", false
}

// withWaits writes into every delete which changes must come first. A reader of
// the plan file knows no earlier configuration and could not tell from refs.
func withWaits(changes []Change, previous resource.Set, holders map[resource.ID][]resource.ID) []Change {
	before := Dependencies(changes, previous)
	changed := map[resource.ID]bool{}
	for _, c := range changes {
		changed[c.ID] = true
	}
	naming := namersOf(changes)
	for i, c := range changes {
		if c.Action != Delete {
			continue
		}
		waits := slices.Concat(before[c.ID], naming[c.ID])
		for _, holder := range holders[c.ID] {
			if changed[holder] {
				waits = append(waits, holder)
			}
		}
		slices.SortFunc(waits, resource.ID.Compare)
		changes[i].Waits = slices.Compact(waits)
	}
	return changes
}

// goingBy lists what goes, by its ARN.
func goingBy(changes []Change) map[string]resource.ID {
	going := map[string]resource.ID{}
	for _, c := range changes {
		if arn := c.Before.outputs()["arn"]; c.Action == Delete && arn != "" {
			going[arn] = c.ID
		}
	}
	return going
}

// namersOf lists which live documents and lists of this plan's other changes
// name what goes. AWS rewrites a policy when a principal that it names is
// removed, and a change of that policy would not find it as it was planned from.
func namersOf(changes []Change) map[resource.ID][]resource.ID {
	namers, going := map[resource.ID][]resource.ID{}, goingBy(changes)
	if len(going) == 0 {
		return namers
	}
	for _, c := range changes {
		if c.Before == nil || c.Action == Delete {
			continue
		}
		eachText(map[string]any(c.Before.Attrs), func(text string) {
			if gone, ok := going[text]; ok && gone != c.ID {
				namers[gone] = append(namers[gone], c.ID)
			}
		})
	}
	return namers
}

// eachText visits every text of a value, however deep it lies.
func eachText(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case []any:
		for _, one := range v {
			eachText(one, visit)
		}
	case map[string]any:
		for _, one := range v {
			eachText(one, visit)
		}
	}
}

// holdersOf lists which live resources of ours hold what goes: by its ARN, as
// an attribute or in a list of them. The configuration before this one need not
// know of it: it may be drift, or left over from a change that was put off.
func holdersOf(owned resource.Set, changes []Change) map[resource.ID][]resource.ID {
	going := goingBy(changes)
	holders := map[resource.ID][]resource.ID{}
	if len(going) == 0 {
		return holders
	}
	for _, id := range owned.IDs() {
		for _, value := range owned[id].Attrs {
			list, many := value.([]any)
			if !many {
				list = []any{value}
			}
			for _, one := range list {
				text, _ := one.(string)
				if gone, ok := going[text]; ok && gone != id && !slices.Contains(holders[gone], id) {
					holders[gone] = append(holders[gone], id)
				}
			}
		}
	}
	return holders
}

func (s *State) outputs() resource.Outputs {
	if s == nil {
		return nil
	}
	return s.Outputs
}
