package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// drafted is a judged and sealed plan with the world it was made from.
type drafted struct {
	plan    *plan.Plan
	world   *observe.World
	desired resource.Set
	took    time.Duration
}

// draft reads the world, compares and judges: all of plan and verify, and the
// last act of apply.
func (s *session) draft(ctx context.Context, of selection) (*drafted, error) {
	begun, only := s.app.now(), of.only
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return nil, err
	}
	world, err := observe.All(ctx, s.env, s.kinds, desired, s.progress.kind)
	if err != nil {
		return nil, err
	}
	difference, err := s.diff(desired, world)
	if err != nil {
		return nil, err
	}
	waits, err := s.staleFindings(desired, world, difference)
	if err != nil {
		return nil, err
	}
	s.spare(&difference)
	if len(only) > 0 {
		if difference, err = s.cut(difference, only, desired); err != nil {
			return nil, err
		}
	}
	cause, elsewhere := s.cutCause(&difference, of)
	if err := s.keepInUse(ctx, &difference, world, desired); err != nil {
		return nil, err
	}
	s.addFindings(&difference, waits, only)
	s.addFindings(&difference, s.accessFindings(ctx, world, difference), only)
	s.addFindings(&difference, s.lookAlikes(world), only)
	p, err := s.assemble(difference, world, only)
	if err != nil {
		return nil, err
	}
	p.Cause, p.Elsewhere = cause, elsewhere
	s.pauses.widened = s.widensBy(ctx, world, difference)
	if err := s.addPolicies(p, func(p *plan.Plan) gate.Verdict { return s.judge(p, len(desired)) }); err != nil {
		return nil, err
	}
	s.judge(p, len(desired)).Apply(p)
	if err := p.Seal(movingOf(s.kinds)); err != nil {
		return nil, err
	}
	return &drafted{plan: p, world: world, desired: desired, took: s.app.now().Sub(begun)}, nil
}

func (s *session) diff(desired resource.Set, world *observe.World) (plan.Difference, error) {
	previous, err := s.previous()
	if err != nil {
		return plan.Difference{}, err
	}
	difference, err := plan.Diff(plan.Input{
		Desired: desired, Owned: world.Owned, Foreign: world.Foreign, Facts: world.Facts, Unread: world.Unread,
		Rules: rulesOf(s.kinds), Previous: previous, Made: s.onceMade(), Touched: s.ledger.Touched(),
	})
	if err != nil {
		return plan.Difference{}, err
	}
	difference.Findings = append(difference.Findings, world.Findings...)
	for _, k := range s.kinds {
		found, err := k.Check(ofKind(desired, k.Name), ofKind(world.Owned, k.Name), world.Facts)
		if err != nil {
			return plan.Difference{}, fmt.Errorf("%s: check: %w", k.Name, err)
		}
		difference.Findings = append(difference.Findings, found...)
	}
	difference.Findings = notDeployed(s.env, difference.Findings)
	compactFindings(&difference)
	return difference, nil
}

// spare puts off the removal of what only says that it is ours: the journal
// never made it. The gate refuses it too; here it keeps nothing else waiting.
func (s *session) spare(d *plan.Difference) {
	made := s.ledger.Made()
	d.Changes = slices.DeleteFunc(d.Changes, func(c plan.Change) bool {
		if c.Action != plan.Delete || c.Before == nil || c.Before.Outputs["arn"] == "" || made[c.Before.Outputs["arn"]] {
			return false
		}
		d.Deferred = append(d.Deferred, plan.Deferred{ID: c.ID, Reason: "it carries our mark, and the journal never made or adopted it"})
		d.Findings = append(d.Findings, resource.Finding{
			Rule: gate.RuleInventory, Severity: resource.Acknowledge, ID: c.ID, Reason: gate.NotMade(c.Before.Outputs["arn"]), Hint: gate.NotMadeHint,
		})
		return true
	})
	slices.SortFunc(d.Deferred, func(a, b plan.Deferred) int { return a.ID.Compare(b.ID) })
	compactFindings(d)
}

// compactFindings sorts, and tells the same of one resource once.
func compactFindings(d *plan.Difference) {
	slices.SortFunc(d.Findings, resource.Finding.Compare)
	d.Findings = slices.CompactFunc(d.Findings, func(a, b resource.Finding) bool {
		return a.Rule == b.Rule && a.ID == b.ID && a.Severity == b.Severity
	})
}

// addFindings adds what is known only now that the changes are: of a partial
// plan it concerns what the plan touches, and is a note elsewhere.
func (s *session) addFindings(d *plan.Difference, found []resource.Finding, only []string) {
	d.Findings = append(d.Findings, found...)
	compactFindings(d)
	if len(only) > 0 {
		quieten(d, only)
	}
}

// cut keeps what the selectors name. A finding about something else stays
// visible, as a note: it does not judge what is not touched. A selector that
// names something declared in which nothing differs is no mistake.
func (s *session) cut(d plan.Difference, only []string, desired resource.Set) (plan.Difference, error) {
	selects := func(selector string) bool {
		differs := slices.ContainsFunc(d.Changes, func(c plan.Change) bool { return plan.Selects(selector, c.ID, c.Group) }) ||
			slices.ContainsFunc(d.Deferred, func(l plan.Deferred) bool { return plan.Selects(selector, l.ID, "") })
		return differs || !slices.ContainsFunc(desired.IDs(), func(id resource.ID) bool { return plan.Selects(selector, id, desired[id].Group) })
	}
	cut, err := d.Only(slices.DeleteFunc(slices.Clone(only), func(selector string) bool { return !selects(selector) }))
	if err != nil {
		return plan.Difference{}, err
	}
	quieten(&cut, only)
	return cut, nil
}

// quieten makes notes of findings about what a partial plan does not touch.
func quieten(cut *plan.Difference, only []string) {
	concerned := map[resource.ID]bool{{}: true}
	networks := map[string]bool{}
	for _, c := range cut.Changes {
		concerned[c.ID] = true
		networks[c.ID.Scope] = true
		for _, ref := range c.After.Refs() {
			concerned[ref.ID] = true
		}
	}
	for i, f := range cut.Findings {
		named := slices.ContainsFunc(only, func(selector string) bool { return plan.Selects(selector, f.ID, "") })
		if named || concerned[f.ID] || (f.ID.Kind == "network" && networks[f.ID.Scope]) {
			continue
		}
		cut.Findings[i].Severity = resource.Note
	}
}

func (s *session) assemble(d plan.Difference, world *observe.World, only []string) (*plan.Plan, error) {
	observed, err := plan.ObservedDigest(world.Owned, world.Foreign, world.Facts, world.Unread)
	if err != nil {
		return nil, err
	}
	created := s.app.now().UTC().Truncate(time.Second)
	wrote, err := s.hands(created)
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{
		Format: plan.Format, Tool: toolVersion(), Environment: s.env.Name, Class: s.env.Class,
		Revision: plan.Revision{
			Commit: s.revision.Commit, Dirty: s.revision.Dirty, Config: s.revision.Config,
			Governance: s.revision.Governance, Applied: s.anchor, Authors: wrote.authors, Unsigned: wrote.unsigned,
		},
		Partial: len(only) > 0, Only: only, Identity: s.identity(world),
		Observed: observed, Created: created, Expires: created.Add(s.planLife()),
		Changes: d.Changes, Resolved: d.Resolved, Facts: world.Facts, Deferred: d.Deferred, Pending: d.Pending,
		Unread: world.Unread, Findings: d.Findings, Summary: plan.Summary{Unchanged: d.Unchanged},
	}
	if o := s.env.Overlay; o != nil {
		p.Overlay = &plan.Overlay{Name: o.Name, Digest: o.Digest, Open: o.Open}
	}
	return p, nil
}

// identity is what was asserted: a network that could not be read was not.
func (s *session) identity(world *observe.World) plan.Identity {
	id := plan.Identity{Account: s.aws.Identity().Account, Region: s.env.AWS.Region, Chains: map[string]uint64{}}
	for _, n := range s.env.Networks {
		unread := slices.ContainsFunc(world.Unread, func(u resource.Unread) bool { return u.Scope == n.Name })
		if !unread {
			id.Chains[n.Name] = n.ChainID
		}
	}
	return id
}

// planLife is how long the rules in force let a plan live.
func (s *session) planLife() time.Duration {
	life := s.rules().Governance.PlanLife
	if life <= 0 {
		return 24 * time.Hour
	}
	return min(life, 7*24*time.Hour)
}

// rules is the environment whose governance is in force: that of the last
// applied commit, or the plan's own where nothing was ever applied.
func (s *session) rules() *config.Environment {
	if s.applied != nil {
		return s.applied
	}
	return s.env
}

// judge asks the gate. Total is what the configuration declares: belts are
// shares of the whole, also where a plan is partial, and apply can count it
// again without reading the world.
func (s *session) judge(p *plan.Plan, total int) gate.Verdict {
	return gate.Check(s.gateInput(p, total, s.entries))
}

func (s *session) gateInput(p *plan.Plan, total int, entries []journal.Entry) gate.Input {
	ledger := journal.NewLedger(entries)
	now := s.app.now().UTC()
	in := gate.Input{
		Plan: p, Traits: traitsOf(s.kinds), Governance: governanceOf(s.rules().Governance),
		AppliedGovernance: s.appliedRevision.Governance, PlannedGovernance: s.revision.Governance,
		Applied: standingOf(s.rules()), Planned: standingOf(s.env),
		AppliedPins: s.pinsOf(s.rules()), PlannedPins: s.pinsOf(s.env),
		HasAnchor: s.anchor != "", SharedStore: s.env.Store.Kind == "s3", Mode: s.env.Mode,
		Ledger: gate.Ledger{SpentDay: ledger.Spent(now, p.Digest), Paid: ledger.Paid(), Made: ledger.Made()},
		Units:  unitsOf(s.env), Total: total, Now: now,
	}
	if s.applied == nil {
		in.AppliedGovernance = s.revision.Governance
	}
	return s.paused(in)
}

func rulesOf(kinds []kind.Kind) map[string]plan.Rules {
	rules := make(map[string]plan.Rules, len(kinds))
	for _, k := range kinds {
		rules[k.Name] = plan.Rules{Traits: k.Traits, Steps: k.Steps}
	}
	return rules
}

func traitsOf(kinds []kind.Kind) map[string]resource.Traits {
	traits := make(map[string]resource.Traits, len(kinds))
	for _, k := range kinds {
		traits[k.Name] = k.Traits
	}
	return traits
}

func movingOf(kinds []kind.Kind) map[string][]string {
	moving := map[string][]string{}
	for _, k := range kinds {
		moving[k.Name] = k.Traits.Moving
	}
	return moving
}

func ofKind(set resource.Set, name string) []resource.Resource {
	var list []resource.Resource
	for _, id := range set.IDs() {
		if id.Kind == name {
			list = append(list, set[id])
		}
	}
	return list
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}
