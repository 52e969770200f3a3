package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// base is the environment that is right; the cases of testdata/refused edit it.
func base(t testing.TB) map[string]string {
	t.Helper()
	return unpack(t, filepath.Join("testdata", "base.txtar"))
}

func unpack(t testing.TB, path string) map[string]string {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	return files
}

// write makes a folder with these files and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// edit applies the lines "file | old | new" of a case: every occurrence of old,
// of which there must be one. \n and \t stand for themselves.
func edit(t testing.TB, files map[string]string, edits string) {
	t.Helper()
	plain := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	for line := range strings.Lines(edits) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(parts) != 3 {
			t.Fatalf("edit %q: want file | old | new", line)
		}
		name, before, after := "environments/staging/"+parts[0], plain.Replace(parts[1]), plain.Replace(parts[2])
		if !strings.Contains(files[name], before) {
			t.Fatalf("edit %q: %s does not hold %q", line, name, before)
		}
		files[name] = strings.ReplaceAll(files[name], before, after)
	}
}

func TestWhatIsRightLoads(t *testing.T) {
	t.Parallel()
	if _, _, err := config.Load(config.Options{Root: write(t, base(t)), Name: "staging"}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrongIsRefusedInSentences(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob(filepath.Join("testdata", "refused", "*.txtar"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			files := base(t)
			given := unpack(t, path)
			for name, data := range given {
				if strings.HasPrefix(name, "environments/") {
					files[name] = data
				}
			}
			edit(t, files, given["edit"])
			_, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
			if err == nil {
				t.Fatal("loads, want errors")
			}
			var all config.Errors
			if !errors.As(err, &all) {
				t.Fatalf("%T is not config.Errors: %v", err, err)
			}
			sorted(t, all)
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("prints a secret:\n%v", err)
			}
			got := err.Error() + "\n"
			if os.Getenv("UPDATE") != "" {
				rewrite(t, path, got)
				return
			}
			if diff := cmp.Diff(given["want"], got); diff != "" {
				t.Errorf("errors differ (-want +got), UPDATE=1 rewrites:\n%s", diff)
			}
		})
	}
}

// sorted demands that each error has a place in the user's files, in order.
func sorted(t *testing.T, all config.Errors) {
	t.Helper()
	if !slices.IsSortedFunc(all, func(a, b *config.Error) int {
		if c := strings.Compare(a.Pos.File, b.Pos.File); c != 0 {
			return c
		}
		return a.Pos.Line - b.Pos.Line
	}) {
		t.Errorf("errors are not sorted by file and line:\n%v", all)
	}
	for _, e := range all {
		if !strings.HasPrefix(e.Pos.File, "environments/") {
			t.Errorf("%q has no place in the environment's files", e)
		}
	}
}

func rewrite(t *testing.T, path, want string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			archive.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(path, txtar.Format(archive), fs.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
}
