package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/policy"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func planFile(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rules(text string) []policy.File {
	return []policy.File{{Path: "policy/rules.cue", Data: []byte(text)}}
}

func TestRulesSayWhatTheySay(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var files []policy.File
			for _, f := range archive.Files[:len(archive.Files)-1] {
				files = append(files, policy.File{Path: f.Name, Data: f.Data})
			}
			want := &archive.Files[len(archive.Files)-1]
			got := say(t, files)
			slices.Reverse(files)
			if again := say(t, files); again != got {
				t.Errorf("the order of files matters:\n%s\n%s", got, again)
			}
			if os.Getenv("UPDATE") != "" {
				want.Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), fs.FileMode(0o644)); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("findings differ (-want +got), UPDATE=1 rewrites:\n%s", diff)
			}
		})
	}
}

// say prints what compiling tells, or else what the rules find, here and elsewhere.
func say(t *testing.T, files []policy.File) string {
	t.Helper()
	if err := policy.Compile(files, nil); err != nil {
		found, again := policy.Check(files, planFile(t), nil)
		if again != nil || len(found) != 1 || found[0].Rule != policy.RuleUnreadable || found[0].Severity != resource.Refuse {
			t.Errorf("rules that cannot be read find %v, %v", found, again)
		}
		return err.Error() + "\n"
	}
	outcomes, err := policy.Judge(files, planFile(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	apart, err := policy.Judge(files, planFile(t), policy.Answer)
	if diff := cmp.Diff(outcomes, apart); err != nil || diff != "" {
		t.Errorf("elsewhere the rules say something else: %v (-here +elsewhere)\n%s", err, diff)
	}
	var b strings.Builder
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%s: %s, %d selected\n", o.Source, o.Name, o.Selected)
	}
	found, err := policy.Check(files, planFile(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !policy.Own(f.Rule) {
			t.Errorf("%s is not a rule of policies", f.Rule)
		}
		id := ""
		if !f.ID.IsZero() {
			id = " " + f.ID.String()
		}
		fmt.Fprintf(&b, "%s %s%s: %s\n  hint: %s\n", f.Severity, f.Rule, id, f.Reason, f.Hint)
	}
	return b.String()
}

func TestWithoutRulesNothingIsFound(t *testing.T) {
	t.Parallel()
	for _, files := range [][]policy.File{nil, rules(""), rules("rules: {}"), rules("_limit: 3")} {
		if found, err := policy.Check(files, planFile(t), nil); err != nil || len(found) != 0 {
			t.Errorf("%v: %v, %v", files, found, err)
		}
	}
}

func TestWhatIsNoPlanIsAnError(t *testing.T) {
	t.Parallel()
	one := rules(`rules: one: {message: "x", must: _}`)
	for _, plan := range []string{"x", "[]", `{"changes": [{"id": "x"}]}`, `{"changes": [1]}`, `{"facts": ` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}"} {
		if found, err := policy.Check(one, []byte(plan), nil); err == nil {
			t.Errorf("%.40s: %v, want an error", plan, found)
		}
	}
	if _, err := policy.Check(one, []byte("{}"), func([]byte) ([]byte, error) { return nil, errors.New("killed") }); err == nil {
		t.Error("what was not evaluated elsewhere passes")
	}
	if _, err := policy.Answer([]byte(`{"policies": [], "more": 1}`)); err == nil {
		t.Error("a request of unknown fields is answered")
	}
}
