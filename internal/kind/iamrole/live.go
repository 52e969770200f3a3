package iamrole

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// look tells what of the directory concerns the environment; only narrows it.
func (k *iamRole) look(ctx context.Context, env *config.Environment, all *access.Directory, only []resource.ID) kind.Observation[Spec] {
	desired, err := declare(env)
	if err != nil {
		return kind.Observation[Spec]{Unread: []resource.Unread{cloud.Unread(Name+"/"+config.Global, err)}}
	}
	declared, sessions := map[resource.ID]kind.Principal{}, map[resource.ID]int{}
	for _, want := range desired {
		declared[want.ID], sessions[want.ID] = want.Spec.Principal, want.Spec.MaxSession
	}
	entities, trusts := make([]access.Entity, 0, len(all.Roles)), map[string]access.Document{}
	for _, r := range all.Roles {
		entities, trusts[r.Name] = append(entities, r.Entity), r.Trust
	}
	search := kind.PrincipalSearch{Kind: Name, Environment: env, Caller: k.Caller, Declared: declared, Policies: all.Policies, Only: only}
	found, facts := search.Find(entities)
	seen := kind.Observation[Spec]{Facts: facts}
	for _, f := range found {
		object := kind.Object[Spec]{
			ID: f.ID, Outputs: outputsOf(f.Entity), Spec: Spec{Principal: f.Spec, Trust: trusts[f.Entity.Name]},
		}
		if sessions[f.ID] != 0 {
			if object.Spec.MaxSession, err = k.session(ctx, f.Entity.Name); err != nil {
				seen.Unread = append(seen.Unread, cloud.Unread(f.ID.String(), err))
				continue
			}
		}
		if f.Owned {
			seen.Owned = append(seen.Owned, object)
		} else {
			seen.Foreign = append(seen.Foreign, object)
		}
	}
	return seen
}

// session is the longest session of a role, in seconds.
func (k *iamRole) session(ctx context.Context, name string) (int, error) {
	out, err := k.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if err != nil {
		return 0, cloud.Explain("iam:GetRole", name, err)
	}
	return int(aws.ToInt32(out.Role.MaxSessionDuration)), nil
}
