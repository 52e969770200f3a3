package plan_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// written is a resource as the golden files spell it.
type written struct {
	ID      resource.ID       `json:"id"`
	Attrs   resource.Attrs    `json:"attrs"`
	Outputs resource.Outputs  `json:"outputs"`
	Group   string            `json:"group"`
	Mode    resource.Mode     `json:"mode"`
	Why     []resource.Source `json:"why"`
}

// golden is one case: what is declared, what was declared, and what was read.
type golden struct {
	desired  []written
	previous *[]written
	observed struct {
		Owned   []written         `json:"owned"`
		Foreign []written         `json:"foreign"`
		Facts   []resource.Fact   `json:"facts"`
		Unread  []resource.Unread `json:"unread"`
	}
}

func (g golden) input(t *testing.T) plan.Input {
	t.Helper()
	in := plan.Input{
		Desired: set(t, g.desired), Owned: set(t, g.observed.Owned), Foreign: set(t, g.observed.Foreign),
		Facts: g.observed.Facts, Unread: g.observed.Unread, Rules: testRules(),
	}
	if g.previous != nil {
		in.Previous = set(t, *g.previous)
		in.Made = in.Previous
	}
	return in
}

func set(t *testing.T, list []written) resource.Set {
	t.Helper()
	var all []resource.Resource
	for _, r := range list {
		all = append(all, resource.Resource{ID: r.ID, Attrs: r.Attrs, Outputs: r.Outputs, Group: r.Group, Mode: r.Mode, Why: r.Why})
	}
	made, err := resource.NewSet(all...)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func readGolden(t *testing.T, archive *txtar.Archive) golden {
	t.Helper()
	var g golden
	for _, f := range archive.Files {
		var into any
		switch f.Name {
		case "desired.json":
			into = &g.desired
		case "previous.json":
			into = &g.previous
		case "observed.json":
			into = &g.observed
		case "plan.json":
			continue
		default:
			t.Fatalf("unknown part %s", f.Name)
		}
		dec := json.NewDecoder(bytes.NewReader(f.Data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	return g
}

// TestGolden makes the plan of every testdata/*.txtar. The name of a file is a
// sentence that its plan must bear out; UPDATE=1 writes the plans anew, and the
// difference is then read by a person.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d golden cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := readGolden(t, archive).input(t)
			got := encoded(t, sealed(t, in, diff(t, in)))
			if _, err := plan.Decode(got); err != nil {
				t.Errorf("the plan cannot be read back: %v", err)
			}
			last := len(archive.Files) - 1
			if os.Getenv("UPDATE") != "" {
				if archive.Files[last].Name != "plan.json" {
					archive.Files, last = append(archive.Files, txtar.File{Name: "plan.json"}), last+1
				}
				archive.Files[last].Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if archive.Files[last].Name != "plan.json" {
				t.Fatal("the case has no plan.json; UPDATE=1 writes it")
			}
			if d := cmp.Diff(string(archive.Files[last].Data), string(got)); d != "" {
				t.Errorf("the plan is another (-golden +now):\n%s", d)
			}
		})
	}
}
