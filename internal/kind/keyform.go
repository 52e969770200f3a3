package kind

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Key is what the specs of all kinds of keys say of themselves.
type Key struct {
	// Mark is the environment whose mark the key carries; of a key that carries
	// somebody else's it is "environment id".
	Mark, Description string
	// Tags are people's tags; of a live key only those that are declared.
	Tags map[string]string
	// Address (EIP-55) is declared where it is pinned.
	Address string
	// Adopt takes over a key without a mark.
	Adopt bool
}

// KeyForm is how a kind of keys that live behind an API with tags judges and
// mends them. Keys are never removed.
type KeyForm[S any] struct {
	// Noun is what people call it: key, secret.
	Noun string
	// Handle is the output that names a live one to the API, Param the parameter
	// of steps that takes it.
	Handle, Param string
	// TagOp writes tags, DescribeOp the description.
	TagOp, DescribeOp string
	Common            func(S) Key
	// Refusals lists what keeps a live key from being written at all.
	Refusals func(have Object[S], want S, noted map[string]string) []resource.Finding
	Create   func(after *Object[S]) ([]resource.Step, error)
	// Mend gives what must be done before description and tags are mended, and
	// after it, and further tags. Nil: nothing.
	Mend func(before, after *Object[S], facts []resource.Fact) (Mending, error)
	// AdoptTags gives tags that adoption writes beside the mark. Nil: none.
	AdoptTags func(before, after S) (map[string]any, error)
}

// Mending is what a kind adds to the common steps of an update. Preconditions
// that the key is still ours and still the same are put before those of the
// steps.
type Mending struct {
	First, Last []resource.Step
	Tags        map[string]any
}

// Refusals gathers what a kind refuses about one live object.
type Refusals struct {
	ID   resource.ID
	list []resource.Finding
}

// If adds a refusal where something is wrong.
func (r *Refusals) If(wrong bool, rule, reason, hint string) {
	if wrong {
		r.list = append(r.list, resource.Finding{Rule: rule, Severity: resource.Refuse, ID: r.ID, Reason: reason, Hint: hint})
	}
}

// RulePin is the finding that a key is not the one that addresses.json pins.
const RulePin = "pin-mismatch"

// Pin is what addresses.json states of a key, or what is read of it; either may
// be empty.
type Pin struct{ ARN, Address string }

// Pinned refuses a live key that is not the one that is pinned, by address or by
// ARN: a name that leads to another key than yesterday is an incident.
func (r *Refusals) Pinned(noun string, want, have Pin) {
	differs := func(want, have string) bool { return want != "" && have != "" && want != have }
	address, arn := differs(want.Address, have.Address), differs(want.ARN, have.ARN)
	if !address && !arn {
		return
	}
	is := cmp.Or(have.Address, "an address that is not known")
	pinned := want.Address
	if want.ARN != "" {
		is, pinned = have.ARN+" with "+is, strings.TrimSpace(want.ARN+" with "+pinned)
	}
	r.If(true, RulePin, "the "+noun+" is "+is+", addresses.json pins "+pinned,
		"find out who changed the "+noun+" or the pin; a pin changes only where a key was replaced on purpose (reconcile addresses ENV --replace KEY)")
}

// Findings are the refusals in order.
func (r *Refusals) Findings() []resource.Finding {
	slices.SortFunc(r.list, resource.Finding.Compare)
	return r.list
}

// Check judges the live keys. What it refuses is never mended here: each is an
// accident or an attack, and a person looks first.
func (f KeyForm[S]) Check(desired, observed []Object[S], facts []resource.Fact) []resource.Finding {
	return CheckEach(func(have, want *Object[S], about []resource.Fact) []resource.Finding {
		if have == nil {
			return nil
		}
		return f.Refusals(*have, want.Spec, resource.FactsOf(about, want.ID))
	})(desired, observed, facts)
}

// Steps says how to get from the live key to the declared one.
func (f KeyForm[S]) Steps(before, after *Object[S], facts []resource.Fact) ([]resource.Step, error) {
	later := func(format string, args ...any) ([]resource.Step, error) {
		return nil, &DeferredError{Reason: fmt.Sprintf(format, args...)}
	}
	if after == nil {
		return later("keys are never deleted here")
	}
	want := f.Common(after.Spec)
	switch {
	case before == nil && want.Address != "":
		return later("address %s is pinned and its %s is not there: a new key would have another address", want.Address, f.Noun)
	case before == nil:
		return f.Create(after)
	}
	if refused := f.Refusals(*before, after.Spec, resource.FactsOf(facts, before.ID)); len(refused) > 0 {
		return later("%s: %s", refused[0].Rule, refused[0].Reason)
	}
	switch adopts, err := Standing(f.Noun, f.Common(before.Spec).Mark, want.Mark, want.Adopt); {
	case err != nil:
		return nil, err
	case adopts:
		return f.adopt(before, after)
	}
	return f.update(before, after, facts)
}

// NewTags are the tags that a key is made with.
func (f KeyForm[S]) NewTags(after *Object[S]) map[string]any {
	want := f.Common(after.Spec)
	tags := tagAttrs(want.Tags)
	maps.Copy(tags, tagAttrs(MarkTags(want.Mark, after.ID)))
	return tags
}

func (f KeyForm[S]) update(before, after *Object[S], facts []resource.Fact) ([]resource.Step, error) {
	have, want, handle := f.Common(before.Spec), f.Common(after.Spec), before.Outputs[f.Handle]
	var mend Mending
	if f.Mend != nil {
		var err error
		if mend, err = f.Mend(before, after, facts); err != nil {
			return nil, err
		}
	}
	list := slices.Clone(mend.First)
	if have.Description != want.Description {
		list = append(list, resource.Step{Op: f.DescribeOp, Params: resource.Attrs{"description": want.Description}})
	}
	tags := map[string]any{}
	maps.Copy(tags, mend.Tags)
	for name, value := range want.Tags {
		if have.Tags[name] != value {
			tags[name] = value
		}
	}
	if len(tags) > 0 {
		list = append(list, resource.Step{Op: f.TagOp, Params: resource.Attrs{"tags": tags}})
	}
	list = append(list, mend.Last...)
	for i := range list {
		list[i].ID = after.ID
		list[i].Params = maps.Clone(list[i].Params)
		if list[i].Params == nil {
			list[i].Params = resource.Attrs{}
		}
		list[i].Params[f.Param] = handle
		list[i].Pre = append([]resource.Precondition{
			{ID: after.ID, Path: "mark", Op: resource.Equals, Value: want.Mark},
			{ID: after.ID, Path: "outputs." + f.Handle, Op: resource.Equals, Value: handle},
		}, list[i].Pre...)
	}
	return list, nil
}

// adopt writes the mark and nothing else; what else differs is planned once the
// key is ours.
func (f KeyForm[S]) adopt(before, after *Object[S]) ([]resource.Step, error) {
	tags := tagAttrs(MarkTags(f.Common(after.Spec).Mark, after.ID))
	if f.AdoptTags != nil {
		more, err := f.AdoptTags(before.Spec, after.Spec)
		if err != nil {
			return nil, err
		}
		maps.Copy(tags, more)
	}
	handle := before.Outputs[f.Handle]
	return []resource.Step{{
		Op: AdoptOp, ID: after.ID,
		Pre: []resource.Precondition{
			{ID: after.ID, Path: "mark", Op: resource.Absent},
			{ID: after.ID, Path: "outputs." + f.Handle, Op: resource.Equals, Value: handle},
		},
		Params: resource.Attrs{f.Param: handle, "tags": tags},
	}}, nil
}

// DeclareKeys lists the environment's keys of one kind.
func DeclareKeys[S any](env *config.Environment, kindName string, spec func(config.Key) S) []Object[S] {
	var objects []Object[S]
	for _, keys := range KeysOf(env, kindName) {
		for id, key := range keys {
			objects = append(objects, Object[S]{ID: id, Spec: spec(key), Why: []resource.Source{key.Source}})
		}
	}
	slices.SortFunc(objects, func(a, b Object[S]) int { return a.ID.Compare(b.ID) })
	return objects
}

// KeyRegion is one region to be looked at for the keys of one kind.
type KeyRegion struct {
	Environment *config.Environment
	Name        string
	// Declared are the keys that are looked for; of a narrowed look those that were
	// asked for.
	Declared map[resource.ID]config.Key
	// Only lists the ids that were asked for; nil: all that concerns us.
	Only []resource.ID
}

// ObserveKeys looks at region after region and joins what was found, in order.
// Nil ids mean everything, others a narrowed look.
func ObserveKeys[S any](env *config.Environment, kindName string, ids []resource.ID, look func(KeyRegion) Observation[S]) Observation[S] {
	regions := map[string]*KeyRegion{}
	for name, keys := range KeysOf(env, kindName) {
		regions[name] = &KeyRegion{Environment: env, Name: name, Declared: keys}
	}
	if ids != nil {
		all := regions
		regions = map[string]*KeyRegion{}
		for _, id := range ids {
			if id.Kind != kindName {
				continue
			}
			if regions[id.Scope] == nil {
				regions[id.Scope] = &KeyRegion{Environment: env, Name: id.Scope, Declared: map[resource.ID]config.Key{}}
			}
			r := regions[id.Scope]
			r.Only = append(r.Only, id)
			if whole := all[id.Scope]; whole != nil {
				if key, declared := whole.Declared[id]; declared {
					r.Declared[id] = key
				}
			}
		}
	}
	var joined Observation[S]
	for _, name := range slices.Sorted(maps.Keys(regions)) {
		found := look(*regions[name])
		byID := func(a, b Object[S]) int { return a.ID.Compare(b.ID) }
		slices.SortFunc(found.Owned, byID)
		slices.SortFunc(found.Foreign, byID)
		slices.SortFunc(found.Facts, resource.Fact.Compare)
		slices.SortFunc(found.Unread, resource.Unread.Compare)
		joined.Owned = append(joined.Owned, found.Owned...)
		joined.Foreign = append(joined.Foreign, found.Foreign...)
		joined.Facts = append(joined.Facts, found.Facts...)
		joined.Unread = append(joined.Unread, found.Unread...)
	}
	return joined
}

// PrepareIntent journals the intent of an attempt and nothing else.
func PrepareIntent(_ context.Context, resolved Resolved) (Prepared, error) {
	data, err := resource.Canonical(intent{resolved.Intent})
	return Prepared(data), err
}

// Accepted ends a write that was accepted and waited for: an error where its
// effect was not seen. It proves nothing about the effect.
func Accepted(op string, seen bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("accepted, and then: %w", err)
	case !seen:
		return fmt.Errorf("%s was accepted and cannot be seen yet", op)
	default:
		return nil
	}
}

// Sighted answers a probe by what was seen. It is for effects that may be done
// twice without harm: what is not seen counts as not done.
func Sighted(seen bool, err error) (Happened, error) {
	switch {
	case err != nil:
		return Unknown, err
	case !seen:
		return No, nil
	default:
		return Yes, nil
	}
}
