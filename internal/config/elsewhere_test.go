package config_test

import (
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// everywhere lists the environments of this repository and of its examples.
func everywhere(t *testing.T) []config.Options {
	t.Helper()
	var all []config.Options
	for _, root := range []string{"../..", "../../examples/nomad"} {
		names, err := config.Environments(config.Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			all = append(all, config.Options{Root: root, Name: name})
		}
	}
	if len(all) < 4 {
		t.Fatalf("found %d environments, expected more", len(all))
	}
	return all
}

func TestAnEnvironmentIsTheSameWhoeverEvaluatesIt(t *testing.T) {
	t.Parallel()
	for _, o := range everywhere(t) {
		here, hereRevision, err := config.Load(o)
		if err != nil {
			t.Fatalf("%s: %s", o.Name, err)
		}
		o.Evaluate = config.Evaluate
		there, thereRevision, err := config.Load(o)
		if err != nil {
			t.Fatalf("%s: %s", o.Name, err)
		}
		if diff := cmp.Diff(here, there, cmp.Comparer(func(a, b *big.Int) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 })); diff != "" {
			t.Errorf("%s (-here +there):\n%s", o.Name, diff)
		}
		if hereRevision != thereRevision {
			t.Errorf("%s: revision %+v here, %+v there", o.Name, hereRevision, thereRevision)
		}
	}
}

func TestFaultsAreTheSameWhoeverEvaluates(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"environments/a/environment.cue": "package a\nname: 5\n",
		"environments/b/environment.cue": "package b\nname: \"b\"\nmirrors: {environment: \"a\", networks: {}}\n",
	})
	if err := os.Symlink("environment.cue", filepath.Join(root, "environments/a/link.cue")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		_, _, here := config.Load(config.Options{Root: root, Name: name})
		_, _, there := config.Load(config.Options{Root: root, Name: name, Evaluate: config.Evaluate})
		var faults config.Errors
		if !errors.As(here, &faults) || !errors.As(there, &faults) {
			t.Fatalf("%s: %v and %v are not faults of files", name, here, there)
		}
		if here.Error() != there.Error() {
			t.Errorf("%s: here\n%s\nthere\n%s", name, here, there)
		}
	}
}

func TestWhatTheOtherProcessAnswersIsNotBelievedBlindly(t *testing.T) {
	t.Parallel()
	for _, said := range []string{"", "{}", "null", `{"environment":null}`, `{"error":"gone"}`} {
		_, _, err := config.Load(config.Options{Root: "../..", Name: "staging", Evaluate: func([]byte) ([]byte, error) { return []byte(said), nil }})
		if err == nil {
			t.Errorf("%q was taken for an environment", said)
		}
	}
	_, _, err := config.Load(config.Options{Root: "../..", Name: "staging", Evaluate: func([]byte) ([]byte, error) { return nil, errors.New("killed") }})
	if err == nil || err.Error() != "environments/staging: evaluate: killed" {
		t.Errorf("a killed child says %v", err)
	}
}

// A name that an archive would read as another path must not carry a file from one
// environment into another, which its digest and its reviewers know nothing of.
func TestAFileCannotBeNamedIntoAnotherEnvironment(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/other/environment.cue"] = "package other\n"
	files[`environments/other/x\..\..\staging\more.cue`] = "package staging\npurpose: \"taken over\"\n"
	root := write(t, files)
	for _, evaluate := range []func([]byte) ([]byte, error){nil, config.Evaluate} {
		env, _, err := config.Load(config.Options{Root: root, Name: "staging", Evaluate: evaluate})
		if err != nil {
			t.Errorf("what lies beside it keeps it from being loaded: %s", err)
		} else if env.Purpose == "taken over" {
			t.Error("a file of another folder is part of the environment")
		}
		_, _, err = config.Load(config.Options{Root: root, Name: "other", Evaluate: evaluate})
		if err == nil || !strings.Contains(err.Error(), "backslash") {
			t.Errorf("the folder that holds it says %v", err)
		}
	}
}
