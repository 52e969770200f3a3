package kind_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// walks counts who asks for which reading.
type walks struct {
	all, fresh int
	err        error
}

func (w *walks) All(context.Context) (*access.Directory, error) {
	w.all++
	return &access.Directory{}, w.err
}

func (w *walks) Fresh(context.Context) (*access.Directory, error) {
	w.fresh++
	return &access.Directory{}, w.err
}

func TestAnAccountIsReadForWhatConcernsTheKindAndNoMore(t *testing.T) {
	t.Parallel()
	w := &walks{}
	var looked [][]resource.ID
	account := kind.Account[string]{
		Kind: "iam-user", Directory: w,
		Unread: func(scope string, err error) resource.Unread {
			return resource.Unread{Scope: scope, Cause: err.Error()}
		},
		Look: func(_ context.Context, _ *config.Environment, _ *access.Directory, only []resource.ID) kind.Observation[string] {
			looked = append(looked, only)
			return kind.Observation[string]{}
		},
	}
	managed, unmanaged := &config.Environment{Access: &config.Access{}}, &config.Environment{}
	ids := []resource.ID{config.RoleID("x"), config.UserID("ada")}
	account.Observe(t.Context(), unmanaged, nil)
	account.Read(t.Context(), unmanaged, ids, nil)
	account.Read(t.Context(), managed, ids[:1], nil)
	account.Read(t.Context(), managed, nil, nil)
	if w.all+w.fresh+len(looked) != 0 {
		t.Errorf("%+v for nothing", w)
	}
	account.Observe(t.Context(), managed, nil)
	account.Read(t.Context(), managed, ids, nil)
	if w.all != 1 || w.fresh != 1 || fmt.Sprint(looked) != "[[] [iam-user/global/ada]]" || looked[0] != nil || ids[0] != config.RoleID("x") {
		t.Errorf("%+v, looked for %v, asked for %v", w, looked, ids)
	}
	w.err = errors.New("denied")
	for _, seen := range []kind.Observation[string]{account.Observe(t.Context(), managed, nil), account.Read(t.Context(), managed, ids, nil)} {
		if len(seen.Unread) != 1 || !seen.Unread[0].Covers(config.UserID("ada")) || seen.Unread[0].Covers(config.RoleID("x")) || seen.Unread[0].Cause != "denied" || len(looked) != 2 {
			t.Errorf("%+v", seen)
		}
	}
}

func TestWhatManyLooksFindIsInTheirOrderAndNeverTooManyAtOnce(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	live := make([]int, 100)
	for i := range live {
		live[i] = i
	}
	seen := kind.Gather(t.Context(), live, func(_ context.Context, n int) kind.Observation[int] {
		if here := now.Add(1); here > most.Load() {
			most.Store(here)
		}
		defer now.Add(-1)
		id := config.UserID(fmt.Sprint(n))
		switch o := (kind.Object[int]{Spec: n}); {
		case n%10 == 3:
			return kind.Observation[int]{Unread: []resource.Unread{{Scope: fmt.Sprint(n)}}}
		case n%10 == 4:
			return kind.Observation[int]{Foreign: []kind.Object[int]{o}}
		case n%10 == 5:
			return kind.Observation[int]{}
		default:
			return kind.Observation[int]{Owned: []kind.Object[int]{o}, Facts: []resource.Fact{{ID: id}}}
		}
	})
	if len(seen.Owned) != 70 || len(seen.Facts) != 70 || len(seen.Foreign) != 10 || len(seen.Unread) != 10 || most.Load() > 8 {
		t.Fatalf("%d owned, %d facts, %d foreign, %d unread, %d at once", len(seen.Owned), len(seen.Facts), len(seen.Foreign), len(seen.Unread), most.Load())
	}
	for i := 1; i < len(seen.Owned); i++ {
		if seen.Owned[i].Spec <= seen.Owned[i-1].Spec || seen.Facts[i].ID.Name != fmt.Sprint(seen.Owned[i].Spec) {
			t.Fatalf("%d after %d", seen.Owned[i].Spec, seen.Owned[i-1].Spec)
		}
	}
}
