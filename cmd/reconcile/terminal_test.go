package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// terminal runs a program on a terminal and demands its exit code; what the
// terminal got is in the file "terminal": terminal CODE PROGRAM ARGS...
func (w *world) terminal(_ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	w.ts.Check(err)
	path, err := exec.LookPath(args[1])
	w.ts.Check(err)
	command := exec.Command(path, args[2:]...)
	command.Dir = w.ts.MkAbs(".")
	for _, name := range []string{
		"PATH", "HOME", "TMPDIR", "TERM", "NO_COLOR", "CI", "RECONCILE_OVERLAY", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED",
	} {
		if value := w.ts.Getenv(name); value != "" {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	said, err := onTerminal(command)
	w.said.Write(said)
	w.ts.Logf("%s", said)
	w.ts.Check(os.WriteFile(w.ts.MkAbs("terminal"), said, 0o600))
	if have := exitCode(err); have != want {
		w.ts.Fatalf("exit %d, want %d", have, want)
	}
}

// The requests of ioctl_tty(2) that open the other end of a pseudoterminal.
const (
	unlockPTY = 0x40045431 // TIOCSPTLCK
	numberPTY = 0x80045430 // TIOCGPTN
)

// onTerminal runs a command whose output goes to a pseudoterminal (pty(7)).
func onTerminal(command *exec.Cmd) ([]byte, error) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	var number, unlocked uint32
	for _, ask := range []struct {
		request uintptr
		value   *uint32
	}{{unlockPTY, &unlocked}, {numberPTY, &number}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), ask.request, uintptr(unsafe.Pointer(ask.value))); errno != 0 {
			return nil, fmt.Errorf("pseudoterminal: %w", errno)
		}
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	command.Stdout, command.Stderr = theirs, theirs
	if err := command.Start(); err != nil {
		theirs.Close()
		return nil, err
	}
	theirs.Close()
	var said bytes.Buffer
	// Reading ends with an error once nobody has the other end open.
	_, _ = io.Copy(&said, ours)
	err = command.Wait()
	return []byte(strings.ReplaceAll(said.String(), "\r\n", "\n")), err
}
