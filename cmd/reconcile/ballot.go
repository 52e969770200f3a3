package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// ballot is what was found of a plan's approvals, before anybody counts.
type ballot struct {
	signed []approve.Signed
	// notes say what could not be read, and what lies there and is no approval.
	notes []string
}

// collect takes approvals from files and from the repository. A file that is named
// must be read; a repository that cannot be reached is told, since files may do.
func (s *session) collect(ctx context.Context, p *plan.Plan, files []string, ask bool) (ballot, error) {
	var b ballot
	for _, file := range files {
		signed, err := approvals.ReadFile(file)
		if err != nil {
			return ballot{}, err
		}
		b.signed = append(b.signed, signed)
	}
	found, err := s.shelf(ask).Collect(ctx, p.Environment, p.ChangesDigest)
	if ctx.Err() != nil {
		return ballot{}, ctx.Err()
	}
	if err != nil {
		b.notes = append(b.notes, "approvals in the repository were not read: "+err.Error())
	}
	for _, junk := range found.Ignored {
		b.notes = append(b.notes, strings.Join(found.Places, ", ")+": "+junk)
	}
	b.signed = append(b.signed, found.Signed...)
	return b, nil
}

// shelf is the repository that keeps approvals.
func (s *session) shelf(ask bool) approvals.Repository {
	return approvals.Repository{Dir: s.app.dir, Remote: s.rules().Governance.Approvals.Remote, Ask: ask}
}

// count says who approved the plan by the rules in force.
func (s *session) count(p *plan.Plan, signed []approve.Signed) approve.Tally {
	return approve.Count(s.approvalRules(), approve.Ballot{
		Plan: p, Signed: signed, Spent: s.ledger.Spenders(), Now: s.app.now().UTC(),
	})
}

// approvalRules are the rules in force. Keys that the plan's own commit revokes count
// no more either: that takes away and gives nobody anything, and must not wait
// for the approvals that a stolen key could give.
func (s *session) approvalRules() approve.Rules {
	r := approvalRules(s.rules().Governance)
	if own := s.env.Governance.Revoked; !bytes.Equal(own, r.Revoked) {
		r.Revoked = slices.Concat(r.Revoked, []byte("\n"), own)
	}
	return r
}

// approvalRules says in the words of approve what governance says of approvals.
func approvalRules(g config.Governance) approve.Rules {
	r := approve.Rules{Approvers: g.Approvers, Revoked: g.Revoked, SecurityKeys: g.Approvals.SecurityKeys, Replan: g.Approvals.Replan}
	for _, p := range g.People {
		r.People = append(r.People, approve.Person{Name: p.Name, Keys: p.Keys, Emails: p.Emails, Forge: p.Forge})
	}
	return r
}

// checkApproved collects and counts approvals, and refuses a plan that a finding
// stops or that too few approved, with all reasons at once.
func (s *session) checkApproved(ctx context.Context, p *plan.Plan, files []string) error {
	if p.Requires.Approvals == 0 {
		return refused(p, nil)
	}
	b, err := s.collect(ctx, p, files, false)
	if err != nil {
		return err
	}
	s.signed = b.signed
	tally := s.count(p, b.signed)
	if !tally.Enough() {
		b.notes = append(b.notes, s.approvedElsewhere(ctx, p)...)
	}
	if err := refused(p, &tally, b.notes...); err != nil {
		return err
	}
	s.progress.say("approved", map[string]any{"plan": p.Digest, "approvals": tally.IDs()}, p.Environment+": approved by "+strings.Join(approvers(tally), ", "))
	return nil
}

// maxElsewhere bounds how many other sets of approvals are looked into.
const maxElsewhere = 8

// approvedElsewhere tells of approvals that hold for other changes of the
// environment: before a merge they were this plan's, perhaps.
func (s *session) approvedElsewhere(ctx context.Context, p *plan.Plan) []string {
	others, err := s.shelf(false).Others(ctx, p.Environment, p.ChangesDigest)
	if err != nil {
		return nil // that the repository was not read is told already
	}
	var lines []string
	for _, other := range others[:min(len(others), maxElsewhere)] {
		found, err := s.shelf(false).Collect(ctx, p.Environment, other)
		if err != nil {
			continue
		}
		for _, signed := range found.Signed {
			statement, err := approve.ParseStatement(signed.Statement)
			if _, spent := s.ledger.Spenders()[statement.ID]; err != nil || spent || statement.Environment != p.Environment || !s.app.now().Before(statement.Expires) {
				continue
			}
			lines = append(lines, fmt.Sprintf("signed are other changes, of plan %s: they differ from these (reconcile approvals FILE --was EARLIER says in what)", shortDigest(statement.Digest)))
			break
		}
	}
	return lines
}

// approvers names who approved, each with his key and what he signed.
func approvers(t approve.Tally) []string {
	var names []string
	for _, a := range t.Approvals {
		name := fmt.Sprintf("%s (%s)", a.Person, a.Fingerprint)
		if a.Carried {
			name += ", who approved " + shortDigest(a.Statement.Digest) + ": carried over, the changes are the same"
		}
		names = append(names, name)
	}
	return names
}

// refused is the gate's word on a plan with these approvals, each reason on a line
// of its own; nil: it may be applied.
func refused(p *plan.Plan, tally *approve.Tally, notes ...string) error {
	have := 0
	if tally != nil {
		have = tally.Have
	}
	var lines []error
	if why := (*gate.RefusedError)(nil); errors.As(gate.Refusal(p, have), &why) {
		for _, reason := range why.Reasons() {
			lines = append(lines, fmt.Errorf("%s: refused: %s", why.Environment, reason))
		}
	}
	if tally != nil && tally.LacksReplan {
		lines = append(lines, fmt.Errorf("%s: refused: one of those who approve must have planned again, and none has (reconcile approve --replan)", p.Environment))
	}
	if len(lines) == 0 {
		return nil
	}
	if tally == nil || tally.Enough() {
		return &exitError{code: exitRefused, err: errors.Join(lines...)}
	}
	lines = append(lines, told(p.Environment, append(uncounted(p.Environment, *tally), notes...)))
	return &exitError{code: exitRefused, err: withHint(errors.Join(lines...), "reconcile approve FILE")}
}

// uncounted says why approvals do not count and who may still give one.
func uncounted(environment string, t approve.Tally) []string {
	var lines []string
	for _, a := range t.Approvals {
		lines = append(lines, "counts: "+a.Person+" ("+a.Fingerprint+")")
	}
	for _, r := range t.Rejected {
		lines = append(lines, "does not count: "+whoOf(r)+": "+r.Rule+": "+r.Reason)
	}
	if len(t.Eligible) > 0 {
		lines = append(lines, "may sign: "+strings.Join(t.Eligible, ", "))
	} else {
		lines = append(lines, fmt.Sprintf("nobody else may sign: in force are the approvers of environments/%s/approvers at the last applied commit", environment))
	}
	if len(t.Authors) > 0 {
		lines = append(lines, "may not, as authors of the change: "+strings.Join(t.Authors, ", "))
	}
	return lines
}

func whoOf(r approve.Rejected) string {
	switch {
	case r.Who == "" && r.Origin == "":
		return "somebody"
	case r.Origin == "":
		return r.Who
	case r.Who == "":
		return "somebody in " + r.Origin
	default:
		return r.Who + " in " + r.Origin
	}
}

// told makes lines of an error; nil for none.
func told(environment string, lines []string) error {
	var errs []error
	for _, line := range lines {
		errs = append(errs, errors.New(environment+": "+line))
	}
	return errors.Join(errs...)
}

// recount counts again with the journal as it is under the lease, right before the
// first write: an approval may have been spent meanwhile. It gives the ids of those
// that count.
func (s *session) recount(p *plan.Plan) ([]string, error) {
	if p.Requires.Approvals == 0 {
		return nil, nil
	}
	tally := s.count(p, s.signed)
	if err := refused(p, &tally); err != nil {
		return nil, err
	}
	return tally.IDs(), nil
}

// spends reports whether the journal has the approvals as spent by the plan.
func spends(ledger journal.Ledger, digest string, ids []string) bool {
	spent := ledger.Spenders()
	return !slices.ContainsFunc(ids, func(id string) bool { return spent[id] != digest })
}
