package access

import (
	"maps"
	"slices"
	"strings"
)

// powers are the actions on a key that can turn into signing with it, in lower
// case.
func powers() []string {
	return []string{"kms:putkeypolicy", "kms:creategrant", "kms:createalias", "kms:updatealias", "kms:deletealias", "kms:tagresource", "kms:untagresource"}
}

// shape is a key as somebody can make it.
type shape struct {
	action string
	// alias is the alias that the action is also about, empty for tags.
	alias string
	key   Key
}

// reshape finds how somebody becomes able by changing the aliases or tags that a
// condition looks at.
func (f *search) reshape(c *caller) []Hop {
	pliable := f.direct(c, sign, f.key.ARN)
	pliable.pliable, pliable.weighed = true, nil
	if pliable.decide().answer() == no {
		return nil
	}
	can := map[string]answer{}
	for _, action := range []string{"kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", "kms:TagResource", "kms:UntagResource"} {
		if a := f.may(c, action, f.key.ARN); a >= f.least {
			can[action] = a
		}
	}
	if len(can) == 0 {
		return nil
	}
	for _, made := range f.shapes(c) {
		able, target := can[made.action], f.key.ARN
		if able > no && made.alias != "" {
			target = aliasARN(f.key.ARN, made.alias)
			able = min(able, f.may(c, made.action, target))
		}
		if able < f.least {
			continue
		}
		s := f.direct(c, sign, f.key.ARN)
		s.key, s.weighed = &made.key, nil
		if s.decide().answer() >= f.least {
			return []Hop{{Actions: []string{made.action}, Target: target, Sure: able == yes}}
		}
	}
	return nil
}

func aliasARN(key, alias string) string {
	at := strings.Index(key, ":key/")
	if at < 0 {
		return alias
	}
	return key[:at+1] + alias
}

// shapes lists what the caller could make of the key, going by the conditions of
// the statements about signing that may concern it.
func (f *search) shapes(c *caller) []shape {
	names, tags := map[string]bool{}, map[string]string{}
	for _, text := range f.conditionsAbout(c) {
		switch {
		case text.key == "kms:resourcealiases":
			f.aliasesLike(text.value, names)
		case strings.HasPrefix(text.key, "aws:resourcetag/"):
			tags[strings.TrimPrefix(text.key, "aws:resourcetag/")] = strings.NewReplacer("*", "", "?", "x").Replace(text.value)
		}
	}
	var list []shape
	for _, name := range slices.Sorted(maps.Keys(names)) {
		made := *f.key
		made.Aliases = append(slices.Clone(f.key.Aliases), name)
		list = append(list, shape{"kms:CreateAlias", name, made}, shape{"kms:UpdateAlias", name, made})
	}
	for i, name := range f.key.Aliases {
		made := *f.key
		made.Aliases = slices.Delete(slices.Clone(f.key.Aliases), i, i+1)
		list = append(list, shape{"kms:DeleteAlias", name, made}, shape{"kms:UpdateAlias", name, made})
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		with, without := *f.key, *f.key
		with.Tags, without.Tags = maps.Clone(f.key.Tags), maps.Clone(f.key.Tags)
		for _, m := range []map[string]string{with.Tags, without.Tags} {
			maps.DeleteFunc(m, func(key, _ string) bool { return strings.EqualFold(key, name) })
		}
		if with.Tags == nil {
			with.Tags = map[string]string{}
		}
		with.Tags[name] = tags[name]
		list = append(list, shape{"kms:TagResource", "", with}, shape{"kms:UntagResource", "", without})
	}
	return list
}

// aliasesLike adds names that the pattern admits: the aliases of other keys, and
// one that could be made.
func (f *search) aliasesLike(pattern string, names map[string]bool) {
	for _, name := range f.like(pattern) {
		if !slices.Contains(f.key.Aliases, name) {
			names[name] = true
		}
	}
	if name := strings.NewReplacer("*", "", "?", "x").Replace(pattern); name != "alias/" && name != "" {
		names[name] = true
	} else {
		names["alias/x"] = true
	}
}

// like lists the aliases of all keys that the pattern admits.
func (ix *index) like(pattern string) []string {
	list, known := ix.alike[pattern]
	if !known {
		for i := range ix.world.Keys {
			for _, name := range ix.world.Keys[i].Aliases {
				if glob(pattern, name) {
					list = append(list, name)
				}
			}
		}
		ix.alike[pattern] = list
	}
	return list
}

type conditionText struct{ key, value string }

// conditionsAbout lists the condition values of statements about signing, of the
// caller's own policies and of the key's.
func (f *search) conditionsAbout(c *caller) []conditionText {
	var texts []conditionText
	around, _, _ := f.keyPolicy(f.key.ARN)
	for _, src := range append(slices.Clone(c.sources), around) {
		for _, statement := range src.about(sign) {
			for _, byKey := range statement.Conditions {
				for key, values := range byKey {
					for _, text := range values.Texts() {
						texts = append(texts, conditionText{strings.ToLower(key), text})
					}
				}
			}
		}
	}
	return texts
}

// joins finds a group that makes the user able and that it can join.
func (f *search) joins(c *caller) []Hop {
	if c.kind != ownUser || !f.acts(c, "iam:addusertogroup") {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(f.groups)) {
		g := f.groups[name]
		if slices.Contains(c.groups, name) {
			continue
		}
		joined := *c
		joined.sources = slices.Concat(c.sources, f.group[name])
		if a := f.may(c, "iam:AddUserToGroup", g.ARN); a >= f.least && f.signs(&joined, raised{}) >= f.least {
			return []Hop{{Actions: []string{"iam:AddUserToGroup"}, Target: g.ARN, Sure: a == yes}}
		}
	}
	return nil
}

// olderVersion finds a policy of the caller's with an older version that makes
// it able, and that it can put in force.
func (f *search) olderVersion(c *caller) []Hop {
	if !f.acts(c, "iam:setdefaultpolicyversion") {
		return nil
	}
	for _, p := range f.world.Directory.Policies {
		at := slices.Index(c.sources, f.policy[p.ARN])
		if at < 0 || len(p.Versions) < 2 && len(p.Older) == 0 {
			continue
		}
		a := f.may(c, "iam:SetDefaultPolicyVersion", p.ARN)
		if a < f.least {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(p.Older)) {
			changed := *c
			changed.sources = slices.Clone(c.sources)
			changed.sources[at] = newSource("policy "+p.Name+" "+id, p.Older[id])
			if f.signs(&changed, raised{}) >= f.least {
				return []Hop{{Actions: []string{"iam:SetDefaultPolicyVersion"}, Target: p.ARN, Sure: a == yes}}
			}
		}
		if len(p.Older) == 0 && f.least == maybe {
			return []Hop{{Actions: []string{"iam:SetDefaultPolicyVersion"}, Target: p.ARN}}
		}
	}
	return nil
}
