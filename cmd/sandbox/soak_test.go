//go:build soak

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestSoakAnEnvironmentOf150NetworksComesUpInThreeGigabytes(t *testing.T) {
	root := repository(t, generated(150))
	w := up(t, root, "wide")
	env := w.load(root)
	requireChains(t, env)
	w.requireBanks(env)
	t.Log(strings.TrimSpace(w.said()))
	if kilobytes := residentPeak(t, w.cmd.Process.Pid); kilobytes > 3<<20 {
		t.Errorf("the sandbox took %d kB, may take %d", kilobytes, 3<<20)
	} else {
		t.Logf("150 chains in %d MB", kilobytes>>10)
	}
	w.requireGoesDown(env, syscall.SIGINT)
}

func TestSoakASandboxIsStartedAndKilledOverAndOver(t *testing.T) {
	root := repository(t, nil)
	w := up(t, root, "staging")
	for range 20 {
		env := w.load(root)
		bank := w.bank(env)
		w.signal(syscall.SIGKILL)
		w.ends()
		w.requireSilence(env, bank)
		w.start([]string{"up", "staging", "-C", root, "--dir", w.folder})
	}
	w.requireGoesDown(w.load(root), syscall.SIGTERM)
}

// residentPeak is the most memory a process ever held, in kB (proc(5), VmHWM).
func residentPeak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kilobytes int
			if _, err := fmt.Sscan(value, &kilobytes); err != nil {
				t.Fatal(err)
			}
			return kilobytes
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
