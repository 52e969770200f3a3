package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// hold says where a key lives and what it is called there.
func (l *lowering) hold(key *Key, stated rawKey) {
	path := in("keys", key.Name)
	key.Holder = cmp.Or(stated.Holder, l.env.Accounts)
	key.Region = cmp.Or(stated.Region, l.env.AWS.Region)
	key.Adopt = stated.Adopt
	key.Protect = stated.Protect
	key.Path = stated.Path
	if stated.Alias != "" || stated.Adopt || stated.Holder != "" || stated.Region != "" {
		key.Source = l.doc.at(path)
	}
	switch {
	case key.Holder == "keystore" && key.Path == "":
		l.fault(path, "", "a key in a keystore needs path")
	case key.Holder != "keystore" && key.Path != "":
		l.fault(path.Append(cue.Str("path")), "", "only a key in a keystore has path, this is in %s", key.Holder)
	case key.Holder != "kms" && l.env.Class == Mainnet && stated.Holder != "":
		l.fault(path.Append(cue.Str("holder")), "holder: \"kms\"", "holder %s has no place in an environment of class mainnet", key.Holder)
	}
	key.Alias = stated.Alias
	if key.Alias == "" {
		key.Alias = l.formAlias(key)
	}
	if key.Holder == "kms" && !strings.HasPrefix(key.Alias, "alias/") {
		at := path.Append(cue.Str("alias"))
		if stated.Alias == "" {
			at = in("aliases")
		}
		l.fault(at, "alias/"+strings.TrimPrefix(key.Alias, "/"), "%q is not a KMS alias, which starts with alias/", key.Alias)
	}
}

// formAlias fills the environment's alias form. Generic keys and hex keys have
// the standard name unless they state one.
func (l *lowering) formAlias(key *Key) string {
	form := l.doc.raw.Aliases
	if key.Agent == "" || form == "" {
		form = "alias/{environment}-{key}"
		if key.Holder != "kms" {
			form = "{environment}-{key}"
		}
	}
	values := map[string]string{
		"environment": l.env.Name, "key": key.Name, "agent": key.Agent,
		"instance": itoa(key.Instance), "role": key.Role, "use": key.Use,
	}
	if len(key.Networks) == 1 {
		values["network"] = key.Networks[0]
	}
	var alias strings.Builder
	for rest := form; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		alias.WriteString(before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		value, known := values[name]
		switch {
		case closed && !known && name == "network":
			l.fault(in("aliases"), "state the alias of that key: keys: \""+key.Name+"\": alias", "key %s serves %d networks, {network} needs one", key.Name, len(key.Networks))
		case !closed || !known:
			names := append(slices.Collect(maps.Keys(values)), "network")
			l.fault(in("aliases"), meant(name, names), "{%s} is no placeholder", name)
			return "alias/" + l.env.Name + "-" + key.Name
		}
		alias.WriteString(value)
		rest = tail
	}
	return alias.String()
}

// aliasesOnce refuses one alias for two keys: one key would then serve two.
func (l *lowering) aliasesOnce() {
	type place struct{ holder, region, alias string }
	first := map[place]Key{}
	paths := map[string]Key{}
	for _, key := range l.env.Keys {
		at := in("keys", key.Name)
		if key.Path != "" {
			if other, twice := paths[key.Path]; twice {
				l.fault(at, "", "keystore %s is also key %s", key.Path, other.Name)
			}
			paths[key.Path] = key
			continue
		}
		here := place{key.Holder, key.Region, key.Alias}
		other, twice := first[here]
		if !twice {
			first[here] = key
			continue
		}
		if other.Name == key.Name {
			continue // one name for two keys is told already
		}
		if key.Agent != "" && other.Agent != "" && key.Use == useSigner && other.Use == useSigner {
			l.add(key.Source, at.String(), "put {instance} or {key} into the alias", "alias %s is also that of %s: two running instances on one signer", key.Alias, other.Name)
			continue
		}
		l.add(key.Source, at.String(), "", "alias %s is also that of %s", key.Alias, other.Name)
	}
}
