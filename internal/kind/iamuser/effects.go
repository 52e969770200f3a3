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

// effect is one call. The outputs of a user that was made come with the reading
// that shows it.
type effect struct {
	cloud.Write
	made resource.Outputs
}

func (k *iamUser) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	e, err := k.effect(step, prepared)
	if err == nil && kind.TakesPower(noun, step.Op) && kind.RunsAs(k.Caller, Name, step.ID.Name) {
		err = fmt.Errorf("%s: this runs as %s: nothing is taken from it", step.Op, k.Caller)
	}
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	refused, err := k.Directory.Perform(ctx, e.Write)
	switch {
	case refused:
		return nil, &kind.NotAcceptedError{Err: err}
	case err != nil:
		return nil, err
	}
	return e.made, nil
}

func (k *iamUser) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	e, err := k.effect(resolved.Step, prepared...)
	if err != nil {
		return kind.Unknown, nil, err
	}
	switch there, err := k.Directory.Performed(ctx, e.Write); {
	case err != nil:
		return kind.Unknown, nil, err
	case !there:
		// Each of these may be done twice without harm: names are unique.
		return kind.No, nil, nil
	default:
		return kind.Yes, e.made, nil
	}
}

// effect says what a step does.
func (k *iamUser) effect(step resource.Step, prepared ...kind.Prepared) (*effect, error) {
	p, err := kind.DecodeStep[parameters](step)
	if err != nil {
		return nil, err
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
	}
	user := aws.String(p.Name)
	e := &effect{Write: cloud.Write{Op: step.Op, Name: "user " + p.Name}}
	// The user must be there for an effect on it to show.
	shows := func(test func(*access.User) bool) {
		e.Shows = func(all *access.Directory) bool { u := all.User(p.Name); return u != nil && test(u) }
	}
	switch step.Op {
	case opCreate:
		k.create(e, p, attempts)
	case opLeaveGroup:
		e.Action, e.Removes = "iam:RemoveUserFromGroup", true
		e.Send = cloud.Sending(k.IAM.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{UserName: user, GroupName: &p.Group})
		shows(func(u *access.User) bool { return !slices.Contains(u.Groups, p.Group) })
	case opDelete:
		e.Action, e.Removes = "iam:DeleteUser", true
		e.Send = cloud.Sending(k.IAM.DeleteUser, &iam.DeleteUserInput{UserName: user})
		e.Shows = func(all *access.Directory) bool { return all.User(p.Name) == nil }
	default:
		return e, k.shared(e, step, p, shows)
	}
	return e, nil
}

// shared says what the steps do that users and roles have alike.
func (k *iamUser) shared(e *effect, step resource.Step, p parameters, shows func(func(*access.User) bool)) error {
	user := aws.String(p.Name)
	switch step.Op {
	case opTag, kind.AdoptOp:
		e.Action = "iam:TagUser"
		e.Send = cloud.Sending(k.IAM.TagUser, &iam.TagUserInput{UserName: user, Tags: cloud.IAMTags(p.Tags)})
		shows(func(u *access.User) bool { return u.Tagged(p.Tags) })
	case kind.OpAttach:
		e.Action, e.NamesPolicy = "iam:AttachUserPolicy", true
		e.Send = cloud.Sending(k.IAM.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: user, PolicyArn: &p.Policy})
		shows(func(u *access.User) bool { return slices.Contains(u.Attached, p.Policy) })
	case kind.OpDetach, kind.OpLift:
		e.Action, e.Removes = "iam:DetachUserPolicy", true
		e.Send = cloud.Sending(k.IAM.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: user, PolicyArn: &p.Policy})
		shows(func(u *access.User) bool { return !slices.Contains(u.Attached, p.Policy) })
	case kind.OpDeleteInline, kind.OpLiftInline:
		e.Action, e.Removes = "iam:DeleteUserPolicy", true
		e.Send = cloud.Sending(k.IAM.DeleteUserPolicy, &iam.DeleteUserPolicyInput{UserName: user, PolicyName: &p.InlinePolicy})
		shows(func(u *access.User) bool { _, there := u.Inline[p.InlinePolicy]; return !there })
	case kind.OpPutBoundary, kind.OpChangeBoundary:
		e.Action, e.NamesPolicy = "iam:PutUserPermissionsBoundary", true
		e.Send = cloud.Sending(k.IAM.PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: user, PermissionsBoundary: &p.Boundary})
		shows(func(u *access.User) bool { return u.Boundary == p.Boundary })
	default:
		return fmt.Errorf("%s: no operation %q", step.ID, step.Op)
	}
	return nil
}

// create makes the user with its tags and its boundary in one call, so that no
// user is ever without them.
func (k *iamUser) create(e *effect, p parameters, attempts []string) {
	in := &iam.CreateUserInput{UserName: aws.String(p.Name), Path: aws.String(p.Path), Tags: cloud.IAMTags(p.CreateTags(attempts))}
	if p.Boundary != "" {
		in.PermissionsBoundary = aws.String(p.Boundary)
	}
	ours := func(u *access.User) bool {
		return slices.Contains(attempts, u.Tags[kind.TagIntent]) && u.Boundary == p.Boundary && u.Tagged(p.Tags)
	}
	e.Action, e.NamesPolicy, e.Send = "iam:CreateUser", true, cloud.Sending(k.IAM.CreateUser, in)
	e.Taken = func(all *access.Directory) bool { u := all.User(p.Name); return u != nil && !ours(u) }
	e.Shows = func(all *access.Directory) bool {
		u := all.User(p.Name)
		if u == nil || !ours(u) {
			return false
		}
		e.made = outputsOf(u.Entity)
		return true
	}
}

func outputsOf(e access.Entity) resource.Outputs {
	return resource.Outputs{"arn": e.ARN, "name": e.Name, "userId": e.ID}
}
