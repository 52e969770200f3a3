package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// ruleNotDeployed tells what is declared and has no contract yet.
const ruleNotDeployed = "not-deployed"

// lacking is what has no contract on one network.
type lacking struct {
	origins          []string // of sets that nobody can ask for here
	safes, contracts []string
}

func (l lacking) empty() bool { return len(l.origins)+len(l.safes)+len(l.contracts) == 0 }

// notDeployed puts one note in the place of what kinds say of contracts that are
// not there: for each network, or one where the environment has no deployment.
func notDeployed(env *config.Environment, found []resource.Finding) []resource.Finding {
	found = slices.DeleteFunc(found, func(f resource.Finding) bool { return f.Rule == ruleNotDeployed })
	var all lacking
	var each []resource.Finding
	for _, n := range env.Networks {
		l := lackingOn(env, n)
		if l.empty() {
			continue
		}
		all.origins, all.safes, all.contracts = append(all.origins, l.origins...), append(all.safes, l.safes...), append(all.contracts, l.contracts...)
		each = append(each, resource.Finding{
			Rule: ruleNotDeployed, Severity: resource.Note, ID: resource.ID{Kind: "network", Scope: n.Name, Name: n.Name},
			Reason: "not deployed, so not looked at: " + l.names(), Hint: "add them to the deployment once they are there",
		})
	}
	if env.Deployment != nil || all.empty() {
		return append(found, each...)
	}
	return append(found, resource.Finding{
		Rule: ruleNotDeployed, Severity: resource.Note, Reason: "not deployed, so not looked at: " + all.counts(),
		Hint: "write deployment: \"ID\" once environments/" + env.Name + "/deployments/ID.json says where the contracts are",
	})
}

func lackingOn(env *config.Environment, n config.Network) lacking {
	var l lacking
	if n.State == config.Retired {
		return l
	}
	has := func(network string) bool {
		_, there := env.Deployment.Contract(network, config.RoleMailbox)
		return there
	}
	for _, set := range env.ValidatorSets {
		switch {
		case !slices.Contains(set.Destinations, n.Name):
		case !has(n.Name):
			l.origins = append(l.origins, set.Origin)
		case !has(set.Origin):
			l.origins = append(l.origins, set.Origin+" (has no Mailbox itself)")
		}
	}
	for _, s := range env.Safes {
		if s.Network == n.Name && s.Address == "" {
			l.safes = append(l.safes, s.Name)
		}
	}
	for _, c := range env.Contracts {
		if c.Network == n.Name && c.Address == "" {
			l.contracts = append(l.contracts, c.Name)
		}
	}
	return l
}

// names lists what lacks, a few of each by name.
func (l lacking) names() string {
	return l.say(func(noun string, list []string) string { return plural(noun, len(list)) + " " + some(list) })
}

func (l lacking) counts() string {
	return l.say(func(noun string, list []string) string { return count(len(list), noun) })
}

func (l lacking) say(how func(noun string, list []string) string) string {
	var parts []string
	for _, p := range []struct {
		noun string
		list []string
	}{{"validator set", l.origins}, {"Safe", l.safes}, {"contract", l.contracts}} {
		if len(p.list) > 0 {
			parts = append(parts, how(p.noun, p.list))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// some are at most four names, and how many more there are.
func some(list []string) string {
	const most = 4
	list = slices.SortedFunc(slices.Values(list), cmp.Compare[string])
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + " and " + strconv.Itoa(len(list)-most) + " more"
}
