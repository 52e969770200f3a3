package config

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The longest names in IAM (IAM User Guide, "IAM and AWS STS quotas").
const (
	maxPrincipalName = 64
	maxGroupName     = 128
)

// claim notes where a declared resource stands; one that has an agent's name is
// found by checkNames, at its own line.
func (a *accessing) claim(id resource.ID, at cue.Path) { a.stated[id] = at }

// checkNames refuses names that IAM would: too long ones, and two that differ
// in case only (IAM User Guide, "IAM identifiers").
func (a *accessing) checkNames() {
	seen := map[resource.ID]resource.ID{}
	check := func(id resource.ID, most int) {
		at, known := a.stated[id]
		if !known {
			at = in("access")
		}
		if len(id.Name) > most {
			a.fault(at, "state a shorter one: name", "%s %s has %d characters, may have %d", plain(id.Kind), id.Name, len(id.Name), most)
		}
		folded := id
		folded.Name = strings.ToLower(id.Name)
		if other, twice := seen[folded]; twice {
			a.fault(at, "rename one of them", "%s %s is there already%s", plain(id.Kind), id.Name, besideCase(id.Name, other.Name))
		}
		seen[folded] = id
	}
	for _, u := range a.out.Users {
		check(UserID(u.Name), maxPrincipalName)
	}
	for _, r := range a.out.Roles {
		check(RoleID(r.Name), maxPrincipalName)
	}
	for _, g := range a.out.Groups {
		check(GroupID(g.Name), maxGroupName)
	}
	for _, p := range a.out.Policies {
		check(PolicyID(p.Name), maxGroupName)
	}
	a.checkSecrets()
}

// besideCase tells two names apart that IAM does not.
func besideCase(name, other string) string {
	if name == other {
		return ""
	}
	return " as " + other + ", IAM ignores case"
}

// plain is the word for a kind of IAM: user, group, role, policy.
func plain(kind string) string { return strings.TrimPrefix(kind, "iam-") }

// checkSecrets refuses one secret for two things.
func (a *accessing) checkSecrets() {
	owners := map[string]string{}
	for _, key := range a.env.Keys {
		if key.Holder == "hex" {
			owners[key.Region+" "+key.Alias] = "key " + key.Name
		}
	}
	for _, u := range a.out.Users {
		if u.AccessKey == nil {
			continue
		}
		place := u.AccessKey.Region + " " + u.AccessKey.Secret
		if owner := owners[place]; owner != "" {
			a.add(u.AccessKey.Source, "access.accessKey", "write {name} into it", "secret %s of user %s is that of %s", u.AccessKey.Secret, u.Name, owner)
		}
		owners[place] = "user " + u.Name
	}
}

// checkAttachments refuses policies that nobody declares or that do not fit,
// and members that are no users here.
func (a *accessing) checkAttachments() {
	var policies, users []string
	for _, p := range a.out.Policies {
		policies = append(policies, p.Name)
	}
	for _, u := range a.out.Users {
		users = append(users, u.Name)
	}
	attached := func(id resource.ID, names []string) {
		at := a.stated[id]
		for _, name := range names {
			arn := strings.HasPrefix(name, "arn:")
			switch {
			case arn && !strings.HasPrefix(name, "arn:aws:iam::aws:") && !strings.HasPrefix(name, "arn:aws:iam::"+a.env.AWS.Account+":"):
				a.fault(at, "", "policy %s is of another account, this is %s", name, a.env.AWS.Account)
			case !arn && !slices.Contains(policies, name):
				a.fault(at, meant(name, policies), "no policy %q is declared", name)
			}
		}
		if len(names) > maxAttachments {
			a.fault(at, "join some of them; keys: \"aliases\" is shorter than ARNs", "%s %s has %d policies attached, may have %d", plain(id.Kind), id.Name, len(names), maxAttachments)
		}
	}
	for _, u := range a.out.Users {
		attached(UserID(u.Name), u.Policies)
	}
	for _, r := range a.out.Roles {
		attached(RoleID(r.Name), r.Policies)
	}
	for _, g := range a.out.Groups {
		attached(GroupID(g.Name), g.Policies)
		for _, member := range g.Members {
			if !slices.Contains(users, member) {
				a.fault(a.stated[GroupID(g.Name)].Append(cue.Str("members")), meant(member, users), "no user %q in this environment", member)
			}
		}
	}
}
