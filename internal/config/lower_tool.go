package config

import (
	"cmp"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// tool gives the exact subjects of the forge's tokens that may assume each role
// of this tool. Plans are made of pull requests and of the trusted ref; apply
// runs in the protected environment and nowhere else.
func (l *lowering) tool() {
	raw := l.doc.raw.Tool
	if raw == nil {
		return
	}
	tool := &Tool{Repository: raw.Repository, Source: l.doc.at(in("tool"))}
	names := []string{raw.Repository}
	if len(raw.IDs) > 0 {
		names = sortedOnce(raw.IDs)
	}
	for i, id := range raw.IDs {
		if plain := withoutIDs(id); plain != raw.Repository {
			l.fault(in("tool", "ids", i), "", "%s is not repository %s", id, raw.Repository)
		}
	}
	for _, name := range names {
		ref := "repo:" + name + ":ref:" + l.env.Governance.TrustedRef
		watch := ref
		if raw.Watch != "" {
			watch = "repo:" + name + ":environment:" + raw.Watch
		}
		tool.PlanSubjects = append(tool.PlanSubjects, "repo:"+name+":pull_request", ref)
		tool.ApplySubjects = append(tool.ApplySubjects, "repo:"+name+":environment:"+cmp.Or(raw.Environment, l.env.Name))
		tool.WatchSubjects = append(tool.WatchSubjects, watch)
	}
	if raw.Watch != "" && raw.Watch == cmp.Or(raw.Environment, l.env.Name) {
		l.fault(in("tool", "watch"), "name another one, or leave it out", "%s is the environment in which apply runs", raw.Watch)
	}
	l.env.Tool = tool
}

// withoutIDs is owner/name of owner@1/name@2.
func withoutIDs(id string) string {
	owner, name, _ := strings.Cut(id, "/")
	owner, _, _ = strings.Cut(owner, "@")
	name, _, _ = strings.Cut(name, "@")
	return owner + "/" + name
}

// protect marks the lowered objects of the listed resources.
func (l *lowering) protect() {
	marks := map[resource.ID]*bool{}
	var known []string
	mark := func(id resource.ID, protect *bool) {
		marks[id] = protect
		known = append(known, id.String())
	}
	for i := range l.env.Keys {
		if key := &l.env.Keys[i]; key.Holder != "keystore" {
			mark(key.ResourceID(), &key.Protect)
		}
	}
	if a := l.env.Access; a != nil {
		for i := range a.Users {
			mark(UserID(a.Users[i].Name), &a.Users[i].Protect)
		}
		for i := range a.Groups {
			mark(GroupID(a.Groups[i].Name), &a.Groups[i].Protect)
		}
		for i := range a.Roles {
			mark(RoleID(a.Roles[i].Name), &a.Roles[i].Protect)
		}
		for i := range a.Policies {
			mark(PolicyID(a.Policies[i].Name), &a.Policies[i].Protect)
		}
		for i := range a.Buckets {
			mark(a.Buckets[i].ResourceID(), &a.Buckets[i].Protect)
		}
	}
	for i, text := range l.doc.raw.Protect {
		id, err := resource.ParseID(text)
		if protect := marks[id]; err == nil && protect != nil {
			*protect = true
			continue
		}
		l.fault(in("protect", i), meant(text, known), "no resource %q with a mark in this environment", text)
	}
}
