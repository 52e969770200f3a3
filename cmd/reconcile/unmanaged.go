package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// strangersOf lists the users, groups, roles and policies of an account that are
// neither ours by their mark nor declared, by kind and name. AWS's own policies
// are nobody's.
func strangersOf(live *access.Directory, managed []string, env *config.Environment) []view.Unmanaged {
	known := map[string]bool{}
	for _, arn := range managed {
		known[arn] = true
	}
	account := env.AWS.Account
	for _, u := range env.Access.Users {
		known[u.ARN(account)] = true
	}
	for _, r := range env.Access.Roles {
		known[r.ARN(account)] = true
	}
	for _, p := range env.Access.Policies {
		known[p.ARN(account)] = true
	}
	list := []view.Unmanaged{}
	add := func(kind, name, path, arn string) {
		if !known[arn] && !strings.HasPrefix(arn, "arn:aws:iam::aws:") {
			list = append(list, view.Unmanaged{Kind: kind, Name: name, Path: path, ARN: arn})
		}
	}
	for _, u := range live.Users {
		add("user", u.Name, u.Path, u.ARN)
	}
	for _, g := range live.Groups {
		// An adopted group comes from wherever it is: names are unique.
		if !slices.ContainsFunc(env.Access.Groups, func(declared config.Group) bool { return declared.Name == g.Name }) {
			add("group", g.Name, g.Path, g.ARN)
		}
	}
	for _, r := range live.Roles {
		add("role", r.Name, r.Path, r.ARN)
	}
	for _, p := range live.Policies {
		add("policy", p.Name, p.Path, p.ARN)
	}
	order := []string{"user", "group", "role", "policy"}
	slices.SortStableFunc(list, func(a, b view.Unmanaged) int {
		return cmp.Or(slices.Index(order, a.Kind)-slices.Index(order, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return list
}
