package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// accessFindings proves what the environment expects of access, on the account
// as it will be once the plan is applied. What refuses stops a plan that touches
// the resource; elsewhere it asks to be acknowledged, so that one missing right
// does not keep the wallets from being filled.
func (s *session) accessFindings(ctx context.Context, world *observe.World, d plan.Difference) []resource.Finding {
	if s.env.Access == nil {
		return s.givenUp()
	}
	return s.soften(append(s.prove(ctx, world, d.Changes, d.Resolved).Findings, s.toolFindings(ctx)...), d.Changes)
}

// givenUp speaks when a configuration stops managing access: what it made stays
// as it is, unseen, and that is said and accepted before it happens.
func (s *session) givenUp() []resource.Finding {
	if s.applied == nil || s.applied.Access == nil {
		return nil
	}
	a := s.applied.Access
	return []resource.Finding{{
		Rule: "access-given-up", Severity: resource.Acknowledge,
		Reason: fmt.Sprintf("the configuration declares access no more: %d users, %d groups, %d roles, %d policies and %d buckets stay as they are and are not looked at",
			len(a.Users), len(a.Groups), len(a.Roles), len(a.Policies), len(a.Buckets)),
		Hint: "remove them first with an empty access block, or accept it in the configuration",
	}}
}

// proveAgain plays the plan through on the account as it is right before the
// first write, for the keys that the plan touches or points at. What refuses now
// and did not when the plan was reviewed stops it.
func (s *session) proveAgain(ctx context.Context, p *plan.Plan, world *observe.World) error {
	if s.env.Access == nil {
		return nil
	}
	live, err := s.directory.Fresh(ctx)
	if err != nil {
		return err
	}
	s.pauses.widened = s.widens(live, world, p.Changes, p.Resolved)
	found := s.proveOn(live, world, p.Changes, p.Resolved).Findings
	found = slices.DeleteFunc(s.soften(found, p.Changes), func(f resource.Finding) bool { return f.ID.Kind != "kms-key" && f.Rule != proof.RuleGap })
	fresh := gate.NewRefusals(gate.Without(p.Findings), found)
	if len(fresh) == 0 {
		return nil
	}
	return &exitError{code: exitRefused, err: withHint(
		fmt.Errorf("%s: access has moved since the plan was made: %s: %s: %s", s.env.Name, fresh[0].ID, fresh[0].Rule, fresh[0].Reason), "reconcile plan %s", s.env.Name)}
}

// prove plays changes through on what was read. IAM that could not be read is
// unread already, kind by kind: then there is nothing to prove.
func (s *session) prove(ctx context.Context, world *observe.World, changes []plan.Change, resolved map[string]string) proof.Proof {
	live, err := s.directory.All(ctx)
	if err != nil {
		return proof.Proof{}
	}
	return s.proveOn(live, world, changes, resolved)
}

func (s *session) proveOn(live *access.Directory, world *observe.World, changes []plan.Change, resolved map[string]string) proof.Proof {
	return proof.Of(s.proofInput(live, world, changes, resolved))
}

func (s *session) proofInput(live *access.Directory, world *observe.World, changes []plan.Change, resolved map[string]string) proof.Input {
	var managed []string
	for id, r := range world.Owned {
		if strings.HasPrefix(id.Kind, "iam-") && r.Outputs["arn"] != "" {
			managed = append(managed, r.Outputs["arn"])
		}
	}
	if s.env.Tool != nil {
		managed = append(managed, bootstrap.RoleARNs(s.env.AWS.Account, s.env.Name)...)
	}
	slices.Sort(managed)
	in := proof.Input{
		Environment: s.env.Name, Account: s.env.AWS.Account, Live: live, Observed: observedOf(world), Managed: managed,
		Changes: changes, Resolved: resolved, Unread: world.Unread,
	}
	in.Previous, _ = s.previous() // what cannot be declared was refused by the diff
	if s.env.Access != nil {
		in.Uses = usesOf(s.env)
	}
	return in
}

// usesOf says who is expected to use which key, in the proof's words. A bank is
// used by the tool itself, if it has a role of its own.
func usesOf(env *config.Environment) []proof.Use {
	expected := map[string][]config.KeyUse{}
	for _, use := range env.Access.Uses {
		expected[use.Key] = append(expected[use.Key], use)
	}
	var uses []proof.Use
	for _, key := range env.Keys {
		if key.Holder != "kms" {
			continue
		}
		use := proof.Use{Key: key.ResourceID(), Alias: key.Alias}
		for _, declared := range expected[key.Name] {
			join(&use, declared, env)
		}
		use.Agent = cmp.Or(use.Agent, key.Name)
		if env.Tool != nil {
			// Who manages access can give it: docs/threat-model.md says how far.
			tool := bootstrap.ApplyRoleARN(env.AWS.Account, env.Name)
			use.Admins = append(use.Admins, tool)
			if key.Use == "bank" || key.Use == "owner" {
				use.Others = append(use.Others, tool)
			}
		}
		uses = append(uses, use)
	}
	return uses
}

// join adds one running instance to those that use a key. A key that several
// agents share is nobody's in particular.
func join(use *proof.Use, declared config.KeyUse, env *config.Environment) {
	switch {
	case len(use.Principals) == 0:
		use.Agent = declared.Agent
	case use.Agent != declared.Agent:
		use.Agent = ""
	}
	use.External = use.External || declared.External
	use.Principals = append(use.Principals, declared.Principals...)
	slices.Sort(use.Principals)
	use.Principals = slices.Compact(use.Principals)
	for _, b := range env.Access.Buckets {
		arn := "arn:aws:s3:::" + b.Bucket
		byIAM := env.Access.WritersByIAM(env.AWS.Account, arn)
		writes := slices.ContainsFunc(declared.Principals, func(principal string) bool {
			_, declaredToo := byIAM[principal]
			return declaredToo || slices.Contains(b.Writers, principal)
		})
		if own := declared.Agent != "" && b.Agent == declared.Agent && b.Instance == declared.Instance; (own || writes) && !slices.Contains(use.Buckets, arn) {
			use.Buckets = append(use.Buckets, arn)
		}
	}
}

// toolFindings compares the tool's own roles with what a person should have
// made. apply never changes them.
func (s *session) toolFindings(ctx context.Context) []resource.Finding {
	live, err := s.directory.All(ctx)
	if s.env.Tool == nil || err != nil {
		return nil
	}
	set, err := bootstrap.Make(s.env, bootstrap.Actions(s.kinds))
	if err != nil {
		return []resource.Finding{{Rule: bootstrap.RuleMissing, Severity: resource.Note, Reason: err.Error()}}
	}
	return set.Check(live)
}
