package accesskey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// look asks for the keys of every user that is ours: one that nobody declared a
// key for is where a key behind our back would be.
func (k *accessKey) look(ctx context.Context, env *config.Environment, all *access.Directory, only []resource.ID) kind.Observation[Spec] {
	declared := kind.ByName(env.Access.Users, func(u config.User) string { return u.Name })
	var ours []string
	var facts []resource.Fact
	for _, u := range all.Users {
		switch id := idOf(u.Name); {
		case !kind.Asked(only, id):
		case kind.Owns(env, "user", u.Entity):
			ours = append(ours, u.Name)
		case declared[strings.ToLower(u.Name)].AccessKey != nil:
			facts = append(facts, resource.Fact{ID: id, Name: factUnmarked, Value: u.ARN})
		}
	}
	seen := kind.Gather(ctx, ours, func(ctx context.Context, user string) (seen kind.Observation[Spec]) {
		want, wanted := declared[strings.ToLower(user)]
		spec, arn, err := k.spec(ctx, env, user, want.AccessKey, wanted)
		switch {
		case err != nil:
			seen.Unread = []resource.Unread{cloud.Unread(idOf(user).String(), err)}
		case len(spec.Keys) > 0 || arn != "":
			seen.Owned = []kind.Object[Spec]{{ID: idOf(user), Spec: spec, Outputs: resource.Outputs{"name": user}}}
			if arn != "" {
				seen.Owned[0].Outputs["arn"] = arn
			}
		}
		return seen
	})
	seen.Facts = facts
	return seen
}

// spec is what one user has, and the ARN of the secret that holds its key: empty
// where there is none, or none is declared.
func (k *accessKey) spec(ctx context.Context, env *config.Environment, user string, declared *config.AccessKey, wanted bool) (spec Spec, arn string, err error) {
	spec = Spec{User: resource.Literal(user), Stray: []string{}}
	keys, err := cloud.AccessKeys(ctx, k.IAM, user)
	if err != nil {
		return spec, "", err
	}
	spec.Keys = ids(keys)
	if declared == nil {
		// Whoever is not declared at all goes with all keys.
		spec.Stray = append(spec.Stray, spec.Keys...)
		if wanted {
			err = k.spare(ctx, &spec, usual)
		}
		return spec, "", err
	}
	secret, err := k.secret(ctx, declared.Region, declared.Secret, env.Name, user)
	if err != nil {
		return spec, "", err
	}
	spec.MaxAge, spec.Overlap = days(declared.MaxAge), days(declared.Overlap)
	if secret.arn != "" {
		spec.Secret, spec.Region = declared.Secret, declared.Region
	}
	k.classify(&spec, keys, secret, declared)
	return spec, secret.arn, k.spare(ctx, &spec, declared.Overlap)
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
	at, err := cloud.AccessKeyUsed(ctx, k.IAM, id)
	return !at.IsZero() && k.Clock.Now().Sub(at) < within, err
}

func ids(keys []cloud.AccessKey) []string {
	var list []string
	for _, key := range keys {
		list = append(list, key.ID)
	}
	return list
}

// classify says what each live key is: the one in the secret, the one that was
// in it before, or one that nobody stored.
func (k *accessKey) classify(spec *Spec, keys []cloud.AccessKey, secret liveSecret, declared *config.AccessKey) {
	spec.Current, spec.Previous = missing, none
	now := k.Clock.Now()
	var since time.Time
	if i := slices.Index(spec.Keys, secret.current); i >= 0 {
		since, spec.Current = keys[i].Created, fresh
		if now.Sub(since) >= declared.MaxAge {
			spec.Current = due
		}
		if !keys[i].Active {
			spec.Current = inactive
		}
	}
	for _, key := range keys {
		switch {
		case key.ID == secret.current:
		case key.ID != secret.previous || spec.Current == missing:
			spec.Stray = append(spec.Stray, key.ID)
		case now.Sub(since) >= declared.Overlap:
			spec.Previous = over
		default:
			spec.Previous = overlapping
		}
	}
}

// liveSecret is the secret that holds a user's key; without an ARN there is
// none.
type liveSecret struct {
	arn string
	// current and previous are the ids of the access keys that it holds and held.
	current, previous string
}

// secret reads whose key the secret holds, never the key. A secret of the name
// that is not marked for this user is somebody else's.
func (k *accessKey) secret(ctx context.Context, region, name, environment, user string) (liveSecret, error) {
	secret, err := cloud.DescribeSecret(ctx, k.Secrets(region), name)
	switch {
	case cloud.NotFound(err):
		return liveSecret{}, nil
	case err != nil:
		return liveSecret{}, err
	case !kind.Marked(secret.Tags, environment, idOf(user)) || secret.Deleted:
		return liveSecret{}, fmt.Errorf("secret %s is there and is not this user's, or is being deleted: state another name", name)
	}
	current, previous, _ := strings.Cut(secret.Tags[tagKey], " ")
	return liveSecret{arn: secret.ARN, current: current, previous: previous}, nil
}
