package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// progress tells on standard error what is being read. A terminal gets one
// line that is rewritten, and only when reading takes longer than a second; a
// build log gets a plain line for each part; --log-format json gets objects.
type progress struct {
	w     io.Writer
	style string // terminal, plain or json
	ci    bool
	now   func() time.Time

	mu    sync.Mutex
	begun time.Time
	open  map[string]time.Time
	shown bool
	timer *time.Timer
}

// progressAfter is how long a read may take before a terminal is told.
const progressAfter = time.Second

func (a *app) newProgress() (*progress, error) {
	p := &progress{w: a.err, now: a.now, open: map[string]time.Time{}, begun: a.now(), style: "plain", ci: a.ci()}
	switch {
	case a.logFormat == "json":
		p.style = "json"
	case a.logFormat != "text":
		return nil, checkLogFormat(a.logFormat)
	case a.errTerminal && !a.ci():
		p.style = "terminal"
		p.timer = time.AfterFunc(progressAfter, p.redraw)
	}
	return p, nil
}

func checkLogFormat(have string) error {
	return fmt.Errorf("--log-format %q: must be text or json", have)
}

// kind is observe.Progress.
func (p *progress) kind(name string, done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !done {
		p.open[name] = p.now()
		return
	}
	took := p.now().Sub(p.open[name])
	delete(p.open, name)
	if len(p.open) == 0 {
		p.clear() // what follows may be printed by others
	}
	switch p.style {
	case "json":
		p.object(map[string]any{"event": "read", "kind": name, "ms": took.Milliseconds()})
	case "plain":
		if took >= progressAfter {
			fmt.Fprintf(p.w, "read %s in %s\n", name, took.Round(100*time.Millisecond))
		}
	}
}

// redraw rewrites the terminal's line each second until close.
func (p *progress) redraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) > 0 {
		names := make([]string, 0, len(p.open))
		for name := range p.open {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(p.w, "\r\x1b[K⠸ reading %s · %s", strings.Join(names, ", "), p.now().Sub(p.begun).Round(time.Second))
		p.shown = true
	}
	p.timer.Reset(progressAfter)
}

// unread lists what could not be read.
func (p *progress) unread(unread []resource.Unread) {
	for _, u := range unread {
		if p.style == "json" {
			p.object(map[string]any{"event": "unread", "scope": u.Scope, "operation": u.Operation, "cause": u.Cause})
			continue
		}
		fmt.Fprintln(p.w, p.clean(fmt.Sprintf("not read: %s: %s: %s", u.Scope, u.Operation, u.Cause)))
	}
}

// say writes one line that is always shown.
func (p *progress) say(event string, fields map[string]any, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.style == "json" {
		fields["event"] = event
		p.object(fields)
		return
	}
	p.clear()
	fmt.Fprintln(p.w, p.clean(line))
}

func (p *progress) clean(line string) string {
	if p.ci {
		return view.CILog(line)
	}
	return view.Terminal(line)
}

func (p *progress) object(fields map[string]any) {
	data, err := json.Marshal(fields)
	if err == nil {
		fmt.Fprintf(p.w, "%s\n", data)
	}
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.clear()
}
