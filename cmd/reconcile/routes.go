package main

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newRoutes(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "routes ENV",
		Short: "say of every origin and destination whether messages are delivered, and what is missing",
		Long: `routes looks at each pair of an origin and a destination: whether both have
their contracts, whose signatures the destination asks for, how many of those
sign, and whether a relayer's wallet there is at or above its floor. What a pair
lacks is told with the command to type next.`,
		Example: `  reconcile routes staging
  reconcile routes production --format json > routes.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.routes(cmd.Context(), args[0], format)
		},
	}
	cmd.Flags().StringVar(&a.rev, "rev", "", "take the routes of this git revision instead of the working tree")
	cmd.Flags().StringVar(&format, "format", "table", "print as table, json or csv")
	return cmd
}

func (a *app) routes(ctx context.Context, name, format string) error {
	if err := checkFormat(format, "table", "json", "csv"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	world, err := s.observeKinds(ctx, func(k kind.Kind) bool { return s.notKeys(k) && k.Name != funding.Name })
	if err != nil {
		return err
	}
	seen, err := s.attestations(ctx, world)
	if err != nil {
		return err
	}
	var rows []view.RouteRow
	for _, pair := range pairs(s.env) {
		rows = append(rows, (&directing{env: s.env, pair: pair, world: world, seen: seen}).row())
	}
	if err := view.Routes(a.out, rows, view.TableOptions{Options: a.viewOptions(), Format: format}); err != nil {
		return err
	}
	return s.unreadOf(world, seen)
}

// pairs are the declared routes, and those that sets are declared for.
func pairs(env *config.Environment) []config.Route {
	list := slices.Clone(env.Routes)
	for _, set := range env.ValidatorSets {
		for _, destination := range set.Destinations {
			list = append(list, config.Route{From: set.Origin, To: destination})
		}
	}
	slices.SortFunc(list, func(a, b config.Route) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	return slices.Compact(list)
}

// directing looks at one pair.
type directing struct {
	env   *config.Environment
	pair  config.Route
	world *observe.World
	seen  validators.World
	out   view.RouteRow
}

func (d *directing) lack(next, format string, args ...any) {
	d.out.Missing = append(d.out.Missing, view.Lack{What: fmt.Sprintf(format, args...), Next: next})
}

func (d *directing) row() view.RouteRow {
	d.out = view.RouteRow{Origin: d.pair.From, Destination: d.pair.To}
	d.deployed()
	d.asked()
	d.relayed()
	return d.out
}

func (d *directing) deployed() {
	file := "environments/" + d.env.Name + "/deployments/"
	if d.env.Deployment == nil {
		d.lack("write "+file+"ID.json, and name it: deployment: \"ID\"", "the environment has no deployment")
		return
	}
	file += d.env.Deployment.ID + ".json"
	for network, roles := range map[string][]string{d.pair.From: validators.OriginRoles(), d.pair.To: validators.DestinationRoles()} {
		if missing := validators.Missing(d.env, network, roles...); len(missing) > 0 {
			d.lack("deploy it, and add it to "+file, "%s is not deployed: no %s", network, strings.Join(missing, ", "))
		}
	}
	slices.SortFunc(d.out.Missing, func(a, b view.Lack) int { return strings.Compare(a.What, b.What) })
	d.out.Deployed = len(d.out.Missing) == 0
}

// asked is whose signatures the destination asks for.
func (d *directing) asked() {
	if !d.out.Deployed {
		return
	}
	id := config.SetID(d.pair.To, d.pair.From)
	i := slices.IndexFunc(d.seen.Routes, func(r validators.Route) bool { return r.ID == id })
	if i < 0 {
		d.lack("declare validatorSets: "+d.pair.From+": {…} in environments/"+d.env.Name, "no validator set of %s is declared for %s", d.pair.From, d.pair.To)
		return
	}
	r := d.seen.Routes[i]
	plan := fmt.Sprintf("reconcile plan %s --only '%s'", d.env.Name, id)
	if r.Err != nil {
		d.out.Set = "not read"
		d.lack("", "%s was not read", d.pair.To)
		return
	}
	set := r.Path.Set
	switch {
	case len(r.Path.Problems) > 0:
		d.out.Set = r.Path.Problems[0].Rule
		d.lack("", "its modules are not understood: %s", r.Path.Problems[0].Error())
	case set == nil:
		d.out.Set = "no route"
		d.lack(plan, "%s asks nobody for messages of %s: nothing is delivered", d.pair.To, d.pair.From)
	default:
		d.out.Set, d.out.ISM = fmt.Sprintf("%d of %d %s", set.Threshold, len(set.Members), set.Type), r.Path.Leaf().Address.Hex()
	}
	if set == nil {
		return
	}
	if !r.InForce() {
		declared := fmt.Sprintf("%d of %d %s", r.Set.Threshold, len(r.Set.Members), r.Set.Type)
		if declared == d.out.Set {
			declared += " with other members"
		}
		if !r.Set.Managed {
			plan = ""
		}
		d.lack(plan, "it asks for %s, declared is %s", d.out.Set, declared)
	}
	d.signed(r)
}

// signed counts those of whom the destination asks that sign.
func (d *directing) signed(r validators.Route) {
	set, unread := r.Path.Set, 0
	d.out.Asked, d.out.Need = true, set.Threshold
	for _, address := range set.Members {
		i := slices.IndexFunc(d.seen.Members, func(m validators.Member) bool { return m.Origin == d.pair.From && m.Address == address })
		switch {
		case i < 0:
			d.out.Strangers++
		case d.seen.Members[i].Standing.Err != nil:
			unread++
		case d.seen.Members[i].Signs():
			d.out.Live++
		}
	}
	next := "reconcile validators " + d.env.Name
	switch {
	case d.out.Live >= d.out.Need:
	case unread > 0:
		d.lack(next, "%d of %d members were not read", unread, len(set.Members))
	case d.out.Live+d.out.Strangers >= d.out.Need:
		d.lack(next, "live at least %d, need %d: %d of those asked are not declared, and nobody knows whether they sign", d.out.Live, d.out.Need, d.out.Strangers)
	default:
		d.lack(next, "live %d of %d, need %d: no message is delivered", d.out.Live, len(set.Members), d.out.Need)
	}
}

// relayed looks for a relayer of the route with money at the destination.
func (d *directing) relayed() {
	for _, agent := range d.env.Agents {
		if !slices.Contains(agent.Routes, d.pair) {
			continue
		}
		for _, key := range d.env.Keys {
			if key.Agent == agent.Name && key.Use == "signer" && slices.Contains(key.Networks, d.pair.To) {
				d.wallet(key.Name)
			}
		}
	}
	if len(d.out.Relayers) == 0 {
		d.lack("declare a relayer of it in environments/"+d.env.Name+"/agents.cue", "no relayer of %s to %s is declared", d.pair.From, d.pair.To)
	}
}

func (d *directing) wallet(name string) {
	id := resource.ID{Kind: funding.Name, Scope: d.pair.To, Name: name}
	w := view.RelayerWallet{Name: name}
	defer func() { d.out.Relayers = append(d.out.Relayers, w) }()
	floor := floorOf(d.env, id)
	if floor == nil {
		d.lack("declare its funding in environments/"+d.env.Name+"/funding.cue", "relayer wallet %s is not funded on %s", name, d.pair.To)
		return
	}
	level, _ := d.world.Owned[id].Attrs["balance"].(map[string]any)
	text, _ := level["wei"].(string)
	wei, ok := new(big.Int).SetString(text, 10)
	switch {
	case !ok || slices.ContainsFunc(d.world.Unread, func(u resource.Unread) bool { return u.Covers(id) }):
		w.Unread = true
		d.lack("", "relayer wallet %s on %s was not read", name, d.pair.To)
	case wei.Cmp(floor) < 0:
		d.lack(fmt.Sprintf("reconcile plan %s --only '%s'", d.env.Name, id), "relayer wallet %s is below its floor on %s", name, d.pair.To)
	default:
		w.Funded = true
	}
}

// floorOf a declared wallet; nil where there is none.
func floorOf(env *config.Environment, id resource.ID) *big.Int {
	for _, f := range env.Funding {
		for _, w := range f.Wallets {
			if f.Network == id.Scope && w.Name == id.Name {
				return w.Floor
			}
		}
	}
	return nil
}
