package journal

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Somebody who can compute hashes can make entries that are whole in
// themselves. They still must fit the entries before them.
func TestAForgedEntryMustFitTheChain(t *testing.T) {
	t.Parallel()
	whole := Entry{Seq: 2, Term: 7, Kind: Open, Plan: "p", Environment: "staging", Time: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
	for name, c := range map[string]struct {
		forge func(e *Entry, prev *string)
		want  string
	}{
		"another number":      {func(e *Entry, _ *string) { e.Seq = 3 }, "says sequence 3"},
		"another predecessor": {func(_ *Entry, prev *string) { *prev = "sha256:0" }, `follows "sha256:0"`},
		"no predecessor":      {func(_ *Entry, prev *string) { *prev = "" }, `follows ""`},
		"another environment": {func(e *Entry, _ *string) { e.Environment = "production" }, `"production", not "staging"`},
		"an older term":       {func(e *Entry, _ *string) { e.Term = 6 }, "is of term 6, after term 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := whole
			first.Seq = 1
			if _, err := first.seal(""); err != nil {
				t.Fatal(err)
			}
			j := &Journal{environment: "staging", entries: []Entry{first}}
			forged, prev := whole, first.Hash
			c.forge(&forged, &prev)
			data, err := forged.seal(prev)
			if err != nil {
				t.Fatal(err)
			}
			err = j.accept("journal/000000000002.json", data)
			broken := (*BrokenError)(nil)
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v, want the entry refused with %q", err, c.want)
			}
			fits := whole
			if data, err = fits.seal(first.Hash); err != nil || j.accept("journal/000000000002.json", data) != nil {
				t.Errorf("the true entry is refused: %v", err)
			}
		})
	}
}
