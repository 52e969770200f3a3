package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// CommentPlan is one environment of a comment.
type CommentPlan struct {
	Plan *plan.Plan
	// Options say what is known beside the plan. Width, colour and Verbose mean
	// nothing here: folding is what keeps a comment short.
	Options
}

// CommentOptions is how to write a comment.
type CommentOptions struct {
	// Limit is the most bytes of UTF-8; 0 means 60,000, which is below the 65,536
	// characters of a GitHub comment. GitLab takes 1,000,000, Bitbucket 32,768.
	Limit int
}

// Comment writes plans as one pull-request comment: a marker in the first line,
// then each environment with its title, alerts, one table and the footer, and
// details as far as the limit goes, the riskiest first. What is left out is counted,
// and nothing is ever cut inside a fence; truncated says that something was.
// Environments with nothing to do stand together in one line.
func Comment(w io.Writer, plans []CommentPlan, o CommentOptions) (truncated bool, err error) {
	limit := cmp.Or(o.Limit, defaultBudget)
	if len(plans) == 0 || len(plans) > mostEnvironments {
		return false, fmt.Errorf("comment: has %d environments, needs 1 to %d", len(plans), mostEnvironments)
	}
	var body strings.Builder
	markers := make([]Marker, len(plans))
	for i, cp := range plans {
		p := cp.Plan
		markers[i] = Marker{Environment: p.Environment, Plan: p.Digest, Changes: p.ChangesDigest, Spec: p.Revision.Commit}
		cp.Verbose, cp.Color, cp.CI = false, false, false
		m := comment{viewer: newViewer(p, cp.Options), budget: (limit - len(markerLine(slices.Clone(markers))) - 10) / len(plans)}
		if m.idle() && len(p.Findings) == 0 && len(m.warnings()) == 0 {
			body.WriteString(m.line())
			continue
		}
		text, cutShort := m.text()
		body.WriteString(text)
		markers[i].Truncated = cutShort
		truncated = truncated || cutShort
	}
	_, err = io.WriteString(w, markerLine(markers)+"\n"+body.String())
	return truncated, err
}

// Markdown writes the comment of one plan.
func Markdown(w io.Writer, p *plan.Plan, o Options) error {
	_, err := Comment(w, []CommentPlan{{Plan: p, Options: o}}, CommentOptions{})
	return err
}
