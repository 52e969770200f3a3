package kind

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Account is Observe and Read of a kind that sees all of an account's IAM in one
// walk. Where access is not managed nothing is asked.
type Account[S any] struct {
	// Kind is the kind's name.
	Kind string
	// Directory gives the walk that a whole reading of the world shares, and one
	// that begins now: cloud.Directory.
	Directory interface {
		All(context.Context) (*access.Directory, error)
		Fresh(context.Context) (*access.Directory, error)
	}
	// Unread words an error for a report: cloud.Unread.
	Unread func(scope string, err error) resource.Unread
	// Look tells what of the directory concerns the environment; only narrows it to
	// some ids, nil means all.
	Look func(ctx context.Context, env *config.Environment, all *access.Directory, only []resource.ID) Observation[S]
}

// Observe reads all that concerns the environment.
func (a Account[S]) Observe(ctx context.Context, env *config.Environment, _ Lookup) Observation[S] {
	if env.Access == nil {
		return Observation[S]{}
	}
	all, err := a.Directory.All(ctx)
	return a.look(ctx, env, all, err, nil)
}

// Read reads some resources anew.
func (a Account[S]) Read(ctx context.Context, env *config.Environment, ids []resource.ID, _ Lookup) Observation[S] {
	only := slices.DeleteFunc(slices.Clone(ids), func(id resource.ID) bool { return id.Kind != a.Kind })
	if env.Access == nil || len(only) == 0 {
		return Observation[S]{}
	}
	all, err := a.Directory.Fresh(ctx)
	return a.look(ctx, env, all, err, only)
}

func (a Account[S]) look(ctx context.Context, env *config.Environment, all *access.Directory, err error, only []resource.ID) Observation[S] {
	if err != nil {
		return Observation[S]{Unread: []resource.Unread{a.Unread(a.Kind+"/"+config.Global, err)}}
	}
	return a.Look(ctx, env, all, only)
}

// Asked reports whether a narrowed look is for this resource; nil is for all.
func Asked(only []resource.ID, id resource.ID) bool {
	return only == nil || slices.Contains(only, id)
}

// atOnce bounds concurrent questions: IAM answers one account slowly.
const atOnce = 8

// Gather looks at many live objects at once and joins what was found, in their
// order.
func Gather[C, S any](ctx context.Context, live []C, look func(context.Context, C) Observation[S]) Observation[S] {
	found := make([]Observation[S], len(live))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, one := range live {
		group.Go(func() error {
			found[i] = look(ctx, one)
			return nil
		})
	}
	_ = group.Wait() // a look that fails says so in what it found
	var joined Observation[S]
	for _, f := range found {
		joined.Owned = append(joined.Owned, f.Owned...)
		joined.Foreign = append(joined.Foreign, f.Foreign...)
		joined.Facts = append(joined.Facts, f.Facts...)
		joined.Unread = append(joined.Unread, f.Unread...)
	}
	return joined
}

// DeclareAccess is Declare of a kind that one list of the environment's access
// is made of; one gives an object with its ID even where it fails. Where access is
// not managed there is nothing.
func DeclareAccess[T, S any](env *config.Environment, list func(*config.Access) []T, one func(T) (Object[S], error)) ([]Object[S], error) {
	if env.Access == nil {
		return nil, nil
	}
	declared := list(env.Access)
	objects := make([]Object[S], 0, len(declared))
	for _, d := range declared {
		o, err := one(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.ID, err)
		}
		objects = append(objects, o)
	}
	slices.SortFunc(objects, func(a, b Object[S]) int { return a.ID.Compare(b.ID) })
	return objects, nil
}

// ByName finds what is declared by its name in lower case: IAM does not tell
// case apart in names (IAM User Guide, "IAM identifiers").
func ByName[T any](list []T, name func(T) string) map[string]T {
	by := make(map[string]T, len(list))
	for _, one := range list {
		by[strings.ToLower(name(one))] = one
	}
	return by
}

// Specs finds specs by id.
func Specs[S any](objects []Object[S]) map[resource.ID]S {
	specs := make(map[resource.ID]S, len(objects))
	for _, o := range objects {
		specs[o.ID] = o.Spec
	}
	return specs
}

// Misnamed says that the live object of a declared name spells it otherwise;
// empty: it does not.
func Misnamed(noun, have, want string) string {
	if have == want {
		return ""
	}
	return fmt.Sprintf("the %s is named %s, declared is %s, and IAM does not tell case apart", noun, have, want)
}
