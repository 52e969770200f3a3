package main

import (
	"maps"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run reconcile as a program of its own: a copy of the
// test binary that calls run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"reconcile": func() { os.Exit(run()) },
		"measured":  func() { os.Exit(measured()) },
	})
}

// TestScripts runs testdata/script, whose names say what they show.
func TestScripts(t *testing.T) {
	verbs := map[string]func(*testscript.TestScript, bool, []string){}
	words := scriptVerbs()
	maps.Copy(words, guardVerbs())
	maps.Copy(words, safeVerbs())
	maps.Copy(words, signingVerbs())
	maps.Copy(words, hubVerbs())
	for name, verb := range words {
		verbs[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			w := ts.Value(worldKey{}).(*world)
			w.ts = ts
			if running := ts.BackgroundCmds(); len(running) > 0 {
				w.background = running[0]
			}
			verb(w, neg, args)
		}
	}
	lent := newEmulators()
	t.Cleanup(lent.close)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               func(e *testscript.Env) error { return newWorld(e, lent) },
		Cmds:                verbs,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
	})
}
