package access

import (
	"cmp"
	"fmt"
	"strings"
)

// explain puts an outcome into words.
func (o outcome) explain() Decision {
	d := Decision{Verdict: o.verdict, Admitted: o.admitted && o.verdict == Unknown}
	for _, way := range o.ways {
		if text := way.String(); text != "" {
			d.Through = append(d.Through, text)
		}
	}
	switch o.verdict {
	case Allowed:
		d.Reason = "allowed by " + o.allow.String()
	case Denied:
		d.Through = nil
		d.Reason = "denied by " + o.deny.String()
	case NotAllowed:
		d.Reason = o.missing()
	case Unknown:
		d.Reason = o.doubt()
	}
	return d
}

// doubt says what cannot be told.
func (o outcome) doubt() string {
	switch {
	case o.deny.answer == maybe:
		return "cannot tell whether it is denied: " + because(o.deny)
	case o.allow.answer == maybe:
		return "cannot tell: " + because(o.allow)
	}
	return "admitted by " + o.allow.String() + "; the other account's IAM, which is not seen here, has the last word"
}

func because(r ruling) string {
	if r.why == "" {
		return r.String()
	}
	return r.String() + ": " + r.why
}

// missing names the link without which nothing is allowed.
func (o outcome) missing() string {
	s := o.s
	me := s.who.title()
	switch {
	case s.who.kind == missing:
		return "there is no " + s.who.arn + " in the account"
	case s.who.kind > ownRoot:
		return fmt.Sprintf("nothing lets %s do %s on %s", me, s.action, s.resource)
	case o.identity.answer > no && o.boundary.answer == no:
		return fmt.Sprintf("%s does not allow %s, though %s does", o.boundary, s.action, o.identity)
	case o.identity.answer > no:
		if s.key != nil {
			return fmt.Sprintf("the key policy of %s neither names %s nor leaves %s to the account's IAM, though %s allows it", s.key.ID.Name, me, s.action, o.identity)
		}
		return fmt.Sprintf("%s neither names %s nor the account, though %s allows it", s.label(), me, o.identity)
	}
	if near := s.nearMiss(); near != "" {
		return near
	}
	return fmt.Sprintf("no policy of %s allows %s on %s", me, s.action, s.resource)
}

func (s *situation) label() string {
	if src, _, _ := s.index.policyOf(s.action, s.resource); src != nil {
		return src.label
	}
	return s.resource
}

// title is the caller in words.
func (c *caller) title() string {
	switch c.kind {
	case ownUser:
		return "user " + c.entity.Name
	case ownRole:
		return "role " + c.entity.Name
	case ownRoot:
		return "the account's root user"
	case anonymous, unnamed:
		return "just anybody"
	}
	return c.arn
}

// nearMiss finds the statement of the principal's own that is about the action
// and says what keeps it from applying: first one whose condition fails, then
// one whose resource does. The others are counted.
func (s *situation) nearMiss() string {
	byCondition, byResource, count := "", "", 0
	s.words, s.weighed = true, nil
	for _, src := range s.who.sources {
		for _, c := range src.about(s.action) {
			if c.Effect != Allow {
				continue
			}
			count++
			if on, _ := s.onResource(c, false); on == no {
				if byResource == "" {
					byResource = fmt.Sprintf("%s is not about %s: %s", c, s.resource, resources(c))
				}
				continue
			}
			if holds, why := s.conditions(c); holds == no && byCondition == "" {
				byCondition = fmt.Sprintf("%s: %s", c, why)
			}
		}
	}
	near := cmp.Or(byCondition, byResource)
	if near != "" && count > 1 {
		near += fmt.Sprintf("; %d more about it do not apply either", count-1)
	}
	return near
}

func resources(c *clause) string {
	if c.Resources != nil {
		return "Resource is " + shown(c.Resources.Texts())
	}
	return "NotResource is " + shown(c.NotResources.Texts())
}

// short is an ARN without what every ARN has.
func short(arn string) string {
	parts := strings.SplitN(arn, ":", arnParts)
	if len(parts) < arnParts {
		return arn
	}
	return parts[5]
}
