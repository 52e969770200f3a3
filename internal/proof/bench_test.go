package proof_test

import (
	"fmt"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// fleet is an account with so many keys, a role with a policy for every 50 of
// them, and nine users besides for every key up to 1,000 entities. With changes
// every role moves to a new policy, and every key's policy is written anew.
func fleet(b *testing.B, keys int, changed bool) proof.Input {
	b.Helper()
	in := proof.Input{Environment: "quay", Account: account, Live: &access.Directory{}, Observed: resource.Set{}}
	encode := func(fields map[string]any) resource.Attrs {
		attrs, err := resource.Encode(fields)
		if err != nil {
			b.Fatal(err)
		}
		return attrs
	}
	policy := access.NewKeyPolicy(account, true, nil)
	roles := (keys + 49) / 50
	for i := range roles {
		name := fmt.Sprintf("agent%d", i)
		p := access.Policy{ARN: "arn:aws:iam::" + account + ":policy/" + name, Name: name, Path: "/"}
		arn := "arn:aws:iam::" + account + ":role/" + name
		var on []string
		for k := i; k < keys; k += roles {
			id := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: fmt.Sprintf("%s-signer-n%d", name, k)}
			key := fmt.Sprintf("arn:aws:kms:us-west-2:%s:key/%d", account, k)
			on = append(on, key)
			alias := "alias/quay-" + id.Name
			attrs := encode(map[string]any{"alias": alias, "aliases": []string{alias}, "policy": policy, "mark": "quay", "tags": map[string]string{"agent": name}})
			in.Observed[id] = resource.Resource{ID: id, Outputs: resource.Outputs{"arn": key}, Attrs: attrs}
			in.Uses = append(in.Uses, proof.Use{Key: id, Agent: name, Alias: alias, Principals: []string{arn}})
			if changed {
				in.Changes = append(in.Changes, plan.Change{
					ID: id, Action: plan.Update, Before: &plan.State{Attrs: attrs, Outputs: resource.Outputs{"arn": key}}, Steps: []resource.Step{{Op: "set-policy"}},
					After: encode(map[string]any{"alias": alias, "policy": access.NewKeyPolicy(account, true, access.Literals(arn)), "role": resource.Ref{ID: resource.ID{Kind: "iam-role", Scope: "global", Name: name}, Output: "arn"}}),
				})
			}
		}
		p.Document = access.Document{Version: access.Version, Statements: []access.Statement{{Effect: access.Allow, Actions: []string{"kms:GetPublicKey", "kms:Sign"}, Resources: access.Literals(on...)}}}
		in.Live.Policies = append(in.Live.Policies, p)
		in.Live.Roles = append(in.Live.Roles, access.Role{Entity: access.Entity{ARN: arn, Name: name, Path: "/", Attached: []string{p.ARN}}})
		in.Managed = append(in.Managed, p.ARN, arn)
		if changed {
			in.Changes = append(in.Changes, plan.Change{
				ID: resource.ID{Kind: "iam-role", Scope: "global", Name: name}, Action: plan.Update, Before: &plan.State{Outputs: resource.Outputs{"arn": arn}},
				Steps: []resource.Step{{Op: "attach-policy"}}, After: encode(map[string]any{"name": name, "path": "/", "policies": []string{p.ARN}, "inline": map[string]access.Document{"own": p.Document}}),
			})
		}
	}
	for i := range max(1000-2*roles, 0) {
		name := fmt.Sprintf("person%d", i)
		in.Live.Users = append(in.Live.Users, access.User{Entity: access.Entity{ARN: "arn:aws:iam::" + account + ":user/" + name, Name: name, Path: "/", Inline: map[string]access.Document{"own": allowing("s3:*")}}})
	}
	return in
}

// BenchmarkProof proves the access of an account, as it is and with a plan that
// changes all of it.
func BenchmarkProof(b *testing.B) {
	for _, changed := range []bool{false, true} {
		for _, keys := range []int{100, 1000, 10_000} {
			b.Run(fmt.Sprintf("changed=%t/keys=%d", changed, keys), func(b *testing.B) {
				in := fleet(b, keys, changed)
				b.ReportAllocs()
				for b.Loop() {
					if p := proof.Of(in); len(p.Findings) > 0 {
						b.Fatalf("%d findings: %+v", len(p.Findings), p.Findings[0])
					}
				}
			})
		}
	}
}

// BenchmarkWidened says who gains what by a plan that changes all of an account.
func BenchmarkWidened(b *testing.B) {
	for _, keys := range []int{100, 1000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			in := fleet(b, keys, true)
			for b.Loop() {
				proof.Widened(in)
			}
		})
	}
}
