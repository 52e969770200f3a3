package main

import (
	"strings"
	"testing"
)

func TestAValidatorNeedsARunningSandbox(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for args, want := range map[string]string{
		"validator start staging validator-0":        "sandbox staging: not up",
		"validator start staging validator-0 --once": "sandbox staging: not up",
		"validator stop staging validator-0":         "validator-0: it is not running",
	} {
		_, stderr, code := sandboxed(t, dir, strings.Fields(args)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, says %q, want %q", args, code, stderr, want)
		}
	}
}

func TestAValidatorStartsAndIsStoppedInASandboxAndEndsWithIt(t *testing.T) {
	t.Parallel()
	w := up(t, repository(t, nil), "staging")
	// A network is named, since no messaging contracts are deployed: it waits for them.
	start := func() *world {
		v := &world{t: t, env: w.env, folder: w.folder}
		v.start([]string{"validator", "start", "staging", "validator-0", "--network", "fuji", "--dir", w.folder})
		return v
	}
	first := start()
	first.waitFor("validator-0 on fuji: the deployment has no mailbox")
	if _, stderr, code := sandboxed(t, "", "validator", "start", "staging", "validator-0", "--dir", w.folder); code != 1 || !strings.Contains(stderr, "running already") {
		t.Errorf("twice: exit %d, says %q", code, stderr)
	}
	w.do("validator", "stop", "staging", "validator-0")
	if code := first.ends(); code != 0 {
		t.Errorf("stopped: exit %d", code)
	}
	second := start()
	w.do("down", "staging")
	if code := second.ends(); code != 0 {
		t.Errorf("the sandbox is down: exit %d\n%s", code, second.said())
	}
}
