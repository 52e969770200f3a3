package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// sameIAM compares an ARN with a principal as people.cue states it: by ARN, or as
// user/<name> or role/<name> of whatever path.
func sameIAM(stated, arn string) bool {
	if strings.HasPrefix(stated, "arn:") {
		return stated == arn
	}
	sort, name, _ := strings.Cut(stated, "/")
	rest, own := strings.CutPrefix(arn[strings.LastIndexByte(arn, ':')+1:], sort+"/")
	return own && (rest == name || strings.HasSuffix(rest, "/"+name))
}

// inAccess says what the declared access gives a principal, and whether it speaks
// of it at all.
func (p *powers) inAccess(a *config.Access, stated string) bool {
	before := len(p.found)
	account := p.env.AWS.Account
	for _, u := range a.Users {
		if !sameIAM(stated, u.ARN(account)) {
			continue
		}
		p.add("iam", stated, "is declared%s", forWhom(u.Agent, u.Operator))
		if u.AccessKey != nil {
			p.add("iam", stated, "signs in with a static key, in secret %s", u.AccessKey.Secret)
		}
		policies := slices.Clone(u.Policies)
		for _, g := range a.Groups {
			if slices.Contains(g.Members, u.Name) {
				p.add("iam", stated, "is in group %s", g.Name)
				policies = append(policies, g.Policies...)
			}
		}
		p.policies(a, stated, policies)
	}
	for _, r := range a.Roles {
		if sameIAM(stated, r.ARN(account)) {
			p.add("iam", stated, "is declared%s", forWhom(r.Agent, r.Operator))
			p.policies(a, stated, r.Policies)
		}
		for _, way := range r.Trust {
			if way.Principal != "" && sameIAM(stated, way.Principal) {
				p.add("trust", "role "+r.Name, "%s may become it%s", stated, forWhom(r.Agent, r.Operator))
				p.policies(a, stated+" as "+r.Name, r.Policies)
			}
		}
	}
	p.byResource(a, stated)
	return len(p.found) > before
}

func forWhom(agent, operator string) string {
	text := ""
	if agent != "" {
		text = ", for agent " + agent
	}
	if operator != "" {
		text += ", run by " + operator
	}
	return text
}

// policies says what is attached, statement by statement.
func (p *powers) policies(a *config.Access, who string, names []string) {
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		i := slices.IndexFunc(a.Policies, func(one config.Policy) bool { return one.Name == name })
		if i < 0 {
			p.add("iam", who, "policy %s", name)
			continue
		}
		for _, s := range a.Policies[i].Statements {
			var on []string
			if len(s.Keys) > 0 {
				on = append(on, "key "+strings.Join(s.Keys, ", "))
			}
			on = append(on, s.Resources...)
			if len(s.Aliases) > 0 {
				on = append(on, "where an alias is "+strings.Join(s.Aliases, ", "))
			}
			p.add("iam", who, "%s on %s (policy %s)", strings.Join(s.Actions, ", "), strings.Join(on, ", "), name)
		}
	}
}

// byResource says what keys and buckets give the principal by their own policies.
func (p *powers) byResource(a *config.Access, stated string) {
	names := func(list []string) bool {
		return slices.ContainsFunc(list, func(arn string) bool { return sameIAM(stated, arn) })
	}
	for _, key := range p.env.Keys {
		if key.Policy != nil && names(key.Policy.Signers) {
			p.add("key-policy", "key "+key.Name, "%s signs with it, by its own policy", stated)
		}
	}
	for _, b := range a.Buckets {
		if names(b.Writers) {
			p.add("bucket", fmt.Sprintf("bucket %s", b.Bucket), "%s writes to it, by its own policy", stated)
		}
	}
	for _, use := range a.Uses {
		if names(use.Principals) && use.By == config.ByIAM {
			p.add("iam", "key "+use.Key, "%s is expected to sign with it", stated)
		}
	}
}
