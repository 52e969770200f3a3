package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// The lease: how long it holds without a heartbeat, and how long a thief waits
// after it expired, which is the deadline of one call.
const (
	leaseLength = 90 * time.Second
	callTimeout = 30 * time.Second
)

// perform takes the lease and does the plan: the only path to a write.
func (s *session) perform(ctx context.Context, p *plan.Plan, desired resource.Set) (err error) {
	store, err := s.store()
	if err != nil {
		return err
	}
	lease, err := s.acquire(ctx, store, p)
	if err != nil {
		return err
	}
	defer func() {
		released := lease.Release(context.WithoutCancel(ctx))
		if lost := (*journal.LostError)(nil); !errors.As(released, &lost) {
			err = errors.Join(err, released)
		}
	}()
	held := lease.Keep(ctx, sleep)
	if err := s.admit(held, p, lease.Term()); err != nil {
		return err
	}
	log := apply.NewLog(s.journal, lease, p.Digest, p.Revision.Commit, s.entries, s.chains.redact)
	world, err := apply.Reread(held, s.env, s.kinds, desired, p, begun(log))
	if err != nil {
		return withHint(err, "reconcile plan %s --out FILE", s.env.Name)
	}
	if err := s.checkAgain(p, desired, world, begun(log)); err != nil {
		return err
	}
	if err := s.proveAgain(held, p, world); err != nil {
		return err
	}
	if err := s.keepAgain(held, p, desired); err != nil {
		return err
	}
	if err := s.begin(held, p, lease.Term()); err != nil {
		return err
	}
	s.progress.say("apply", map[string]any{"plan": p.Digest, "environment": s.env.Name, "lease": lease.Term()},
		fmt.Sprintf("applying %s to %s · lease %d · journal %s", shortDigest(p.Digest), s.env.Name, lease.Term(), store.Name()))
	previous, err := s.previous()
	if err != nil {
		return err
	}
	engine := &apply.Engine{
		Environment: s.env, Plan: p, Kinds: s.kinds, Desired: desired, Previous: previous, Log: log, Outputs: world.Lookup,
		Recheck: s.recheck(p), Halted: s.halted(p), Report: s.report, NewIntent: newIntent, Sleep: sleep, CallTimeout: callTimeout,
	}
	err = s.conclude(ctx, p, lease.Term(), engine.Run(held, s.app.draining))
	s.pack(ctx)
	return err
}

// pack spares the next readers a request for each entry of this plan, done or
// not. That it did not work is told and is no error: every entry is stored.
func (s *session) pack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := s.journal.Pack(ctx); err != nil {
		cause := s.chains.redact(err.Error())
		s.progress.say("pack", map[string]any{"error": cause}, "the journal is whole, but was not packed, which the next apply does: "+cause)
	}
}

func (s *session) acquire(ctx context.Context, store journal.Store, p *plan.Plan) (*journal.Lease, error) {
	name, host := s.app.owner()
	owner := journal.Owner{User: name, Host: host, PID: os.Getpid(), Machine: machine(), URL: s.app.runURL(), Nonce: newIntent()}
	var floor int64
	if len(s.entries) > 0 {
		floor = s.entries[len(s.entries)-1].Term
	}
	lease, err := journal.Acquire(ctx, store, s.env.Name, p.Digest, owner, floor,
		journal.LeaseOptions{Length: leaseLength, Grace: callTimeout, Now: s.app.now, Dead: dead})
	if held := (*journal.HeldError)(nil); errors.As(err, &held) {
		return nil, fmt.Errorf("%s: %w\nhint: wait for it, or run apply again after %s", s.env.Name, err, held.Expires.Add(callTimeout).UTC().Format("15:04:05 UTC"))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.env.Name, err)
	}
	return lease, nil
}

// admit reads the journal under the lease and refuses a spent plan, a moved
// anchor, and a plan while another one's effects are unknown.
func (s *session) admit(ctx context.Context, p *plan.Plan, term int64) error {
	if err := s.recall(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.env.Name, err)
	}
	ledger := s.ledger
	if err := s.checkFresh(p); err != nil {
		return err
	}
	if anchor := ledger.Anchor(); anchor != p.Revision.Applied {
		return &exitError{code: exitStale, err: fmt.Errorf("%s: another plan was applied since: last applied commit is %q, was %q", s.env.Name, short(anchor), short(p.Revision.Applied))}
	}
	open := ledger.OpenPlan()
	if open == "" || open == p.Digest {
		return nil
	}
	if unsettled := ledger.Unsettled(open); len(unsettled) > 0 {
		return &exitError{code: exitRefused, err: withHint(
			fmt.Errorf("%s: plan %s is open and left %s of which nobody knows whether it happened, the first %s %s",
				s.env.Name, shortDigest(open), count(len(unsettled), "step"), unsettled[0].Op, unsettled[0].ID),
			"apply that plan's file again: it asks the world and goes on")}
	}
	return s.journal.Append(ctx, term, journal.Entry{Kind: journal.Abandon, Plan: open, Why: "another plan follows, and every try of this one is settled: " + p.Digest})
}

// begun tells the changes that an earlier run of this plan tried from the rest.
func begun(log apply.Log) func(plan.Change) bool {
	return func(c plan.Change) bool {
		for _, step := range c.Steps {
			if digest, err := plan.StepDigest(step); err == nil && len(log.Attempts(digest)) > 0 {
				return true
			}
		}
		return false
	}
}

// begin records that the plan is open and which approvals it spends; a resumed
// plan is open already.
func (s *session) begin(ctx context.Context, p *plan.Plan, term int64) error {
	if err := s.recheckAll(p); err != nil {
		return err
	}
	ids, err := s.recount(p)
	if err != nil {
		return err
	}
	if s.ledger.OpenPlan() == p.Digest && spends(s.ledger, p.Digest, ids) {
		return nil
	}
	name, host := s.app.owner()
	return s.journal.Append(ctx, term, journal.Entry{Kind: journal.Open, Plan: p.Digest, Commit: p.Revision.Commit, Owner: name + "@" + host, Approvals: ids})
}

// recheck asks the gate again with the journal as it is now. Every spending
// or sensitive step passes here.
func (s *session) recheck(p *plan.Plan) func(context.Context, plan.Change) error {
	return func(ctx context.Context, _ plan.Change) error {
		entries, err := s.journal.Read(ctx)
		if err != nil {
			return err
		}
		return s.judgeAgain(p, entries)
	}
}

func (s *session) recheckAll(p *plan.Plan) error {
	if err := s.judgeAgain(p, s.entries); err != nil {
		return &exitError{code: exitRefused, err: err}
	}
	return nil
}

func (s *session) judgeAgain(p *plan.Plan, entries []journal.Entry) error {
	again := *p
	again.Findings = gate.Without(p.Findings)
	verdict := gate.Check(s.gateInput(&again, s.declared, entries))
	verdict.Apply(&again)
	if fresh := gate.NewRefusals(p.Findings, again.Findings); len(fresh) > 0 {
		return fmt.Errorf("the gate refuses now: %s: %s", fresh[0].Rule, fresh[0].Reason)
	}
	return nil
}

// conclude prints the end table, looks at the world once more, and closes the
// plan when everything in it is done.
func (s *session) conclude(ctx context.Context, p *plan.Plan, term int64, outcomes []apply.Outcome) error {
	left, verified, now, err := s.verifyScope(ctx, p, outcomes)
	if err != nil {
		verified = "the world could not be read again: " + err.Error()
	}
	failed, proposed := 0, ""
	rows := make([]view.Outcome, 0, len(outcomes))
	for _, o := range outcomes {
		switch o.Result {
		case apply.Failed, apply.Skipped, apply.Unknown:
			failed++
		case apply.Proposed:
			proposed = cmp.Or(proposed, o.Outputs["safeTxHash"])
		}
		rows = append(rows, s.rowOf(o))
	}
	options := view.OutcomeOptions{Options: s.app.viewOptions(), Verified: verified}
	if proposed != "" {
		options.Next = "reconcile safe verify " + s.env.Name + " " + proposed
	}
	if failed > 0 {
		options.Next = s.goOn()
	}
	if err := view.Outcomes(s.app.out, rows, options); err != nil {
		return err
	}
	if err := s.offerPins(outcomes); err != nil {
		s.progress.say("pins", map[string]any{"error": err.Error()}, "what addresses.json lacks is not told: "+err.Error())
	}
	if failed > 0 || err != nil {
		return exit(exitPartial)
	}
	closing, err := s.closing(p, now, outcomes, left)
	if err != nil {
		return err
	}
	if err := s.journal.Append(context.WithoutCancel(ctx), term, closing); err != nil {
		return fmt.Errorf("all is done, but the journal could not be closed: %w", err)
	}
	switch {
	case left > 0:
		return exit(exitPartial)
	case proposed != "":
		return exit(exitProposals)
	default:
		return nil
	}
}

// changesRules reports a plan that puts new rules in force.
func changesRules(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.ID.Kind == plan.GovernanceKind })
}

// verifyScope plans once more and counts what is left of the plan's scope. A plan
// without steps is no exception: that nothing was to be done is only what it says.
func (s *session) verifyScope(ctx context.Context, p *plan.Plan, outcomes []apply.Outcome) (left int, verified string, now *plan.Plan, err error) {
	if s.kinds, err = newKinds(s); err != nil {
		return 0, "", nil, err
	}
	d, err := s.draft(context.WithoutCancel(ctx), selection{})
	if err != nil {
		return 0, "", nil, err
	}
	s.readings = readingsOf(d.world, d.plan.Findings)
	s.setReadings(d.world, s.readings)
	explained := map[resource.ID]bool{}
	adopted := map[resource.ID]bool{}
	for _, c := range p.Changes {
		adopted[c.ID] = slices.ContainsFunc(c.Fields, func(f plan.FieldChange) bool { return f.Path == "adopt" && f.After == true })
	}
	for _, o := range outcomes {
		explained[o.ID] = o.Result == apply.Failed || o.Result == apply.Skipped || o.Result == apply.Unknown
	}
	elsewhere, undone := 0, 0
	for _, c := range d.plan.Changes {
		known, mine := explained[c.ID]
		switch {
		case c.ID.Kind == plan.GovernanceKind:
			// Taken over by the entry that closes the plan, which is not written yet.
		case adopted[c.ID] && !known:
			// It was to be marked and nothing else: what differs in it comes next.
			elsewhere++
		case mine && !known:
			left++
		case mine:
			undone++
		default:
			elsewhere++
		}
	}
	switch {
	case undone > 0:
		verified = count(left+undone, "change") + " of this plan not made"
	case left > 0:
		verified = count(left, "change") + " of this plan still, or again, to be made"
	case elsewhere > 0:
		verified = "nothing left of this plan, " + count(elsewhere, "change") + " outside of it"
	case len(d.plan.Unread) > 0:
		verified = "nothing left in what was read, " + count(len(d.plan.Unread), "scope") + " unread"
	case len(d.plan.Pending) > 0:
		verified = "nothing left to do here, " + count(len(d.plan.Pending), "change") + " waiting for signatures"
	case len(d.plan.Deferred) > 0:
		verified = "nothing left, " + count(len(d.plan.Deferred), "change") + " for later"
	default:
		verified = "nothing left"
	}
	return left, verified, d.plan, nil
}

// rowOf says what a change gave: money by its amount, a key by its address.
func (s *session) rowOf(o apply.Outcome) view.Outcome {
	row := view.Outcome{ID: o.ID, Result: string(o.Result), Detail: o.Detail}
	if o.Err != nil {
		row.Err = o.Err.Error()
	}
	coin, paid := coinsOf(s.env)[o.ID.Scope]
	if amount, ok := new(big.Int).SetString(o.Outputs["amount"], 10); ok && paid && row.Detail == "" {
		row.Detail = gate.Coins(amount, coin.Decimals) + " " + coin.Symbol + " to " + o.Outputs["to"]
	}
	if o.Result == apply.Proposed && row.Detail == "" {
		row.Detail = fmt.Sprintf("%s, nonce %s", o.Outputs["safeTxHash"], o.Outputs["safeNonce"])
	}
	if row.Detail == "" {
		for _, name := range []string{"address", "hash"} {
			if row.Detail == "" {
				row.Detail = o.Outputs[name]
			}
		}
	}
	return row
}

// report prints a line for each change that ended.
func (s *session) report(e apply.Event) {
	if !e.Done {
		return
	}
	row := s.rowOf(e.Outcome)
	if s.progress.style == "json" {
		s.progress.say("change", map[string]any{"id": row.ID.String(), "result": row.Result, "detail": row.Detail, "error": row.Err}, "")
		return
	}
	options := s.app.viewOptions()
	options.Color = s.app.color(s.app.errTerminal)
	if err := view.Live(s.app.err, row, options); err != nil {
		s.progress.say("change", map[string]any{}, err.Error())
	}
}

// newIntent makes the id of one try: 128 random bits.
func newIntent() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand, Go 1.24)
	return hex.EncodeToString(id[:])
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// runURL is the page of the CI run, so that whoever finds the lease taken
// finds the run.
func (a *app) runURL() string {
	server, repository, run := a.getenv("GITHUB_SERVER_URL"), a.getenv("GITHUB_REPOSITORY"), a.getenv("GITHUB_RUN_ID")
	if server == "" || repository == "" || run == "" {
		return ""
	}
	return server + "/" + repository + "/actions/runs/" + run
}
