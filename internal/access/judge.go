package access

import "github.com/crosschain-ops/reconcile/internal/resource"

// Judge holds the world against what is expected of it: findings sorted, one
// for each rule and resource.
func Judge(w *World, expect []Expectation) []resource.Finding { return nil }
