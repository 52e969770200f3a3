package view

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// block is one or more changes that are equal but for the names they speak of.
type block struct {
	changes []plan.Change
	// names are the changes' names as products, at least one.
	names []string
}

func (b block) first() plan.Change { return b.changes[0] }

func (b block) ids() []resource.ID {
	ids := make([]resource.ID, len(b.changes))
	for i, c := range b.changes {
		ids[i] = c.ID
	}
	return ids
}

// blocks folds changes and puts them in the order of reading: destructive ones
// first, then kind by kind as the plan would reach them.
func (v *viewer) blocks(changes []plan.Change) []block {
	at := map[string]int{}
	var folded []block
	for _, c := range changes {
		key := c.ID.String()
		if !v.o.Verbose {
			key = v.signature(c)
		}
		i, ok := at[key]
		if !ok {
			i = len(folded)
			at[key] = i
			folded = append(folded, block{})
		}
		folded[i].changes = append(folded[i].changes, c)
	}
	kinds := map[string]int{}
	for i := range folded {
		b := &folded[i]
		if _, ok := kinds[b.first().ID.Kind]; !ok {
			kinds[b.first().ID.Kind] = len(kinds)
		}
		b.names = v.namesOf(b.ids())
	}
	band := func(b block) int {
		if b.first().Risk.Rank() >= resource.Destructive.Rank() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(folded, func(a, b block) int {
		return cmp.Or(cmp.Compare(band(a), band(b)), cmp.Compare(kinds[a.first().ID.Kind], kinds[b.first().ID.Kind]))
	})
	return folded
}

func (v *viewer) namesOf(ids []resource.ID) []string {
	if len(ids) == 1 {
		if v.o.Verbose {
			return []string{ids[0].String()}
		}
		if routes, ok := routesOf(ids); ok {
			return routes
		}
		return []string{v.names.short(ids[0])}
	}
	if routes, ok := routesOf(ids); ok {
		return routes
	}
	var names []string
	for _, s := range v.names.shapes(ids) {
		names = append(names, v.names.text(s))
	}
	return names
}

// signature is equal for changes that say the same of different names. What a
// change says is taken with its own name's parts replaced by their place in
// the name, so that "signer of validator-0 on fuji" and "signer of validator-1
// on sepolia" are alike and a leg that speaks of another leg's network is not.
func (v *viewer) signature(c plan.Change) string {
	if c.ID.Kind == kindValidatorSet || c.ID.Kind == kindSafe {
		return v.chainSignature(c)
	}
	own := v.ownWords(c.ID)
	var b strings.Builder
	part := func(text string) { b.WriteString(text + "\x00") }
	say := func(text string) { part(Terminal(text)) }
	say(c.ID.Kind)
	part(string(c.Action))
	part(string(c.Risk))
	part(string(c.Cause))
	say(c.Group)
	if c.Person {
		part("person")
	}
	if v.names.networks[c.ID.Scope] {
		part("network")
	} else {
		say(c.ID.Scope)
	}
	for _, f := range c.Fields {
		say(f.Path)
		if !slices.Contains(v.o.Traits[c.ID.Kind].Moving, f.Path) {
			own.unordered = documentPath(f.Path) || f.Path == inlinePath || isDocument(f.Path, f.Before) || isDocument(f.Path, f.After)
			part(own.normal(f.Before))
			part(own.normal(declared(c, f)))
		}
	}
	for _, s := range c.Steps {
		say(s.Op)
	}
	for _, file := range files(c.Why) {
		say(file)
	}
	return b.String()
}

// declared is what the configuration says, refs unresolved, where it says it.
func declared(c plan.Change, f plan.FieldChange) any {
	if after, ok := c.After[f.Path]; ok {
		return after
	}
	return f.After
}

func files(why []resource.Source) []string {
	var names []string
	for _, source := range why {
		names = append(names, source.File)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ownWords maps what one resource is called, and every run of parts of its
// name, to the place of that run in the name.
type ownWords struct {
	id    resource.ID
	words map[string]string
	// network is the one network that the name or the scope speaks of.
	network string
	// known ARNs are taken for the resources that have them.
	known map[string]resource.ID
	// unordered says that the order of lists means nothing, as in documents.
	unordered bool
}

func (v *viewer) ownWords(id resource.ID) ownWords {
	own := ownWords{id: id, words: map[string]string{}, known: v.known}
	parts := placesOf(id.Name)
	if last := parts[len(parts)-1]; v.names.networks[last] {
		own.network = last
	}
	for from := range parts {
		for to := from + 1; to <= len(parts); to++ {
			word := strings.Join(parts[from:to], "-")
			if _, taken := own.words[word]; !taken {
				own.words[word] = "\x02" + number(from) + ":" + number(to-len(parts)) + "\x02"
			}
		}
	}
	if v.names.networks[id.Scope] {
		own.network = id.Scope
	}
	if own.network != "" {
		own.words[own.network] = "\x02network\x02"
	}
	return own
}

// normal is a value's canonical text with the resource's own words replaced.
func (own ownWords) normal(v any) string {
	var b strings.Builder
	own.write(&b, v)
	return b.String()
}

func (own ownWords) write(b *strings.Builder, v any) {
	if members, ok := object(v); ok {
		b.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(members)) {
			b.WriteString(Terminal(name) + "\x01")
			own.write(b, members[name])
		}
		b.WriteByte('}')
		return
	}
	switch v := v.(type) {
	case string:
		if id, ok := own.known[v]; ok {
			own.write(b, resource.Ref{ID: id, Output: arnOutput})
			return
		}
		b.WriteByte('"')
		own.replace(b, v)
		b.WriteByte('"')
	case resource.Ref:
		b.WriteString("ref " + v.ID.Kind + "\x01")
		own.replace(b, v.ID.Scope)
		b.WriteByte('\x01')
		own.replace(b, v.ID.Name)
		b.WriteString("\x01" + v.Output)
	case json.Number:
		b.WriteString("number " + v.String())
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = own.normal(element)
		}
		if own.unordered {
			slices.Sort(parts)
		}
		b.WriteString("[" + strings.Join(parts, "\x01") + "]")
	default:
		b.WriteString(canonical(v))
	}
}

// replace writes text with the own words replaced: the whole name wherever it
// stands, its parts only where they are words by themselves.
func (own ownWords) replace(b *strings.Builder, text string) {
	if !plain(text) {
		// Control bytes mark places here; none may come from outside.
		text = Terminal(text)
	}
	for own.id.Name != "" {
		at := strings.Index(text, own.id.Name)
		if at < 0 {
			break
		}
		own.replaceWords(b, text[:at])
		b.WriteString("\x02name\x02")
		text = text[at+len(own.id.Name):]
	}
	own.replaceWords(b, text)
}

func (own ownWords) replaceWords(b *strings.Builder, text string) {
	start := 0
	flush := func(end int) {
		word := text[start:end]
		if place, ok := own.words[word]; ok {
			b.WriteString(place)
			return
		}
		own.replaceParts(b, word)
	}
	for i := range len(text) {
		if c := text[i]; !isAlphanumeric(c) && c != '-' && c < 0x80 {
			flush(i)
			b.WriteByte(c)
			start = i + 1
		}
	}
	flush(len(text))
}

// replaceParts writes a word of several parts with the longest runs of own
// parts replaced: validator-0-signer-fuji says of the role staging-validator-0
// what relayer-signer-fuji says of the role staging-relayer.
func (own ownWords) replaceParts(b *strings.Builder, word string) {
	parts := placesOf(word)
	for from := 0; from < len(parts); {
		if from > 0 {
			b.WriteByte('-')
		}
		to := len(parts)
		for ; to > from; to-- {
			run := strings.Join(parts[from:to], "-")
			// A number alone says nothing: the 2 of us-west-2 is no instance.
			if place, ok := own.words[run]; ok && strings.Trim(run, "0123456789") != "" {
				b.WriteString(place)
				break
			}
		}
		if to == from {
			b.WriteString(parts[from])
			to++
		}
		from = to
	}
}
