package kind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// PrincipalParams are the parameters of steps on users and roles; each operation
// uses its own part.
type PrincipalParams struct {
	Name         string            `json:"name"`
	Path         string            `json:"path"`
	Boundary     string            `json:"boundary"`
	Tags         map[string]string `json:"tags"`
	Policy       string            `json:"policy"`
	InlinePolicy string            `json:"inlinePolicy"`
}

// About is the name of the principal that the step is about.
func (p PrincipalParams) About() string { return p.Name }

// Takes reports whether the step takes off what Denials calls so, as something
// that only gives.
func (p PrincipalParams) Takes(op, denial string) bool {
	return op == OpDetach && denial == p.Policy || op == OpDeleteInline && denial == InlinePrefix+p.InlinePolicy
}

// WithIntent are the tags of an object that is made: those that it must have,
// and the intent of the latest attempt, by which a lost reply is found again.
func WithIntent(tags map[string]string, attempts []string) map[string]string {
	with := map[string]string{}
	maps.Copy(with, tags)
	if len(attempts) > 0 {
		with[TagIntent] = attempts[len(attempts)-1]
	}
	return with
}

// DecodeStep reads a step's parameters, and refuses a step that is about
// another name than its resource.
func DecodeStep[P interface{ About() string }](step resource.Step) (P, error) {
	var p P
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	if p.About() == "" || p.About() != step.ID.Name {
		return p, fmt.Errorf("%s: %s: the step is about %q", step.ID, step.Op, p.About())
	}
	return p, nil
}

// intent is what the journal holds of an attempt.
type intent struct {
	Intent string `json:"intent"`
}

// PrepareStep journals the intent of a step that is in order.
func PrepareStep[P interface{ About() string }](ctx context.Context, resolved Resolved) (Prepared, error) {
	if _, err := DecodeStep[P](resolved.Step); err != nil {
		return nil, err
	}
	return PrepareIntent(ctx, resolved)
}

// Intents reads what was journalled of one or more attempts.
func Intents(prepared ...Prepared) ([]string, error) {
	var list []string
	for _, one := range prepared {
		var attempt intent
		if err := json.Unmarshal(one, &attempt); err != nil || attempt.Intent == "" {
			return nil, errors.New("the journal's record holds no intent")
		}
		list = append(list, attempt.Intent)
	}
	return list, nil
}

// TakesPower reports whether an operation on a user or role could take something
// from it: all but those that are known to give or to label.
func TakesPower(noun, op string) bool {
	return !slices.Contains([]string{"create-" + noun, "tag-" + noun, AdoptOp, OpAttach}, op)
}
