package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// lowering turns a document into an Environment: what people write once (an
// agent on eight networks) becomes what must exist (its keys and wallets).
type lowering struct {
	faults
	doc *document
	env *Environment
	// agents are the document's after sets and roles are filled in.
	agents map[string]rawAgent
}

// fault reports at the position of a value, under its path.
func (l *lowering) fault(at cue.Path, hint, format string, args ...any) {
	l.add(l.doc.at(at), at.String(), hint, format, args...)
}

// lower gives the environment, or all its faults.
func lower(d *document, name string, files []file, overlay *Overlay) (*Environment, error) {
	raw := &d.raw
	l := &lowering{doc: d}
	l.env = &Environment{
		Name: raw.Name, Purpose: raw.Purpose, Class: raw.Class, Mode: resource.Mode(raw.Mode),
		AWS:      AWS{Account: raw.AWS.Account, Region: raw.AWS.Region, Source: d.at(in("aws"))},
		Accounts: raw.Accounts, Addresses: raw.Addresses,
		Source: d.at(in("name")),
	}
	if raw.Name != name {
		l.fault(in("name"), "", "%q differs from its folder %q", raw.Name, d.folder)
	}
	l.store()
	l.networks()
	l.mergeAgents()
	l.lowerAgents()
	l.lowerKeys()
	l.lowerFunding()
	l.routes()
	l.governance()
	l.people(files)
	l.access()
	l.tool()
	l.protect()
	l.mirrors()
	l.pins(files)
	l.deployment(files, overlay)
	l.onchain()
	l.check()
	if err := l.err(); err != nil {
		return nil, err
	}
	return l.env, nil
}

func (l *lowering) store() {
	raw := l.doc.raw.Store
	if raw == nil {
		l.env.Store = Store{Kind: "file", Path: ".reconcile/" + l.env.Name, Source: l.doc.home}
		return
	}
	l.env.Store = Store{Kind: raw.Kind, Path: raw.Path, Bucket: raw.Bucket, Prefix: raw.Prefix, Region: raw.Region, Source: l.doc.at(in("store"))}
	stated := map[string]string{"path": raw.Path, "bucket": raw.Bucket, "prefix": raw.Prefix, "region": raw.Region}
	need, foreign := "path", []string{"bucket", "prefix", "region"}
	if raw.Kind == "s3" {
		need, foreign = "bucket", []string{"path"}
		l.env.Store.Region = cmp.Or(raw.Region, l.env.AWS.Region)
	}
	if stated[need] == "" {
		l.fault(in("store"), "", "a store of kind %s needs %s", raw.Kind, need)
	}
	for _, field := range foreign {
		if stated[field] != "" {
			l.fault(in("store", field), "", "a store of kind %s has no %s", raw.Kind, field)
		}
	}
}

func (l *lowering) networks() {
	for _, name := range slices.Sorted(maps.Keys(l.doc.raw.Networks)) {
		raw := l.doc.raw.Networks[name]
		l.env.Networks = append(l.env.Networks, Network{
			Name: name, Display: cmp.Or(raw.DisplayName, name), ChainID: raw.ChainID, DomainID: raw.DomainID,
			Class: raw.Class, Genesis: raw.Genesis, Stack: raw.Stack,
			Symbol: raw.NativeToken.Symbol, Decimals: raw.NativeToken.Decimals, RPC: raw.RPC,
			Confirmations: raw.Confirmations, TxType: raw.TxType, Explorer: raw.Explorer, State: raw.State, BatchSize: raw.BatchSize,
			Source: l.doc.at(in("networks", name)),
		})
	}
	if len(l.env.Networks) == 0 {
		l.fault(in("networks"), "", "is empty, an environment has 1 network at least")
	}
}

func (l *lowering) networkNames() []string {
	names := make([]string, len(l.env.Networks))
	for i, n := range l.env.Networks {
		names[i] = n.Name
	}
	return names
}

// known reports an unknown network at a value.
func (l *lowering) known(at cue.Path, network string) bool {
	if _, ok := l.doc.raw.Networks[network]; ok {
		return true
	}
	l.fault(at, meant(network, l.networkNames()), "no network %q in this environment", network)
	return false
}

// networkList checks a stated list of networks, and gives it sorted.
func (l *lowering) networkList(at cue.Path, stated []string) []string {
	var names []string
	for i, name := range stated {
		element := at.Append(cue.Index(i))
		switch {
		case !l.known(element, name):
		case slices.Contains(names, name):
			l.fault(element, "", "network %q is listed twice", name)
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// expandRoutes lists the routes among networks: those stated, or all pairs.
func (l *lowering) expandRoutes(at cue.Path, raw *rawRoutes, networks []string) []Route {
	var routes []Route
	if raw == nil || raw.All {
		for _, from := range networks {
			for _, to := range networks {
				if from != to {
					routes = append(routes, Route{From: from, To: to})
				}
			}
		}
		return routes
	}
	for i, r := range raw.List {
		element := at.Append(cue.Index(i))
		route := Route(r)
		known := l.known(element.Append(cue.Str("from")), r.From)
		known = l.known(element.Append(cue.Str("to")), r.To) && known
		switch {
		case !known:
		case r.From == r.To:
			l.fault(element, "", "a route leads from a network to another one, this from %s to itself", r.From)
		case slices.Contains(routes, route):
			l.fault(element, "", "route %s to %s is listed twice", r.From, r.To)
		default:
			routes = append(routes, route)
		}
	}
	slices.SortFunc(routes, Route.Compare)
	return routes
}

// Compare orders routes by origin, then destination.
func (r Route) Compare(other Route) int {
	return cmp.Or(strings.Compare(r.From, other.From), strings.Compare(r.To, other.To))
}

func (l *lowering) governance() {
	raw := l.doc.raw.Gates
	g := Governance{
		Requirements: map[resource.Risk]Requirement{
			resource.Protective:  Requirement(raw.Protective),
			resource.Routine:     Requirement(raw.Routine),
			resource.Sensitive:   Requirement(raw.Sensitive),
			resource.Destructive: Requirement(raw.Destructive),
		},
		Belts:      DefaultBelts(),
		TrustedRef: raw.TrustedRef,
		Approvals:  Approvals(raw.Approvals),
		Source:     l.doc.at(in("gates")),
	}
	if raw.TopUp != nil {
		need := Requirement(*raw.TopUp)
		g.TopUp = &need
	}
	if raw.Belts != nil {
		g.Belts = *raw.Belts
	}
	g.Windows = l.windows(raw.Windows)
	life, err := time.ParseDuration(raw.PlanLife)
	if err != nil || life > 30*24*time.Hour {
		l.fault(in("gates", "planLife"), "", "%q is not a duration of at most 720h", raw.PlanLife)
	}
	g.PlanLife = life
	g.Calls = l.calls(raw.Calls)
	for i, a := range raw.Acknowledged {
		at := in("gates", "acknowledged", i)
		accepted := Acknowledgement{Rule: a.Rule, ID: a.ID, Reason: a.Reason, Source: l.doc.at(at)}
		if a.Expires != "" {
			if accepted.Expires, err = time.Parse(time.DateOnly, a.Expires); err != nil {
				l.fault(at.Append(cue.Str("expires")), "", "%q is not a day of the calendar", a.Expires)
			}
		}
		if a.ID != "" {
			if _, err := resource.ParseID(a.ID); err != nil {
				l.fault(at.Append(cue.Str("id")), "", "%s", err)
			}
		}
		g.Acknowledged = append(g.Acknowledged, accepted)
	}
	l.env.Governance = g
}

func (l *lowering) mirrors() {
	raw := l.doc.raw.Mirrors
	if raw == nil {
		return
	}
	l.env.Mirrors = &Mirrors{Environment: raw.Environment, Networks: raw.Networks, Exceptions: raw.Exceptions, Source: l.doc.at(in("mirrors"))}
	if raw.Environment == l.env.Name {
		l.fault(in("mirrors", "environment"), "", "an environment cannot mirror itself")
	}
	for _, here := range slices.Sorted(maps.Keys(raw.Networks)) {
		l.known(in("mirrors", "networks", here), here)
	}
}

// itoa writes an instance's number.
func itoa(n int) string { return strconv.Itoa(n) }
