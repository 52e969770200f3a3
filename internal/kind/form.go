package kind

import "github.com/crosschain-ops/reconcile/internal/resource"

// CheckEach judges each declared resource beside the live one that is ours; have
// is nil where there is none.
func CheckEach[S any](desired, observed []Object[S], facts []resource.Fact, judge func(have, want *Object[S], facts []resource.Fact) []resource.Finding) []resource.Finding {
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
