package access

import "github.com/crosschain-ops/reconcile/internal/resource"

// Decide answers one request as AWS would, as far as the world was read (IAM
// User Guide, "Policy evaluation logic").
func (w *World) Decide(r Request) Decision {
	return Decision{Verdict: Unknown, Reason: "not evaluated"}
}

// Who lists every principal that can do the action on the resource, or of whom
// that cannot be told, sorted.
func (w *World) Who(action, arn string) []Holder { return nil }

// Become lists who cannot sign with the key and can come to do so, by the
// shortest path that was found, sorted by principal.
func (w *World) Become(key string) []Path { return nil }

// Judge holds the world against what is expected of it.
func Judge(w *World, expect []Expectation) []resource.Finding { return nil }
