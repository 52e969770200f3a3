package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// administrator runs a program as a person with administrator rights would, with
// the AWS CLI at hand: administrator CODE PROGRAM ARGS... Only that program is
// pointed at the emulator by its environment, which reconcile refuses.
func (w *world) administrator(_ bool, args []string) {
	if len(args) < 2 || w.moto == nil {
		w.ts.Fatalf("usage: administrator CODE PROGRAM ARGS..., in a sandbox")
	}
	want, err := strconv.Atoi(args[0])
	w.ts.Check(err)
	tools, err := filepath.Abs(filepath.Join(checkout, ".cache", "venv", "bin"))
	w.ts.Check(err)
	for name, value := range map[string]string{
		"PATH": tools + string(os.PathListSeparator) + w.ts.Getenv("PATH"), "AWS_ENDPOINT_URL": w.moto.Endpoint(), "AWS_DEFAULT_REGION": "us-west-2",
		"AWS_PAGER": "", "PYTHONDONTWRITEBYTECODE": "1",
	} {
		before := w.ts.Getenv(name)
		w.ts.Setenv(name, value)
		defer w.ts.Setenv(name, before)
	}
	if have := w.run(args[1], args[2:]...); have != want {
		w.ts.Fatalf("exit %d, want %d: %s", have, want, strings.Join(args[1:], " "))
	}
}

// keep writes what was printed last to a file: keep FILE.
func (w *world) keep(_ bool, args []string) {
	if len(args) != 1 {
		w.ts.Fatalf("usage: keep FILE")
	}
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[0]), []byte(w.ts.ReadFile("stdout")), 0o600))
}
