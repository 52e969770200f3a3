package access

import (
	"fmt"
	"slices"
)

// principals says how the statement's Principal or NotPrincipal takes in the one
// who asks: an answer for each manner.
func (s *situation) principals(c *clause) (taken [manners]answer, why string) {
	switch {
	case c.NotPrincipals != nil && c.Principals == nil:
		return s.allBut(c)
	case c.Principals == nil || c.NotPrincipals != nil:
		return [manners]answer{asAnyone: maybe}, "it has no Principal, or Principal and NotPrincipal"
	}
	return s.listed(c.Principals)
}

// listed looks for the caller in a list of principals.
func (s *situation) listed(byType map[string]Values) (taken [manners]answer, why string) {
	for kind, values := range byType {
		for _, v := range values {
			text, known := s.index.resolve(v)
			how, in, cause := asAnyone, maybe, v.String()+" is not known yet"
			if known {
				how, in, cause = s.taken(kind, text)
			}
			if in > taken[how] {
				taken[how] = in
			}
			if in == maybe && (why == "" || cause < why) {
				why = cause
			}
		}
	}
	return taken, why
}

// taken compares the caller with one principal (IAM User Guide, "AWS JSON policy
// elements: Principal").
func (s *situation) taken(kind, text string) (manner, answer, string) {
	c := s.who
	switch kind {
	case "Service":
		return asItself, truth(c.kind == service && c.arn == text), ""
	case "Federated":
		return asItself, truth(c.kind == federated && c.arn == text), ""
	case "AWS":
		return s.takenAWS(text)
	case "CanonicalUser":
		return asAnyone, maybe, "a canonical user id is not resolved here"
	}
	return asAnyone, maybe, fmt.Sprintf("principals of type %q are not understood here", kind)
}

func (s *situation) takenAWS(text string) (manner, answer, string) {
	c := s.who
	itself := asItself
	if c.kind == ownRole && c.session == "" || c.kind == ownRole && text == c.arn {
		itself = asRole
	}
	if text == "*" {
		if c.kind == service || c.kind == federated {
			return asAnyone, maybe, "whether * takes in " + c.arn + " is not told"
		}
		return asAnyone, yes, ""
	}
	if account, whole := accountPrincipal(text); whole {
		switch {
		case c.account == "" || c.account != account || c.kind == missing:
			return asAccount, no, ""
		case c.kind == ownRoot:
			return asItself, yes, ""
		}
		return asAccount, yes, ""
	}
	if account, role, session, ok := sessionOf(text); ok && c.kind == ownRole && account == c.account && role == c.entity.Name {
		if c.session == "" {
			return asItself, maybe, fmt.Sprintf("only the session %q of role %s is named", session, role)
		}
		return asItself, truth(c.session == session), ""
	}
	switch {
	case wild(text):
		return asAnyone, maybe, fmt.Sprintf("the principal %q holds a wildcard, which AWS does not take there", text)
	case c.kind == outsideAccount && accountOf(text) == c.account:
		return asItself, maybe, "only " + text + " of that account is named"
	}
	return itself, truth(text != "" && (text == c.arn || text == c.entity.ID)), ""
}

// allBut decides NotPrincipal. With Deny it spares a user only if the user and
// its account are both listed, a role only if its session is listed too, and
// nobody who has a permissions boundary (IAM User Guide, "AWS JSON policy
// elements: NotPrincipal" and "Permissions boundaries for IAM entities"); with
// Allow it is not supported.
func (s *situation) allBut(c *clause) (taken [manners]answer, why string) {
	if c.Effect == Allow {
		return [manners]answer{asAnyone: maybe}, "NotPrincipal with Allow is not supported by AWS"
	}
	if s.who.boundary != nil {
		return [manners]answer{asAnyone: yes}, ""
	}
	listed, _ := s.listed(c.NotPrincipals)
	direct := max(listed[asItself], listed[asRole])
	switch {
	case listed[asAnyone] == yes:
		return taken, ""
	case s.who.kind == ownRoot && listed[asItself] == yes:
		return taken, ""
	case direct == yes && listed[asAccount] == yes && (s.who.kind == ownUser || s.who.kind == outside):
		return taken, ""
	case !slices.ContainsFunc(listed[:], func(a answer) bool { return a > no }):
		return [manners]answer{asAnyone: yes}, ""
	}
	return [manners]answer{asAnyone: maybe}, "NotPrincipal must list the principal, its session and its account to spare it"
}
