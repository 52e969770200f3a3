package main

import (
	"errors"
	"os"
	"os/user"
	"strings"
	"syscall"

	"github.com/crosschain-ops/reconcile/internal/journal"
)

// owner names who applies, for the lease and the journal.
func (a *app) owner() (name, host string) {
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, _ = os.Hostname()
	return name, host
}

// machine identifies this boot of this machine and the namespace that our
// process id is of (Linux); elsewhere it is empty, and nothing is concluded.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// dead proves that a holder's process has ended: it was of this very boot and
// namespace, and no process has its number. A number that was given to another
// process proves nothing, and costs the wait.
func dead(o journal.Owner) bool {
	here := machine()
	return here != "" && o.Machine == here && o.PID > 0 && o.PID != os.Getpid() && errors.Is(syscall.Kill(o.PID, 0), syscall.ESRCH)
}
