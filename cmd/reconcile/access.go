package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newAccess(a *app) *cobra.Command {
	var format, key, principal string
	var unmanaged bool
	cmd := &cobra.Command{
		Use:   "access ENV",
		Short: "say who can sign with which key, and who could become able to",
		Long: `access reads all of the account's IAM, the policies and grants of the
environment's keys and the policies of its buckets, and works out who can sign
with which key today, by what, and who could give himself the right. What it
does not read (service control policies, session policies, other accounts) it
says. It needs no right but to read.`,
		Example: `  reconcile access staging
  reconcile access staging --key validator-0-attestation-sepolia
  reconcile access production --principal production-relayer
  reconcile access production --unmanaged
  reconcile access production --format json > access.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.access(cmd.Context(), args[0], unmanaged, view.AccessOptions{Format: format, Key: key, Principal: principal})
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "take the keys and what is expected from this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "table", "print as table or json")
	cmd.Flags().StringVar(&key, "key", "", "all about one key: its name, alias, id or ARN")
	cmd.Flags().StringVar(&principal, "principal", "", "all that one user or role can do: its name or ARN")
	cmd.Flags().BoolVar(&unmanaged, "unmanaged", false, "the account's users, groups, roles and policies that the environment does not declare, and what they can do")
	cmd.MarkFlagsMutuallyExclusive("unmanaged", "key", "principal")
	return cmd
}

func (a *app) access(ctx context.Context, name string, unmanaged bool, o view.AccessOptions) error {
	if err := checkFormat(o.Format, "table", "json"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	if s.env.Access == nil {
		// Who can sign is a question about the account, whatever is declared.
		s.env.Access = &config.Access{}
		if s.kinds, err = newKinds(s); err != nil {
			return err
		}
	}
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return err
	}
	kinds := slices.DeleteFunc(slices.Clone(s.kinds), func(k kind.Kind) bool { return !k.Traits.Alone })
	world, err := observe.All(ctx, s.env, kinds, desired, s.progress.kind)
	if err != nil {
		return err
	}
	live, err := s.directory.All(ctx)
	if err != nil && len(world.Unread) > 0 {
		// Without IAM nothing can be told, and nothing is printed that looks like it.
		s.progress.unread(world.Unread)
		return exit(exitUnread)
	}
	if err != nil {
		return err
	}
	report := s.accessReport(ctx, world, live, unmanaged)
	o.Options = a.viewOptions()
	o.Coins = coinsOf(s.env)
	if err := view.Access(a.out, report, o); err != nil {
		return err
	}
	if len(world.Unread) > 0 {
		return exit(exitUnread)
	}
	return nil
}

// accessReport is who can use the environment's keys today.
func (s *session) accessReport(ctx context.Context, world *observe.World, live *access.Directory, unmanaged bool) view.AccessReport {
	proved := s.prove(ctx, world, nil, nil)
	report := view.AccessReport{
		Environment: s.env.Name, Account: s.env.AWS.Account, Region: s.env.AWS.Region, NotRead: notRead(s.env, proved.Now),
		Unread: world.Unread, Totals: view.AccessTotals{Users: len(live.Users), Groups: len(live.Groups), Roles: len(live.Roles)},
	}
	strangers := strangersOf(live, proved.Now.Managed, s.env)
	if unmanaged {
		report.Unmanaged = strangers
	}
	for _, p := range live.Policies {
		if !strings.HasPrefix(p.ARN, "arn:aws:iam::aws:") {
			report.Totals.Policies++
		}
	}
	report.Totals.Unmanaged = len(strangers)
	if len(proved.Expected) > 0 {
		now := newAccount(proved.Now)
		for _, expected := range proved.Expected {
			report.Keys = append(report.Keys, s.keyAccess(now, expected))
		}
	}
	return report
}

// account answers for one account, and remembers who administers it.
type account struct {
	*access.Inquiry
	anyPolicy string
	admins    map[string]bool
}

func newAccount(w *access.World) *account {
	return &account{Inquiry: w.Inquire(), anyPolicy: "arn:aws:iam::" + w.Account + ":policy/any", admins: map[string]bool{}}
}

// administers reports a principal that may rewrite any policy of the account.
func (a *account) administers(principal string) bool {
	admin, known := a.admins[principal]
	if !known {
		admin = a.Allows(access.Request{Principal: principal, Action: "iam:CreatePolicyVersion", Resource: a.anyPolicy})
		a.admins[principal] = admin
	}
	return admin
}

// notRead is what could change the answer and is not looked at. Hex keys are no
// keys of KMS: whoever may read the secret has the key.
func notRead(env *config.Environment, w *access.World) []string {
	list := slices.Concat(access.Blind(), w.Unread)
	if slices.ContainsFunc(env.Keys, func(k config.Key) bool { return k.Holder == "hex" }) {
		list = append(list, "who may read the secrets of hex keys")
	}
	return list
}

// keyAccess is who can use one key today.
func (s *session) keyAccess(w *account, e access.Expectation) view.KeyAccess {
	key, _ := s.env.Key(e.Key.Name)
	row := view.KeyAccess{
		ID: e.Key, Key: key.Name, Alias: key.Alias, ARN: e.KeyARN, Agent: key.Agent, Instance: key.Instance, Managed: len(e.Principals)+len(e.Others) > 0,
	}
	for _, h := range w.Who("kms:Sign", e.KeyARN) {
		row.Signers = append(row.Signers, view.Signer{
			Principal: h.Principal, Through: h.Decision.Through, Certain: h.Decision.Verdict == access.Allowed, Doubt: doubt(h.Decision),
			Expected: slices.Contains(e.Principals, h.Principal) || slices.Contains(e.Others, h.Principal), Admin: w.administers(h.Principal),
		})
	}
	for _, principal := range e.Principals {
		if d := w.Decide(access.Request{Principal: principal, Action: "kms:Sign", Resource: e.KeyARN}); d.Verdict == access.NotAllowed || d.Verdict == access.Denied {
			row.Missing = append(row.Missing, view.MissingSigner{Principal: principal, Reason: d.Reason, Hint: "reconcile plan " + s.env.Name})
		}
	}
	for _, p := range w.Become(e.KeyARN) {
		row.CanBecome = append(row.CanBecome, view.Becoming{Principal: p.Principal, Path: pathText(p), Certain: p.Sure, Admin: w.administers(p.Principal)})
	}
	return row
}

func doubt(d access.Decision) string {
	if d.Verdict == access.Allowed {
		return ""
	}
	return d.Reason
}

// pathText is a way to become able to sign, in words.
func pathText(p access.Path) string {
	hops := make([]string, len(p.Hops))
	for i, h := range p.Hops {
		hops[i] = strings.Join(h.Actions, " and ")
		if h.Target != "" && h.Target != "*" {
			hops[i] += " on " + cmp.Or(h.Target[strings.LastIndexByte(h.Target, '/')+1:], h.Target)
		}
	}
	return strings.Join(hops, ", then ")
}
