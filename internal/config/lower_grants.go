package config

import (
	"cmp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// How much one managed policy may hold. AWS: 6,144 characters without white
// space, and 10 policies attached to a user, group or role (IAM User Guide,
// "IAM and AWS STS quotas").
const (
	maxPolicyCharacters = 6144
	maxAttachments      = 10
	maxKeysPerPolicy    = 70
)

// What surrounds the values in a policy's text: {"Version":…,"Statement":[…]},
// and of each statement Sid, Effect, the names of the elements and the
// condition on aliases.
const (
	documentFrame  = 50
	statementFrame = 150
)

// policiesOf makes the policies of one seat, or of all seats of an agent that
// share a user, and gives their names with those attached in addition.
func (a *accessing) policiesOf(seats ...*seat) []string {
	first := seats[0]
	words := first.words(a.env.Name)
	if first.form.shape == shapeGroups {
		words = map[string]string{"environment": a.env.Name, "agent": first.agent.Name, "name": first.agent.Name}
	}
	var keys []Key
	var writes []writing
	for _, s := range seats {
		keys, writes = append(keys, s.keys...), append(writes, s.writes...)
	}
	signs, stores := a.signing(keys, first.form), a.storing(writes)
	own := first.form.own
	of := func(stated rawObject, field, usual, description string, statements []Statement) []string {
		at := first.form.at.Append(cue.Str(field))
		policy := Policy{
			Name: a.named(stated.Name, usual, at, words), Path: cmp.Or(stated.Path, a.out.Path), Description: description,
			Adopt: stated.Adopt, Protect: stated.Protect, Source: a.sourceOf(first),
		}
		return a.policies(policy, statements, at)
	}
	names := slices.Concat(
		of(own.SignerPolicy, "signerPolicy", "{environment}-{name}-signer", "Keys of "+words["name"]+" in "+a.env.Name, signs),
		of(own.StoragePolicy, "storagePolicy", "{environment}-{name}-storage", "Buckets of "+words["name"]+" in "+a.env.Name, stores),
		own.Policies,
	)
	slices.Sort(names)
	return names
}

// policies makes as many managed policies of the statements as their length
// needs, the second one named -2, and gives their names.
func (a *accessing) policies(like Policy, statements []Statement, at cue.Path) []string {
	var names []string
	for i, part := range a.divide(statements) {
		policy := like
		policy.Statements = part
		if i > 0 {
			policy.Name += "-" + itoa(i+1)
		}
		a.out.Policies = append(a.out.Policies, policy)
		a.stated[PolicyID(policy.Name)] = at
		names = append(names, policy.Name)
	}
	return names
}

// signing is what an agent may do with its keys by IAM: read the public key and
// sign, which is all that the agents call (they cache the address at start); or
// read a hex key, which nothing but IAM admits to.
func (a *accessing) signing(keys []Key, f form) []Statement {
	sign := Statement{Sid: "Sign", Actions: []string{"kms:GetPublicKey", "kms:Sign"}}
	read := Statement{Sid: "ReadKeys", Actions: []string{"secretsmanager:GetSecretValue"}}
	for _, key := range keys {
		switch {
		case key.Holder == "hex":
			read.Keys = append(read.Keys, key.Name)
		case f.grants == ByKeyPolicy: // the key names its principals
		case f.keys == "aliases":
			sign.Aliases = append(sign.Aliases, key.Alias)
			sign.Resources = append(sign.Resources, "arn:aws:kms:"+key.Region+":"+a.env.AWS.Account+":key/*")
		default:
			sign.Keys = append(sign.Keys, key.Name)
		}
	}
	var statements []Statement
	for _, s := range []Statement{sign, read} {
		if len(s.Keys)+len(s.Aliases) == 0 {
			continue
		}
		for _, list := range []*[]string{&s.Keys, &s.Aliases, &s.Resources} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		statements = append(statements, s)
	}
	return statements
}

// divide spreads statements over policies that AWS accepts: each holds as many
// lines as fit, in order.
func (a *accessing) divide(statements []Statement) [][]Statement {
	var parts [][]Statement
	for _, whole := range statements {
		for _, line := range whole.lines() {
			if n := len(parts); n > 0 {
				joined := join(parts[n-1], line)
				if a.characters(joined) <= maxPolicyCharacters && keysIn(joined) <= maxKeysPerPolicy {
					parts[n-1] = joined
					continue
				}
			}
			parts = append(parts, []Statement{line})
		}
	}
	return parts
}

// lines cuts a statement into ones about a single key, alias or resource.
func (s Statement) lines() []Statement {
	var all []Statement
	one := func(change func(line *Statement)) {
		line := Statement{Sid: s.Sid, Actions: s.Actions}
		change(&line)
		all = append(all, line)
	}
	for _, key := range s.Keys {
		one(func(line *Statement) { line.Keys = []string{key} })
	}
	for _, alias := range s.Aliases {
		one(func(line *Statement) { line.Aliases, line.Resources = []string{alias}, s.Resources })
	}
	if len(s.Aliases) > 0 {
		return all
	}
	for _, resource := range s.Resources {
		one(func(line *Statement) { line.Resources = []string{resource} })
	}
	return all
}

// join adds one line to a policy: to its last statement, where that is the same.
func join(part []Statement, line Statement) []Statement {
	part = slices.Clone(part)
	last := &part[len(part)-1]
	if last.Sid != line.Sid {
		return append(part, line)
	}
	last.Keys = slices.Concat(last.Keys, line.Keys)
	last.Aliases = slices.Concat(last.Aliases, line.Aliases)
	if len(line.Aliases) == 0 {
		last.Resources = slices.Concat(last.Resources, line.Resources)
	}
	return part
}

func keysIn(statements []Statement) int {
	count := 0
	for _, s := range statements {
		count += len(s.Keys) + len(s.Aliases)
	}
	return count
}

// characters is how long the policy's text will be at most.
func (a *accessing) characters(statements []Statement) int {
	const quotes = len(`"",`)
	total := documentFrame
	for _, s := range statements {
		total += statementFrame
		for _, text := range slices.Concat(s.Actions, s.Resources, s.Aliases) {
			total += len(text) + quotes
		}
		for _, name := range s.Keys {
			key, _ := a.env.Key(name)
			total += len(a.pattern(key)) + quotes
		}
	}
	return total
}

// pattern is as long as the key's ARN. The ids that AWS gives are of fixed
// length: 36 characters in KMS, a hyphen and 6 behind a secret's name (ARN
// formats of the two services).
func (a *accessing) pattern(key Key) string {
	if key.Holder == "hex" {
		return "arn:aws:secretsmanager:" + key.Region + ":" + a.env.AWS.Account + ":secret:" + key.Alias + "-??????"
	}
	return "arn:aws:kms:" + key.Region + ":" + a.env.AWS.Account + ":key/" + strings.Repeat("?", 36)
}
