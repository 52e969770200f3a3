package main

import (
	"context"
	"errors"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// planOfPullRequest gives the plans of a pull request, one an environment.
func (a *app) planOfPullRequest(context.Context, int) ([]*plan.Plan, error) {
	return nil, withHint(errors.New("approve: plans cannot be taken from a pull request yet"), "download the plan file, then reconcile approve FILE")
}
