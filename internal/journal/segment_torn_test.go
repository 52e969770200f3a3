package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/journal"
)

func TestASegmentCutShortIsReadAroundInAFolderAndWrittenAgain(t *testing.T) {
	t.Parallel()
	store := packed(t)
	want, whole := read(t, store), object(t, store, firstSegment)
	for n := 0; n < len(whole); n += 1 + len(whole)/200 {
		for _, zeros := range []int{0, len(whole) - n} {
			if zeros == 1 {
				continue // one byte changed, as good as edited
			}
			store.Set(firstSegment, append(bytes.Clone(whole[:n]), make([]byte, zeros)...))
			requireBroken(t, store, firstSegment, fmt.Sprintf("%d of %d bytes where nothing tears", n, len(whole)))
			j := journal.New(tearing{store, true}, "staging", at(noon()))
			have, err := j.Read(t.Context())
			if err != nil || len(have) != len(want) {
				t.Fatalf("%d of %d bytes, %d zeros: %d entries, %v", n, len(whole), zeros, len(have), err)
			}
			pack(t, j)
			if !bytes.Equal(object(t, store, firstSegment), whole) {
				t.Fatalf("%d of %d bytes, %d zeros: not written again", n, len(whole), zeros)
			}
		}
	}
	for n := len(whole) - 3; n < len(whole); n++ {
		store.Set(firstSegment, whole[:n])
		if have := read(t, tearing{store, true}); len(have) != 6 {
			t.Errorf("%d of %d bytes: %d entries", n, len(whole), len(have))
		}
	}
}

func TestATornSegmentOfAFolderIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openFiles(t, dir)
	write(t, journal.New(store, "staging", at(noon())), 1, story()...)
	pack(t, journal.New(store, "staging", at(noon())))
	path := filepath.Join(dir, filepath.FromSlash(firstSegment))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:1000], 0o600); err != nil {
		t.Fatal(err)
	}
	j := journal.New(store, "staging", at(noon()))
	pack(t, j)
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("have %d bytes, %v, want %d", len(again), err, len(whole))
	}
	if len(read(t, store)) != 6 {
		t.Error("not all entries are read")
	}
}
