//go:build linux || darwin

package main

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitProcess bounds this process for good: seconds of processor time, bytes of
// memory that is really used (where the system counts that) and of addresses. It
// writes no file and opens few.
func limitProcess(seconds, memory, addresses uint64) error {
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_CPU, seconds}, {unix.RLIMIT_DATA, memory}, {unix.RLIMIT_AS, addresses},
		{unix.RLIMIT_FSIZE, 0}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, 32},
	} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return err
		}
	}
	return nil
}

// outOfTime reports a process that the system ended for its processor time.
func outOfTime(err error) bool {
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		return false
	}
	status, ok := ended.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && (status.Signal() == syscall.SIGXCPU || status.Signal() == syscall.SIGKILL)
}
