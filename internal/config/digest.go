package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// judging is what judges a plan, in the form that is digested.
type judging struct {
	Requirements map[resource.Risk]Requirement `json:"requirements"`
	TopUp        *Requirement                  `json:"topUp"`
	Belts        Belts                         `json:"belts"`
	TrustedRef   string                        `json:"trustedRef"`
	PlanLife     string                        `json:"planLife"`
	Acknowledged []judgingAccepted             `json:"acknowledged"`
	Addresses    string                        `json:"addresses"`
	Mode         resource.Mode                 `json:"mode"`
	Store        Store                         `json:"store"`
	Funding      []judgingFunding              `json:"funding"`
	Endpoints    map[string][]string           `json:"endpoints"`
	Approvers    string                        `json:"approvers"`
	// Revoked and Policies are digests of bytes: a comment there counts too.
	Revoked   string            `json:"revoked,omitempty"`
	People    []judgingPerson   `json:"people,omitempty"`
	Policies  map[string]string `json:"policies,omitempty"`
	Approvals *Approvals        `json:"approvals,omitempty"`
	// Tool and Boundary bound what this tool itself can do: who may become it, and
	// what the most is that anything it makes may do.
	Tool     *judgingTool `json:"tool,omitempty"`
	Boundary string       `json:"boundary,omitempty"`
	// Calls are the methods that may be written by. Floor and Unproven say which
	// sets pass without proof, Services where proposals go, and Execute which Safes
	// the tool signs for. What it does not hold is what a plan is about: members,
	// owners and the deployment's addresses, which are reviewed with the plan.
	Calls    map[string]resource.Risk `json:"calls,omitempty"`
	Floor    *ism.Floor               `json:"floor,omitempty"`
	Unproven []judgingUnproven        `json:"unproven,omitempty"`
	Services []judgingService         `json:"services,omitempty"`
	Execute  []judgingExecute         `json:"execute,omitempty"`
	Windows  *judgingWindows          `json:"windows,omitempty"`
}

type judgingUnproven struct{ Origin, Member, Reason, Expires string }

type judgingService struct{ Network, Safe, Service, Key, Delegate string }

type judgingExecute struct {
	Network, Safe string
	Owners        []Party
	Threshold     int
}

type judgingTool struct {
	Repository         string
	Plan, Apply, Watch []string
}

// judgingPerson is Person without its place.
type judgingPerson struct {
	Name       string   `json:"name"`
	Keys       []string `json:"keys,omitempty"`
	Emails     []string `json:"emails,omitempty"`
	Forge      string   `json:"forge,omitempty"`
	Principals []string `json:"principals,omitempty"`
	Addresses  []string `json:"addresses,omitempty"`
}

type judgingWindows struct {
	Zone        string
	Allow, Deny []judgingWindow
	TopUps      bool
}

type judgingWindow struct {
	From, To, Begin, End string
	Days                 []string
}

type judgingAccepted struct{ Rule, ID, Reason, Expires string }

type judgingFunding struct {
	Network string          `json:"network"`
	Bank    string          `json:"bank"`
	Reserve string          `json:"reserve"`
	Caps    []string        `json:"caps"`
	Wallets []judgingWallet `json:"wallets"`
}

type judgingWallet struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Floor   string `json:"floor"`
	Target  string `json:"target"`
	Burn    string `json:"burnPerDay,omitempty"`
}

// governanceDigest covers what judges a plan. Positions and order are not
// part of it: moving a line weakens nobody.
func governanceDigest(env *Environment) (string, error) {
	g := env.Governance
	form := judging{
		Requirements: g.Requirements, TopUp: g.TopUp, Belts: g.Belts, TrustedRef: g.TrustedRef, PlanLife: g.PlanLife.String(),
		Addresses: env.Addresses, Mode: env.Mode, Store: env.Store, Endpoints: map[string][]string{},
	}
	for _, a := range g.Acknowledged {
		form.Acknowledged = append(form.Acknowledged, judgingAccepted{a.Rule, a.ID, a.Reason, a.Expires.UTC().Format(time.RFC3339)})
	}
	slices.SortFunc(form.Acknowledged, func(a, b judgingAccepted) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.ID, b.ID), strings.Compare(a.Reason, b.Reason), strings.Compare(a.Expires, b.Expires))
	})
	for _, f := range env.Funding {
		of := judgingFunding{Network: f.Network, Bank: f.Bank, Reserve: f.Reserve.String(), Caps: []string{f.CapTransaction.String(), f.CapPlan.String(), f.CapDay.String()}}
		for _, w := range f.Wallets {
			of.Wallets = append(of.Wallets, judgingWallet{Name: w.Name, Address: w.Address, Floor: w.Floor.String(), Target: w.Target.String(), Burn: optional(w.BurnPerDay)})
		}
		form.Funding = append(form.Funding, of)
	}
	if t := env.Tool; t != nil {
		form.Tool = &judgingTool{t.Repository, t.PlanSubjects, t.ApplySubjects, t.WatchSubjects}
	}
	if env.Access != nil {
		form.Boundary = env.Access.Boundary
	}
	form.Windows = judgedWindows(g.Windows)
	form.onchain(env)
	for _, n := range env.Networks {
		form.Endpoints[n.Name] = n.RPC
	}
	form.approving(g)
	data, err := resource.Canonical(form)
	if err != nil {
		return "", err
	}
	return sum(data), nil
}

// approving adds who approves, and by what rules of their own.
func (form *judging) approving(g Governance) {
	if g.Approvers != nil {
		form.Approvers = sum(g.Approvers)
	}
	if g.Revoked != nil {
		form.Revoked = sum(g.Revoked)
	}
	for _, p := range g.People {
		form.People = append(form.People, judgingPerson{p.Name, p.Keys, p.Emails, p.Forge, p.Principals, p.Addresses})
	}
	for _, f := range g.Policies {
		if form.Policies == nil {
			form.Policies = map[string]string{}
		}
		form.Policies[f.Path] = sum(f.Data)
	}
	if a := g.Approvals; a != (Approvals{Remote: defaultRemote}) {
		form.Approvals = &a
	}
}

// onchain adds what judges changes on chains.
func (form *judging) onchain(env *Environment) {
	form.Calls = env.Governance.Calls
	if env.Floor != ism.DefaultFloor() {
		form.Floor = &env.Floor
	}
	for _, s := range env.ValidatorSets {
		for _, u := range s.Unproven {
			form.Unproven = append(form.Unproven, judgingUnproven{s.Origin, u.Member, u.Reason, u.Expires.UTC().Format(time.RFC3339)})
		}
	}
	slices.SortFunc(form.Unproven, func(a, b judgingUnproven) int {
		return cmp.Or(strings.Compare(a.Origin, b.Origin), strings.Compare(a.Member, b.Member))
	})
	for _, s := range env.Safes {
		if s.Service != "" {
			form.Services = append(form.Services, judgingService{s.Network, s.Name, s.Service, s.ServiceKey, s.Delegate})
		}
		if !s.Execute {
			continue
		}
		owners := slices.Clone(s.Owners)
		slices.SortFunc(owners, func(a, b Party) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Safe, b.Safe), strings.Compare(a.Contract, b.Contract), strings.Compare(a.Address, b.Address))
		})
		form.Execute = append(form.Execute, judgingExecute{s.Network, s.Name, owners, s.Threshold})
	}
}

func optional(n *big.Int) string {
	if n == nil {
		return ""
	}
	return n.String()
}

// sum is sha256:<hex>.
func sum(data []byte) string {
	h := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(h[:])
}
