package config

import (
	"slices"
	"strings"
)

// keyUses says who is expected to use each key, one seat at a time, and gives
// each KMS key its policy. A bank's right is this tool's own, which bootstrap
// makes; a key of nobody is used by nobody.
func (a *accessing) keyUses() {
	uses := map[string][]KeyUse{}
	for _, s := range a.seats {
		for _, key := range s.keys {
			use := KeyUse{Key: key.Name, Agent: s.agent.Name, Instance: s.instance, Principals: s.principals, By: ByIAM, External: s.agent.OperatedBy == "external"}
			if s.form.grants == ByKeyPolicy && key.Holder == "kms" {
				use.By = ByKeyPolicy
			}
			uses[key.Name] = append(uses[key.Name], use)
		}
	}
	for i := range a.env.Keys {
		key := &a.env.Keys[i]
		if key.Holder == "keystore" {
			continue // a file: AWS admits nobody to it
		}
		if key.Holder == "kms" {
			key.Policy = a.keyPolicy(uses[key.Name])
		}
		if len(uses[key.Name]) == 0 {
			uses[key.Name] = []KeyUse{{Key: key.Name, By: ByIAM}}
		}
		a.out.Uses = append(a.out.Uses, uses[key.Name]...)
	}
	slices.SortStableFunc(a.out.Uses, func(x, y KeyUse) int { return strings.Compare(x.Key, y.Key) })
}

// keyPolicy names all of a key's users whose right the key itself writes.
func (a *accessing) keyPolicy(uses []KeyUse) *KeyPolicy {
	policy := &KeyPolicy{Delegate: DelegateAll}
	if len(uses) > 0 {
		policy.Delegate = a.raw.Delegate
	}
	for _, use := range uses {
		if use.By == ByKeyPolicy {
			policy.Signers = append(policy.Signers, use.Principals...)
		}
	}
	slices.Sort(policy.Signers)
	policy.Signers = slices.Compact(policy.Signers)
	return policy
}
