package iamuser

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation.
type parameters struct {
	kind.PrincipalParams
	Group string `json:"group"`
}

func (k *iamUser) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	w, err := k.write(step, prepared)
	if err == nil && kind.TakesPower(noun, step.Op) && kind.RunsAs(k.Caller, Name, step.ID.Name) {
		err = fmt.Errorf("%s: this runs as %s: nothing is taken from it", step.Op, k.Caller)
	}
	return kind.DoWrite(ctx, k.Directory, w, err)
}

func (k *iamUser) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := k.write(resolved.Step, prepared...)
	return kind.ProbeWrite(ctx, k.Directory, w, err)
}

// write is the call that a step is.
func (k *iamUser) write(step resource.Step, prepared ...kind.Prepared) (*cloud.Write, error) {
	p, err := kind.DecodeStep[parameters](step)
	if err != nil {
		return nil, err
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
	}
	user := aws.String(p.Name)
	w := &cloud.Write{Op: step.Op, Name: "user " + p.Name}
	// The user must be there for an effect on it to show.
	shows := func(test func(*access.User) bool) {
		w.Shows = func(all *access.Directory) bool { u := all.User(p.Name); return u != nil && test(u) }
	}
	switch step.Op {
	case opCreate:
		k.create(w, p, attempts)
	case opLeaveGroup, opLiftGroup:
		w.Action, w.Removes = "iam:RemoveUserFromGroup", true
		w.Send = cloud.Sending(k.IAM.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{UserName: user, GroupName: &p.Group})
		shows(func(u *access.User) bool { return !slices.Contains(u.Groups, p.Group) })
		w.Guard = func(_ context.Context, all *access.Directory) error {
			if g := all.Group(p.Group); g != nil && step.Op == opLeaveGroup {
				return kind.MayTake(all, g.Entity, func(string) bool { return true })
			}
			return nil
		}
	case opDelete:
		w.Action, w.Removes = "iam:DeleteUser", true
		w.Send = cloud.Sending(k.IAM.DeleteUser, &iam.DeleteUserInput{UserName: user})
		w.Shows = func(all *access.Directory) bool { return all.User(p.Name) == nil }
	default:
		return w, k.shared(w, step, p, shows)
	}
	return w, nil
}

// shared says what the steps do that users and roles have alike.
func (k *iamUser) shared(w *cloud.Write, step resource.Step, p parameters, shows func(func(*access.User) bool)) error {
	user := aws.String(p.Name)
	if step.Op == kind.OpDetach || step.Op == kind.OpDeleteInline {
		w.Guard = func(_ context.Context, all *access.Directory) error {
			u := all.User(p.Name)
			if u == nil {
				return nil
			}
			return kind.MayTake(all, u.Entity, func(denial string) bool { return p.Takes(step.Op, denial) })
		}
	}
	switch step.Op {
	case opTag, kind.AdoptOp:
		w.Action = "iam:TagUser"
		w.Send = cloud.Sending(k.IAM.TagUser, &iam.TagUserInput{UserName: user, Tags: cloud.IAMTags(p.Tags)})
		shows(func(u *access.User) bool {
			if step.Op == kind.AdoptOp {
				// To tag is not to have made it; to take it over is.
				w.Made = outputsOf(u.Entity)
			}
			return u.Tagged(p.Tags)
		})
	case kind.OpAttach:
		w.Action, w.NamesPolicy = "iam:AttachUserPolicy", true
		w.Send = cloud.Sending(k.IAM.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: user, PolicyArn: &p.Policy})
		shows(func(u *access.User) bool { return slices.Contains(u.Attached, p.Policy) })
	case kind.OpDetach, kind.OpLift:
		w.Action, w.Removes = "iam:DetachUserPolicy", true
		w.Send = cloud.Sending(k.IAM.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: user, PolicyArn: &p.Policy})
		shows(func(u *access.User) bool { return !slices.Contains(u.Attached, p.Policy) })
	case kind.OpDeleteInline, kind.OpLiftInline:
		w.Action, w.Removes = "iam:DeleteUserPolicy", true
		w.Send = cloud.Sending(k.IAM.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: user, PolicyName: &p.InlinePolicy})
		shows(func(u *access.User) bool { _, there := u.Inline[p.InlinePolicy]; return !there })
	case kind.OpPutBoundary, kind.OpChangeBoundary:
		w.Action, w.NamesPolicy = "iam:PutUserPermissionsBoundary", true
		w.Send = cloud.Sending(k.IAM.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: user, PermissionsBoundary: &p.Boundary})
		shows(func(u *access.User) bool { return u.Boundary == p.Boundary })
	default:
		return fmt.Errorf("%s: no operation %q", step.ID, step.Op)
	}
	return nil
}

// create makes the user with its tags and its boundary in one call, so that no
// user is ever without them.
func (k *iamUser) create(w *cloud.Write, p parameters, attempts []string) {
	in := &iam.CreateUserInput{UserName: aws.String(p.Name), Path: aws.String(p.Path), Tags: cloud.IAMTags(kind.WithIntent(p.Tags, attempts))}
	if p.Boundary != "" {
		in.PermissionsBoundary = aws.String(p.Boundary)
	}
	ours := func(u *access.User) bool {
		return slices.Contains(attempts, u.Tags[kind.TagIntent]) && u.Boundary == p.Boundary && u.Tagged(p.Tags)
	}
	w.Action, w.NamesPolicy, w.Send = "iam:CreateUser", true, cloud.Sending(k.IAM.CreateUser, in)
	w.Named = func(all *access.Directory) string { return all.Taken(noun, p.Name) }
	w.Shows = func(all *access.Directory) bool {
		u := all.User(p.Name)
		if u == nil || !ours(u) {
			return false
		}
		w.Made = outputsOf(u.Entity)
		return true
	}
}

func outputsOf(e access.Entity) resource.Outputs {
	return resource.Outputs{"arn": e.ARN, "name": e.Name, "userId": e.ID}
}
