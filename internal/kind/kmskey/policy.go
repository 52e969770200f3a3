package kmskey

import (
	"errors"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// rights is what the declared access says of an environment's keys.
type rights struct {
	account string
	// ours maps the ARNs of declared users and roles to what will be their ARN:
	// who does not exist yet must be made before a policy can name him.
	ours map[string]resource.Value
	// signers are the ARNs that must be able to sign, by name of the key; byIAM
	// are those of them that have the right from IAM.
	signers, byIAM map[string][]string
}

func rightsOf(env *config.Environment) rights {
	r := rights{account: env.AWS.Account, ours: kind.PrincipalRefs(env), signers: map[string][]string{}, byIAM: map[string][]string{}}
	if env.Access == nil {
		return r
	}
	add := func(to map[string][]string, use config.KeyUse) {
		both := slices.Concat(to[use.Key], use.Principals)
		slices.Sort(both)
		to[use.Key] = slices.Compact(both)
	}
	for _, use := range env.Access.Uses {
		add(r.signers, use)
		if use.By == config.ByIAM {
			add(r.byIAM, use)
		}
	}
	return r
}

// policy is the key's policy as declared.
func (r rights) policy(declared *config.KeyPolicy) *access.Document {
	if declared == nil {
		return nil
	}
	var who access.Values
	for _, arn := range declared.Signers {
		value, ours := r.ours[arn]
		if !ours {
			value = resource.Literal(arn)
		}
		who = append(who, value)
	}
	d := access.NewKeyPolicy(r.account, declared.Delegate == config.DelegateAll, who)
	return &d
}

// policySteps replaces the live policy, in one call that neither shuts out nor
// cuts off anybody who is expected to sign.
func policySteps(id resource.ID, have *access.Document, want Spec, facts []resource.Fact) ([]resource.Step, error) {
	switch {
	case want.Policy == nil:
		return nil, nil
	case have == nil:
		return nil, &kind.DeferredError{Reason: "the key's present policy was not read"}
	case have.Equivalent(*want.Policy):
		return nil, nil
	}
	byIAM := strings.Fields(resource.FactsOf(facts, id)[factByIAM])
	if lost := access.CutOff(*have, *want.Policy, want.Expected, byIAM); len(lost) > 0 {
		return nil, &kind.DeferredError{Reason: sentence("%s signs by the key's own policy and is not seen to have the right from IAM yet: nobody loses access in between", strings.Join(lost, ", "))}
	}
	seen, err := policyParam(have)
	document, errWant := policyParam(want.Policy)
	text, errText := resource.Canonical(seen)
	if err := errors.Join(err, errWant, errText); err != nil {
		return nil, err
	}
	op := opPutPolicy
	if access.Narrows(have.Spread(), want.Policy.Spread()) {
		op = opNarrow
	}
	return []resource.Step{{
		Op: op, Params: resource.Attrs{"policy": document},
		Pre: []resource.Precondition{{ID: id, Path: "policy", Op: resource.Equals, Value: string(text)}},
	}}, nil
}

// policyParam is a document as a step's parameter, refs kept.
func policyParam(d *access.Document) (any, error) {
	attrs, err := resource.Encode(map[string]any{"policy": d})
	return attrs["policy"], err
}
