package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// allFlags say which environments plan --all is about.
type allFlags struct {
	all  bool
	base string
	dir  string
}

// environmentsAtOnce bounds how many environments are read side by side.
const environmentsAtOnce = 4

// planAll plans every environment that the revision touches. One that cannot be
// planned keeps none of the others from it: they are written and printed, and the
// error comes last.
func (a *app) planAll(ctx context.Context, f planFlags, of allFlags) error {
	touched, err := config.Touched(a.options(a.rev, ""), of.base)
	if err != nil {
		return withHint(err, "fetch the whole history: git fetch --unshallow")
	}
	if len(touched) == 0 {
		fmt.Fprintf(a.out, "no environment is touched since %s\n", a.escape(of.base))
		return nil
	}
	if of.dir != "" {
		if err := os.MkdirAll(of.dir, 0o700); err != nil {
			return err
		}
	}
	printed, failed := make([]bytes.Buffer, len(touched)), make([]error, len(touched))
	shared := &apart{rate: cloud.NewRate()}
	var group errgroup.Group
	group.SetLimit(environmentsAtOnce)
	for i, t := range touched {
		group.Go(func() error {
			failed[i] = a.planOne(ctx, t, f, of, shared, &printed[i])
			return nil
		})
	}
	_ = group.Wait() // every error is in failed
	code, faults := exitDone, []error{}
	for i := range touched {
		if i > 0 && printed[i].Len() > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := a.out.Write(printed[i].Bytes()); err != nil {
			return err
		}
		var ended *exitError
		switch {
		case errors.As(failed[i], &ended) && ended.err == nil:
			code = worse(code, ended.code)
		case failed[i] != nil:
			faults = append(faults, failed[i])
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if code != exitDone {
		return exit(code)
	}
	return nil
}

// planOne plans as plan does, with the words of this environment kept together.
func (a *app) planOne(ctx context.Context, t config.Touch, f planFlags, of allFlags, shared *apart, out io.Writer) error {
	if t.Gone {
		fmt.Fprintf(out, "%s: its files are gone; nothing is planned for it, and what it declared stays as it is\n", t.Name)
		return nil
	}
	one := *a
	one.out, one.err, one.errTerminal, one.rate = out, &prefixed{w: a.err, prefix: t.Name + ": ", mu: &shared.mu}, false, shared.rate
	var err error
	if one.overlay, err = a.overlayOf(t.Name); err != nil {
		return err
	}
	if of.dir != "" {
		f.out = filepath.Join(of.dir, t.Name+".plan.json")
	}
	return one.plan(ctx, t.Name, f)
}

// overlayOf is the overlay, where it was written for the environment: to the others
// of one run it says nothing.
func (a *app) overlayOf(name string) (string, error) {
	if a.overlay == "" {
		return "", nil
	}
	overlay, err := config.ReadOverlay(a.overlay)
	if err != nil || overlay.Environment != name {
		return "", err
	}
	return a.overlay, nil
}

// apart is what several environments have in common: the account's request rates,
// and standard error.
type apart struct {
	rate *cloud.Rate
	mu   sync.Mutex
}

// worse orders exit codes by how much a person should care.
func worse(a, b int) int {
	rank := func(code int) int {
		return map[int]int{exitRefused: 5, exitChanges: 4, exitUnread: 3, exitProposals: 2, exitDone: 0}[code]
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// prefixed writes whole lines, each with the environment's name before it.
type prefixed struct {
	w      io.Writer
	prefix string
	mu     *sync.Mutex
	rest   []byte
}

// Write keeps back what is no whole line yet.
func (p *prefixed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, data...)
	for {
		at := bytes.IndexByte(p.rest, '\n')
		if at < 0 {
			return len(data), nil
		}
		if _, err := fmt.Fprintf(p.w, "%s%s\n", p.prefix, p.rest[:at]); err != nil {
			return 0, err
		}
		p.rest = p.rest[at+1:]
	}
}

// profileOf is the profile of the AWS configuration files that an environment is
// read with, where a process has several accounts to work in.
func (a *app) profileOf(name string) string {
	return a.getenv("RECONCILE_AWS_PROFILE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
}
