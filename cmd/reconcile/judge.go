package main

import (
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The gate knows neither CUE nor the configuration's types: these functions
// say the same in its words.

func governanceOf(g config.Governance) gate.Governance {
	out := gate.Governance{
		Requirements: make(map[resource.Risk]gate.Requirement, len(g.Requirements)),
		Belts: gate.Belts{
			UpdateShare: g.Belts.UpdateShare, DeleteShare: g.Belts.DeleteShare, MinResources: g.Belts.MinResources,
			Updates: g.Belts.Updates, Deletes: g.Belts.Deletes, KeysRetired: g.Belts.KeysRetired, AccessWidened: g.Belts.AccessWidened,
			ThresholdMove: g.Belts.ThresholdMove, MemberMoves: g.Belts.MemberMoves,
		},
	}
	if g.TopUp != nil {
		out.TopUp = &gate.Requirement{Auto: g.TopUp.Auto, Forbid: g.TopUp.Forbid, Approvals: g.TopUp.Approvals}
	}
	for risk, r := range g.Requirements {
		out.Requirements[risk] = gate.Requirement{Auto: r.Auto, Forbid: r.Forbid, Approvals: r.Approvals}
	}
	for _, a := range g.Acknowledged {
		out.Acknowledged = append(out.Acknowledged, gate.Acknowledgement{Rule: a.Rule, ID: a.ID, Reason: a.Reason, Expires: a.Expires})
	}
	return out
}

// standingOf is what funding may do by itself in an environment.
func standingOf(env *config.Environment) gate.Standing {
	s := gate.Standing{Limits: map[string]gate.Limits{}, Wallets: map[string]gate.Wallet{}}
	for _, f := range env.Funding {
		s.Limits[f.Network] = gate.Limits{
			CapTransaction: f.CapTransaction, CapPlan: f.CapPlan, CapDay: f.CapDay, Reserve: f.Reserve,
		}
		for _, w := range f.Wallets {
			s.Wallets[f.Network+"/"+w.Name] = gate.Wallet{Floor: w.Floor, Target: w.Target, Bank: f.Bank}
		}
	}
	return s
}

func unitsOf(env *config.Environment) map[string]gate.Unit {
	units := map[string]gate.Unit{}
	for _, n := range env.Networks {
		units[n.Name] = gate.Unit{Symbol: n.Symbol, Decimals: n.Decimals}
	}
	return units
}

// gated reports whether the environment asks for people or pins: then every
// address is derived from the key itself, on every plan.
func gated(env *config.Environment) bool {
	if env.Addresses == "pinned" || env.Class == config.Mainnet {
		return true
	}
	for _, r := range env.Governance.Requirements {
		if !r.Auto {
			return true
		}
	}
	return false
}
