package plan_test

import (
	"bytes"
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

// FuzzDecode holds that whatever is accepted is exactly what Encode writes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format": "reconcile.plan/1"}`))
	f.Add([]byte(`{"format": "reconcile.plan/2"}`))
	f.Add([]byte(`[]`))
	t := &testing.T{}
	f.Add(encoded(t, exemplar(t)))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Decode(data)
		if err != nil {
			return
		}
		if again := encoded(t, p); !bytes.Equal(again, data) {
			t.Errorf("accepted %q, writes %q", data, again)
		}
		digest := p.Digest
		if err := p.Seal(nil); err == nil && p.Digest == "" || digest == "" {
			t.Error("accepted without a digest")
		}
	})
}
