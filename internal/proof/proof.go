// Package proof holds what an environment expects of access against the account
// as it was read and as it will be once a plan is applied: whoever must sign can,
// nobody else can, and nobody loses the right halfway. It is pure.
package proof

import (
	"slices"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Input is what a proof rests on.
type Input struct {
	Environment, Account string
	// Live is IAM as it was read.
	Live *access.Directory
	// Observed holds the keys and buckets that were read, ours and those with our
	// names.
	Observed resource.Set
	// Managed are the ARNs of the IAM objects that carry our mark.
	Managed []string
	// Changes are a plan's, in its order; Resolved what its refs stand for.
	Changes  []plan.Change
	Resolved map[string]string
	// Previous is what the last applied commit declared; nil if there is none.
	Previous resource.Set
	// Uses are who is expected to use which key.
	Uses []Use
	// Unread is what could not be read; a key in it proves nothing.
	Unread []resource.Unread
}

// Use is the expectation that principals can use one key.
type Use struct {
	Key   resource.ID
	Agent string
	// Alias is the one that the key has or will have.
	Alias string
	// Principals are ARNs.
	Principals []string
	// Others may be able to sign, and need not; Admins may give themselves and
	// others the right: the tool's own apply role.
	Others, Admins []string
	// External: a contracted party uses it, and may do nothing else but write to
	// Buckets (ARNs).
	External bool
	Buckets  []string
}

// Proof is the account before and after a plan, and what is wrong with it.
type Proof struct {
	Now, After *access.World
	// Expected are the uses with the ARNs that their keys have or will have.
	Expected []access.Expectation
	// Findings are about the account as it will be, and about the way there.
	Findings []resource.Finding
}

// Of works out the proof.
func Of(in Input) Proof {
	now := newProjection(in)
	moves := now.moves(in.Changes)
	p, out := now, Proof{Now: now.world()}
	out.After = out.Now
	if len(moves) > 0 {
		p = now.copied()
		for _, m := range moves {
			p.play(m)
		}
		out.After = p.world()
	}
	unread := resource.Covering(in.Unread)
	for _, use := range in.Uses {
		arn := p.keyARN(use.Key)
		if arn == "" || unread(use.Key) {
			continue
		}
		out.Expected = append(out.Expected, access.Expectation{
			Key: use.Key, KeyARN: arn, Agent: use.Agent, Alias: use.Alias, Principals: slices.Clone(use.Principals), Others: slices.Clone(use.Others), Admins: slices.Clone(use.Admins),
			External: use.External, Buckets: slices.Clone(use.Buckets),
		})
	}
	after := out.After.Inquire()
	out.Findings = after.Judge(out.Expected)
	if slices.ContainsFunc(moves, touches) {
		out.Findings = append(out.Findings, gaps(now, p, moves, kept(out.Now.Inquire(), after, out.Expected))...)
	}
	slices.SortFunc(out.Findings, resource.Finding.Compare)
	return out
}
