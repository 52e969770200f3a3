package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

func TestEveryFlippedByteIsRefused(t *testing.T) {
	t.Parallel()
	data := encoded(t, exemplar(t))
	if _, err := plan.Decode(data); err != nil {
		t.Fatalf("the plan itself: %v", err)
	}
	for at := range data {
		for _, flip := range []byte{0x01, 0x02, 0x10, 0x20, 0x80, 0xff} {
			edited := bytes.Clone(data)
			edited[at] ^= flip
			if p, err := plan.Decode(edited); err == nil {
				t.Fatalf("byte %d of %q flipped by %#x is accepted as %s", at, data[max(0, at-20):min(len(data), at+20)], flip, p.Digest)
			}
		}
	}
}

func TestEveryTruncatedPlanIsRefused(t *testing.T) {
	t.Parallel()
	data := encoded(t, exemplar(t))
	for length := range data {
		if _, err := plan.Decode(data[:length]); err == nil {
			t.Fatalf("the first %d of %d bytes are accepted", length, len(data))
		}
	}
}

func TestAnEditThatKeepsTheMeaningIsRefusedToo(t *testing.T) {
	t.Parallel()
	data := string(encoded(t, exemplar(t)))
	for name, edited := range map[string]string{
		"white space at the end":    data + " ",
		"a second document":         data + data,
		"a key in other case":       strings.Replace(data, `"tool"`, `"Tool"`, 1),
		"a key twice":               strings.Replace(data, `"tool":`, `"tool": "x", "tool":`, 1),
		"an escaped letter":         strings.Replace(data, `"staging"`, `"st\u0061ging"`, 1),
		"a key that nobody reads":   strings.Replace(data, `"tool":`, `"note": 1, "tool":`, 1),
		"an unknown key in a field": strings.Replace(data, `"path": "tags"`, `"path": "tags", "note": "x"`, 1),
		"another indent":            strings.Replace(data, "  ", "\t", 1),
	} {
		if edited == data {
			t.Fatalf("%s: the edit changed nothing", name)
		}
		if _, err := plan.Decode([]byte(edited)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestAnEditedPlanSaysBothDigests(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	edited := strings.Replace(string(encoded(t, p)), `"staging"`, `"production"`, 1)
	_, err := plan.Decode([]byte(edited))
	digest := (*plan.DigestError)(nil)
	if !errors.As(err, &digest) {
		t.Fatalf("error %v", err)
	}
	if digest.Stated != p.Digest || digest.Computed == p.Digest || !strings.Contains(err.Error(), digest.Computed) {
		t.Errorf("stated %s, computed %s: %v", digest.Stated, digest.Computed, err)
	}
}

func TestAPlanOfAnotherFormatNamesBoth(t *testing.T) {
	t.Parallel()
	edited := strings.Replace(string(encoded(t, exemplar(t))), `"reconcile.plan/1"`, `"reconcile.plan/2"`, 1)
	_, err := plan.Decode([]byte(edited))
	format := (*plan.FormatError)(nil)
	if !errors.As(err, &format) || format.Have != "reconcile.plan/2" || !strings.Contains(err.Error(), plan.Format) {
		t.Errorf("error %v", err)
	}
}

func TestRefsAndNumbersOfFieldsSurviveTheFile(t *testing.T) {
	t.Parallel()
	p := exemplar(t)
	p.Changes[1].Fields[0].After = p.Changes[1].Steps[0].Params["to"]
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	again, err := plan.Decode(encoded(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, again, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-before +after)\n%s", d)
	}
}

// FuzzDecode holds that whatever is accepted is exactly what Encode writes, and
// that whatever can be a plan can be sealed, written and read back.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format": "reconcile.plan/1"}`))
	f.Add([]byte(`{"format": "reconcile.plan/2"}`))
	f.Add([]byte(`[]`))
	f.Add([]byte("{\"tool\": \"\xff\\u2028\", \"changes\": [{\"fields\": [{\"path\": \"\", \"after\": {\"$ref\": \"a/b/<#d\"}}]}]}"))
	f.Add([]byte(`{"created": "2026-11-02T09:00:00.5+02:00", "findings": [{"reason": "\ud800"}, {"id": "a/b/c"}]}`))
	f.Add(encoded(&testing.T{}, exemplar(&testing.T{})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := plan.Decode(data); err == nil && !bytes.Equal(encoded(t, p), data) {
			t.Errorf("accepted %q, writes %q", data, encoded(t, p))
		}
		p := new(plan.Plan)
		if json.Unmarshal(data, p) != nil {
			return
		}
		p.Format = plan.Format
		if p.Seal(testMoving()) != nil {
			return
		}
		again, err := plan.Decode(encoded(t, p))
		if err != nil {
			t.Fatalf("the tool cannot read its own plan: %v\n%s", err, encoded(t, p))
		}
		if d := cmp.Diff(p, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-before +after)\n%s", d)
		}
	})
}
