package plan

import (
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// bundle joins the lists of the steps that must be done in one: each then
// holds the calls of its whole batch, in the order of the changes, and can be
// read, signed and recognised by itself. What others of the plan do to one Safe
// is part of every one of them, so a step cannot be taken out unseen.
func bundle(changes []Change) {
	whole := map[string][]any{}
	each(changes, func(s *resource.Step) {
		calls, _ := s.Params[resource.CallsParam].([]any)
		whole[s.Batch] = append(whole[s.Batch], calls...)
	})
	each(changes, func(s *resource.Step) {
		s.Params = s.Params.Clone()
		s.Params[resource.BatchParam] = whole[s.Batch]
	})
}

// each visits the steps that belong to a batch.
func each(changes []Change, visit func(*resource.Step)) {
	for i := range changes {
		for j := range changes[i].Steps {
			if changes[i].Steps[j].Batch != "" {
				visit(&changes[i].Steps[j])
			}
		}
	}
}
