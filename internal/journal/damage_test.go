package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/journal/journaltest"
)

func TestOneChangedByteAnywhereIsFound(t *testing.T) {
	t.Parallel()
	for _, entries := range [][]journal.Entry{{story()[0]}, {story()[0], story()[2], story()[3]}} {
		store := journaltest.NewMemory()
		write(t, journal.New(store, "staging", at(noon())), 1, entries...)
		for seq := range entries {
			key := fmt.Sprintf("journal/%012d.json", seq+1)
			whole, _, err := store.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			for i := range whole {
				for _, flip := range []byte{0x01, 0x20, 0x80, whole[i], whole[i] ^ ',', whole[i] ^ '\\'} {
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
			store.Set(key, whole)
		}
		if len(read(t, store)) != len(entries) {
			t.Error("the restored journal is not whole")
		}
	}
}

// tearing is a store that may keep part of its last object.
type tearing struct {
	journal.Store
	tears bool
}

func (s tearing) Tears() bool { return s.tears }

func requireBroken(t *testing.T, store journal.Store, where, what string) {
	t.Helper()
	_, err := journal.New(store, "staging", at(noon())).Read(t.Context())
	broken := (*journal.BrokenError)(nil)
	if !errors.As(err, &broken) {
		t.Fatalf("%s: have %v, want a *BrokenError", what, err)
	}
	if broken.Where != where {
		t.Fatalf("%s: the error names %q, damage is in %s", what, broken.Where, where)
	}
}

func TestAnEntryCutShortIsReplacedInAFolderAndReportedElsewhere(t *testing.T) {
	t.Parallel()
	original := journaltest.NewMemory()
	write(t, journal.New(original, "staging", at(noon())), 1, story()[0], story()[2])
	const key = "journal/000000000002.json"
	whole, _, err := original.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	zeros := func(n int) []byte { return append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...) }
	for n := range len(whole) {
		for _, left := range [][]byte{whole[:n], zeros(n)} {
			if len(whole)-n == 1 && len(left) == len(whole) {
				continue // one byte changed, as good as edited
			}
			original.Set(key, left)
			requireBroken(t, original, key, fmt.Sprintf("%d of %d bytes", n, len(whole)))
			j := journal.New(tearing{original, true}, "staging", at(noon()))
			entries, err := j.Read(t.Context())
			if err != nil || len(entries) != 1 {
				t.Fatalf("%d of %d bytes: %d entries, %v", n, len(whole), len(entries), err)
			}
			write(t, j, 1, story()[2])
			if len(read(t, original)) != 2 {
				t.Fatalf("%d of %d bytes: not replaced", n, len(whole))
			}
		}
	}
}

func TestATornFirstEntryIsReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := openFiles(t, dir)
	write(t, journal.New(store, "staging", at(noon())), 1, story()[0])
	path := filepath.Join(dir, "journal", "000000000001.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, journal.New(store, "staging", at(noon())), 1, story()[0])
		if entries := read(t, store); len(entries) != 1 || entries[0].Commit != "c0" {
			t.Fatalf("%d of %d bytes: have %d entries", n, len(whole), len(entries))
		}
	}
}

func TestATornEntryInTheMiddleIsDamage(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	write(t, journal.New(store, "staging", at(noon())), 1, story()...)
	store.Set("journal/000000000003.json", []byte(`{"seq":3,`))
	requireBroken(t, tearing{store, true}, "journal/000000000003.json", "a torn entry with others after it")
}

func TestAHostileStoreIsRefusedByName(t *testing.T) {
	t.Parallel()
	other := journaltest.NewMemory()
	write(t, journal.New(other, "production", at(noon())), 1, story()...)
	object := func(s journal.Store, seq int) []byte {
		data, _, err := s.Get(t.Context(), fmt.Sprintf("journal/%012d.json", seq))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, damage := range map[string]func(*journaltest.Memory){
		"an entry of another environment": func(s *journaltest.Memory) { s.Set("journal/000000000001.json", object(other, 1)) },
		"a gap":                           func(s *journaltest.Memory) { s.Remove("journal/000000000003.json") },
		"no beginning":                    func(s *journaltest.Memory) { s.Remove("journal/000000000001.json") },
		"an entry twice":                  func(s *journaltest.Memory) { s.Set("journal/000000000007.json", object(s, 6)) },
		"an object beside the entries":    func(s *journaltest.Memory) { s.Set("journal/000000000003x.json", object(s, 3)) },
		"a number beyond twelve digits":   func(s *journaltest.Memory) { s.Set("journal/9999999999999.json", object(s, 6)) },
		"two swapped": func(s *journaltest.Memory) {
			second, third := object(s, 2), object(s, 3)
			s.Set("journal/000000000002.json", third)
			s.Set("journal/000000000003.json", second)
		},
		"an entry of ten megabytes": func(s *journaltest.Memory) { s.Set("journal/000000000006.json", bytes.Repeat([]byte(" "), 10<<20)) },
		"an entry and more":         func(s *journaltest.Memory) { s.Set("journal/000000000006.json", append(object(s, 6), '\n')) },
		"a field nobody knows": func(s *journaltest.Memory) {
			s.Set("journal/000000000006.json", bytes.Replace(object(s, 6), []byte(`{`), []byte(`{"extra":1,`), 1))
		},
		"an array": func(s *journaltest.Memory) { s.Set("journal/000000000006.json", []byte(`[]`)) },
		"null":     func(s *journaltest.Memory) { s.Set("journal/000000000006.json", []byte(`null`)) },
		"nothing":  func(s *journaltest.Memory) { s.Set("journal/000000000006.json", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := journaltest.NewMemory()
			write(t, journal.New(store, "staging", at(noon())), 1, story()...)
			damage(store)
			j := journal.New(store, "staging", at(noon()))
			_, err := j.Read(t.Context())
			if err == nil || !strings.Contains(err.Error(), "journal/") {
				t.Errorf("have %v, want an error that names the object", err)
			}
			if err := j.Append(t.Context(), 9, story()[0]); err == nil {
				t.Error("a broken journal takes another entry")
			}
		})
	}
}

func TestAnEntryThatVanishesWhileWeWorkIsFound(t *testing.T) {
	t.Parallel()
	store := journaltest.NewMemory()
	j := journal.New(store, "staging", at(noon()))
	write(t, j, 1, story()[:3]...)
	store.Remove("journal/000000000003.json")
	if _, err := j.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("have %v, want the loss reported", err)
	}
	other := journaltest.NewMemory()
	write(t, journal.New(other, "staging", at(noon().Add(time.Hour))), 1, story()[:3]...)
	data, _, err := other.Get(t.Context(), "journal/000000000003.json")
	if err != nil {
		t.Fatal(err)
	}
	store.Set("journal/000000000003.json", data)
	if _, err := j.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "another entry") {
		t.Errorf("have %v, want the exchange reported", err)
	}
}
