package kind

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The operations of steps that users and roles share. A boundary where none was
// only takes power away; another one in its place may give some. What denies
// something is lifted and not merely taken off: somebody, or AWS itself, may have
// put it there as a brake.
const (
	OpAttach         = "attach-policy"
	OpDetach         = "detach-policy"
	OpLift           = "lift-policy"
	OpDeleteInline   = "delete-inline"
	OpLiftInline     = "lift-inline"
	OpPutBoundary    = "put-boundary"
	OpChangeBoundary = "change-boundary"
)

// PrincipalRisks are the risks of what is done to users (noun "user") or roles
// (noun "role"): create-user, tag-user, delete-user and the shared operations. A
// new principal has no power before something is attached.
func PrincipalRisks(noun string) map[string]resource.Risk {
	return map[string]resource.Risk{
		"create-" + noun: resource.Routine, "tag-" + noun: resource.Routine, "delete-" + noun: resource.Destructive,
		AdoptOp: resource.Sensitive, OpAttach: resource.Sensitive, OpDetach: resource.Protective,
		OpLift: resource.Sensitive, OpLiftInline: resource.Sensitive,
		OpDeleteInline: resource.Protective, OpPutBoundary: resource.Protective, OpChangeBoundary: resource.Sensitive,
	}
}

// PrincipalPersons are the operations that ask for a person: they give power
// back that somebody took.
func PrincipalPersons() []string { return []string{OpLift, OpLiftInline} }

// PrincipalForm is what a kind of principal adds to the common steps.
type PrincipalForm[S IsPrincipal] struct {
	// Noun is user or role.
	Noun string
	// Create gives further parameters of the create call; may be nil.
	Create func(after S) resource.Attrs
	// Update gives further steps to get from before to after: what gives power
	// and what takes it away; may be nil.
	Update func(before, after S) (give, take []resource.Step)
	// Delete gives what must be taken away before the object goes; may be nil.
	Delete func(before S) []resource.Step
	// Keep says why the object cannot be removed now; may be nil, empty: it can.
	Keep func(facts map[string]string) string
}

// Steps says how to get from a live user or role to the declared one. What the
// run itself is loses nothing by it.
func (f PrincipalForm[S]) Steps(before, after *Object[S], facts []resource.Fact) ([]resource.Step, error) {
	list, err := f.steps(before, after, facts)
	if err != nil || before == nil {
		return list, err
	}
	narrows := slices.ContainsFunc(list, func(s resource.Step) bool { return TakesPower(f.Noun, s.Op) })
	if caller := resource.FactsOf(facts, before.ID)[factCaller]; caller != "" && narrows {
		return nil, &DeferredError{Reason: fmt.Sprintf("this runs as %s: nothing is taken from it here; run as another principal", caller)}
	}
	return list, nil
}

func (f PrincipalForm[S]) steps(before, after *Object[S], facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case before == nil:
		return f.createSteps(after), nil
	case after == nil:
		return f.deleteSteps(before, facts)
	}
	have, want := before.Spec.Common(), after.Spec.Common()
	if refused := refusePrincipal(before.ID, have, want, facts); len(refused) > 0 {
		return nil, &DeferredError{Reason: refused[0].Rule + ": " + refused[0].Reason}
	}
	switch {
	case have.Mark == want.Mark:
		if boundary := resource.FactsOf(facts, before.ID)[factUnbounded]; boundary != "" && len(Without(want.Policies, have.Policies)) > 0 {
			return nil, &DeferredError{Reason: fmt.Sprintf("it gets no policy before it carries %s: take adopt: true out, and the boundary comes first", boundary)}
		}
		return f.updateSteps(before, after, facts), nil
	case have.Mark != "":
		return nil, &DeferredError{Reason: fmt.Sprintf("the %s carries the mark of %s", f.Noun, have.Mark)}
	case !want.Adopt:
		return nil, &DeferredError{Reason: "the " + f.Noun + " does not carry our mark"}
	}
	// The mark and nothing else; what else differs is planned once it is ours.
	return []resource.Step{f.step(before, AdoptOp, resource.Attrs{"tags": MarkParams(want.Mark, before.ID, false)})}, nil
}

// step is one effect on a live principal that is still ours and still the same:
// another one of the same name has another unique id.
func (f PrincipalForm[S]) step(live *Object[S], op string, params resource.Attrs) resource.Step {
	s := resource.Step{
		Op: op, ID: live.ID, Params: resource.Attrs{"name": live.ID.Name},
		Pre: Claims(live.ID, live.Spec.Common().Mark, live.Outputs, f.Noun+"Id"),
	}
	maps.Copy(s.Params, params)
	return s
}

func (f PrincipalForm[S]) createSteps(after *Object[S]) []resource.Step {
	id, want := after.ID, after.Spec.Common()
	tags := tagAttrs(want.Tags)
	maps.Copy(tags, MarkParams(want.Mark, id, want.Protect))
	create := resource.Step{Op: "create-" + f.Noun, ID: id, Pre: []resource.Precondition{{ID: id, Op: resource.Absent}},
		Params: resource.Attrs{"name": want.Name, "path": want.Path, "tags": tags}}
	if want.Boundary != "" {
		create.Params["boundary"] = want.Boundary
	}
	if f.Create != nil {
		maps.Copy(create.Params, f.Create(after.Spec))
	}
	list := []resource.Step{create}
	for _, policy := range want.Policies {
		list = append(list, resource.Step{Op: OpAttach, ID: id, Params: resource.Attrs{"name": want.Name, "policy": ParamOf(policy)}})
	}
	return list
}

// updateSteps bounds first, gives before it takes (nobody loses a right between
// two calls that has it before and after), and tags last.
func (f PrincipalForm[S]) updateSteps(before, after *Object[S], facts []resource.Fact) []resource.Step {
	have, want := before.Spec.Common(), after.Spec.Common()
	var list []resource.Step
	add := func(op string, params resource.Attrs) { list = append(list, f.step(before, op, params)) }
	if want.Boundary != "" && want.Boundary != have.Boundary {
		op := OpChangeBoundary
		if have.Boundary == "" {
			op = OpPutBoundary
		}
		add(op, resource.Attrs{"boundary": want.Boundary})
	}
	var give, take []resource.Step
	if f.Update != nil {
		give, take = f.Update(before.Spec, after.Spec)
	}
	further := func(steps []resource.Step) {
		for _, s := range steps {
			add(s.Op, s.Params)
		}
	}
	further(give)
	for _, policy := range Without(want.Policies, have.Policies) {
		add(OpAttach, resource.Attrs{"policy": ParamOf(policy)})
	}
	strip(Without(have.Policies, want.Policies), have, facts, before.ID, add)
	further(take)
	tags := map[string]any{}
	for name, value := range want.Tags {
		if have.Tags[name] != value {
			tags[name] = value
		}
	}
	if want.Protect && !have.Protect {
		tags[TagProtect] = "true"
	}
	if len(tags) > 0 {
		add("tag-"+f.Noun, resource.Attrs{"tags": tags})
	}
	return list
}

// strip takes off policies and what is inline, those that deny last.
func strip(policies []resource.Value, have Principal, facts []resource.Fact, id resource.ID, add func(string, resource.Attrs)) {
	denying := strings.Fields(resource.FactsOf(facts, id)[factDenies])
	for _, lift := range []bool{false, true} {
		detach, remove := OpDetach, OpDeleteInline
		if lift {
			detach, remove = OpLift, OpLiftInline
		}
		for _, policy := range policies {
			if slices.Contains(denying, policy.String()) == lift {
				add(detach, resource.Attrs{"policy": ParamOf(policy)})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(have.Inline)) {
			if Denies(have.Inline[name]) == lift {
				add(remove, resource.Attrs{"inlinePolicy": name})
			}
		}
	}
}

func (f PrincipalForm[S]) deleteSteps(before *Object[S], facts []resource.Fact) ([]resource.Step, error) {
	have, noted := before.Spec.Common(), resource.FactsOf(facts, before.ID)
	switch {
	case noted[factDuplicate] != "":
		return nil, &DeferredError{Reason: noted[factDuplicate] + " all carry this id"}
	case have.Protect:
		return nil, &DeferredError{Reason: fmt.Sprintf("it is protected (tag %s); take the tag off by hand to remove it", TagProtect)}
	}
	if f.Keep != nil {
		if why := f.Keep(noted); why != "" {
			return nil, &DeferredError{Reason: why}
		}
	}
	var list []resource.Step
	add := func(op string, params resource.Attrs) { list = append(list, f.step(before, op, params)) }
	strip(have.Policies, have, facts, before.ID, add)
	if f.Delete != nil {
		for _, s := range f.Delete(before.Spec) {
			add(s.Op, s.Params)
		}
	}
	add("delete-"+f.Noun, nil)
	return list, nil
}

// CheckPrincipals judges live users or roles. What carries a mark that it should
// not is never written: a person looks first. It keeps nothing else from being
// applied, or whoever may tag could stop every plan.
func CheckPrincipals[S IsPrincipal](kindName string, desired, observed []Object[S], facts []resource.Fact) []resource.Finding {
	noun := strings.TrimPrefix(kindName, "iam-")
	var findings []resource.Finding
	find := func(rule string, severity resource.Severity, id resource.ID, reason, hint string) {
		findings = append(findings, resource.Finding{Rule: rule, Severity: severity, ID: id, Reason: reason, Hint: hint})
	}
	for _, fact := range facts {
		switch {
		case fact.ID.Kind != kindName:
		case fact.Name == factForged:
			find("forged-mark", resource.Acknowledge, fact.ID, fmt.Sprintf("%s %s carries our mark for %q, need its own id or none: it was not made here", noun, fact.ID.Name, fact.Value),
				fmt.Sprintf("find out who tagged it, then: aws iam untag-%[1]s --%[1]s-name %[2]s --tag-keys %[3]s %[4]s", noun, fact.ID.Name, TagEnvironment, TagID))
		case fact.Name == factUnmarked:
			find(factUnmarked, resource.Note, fact.ID, fmt.Sprintf("%s %s lies under our path %s and does not carry our mark; it is left alone", noun, fact.ID.Name, fact.Value),
				"declare it with adopt: true, or remove it by hand")
		}
	}
	wanted := map[resource.ID]Principal{}
	for _, want := range desired {
		wanted[want.ID] = want.Spec.Common()
	}
	about := resource.FactsByID(facts)
	for _, have := range observed {
		want, declared := wanted[have.ID]
		switch {
		case declared:
			findings = append(findings, refusePrincipal(have.ID, have.Spec.Common(), want, about[have.ID])...)
		case have.Spec.Common().Protect:
			find("protected", resource.Note, have.ID, fmt.Sprintf("%s %s is not declared any more and is protected; it stays", noun, have.ID.Name),
				fmt.Sprintf("to let it go: aws iam untag-%[1]s --%[1]s-name %[2]s --tag-keys %[3]s", noun, have.ID.Name, TagProtect))
		}
	}
	slices.SortFunc(findings, resource.Finding.Compare)
	return findings
}

// refusePrincipal lists what keeps a live principal from being written at all.
func refusePrincipal(id resource.ID, have, want Principal, facts []resource.Fact) []resource.Finding {
	var findings []resource.Finding
	if names := resource.FactsOf(facts, id)[factDuplicate]; names != "" {
		findings = append(findings, resource.Finding{Rule: "duplicate-id", Severity: resource.Acknowledge, ID: id, Reason: names + " all carry this id",
			Hint: "find out which one is in use, and untag the others by hand"})
	}
	if have.Name != want.Name {
		findings = append(findings, resource.Finding{Rule: "wrong-name", Severity: resource.Refuse, ID: id,
			Reason: fmt.Sprintf("its name is %s, declared is %s: names are not told apart by case", have.Name, want.Name),
			Hint:   "declare the name as it is, or another one"})
	}
	if have.Path != want.Path {
		findings = append(findings, resource.Finding{Rule: "wrong-path", Severity: resource.Refuse, ID: id,
			Reason: fmt.Sprintf("its path is %s, declared is %s: a path is part of the ARN and is not changed here", have.Path, want.Path),
			Hint:   fmt.Sprintf("declare path: %q, or another name", have.Path)})
	}
	return findings
}

// Without lists what stands in a and not in b.
func Without(a, b []resource.Value) []resource.Value {
	return slices.DeleteFunc(slices.Clone(a), func(v resource.Value) bool {
		return slices.ContainsFunc(b, func(other resource.Value) bool { return other.String() == v.String() })
	})
}

// ParamOf is a value as a parameter of a step.
func ParamOf(v resource.Value) any {
	if v.Ref != nil {
		return *v.Ref
	}
	return v.Literal
}

func tagAttrs(tags map[string]string) map[string]any {
	attrs := make(map[string]any, len(tags))
	for name, value := range tags {
		attrs[name] = value
	}
	return attrs
}
