package iamuser

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The facts about users that are to go.
const (
	// factAccessKeys counts the access keys.
	factAccessKeys = "access-keys"
	// factPassword says that there is a password for the console.
	factPassword = "login-profile"
)

// look tells what of the directory concerns the environment; only narrows it.
func (k *iamUser) look(ctx context.Context, env *config.Environment, all *access.Directory, only []resource.ID) kind.Observation[Spec] {
	desired, err := declare(env)
	if err != nil {
		return kind.Observation[Spec]{Unread: []resource.Unread{cloud.Unread(Name+"/"+config.Global, err)}}
	}
	declared := map[resource.ID]kind.Principal{}
	for _, want := range desired {
		declared[want.ID] = want.Spec.Principal
	}
	entities, groups := make([]access.Entity, 0, len(all.Users)), map[string][]string{}
	for _, u := range all.Users {
		entities, groups[u.Name] = append(entities, u.Entity), u.Groups
	}
	search := kind.PrincipalSearch{Kind: Name, Environment: env, Caller: k.Caller, Declared: declared, Policies: all.Policies, Only: only}
	found, facts := search.Find(entities)
	seen := kind.Observation[Spec]{Facts: facts}
	ours := ourGroups(env, all)
	for _, f := range found {
		object := kind.Object[Spec]{
			ID: f.ID, Outputs: outputsOf(f.Entity),
			Spec: Spec{Principal: f.Spec, Groups: []string{}},
		}
		for _, group := range groups[f.Entity.Name] {
			if ours[group] {
				continue
			}
			object.Spec.Groups = append(object.Spec.Groups, group)
			if g := all.Group(group); g == nil || len(kind.Denials(all, g.Entity)) > 0 {
				object.Spec.DenyingGroups = append(object.Spec.DenyingGroups, group)
			}
		}
		switch {
		case !f.Owned:
			seen.Foreign = append(seen.Foreign, object)
			continue
		case !f.Declared && !f.Spec.Protect:
			noted, err := k.credentials(ctx, f.ID)
			if err != nil {
				seen.Unread = append(seen.Unread, cloud.Unread(f.ID.String(), err))
				continue
			}
			seen.Facts = append(seen.Facts, noted...)
		}
		seen.Owned = append(seen.Owned, object)
	}
	slices.SortFunc(seen.Facts, resource.Fact.Compare)
	return seen
}

// ourGroups are the groups whose members the kind iam-group answers for: the
// declared ones, and all under our path.
func ourGroups(env *config.Environment, all *access.Directory) map[string]bool {
	ours := map[string]bool{}
	for _, g := range env.Access.Groups {
		ours[g.Name] = true
	}
	for _, g := range all.Groups {
		if kind.InPath(env, g.Path) {
			ours[g.Name] = true
		}
	}
	return ours
}

// credentials notes what a user that is to go can sign in with.
func (k *iamUser) credentials(ctx context.Context, id resource.ID) ([]resource.Fact, error) {
	var facts []resource.Fact
	keys, err := cloud.AccessKeys(ctx, k.IAM, id.Name)
	if err != nil {
		return nil, err
	}
	if len(keys) > 0 {
		facts = append(facts, resource.Fact{ID: id, Name: factAccessKeys, Value: fmt.Sprintf("%d access keys", len(keys))})
	}
	_, err = k.IAM.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String(id.Name)})
	switch {
	case err == nil:
		facts = append(facts, resource.Fact{ID: id, Name: factPassword, Value: "a password"})
	case !cloud.NotFound(err):
		return nil, cloud.Explain("iam:GetLoginProfile", id.Name, err)
	}
	return facts, nil
}
