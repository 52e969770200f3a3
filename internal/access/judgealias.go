package access

import (
	"maps"
	"slices"
	"strings"
)

// aliasNames are the aliases that keys have or will have, in order, each with
// whose keys those are.
type aliasNames struct {
	sorted []string
	owners map[string][]string
	// complete: every expected key's alias is known.
	complete bool
	// some are a few aliases of expected keys, in words.
	some string
}

// aliases are made when they are first asked for.
func (c *court) aliases() *aliasNames {
	if c.known != nil {
		return c.known
	}
	a := &aliasNames{owners: map[string][]string{}, complete: len(c.expect) > 0}
	add := func(owner, alias string) {
		if !slices.Contains(a.owners[alias], owner) {
			a.owners[alias] = append(a.owners[alias], owner)
		}
	}
	var expected []string
	for i := range c.expect {
		e := &c.expect[i]
		key := c.keys[e.KeyARN]
		switch {
		case e.Alias != "":
			add(e.owner(), e.Alias)
			expected = append(expected, e.Alias)
		case key == nil:
			a.complete = false
		default:
			expected = append(expected, key.Aliases...)
		}
	}
	for i := range c.world.Keys {
		key := &c.world.Keys[i]
		owner := key.ID.String()
		if e := c.byKey[key.ARN]; e != nil {
			owner = e.owner()
		}
		for _, alias := range key.Aliases {
			add(owner, alias)
		}
	}
	a.sorted = slices.Sorted(maps.Keys(a.owners))
	slices.Sort(expected)
	a.some = shown(slices.Compact(expected))
	c.known = a
	return a
}

// admits lists the agents whose keys a pattern admits and one alias of each. It
// is complete where every expected key's alias is known.
func (a *aliasNames) admits(pattern string) (owners, aliases []string, complete bool) {
	// What the pattern begins with is where to look.
	prefix := pattern
	if at := strings.IndexAny(pattern, "*?\x00"); at >= 0 {
		prefix = pattern[:at]
	}
	seen := map[string]string{}
	from, _ := slices.BinarySearch(a.sorted, prefix)
	for _, alias := range a.sorted[from:] {
		if !strings.HasPrefix(alias, prefix) {
			break
		}
		if !glob(pattern, alias) {
			continue
		}
		for _, owner := range a.owners[alias] {
			if seen[owner] == "" {
				seen[owner] = alias
			}
		}
	}
	owners = slices.Sorted(maps.Keys(seen))
	for _, owner := range owners {
		aliases = append(aliases, seen[owner])
	}
	return owners, aliases, a.complete
}
