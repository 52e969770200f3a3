package proof

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// Gain is an action that a principal can do once a plan is applied, and could not.
type Gain struct {
	// Principal is an ARN, a service, or access.Everyone.
	Principal string
	// Action by its IAM name, On the ARN that it is done to.
	Action, On string
}

// Widened lists what principals gain by a plan: an action on something that the
// plan does not make, or one that is new to them on something that the plan makes. Who
// holds all keys holds the next one too, and gains nothing. It asks for the actions
// by which others' keys, buckets and rights are taken over, and for each that a
// changed document names.
func Widened(in Input) []Gain {
	now := newProjection(in)
	moves := now.moves(in.Changes)
	if len(moves) == 0 {
		return nil
	}
	after := now.copied()
	for _, m := range moves {
		after.play(m)
	}
	w := widening{now: now.world().Inquire(), after: after.world().Inquire(), before: map[string]map[string]bool{}}
	asked := w.questions(now, after, moves)
	there, made := now.targets(), after.targets()
	maps.DeleteFunc(made, func(arn string, _ bool) bool { return there[arn] })
	for action, list := range asked {
		for _, on := range list {
			if !made[on] {
				w.old(action, on)
			}
		}
	}
	for action, list := range asked {
		for _, on := range list {
			if made[on] {
				w.new(action, on)
			}
		}
	}
	w.gains = withoutEveryones(w.gains)
	slices.SortFunc(w.gains, func(a, b Gain) int {
		return strings.Compare(a.Principal+"\x00"+a.Action+"\x00"+a.On, b.Principal+"\x00"+b.Action+"\x00"+b.On)
	})
	return slices.Compact(w.gains)
}

// withoutEveryones leaves out of the gains what everybody gains: that is one gain.
func withoutEveryones(gains []Gain) []Gain {
	everyones := map[Gain]bool{}
	for _, g := range gains {
		if g.Principal == access.Everyone {
			everyones[Gain{"", g.Action, g.On}] = true
		}
	}
	return slices.DeleteFunc(gains, func(g Gain) bool {
		return g.Principal != access.Everyone && everyones[Gain{"", g.Action, g.On}]
	})
}

// widening compares two accounts.
type widening struct {
	now, after *access.Inquiry
	// before says who could do an action on anything else than what the plan makes.
	before map[string]map[string]bool
	gains  []Gain
}

// sure ranks who can for certain above who may, and that above all others.
func sure(v access.Verdict) int {
	switch v {
	case access.Allowed:
		return 2
	case access.Unknown:
		return 1
	default:
		return 0
	}
}

// more reports that somebody can do after what he could not, or only perhaps. Where
// neither can be told for certain, it counts as a gain that more speaks for it.
func more(before, after access.Decision) bool {
	if sure(after.Verdict) != 1 || sure(before.Verdict) != 1 {
		return sure(after.Verdict) > sure(before.Verdict)
	}
	return slices.ContainsFunc(after.Through, func(line string) bool { return !slices.Contains(before.Through, line) })
}

// old compares what the plan does not make.
func (w *widening) old(action, on string) {
	could := decisions(w.now.Who(action, on))
	if w.before[action] == nil {
		w.before[action] = map[string]bool{}
	}
	for principal := range could {
		w.before[action][principal] = true
	}
	for _, h := range w.after.Who(action, on) {
		if more(could[h.Principal], h.Decision) {
			w.gains = append(w.gains, Gain{h.Principal, action, on})
		}
	}
}

// new looks at what the plan makes, after old has seen everything else.
func (w *widening) new(action, on string) {
	could := decisions(w.now.Who(action, on))
	for _, h := range w.after.Who(action, on) {
		if more(could[h.Principal], h.Decision) && !w.before[action][h.Principal] {
			w.gains = append(w.gains, Gain{h.Principal, action, on})
		}
	}
}

func decisions(holders []access.Holder) map[string]access.Decision {
	all := make(map[string]access.Decision, len(holders))
	for _, h := range holders {
		all[h.Principal] = h.Decision
	}
	return all
}

// The actions by which keys, buckets and other principals' rights are used or taken
// over; by what they are done to.
func keyActions() []string {
	return []string{
		"kms:Sign", "kms:PutKeyPolicy", "kms:CreateGrant", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", "kms:TagResource",
		"kms:UntagResource", "kms:DisableKey", "kms:EnableKey", "kms:ScheduleKeyDeletion",
	}
}

func bucketActions() []string { return []string{"s3:PutBucketPolicy", "s3:DeleteBucketPolicy"} }

func objectActions() []string { return []string{"s3:PutObject", "s3:DeleteObject"} }

func userActions() []string {
	return []string{"iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:DeleteUserPermissionsBoundary"}
}

func groupActions() []string {
	return []string{"iam:PutGroupPolicy", "iam:AttachGroupPolicy", "iam:AddUserToGroup"}
}

func roleActions() []string {
	return []string{"sts:AssumeRole", "iam:PassRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary"}
}

func policyActions() []string {
	return []string{"iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"}
}

// anyObject is one of a bucket's objects, standing for all of them.
const anyObject = "/object"

// targets are the ARNs of what is in the account.
func (p *projection) targets() map[string]bool {
	all := map[string]bool{}
	p.each(func(_ []string, arn string) { all[arn] = true })
	return all
}

// each visits what is in the account, with the actions to ask of it.
func (p *projection) each(visit func(actions []string, arn string)) {
	for _, k := range p.keys {
		visit(keyActions(), k.ARN)
	}
	for _, b := range p.buckets {
		visit(bucketActions(), b.ARN)
		visit(objectActions(), b.ARN+anyObject)
	}
	for _, u := range p.users {
		visit(userActions(), u.ARN)
	}
	for _, g := range p.groups {
		visit(groupActions(), g.ARN)
	}
	for _, r := range p.roles {
		visit(roleActions(), r.ARN)
	}
	for _, policy := range p.policies {
		if strings.Contains(policy.ARN, ":"+p.in.Account+":") {
			visit(policyActions(), policy.ARN)
		}
	}
}

// questions are the resources to ask about, by the action.
func (w *widening) questions(now, after *projection, moves []move) map[string][]string {
	asked := map[string]map[string]bool{}
	ask := func(actions []string, arn string) {
		for _, action := range actions {
			if asked[action] == nil {
				asked[action] = map[string]bool{}
			}
			if arn != "" {
				asked[action][arn] = true
			}
		}
	}
	now.each(ask)
	after.each(ask)
	for _, m := range moves {
		for _, d := range m.documents() {
			for _, s := range d.Statements {
				ask(plainActions(s.Actions), "")
				for _, arn := range after.meant(s, m) {
					ask(plainActions(s.Actions), arn)
				}
			}
		}
	}
	// Who could do an action before is asked of all keys, also where only a document
	// names it.
	for action := range asked {
		if strings.HasPrefix(strings.ToLower(action), "kms:") {
			for _, k := range now.keys {
				ask([]string{action}, k.ARN)
			}
		}
	}
	lists := map[string][]string{}
	for action, list := range asked {
		lists[action] = slices.Sorted(maps.Keys(list))
	}
	return lists
}

// plainActions are those that a statement names as they are. Reading what a key is
// gives nobody anything: a public key is no secret.
func plainActions(actions []string) []string {
	return slices.DeleteFunc(slices.Clone(actions), func(a string) bool {
		return strings.ContainsAny(a, "*?") || slices.Contains([]string{"kms:getpublickey", "kms:describekey"}, strings.ToLower(a))
	})
}

// documents are those that a change brings.
func (m move) documents() []access.Document {
	var all []access.Document
	for _, d := range []*access.Document{m.s.Document, m.s.Trust, m.s.Policy} {
		if d != nil {
			all = append(all, *d)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.s.Inline)) {
		all = append(all, m.s.Inline[name])
	}
	return all
}

// meant are resources of which a statement speaks: what it names, an example of
// what a pattern of it means, and where it names none, what the document is of.
func (p *projection) meant(s access.Statement, m move) []string {
	var arns []string
	for _, v := range s.Resources {
		if text := v.String(); v.Known() && text != "*" && !strings.Contains(text, "${") {
			arns = append(arns, strings.NewReplacer("*", "x", "?", "x").Replace(text))
		}
	}
	if m.ID.Kind == kindKey || len(arns) == 0 {
		arns = append(arns, m.arn)
	}
	return arns
}
