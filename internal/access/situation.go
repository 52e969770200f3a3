package access

import (
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// situation is one request with everything that is known around it.
type situation struct {
	index *index
	who   *caller
	// action is in lower case.
	action   string
	resource string
	// key is the KMS key that the resource is, if it is one.
	key *Key
	// given holds the request's own context, keys in lower case.
	given map[string][]string
	// pliable: the key's aliases and tags are whatever somebody makes of them.
	pliable bool
	raised  raised
	// words: reasons are wanted of what is certain too.
	words bool
	// weighed remembers what documents say that do not ask who calls; nil where
	// the request is not a direct call or the key is not as it is.
	weighed map[weighing]rulings
}

// weighing is one document and what it is asked about one resource.
type weighing struct {
	src    *source
	action string
}

// rulings are what a document allows and denies.
type rulings struct{ allow, deny ruling }

// weighedOn gives what is remembered about one resource. A few resources are in
// question at a time, so that the others are forgotten.
func (ix *index) weighedOn(arn string) map[weighing]rulings {
	const most = 256
	known, there := ix.weighed[arn]
	if !there {
		if len(ix.weighed) >= most {
			clear(ix.weighed)
		}
		known = map[weighing]rulings{}
		ix.weighed[arn] = known
	}
	return known
}

// raised is what somebody has done to the one who asks.
type raised struct {
	// allowed: its own policies allow everything, since somebody writes them.
	allowed bool
	// undenied: its own policies deny nothing any more.
	undenied bool
	// unbound: its permissions boundary is gone.
	unbound bool
}

// manner is how a resource's policy takes in a principal; it decides what else
// has to agree.
type manner int

const (
	// asItself: by the ARN of the user or of the session, past any boundary.
	asItself manner = iota
	// asRole: by the ARN of the role, within its boundary.
	asRole
	// asAnyone: by "*".
	asAnyone
	// asAccount: by the account, whose IAM then decides.
	asAccount
	manners
)

// weigh says what an identity's document allows and denies here.
func (s *situation) weigh(src *source) (allow, deny ruling) {
	if s.weighed == nil || !src.impersonal(s.action) {
		return s.weighAnew(src)
	}
	about := weighing{src, s.action}
	known, there := s.weighed[about]
	if !there {
		known.allow, known.deny = s.weighAnew(src)
		s.weighed[about] = known
	}
	return known.allow, known.deny
}

func (s *situation) weighAnew(src *source) (allow, deny ruling) {
	if src.fault != "" {
		unknown := ruling{answer: maybe, text: src.label, why: src.fault}
		return unknown, unknown
	}
	for _, c := range src.about(s.action) {
		applies, why := s.onResource(c, false)
		if applies > no {
			conditions, cause := s.conditions(c)
			if conditions < applies {
				applies, why = conditions, cause
			}
		}
		if c.Principals != nil || c.NotPrincipals != nil {
			applies, why = min(applies, maybe), "it names principals, which a policy of an identity cannot"
		}
		if c.Effect == Deny {
			deny.raise(ruling{answer: applies, clause: c, why: why})
		} else {
			allow.raise(ruling{answer: applies, clause: c, why: why})
		}
	}
	return allow, deny
}

// weighAround is weigh for the policy of the resource itself, told apart by how
// the principal is taken in.
func (s *situation) weighAround(src *source, trust bool) (allow [manners]ruling, deny ruling) {
	if src.fault != "" {
		unknown := ruling{answer: maybe, text: src.label, why: src.fault}
		for i := range allow {
			allow[i] = unknown
		}
		return allow, unknown
	}
	for _, c := range src.about(s.action) {
		taken, cause := s.principals(c)
		if taken == ([manners]answer{}) {
			continue
		}
		applies, why := s.onResource(c, trust)
		if conditions, cause := s.conditions(c); conditions < applies {
			applies, why = conditions, cause
		}
		for how, in := range taken {
			r := ruling{answer: min(in, applies), clause: c, why: why}
			if in < applies {
				r.why = cause
			}
			if c.Effect == Deny {
				deny.raise(r)
			} else {
				allow[how].raise(r)
			}
		}
	}
	return allow, deny
}

// onResource reports whether the statement is about the resource.
func (s *situation) onResource(c *clause, trust bool) (answer, string) {
	switch {
	case trust && c.Resources == nil && c.NotResources == nil:
		return yes, ""
	case (c.Resources == nil) == (c.NotResources == nil):
		return maybe, "it has no Resource, or Resource and NotResource"
	case c.Resources != nil:
		return s.amongResources(c)
	}
	matched, why := s.anyResource(c, c.NotResources)
	return matched.not(), why
}

// listing is a long list of resources, made ready for many questions.
type listing struct {
	// exact are those that are named as they are, open all others.
	exact map[string]bool
	open  Values
}

// amongResources is anyResource of the statement's own list. A policy may name
// hundreds of keys, and is asked about each of them.
func (s *situation) amongResources(c *clause) (answer, string) {
	const few = 4
	if len(c.Resources) <= few {
		return s.anyResource(c, c.Resources)
	}
	list, known := s.index.listings[c]
	if !known {
		list.exact = map[string]bool{}
		for _, v := range c.Resources {
			text, resolved := s.index.resolve(v)
			if !resolved || strings.ContainsAny(text, "*?$\x00") {
				list.open = append(list.open, v)
			} else {
				list.exact[text] = true
			}
		}
		s.index.listings[c] = list
	}
	if list.exact[s.resource] {
		return yes, ""
	}
	return s.anyResource(c, list.open)
}

func (s *situation) anyResource(c *clause, values Values) (answer, string) {
	best, cause := no, ""
	for _, v := range values {
		matched, why := s.oneResource(c, v)
		if matched > best {
			best, cause = matched, why
		}
		if best == yes {
			break
		}
	}
	return best, cause
}

func (s *situation) oneResource(c *clause, v resource.Value) (answer, string) {
	text, known := s.index.resolve(v)
	if !known {
		return maybe, v.String() + " is not known yet"
	}
	pattern, why := s.expand(c, text)
	if why != "" {
		return maybe, why
	}
	return truth(glob(pattern, s.resource)), ""
}

// expand fills in the policy variables of a text and gives a pattern, or says
// why it cannot: a variable without a value may make AWS drop the statement.
func (s *situation) expand(c *clause, text string) (pattern, why string) {
	if strings.IndexByte(text, literally) >= 0 {
		return "", "it holds a NUL character"
	}
	if !c.from.variables || !strings.Contains(text, "${") {
		return text, ""
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), ""
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Sprintf("%q is no policy variable", "${"+rest)
		}
		value, why := s.variable(name)
		if why != "" {
			return "", why
		}
		b.WriteString(quoted(value))
		text = after
	}
}

// variable gives the value of ${name} or ${name, 'default'}; ${*}, ${?} and ${$}
// are those characters.
func (s *situation) variable(name string) (value, why string) {
	if name == "*" || name == "?" || name == "$" {
		return name, ""
	}
	key, rest, hasDefault := strings.Cut(name, ",")
	values, known := s.lookup(strings.TrimSpace(key))
	if known == yes && len(values) == 1 && values[0] != stranger {
		return values[0], ""
	}
	if text := strings.TrimSpace(rest); known == no && hasDefault && len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return text[1 : len(text)-1], ""
	}
	return "", fmt.Sprintf("the value of ${%s} is not known", name)
}
