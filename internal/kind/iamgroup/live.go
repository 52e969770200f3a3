package iamgroup

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// look picks the groups under our path and those that have a declared name: a
// name is unique in the account whatever its path and its case (IAM User Guide,
// "IAM identifiers").
func look(_ context.Context, env *config.Environment, all *access.Directory, only []resource.ID) kind.Observation[Spec] {
	var seen kind.Observation[Spec]
	declared := kind.ByName(env.Access.Groups, func(g config.Group) string { return g.Name })
	for _, live := range all.Groups {
		ours := kind.InPath(env, live.Path)
		want, named := declared[strings.ToLower(live.Name)]
		id := config.GroupID(cmp.Or(want.Name, live.Name))
		if !kind.Asked(only, id) || !ours && !named {
			continue
		}
		object := kind.Object[Spec]{ID: id, Spec: observed(env, all, live), Outputs: outputsOf(live)}
		if ours {
			seen.Owned = append(seen.Owned, object)
		} else {
			seen.Foreign = append(seen.Foreign, object)
		}
	}
	return seen
}

func observed(env *config.Environment, all *access.Directory, live access.Group) Spec {
	spec := Spec{
		Mark: kind.PathMark(env, live.Path), Name: live.Name, Path: live.Path,
		Policies: kind.Literals(live.Attached), Inline: map[string]access.Document{}, Members: []resource.Value{}, Denies: kind.Denials(all, live.Entity),
	}
	maps.Copy(spec.Inline, live.Inline)
	for _, user := range all.Users {
		if slices.Contains(live.Members, user.Name) {
			spec.Members = append(spec.Members, resource.Literal(user.ARN))
		}
	}
	spec.Members = kind.AsSet(spec.Members)
	return spec
}

func outputsOf(live access.Group) resource.Outputs {
	return resource.Outputs{"arn": live.ARN, "name": live.Name, "groupId": live.ID}
}
