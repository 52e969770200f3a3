package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// pauses is what a session knows of the moment: who stopped the environment, what
// its plan gives to whom, and what held a step of it.
type pauses struct {
	halt    gate.Halt
	widened []gate.Gain
	held    atomic.Pointer[resource.Finding]
}

func newStop(a *app) *cobra.Command {
	var scope, why string
	cmd := &cobra.Command{
		Use:   "stop ENV",
		Short: "stop every apply of an environment, one that is running included",
		Long: `stop keeps plans of an environment from being applied until resume. An apply that
is running starts no further step. Under the scope changes, top-ups inside the
standing limits and plans that only take power away go on; under all, only the
latter. It needs no lease, and nothing of AWS or of chains but the store.`,
		Example: `  reconcile stop production --why "validator keys may be stolen"
  reconcile stop production --scope all --why "the bank's key may be stolen"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if scope != string(journal.StopChanges) && scope != string(journal.StopAll) {
				return fmt.Errorf("--scope %q: must be %s or %s", scope, journal.StopChanges, journal.StopAll)
			}
			return a.stop(cmd.Context(), args[0], journal.StopScope(scope), why)
		},
	}
	cmd.Flags().StringVar(&scope, "scope", string(journal.StopChanges), "what to stop: changes leaves top-ups, all leaves nothing but what takes power away")
	cmd.Flags().StringVar(&why, "why", "", "the reason, for whoever finds it stopped (required)")
	return cmd
}

func newResume(a *app) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "resume ENV",
		Short: "let plans of a stopped environment be applied again",
		Long: `resume ends a stop. A plan that was stopped in the middle goes on with apply of
the same file, as long as it is not expired.`,
		Example: `  reconcile resume production --why "keys rotated, see the report"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.stop(cmd.Context(), args[0], journal.StopNothing, why)
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for the record (required)")
	return cmd
}

// stop writes what is stopped from now on; nothing, where an environment resumes.
func (a *app) stop(ctx context.Context, name string, scope journal.StopScope, why string) error {
	verb := "stop"
	if scope == journal.StopNothing {
		verb = "resume"
	}
	if why == "" {
		return withHint(fmt.Errorf("%s: --why is missing", verb), "reconcile %s %s --why TEXT", verb, name)
	}
	s, store, err := a.openStore(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	was := journal.ReadStop(ctx, store, name)
	switch {
	case scope == journal.StopNothing && was.Scope() == journal.StopNothing:
		fmt.Fprintf(a.out, "%s: is not stopped\n", name)
		return nil
	case scope == journal.StopChanges && was.Scope() == journal.StopAll:
		return withHint(fmt.Errorf("%s: everything is stopped already: %s", name, haltText(was)), "to stop less: reconcile resume %s --why TEXT, then stop it again", name)
	}
	user, host := a.owner()
	now, err := journal.WriteStop(ctx, store, was, journal.Stopped{Scope: scope, Why: why, By: user + "@" + host, At: a.now()})
	if errors.Is(err, journal.ErrExists) || errors.Is(err, journal.ErrConflict) {
		return withHint(fmt.Errorf("%s: %s: somebody else stopped or resumed it in the same moment", name, verb), "look, then again: reconcile verify %s", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", name, verb, err)
	}
	switch now.Scope() {
	case journal.StopNothing:
		fmt.Fprintf(a.out, "%s: resumed · it was stopped: %s\n", name, a.escape(haltText(was)))
	case journal.StopChanges:
		fmt.Fprintf(a.out, "%s: changes are stopped · top-ups inside the standing limits and what only takes power away go on · %s\n", name, a.escape(store.Name()))
	default:
		fmt.Fprintf(a.out, "%s: everything is stopped · only what takes power away goes on · %s\n", name, a.escape(store.Name()))
	}
	if now.Scope() == journal.StopNothing {
		return nil
	}
	return view.Hint(a.out, fmt.Sprintf("once it is over: reconcile resume %s --why TEXT", name), a.viewOptions())
}

// openStore opens no more than a stop needs: at three in the morning an endpoint
// that is down, or a journal that was edited, must not keep anybody from stopping.
func (a *app) openStore(ctx context.Context, name string) (*session, journal.Store, error) {
	s, err := a.load(name)
	if err != nil {
		return nil, nil, err
	}
	if s.env.Store.Kind == "s3" {
		options := cloud.Options{Account: s.env.AWS.Account, Region: s.env.AWS.Region, Profile: a.profileOf(name), Rate: a.rate}
		if o := s.env.Overlay; o != nil {
			options.Endpoint, options.Unlimited = o.AWS.Endpoint, o.AWS.Unlimited
		}
		if s.aws, err = cloud.Open(ctx, options); err != nil {
			s.close()
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	store, err := s.store()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return s, store, nil
}

func haltText(stop journal.Stop) string {
	if stop.Damaged != "" {
		return stop.Damaged
	}
	return fmt.Sprintf("%s (%s, %s)", stop.Now.Why, stop.Now.By, stop.Now.At.UTC().Format("2006-01-02 15:04 UTC"))
}

// haltNow reads whether the environment is stopped, in the gate's words.
func (s *session) haltNow(ctx context.Context) gate.Halt {
	stop := journal.ReadStop(ctx, s.objects, s.env.Name)
	return gate.Halt{
		Scope: string(stop.Scope()), Why: stop.Now.Why, By: stop.Now.By, Since: stop.Now.At, Unreadable: s.chains.redact(stop.Damaged),
	}
}

// windowsNow are the windows of the rules in force around this moment.
func (s *session) windowsNow() []gate.Window {
	var windows []gate.Window
	for _, i := range s.rules().Governance.Windows.Around(s.app.now().UTC()) {
		windows = append(windows, gate.Window{From: i.From, Until: i.Until, Deny: i.Deny, Why: i.Why})
	}
	return windows
}

// paused adds what holds a plan for now to what the gate looks at.
func (s *session) paused(in gate.Input) gate.Input {
	in.Applying, in.Halt, in.Widened = s.app.applying, s.pauses.halt, s.pauses.widened
	in.Windows, in.WindowsPassTopUps = s.windowsNow(), s.rules().Governance.Windows.TopUps
	return in
}

// halted is asked before every step of an apply: what was stopped meanwhile, or
// whose window ended, starts no more.
func (s *session) halted(p *plan.Plan) func(context.Context) error {
	return func(ctx context.Context) error {
		held := gate.Held(gate.Input{
			Plan: p, Halt: s.haltNow(ctx), Windows: s.windowsNow(), WindowsPassTopUps: s.rules().Governance.Windows.TopUps, Now: s.app.now().UTC(),
		})
		if held == nil {
			return nil
		}
		s.pauses.held.Store(held)
		return fmt.Errorf("%s: %s", held.Rule, held.Reason)
	}
}

// goOn is how a plan that was not done whole is brought to its end.
func (s *session) goOn() string {
	held := s.pauses.held.Load()
	switch {
	case held == nil:
		return "mend the cause, then apply the same file again: it goes on where it stopped"
	case held.Rule == plan.RuleStopped:
		return fmt.Sprintf("once it is over: reconcile resume %s --why TEXT, then apply the same file again: it goes on where it stopped", s.env.Name)
	default:
		return "apply the same file again when its window opens: it goes on where it stopped"
	}
}

// widens says who gains what by a plan, where the rules in force count it.
func (s *session) widens(live *access.Directory, world *observe.World, changes []plan.Change, resolved map[string]string) []gate.Gain {
	if !s.countsAccess() {
		return nil
	}
	var gains []gate.Gain
	for _, g := range proof.Widened(s.proofInput(live, world, changes, resolved)) {
		gains = append(gains, gate.Gain{Principal: g.Principal, Action: g.Action, On: g.On})
	}
	return gains
}

func (s *session) countsAccess() bool {
	return s.env.Access != nil && s.rules().Governance.Belts.AccessWidened != nil
}

// widensBy is widens of a draft. IAM that could not be read is unread already.
func (s *session) widensBy(ctx context.Context, world *observe.World, d plan.Difference) []gate.Gain {
	if !s.countsAccess() {
		return nil
	}
	live, err := s.directory.All(ctx)
	if err != nil {
		return nil
	}
	return s.widens(live, world, d.Changes, d.Resolved)
}
