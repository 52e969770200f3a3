package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

// scriptVerbs are the words that scripts have beside testscript's own.
func scriptVerbs() map[string]func(*world, bool, []string) {
	return map[string]func(*world, bool, []string){
		// The stage.
		"repository": (*world).repository,
		"commit":     (*world).commit,
		"sandbox":    (*world).up,
		// What was run, and how it ended.
		"exits":     (*world).exits,
		"exited":    (*world).exited,
		"converged": (*world).converged,
		"terminal":  (*world).terminal,
		// Files.
		"edit":     (*world).edit,
		"pin":      (*world).pin,
		"likeness": (*world).likeness,
		"locked":   (*world).locked,
		"json":     (*world).json,
		"reseal":   (*world).reseal,
		"stamp":    (*world).stamp,
		// The wires: what goes wrong between reconcile and the world.
		"break": (*world).breaks,
		"heal":  (*world).heals,
		"lead":  (*world).leads,
		"held":  (*world).awaits,
		"letgo": (*world).letsGo,
		// Somebody acts behind our back.
		"retag":    (*world).retag,
		"disable":  (*world).disable,
		"burn":     (*world).burn,
		"retarget": (*world).retarget,
		"stranger": (*world).stranger,
		"lease":    (*world).lease,
		"tamper":   (*world).tamper,
		// Contracts: validators, messages, and a Safe's owners.
		"attest":   (*world).attest,
		"dispatch": (*world).dispatch,
		"accepted": (*world).accepted,
		"cosign":   (*world).cosign,
		"nomad":    (*world).nomad,
		// Many wallets, and what reading them costs.
		"crowd": (*world).crowd,
		"asked": (*world).asked,
		// What was there before us, and what is nobody's.
		"runbook":   (*world).runbook,
		"strangers": (*world).strangers,
		// A person with administrator rights.
		"administrator": (*world).administrator,
		"keep":          (*world).keep,
		// What there really is, past reconcile.
		"keys":       (*world).keys,
		"paid":       (*world).paid,
		"holds":      (*world).holds,
		"quiet":      (*world).quiet,
		"lives":      (*world).lives,
		"accesskeys": (*world).accessKeys,
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// exits runs a program and demands its exit code: exits CODE PROGRAM ARGS...
func (w *world) exits(_ bool, args []string) {
	if len(args) < 2 {
		w.ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	w.ts.Check(err)
	if have := w.run(args[1], args[2:]...); have != want {
		w.ts.Fatalf("exit %d, want %d", have, want)
	}
}

// exited demands the exit code of the program that ran in the background and
// was waited for.
func (w *world) exited(_ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	w.ts.Check(err)
	if w.background == nil || w.background.ProcessState == nil {
		w.ts.Fatalf("nothing was waited for")
	}
	w.said.WriteString(w.ts.ReadFile("stdout") + w.ts.ReadFile("stderr"))
	if have := w.background.ProcessState.ExitCode(); have != want {
		w.ts.Fatalf("exit %d, want %d", have, want)
	}
}

// converged demands that the second plan is empty: converged ENV. What is only
// noted does not go away by itself; what asks to be acknowledged is not in order.
func (w *world) converged(_ bool, args []string) {
	if code := w.run("reconcile", "plan", args[0], "--exit-code"); code != 0 {
		w.ts.Fatalf("exit %d: the second plan is not empty", code)
	}
	said := w.ts.ReadFile("stdout")
	noted := strings.Contains(said, args[0]+": nothing to do, ") && !strings.Contains(said, " acknowledge ")
	if !strings.Contains(said, args[0]+": in sync") && !noted {
		w.ts.Fatalf("in sync, but does not say so")
	}
}

// edit replaces the one occurrence of a text: edit FILE OLD NEW. \n stands for
// a line's end.
func (w *world) edit(_ bool, args []string) {
	if len(args) != 3 {
		w.ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := w.ts.ReadFile(args[0])
	plain := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	before, after := plain.Replace(args[1]), plain.Replace(args[2])
	if n := strings.Count(text, before); n != 1 {
		w.ts.Fatalf("%s: %q stands there %d times, need 1", args[0], before, n)
	}
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[0]), []byte(strings.Replace(text, before, after, 1)), 0o600))
}

// breaks makes calls go wrong: break WHERE OPERATION HOW [N]. WHERE is aws or a
// network; with N only the N-th call from now on does.
func (w *world) breaks(_ bool, args []string) {
	if len(args) < 3 || len(args) > 4 {
		w.ts.Fatalf("usage: break WHERE OPERATION HOW [N]")
	}
	known := false
	for _, how := range hows {
		known = known || how == args[2]
	}
	if !known {
		w.ts.Fatalf("break: %q is none of %v", args[2], hows)
	}
	f := &fault{operation: args[1], how: args[2]}
	if len(args) == 4 {
		n, err := strconv.Atoi(args[3])
		w.ts.Check(err)
		f.only = n
	}
	w.at(args[0]).fail(f)
}

func (w *world) at(where string) *wire {
	wire, ok := w.wires[where]
	if !ok {
		w.ts.Fatalf("no wire to %q", where)
	}
	return wire
}

func (w *world) heals(_ bool, args []string)  { w.at(args[0]).heal() }
func (w *world) leads(_ bool, args []string)  { w.at(args[0]).lead(w.at(args[1])) }
func (w *world) awaits(_ bool, args []string) { w.ts.Check(w.at(args[0]).awaitHeld()) }
func (w *world) letsGo(_ bool, args []string) { w.at(args[0]).letGo() }

// somebody visits the sandbox past the wires.
func (w *world) somebody() *sandbox.Somebody {
	visitor, err := sandbox.Visit(w.ctx(), w.folder(), w.name)
	w.ts.Check(err)
	return visitor
}

// retag writes a tag on a key: retag KEY TAG=VALUE.
func (w *world) retag(_ bool, args []string) {
	w.ts.Check(w.somebody().Retag(w.ctx(), args[0], args[1]))
}

// disable disables a KMS key: disable KEY.
func (w *world) disable(_ bool, args []string) {
	w.ts.Check(w.somebody().DisableKey(w.ctx(), args[0]))
}

// burn spends from wallets: burn NETWORK KEY AMOUNT, in whole coins or percent.
func (w *world) burn(_ bool, args []string) {
	lines, err := w.somebody().Burn(w.ctx(), args[0], args[1:2], args[2])
	w.ts.Check(err)
	for _, line := range lines {
		w.ts.Logf("%s\n", line)
	}
}

func (w *world) quiet(_ bool, _ []string) { w.ts.Check(w.secretsAreQuiet()) }

func (w *world) is(what string, have, want any) {
	if fmt.Sprint(have) != fmt.Sprint(want) {
		w.ts.Fatalf("%s: have %v, want %v", what, have, want)
	}
}
