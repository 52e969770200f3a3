package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func TestEveryKindIsShownByAScriptOfItsOwn(t *testing.T) {
	t.Parallel()
	kinds := knownTraits()
	if len(kinds) == 0 {
		t.Fatal("no kind is registered")
	}
	for name := range kinds {
		scripts, err := filepath.Glob(filepath.Join("testdata", "script", "plan_"+name+"*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if len(scripts) == 0 {
			t.Errorf("kind %s has no script plan_%s*.txtar", name, name)
		}
	}
}

func TestWhatShowKnowsOfTheKindsIsWhatPlanUses(t *testing.T) {
	t.Parallel()
	a := &app{now: time.Now}
	s := &session{app: a, env: &config.Environment{}, chains: &chains{app: a}}
	known := knownTraits()
	kinds, err := newKinds(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if _, ok := known[k.Name]; !ok {
			t.Errorf("show does not know the kind %s", k.Name)
		}
		delete(known, k.Name)
	}
	for name := range known {
		t.Errorf("show knows a kind %s that plan does not have", name)
	}
}
