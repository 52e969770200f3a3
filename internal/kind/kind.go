// Package kind is the contract that every kind of resource fulfils, and the
// one place where a kind's own types are erased to the common words.
package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// AdoptOp is the operation of a step that writes our mark on an object that
// exists already, and nothing else.
const AdoptOp = "adopt"

// Action is one thing that a kind asks of AWS, as IAM calls it.
type Action struct {
	// Name is as in an IAM policy: kms:DescribeKey.
	Name string
	// Writes says that it changes something; a plan never does.
	Writes bool
	// Ops are the step operations that need it; empty: any write may.
	Ops []string
}

// Object is one resource in a kind's own type.
type Object[S any] struct {
	ID      resource.ID
	Spec    S
	Group   string
	Mode    resource.Mode
	Outputs resource.Outputs
	Why     []resource.Source
}

// Observation is what a read found, in a kind's own type.
type Observation[S any] struct {
	// Owned carries our mark. Foreign was read because it has our name or
	// matters to us, and is never written.
	Owned, Foreign []Object[S]
	Facts          []resource.Fact
	Unread         []resource.Unread
}

// Lookup resolves the output of a resource that was observed already.
type Lookup func(resource.Ref) (string, bool)

// Resolved is a step whose refs were filled in, with the intent that the
// journal will know it by.
type Resolved struct {
	Step resource.Step
	// Intent is a unique id for this attempt at this step; kinds put it on what
	// they create, so that a lost reply can be found again.
	Intent string
	// Environment is what the step belongs to.
	Environment *config.Environment
	// Earlier are this run's Prepared of the same step that Do found stuck (see
	// StuckError), oldest first: the next one must exclude them.
	Earlier []Prepared
}

// Prepared is the journalled form of an effect that is about to happen: signed
// transaction bytes, an intent id. It holds no secret.
type Prepared json.RawMessage

// MarshalJSON writes the raw form.
func (p Prepared) MarshalJSON() ([]byte, error) { return json.RawMessage(p).MarshalJSON() }

// UnmarshalJSON keeps the raw form.
func (p *Prepared) UnmarshalJSON(data []byte) error {
	return (*json.RawMessage)(p).UnmarshalJSON(data)
}

// Nothing is what Prepare returns when the live world needs no effect any more,
// for example because somebody else filled the wallet. Apply then journals no
// intent, calls no Do, and reads back that the resource is as declared.
func Nothing() Prepared { return Prepared(`{"nothing":true}`) }

// IsNothing reports whether Prepare said that there is nothing to do: an object
// whose member "nothing" is true.
func (p Prepared) IsNothing() bool {
	var said struct {
		Nothing bool `json:"nothing"`
	}
	return json.Unmarshal(p, &said) == nil && said.Nothing
}

// Happened answers whether an effect took place.
type Happened string

// The three answers. Unknown is never retried blindly.
const (
	Yes     Happened = "yes"
	No      Happened = "no"
	Unknown Happened = "unknown"
)

// Definition is a kind in its own type S. S is a struct whose JSON form is the
// resource's attributes.
type Definition[S any] struct {
	Name   string
	Traits resource.Traits
	// Actions are all that the kind ever asks of AWS. The policies of the tool's
	// own roles are made of them; a test fails when a kind calls another one.
	Actions []Action
	// Declare says what must be. Pure.
	Declare func(*config.Environment) ([]Object[S], error)
	// Observe reads all that concerns the environment.
	Observe func(context.Context, *config.Environment, Lookup) Observation[S]
	// Read is the same code narrowed to some resources.
	Read func(context.Context, *config.Environment, []resource.ID, Lookup) Observation[S]
	// Check judges desired against observed. Pure.
	Check func(desired, observed []Object[S], facts []resource.Fact) []resource.Finding
	// Steps says how to get from before to after; nil before means create, nil
	// after means delete. Pure. A *DeferredError says that it cannot be planned yet.
	Steps func(before, after *Object[S], facts []resource.Fact) ([]resource.Step, error)
	// Prepare makes what the journal records before the effect. No effect.
	Prepare func(context.Context, Resolved) (Prepared, error)
	// Do performs one effect and waits until it is there. Recovery hands it the
	// intent and the Prepared of an earlier try that Probe denied: doing the same
	// Prepared twice must have at most one effect wherever the system allows it
	// (a transaction's bytes, a client token).
	Do func(context.Context, Resolved, Prepared) (resource.Outputs, error)
	// Probe says whether any of the prepared effects happened. It has no effect.
	Probe func(context.Context, Resolved, []Prepared) (Happened, resource.Outputs, error)
	// Accept says how the configuration would declare what somebody made of a
	// resource; an error says why it cannot. Pure. nil, and Traits.Accepts false, where
	// nothing of the kind is written out in the configuration.
	Accept Accept
}

// DeferredError says that a change cannot be planned in this plan and why.
type DeferredError = resource.DeferredError

// NotAcceptedError wraps an error of Do that proves that the effect did not
// happen: the request was throttled, invalid or denied. Any other error leaves
// the effect unknown until Probe answers.
type NotAcceptedError struct{ Err error }

// Error prints the cause.
func (e *NotAcceptedError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *NotAcceptedError) Unwrap() error { return e.Err }

// StuckError wraps an error of Do that says: what was prepared is on its way and
// does not arrive, for example because its fee is too low. Apply asks Prepare
// for one that excludes it (another fee on the same nonce), and does that.
type StuckError struct{ Err error }

// Error prints the cause.
func (e *StuckError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *StuckError) Unwrap() error { return e.Err }

// Kind is a Definition with its type erased. Observed-only kinds have no
// Steps, Prepare, Do and Probe.
type Kind struct {
	Name    string
	Traits  resource.Traits
	Actions []Action
	Declare func(*config.Environment) ([]resource.Resource, error)
	Observe func(context.Context, *config.Environment, Lookup) Seen
	Read    func(context.Context, *config.Environment, []resource.ID, Lookup) Seen
	Check   func(desired, observed []resource.Resource, facts []resource.Fact) ([]resource.Finding, error)
	Steps   func(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error)
	Prepare func(context.Context, Resolved) (Prepared, error)
	Do      func(context.Context, Resolved, Prepared) (resource.Outputs, error)
	Probe   func(context.Context, Resolved, []Prepared) (Happened, resource.Outputs, error)
	Accept  Accept
}

// Seen is an Observation with its type erased.
type Seen struct {
	Owned, Foreign []resource.Resource
	Facts          []resource.Fact
	Unread         []resource.Unread
}

// ObservedOnly reports whether the kind never writes.
func (k Kind) ObservedOnly() bool { return k.Do == nil }

// Define erases a Definition and refuses one with a gap, naming the kind.
func Define[S any](d Definition[S]) (Kind, error) {
	if err := complete(d); err != nil {
		return Kind{}, fmt.Errorf("kind %q: %w", d.Name, err)
	}
	k := Kind{Name: d.Name, Traits: d.Traits, Actions: d.Actions, Prepare: d.Prepare, Do: d.Do, Probe: d.Probe, Accept: d.Accept}
	k.Declare = func(env *config.Environment) ([]resource.Resource, error) {
		objects, err := d.Declare(env)
		if err != nil {
			return nil, err
		}
		return eraseAll(objects)
	}
	k.Observe = func(ctx context.Context, env *config.Environment, lookup Lookup) Seen {
		return eraseSeen(d.Name, d.Observe(ctx, env, lookup))
	}
	k.Read = func(ctx context.Context, env *config.Environment, ids []resource.ID, lookup Lookup) Seen {
		return eraseSeen(d.Name, d.Read(ctx, env, ids, lookup))
	}
	k.Check = func(desired, observed []resource.Resource, facts []resource.Fact) ([]resource.Finding, error) {
		want, err := restoreAll[S](desired)
		if err != nil {
			return nil, err
		}
		have, err := restoreAll[S](observed)
		if err != nil {
			return nil, err
		}
		return d.Check(want, have, facts), nil
	}
	if d.Steps != nil {
		k.Steps = func(before, after *resource.Resource, facts []resource.Fact) ([]resource.Step, error) {
			from, err := restoreOptional[S](before)
			if err != nil {
				return nil, err
			}
			to, err := restoreOptional[S](after)
			if err != nil {
				return nil, err
			}
			steps, err := d.Steps(from, to, facts)
			if err != nil {
				return nil, err
			}
			return plain(steps)
		}
	}
	return k, nil
}

// plain takes a kind's own types out of steps: what is made now and what is read
// from a file tomorrow must have one digest.
func plain(steps []resource.Step) ([]resource.Step, error) {
	for i := range steps {
		var err error
		if steps[i].Params, err = steps[i].Params.Plain(); err != nil {
			return nil, fmt.Errorf("%s: %s: parameters: %w", steps[i].ID, steps[i].Op, err)
		}
		if steps[i].Annotations, err = steps[i].Annotations.Plain(); err != nil {
			return nil, fmt.Errorf("%s: %s: annotations: %w", steps[i].ID, steps[i].Op, err)
		}
	}
	return steps, nil
}

func complete[S any](d Definition[S]) error {
	if d.Name == "" {
		return errors.New("has no name")
	}
	missing := func(named map[string]bool) []string {
		var names []string
		for name, present := range named {
			if !present {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	if (d.Accept != nil) != d.Traits.Accepts {
		return errors.New("its traits say otherwise of Accept")
	}
	if gaps := missing(map[string]bool{
		"Declare": d.Declare != nil, "Observe": d.Observe != nil, "Read": d.Read != nil, "Check": d.Check != nil,
	}); len(gaps) > 0 {
		return fmt.Errorf("lacks %v", gaps)
	}
	gaps := missing(map[string]bool{
		"Steps": d.Steps != nil, "Prepare": d.Prepare != nil, "Do": d.Do != nil, "Probe": d.Probe != nil,
	})
	if len(gaps) != 0 && len(gaps) != 4 {
		return fmt.Errorf("writes, but lacks %v", gaps)
	}
	return nil
}

func erase[S any](o Object[S]) (resource.Resource, error) {
	attrs, err := resource.Encode(o.Spec)
	if err != nil {
		return resource.Resource{}, fmt.Errorf("%s: encode: %w", o.ID, err)
	}
	mode := o.Mode
	if mode == "" {
		mode = resource.Managed
	}
	return resource.Resource{ID: o.ID, Attrs: attrs, Group: o.Group, Mode: mode, Outputs: o.Outputs, Why: o.Why}, nil
}

func eraseAll[S any](objects []Object[S]) ([]resource.Resource, error) {
	resources := make([]resource.Resource, 0, len(objects))
	for _, o := range objects {
		r, err := erase(o)
		if err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return resources, nil
}

// eraseSeen turns what cannot be encoded into an unread resource: a value
// that we cannot carry was not read.
func eraseSeen[S any](name string, o Observation[S]) Seen {
	seen := Seen{Facts: o.Facts, Unread: o.Unread}
	for _, part := range []struct {
		from []Object[S]
		into *[]resource.Resource
	}{{o.Owned, &seen.Owned}, {o.Foreign, &seen.Foreign}} {
		for _, object := range part.from {
			r, err := erase(object)
			if err != nil {
				seen.Unread = append(seen.Unread, resource.Unread{Scope: object.ID.String(), Operation: "encode " + name, Cause: err.Error()})
				continue
			}
			*part.into = append(*part.into, r)
		}
	}
	return seen
}

func restore[S any](r resource.Resource) (Object[S], error) {
	o := Object[S]{ID: r.ID, Group: r.Group, Mode: r.Mode, Outputs: r.Outputs, Why: r.Why}
	if err := r.Attrs.Decode(&o.Spec); err != nil {
		return o, fmt.Errorf("%s: decode: %w", r.ID, err)
	}
	return o, nil
}

func restoreAll[S any](resources []resource.Resource) ([]Object[S], error) {
	objects := make([]Object[S], 0, len(resources))
	for _, r := range resources {
		o, err := restore[S](r)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func restoreOptional[S any](r *resource.Resource) (*Object[S], error) {
	if r == nil {
		return nil, nil
	}
	o, err := restore[S](*r)
	return &o, err
}
