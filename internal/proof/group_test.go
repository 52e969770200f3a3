package proof_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	account = "222233334444"
	userARN = "arn:aws:iam::222233334444:user/reconcile/quay/agents"
	ruleARN = "arn:aws:iam::222233334444:policy/reconcile/quay/signer"
)

// A group's attributes name its members by ARN, of a user that the same plan
// makes by a ref.
func TestWhoJoinsAGroupCanDoWhatItsPoliciesAllow(t *testing.T) {
	t.Parallel()
	for name, member := range map[string]any{"by ARN": userARN, "by ref": resource.Ref{ID: resource.ID{Kind: "iam-user", Scope: "global", Name: "agents"}, Output: "arn"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proof.Of(proof.Input{Environment: "quay", Account: account, Live: &access.Directory{
				Users:    []access.User{{Entity: access.Entity{ARN: userARN, Name: "agents", Path: "/reconcile/quay/"}}},
				Policies: []access.Policy{{ARN: ruleARN, Name: "signer", Document: allowing("kms:Sign")}},
			}, Changes: []plan.Change{{
				ID: resource.ID{Kind: "iam-group", Scope: "global", Name: "signers"}, Action: plan.Create,
				After: resource.Attrs{"name": "signers", "path": "/reconcile/quay/", "policies": []any{ruleARN}, "members": []any{member}},
			}}, Resolved: map[string]string{"iam-user/global/agents#arn": userARN}})
			request := access.Request{Principal: userARN, Action: "kms:Sign", Resource: "arn:aws:kms:us-west-2:" + account + ":key/any"}
			for _, w := range []struct {
				world *access.World
				want  access.Verdict
			}{{p.Now, access.NotAllowed}, {p.After, access.Allowed}} {
				w.world.Keys = []access.Key{{ARN: request.Resource, Policy: delegating()}}
				if have := w.world.Decide(request).Verdict; have != w.want {
					t.Errorf("have %v, want %v", have, w.want)
				}
			}
		})
	}
}

func allowing(action string) access.Document {
	return access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Actions: []string{action}, Resources: access.Literals("*"),
	}}}
}

// delegating is the key policy that leaves everything to the account's IAM.
func delegating() access.Document {
	d := allowing("kms:*")
	d.Statements[0].Principals = map[string]access.Values{"AWS": access.Literals("arn:aws:iam::" + account + ":root")}
	return d
}
