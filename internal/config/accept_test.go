package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// rewriting makes edits of one file and gives what it would be, or why not.
func rewriting(t *testing.T, text string, edits ...config.Edit) string {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "environments", "x")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "a.cue")
	if err := os.WriteFile(file, []byte("package x\n\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := config.Rewritten(config.Options{Root: root, Name: "x"}, edits)
	if err != nil {
		return "error: " + err.Error()
	}
	if now, err := os.ReadFile(file); err != nil || string(now) != "package x\n\n"+text {
		t.Errorf("the file was written: %v", err)
	}
	if len(changed) == 0 {
		return "unchanged"
	}
	if changed[0].Path != "environments/x/a.cue" || string(changed[0].Before) != "package x\n\n"+text {
		t.Errorf("%+v", changed[0])
	}
	return strings.TrimPrefix(string(changed[0].After), "package x\n\n")
}

func TestAnEditChangesOneLiteralAndNothingAroundIt(t *testing.T) {
	t.Parallel()
	list := func(elements ...any) any { return elements }
	keep := func(i int) any { return config.Keep{Index: i} }
	at := func(path string) []string { return strings.Split(path, ".") }
	for name, c := range map[string]struct {
		text string
		edit config.Edit
		want string
	}{
		"a number":                    {"a: b: {\n\tc: 2 // two\n\td: 3\n}\n", config.Edit{Path: at("a.b.c"), Value: uint64(5)}, "a: b: {\n\tc: 5 // two\n\td: 3\n}\n"},
		"a number that came as text":  {"a: b: 2\n", config.Edit{Path: at("a.b"), Value: "77"}, "a: b: 77\n"},
		"true that came as text":      {"a: b: true\n", config.Edit{Path: at("a.b"), Value: "false"}, "a: b: false\n"},
		"a text that looks like one":  {"a: b: \"2\"\n", config.Edit{Path: at("a.b"), Value: "77"}, "a: b: \"77\"\n"},
		"a text with a quote":         {"a: b: \"x\"\n", config.Edit{Path: at("a.b"), Value: "\"\\(a)\n"}, "a: b: \"\\\"\\\\(a)\\n\"\n"},
		"a reference by its address":  {"a: b: {key: \"x\"} // who\n", config.Edit{Path: at("a.b"), Value: "0xAb"}, "a: b: \"0xAb\" // who\n"},
		"a name in quotes":            {"\"a-b\": \"c.d\": 1\n", config.Edit{Path: []string{"a-b", "c.d"}, Value: 2}, "\"a-b\": \"c.d\": 2\n"},
		"elements go, and one comes":  {"a: [{b: 1}, {b: 2}, {b: 3}]\n", config.Edit{Path: at("a"), Value: list(keep(0), keep(2), map[string]any{"b": 4, "c-d": "x"})}, "a: [{b: 1}, {b: 3}, {b: 4, \"c-d\": \"x\"}]\n"},
		"texts that stay are as were": {"a: [\n\t\"x\", // one\n\t\"y\",\n]\n", config.Edit{Path: at("a"), Value: list("x", "z")}, "a: [\n\t\"x\", // one\n\t\"z\",\n]\n"},
		"an empty list":               {"a: []\n", config.Edit{Path: at("a"), Value: list("x")}, "a: [\"x\"]\n"},
		"nothing is left":             {"a: [\"x\"]\n", config.Edit{Path: at("a"), Value: list()}, "a: []\n"},
		"the same again":              {"a: b: 2\n", config.Edit{Path: at("a.b"), Value: 2}, "unchanged"},
		"the same, badly laid out":    {"a:   b:   2\n", config.Edit{Path: at("a.b"), Value: 2}, "unchanged"},
		"stated nowhere":              {"a: c: 2\n", config.Edit{Path: at("a.b"), Value: 2}, "error: a.b: stands in no file of the environment by itself: it is a default, or made of something else"},
		"stated twice":                {"a: b: 2\na: b: 2\n", config.Edit{Path: at("a.b"), Value: 3}, "error: environments/x/a.cue:3: a.b: is stated at environments/x/a.cue:4 too"},
		"reckoned":                    {"n: 1\na: b: n + 1\n", config.Edit{Path: at("a.b"), Value: 3}, "error: environments/x/a.cue:4: a.b: is reckoned there, and no value that is written out"},
		"a reckoned list":             {"a: b: [for x in [1] {x}]\n", config.Edit{Path: at("a.b"), Value: list(1)}, "error: environments/x/a.cue:3: a.b: is reckoned there, and no list that is written out"},
		"an open list":                {"a: b: [1, ...]\n", config.Edit{Path: at("a.b"), Value: list(1)}, "error: environments/x/a.cue:3: a.b: is an open list: somebody else writes into it too"},
		"an element that is not":      {"a: b: [1]\n", config.Edit{Path: at("a.b"), Value: list(keep(1))}, "error: environments/x/a.cue:3: a.b: has 1 elements written out, element 1 stays"},
	} {
		if have := rewriting(t, c.text, c.edit); have != c.want {
			t.Errorf("%s: have\n%s\nwant\n%s", name, have, c.want)
		}
	}
}
