package iampolicy

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

// factHeld lists who has an undeclared policy and is not ours: nobody here takes
// it from them.
const factHeld = "held-by-others"

// candidate is a live policy under the id that it stands for.
type candidate struct {
	id   resource.ID
	live access.Policy
	// protect is whether it is declared to be protected.
	declared, protect bool
}

// look picks the policies that concern the environment and says whose they are:
// those under our path, and those that have a declared name. A name is unique in
// the account whatever its path and its case (IAM User Guide, "IAM identifiers").
func (k *policies) look(ctx context.Context, env *config.Environment, all *access.Directory, only []resource.ID) kind.Observation[Spec] {
	declared := kind.ByName(env.Access.Policies, func(p config.Policy) string { return p.Name })
	var found []candidate
	for _, live := range all.Policies {
		want, named := declared[strings.ToLower(live.Name)]
		ours := kind.InPath(env, live.Path) && live.ARN != env.Access.Boundary
		id := config.PolicyID(cmp.Or(want.Name, live.Name))
		if (ours || named) && !access.AWSOwned(live.ARN) && kind.Asked(only, id) {
			found = append(found, candidate{id: id, live: live, declared: named, protect: want.Protect})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Or(a.id.Compare(b.id), strings.Compare(a.live.ARN, b.live.ARN)) })
	attached := all.Attachments()
	return kind.Gather(ctx, found, func(ctx context.Context, c candidate) kind.Observation[Spec] {
		return k.judge(ctx, env, c, attached[c.live.ARN])
	})
}

// judge says whose a policy is, with a question for its tags only where the
// path does not answer, or where protection matters.
func (k *policies) judge(ctx context.Context, env *config.Environment, c candidate, by access.Attachments) (seen kind.Observation[Spec]) {
	ours, tags := kind.InPath(env, c.live.Path), map[string]string{}
	if !ours || !c.declared || c.protect {
		var err error
		if tags, err = cloud.PolicyTags(ctx, k.IAM, c.live.ARN); cloud.NotFound(err) {
			return seen // it was deleted since the walk
		}
		if err != nil {
			return kind.Observation[Spec]{Unread: []resource.Unread{cloud.Unread(c.id.String(), err)}}
		}
	}
	ours = ours || kind.Marked(tags, env.Name, c.id)
	spec := Spec{
		Mark: cmp.Or(kind.MarkOf(tags, env.Name, ours), kind.PathMark(env, c.live.Path)), Name: c.live.Name, Path: c.live.Path, Document: c.live.Document,
		Versions: map[string]string{c.live.DefaultVersion: c.live.Document.Digest()}, Protect: tags[kind.TagProtect] == "true", AttachedTo: by.Names(),
	}
	for version, document := range c.live.Older {
		spec.Versions[version] = document.Digest()
	}
	// A boundary is put in the place of another one and never taken off.
	others := slices.DeleteFunc(slices.Clone(by), func(a access.Attachment) bool { return !a.Bounds && kind.Owns(env, a.Kind, a.Entity) })
	object := kind.Object[Spec]{ID: c.id, Spec: spec, Outputs: outputsOf(c.live)}
	if !ours {
		return kind.Observation[Spec]{Foreign: []kind.Object[Spec]{object}}
	}
	if !c.declared && len(others) > 0 {
		seen.Facts = []resource.Fact{{ID: c.id, Name: factHeld, Value: strings.Join(others.Names(), ", ")}}
	}
	seen.Owned = []kind.Object[Spec]{object}
	return seen
}

func outputsOf(live access.Policy) resource.Outputs {
	return resource.Outputs{"arn": live.ARN, "name": live.Name, "version": live.DefaultVersion}
}
