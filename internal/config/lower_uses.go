package config

import (
	"slices"
	"strings"
)

// keyUses says who is expected to use each key, and gives each KMS key its
// policy. A bank's right is this tool's own, which bootstrap makes; a key of
// nobody is used by nobody.
func (a *accessing) keyUses() {
	uses := map[string]*KeyUse{}
	for _, s := range a.seats {
		for _, key := range s.keys {
			use := &KeyUse{Key: key.Name, Agent: s.agent.Name, Instance: s.instance, Principals: s.principals, By: ByIAM, External: s.agent.OperatedBy == "external"}
			if s.form.grants == ByKeyPolicy && key.Holder == "kms" {
				use.By = ByKeyPolicy
			}
			uses[key.Name] = use
		}
	}
	for i := range a.env.Keys {
		key := &a.env.Keys[i]
		if key.Holder == "keystore" {
			continue // a file: AWS admits nobody to it
		}
		use := uses[key.Name]
		if key.Holder == "kms" {
			key.Policy = &KeyPolicy{Delegate: DelegateAll}
			if use != nil {
				key.Policy.Delegate = a.raw.Delegate
			}
			if use != nil && use.By == ByKeyPolicy {
				key.Policy.Signers = slices.Clone(use.Principals)
			}
		}
		if use == nil {
			use = &KeyUse{Key: key.Name, By: ByIAM}
		}
		a.out.Uses = append(a.out.Uses, *use)
	}
	slices.SortFunc(a.out.Uses, func(x, y KeyUse) int { return strings.Compare(x.Key, y.Key) })
}
