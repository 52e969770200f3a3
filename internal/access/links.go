package access

import "strings"

// pair is two principals: what the first can do to the second.
type pair struct{ from, to *caller }

// link is the surest way that was found in which one principal gets at another,
// or at itself.
type link struct {
	answer  answer
	actions []string
	target  string
}

func (l link) hop() Hop { return Hop{Actions: l.actions, Target: l.target, Sure: l.answer == yes} }

// may is the answer to one action on one resource, in the context of a direct
// call or in one of a single condition key and its value.
func (ix *index) may(c *caller, action, arn string, more ...string) answer {
	lower := strings.ToLower(action)
	if c.kind <= ownRole && strings.HasPrefix(lower, "iam:") && !ix.acts(c, lower) {
		return no
	}
	s := ix.direct(c, lower, arn)
	if len(more) == 2 {
		s.given, s.weighed = map[string][]string{strings.ToLower(more[0]): {more[1]}}, nil
	}
	return s.decide().answer()
}

// acts reports whether one of the caller's own policies may allow the action.
func (ix *index) acts(c *caller, action string) bool {
	for _, src := range c.sources {
		if src.mayAllow(action) {
			return true
		}
	}
	return false
}

// consider keeps the better link: one action on one target, or nothing.
func (l *link) consider(a answer, target string, actions ...string) {
	if a > l.answer {
		*l = link{answer: a, actions: actions, target: target}
	}
}

// actAs is how one principal can act with the rights of another: take the role
// on, rewrite who may, run something with it, or give itself the user's
// credentials.
func (ix *index) actAs(from, to *caller) link {
	known, there := ix.links[pair{from, to}]
	if there {
		return known
	}
	var l link
	if to.kind == ownRole {
		l.consider(ix.may(from, "sts:AssumeRole", to.arn), to.arn, "sts:AssumeRole")
		if l.answer < yes {
			l.consider(ix.may(from, "iam:UpdateAssumeRolePolicy", to.arn), to.arn, "iam:UpdateAssumeRolePolicy")
		}
		if l.answer < yes {
			ix.passRole(&l, from, to)
		}
	} else {
		for _, action := range []string{"iam:CreateAccessKey", "iam:UpdateLoginProfile", "iam:CreateLoginProfile"} {
			if l.answer < yes {
				l.consider(ix.may(from, action, to.arn), to.arn, action)
			}
		}
	}
	ix.links[pair{from, to}] = l
	return l
}

// running lists what starts code of the caller's own with a role that is passed
// to the service: any of the alternatives, each with all its actions. A service
// that is not here is not judged.
func running(service string) [][]string {
	switch service {
	case "ec2.amazonaws.com":
		return [][]string{{"ec2:RunInstances"}, {"ec2:AssociateIamInstanceProfile"}}
	case "lambda.amazonaws.com":
		return [][]string{{"lambda:CreateFunction"}}
	case "ecs-tasks.amazonaws.com":
		return [][]string{{"ecs:RegisterTaskDefinition", "ecs:RunTask"}, {"ecs:RegisterTaskDefinition", "ecs:UpdateService"}}
	case "cloudformation.amazonaws.com":
		return [][]string{{"cloudformation:CreateStack"}}
	case "codebuild.amazonaws.com":
		return [][]string{{"codebuild:CreateProject", "codebuild:StartBuild"}}
	case "glue.amazonaws.com":
		return [][]string{{"glue:CreateJob", "glue:StartJobRun"}, {"glue:CreateDevEndpoint"}}
	case "sagemaker.amazonaws.com":
		return [][]string{{"sagemaker:CreateNotebookInstance"}}
	case "states.amazonaws.com":
		return [][]string{{"states:CreateStateMachine", "states:StartExecution"}}
	case "pods.eks.amazonaws.com":
		return [][]string{{"eks:CreatePodIdentityAssociation"}}
	}
	return nil
}

// passRole adds the way over a service that the role trusts.
func (ix *index) passRole(l *link, from, to *caller) {
	if !ix.acts(from, "iam:passrole") {
		return
	}
	for _, c := range to.trust.about("sts:assumerole") {
		if c.Effect != Allow {
			continue
		}
		for _, name := range c.Principals["Service"].Texts() {
			passes := ix.may(from, "iam:PassRole", to.arn, "iam:PassedToService", name)
			if passes <= l.answer {
				continue
			}
			alternatives := running(name)
			if alternatives == nil {
				l.consider(maybe, to.arn, "iam:PassRole", "("+name+")")
			}
			for _, actions := range alternatives {
				l.consider(min(passes, ix.startsWith(from, actions)), to.arn, append([]string{"iam:PassRole"}, actions...)...)
			}
		}
	}
}

// startsWith is the answer to actions on resources that do not exist yet: yes
// where all resources are allowed, maybe where only some are.
func (ix *index) startsWith(c *caller, actions []string) answer {
	worst := yes
	for _, action := range actions {
		lower := strings.ToLower(action)
		s := ix.situation(c, lower, "*", nil)
		var deny ruling
		allow, boundary := s.identity(&deny)
		is := min(allow.answer, boundary.answer, deny.answer.not())
		if is == no && deny.answer == no && ix.acts(c, lower) {
			is = maybe
		}
		worst = min(worst, is)
	}
	return worst
}

// raise is how one principal can widen what another's own policies allow: by
// writing them, those of its groups, or a managed policy that it has.
func (ix *index) raise(from, to *caller) link {
	known, there := ix.raises[pair{from, to}]
	if there {
		return known
	}
	var l link
	try := func(target string, actions ...string) {
		for _, action := range actions {
			if l.answer < yes {
				l.consider(ix.may(from, action, target), target, action)
			}
		}
	}
	if to.kind == ownUser {
		try(to.arn, "iam:PutUserPolicy", "iam:AttachUserPolicy")
	} else {
		try(to.arn, "iam:PutRolePolicy", "iam:AttachRolePolicy")
	}
	attached := to.entity.Attached
	for _, name := range to.groups {
		if g := ix.groups[name]; g != nil {
			try(g.ARN, "iam:PutGroupPolicy", "iam:AttachGroupPolicy")
			attached = append(attached[:len(attached):len(attached)], g.Attached...)
		}
	}
	for _, arn := range attached {
		if accountOf(arn) == ix.world.Account {
			try(arn, "iam:CreatePolicyVersion")
		}
	}
	ix.raises[pair{from, to}] = l
	return l
}

// raiser lists the actions of raise, in lower case.
func raiser() []string {
	return []string{
		"iam:putuserpolicy", "iam:attachuserpolicy", "iam:putrolepolicy", "iam:attachrolepolicy",
		"iam:putgrouppolicy", "iam:attachgrouppolicy", "iam:createpolicyversion",
	}
}

// unbind is how one principal can take away another's permissions boundary.
func (ix *index) unbind(from, to *caller) link {
	var l link
	if to.boundary == nil {
		return l
	}
	actions := []string{"iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"}
	if to.kind == ownRole {
		actions = []string{"iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"}
	}
	for _, action := range actions {
		l.consider(ix.may(from, action, to.arn), to.arn, action)
	}
	if arn := to.entity.Boundary; accountOf(arn) == ix.world.Account {
		l.consider(ix.may(from, "iam:CreatePolicyVersion", arn), arn, "iam:CreatePolicyVersion")
	}
	return l
}

// undeny is how one principal can take away a policy of another's.
func (ix *index) undeny(from, to *caller) link {
	var l link
	actions := []string{"iam:DetachUserPolicy", "iam:DeleteUserPolicy"}
	if to.kind == ownRole {
		actions = []string{"iam:DetachRolePolicy", "iam:DeleteRolePolicy"}
	}
	for _, action := range actions {
		l.consider(ix.may(from, action, to.arn), to.arn, action)
	}
	return l
}
