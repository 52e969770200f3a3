package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/gate"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// powers gathers what one person holds in one environment, as it is declared.
type powers struct {
	env    *config.Environment
	person config.Person
	now    time.Time
	found  []view.Power
	breaks []view.Broken
	unread []string
}

func (p *powers) add(kind, where, what string, args ...any) {
	p.found = append(p.found, view.Power{Environment: p.env.Name, Kind: kind, Where: where, What: fmt.Sprintf(what, args...)})
}

func (p *powers) lost(have, need int, what string, args ...any) {
	if have < need {
		p.breaks = append(p.breaks, view.Broken{Environment: p.env.Name, What: fmt.Sprintf(what, args...), Have: have, Need: need})
	}
}

func (p *powers) unknown(what string, args ...any) {
	p.unread = append(p.unread, p.env.Name+": "+fmt.Sprintf(what, args...))
}

// declared finds all that the configuration says.
func (p *powers) declared() {
	p.approves()
	p.operates()
	p.owns()
	p.attests()
	p.receives()
	p.principals()
	if tool := p.env.Tool; tool != nil && p.person.Forge != "" {
		p.add("forge", tool.Repository, "login %s: who may merge and run workflows there is the forge's own", p.person.Forge)
	}
}

// approvers are the people whose approval counts in the environment, by name.
func approversOf(env *config.Environment, now time.Time) []string {
	nobodys := &plan.Plan{Environment: env.Name}
	return approve.Count(approvalRules(env.Governance), approve.Ballot{Plan: nobodys, Now: now}).Eligible
}

// approves: whose signature counts, for what, and what would have too few.
func (p *powers) approves() {
	at := config.Folder + "/" + p.env.Name + "/approvers"
	var people []string
	for _, name := range approversOf(p.env, p.now) {
		if strings.Contains(name, "(certified by ") {
			p.unknown("%s: %s: whom a certificate authority certifies is not known", at, name)
			continue
		}
		people = append(people, name)
	}
	var asks []string
	others := len(slices.DeleteFunc(slices.Clone(people), func(name string) bool { return name == p.person.Name }))
	approver := others < len(people)
	for _, risk := range []resource.Risk{resource.Protective, resource.Routine, resource.Sensitive, resource.Destructive} {
		if need := p.env.Governance.Requirements[risk].Approvals; need > 0 {
			asks = append(asks, fmt.Sprintf("%s (%d of %d)", risk, need, len(people)))
			p.lost(others, need, "approvals of %s changes", risk)
		}
	}
	if t := p.env.Governance.TopUp; t != nil && t.Approvals > 0 {
		asks = append(asks, fmt.Sprintf("top-ups (%d of %d)", t.Approvals, len(people)))
		p.lost(others, t.Approvals, "approvals of top-ups")
	}
	switch {
	case approver && len(asks) > 0:
		p.add("approver", at, "approves %s", strings.Join(asks, ", "))
	case approver:
		p.add("approver", at, "may approve, and nothing asks for approvals")
	}
}

// runs reports a key that the person operates.
func (p *powers) runs(name string) bool {
	key, ok := p.env.Key(name)
	return ok && key.Operator == p.person.Name
}

// operates: the agents and keys that he runs. Whoever runs an agent signs with its
// keys.
func (p *powers) operates() {
	of := map[string][]string{}
	var order []string
	for _, key := range p.env.Keys {
		if key.Operator != p.person.Name {
			continue
		}
		where := "key " + key.Name
		if key.Agent != "" {
			where = "agent " + key.Agent
		}
		if of[where] == nil {
			order = append(order, where)
		}
		of[where] = append(of[where], key.Name)
	}
	for _, where := range order {
		p.add("operator", where, "runs it, and signs with %s", strings.Join(of[where], ", "))
	}
}

// isHe reports a party that the person can speak for alone; via says how.
func (p *powers) isHe(party config.Party) (via string, he bool) {
	switch {
	case party.Address != "":
		return party.Address, slices.ContainsFunc(p.person.Addresses, func(a string) bool { return strings.EqualFold(a, party.Address) })
	case party.Key != "":
		return "key " + party.Key, p.runs(party.Key)
	}
	return "", false
}

// owns: Safes and contracts, by an address of his or a key that he runs.
func (p *powers) owns() {
	shares := map[string]string{}
	for _, s := range p.env.Safes {
		theirs, how := 0, []string{}
		for _, owner := range s.Owners {
			if via, he := p.isHe(owner); he {
				theirs++
				how = append(how, via)
			}
		}
		if theirs == 0 {
			continue
		}
		share := fmt.Sprintf("%d of %d owners, %d must sign", theirs, len(s.Owners), s.Threshold)
		shares[s.Network+"/"+s.Name] = share
		p.add("safe-owner", contractAt(s.ResourceID(), s.Address), "%s: by %s", share, strings.Join(how, ", "))
		p.lost(len(s.Owners)-theirs, s.Threshold, "owners of %s", contractAt(s.ResourceID(), s.Address))
	}
	for _, c := range p.env.Contracts {
		p.contract(c, shares)
	}
}

func (p *powers) contract(c config.Contract, shares map[string]string) {
	where := contractAt(c.ResourceID(), c.Address)
	if c.Owner != nil {
		if via, he := p.isHe(*c.Owner); he {
			p.add("contract-owner", where, "owns it: by %s", via)
			p.lost(0, 1, "owner of %s", where)
		} else if share := shares[c.Network+"/"+c.Owner.Safe]; c.Owner.Safe != "" && share != "" {
			p.add("contract-owner", where, "owns it through Safe %s: %s", c.Owner.Safe, share)
		}
	}
	for _, parameter := range c.Parameters {
		if via, he := p.isHe(config.Party{Key: parameter.Want.Key, Address: parameter.Want.Literal}); he {
			p.add("contract-role", where, "is its %s: by %s", parameter.Name, via)
		}
	}
	for _, scan := range c.Scans {
		for _, want := range slices.Concat(scan.Want...) {
			if via, he := p.isHe(config.Party{Key: want.Key, Address: want.Literal}); he {
				p.add("contract-role", where, "is one of its %s: by %s", scan.Name, via)
			}
		}
	}
}

func contractAt(id resource.ID, address string) string {
	return strings.TrimSpace(id.String() + " " + address)
}

// attests: the members of validator sets that he runs.
func (p *powers) attests() {
	for _, set := range p.env.ValidatorSets {
		var his []string
		for _, m := range set.Members {
			_, holds := p.isHe(config.Party{Key: m.Key, Address: m.Address})
			if holds || m.Operator == p.person.Name {
				his = append(his, m.Name)
			}
		}
		if len(his) == 0 {
			continue
		}
		p.add("validator", "validator set "+set.Origin, "%d of %d members, %d must sign: %s", len(his), len(set.Members), set.Threshold, strings.Join(his, ", "))
		p.lost(len(set.Members)-len(his), set.Threshold, "validators of %s", set.Origin)
	}
}

// receives: the wallets of his that are kept filled.
func (p *powers) receives() {
	for _, f := range p.env.Funding {
		n, _ := p.env.Network(f.Network)
		for _, w := range f.Wallets {
			if _, he := p.isHe(config.Party{Address: w.Address}); he {
				p.add("recipient", "funding/"+f.Network+"/"+w.Name, "%s is kept filled to %s %s", w.Address, gate.Coins(w.Target, n.Decimals), n.Symbol)
			}
		}
	}
}

// undeclared ends what is told of a principal that only the account knows.
const undeclared = "is declared nowhere here: what it may do is the account's to say (--live)"

// principals: what IAM, key policies, buckets and trusts say of his users and roles.
func (p *powers) principals() {
	for _, stated := range p.person.Principals {
		account, mine := p.env.AWS.Account, strings.HasPrefix(stated, "arn:")
		known := false
		if a := p.env.Access; a != nil {
			known = p.inAccess(a, stated)
		}
		for i, arn := range bootstrap.RoleARNs(account, p.env.Name) {
			if p.env.Tool != nil && sameIAM(stated, arn) {
				known = true
				p.add("iam", stated, "is the tool's own %s role", []string{"apply", "plan", "watch"}[i])
			}
		}
		if here := "arn:aws:iam::" + account + ":"; !known && (!mine || strings.HasPrefix(stated, here)) {
			p.unknown("%s %s", stated, undeclared)
		}
	}
}
