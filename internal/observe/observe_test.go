package observe_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func id(kindName, name string) resource.ID {
	return resource.ID{Kind: kindName, Scope: "here", Name: name}
}

func thing(kindName, name, address string, refs ...resource.Ref) resource.Resource {
	links := []any{}
	for _, ref := range refs {
		links = append(links, ref)
	}
	return resource.Resource{ID: id(kindName, name), Attrs: resource.Attrs{"links": links}, Outputs: resource.Outputs{"address": address}}
}

func ref(kindName, name string) resource.Ref {
	return resource.Ref{ID: id(kindName, name), Output: "address"}
}

// sees makes a kind whose reads answer with what see says; ids is nil for a read
// of everything.
func sees(name string, see func(ids []resource.ID, lookup kind.Lookup) kind.Seen) kind.Kind {
	return kind.Kind{
		Name:    name,
		Declare: func(*config.Environment) ([]resource.Resource, error) { return nil, nil },
		Observe: func(_ context.Context, _ *config.Environment, lookup kind.Lookup) kind.Seen { return see(nil, lookup) },
		Read: func(_ context.Context, _ *config.Environment, ids []resource.ID, lookup kind.Lookup) kind.Seen {
			return see(ids, lookup)
		},
	}
}

func holds(name string, seen kind.Seen) kind.Kind {
	return sees(name, func([]resource.ID, kind.Lookup) kind.Seen { return seen })
}

func set(t *testing.T, resources ...resource.Resource) resource.Set {
	t.Helper()
	s, err := resource.NewSet(resources...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAKindIsReadAfterTheKindsThatItsDeclarationsPointAt(t *testing.T) {
	t.Parallel()
	desired := set(t, thing("payment", "p", "", ref("key", "k"), ref("payment", "q")), thing("payment", "q", ""), thing("set", "s", "", ref("payment", "p")), thing("key", "k", ""))
	kinds := []kind.Kind{holds("set", kind.Seen{}), holds("payment", kind.Seen{}), holds("bucket", kind.Seen{}), holds("key", kind.Seen{})}
	waves, err := observe.Waves(kinds, desired)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, wave := range waves {
		names := []string{}
		for _, k := range wave {
			names = append(names, k.Name)
		}
		got = append(got, strings.Join(names, " "))
	}
	if diff := cmp.Diff([]string{"bucket key", "payment", "set"}, got); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
}

func TestKindsThatPointAtEachOtherInACircleAreAnErrorThatNamesThem(t *testing.T) {
	t.Parallel()
	desired := set(t, thing("user", "u", "", ref("policy", "p")), thing("policy", "p", "", ref("user", "u")))
	kinds := []kind.Kind{holds("key", kind.Seen{}), holds("user", kind.Seen{}), holds("policy", kind.Seen{})}
	for name, read := range map[string]func() (*observe.World, error){
		"all": func() (*observe.World, error) { return observe.All(t.Context(), nil, kinds, desired, nil) },
		"some": func() (*observe.World, error) {
			return observe.Some(t.Context(), nil, kinds, desired, []resource.ID{id("user", "u")})
		},
	} {
		if _, err := read(); err == nil || err.Error() != "kinds wait for each other: [user policy]" {
			t.Errorf("%s: error %v, want the circle of user and policy", name, err)
		}
	}
}

func TestALaterKindResolvesWhatAnEarlierOneSawUnlessItIsUnreadOrClaimedTwice(t *testing.T) {
	t.Parallel()
	key := thing("key", "k", "0xab")
	for name, c := range map[string]struct {
		seen kind.Seen
		want string
	}{
		"owned":                         {kind.Seen{Owned: []resource.Resource{key}}, "0xab"},
		"absent":                        {kind.Seen{}, ""},
		"without that output":           {kind.Seen{Owned: []resource.Resource{thing("key", "k", "")}}, ""},
		"foreign":                       {kind.Seen{Foreign: []resource.Resource{key}}, ""},
		"seen, but its scope is unread": {kind.Seen{Owned: []resource.Resource{key}, Unread: []resource.Unread{{Scope: "here"}}}, ""},
		"seen, but its kind is unread":  {kind.Seen{Owned: []resource.Resource{key}, Unread: []resource.Unread{{Scope: "key/here"}}}, ""},
		"seen, and another is unread":   {kind.Seen{Owned: []resource.Resource{key}, Unread: []resource.Unread{{Scope: "key/here/other"}}}, "0xab"},
		"claimed by two":                {kind.Seen{Owned: []resource.Resource{key, thing("key", "k", "0xthief")}}, ""},
		"claimed by one without a mark": {kind.Seen{Owned: []resource.Resource{key}, Foreign: []resource.Resource{key}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := "never asked", false
			payment := sees("payment", func(_ []resource.ID, lookup kind.Lookup) kind.Seen {
				got, ok = lookup(ref("key", "k"))
				return kind.Seen{}
			})
			desired := set(t, thing("payment", "p", "", ref("key", "k")))
			if _, err := observe.All(t.Context(), nil, []kind.Kind{payment, holds("key", c.seen)}, desired, nil); err != nil {
				t.Fatal(err)
			}
			if got != c.want || ok != (c.want != "") {
				t.Errorf("resolved to %q %t, want %q", got, ok, c.want)
			}
		})
	}
}

func TestTwoObjectsThatClaimOneIDAreAFindingThatRefuses(t *testing.T) {
	t.Parallel()
	twins := []resource.Resource{thing("key", "k", "0xab"), thing("key", "k", "0xcd")}
	for name, seen := range map[string]kind.Seen{"owned": {Owned: twins}, "foreign": {Foreign: twins}} {
		world, err := observe.All(t.Context(), nil, []kind.Kind{holds("key", seen)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := []resource.Finding{{Rule: "duplicate-id", Severity: resource.Refuse, ID: id("key", "k"), Reason: "two live objects claim this id"}}
		if diff := cmp.Diff(want, world.Findings); diff != "" {
			t.Errorf("%s: findings (-want +got):\n%s", name, diff)
		}
		if world.Claimed(id("key", "k")) != 2 || world.Claimed(id("key", "other")) != 0 {
			t.Errorf("%s: claimed %d and %d times, want 2 and 0", name, world.Claimed(id("key", "k")), world.Claimed(id("key", "other")))
		}
	}
}

func TestSomeReadsEachResourceOnceAndNoOtherKind(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string][]string{}
	kindNamed := func(name string) kind.Kind {
		return sees(name, func(ids []resource.ID, _ kind.Lookup) kind.Seen {
			mu.Lock()
			defer mu.Unlock()
			for _, one := range ids {
				asked[name] = append(asked[name], one.Name)
			}
			return kind.Seen{}
		})
	}
	ids := []resource.ID{id("key", "b"), id("key", "a"), id("key", "b"), id("crate", "c")}
	world, err := observe.Some(t.Context(), nil, []kind.Kind{kindNamed("key"), kindNamed("bucket")}, nil, ids)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"key": {"a", "b"}}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	want := []resource.Unread{{Scope: "crate/here/c", Operation: "read", Cause: "no kind of this name"}}
	if diff := cmp.Diff(want, world.Unread); diff != "" {
		t.Errorf("what nobody reads is unread (-want +got):\n%s", diff)
	}
}

func TestTheWorldIsTheSameInWhateverOrderItWasRead(t *testing.T) {
	t.Parallel()
	facts := []resource.Fact{{ID: id("network", "b"), Name: "live"}, {ID: id("network", "a"), Name: "live"}, {ID: id("network", "b"), Name: "live"}}
	unread := []resource.Unread{{Scope: "b"}, {Scope: "a"}, {Scope: "b"}}
	one := holds("one", kind.Seen{Facts: facts[:2], Unread: unread[:2]})
	two := holds("two", kind.Seen{Facts: facts[2:], Unread: unread[2:]})
	forth, err := observe.All(t.Context(), nil, []kind.Kind{one, two}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := observe.All(t.Context(), nil, []kind.Kind{two, one}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(forth, back); diff != "" {
		t.Errorf("worlds differ:\n%s", diff)
	}
	if len(forth.Facts) != 2 || len(forth.Unread) != 2 || forth.Facts[0].ID.Name != "a" || forth.Unread[0].Scope != "a" {
		t.Errorf("%+v, want each once and in order", forth)
	}
}

func TestProgressIsToldWhenAKindBeginsAndEnds(t *testing.T) {
	t.Parallel()
	var told []string
	_, err := observe.All(t.Context(), nil, []kind.Kind{holds("key", kind.Seen{})}, nil, func(name string, done bool) {
		told = append(told, fmt.Sprint(name, " ", done))
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"key false", "key true"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestDeclareJoinsAllKindsAndRefusesTwoResourcesOfOneID(t *testing.T) {
	t.Parallel()
	declares := func(name string, err error, all ...resource.Resource) kind.Kind {
		return kind.Kind{Name: name, Declare: func(*config.Environment) ([]resource.Resource, error) { return all, err }}
	}
	got, err := observe.Declare(nil, []kind.Kind{declares("key", nil, thing("key", "k", "")), declares("set", nil, thing("set", "s", ""))})
	if err != nil || len(got) != 2 {
		t.Errorf("%d resources, error %v, want 2", len(got), err)
	}
	if _, err := observe.Declare(nil, []kind.Kind{declares("key", nil, thing("key", "k", ""), thing("key", "k", ""))}); err == nil || err.Error() != "key/here/k: declared twice" {
		t.Errorf("error %v, want that it is declared twice", err)
	}
	if _, err := observe.Declare(nil, []kind.Kind{declares("key", fmt.Errorf("no region"))}); err == nil || err.Error() != "key: declare: no region" {
		t.Errorf("error %v, want the kind's own", err)
	}
}
