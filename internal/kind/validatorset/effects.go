package validatorset

import (
	"context"
	"fmt"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

// prepare asks the members once more, right before the one call after which
// their signatures count. Making a module asks nobody: it is pointed to by none.
func (s *sets) prepare(ctx context.Context, r kind.Resolved) (kind.Prepared, error) {
	if r.Step.Op != call.Deploy {
		if err := s.enough(ctx, r); err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
	}
	return s.Calls.Prepare(ctx, r)
}

func (s *sets) enough(ctx context.Context, r kind.Resolved) error {
	var params struct {
		Subject validators.Subject `json:"subject"`
	}
	if err := (resource.Attrs{"subject": r.Step.Params["subject"]}).Decode(&params); err != nil {
		return fmt.Errorf("the step names no members: %w", err)
	}
	return s.source.Enough(ctx, r.Environment, r.Step.ID, params.Subject, s.Now())
}
