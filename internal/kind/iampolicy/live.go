package iampolicy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// awsOwned begins the ARN of AWS's own policies: there is no account in it.
const awsOwned = "arn:aws:iam::aws:"

// parallel bounds concurrent questions about tags.
const parallel = 8

func (k *policies) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	if env.Access == nil {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.All(ctx)
	if err != nil {
		return kind.Observation[Spec]{Unread: []resource.Unread{unread(Name+"/"+config.Global, err)}}
	}
	return k.sort(ctx, env, directory, func(resource.ID) bool { return true })
}

func (k *policies) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	wanted := func(id resource.ID) bool { return id.Kind == Name && slices.Contains(ids, id) }
	if env.Access == nil || !slices.ContainsFunc(ids, wanted) {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.Fresh(ctx)
	if err != nil {
		return kind.Observation[Spec]{Unread: []resource.Unread{unread(Name+"/"+config.Global, err)}}
	}
	return k.sort(ctx, env, directory, wanted)
}

// candidate is a live policy under the id that it stands for.
type candidate struct {
	id   resource.ID
	live access.Policy
	// want is how it is declared; nil: nobody does.
	want *config.Policy
}

// sort picks the policies that concern the environment and says whose they are.
func (k *policies) sort(ctx context.Context, env *config.Environment, directory *access.Directory, wanted func(resource.ID) bool) kind.Observation[Spec] {
	var (
		mu   sync.Mutex
		seen kind.Observation[Spec]
	)
	attached := attachments(directory)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, c := range candidates(env, directory) {
		if !wanted(c.id) {
			continue
		}
		group.Go(func() error {
			object, ours, err := k.judge(ctx, env, c)
			object.Spec.AttachedTo = attached[c.live.ARN]
			mu.Lock()
			defer mu.Unlock()
			switch {
			case cloud.NotFound(err):
				// It was deleted since the walk.
			case err != nil:
				seen.Unread = append(seen.Unread, unread(c.id.String(), err))
			case ours:
				seen.Owned = append(seen.Owned, object)
			default:
				seen.Foreign = append(seen.Foreign, object)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions give no error: each files what it found
	byID := func(a, b kind.Object[Spec]) int {
		return cmp.Or(a.ID.Compare(b.ID), strings.Compare(a.Outputs["arn"], b.Outputs["arn"]))
	}
	slices.SortFunc(seen.Owned, byID)
	slices.SortFunc(seen.Foreign, byID)
	slices.SortFunc(seen.Unread, resource.Unread.Compare)
	return seen
}

// candidates are the policies under our path and those that have a declared
// name: a name is unique in the account whatever its path and its case (IAM User
// Guide, "IAM identifiers").
func candidates(env *config.Environment, directory *access.Directory) []candidate {
	declared := map[string]*config.Policy{}
	for i, policy := range env.Access.Policies {
		declared[strings.ToLower(policy.Name)] = &env.Access.Policies[i]
	}
	var found []candidate
	for _, live := range directory.Policies {
		want := declared[strings.ToLower(live.Name)]
		boundary := want == nil && live.ARN == env.Access.Boundary
		if strings.HasPrefix(live.ARN, awsOwned) || boundary || want == nil && !within(env, live.Path) {
			continue
		}
		c := candidate{id: config.PolicyID(live.Name), live: live, want: want}
		if want != nil {
			c.id = config.PolicyID(want.Name)
		}
		found = append(found, c)
	}
	return found
}

// judge says whose a policy is, with a question for its tags only where the
// path does not answer, or where protection matters: the walk has no tags of
// policies.
func (k *policies) judge(ctx context.Context, env *config.Environment, c candidate) (object kind.Object[Spec], ours bool, err error) {
	ours = within(env, c.live.Path)
	tags := map[string]string{}
	if !ours || c.want == nil || c.want.Protect {
		if tags, err = k.tagsOf(ctx, c.live.ARN); err != nil {
			return object, false, err
		}
	}
	ours = ours || marked(env, c.id, tags)
	spec := Spec{
		Mark: markOf(env, c.live.Path, tags, ours), Name: c.live.Name, Path: c.live.Path, Document: c.live.Document,
		Versions: map[string]string{}, Protect: tags[kind.TagProtect] == "true",
	}
	for _, version := range c.live.Versions {
		spec.Versions[version] = digest(c.live.Older[version])
	}
	spec.Versions[c.live.DefaultVersion] = digest(c.live.Document)
	return kind.Object[Spec]{ID: c.id, Spec: spec, Outputs: outputsOf(c.live)}, ours, nil
}

func outputsOf(live access.Policy) resource.Outputs {
	return resource.Outputs{"arn": live.ARN, "name": live.Name, "version": live.DefaultVersion}
}

// marked reports whether tags say that the policy is exactly this resource.
func marked(env *config.Environment, id resource.ID, tags map[string]string) bool {
	return tags[kind.TagEnvironment] == env.Name && tags[kind.TagID] == id.String()
}

// markOf is whose the policy is: another environment's path says it as well as
// tags do.
func markOf(env *config.Environment, path string, tags map[string]string, ours bool) string {
	mark := kind.MarkOf(tags, env.Name, ours)
	if mark == "" && strings.HasPrefix(path, "/reconcile/") {
		return path
	}
	return mark
}

// digest is what a document means in one line; of one that is not understood
// it is empty, and like no other.
func digest(document access.Document) string {
	data, err := resource.Canonical(document.Canonical())
	if err != nil || document.Fault != "" {
		return ""
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// attachments lists who has each policy, as permissions or as boundary.
func attachments(directory *access.Directory) map[string][]string {
	by := map[string][]string{}
	add := func(prefix string, e access.Entity) {
		for _, arn := range e.Attached {
			by[arn] = append(by[arn], prefix+e.Name)
		}
		if e.Boundary != "" {
			by[e.Boundary] = append(by[e.Boundary], prefix+e.Name+" (boundary)")
		}
	}
	for _, group := range directory.Groups {
		add("group/", group.Entity)
	}
	for _, role := range directory.Roles {
		add("role/", role.Entity)
	}
	for _, user := range directory.Users {
		add("user/", user.Entity)
	}
	for _, names := range by {
		slices.Sort(names)
	}
	return by
}

func (k *policies) tagsOf(ctx context.Context, arn string) (map[string]string, error) {
	tags := map[string]string{}
	in := &iam.ListPolicyTagsInput{PolicyArn: aws.String(arn)}
	for {
		out, err := k.IAM.ListPolicyTags(ctx, in)
		if err != nil {
			return nil, cloud.Explain("iam:ListPolicyTags", arn, err)
		}
		for _, tag := range out.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		if in.Marker = out.Marker; !out.IsTruncated || in.Marker == nil {
			return tags, nil
		}
	}
}

// unread words a failed call; scope is all of the kind, or one policy.
func unread(scope string, err error) resource.Unread {
	operation, cause := cloud.Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
}
