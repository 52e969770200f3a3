package plan_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// resealed gives a file that was edited the digest of what it says now, as a tool
// of another version would have written it.
func resealed(t *testing.T, edited string) []byte {
	t.Helper()
	at := strings.Index(edited, `"digest": "sha256:`) + len(`"digest": "`)
	bare := edited[:at] + edited[at+len("sha256:")+64:]
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(bare)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(compact.Bytes())
	return []byte(edited[:at] + "sha256:" + hex.EncodeToString(sum[:]) + edited[at+len("sha256:")+64:])
}

func TestAPlanOfAnotherVersionIsShownAsFarAsItIsUnderstood(t *testing.T) {
	t.Parallel()
	own := string(encoded(t, exemplar(t)))
	for name, c := range map[string]struct {
		old, changed string
		format       string
		lost         []string
	}{
		"an older format":             {`"reconcile.plan/1"`, `"reconcile.plan/0"`, "reconcile.plan/0", nil},
		"one to come":                 {`"reconcile.plan/1"`, `"reconcile.plan/2"`, "reconcile.plan/2", nil},
		"a field more":                {`"tool":`, `"force": true, "tool":`, plan.Format, []string{"force"}},
		"a field less":                {`  "elsewhere": 0,` + "\n", "", plan.Format, nil},
		"a number that became a text": {`"unchanged": `, `"unchanged": "many", "was": `, plan.Format, []string{"summary"}},
		"a field more in a change":    {`"action":`, `"mood": "good", "action":`, plan.Format, []string{"changes[0]"}},
		"another kind of time":        {`"created": "2026`, `"created": "in 2026`, plan.Format, []string{"created"}},
	} {
		edited := strings.Replace(own, c.old, c.changed, 1)
		if edited == own {
			t.Fatalf("%s: the edit changed nothing", name)
		}
		l, err := plan.DecodeLoosely(resealed(t, edited))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Format != c.format || !l.Intact || !slices.Equal(l.Lost, c.lost) {
			t.Errorf("%s: format %q, intact %t, lost %v", name, l.Format, l.Intact, l.Lost)
		}
		if p := l.Plan; p.Environment != "staging" || len(p.Changes) != len(exemplar(t).Changes) || p.Changes[0].ID.IsZero() || len(p.Changes[0].Steps) == 0 {
			t.Errorf("%s: read %+v", name, p)
		}
	}
}

func TestALooseReadingForgivesNoEdit(t *testing.T) {
	t.Parallel()
	own := string(encoded(t, exemplar(t)))
	for name, data := range map[string]string{
		"edited":       strings.Replace(own, `"staging"`, `"production"`, 1),
		"a field more": strings.Replace(own, `"tool":`, `"force": true, "tool":`, 1),
		"cut short":    own[:len(own)-30],
		"twice":        string(resealed(t, strings.Replace(own, `"tool":`, `"tool": "x", "tool":`, 1))),
		"no plan":      `{"format": "tofu/1"}`,
		"a list":       `[]`,
		"nothing":      ``,
	} {
		_, strict := plan.Decode([]byte(data))
		if _, err := plan.DecodeLoosely([]byte(data)); err == nil || err.Error() != strict.Error() {
			t.Errorf("%s: error %v, want %v", name, err, strict)
		}
	}
	l, err := plan.DecodeLoosely([]byte(strings.Replace(own, `"reconcile.plan/1"`, `"reconcile.plan/7"`, 1)))
	if err != nil || l.Intact {
		t.Errorf("of a format whose digest we cannot check: intact %t, %v", l.Intact, err)
	}
	if _, err := plan.DecodeLoosely([]byte(own)); err == nil {
		t.Error("our own plan is read loosely")
	}
}

// FuzzDecodeLoosely holds that nothing that a stranger writes breaks the reader,
// and that a file that Decode takes is never guessed at.
func FuzzDecodeLoosely(f *testing.F) {
	own := string(encoded(&testing.T{}, exemplar(&testing.T{})))
	f.Add([]byte(strings.Replace(own, "plan/1", "plan/2", 1)))
	f.Add([]byte(`{"format": "reconcile.plan/9", "changes": [1, null, {"id": 3, "before": []}], "spend": {}, "resolved": [], "overlay": 7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := plan.DecodeLoosely(data)
		if err != nil {
			return
		}
		if _, strict := plan.Decode(data); strict == nil {
			t.Fatal("guessed at a plan that reads")
		}
		if l.Plan == nil || l.Plan.Changes == nil || fmt.Sprint(l.Lost) == "" {
			t.Fatalf("%+v", l)
		}
	})
}
