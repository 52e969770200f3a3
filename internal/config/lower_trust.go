package config

import (
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue"
)

// trustOf is who may assume the role of a seat: the agent's own trust, or that
// of all. checkForm refuses an outside operator's role without its own: that of
// all is our cluster.
func (a *accessing) trustOf(s *seat) []Trust {
	raw, at := s.form.own.Trust, s.form.at.Append(cue.Str("trust"))
	if raw == nil {
		raw, at = a.raw.Trust, in("access", "trust")
	}
	if raw == nil {
		return nil // told by checkForms, once
	}
	return a.ways(raw, at, s.words(a.env.Name))
}

// ways are the ways into a role.
func (a *accessing) ways(raw *rawTrust, at cue.Path, words map[string]string) []Trust {
	var trust []Trust
	if raw.IRSA != nil {
		irsa := at.Append(cue.Str("irsa"))
		trust = append(trust, Trust{
			Kind: TrustIRSA, Provider: raw.IRSA.Provider,
			Namespace:      a.named(raw.IRSA.Namespace, "", irsa.Append(cue.Str("namespace")), words),
			ServiceAccount: a.named(raw.IRSA.ServiceAccount, "", irsa.Append(cue.Str("serviceAccount")), words),
		})
	}
	if raw.ECS != nil {
		trust = append(trust, Trust{Kind: TrustECS, Account: a.env.AWS.Account})
	}
	if other := raw.Account; other != nil {
		trust = append(trust, Trust{Kind: TrustAccount, Account: other.Account, Principal: other.Principal, ExternalID: other.ExternalID})
	}
	if jobs := raw.GitHub; jobs != nil {
		trust = append(trust, Trust{Kind: TrustGitHub, Subjects: []string{a.subject(jobs, at.Append(cue.Str("github")))}})
	}
	return trust
}

// subject is the exact "sub" claim of a job's token.
func (a *accessing) subject(jobs *rawForgeJobs, at cue.Path) string {
	if (jobs.Environment == "") == (jobs.Ref == "") {
		a.fault(at, "the protected environment is the narrower choice", "names environment and ref, or neither of them: one is needed")
	}
	if jobs.Ref != "" {
		return "repo:" + jobs.Repository + ":ref:" + jobs.Ref
	}
	return "repo:" + jobs.Repository + ":environment:" + jobs.Environment
}

// session reads a longest session; the schema admits whole hours only.
func session(text string) time.Duration {
	length, _ := time.ParseDuration(text)
	return length
}

// accessKey reads a declared static key; nil stays nil.
func (a *accessing) accessKey(raw *rawAccessKey, at cue.Path, user string, words map[string]string) *AccessKey {
	if raw == nil {
		return nil
	}
	key := &AccessKey{
		Secret: a.named(raw.Secret, user+"-access-key", at.Append(cue.Str("secret")), words), Region: a.env.AWS.Region,
		MaxAge: age(raw.MaxAge), Overlap: age(raw.Overlap), Source: a.doc.at(at),
	}
	if key.Overlap >= key.MaxAge {
		a.fault(at.Append(cue.Str("overlap")), "", "%s is not shorter than maxAge, %s: a user would have 2 keys at all times", raw.Overlap, raw.MaxAge)
	}
	return key
}

// age reads days or hours; the schema admits nothing else.
func age(text string) time.Duration {
	unit := time.Hour
	if strings.HasSuffix(text, "d") {
		unit = 24 * time.Hour
	}
	count, _ := strconv.Atoi(text[:max(len(text)-1, 0)])
	return time.Duration(count) * unit
}
