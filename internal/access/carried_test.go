package access_test

import (
	"encoding/json"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
)

func TestWhatWasNotUnderstoodIsCarriedAndNeverWritten(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]access.Document{
		"not understood": access.Read(`{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*","Resource":"*"}]}`),
		"no statement":   {Version: access.Version},
		"nothing at all": {},
	} {
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back access.Document
		if err := json.Unmarshal(data, &back); err != nil || back.Fault != d.Fault || back.Version != d.Version {
			t.Errorf("%s: %s came back as %+v, %v", name, data, back, err)
		}
		if text, err := back.Text(); (err != nil) != (d.Fault != "") {
			t.Errorf("%s: written as %q, %v", name, text, err)
		}
	}
	// AWS cannot make us believe in a fault of its own making.
	if d := access.Read(`{"Fault":"x","Statement":[]}`); d.Fault == "" || d.Fault == "x" {
		t.Errorf("a live document with a Fault reads as %+v", d)
	}
}
