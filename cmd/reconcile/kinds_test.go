package main

import (
	"path/filepath"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kinds"
)

func TestEveryKindIsShownByAScriptOfItsOwn(t *testing.T) {
	t.Parallel()
	traits := kinds.Traits()
	if len(traits) == 0 {
		t.Fatal("no kind is registered")
	}
	for name := range traits {
		scripts, err := filepath.Glob(filepath.Join("testdata", "script", "plan_"+name+"*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if len(scripts) == 0 {
			t.Errorf("kind %s has no script plan_%s*.txtar", name, name)
		}
	}
}
