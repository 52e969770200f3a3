package access

import (
	"fmt"
	"slices"
	"strings"
)

// Decide answers one request as AWS would, as far as the world was read (IAM
// User Guide, "Policy evaluation logic"; KMS Developer Guide, "Troubleshooting
// key access").
func (w *World) Decide(r Request) Decision {
	return w.Inquire().Decide(r)
}

func (ix *index) situation(who *caller, action, arn string, given map[string][]string) *situation {
	s := &situation{index: ix, who: who, action: strings.ToLower(action), resource: arn, key: ix.keys[arn]}
	if len(given) > 0 {
		s.given = make(map[string][]string, len(given))
		for key, values := range given {
			s.given[strings.ToLower(key)] = values
		}
	}
	return s
}

// outcome is a decision before it is put into words.
type outcome struct {
	s       *situation
	verdict Verdict
	// deny is the strongest Deny, allow the strongest way in, ways all of them.
	deny, allow ruling
	ways        []ruling
	admitted    bool
	// identity, around and boundary are what stood to be combined: for the reason
	// of a refusal.
	identity, around, boundary ruling
	own                        bool
}

// decide combines all that applies. An explicit Deny wins; what cannot be told
// is never taken for allowed.
func (s *situation) decide() outcome {
	o := outcome{s: s}
	if s.who.kind == missing {
		o.verdict = NotAllowed
		if d := s.index.world.Directory; len(d.Users)+len(d.Roles) == 0 {
			o.verdict = Unknown
			o.allow = ruling{answer: maybe, text: s.who.arn, why: "IAM was not read"}
		}
		return o
	}
	src, own, trust := s.index.policyOf(s.action, s.resource)
	o.own = own
	var around [manners]ruling
	if src != nil {
		around, o.deny = s.weighAround(src, trust)
	}
	switch s.who.kind {
	case ownUser, ownRole, ownRoot:
		o.combine(around, trust)
	default:
		o.fromOutside(around)
	}
	o.conclude()
	return o
}

// answer is the verdict as a truth.
func (o outcome) answer() answer {
	switch o.verdict {
	case Allowed:
		return yes
	case Unknown:
		return maybe
	}
	return no
}

// conclude makes the verdict of the strongest Deny and the strongest way in.
func (o *outcome) conclude() {
	for _, way := range o.ways {
		o.allow.raise(way)
	}
	o.ways = slices.DeleteFunc(o.ways, func(r ruling) bool { return r.answer == no })
	switch {
	case o.deny.answer == yes:
		o.verdict = Denied
	case o.allow.answer == no:
		o.verdict = NotAllowed
	case o.allow.answer == yes && o.deny.answer == no && !o.admitted:
		o.verdict = Allowed
	default:
		o.verdict = Unknown
	}
}

// combine is the logic for principals of the account itself.
func (o *outcome) combine(around [manners]ruling, trust bool) {
	s := o.s
	o.identity, o.boundary = s.identity(&o.deny)
	limited := o.identity.capped(o.boundary)
	delegates := strings.HasPrefix(s.action, "kms:") || trust
	// The account is taken in by name: its IAM then decides. Keys and roles need
	// that, other resources do not.
	o.around = around[asAccount]
	for _, r := range around[:asAccount] {
		o.around.raise(r)
	}
	if o.own && delegates {
		if way := limited.capped(around[asAccount]); way.answer > no {
			o.ways = append(o.ways, way)
		}
	} else {
		o.ways = append(o.ways, limited)
	}
	o.ways = append(o.ways, around[asItself], around[asRole].capped(o.boundary), s.anyone(around[asAnyone], o.boundary))
	if s.key != nil {
		o.ways = append(o.ways, s.grants()...)
	}
}

// anyone is what "*" in a resource's policy gives. Whether a role's boundary
// limits it is not documented.
func (s *situation) anyone(r, boundary ruling) ruling {
	if s.who.kind == ownRole && boundary.answer < yes && r.answer == yes {
		return ruling{answer: maybe, clause: r.clause, why: "whether the role's permissions boundary limits a principal of * is not documented"}
	}
	return r
}

// identity is what the principal's own policies allow, and its boundary; their
// Deny statements join deny.
func (s *situation) identity(deny *ruling) (allow, boundary ruling) {
	boundary = ruling{answer: yes}
	if s.who.kind == ownRoot {
		return ruling{answer: yes, text: "the account's root user"}, boundary
	}
	for _, src := range s.who.sources {
		a, d := s.weigh(src)
		allow.raise(a)
		if !s.raised.undenied {
			deny.raise(d)
		}
	}
	if s.raised.allowed {
		allow = ruling{answer: yes, text: "a policy that it can have written"}
	}
	if s.who.boundary != nil && !s.raised.unbound {
		a, d := s.weigh(s.who.boundary)
		boundary = a
		if boundary.answer == no {
			boundary.text = s.who.boundary.label
		}
		deny.raise(d)
	}
	return allow, boundary
}

// grants are what the key's grants give the principal.
func (s *situation) grants() []ruling {
	if s.key.GrantsUnread {
		return []ruling{{answer: maybe, text: "grants of " + s.key.ID.Name, why: "they were not read"}}
	}
	var ways []ruling
	operation, isKMS := strings.CutPrefix(s.action, "kms:")
	for _, g := range s.key.Grants {
		if !isKMS || !slices.ContainsFunc(g.Operations, func(o string) bool { return strings.EqualFold(o, operation) }) {
			continue
		}
		way := ruling{answer: s.holdsGrant(g), text: "grant " + g.title()}
		if g.Constrained && way.answer == yes {
			way.answer, way.why = maybe, "it holds for some encryption contexts only"
		}
		boundless := s.who.kind != ownRole || s.who.boundary == nil
		if way.answer == yes && !boundless {
			way.answer, way.why = maybe, "whether a permissions boundary limits a grant is not documented"
		}
		ways = append(ways, way)
	}
	return ways
}

func (s *situation) holdsGrant(g Grant) answer {
	if g.Grantee == s.who.arn && s.who.arn != "" {
		return yes
	}
	if account, role, session, ok := sessionOf(g.Grantee); ok && s.who.kind == ownRole && account == s.who.account && role == s.who.entity.Name {
		if s.who.session == "" {
			return maybe
		}
		return truth(session == s.who.session)
	}
	if account, whole := accountPrincipal(g.Grantee); whole && account == s.who.account {
		return maybe
	}
	return no
}

func (g Grant) title() string {
	if g.Name != "" {
		return fmt.Sprintf("%q (%s)", g.Name, g.ID)
	}
	return g.ID
}

// fromOutside is the logic for everybody else: what lets them in is the
// resource's policy or a grant, and their own account has its say, which we do
// not see.
func (o *outcome) fromOutside(around [manners]ruling) {
	s := o.s
	kind := s.who.kind
	o.ways = append(o.ways, around[asItself], around[asRole], around[asAnyone], around[asAccount])
	if s.key != nil {
		o.ways = append(o.ways, s.grants()...)
	}
	for _, r := range o.ways {
		o.around.raise(r)
	}
	open := around[asAnyone].answer == yes && strings.HasPrefix(s.action, "s3:")
	if bucket := s.bucket(); open && bucket != nil && bucket.RestrictPublic {
		o.ways = []ruling{{answer: maybe, clause: around[asAnyone].clause, why: "the bucket restricts public policies to its account"}}
		open = false
	}
	o.admitted = o.around.answer > no && !open && (kind == outside || kind == outsideAccount || kind == unnamed)
	if kind == anonymous && !strings.HasPrefix(s.action, "s3:") {
		o.ways = nil // only S3 takes requests without credentials, of what is judged here
	}
}

func (s *situation) bucket() *Bucket {
	name, _, _ := strings.Cut(s.resource, "/")
	return s.index.buckets[name]
}
