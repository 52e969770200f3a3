package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/journal"
)

// Run checks that a store keeps the promises of journal.Store. open gives an
// empty store; stores opened by one test share nothing with those of another.
func Run(t *testing.T, open func(t *testing.T) journal.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, journal.Store)
	}{
		{"an object reads back byte for byte", readsBack},
		{"an absent object is not found", absent},
		{"a second create is refused and changes nothing", createsOnce},
		{"a replace needs the version that is there", replacesVersion},
		{"a list is sorted, complete and below its prefix", lists},
		{"a list goes on after a key, there or not", listsAfter},
		{"a key that leads elsewhere is refused", refusesKeys},
		{"an object of a mebibyte is kept and a larger one refused", refusesSize},
		{"a cancelled call writes nothing", cancelled},
		{"of many creators one wins", oneCreator},
		{"of many replacers of one version one wins", oneReplacer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func readsBack(t *testing.T, s journal.Store) {
	for key, data := range map[string][]byte{
		"lease.json": []byte("{}"), "journal/000000000001.json": {0, 255, '\n', '"', 0xc3, 0x28}, "a/b/c": {},
	} {
		create(t, s, key, data)
		if have := get(t, s, key); !bytes.Equal(have, data) {
			t.Errorf("%s: have %q, want %q", key, have, data)
		}
	}
}

func absent(t *testing.T, s journal.Store) {
	if _, _, err := s.Get(t.Context(), "lease.json"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("have %v, want ErrNotFound", err)
	}
	keys, err := s.List(t.Context(), "journal/", "")
	if err != nil || len(keys) != 0 {
		t.Errorf("an empty store lists %q, %v", keys, err)
	}
	if err := s.Replace(t.Context(), "lease.json", `"0123"`, []byte("x")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("replace of nothing: have %v, want ErrConflict", err)
	}
}

func createsOnce(t *testing.T, s journal.Store) {
	create(t, s, "lease.json", []byte("first"))
	if err := s.Create(t.Context(), "lease.json", []byte("second")); !errors.Is(err, journal.ErrExists) {
		t.Errorf("have %v, want ErrExists", err)
	}
	if have := get(t, s, "lease.json"); string(have) != "first" {
		t.Errorf("have %q, want the first", have)
	}
}

func replacesVersion(t *testing.T, s journal.Store) {
	create(t, s, "lease.json", []byte("one"))
	_, one, err := s.Get(t.Context(), "lease.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), "lease.json", one, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), "lease.json", one, []byte("three")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("replace of an old version: have %v, want ErrConflict", err)
	}
	if have := get(t, s, "lease.json"); string(have) != "two" {
		t.Errorf("have %q, want two", have)
	}
}

func lists(t *testing.T, s journal.Store) {
	var want []string
	for i := range 30 {
		key := fmt.Sprintf("journal/%012d.json", (i*7)%30+1)
		create(t, s, key, []byte{byte(i)})
		want = append(want, key)
	}
	create(t, s, "journals/x", nil)
	create(t, s, "lease.json", nil)
	slices.Sort(want)
	have, err := s.List(t.Context(), "journal/", "")
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("have %q, %v, want %q", have, err, want)
	}
}

func listsAfter(t *testing.T, s journal.Store) {
	for _, key := range []string{"journal/1", "journal/2", "journal/4", "journals/5", "segment/0"} {
		create(t, s, key, nil)
	}
	for after, want := range map[string][]string{
		"":          {"journal/1", "journal/2", "journal/4"},
		"journal/0": {"journal/1", "journal/2", "journal/4"},
		"journal/1": {"journal/2", "journal/4"},
		"journal/3": {"journal/4"},
		"journal/4": nil,
		"lease":     nil,
		"a":         {"journal/1", "journal/2", "journal/4"},
	} {
		if have, err := s.List(t.Context(), "journal/", after); err != nil || !slices.Equal(have, want) {
			t.Errorf("after %q: have %q, %v, want %q", after, have, err, want)
		}
	}
}

func refusesKeys(t *testing.T, s journal.Store) {
	for _, key := range []string{"", "/lease.json", "../lease.json", "a/../b", "a//b", "a/", ".lock", "A", "a b", "a\x00", "-rf"} {
		if err := s.Create(t.Context(), key, nil); err == nil {
			t.Errorf("create of %q is not refused", key)
		}
		if _, _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, journal.ErrNotFound) {
			t.Errorf("get of %q: have %v, want a refusal", key, err)
		}
	}
}

func refusesSize(t *testing.T, s journal.Store) {
	data := bytes.Repeat([]byte("x"), journal.MaxObjectBytes)
	create(t, s, "most", data)
	if have := get(t, s, "most"); !bytes.Equal(have, data) {
		t.Errorf("%d bytes came back as %d", len(data), len(have))
	}
	if err := s.Create(t.Context(), "more", append(data, 'x')); err == nil {
		t.Errorf("%d bytes are not refused", len(data)+1)
	}
}

func cancelled(t *testing.T, s journal.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Create(ctx, "lease.json", []byte("x")); err == nil {
		t.Error("a cancelled create reports success")
	}
	if _, _, err := s.Get(t.Context(), "lease.json"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("have %v, want ErrNotFound", err)
	}
}

const racers, rounds = 8, 12

func oneCreator(t *testing.T, s journal.Store) {
	for round := range rounds {
		key := fmt.Sprintf("journal/%012d.json", round+1)
		winner := race(t, journal.ErrExists, func(data []byte) error { return s.Create(t.Context(), key, data) })
		if have := get(t, s, key); string(have) != winner {
			t.Fatalf("round %d: %q won, the store holds %q", round, winner, have)
		}
	}
}

func oneReplacer(t *testing.T, s journal.Store) {
	create(t, s, "lease.json", []byte("start"))
	for round := range rounds {
		_, version, err := s.Get(t.Context(), "lease.json")
		if err != nil {
			t.Fatal(err)
		}
		winner := race(t, journal.ErrConflict, func(data []byte) error {
			return s.Replace(t.Context(), "lease.json", version, append(data, byte('a'+round)))
		})
		if have := get(t, s, "lease.json"); string(have) != winner+string(byte('a'+round)) {
			t.Fatalf("round %d: %q won, the store holds %q", round, winner, have)
		}
	}
}

// race lets many write at once, of which exactly one must win and all others
// must lose by the given error.
func race(t *testing.T, lost error, write func(data []byte) error) (winner string) {
	t.Helper()
	errs := make([]error, racers)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range racers {
		wait.Go(func() {
			<-start
			errs[i] = write(fmt.Appendf(nil, "racer %d", i))
		})
	}
	close(start)
	wait.Wait()
	for i, err := range errs {
		switch {
		case err == nil && winner == "":
			winner = fmt.Sprintf("racer %d", i)
		case err == nil:
			t.Fatalf("%s and racer %d both won", winner, i)
		case !errors.Is(err, lost):
			t.Fatalf("racer %d lost by %v, want %v", i, err, lost)
		}
	}
	if winner == "" {
		t.Fatal("nobody won")
	}
	return winner
}

func create(t *testing.T, s journal.Store, key string, data []byte) {
	t.Helper()
	if err := s.Create(t.Context(), key, data); err != nil {
		t.Fatalf("create %s: %v", key, err)
	}
}

func get(t *testing.T, s journal.Store, key string) []byte {
	t.Helper()
	data, version, err := s.Get(t.Context(), key)
	if err != nil || version == "" {
		t.Fatalf("get %s: version %q, %v", key, version, err)
	}
	return data
}
