package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// fenced adds what no other policy can give the role, and puts what is denied
// first: a script that breaks off between two policies leaves a role that may do
// too little. A key's, a bucket's or a secret's own policy may name the role, or
// somebody may attach more to it: it gets nothing by that.
func fenced(statements []access.Statement) []access.Statement {
	given := map[string][]string{}
	for _, s := range statements {
		for _, action := range s.Actions {
			if s.Effect == access.Allow {
				given[action] = append(given[action], s.Resources.Texts()...)
			}
		}
	}
	fences := []access.Statement{{Sid: "NothingElse", Effect: access.Deny, NotActions: slices.Sorted(maps.Keys(given)), Resources: access.Literals("*")}}
	fences = append(fences, outside(given)...)
	slices.SortStableFunc(statements, func(a, b access.Statement) int { return -strings.Compare(a.Effect, b.Effect) }) // Deny before Allow
	return append(fences, statements...)
}

// outside denies each action beyond the resources on which it is allowed, where
// resources have policies of their own. Actions of the same resources share a
// statement.
func outside(given map[string][]string) []access.Statement {
	var statements []access.Statement
	index := map[string]int{}
	for _, action := range slices.Sorted(maps.Keys(given)) {
		service, _, _ := strings.Cut(action, ":")
		within := slices.Compact(slices.Sorted(slices.Values(given[action])))
		if !slices.Contains([]string{"kms", "s3", "secretsmanager", "sts"}, service) || slices.Contains(within, "*") {
			continue
		}
		key := service + " " + strings.Join(within, " ")
		i, there := index[key]
		if !there {
			i, index[key] = len(statements), len(statements)
			statements = append(statements, access.Statement{Sid: fmt.Sprintf("NowhereElse%d", i+1), Effect: access.Deny, NotResources: access.Literals(within...)})
		}
		statements[i].Actions = append(statements[i].Actions, action)
	}
	return statements
}
