package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

type approvalsFlags struct {
	format string
	files  []string
	store  bool
	was    string
}

func newApprovals(a *app) *cobra.Command {
	var f approvalsFlags
	cmd := &cobra.Command{
		Use:   "approvals FILE",
		Short: "list who approved a plan, who counts, and who does not and why",
		Long: `approvals collects the approvals of a plan from the repository's remote and from
files, and counts them by the rules of the last applied commit, as apply does. It
exits with 0 when there are enough and with 3 when there are not.

It needs no credentials. With --store it also reads the environment's store, which
knows what was spent: an approval is good for one apply. With --was it says what
this plan decides differently from an earlier one that people approved.`,
		Example: `  reconcile approvals production.plan.json
  reconcile approvals production.plan.json --store --format json
  reconcile approvals after-merge.plan.json --was before-merge.plan.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.approvals(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "text", "print as text or json")
	flags.StringArrayVar(&f.files, "approval", nil, "take an approval from this file too (repeatable)")
	flags.BoolVar(&f.store, "store", false, "read the store, which knows the approvals that were spent")
	flags.StringVar(&f.was, "was", "", "an earlier plan file: say what differs from it")
	return cmd
}

func (a *app) approvals(ctx context.Context, file string, f approvalsFlags) error {
	if err := checkFormat(f.format, "text", "json"); err != nil {
		return err
	}
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	a.rev = revisionOf(p)
	s, err := a.openForCount(ctx, p, f.store)
	if err != nil {
		return err
	}
	defer s.close()
	b, err := s.collect(ctx, p, f.files, true)
	if err != nil {
		return err
	}
	notes := b.notes
	if !f.store {
		notes = append(notes, "the store was not read: an approval that was spent already still counts here (--store reads it)")
	}
	tally := s.count(p, b.signed)
	differs, err := s.since(p, f.was)
	if err != nil {
		return err
	}
	if err := s.printApprovals(p, file, tally, append(notes, differs...), f.format); err != nil {
		return err
	}
	if !tally.Enough() {
		return exit(exitRefused)
	}
	return nil
}

// openForCount opens what the count needs: the rules, and the store where it is
// asked for.
func (a *app) openForCount(ctx context.Context, p *plan.Plan, store bool) (*session, error) {
	if !store {
		s, err := a.openOffline(p)
		if err != nil {
			return nil, err
		}
		return s, s.checkCommit(p)
	}
	s, err := a.open(ctx, p.Environment)
	if err != nil {
		return nil, err
	}
	return s, s.checkRevisionOf(p)
}

// since says what a plan decides differently from an earlier one.
func (s *session) since(p *plan.Plan, was string) ([]string, error) {
	if was == "" {
		return nil, nil
	}
	earlier, err := readPlan(was)
	if err != nil {
		return nil, err
	}
	if earlier.ChangesDigest == p.ChangesDigest {
		return []string{"the same changes as in " + was + ": its approvals count here too"}, nil
	}
	names := plan.Differing(earlier, p, movingOf(s.kinds))
	return []string{"other changes than in " + was + ", whose approvals do not count here: " + strings.Join(names, ", ")}, nil
}

func (s *session) printApprovals(p *plan.Plan, file string, t approve.Tally, notes []string, format string) error {
	if format == "json" {
		return s.app.approvalsJSON(p, t, notes)
	}
	if err := view.Approvals(s.app.out, approvalRows(t), t.Have, t.Need, s.app.viewOptions()); err != nil {
		return err
	}
	if len(t.Authors) > 0 {
		s.app.print("may not sign, as authors of the change: " + strings.Join(t.Authors, ", "))
	}
	for _, note := range notes {
		s.app.print(note)
	}
	switch {
	case t.Enough() && t.Need > 0:
		s.app.next("reconcile apply " + file)
	case !t.Enough():
		s.app.print(standing(t))
		s.app.next("reconcile approve " + file)
	}
	return nil
}

func approvalRows(t approve.Tally) []view.ApprovalRow {
	var rows []view.ApprovalRow
	for _, a := range t.Approvals {
		rows = append(rows, view.ApprovalRow{
			Who: a.Person, Fingerprint: a.Fingerprint, How: strings.Join(manner(a), ", "), Expires: a.Statement.Expires.Format("2006-01-02 15:04 UTC"), Origin: a.Origin, Counts: true,
		})
	}
	for _, r := range t.Rejected {
		rows = append(rows, view.ApprovalRow{Who: r.Who, Rule: r.Rule, Reason: r.Reason, Origin: r.Origin})
	}
	return rows
}

// manner says how an approval was given.
func manner(a approve.Approval) []string {
	var how []string
	if a.Hardware {
		how = append(how, "hardware key")
	}
	if a.Statement.Replanned {
		how = append(how, "planned again")
	}
	if a.Carried {
		how = append(how, "carried over from "+shortDigest(a.Statement.Digest))
	}
	return how
}

// approvalsJSON is a contract with scripts: names are only added.
func (a *app) approvalsJSON(p *plan.Plan, t approve.Tally, notes []string) error {
	type counted struct {
		Person      string    `json:"person"`
		Fingerprint string    `json:"fingerprint"`
		ID          string    `json:"id"`
		Expires     time.Time `json:"expires"`
		Carried     bool      `json:"carried"`
		Replanned   bool      `json:"replanned"`
		Hardware    bool      `json:"hardware"`
		Origin      string    `json:"origin"`
	}
	type rejected struct {
		Who    string `json:"who"`
		Rule   string `json:"rule"`
		Reason string `json:"reason"`
		Origin string `json:"origin"`
	}
	form := struct {
		Environment   string     `json:"environment"`
		Digest        string     `json:"digest"`
		ChangesDigest string     `json:"changesDigest"`
		Need          int        `json:"need"`
		Have          int        `json:"have"`
		Enough        bool       `json:"enough"`
		LacksReplan   bool       `json:"lacksReplan"`
		Approvals     []counted  `json:"approvals"`
		Rejected      []rejected `json:"rejected"`
		MaySign       []string   `json:"maySign"`
		Authors       []string   `json:"authors"`
		Notes         []string   `json:"notes"`
	}{
		p.Environment, p.Digest, p.ChangesDigest, t.Need, t.Have, t.Enough(), t.LacksReplan, []counted{}, []rejected{},
		listed(t.Eligible), listed(t.Authors), listed(notes),
	}
	for _, c := range t.Approvals {
		form.Approvals = append(form.Approvals, counted{c.Person, c.Fingerprint, c.Statement.ID, c.Statement.Expires, c.Carried, c.Statement.Replanned, c.Hardware, c.Origin})
	}
	for _, r := range t.Rejected {
		form.Rejected = append(form.Rejected, rejected{r.Who, r.Rule, r.Reason, r.Origin})
	}
	data, err := json.MarshalIndent(form, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(data))
	return err
}

// listed is a list that JSON writes as one where it is empty.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
