package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// applyRole stands for the environment's own apply role in --narrow.
const applyRole = "apply-role"

// narrow takes the apply role on once more, with rights for this plan alone:
// whatever goes wrong from here on in this process stays within the plan. It
// comes after all that is refused without it, and before the first write.
func (s *session) narrow(ctx context.Context, p *plan.Plan) error {
	role := s.app.narrow
	if role == "" {
		return nil
	}
	if role == applyRole {
		role = bootstrap.ApplyRoleARN(s.env.AWS.Account, s.env.Name)
	}
	narrowed, err := bootstrap.Narrow(s.env, actionsOf(s.kinds), workOf(p))
	if err != nil {
		return fmt.Errorf("%s: narrow: %w", s.env.Name, err)
	}
	assumed, err := s.aws.Assume(ctx, role, "plan-"+digits(p.Digest), narrowed.Policy)
	if err != nil {
		return withHint(fmt.Errorf("%s: narrow: %w", s.env.Name, err), "reconcile bootstrap %s --check tells whether the role trusts itself", s.env.Name)
	}
	s.aws = assumed
	store, err := s.store()
	if err != nil {
		return err
	}
	s.journal = journal.New(store, s.env.Name, s.app.now)
	if s.kinds, err = newKinds(s); err != nil {
		return err
	}
	held := "this plan's own objects"
	if !narrowed.ByObject {
		held = "any object of the role's: the names of this plan's do not fit into a session policy"
	}
	s.progress.say("narrow", map[string]any{"role": role, "writes": narrowed.Writes, "byObject": narrowed.ByObject},
		fmt.Sprintf("narrowed to what this plan calls: %s on %s", count(narrowed.Writes, "writing action"), held))
	return nil
}

func actionsOf(kinds []kind.Kind) map[string][]kind.Action {
	actions := map[string][]kind.Action{}
	for _, k := range kinds {
		actions[k.Name] = k.Actions
	}
	return actions
}

// workOf is a plan's steps, as far as rights go.
func workOf(p *plan.Plan) []bootstrap.Work {
	var work []bootstrap.Work
	for _, c := range p.Changes {
		arn := ""
		if c.Before != nil {
			arn = c.Before.Outputs["arn"]
		}
		for _, step := range c.Steps {
			w := bootstrap.Work{ID: step.ID, Op: step.Op, Params: step.Params}
			if step.ID == c.ID {
				w.ARN = arn
			}
			work = append(work, w)
		}
	}
	return work
}

// digits is the beginning of a digest, for a session's name.
func digits(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(len(hex), 12)]
}
