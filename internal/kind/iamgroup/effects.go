package iamgroup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	Group string `json:"group"`
	// From is the path that the group is moved from, Path the one it must have.
	From string `json:"from"`
	Path string `json:"path"`
	// Policy and User are ARNs.
	Policy string `json:"policy"`
	User   string `json:"user"`
	// Inline is the name of an inline policy.
	Inline string `json:"inline"`
}

// About is the name of the group that the step is about.
func (p parameters) About() string { return p.Group }

func (k *groups) do(ctx context.Context, resolved kind.Resolved, _ kind.Prepared) (resource.Outputs, error) {
	w, err := k.write(resolved)
	return kind.DoWrite(ctx, k.Directory, w, err)
}

func (k *groups) probe(ctx context.Context, resolved kind.Resolved, _ []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := k.write(resolved)
	return kind.ProbeWrite(ctx, k.Directory, w, err)
}

// write is the call that a step is. A group cannot carry an intent; each of
// these has one effect however often it is done.
func (k *groups) write(resolved kind.Resolved) (*cloud.Write, error) {
	op := resolved.Step.Op
	p, err := kind.DecodeStep[parameters](resolved.Step)
	if err != nil {
		return nil, err
	}
	w := &cloud.Write{
		Op: op, Name: strings.TrimSpace(p.Group + " " + p.User + p.Policy + p.Inline),
		Guard: func(_ context.Context, all *access.Directory) error { return mayWrite(resolved, p, all) },
	}
	if k.gives(w, op, p) {
		// What it names may be so new that IAM does not know it yet.
		w.NamesPolicy = true
		return w, nil
	}
	if w.Removes = k.takes(w, op, p); w.Removes {
		return w, nil
	}
	return nil, fmt.Errorf("%s: no operation %q", resolved.Step.ID, op)
}

// gives are the operations after which something is there. Only a group that
// was made or moved gives its ARN out: to write to a group is not to have made
// it.
func (k *groups) gives(w *cloud.Write, op string, p parameters) bool {
	group := aws.String(p.Group)
	shows := func(test func(*access.Directory, *access.Group) bool) {
		w.Shows = func(all *access.Directory) bool { g := all.Group(p.Group); return g != nil && test(all, g) }
	}
	moved := func(test func(*access.Group) bool) {
		shows(func(_ *access.Directory, g *access.Group) bool {
			w.Made = outputsOf(*g)
			return g.Path == p.Path && test(g)
		})
	}
	switch op {
	case opCreate:
		w.Action, w.Send = "iam:CreateGroup", cloud.Sending(k.IAM.CreateGroup, &iam.CreateGroupInput{GroupName: group, Path: aws.String(p.Path)})
		moved(bare)
		// A group of the name that is at our path and bare is what an earlier attempt
		// left: there is nothing else to tell it by, and nothing in it to lose.
		w.Named = func(all *access.Directory) string { return all.Taken("group", p.Group) }
	case opMove, kind.AdoptOp:
		w.Action, w.Send = "iam:UpdateGroup", cloud.Sending(k.IAM.UpdateGroup, &iam.UpdateGroupInput{GroupName: group, NewPath: aws.String(p.Path)})
		moved(func(*access.Group) bool { return true })
	case opAttach:
		w.Action, w.Send = "iam:AttachGroupPolicy", cloud.Sending(k.IAM.AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: &p.Policy})
		shows(func(_ *access.Directory, g *access.Group) bool { return slices.Contains(g.Attached, p.Policy) })
	case opAdd:
		w.Action, w.Send = "iam:AddUserToGroup", cloud.Sending(k.IAM.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: group, UserName: nameIn(p.User)})
		shows(func(all *access.Directory, g *access.Group) bool { return member(all, g, p.User) })
	default:
		return false
	}
	return true
}

// takes are the operations after which something is gone, with the group if need
// be.
func (k *groups) takes(w *cloud.Write, op string, p parameters) bool {
	group := aws.String(p.Group)
	gone := func(has func(*access.Directory, *access.Group) bool) {
		w.Shows = func(all *access.Directory) bool { g := all.Group(p.Group); return g == nil || !has(all, g) }
	}
	switch op {
	case opDetach, opDetachDeny:
		w.Action, w.Send = "iam:DetachGroupPolicy", cloud.Sending(k.IAM.DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: group, PolicyArn: &p.Policy})
		gone(func(_ *access.Directory, g *access.Group) bool { return slices.Contains(g.Attached, p.Policy) })
	case opRemove, opRemoveDeny:
		w.Action, w.Send = "iam:RemoveUserFromGroup", cloud.Sending(k.IAM.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: group, UserName: nameIn(p.User)})
		gone(func(all *access.Directory, g *access.Group) bool { return member(all, g, p.User) })
	case opInline, opInlineDeny:
		w.Action, w.Send = "iam:DeleteGroupPolicy", cloud.Sending(k.IAM.DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: group, PolicyName: &p.Inline})
		gone(func(_ *access.Directory, g *access.Group) bool { _, has := g.Inline[p.Inline]; return has })
	case opDelete:
		w.Action, w.Send = "iam:DeleteGroup", cloud.Sending(k.IAM.DeleteGroup, &iam.DeleteGroupInput{GroupName: group})
		gone(func(*access.Directory, *access.Group) bool { return true })
	default:
		return false
	}
	return true
}

// bare reports a group in which nothing is.
func bare(g *access.Group) bool { return len(g.Attached)+len(g.Inline)+len(g.Members) == 0 }

// member reports whether the user of this very ARN is in the group: another
// user of the name may have taken its place.
func member(all *access.Directory, g *access.Group, arn string) bool {
	return slices.ContainsFunc(all.Users, func(u access.User) bool { return u.ARN == arn && slices.Contains(g.Members, u.Name) })
}

func nameIn(arn string) *string { return aws.String(arn[strings.LastIndexByte(arn, '/')+1:]) }

// mayWrite says why the group as it is now must not be written: it is not ours,
// or what is taken away would lift a denial that was not planned.
func mayWrite(resolved kind.Resolved, p parameters, all *access.Directory) error {
	live, op, env := all.Group(p.Group), resolved.Step.Op, resolved.Environment
	if live == nil || op == kind.AdoptOp && live.Path == p.From && kind.PathMark(env, live.Path) == "" {
		return nil
	}
	if !kind.InPath(env, live.Path) {
		return fmt.Errorf("group %s has path %s, ours is %s", live.Name, live.Path, env.Access.Path)
	}
	if op == opDelete && !bare(live) {
		// The emulator deletes a group with members; AWS refuses.
		return fmt.Errorf("group %s has %d members and %d policies, needs none", live.Name, len(live.Members), len(live.Attached)+len(live.Inline))
	}
	return kind.MayTake(all, live.Entity, func(denial string) bool {
		return op == opRemove || op == opDetach && denial == p.Policy || op == opInline && denial == kind.InlinePrefix+p.Inline
	})
}
