package accesskey

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parallel bounds concurrent questions: IAM answers one account slowly.
const parallel = 8

// observe asks for the keys of every user that is ours: one that nobody
// declared a key for is where a key behind our back would be.
func (k *accessKey) observe(ctx context.Context, env *config.Environment, _ kind.Lookup) kind.Observation[Spec] {
	if env.Access == nil {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.All(ctx)
	return k.see(ctx, env, directory, err, func(string) bool { return true })
}

func (k *accessKey) read(ctx context.Context, env *config.Environment, ids []resource.ID, _ kind.Lookup) kind.Observation[Spec] {
	if env.Access == nil || len(ids) == 0 {
		return kind.Observation[Spec]{}
	}
	directory, err := k.Directory.Fresh(ctx)
	return k.see(ctx, env, directory, err, func(user string) bool { return slices.Contains(ids, idOf(user)) })
}

func (k *accessKey) see(ctx context.Context, env *config.Environment, directory *access.Directory, err error, wanted func(string) bool) kind.Observation[Spec] {
	var seen kind.Observation[Spec]
	if err != nil {
		seen.Unread = append(seen.Unread, unread(Name, err))
		return seen
	}
	var users []access.User
	for _, u := range directory.Users {
		switch {
		case !wanted(u.Name):
		case ours(env, u):
			users = append(users, u)
		case declaredKey(env, u.Name) != nil:
			seen.Facts = append(seen.Facts, resource.Fact{ID: idOf(u.Name), Name: factUnmarked, Value: u.ARN})
		}
	}
	objects, failures := make([]*kind.Object[Spec], len(users)), make([]error, len(users))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, u := range users {
		group.Go(func() error {
			objects[i], failures[i] = k.object(ctx, env, u.Name)
			return nil
		})
	}
	_ = group.Wait()
	for i, u := range users {
		switch {
		case failures[i] != nil:
			seen.Unread = append(seen.Unread, unread(idOf(u.Name).String(), failures[i]))
		case objects[i] != nil:
			seen.Owned = append(seen.Owned, *objects[i])
		}
	}
	return seen
}

// ours reports a user that carries the environment's mark for itself.
func ours(env *config.Environment, u access.User) bool {
	return u.Tags[kind.TagEnvironment] == env.Name && u.Tags[kind.TagID] == config.UserID(u.Name).String()
}

// object is what one user has; nil where there is no key and no secret.
func (k *accessKey) object(ctx context.Context, env *config.Environment, user string) (*kind.Object[Spec], error) {
	keys, err := k.list(ctx, user)
	if err != nil {
		return nil, err
	}
	spec := Spec{User: resource.Literal(user), Stray: []string{}}
	for _, key := range keys {
		spec.Keys = append(spec.Keys, key.id)
	}
	outputs := resource.Outputs{"name": user}
	declared := declaredKey(env, user)
	if declared == nil {
		if len(keys) == 0 {
			return nil, nil
		}
		spec.Stray = slices.Clone(spec.Keys)
		if slices.ContainsFunc(env.Access.Users, func(u config.User) bool { return u.Name == user }) {
			err = k.spare(ctx, &spec, usual)
		}
		return &kind.Object[Spec]{ID: idOf(user), Spec: spec, Outputs: outputs}, err
	}
	secret, err := k.secret(ctx, declared, env.Name, user)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && !secret.there {
		return nil, nil
	}
	spec.MaxAge, spec.Overlap = days(declared.MaxAge), days(declared.Overlap)
	if secret.there {
		spec.Secret, spec.Region, outputs["arn"] = declared.Secret, declared.Region, secret.arn
	}
	k.classify(&spec, keys, secret, declared)
	return &kind.Object[Spec]{ID: idOf(user), Spec: spec, Outputs: outputs}, k.spare(ctx, &spec, declared.Overlap)
}

// spare tells of the keys that nobody declared those that somebody still uses.
func (k *accessKey) spare(ctx context.Context, spec *Spec, within time.Duration) error {
	for _, id := range slices.Clone(spec.Stray) {
		used, err := k.used(ctx, id, within)
		if err != nil {
			return err
		}
		if used {
			spec.Used = append(spec.Used, id)
			spec.Stray = slices.DeleteFunc(spec.Stray, func(one string) bool { return one == id })
		}
	}
	return nil
}

// used reports whether somebody signed in with a key not long ago.
func (k *accessKey) used(ctx context.Context, id string, within time.Duration) (bool, error) {
	out, err := k.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
	if err != nil {
		return false, cloud.Explain("iam:GetAccessKeyLastUsed", id, err)
	}
	last := out.AccessKeyLastUsed
	return last != nil && last.LastUsedDate != nil && k.Clock.Now().Sub(*last.LastUsedDate) < within, nil
}

// classify says what each live key is: the one in the secret, the one that was
// in it before, or one that nobody stored.
func (k *accessKey) classify(spec *Spec, keys []liveKey, secret liveSecret, declared *config.AccessKey) {
	spec.Current, spec.Previous = missing, none
	now := k.Clock.Now()
	var since time.Time
	for _, key := range keys {
		if key.id != secret.current {
			continue
		}
		since = key.created
		switch {
		case !key.active:
			spec.Current = inactive
		case now.Sub(key.created) >= declared.MaxAge:
			spec.Current = due
		default:
			spec.Current = fresh
		}
	}
	for _, key := range keys {
		switch {
		case key.id == secret.current:
		case key.id != secret.previous || spec.Current == missing:
			spec.Stray = append(spec.Stray, key.id)
		case now.Sub(since) >= declared.Overlap:
			spec.Previous = over
		default:
			spec.Previous = overlapping
		}
	}
}

func declaredKey(env *config.Environment, user string) *config.AccessKey {
	for _, u := range env.Access.Users {
		if u.Name == user {
			return u.AccessKey
		}
	}
	return nil
}

type liveKey struct {
	id      string
	active  bool
	created time.Time
}

// list gives a user's keys, oldest first; a user that is gone has none.
func (k *accessKey) list(ctx context.Context, user string) ([]liveKey, error) {
	var keys []liveKey
	in := &iam.ListAccessKeysInput{UserName: aws.String(user)}
	for {
		out, err := k.IAM.ListAccessKeys(ctx, in)
		if cloud.NotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, cloud.Explain("iam:ListAccessKeys", user, err)
		}
		for _, m := range out.AccessKeyMetadata {
			keys = append(keys, liveKey{id: aws.ToString(m.AccessKeyId), active: m.Status == types.StatusTypeActive, created: aws.ToTime(m.CreateDate)})
		}
		if in.Marker = out.Marker; !out.IsTruncated || in.Marker == nil {
			break
		}
	}
	slices.SortFunc(keys, func(a, b liveKey) int {
		if c := a.created.Compare(b.created); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return keys, nil
}

type liveSecret struct {
	there bool
	arn   string
	// current and previous are the ids of the access keys that it holds and held.
	current, previous string
}

// secret reads whose key the secret holds, never the key. A secret of the name
// that is not marked for this user is somebody else's.
func (k *accessKey) secret(ctx context.Context, declared *config.AccessKey, environment, user string) (liveSecret, error) {
	out, err := k.Secrets(declared.Region).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(declared.Secret)})
	switch {
	case cloud.NotFound(err):
		return liveSecret{}, nil
	case err != nil:
		return liveSecret{}, cloud.Explain("secretsmanager:DescribeSecret", declared.Secret, err)
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if tags[kind.TagEnvironment] != environment || tags[kind.TagID] != idOf(user).String() || out.DeletedDate != nil {
		return liveSecret{}, &takenError{declared.Secret}
	}
	current, previous, _ := strings.Cut(tags[tagKey], " ")
	return liveSecret{there: true, arn: aws.ToString(out.ARN), current: current, previous: previous}, nil
}

// takenError says that the secret's name belongs to something else.
type takenError struct{ secret string }

// Error names the secret.
func (e *takenError) Error() string {
	return "secret " + e.secret + " is there and is not this user's, or is being deleted: state another name"
}

func unread(scope string, err error) resource.Unread {
	operation, cause := cloud.Operation(err)
	return resource.Unread{Scope: scope, Operation: operation, Cause: cause}
}
