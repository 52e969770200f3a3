package journal

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// FuzzEntry: whatever bytes a store holds, an entry is either refused or reads
// as exactly these bytes; and it is never both whole and torn.
func FuzzEntry(f *testing.F) {
	for _, e := range []Entry{
		{Kind: Anchor, Commit: "c"},
		{Kind: Intent, Plan: "p", StepDigest: "s", Intent: "i", Prepared: json.RawMessage(`{"hash":"0x01"}`),
			Spend: &resource.Spend{Network: "fuji", Wei: "1", Fee: "2"}},
		{Kind: Outcome, Plan: "p", StepDigest: "s", Intent: "i", Happened: Unknown, Error: "<&>\u2028", Outputs: resource.Outputs{"to": "0x"}},
		{Kind: Close, Plan: "p", Readings: map[string]string{"funding/fuji/a": "0"}},
	} {
		e.Seq, e.Environment, e.Time = 1, "staging", time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
		data, err := e.seal("")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		again, err := resource.Canonical(e)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q reads as %q, %v", data, again, err)
		}
		if torn(data, true) || torn(data, false) {
			t.Errorf("%q is whole and torn", data)
		}
	})
}

// FuzzLease: whatever bytes a store holds, a lease is either refused or reads
// as exactly these bytes, with a term that can rise.
func FuzzLease(f *testing.F) {
	data, err := resource.Canonical(held{Environment: "staging", Term: 1, Owner: Owner{User: "a", PID: 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeHeld(data, "staging")
		if err != nil {
			return
		}
		if again, err := resource.Canonical(h); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q reads as %q, %v", data, again, err)
		}
		if h.Term+1 <= h.Term || h.Term < 1 {
			t.Errorf("term %d cannot rise", h.Term)
		}
	})
}
