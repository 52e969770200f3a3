package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

const firstSegment = "segment/000000000001-000000000006.json"

// packed is a store with the story's six entries and the segment of them.
func packed(t *testing.T) *journaltest.Memory {
	t.Helper()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	write(t, j, 1, story()...)
	pack(t, j)
	return store
}

func pack(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Pack(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func object(t *testing.T, s journal.Store, key string) []byte {
	t.Helper()
	data, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return data
}

func entryKey(seq int) string { return fmt.Sprintf("journal/%012d.json", seq) }

// segmentOf is the key and the bytes of a segment, made of the entry objects.
func segmentOf(t *testing.T, s journal.Store, first, last int) (key string, data []byte) {
	t.Helper()
	for seq := first; seq <= last; seq++ {
		data = append(append(data, object(t, s, entryKey(seq))...), '\n')
	}
	return fmt.Sprintf("segment/%012d-%012d.json", first, last), data
}

func segments(t *testing.T, s journal.Store) []string {
	t.Helper()
	keys, err := s.List(t.Context(), "segment/", "")
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// calls counts what reaches a store, a list by its pages of 1,000 keys, and
// can hide the segments.
type calls struct {
	journal.Store
	hidden bool
	mu     sync.Mutex
	n      int
}

func (c *calls) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *calls) Get(ctx context.Context, key string) ([]byte, string, error) {
	c.add(1)
	return c.Store.Get(ctx, key)
}

func (c *calls) List(ctx context.Context, prefix, after string) ([]string, error) {
	keys, err := c.Store.List(ctx, prefix, after)
	c.add(1 + len(keys)/1000)
	if c.hidden && prefix == "segment/" {
		return nil, err
	}
	return keys, err
}

func (c *calls) Tears() bool {
	s, ok := c.Store.(interface{ Tears() bool })
	return ok && s.Tears()
}

func TestASegmentHoldsTheEntriesByteForByte(t *testing.T) {
	t.Parallel()
	store := packed(t)
	key, want := segmentOf(t, store, 1, 6)
	if have := segments(t, store); len(have) != 1 || have[0] != key || key != firstSegment {
		t.Fatalf("segments %q, want %s", have, firstSegment)
	}
	if diff := cmp.Diff(string(want), string(object(t, store, key))); diff != "" {
		t.Error(diff)
	}
	alone := read(t, &calls{Store: store, hidden: true})
	if diff := cmp.Diff(alone, read(t, store)); diff != "" {
		t.Error(diff)
	}
}

func TestOneChangedByteOfASegmentIsFound(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	write(t, j, 1, story()[0], story()[2])
	pack(t, j)
	const key = "segment/000000000001-000000000002.json"
	whole := object(t, store, key)
	for i := range whole {
		for _, flip := range []byte{0x01, 0x80, whole[i], whole[i] ^ '\n', whole[i] ^ '}'} {
			if flip == 0 {
				continue
			}
			edited := bytes.Clone(whole)
			edited[i] ^= flip
			store.Set(key, edited)
			for _, tears := range []bool{false, true} {
				requireBroken(t, tearing{store, tears}, key, fmt.Sprintf("byte %d of %d is %q for %q", i, len(whole), edited[i], whole[i]))
			}
		}
	}
}

func TestAHostileSegmentIsRefusedByName(t *testing.T) {
	t.Parallel()
	swap := func(lines [][]byte) []byte {
		lines[1], lines[2] = lines[2], lines[1]
		return bytes.Join(lines, nil)
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, s *journaltest.Memory, lines [][]byte)
		where  string
	}{
		"two lines swapped": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) { s.Set(firstSegment, swap(lines)) }, firstSegment},
		"a line missing": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) {
			s.Set(firstSegment, bytes.Join(append(lines[:2], lines[3:]...), nil))
		}, firstSegment},
		"the last line missing": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) {
			s.Set(firstSegment, bytes.Join(lines[:5], nil))
		}, firstSegment},
		"a line more": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) {
			s.Set(firstSegment, append(bytes.Join(lines, nil), '\n'))
		}, firstSegment},
		"nothing": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) { s.Set(firstSegment, nil) }, firstSegment},
		"the name of fewer entries": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) {
			s.Remove(firstSegment)
			s.Set("segment/000000000001-000000000005.json", bytes.Join(lines, nil))
		}, "segment/000000000001-000000000005.json"},
		"the name of others": {func(t *testing.T, s *journaltest.Memory, lines [][]byte) {
			s.Set("segment/000000000002-000000000007.json", bytes.Join(lines, nil))
		}, "segment/000000000002-000000000007.json"},
		"ten megabytes": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			s.Set(firstSegment, bytes.Repeat([]byte(" "), 10<<20))
		}, ""},
		"an object beside the segments": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) { s.Set("segment/notes.json", nil) }, "segment/notes.json"},
		"entries from nought": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			s.Set("segment/000000000000-000000000009.json", nil)
		}, "segment/000000000000-000000000009.json"},
		"entries without end": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			s.Set("segment/000000000001-999999999999.json", nil)
		}, "segment/000000000001-999999999999.json"},
		"the journal of another environment": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			other := journaltest.NewMemory()
			write(t, journal.New(other, "production", at(noon())), 1, story()...)
			key, data := segmentOf(t, other, 1, 6)
			s.Set(key, data)
		}, firstSegment},
		"another story, whole in itself": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			other := journaltest.NewMemory()
			write(t, journal.New(other, "staging", at(noon())), 2, story()...)
			key, data := segmentOf(t, other, 1, 6)
			s.Set(key, data)
		}, entryKey(6)},
		"an older term after a newer": {func(t *testing.T, s *journaltest.Memory, _ [][]byte) {
			other := journaltest.NewMemory()
			write(t, journal.New(other, "staging", at(noon())), 9, story()...)
			_, data := segmentOf(t, other, 1, 3)
			s.Set("segment/000000000001-000000000003.json", data)
			_, data = segmentOf(t, s, 4, 6)
			s.Remove(firstSegment)
			s.Set("segment/000000000004-000000000006.json", data)
		}, "segment/000000000004-000000000006.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := packed(t)
			lines := bytes.SplitAfter(object(t, store, firstSegment), []byte("\n"))[:6]
			c.damage(t, store, lines)
			j := journal.New(store, "staging", at(noon()))
			_, err := j.Read(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.where) || !strings.HasPrefix(err.Error(), "journal: ") {
				t.Errorf("have %v, want an error that names %s", err, c.where)
			}
			if c.where != "" {
				requireBroken(t, store, c.where, name)
			}
			if err := j.Append(t.Context(), 9, story()[0]); err == nil {
				t.Error("a broken journal takes another entry")
			}
			if err := j.Pack(t.Context()); err == nil {
				t.Error("a broken journal is packed")
			}
		})
	}
}

func TestTheEntriesAfterASegmentMustFollowIt(t *testing.T) {
	t.Parallel()
	store := packed(t)
	write(t, journal.New(store, "staging", at(noon())), 1, story()...)
	eighth := object(t, store, entryKey(8))
	for name, c := range map[string]struct {
		damage func(*journaltest.Memory)
		where  string
	}{
		"the first after it is gone": {func(s *journaltest.Memory) { s.Remove(entryKey(7)) }, entryKey(8)},
		"one later is gone":          {func(s *journaltest.Memory) { s.Remove(entryKey(10)) }, entryKey(11)},
		"the one it ends with is gone": {func(s *journaltest.Memory) {
			s.Remove(entryKey(6))
		}, entryKey(7)},
		"the one it ends with is another":   {func(s *journaltest.Memory) { s.Set(entryKey(6), eighth) }, entryKey(6)},
		"the one it ends with is cut short": {func(s *journaltest.Memory) { s.Set(entryKey(6), eighth[:40]) }, entryKey(6)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := journaltest.NewMemory()
			for seq := range 12 {
				copied.Set(entryKey(seq+1), object(t, store, entryKey(seq+1)))
			}
			copied.Set(firstSegment, object(t, store, firstSegment))
			c.damage(copied)
			for _, tears := range []bool{false, true} {
				requireBroken(t, tearing{copied, tears}, c.where, name)
			}
		})
	}
}

func TestEntriesInsideASegmentNeedNoObjectOfTheirOwn(t *testing.T) {
	t.Parallel()
	store := packed(t)
	want := read(t, store)
	for seq := 1; seq <= 5; seq++ {
		store.Remove(entryKey(seq))
	}
	if diff := cmp.Diff(want, read(t, store)); diff != "" {
		t.Error(diff)
	}
}

// One segment in the middle is lost: its entries are read one by one, and the
// next writer makes it again.
func TestAMissingSegmentCostsOnlySpeed(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	write(t, journal.New(store, "staging", at(noon())), 1, append(story(), story()...)...)
	for _, ends := range [][2]int{{1, 4}, {9, 12}} {
		key, data := segmentOf(t, store, ends[0], ends[1])
		store.Set(key, data)
	}
	want := read(t, &calls{Store: store, hidden: true})
	if diff := cmp.Diff(want, read(t, store)); diff != "" {
		t.Error(diff)
	}
	pack(t, journal.New(store, "staging", at(noon())))
	between, bytes := segmentOf(t, store, 5, 8)
	if diff := cmp.Diff(string(bytes), string(object(t, store, between))); diff != "" {
		t.Error(diff)
	}
	store.Remove(between)
	store.Remove(entryKey(6))
	requireBroken(t, store, entryKey(6), "neither segment nor entry")
}

func TestOfTwoPackersOneWinsAndBothAreContent(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]journal.Store{"memory": journaltest.NewMemory(), "file": openFiles(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			write(t, journal.New(store, "staging", at(noon())), 1, story()...)
			var wait sync.WaitGroup
			for range 8 {
				wait.Go(func() {
					if err := journal.New(store, "staging", at(noon())).Pack(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
			if have := segments(t, store); len(have) != 1 || have[0] != firstSegment {
				t.Errorf("segments %q", have)
			}
		})
	}
}

// property: whatever was packed by whomever, and whatever of it was lost again,
// the entries read are those of the entry objects.
func TestReadingWithSegmentsEqualsReadingWithoutForAnyBoundaries(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 7))
		store := journaltest.NewMemory()
		writer, stale := journal.New(store, "staging", at(noon())), journal.New(store, "staging", at(noon()))
		n := 1 + random.IntN(50)
		for i := range n {
			e := story()[random.IntN(6)]
			if e.Kind == journal.Intent {
				e.Prepared = json.RawMessage(fmt.Sprintf(`{"n":%d,"raw":%q}`, i, strings.Repeat("f", random.IntN(300))))
			}
			write(t, writer, 1+int64(i/9), e)
			switch random.IntN(12) {
			case 0:
				pack(t, writer)
			case 1:
				pack(t, stale)
			case 2:
				pack(t, journal.New(store, "staging", at(noon())))
			case 3:
				first := 1 + random.IntN(i+1)
				key, data := segmentOf(t, store, first, first+random.IntN(i+2-first))
				store.Set(key, data)
			case 4:
				for _, key := range segments(t, store) {
					if random.IntN(2) == 0 {
						store.Remove(key)
					}
				}
			}
		}
		want := read(t, &calls{Store: store, hidden: true})
		for _, again := range []string{"as it is", "packed", "packed twice"} {
			if diff := cmp.Diff(want, read(t, store)); diff != "" || len(want) != n {
				t.Fatalf("seed %d, %s, %d entries of %d:\n%s", seed, again, len(want), n, diff)
			}
			pack(t, journal.New(store, "staging", at(noon())))
		}
	}
}

func TestWhatFitsNoObjectIsCutIntoSeveralSegments(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	half := story()[2]
	half.Prepared = json.RawMessage(`"` + strings.Repeat("x", journal.MaxPreparedBytes-2) + `"`)
	write(t, j, 1, story()[0], half, half, half, half, half, half, half, half, half, story()[5])
	pack(t, j)
	for _, key := range segments(t, store) {
		if have := len(object(t, store, key)); have > journal.MaxObjectBytes {
			t.Errorf("%s has %d bytes", key, have)
		}
	}
	if len(segments(t, store)) < 2 {
		t.Errorf("segments %q, want several", segments(t, store))
	}
	if diff := cmp.Diff(read(t, &calls{Store: store, hidden: true}), read(t, store)); diff != "" {
		t.Error(diff)
	}
}
