package config

import (
	"cmp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// checkForms refuses what contradicts an agent's shape, or leaves nobody who
// could use its keys.
func (a *accessing) checkForms() {
	shapes := map[string]bool{}
	told := map[string]bool{}
	for _, s := range a.seats {
		if told[s.agent.Name] || !s.needs() {
			continue
		}
		told[s.agent.Name] = true
		shapes[s.form.shape] = true
		a.checkForm(s)
	}
	a.checkCommon(shapes)
}

// checkCommon refuses what is stated for all agents and serves none, or locks
// them out.
func (a *accessing) checkCommon(shapes map[string]bool) {
	if a.raw.Trust != nil && !shapes[shapeRoles] {
		a.fault(in("access", "trust"), "take it out, or write shape: \"roles\"", "is for roles, and no agent has one: the shape is %s", a.raw.Shape)
	}
	trusting := func(s *seat) bool {
		return s.needs() && s.form.shape == shapeRoles && s.agent.OperatedBy != "external" && s.form.own.Trust == nil
	}
	if i := slices.IndexFunc(a.seats, trusting); a.raw.Trust == nil && i >= 0 {
		a.fault(in("access", "trust"), "write trust: irsa: {provider, namespace}, ecs: {} or account: {account, externalId}", "is missing: nobody could assume the role of %s", a.seats[i].agent.Name)
	}
	barred := func(s *seat) bool {
		return s.form.grants == ByIAM && slices.ContainsFunc(s.keys, func(k Key) bool { return k.Holder == "kms" })
	}
	if i := slices.IndexFunc(a.seats, barred); a.raw.Delegate == DelegateAdmin && i >= 0 {
		a.fault(in("access", "delegate"), "grants: \"keyPolicy\", or delegate: \"all\"", "admin leaves signing to key policies, and %s has its right in IAM: it could not sign", a.seats[i].agent.Name)
	}
	if a.raw.AccessKey != nil && !shapes[shapeUsers] && !shapes[shapeGroups] {
		a.fault(in("access", "accessKey"), "take it out: whoever assumes a role gets keys for hours only", "is for users, and no agent is one: the shape is %s", a.raw.Shape)
	}
	for field, stated := range map[string]bool{"user": a.raw.User != rawObject{}, "group": a.raw.Group != rawObject{}} {
		if stated && !shapes[shapeGroups] {
			a.fault(in("access", field), "state it of one agent: agents: <agent>: {name, path, adopt}", "is that of shape groups, this is %s", a.raw.Shape)
		}
	}
	if a.raw.Keys == "aliases" && a.raw.Grants == ByKeyPolicy {
		a.fault(in("access", "keys"), "leave it out", "has no effect where key policies grant: a key's own policy is about that key")
	}
}

func (a *accessing) checkForm(s *seat) {
	own, at, external := s.form.own, s.form.at, s.agent.OperatedBy == "external"
	field := func(name string) cue.Path { return at.Append(cue.Str(name)) }
	if len(own.Principals) > 0 {
		a.checkPrincipals(s, external)
		return
	}
	switch s.form.shape {
	case shapeRoles:
		if external && (own.Trust == nil || own.Trust.Account == nil) {
			a.fault(at, "state its principals, or trust: account: {account, externalId}", "%s runs it, and nothing says who that is in AWS", s.agent.Operator)
		}
		if own.AccessKey != nil {
			a.fault(field("accessKey"), "shape: \"users\" gives it a user", "a role has no access key")
		}
	case shapeGroups:
		if external {
			a.fault(at, "give it a role of its own: shape: \"roles\", trust: account: {account, externalId}", "%s runs it, and would share the user of all agents", s.agent.Operator)
		}
		if own.rawObject != (rawObject{}) || own.AccessKey != nil || len(own.Policies) > 0 {
			a.fault(at, "state it of the shared user: access: {user, accessKey}; or give the agent a user: shape: \"users\"", "name, path, adopt, protect, accessKey and policies are of a user or role of its own, and its shape is groups")
		}
	case shapeUsers:
		if external && own.Shape != shapeUsers {
			a.fault(at, "state its principals, or say that it gets a user here: shape: \"users\"", "%s runs it, and nothing says who that is in AWS", s.agent.Operator)
		}
	}
	if own.Trust != nil && s.form.shape != shapeRoles {
		a.fault(field("trust"), "take it out, or write shape: \"roles\"", "is for roles, and its shape is %s", s.form.shape)
	}
	if own.Keys != "" && s.form.grants == ByKeyPolicy {
		a.fault(field("keys"), "leave it out", "has no effect where key policies grant: a key's own policy is about that key")
	}
}

// checkPrincipals refuses what would need a user or role of ours, and keys that
// only our IAM can admit to.
func (a *accessing) checkPrincipals(s *seat, external bool) {
	own, at := s.form.own, s.form.at
	if !external {
		a.fault(at.Append(cue.Str("principals")), "operatedBy: \"external\"", "are an outside operator's, and %s is run by us", s.agent.Name)
	}
	if own.rawObject != (rawObject{}) || own.Shape != "" || own.Keys != "" || own.Grants != "" || own.Trust != nil || own.AccessKey != nil || len(own.Policies) > 0 || own.SignerPolicy != (rawObject{}) || own.StoragePolicy != (rawObject{}) {
		a.fault(at, "leave only principals", "has principals of its own, there is no user, role or policy of ours of which more could be stated")
	}
	if i := slices.IndexFunc(s.keys, func(k Key) bool { return k.Holder == "hex" }); i >= 0 {
		a.fault(at.Append(cue.Str("principals")), "leave principals out: a role with trust: account reads it", "key %s is a secret, whose readers our IAM says, not a key policy", s.keys[i].Name)
	}
}

// checkTrust refuses ways into a role that are wider than they look.
func (a *accessing) checkTrust() {
	subjects := map[string]string{}
	for _, role := range a.out.Roles {
		at := a.stated[RoleID(role.Name)]
		for _, t := range role.Trust {
			switch t.Kind {
			case TrustIRSA:
				subject := t.Provider + " " + t.Namespace + ":" + t.ServiceAccount
				if other := subjects[subject]; other != "" && !strings.Contains(subject, "{") {
					a.fault(at, "write {name} or {instance} into serviceAccount", "service account %s of namespace %s may assume %s already: each instance has one of its own", t.ServiceAccount, t.Namespace, other)
				}
				subjects[subject] = cmp.Or(subjects[subject], role.Name)
			case TrustAccount:
				if t.Principal != "" && !strings.HasPrefix(t.Principal, "arn:aws:iam::"+t.Account+":") {
					a.fault(at, "", "principal %s is not of account %s", t.Principal, t.Account)
				}
				if t.Account == a.env.AWS.Account && t.Principal == "" {
					a.fault(at, "name it: trust: account: principal: \"arn:aws:iam::"+t.Account+":role/…\"", "account %s is this one: which of its principals may assume %s is not said", t.Account, role.Name)
				}
			}
		}
	}
}
