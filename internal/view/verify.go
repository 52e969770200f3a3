package view

import (
	"io"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// Verify writes whether an environment is as declared: one line when it is,
// otherwise what differs, without what a plan needs to be applied.
func Verify(w io.Writer, p *plan.Plan, o Options) error {
	if newViewer(p, o).idle() {
		return Plan(w, p, o)
	}
	t := newText(p, o)
	t.header()
	t.banners()
	t.blank()
	t.body()
	t.blank()
	t.list(bold, " · ", t.differences())
	if err := t.flush(w); err != nil {
		return err
	}
	return Hint(w, o.Next, o)
}

// differences is the verdict on an environment that is not as declared.
func (v *viewer) differences() []string {
	configured, drift := v.split()
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{{len(drift), "changed outside git"}, {len(configured), "not applied"}, {len(v.p.Deferred), "not plannable yet"}, {len(v.p.Pending), "waiting for others"}} {
		if part.n > 0 {
			parts = append(parts, number(part.n)+" "+part.text)
		}
	}
	first := v.p.Environment + " differs: " + strings.Join(parts, ", ")
	rest := []string{number(v.p.Summary.Unchanged) + " of " + count(v.resources(), "resource") + " as declared"}
	if v.unreadLeft() {
		rest = append(rest, v.unreadCount())
	}
	return append([]string{first}, rest...)
}
