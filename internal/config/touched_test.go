package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func TestAChangeTouchesTheEnvironmentsThatAreMadeOfItsFiles(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/other/environment.cue"] = "package other\n"
	h := newHistory(t, files)
	first := h.commit("a@x", "a@x", "first")
	touched := func() []config.Touch {
		t.Helper()
		list, err := config.Touched(config.Options{Root: h.root}, first)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, step := range []struct {
		name, path, data string
		want             []config.Touch
	}{
		{"a note beside them", "environments/other/README.md", "words", nil},
		{"a file of another folder", "charts/values.cue", "package values\n", nil},
		{"a file of one of them, not committed yet", "environments/other/networks.cue", "package other\n", []config.Touch{{Name: "other"}}},
		{"its pins", "environments/other/addresses.json", "{}", []config.Touch{{Name: "other"}}},
		{"who may sign for it", "environments/other/approvers", "# nobody\n", []config.Touch{{Name: "other"}}},
		{"what all of them share", "environments/people.cue", "package environments\npeople: {}\n", []config.Touch{{Name: "other"}, {Name: "staging"}}},
		{"a rule of all of them", "policy/rules.cue", "package policy\n", []config.Touch{{Name: "other"}, {Name: "staging"}}},
	} {
		h.write(step.path, step.data)
		if diff := cmp.Diff(step.want, touched()); diff != "" {
			t.Errorf("%s (-want +touched):\n%s", step.name, diff)
		}
	}
	h.commit("a@x", "a@x", "all of it")
	if diff := cmp.Diff([]config.Touch{{Name: "other"}, {Name: "staging"}}, touched()); diff != "" {
		t.Errorf("committed (-want +touched):\n%s", diff)
	}
	last, err := config.Touched(config.Options{Root: h.root, Rev: first}, "HEAD")
	if err != nil || len(last) != 0 {
		t.Errorf("a revision that its base holds touches %v, %v", last, err)
	}
}

func TestTouchedNeedsACommonHistory(t *testing.T) {
	t.Parallel()
	h := newHistory(t, base(t))
	h.commit("a@x", "a@x", "first")
	if _, err := config.Touched(config.Options{Root: h.root}, "nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("an unknown base says %v", err)
	}
	if _, err := config.Touched(config.Options{Root: write(t, base(t))}, "HEAD"); err == nil {
		t.Error("outside of a repository nothing can be compared")
	}
}
