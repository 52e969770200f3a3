package plan

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// wholly is what encoding/json writes at once.
func wholly(t *testing.T, v any, indented bool) string {
	t.Helper()
	var whole bytes.Buffer
	enc := json.NewEncoder(&whole)
	enc.SetEscapeHTML(false)
	if indented {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(whole.Bytes(), []byte("\n")))
}

func TestInPartsAPlanIsTheSameBytes(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "key", Scope: "us-west-2", Name: "<relayer> & co"}
	full := Plan{
		Format: Format, Only: []string{"key/**"}, Overlay: &Overlay{Name: "o.json"}, Resolved: map[string]string{"b": "\xff", "a": "1"},
		Changes: []Change{
			{ID: id, Before: &State{Attrs: resource.Attrs{"tags": map[string]any{}, "list": []any{}}}, Steps: []resource.Step{{Op: "make", ID: id}}},
			{ID: id, Fields: []FieldChange{{Path: "x", After: resource.Ref{ID: id, Output: "address"}}, {Path: "y", Before: []any{"1", map[string]any{"z": nil}}}}},
		},
		Facts: []resource.Fact{{ID: id, Name: "say", Value: "<&>\u2028\"\xfe"}}, Unread: []resource.Unread{},
	}
	for name, p := range map[string]Plan{"with something in its parts": full, "with nothing in it": {}} {
		for _, indented := range []bool{false, true} {
			var parts bytes.Buffer
			if err := writeJSON(&parts, &p, indented); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wholly(t, p, indented), parts.String()); diff != "" {
				t.Errorf("%s, indented %t (-whole +parts):\n%s", name, indented, diff)
			}
		}
	}
}

func TestInPartsIsRefusedWhatCouldBeWrittenOtherwise(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"no struct": []string{"a"},
		"unknown option": struct {
			N int `json:"n,string"`
		}{1},
		"omitted scalars": struct {
			N int `json:"n,omitempty"`
		}{0},
	} {
		if err := writeJSON(&bytes.Buffer{}, v, false); err == nil {
			t.Errorf("%s: was written", name)
		}
	}
}
