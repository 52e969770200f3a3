package config

import (
	"slices"
	"strings"
)

// actPut is what a writer of a bucket does.
const actPut = "s3:putobject"

// WritersByIAM lists the ARNs of the users and roles that the declared policies
// let write to a bucket (an ARN), and for each an object in every place where it
// may. Who writes by the bucket's own policy is not among them.
func (a *Access) WritersByIAM(account, bucket string) map[string][]string {
	objects := map[string][]string{}
	for _, p := range a.Policies {
		places := p.writes(bucket)
		if len(places) == 0 {
			continue
		}
		for _, holder := range a.holders(account, p.Name) {
			objects[holder] = append(objects[holder], places...)
		}
	}
	return objects
}

// writes names an object in every place of a bucket that the policy's holders
// may write to.
func (p Policy) writes(bucket string) []string {
	var places []string
	for _, s := range p.Statements {
		puts := slices.ContainsFunc(s.Actions, func(action string) bool {
			head, open := strings.CutSuffix(strings.ToLower(action), "*")
			return head == actPut || open && strings.HasPrefix(actPut, head)
		})
		for _, on := range s.Resources {
			head, open := strings.CutSuffix(on, "*")
			switch {
			case !puts:
			case strings.HasPrefix(on, bucket+"/"):
				places = append(places, strings.NewReplacer("*", "x", "?", "x").Replace(on))
			case open && strings.HasPrefix(bucket, head):
				places = append(places, bucket+"/x")
			}
		}
	}
	return places
}

// holders are the ARNs of the users and roles that have a policy, themselves or
// by a group.
func (a *Access) holders(account, policy string) []string {
	var members, arns []string
	for _, g := range a.Groups {
		if slices.Contains(g.Policies, policy) {
			members = append(members, g.Members...)
		}
	}
	for _, u := range a.Users {
		if slices.Contains(u.Policies, policy) || slices.Contains(members, u.Name) {
			arns = append(arns, u.ARN(account))
		}
	}
	for _, r := range a.Roles {
		if slices.Contains(r.Policies, policy) {
			arns = append(arns, r.ARN(account))
		}
	}
	return arns
}
