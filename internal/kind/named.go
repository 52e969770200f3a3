package kind

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Named tells which id a live object stands for, where objects have a name of
// their own and carry our mark as tags: buckets, secrets.
type Named struct {
	Kind, Environment string
	// Declared maps ids to the names that are declared for them.
	Declared map[resource.ID]string
	// Only narrows the search to some ids; nil means all.
	Only []resource.ID
}

// Live is one live object: where it is, and its tags.
type Live struct {
	Scope string
	Tags  map[string]string
}

// Found is a live object, by name, and the id that it stands for. Ours carries
// our mark for it; another one has only its declared name.
type Found struct {
	ID   resource.ID
	Name string
	Ours bool
}

// File sorts live objects by name into ours and others', one per id: the declared
// one of several that carry the mark for the same id, or else the first. A fact
// "duplicate" lists them all.
func (n Named) File(live map[string]Live) (found []Found, facts []resource.Fact) {
	owners := map[resource.ID][]string{}
	for _, name := range slices.Sorted(maps.Keys(live)) {
		id, ours := MarkedFor(live[name].Tags, n.Environment, n.Kind, live[name].Scope, name)
		if ours && Asked(n.Only, id) {
			owners[id] = append(owners[id], name)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(owners), resource.ID.Compare) {
		names := owners[id]
		chosen := names[0]
		if slices.Contains(names, n.Declared[id]) {
			chosen = n.Declared[id]
		}
		if len(names) > 1 {
			facts = append(facts, resource.Fact{ID: id, Name: factDuplicate, Value: strings.Join(names, " ")})
		}
		found = append(found, Found{ID: id, Name: chosen, Ours: true})
	}
	for _, id := range slices.SortedFunc(maps.Keys(n.Declared), resource.ID.Compare) {
		if _, there := live[n.Declared[id]]; there && Asked(n.Only, id) && !slices.Contains(owners[id], n.Declared[id]) {
			found = append(found, Found{ID: id, Name: n.Declared[id]})
		}
	}
	return found, facts
}
