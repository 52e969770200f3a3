package kind

import (
	"fmt"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// CheckEach is a Check that judges each declared resource beside the live one
// that is ours; have is nil where there is none.
func CheckEach[S any](judge func(have, want *Object[S], facts []resource.Fact) []resource.Finding) func(desired, observed []Object[S], facts []resource.Fact) []resource.Finding {
	return func(desired, observed []Object[S], facts []resource.Fact) []resource.Finding {
		live := map[resource.ID]*Object[S]{}
		for i := range observed {
			live[observed[i].ID] = &observed[i]
		}
		about := resource.FactsByID(facts)
		var findings []resource.Finding
		for _, want := range desired {
			findings = append(findings, judge(live[want.ID], &want, about[want.ID])...)
		}
		return findings
	}
}

// Standing says by the marks of a live object and of the declared one whether
// what differs may be written; adopts, that the mark must be written before. The
// error is a *DeferredError.
func Standing(noun, have, want string, adopt bool) (adopts bool, err error) {
	switch {
	case have == want:
		return false, nil
	case have != "":
		return false, &DeferredError{Reason: "the " + noun + " carries the mark of " + have}
	case !adopt:
		return false, &DeferredError{Reason: "the " + noun + " does not carry our mark"}
	}
	return true, nil
}

// Guard says of what a step is about, by its tags as they are, why the step must
// not be done: it needs our mark for the step's resource, and an adoption none.
func Guard(resolved Resolved, about string) func(tags map[string]string) error {
	return func(tags map[string]string) error {
		environment, id := resolved.Environment.Name, resolved.Step.ID
		unmarked := tags[TagEnvironment] == "" && tags[TagID] == ""
		if Marked(tags, environment, id) || resolved.Step.Op == AdoptOp && unmarked {
			return nil
		}
		return fmt.Errorf("%s carries the mark %q, need that of %s %s", about, MarkOf(tags, "", false), environment, id)
	}
}

// Param is a value as a step carries it: plain JSON, refs kept. Nil: it has no
// such form.
func Param(value any) any {
	attrs, err := resource.Encode(map[string]any{"value": value})
	if err != nil {
		return nil
	}
	return attrs["value"]
}

// ParamText is a value as a precondition compares it.
func ParamText(value any) string {
	text, _ := resource.Canonical(Param(value))
	return string(text)
}
