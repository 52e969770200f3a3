package iamgroup

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func (k *groups) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	if env.Access == nil {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.All(ctx)
	return sort(env, directory, err, func(resource.ID) bool { return true })
}

func (k *groups) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	wanted := func(id resource.ID) bool { return id.Kind == Name && slices.Contains(ids, id) }
	if env.Access == nil || !slices.ContainsFunc(ids, wanted) {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.Fresh(ctx)
	return sort(env, directory, err, wanted)
}

// sort picks the groups under our path and those that have a declared name: a
// name is unique in the account whatever its path and its case (IAM User Guide,
// "IAM identifiers").
func sort(env *config.Environment, directory *access.Directory, err error, wanted func(resource.ID) bool) kind.Observation[Spec] {
	var seen kind.Observation[Spec]
	if err != nil {
		operation, cause := cloud.Operation(err)
		seen.Unread = []resource.Unread{{Scope: Name + "/" + config.Global, Operation: operation, Cause: cause}}
		return seen
	}
	declared := map[string]string{}
	for _, group := range env.Access.Groups {
		declared[strings.ToLower(group.Name)] = group.Name
	}
	for _, live := range directory.Groups {
		ours := within(env, live.Path)
		name, named := declared[strings.ToLower(live.Name)]
		id := config.GroupID(cmp.Or(name, live.Name))
		if !wanted(id) || !ours && !named {
			continue
		}
		object := kind.Object[Spec]{ID: id, Spec: observed(env, directory, live), Outputs: outputsOf(live)}
		if ours {
			seen.Owned = append(seen.Owned, object)
		} else {
			seen.Foreign = append(seen.Foreign, object)
		}
	}
	return seen
}

func observed(env *config.Environment, directory *access.Directory, live access.Group) Spec {
	spec := Spec{
		Mark: markOf(env, live.Path), Name: live.Name, Path: live.Path,
		Policies: []resource.Value{}, Inline: map[string]access.Document{}, Members: []resource.Value{}, Denies: denials(directory, live),
	}
	for _, arn := range live.Attached {
		spec.Policies = append(spec.Policies, resource.Literal(arn))
	}
	for name, document := range live.Inline {
		spec.Inline[name] = document
	}
	for _, user := range directory.Users {
		if slices.Contains(live.Members, user.Name) {
			spec.Members = append(spec.Members, resource.Literal(user.ARN))
		}
	}
	spec.Policies, spec.Members = asSet(spec.Policies), asSet(spec.Members)
	return spec
}

// denials lists what of a group denies something, or may: what was not read or
// not understood counts.
func denials(directory *access.Directory, live access.Group) []string {
	grants := func(d access.Document) bool {
		return d.Fault == "" && !slices.ContainsFunc(d.Statements, func(s access.Statement) bool { return s.Effect != access.Allow })
	}
	var list []string
	for _, arn := range live.Attached {
		known := slices.ContainsFunc(directory.Policies, func(p access.Policy) bool { return p.ARN == arn && grants(p.Document) })
		if !known {
			list = append(list, arn)
		}
	}
	for name, document := range live.Inline {
		if !grants(document) {
			list = append(list, inlinePrefix+name)
		}
	}
	slices.Sort(list)
	return list
}

// inlinePrefix stands before the name of an inline policy in Spec.Denies.
const inlinePrefix = "inline/"

// markOf is whose the group is by its path.
func markOf(env *config.Environment, path string) string {
	switch {
	case within(env, path):
		return env.Name
	case strings.HasPrefix(path, "/reconcile/"):
		return path
	default:
		return ""
	}
}

func outputsOf(live access.Group) resource.Outputs {
	return resource.Outputs{"arn": live.ARN, "name": live.Name, "groupId": live.ID}
}
