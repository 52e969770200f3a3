package main

import (
	"errors"
	"os"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func TestTheSameFilesAreEvaluatedOnceInARun(t *testing.T) {
	t.Parallel()
	a := &app{dir: checkout, evaluations: &evaluations{}}
	first, _, err := config.Load(a.options("", "staging"))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.evaluations.known) != 1 {
		t.Fatalf("%d answers are remembered, want 1", len(a.evaluations.known))
	}
	for key := range a.evaluations.known {
		a.evaluations.known[key] = []byte(`{"error":"the remembered one"}`)
	}
	if _, _, err := config.Load(a.options("", "staging")); err == nil || err.Error() != "the remembered one" {
		t.Errorf("asked again: %v", err)
	}
	if _, _, err := config.Load(a.options("", "production")); err != nil {
		t.Errorf("other files were not evaluated by themselves: %v", err)
	}
	if first.Name != "staging" {
		t.Errorf("the first answer is %s", first.Name)
	}
}

func TestWhatWasRefusedIsAskedAgain(t *testing.T) {
	t.Parallel()
	e := &evaluations{}
	for range 2 {
		if _, err := e.answer([]byte("no request")); err == nil {
			t.Fatal("no request was answered")
		}
	}
	if len(e.known) != 0 {
		t.Error("a refusal is remembered")
	}
	var ended *os.SyscallError
	if _, err := e.answer(nil); err == nil || errors.As(err, &ended) {
		t.Errorf("an empty request says %v", err)
	}
}
