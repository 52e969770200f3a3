package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"time"

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
	// Tool and Boundary bound what this tool itself can do: who may become it, and
	// what the most is that anything it makes may do.
	Tool     *judgingTool `json:"tool,omitempty"`
	Boundary string       `json:"boundary,omitempty"`
}

type judgingTool struct {
	Repository         string
	Plan, Apply, Watch []string
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
func governanceDigest(env *Environment, files []file) (string, error) {
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
	for _, n := range env.Networks {
		form.Endpoints[n.Name] = n.RPC
	}
	if f := find(files, approversFile); f != nil {
		form.Approvers = sum(f.data)
	}
	data, err := resource.Canonical(form)
	if err != nil {
		return "", err
	}
	return sum(data), nil
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
