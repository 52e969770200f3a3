package iamrole

import (
	"context"
	"errors"
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
	Trust      access.Document `json:"trust"`
	MaxSession int32           `json:"maxSession"`
}

func (k *iamRole) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	w, err := k.write(step, prepared)
	if err == nil && kind.TakesPower(noun, step.Op) && kind.RunsAs(k.Caller, Name, step.ID.Name) {
		err = fmt.Errorf("%s: this runs as %s: nothing is taken from it", step.Op, k.Caller)
	}
	return kind.DoWrite(ctx, k.Directory, w, err)
}

func (k *iamRole) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := k.write(resolved.Step, prepared...)
	return kind.ProbeWrite(ctx, k.Directory, w, err)
}

// write is the call that a step is.
func (k *iamRole) write(step resource.Step, prepared ...kind.Prepared) (*cloud.Write, error) {
	p, err := kind.DecodeStep[parameters](step)
	if err != nil {
		return nil, err
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
	}
	role := aws.String(p.Name)
	w := &cloud.Write{Op: step.Op, Name: "role " + p.Name}
	// The role must be there for an effect on it to show.
	shows := func(test func(*access.Role) bool) {
		w.Shows = func(all *access.Directory) bool { r := all.Role(p.Name); return r != nil && test(r) }
	}
	switch step.Op {
	case opCreate:
		return w, k.create(w, p, attempts)
	case opWrite, opNarrow, opLift:
		text, err := textOf(p.Trust)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", step.ID, step.Op, err)
		}
		w.Action, w.NamesPrincipals = "iam:UpdateAssumeRolePolicy", true
		w.Send = cloud.Sending(k.IAM.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: role, PolicyDocument: &text})
		shows(func(r *access.Role) bool { return r.Trust.Equivalent(p.Trust) })
	case opLonger, opShorter:
		w.Action = "iam:UpdateRole"
		w.Send = cloud.Sending(k.IAM.UpdateRole, &iam.UpdateRoleInput{RoleName: role, MaxSessionDuration: &p.MaxSession})
		w.Asks = func(ctx context.Context) (bool, error) {
			have, err := k.session(ctx, p.Name)
			return have == int(p.MaxSession), err
		}
	case opDelete:
		w.Action, w.Removes = "iam:DeleteRole", true
		w.Send = cloud.Sending(k.IAM.DeleteRole, &iam.DeleteRoleInput{RoleName: role})
		w.Shows = func(all *access.Directory) bool { return all.Role(p.Name) == nil }
	default:
		return w, k.shared(w, step, p, shows)
	}
	return w, nil
}

// shared says what the steps do that users and roles have alike.
func (k *iamRole) shared(w *cloud.Write, step resource.Step, p parameters, shows func(func(*access.Role) bool)) error {
	role := aws.String(p.Name)
	if step.Op == kind.OpDetach || step.Op == kind.OpDeleteInline {
		w.Guard = func(_ context.Context, all *access.Directory) error {
			r := all.Role(p.Name)
			if r == nil {
				return nil
			}
			return kind.MayTake(all, r.Entity, func(denial string) bool { return p.Takes(step.Op, denial) })
		}
	}
	switch step.Op {
	case opTag, kind.AdoptOp:
		w.Action = "iam:TagRole"
		w.Send = cloud.Sending(k.IAM.TagRole, &iam.TagRoleInput{RoleName: role, Tags: cloud.IAMTags(p.Tags)})
		shows(func(r *access.Role) bool {
			if step.Op == kind.AdoptOp {
				// To tag is not to have made it; to take it over is.
				w.Made = outputsOf(r.Entity)
			}
			return r.Tagged(p.Tags)
		})
	case kind.OpAttach:
		w.Action, w.NamesPolicy = "iam:AttachRolePolicy", true
		w.Send = cloud.Sending(k.IAM.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: &p.Policy})
		shows(func(r *access.Role) bool { return slices.Contains(r.Attached, p.Policy) })
	case kind.OpDetach, kind.OpLift:
		w.Action, w.Removes = "iam:DetachRolePolicy", true
		w.Send = cloud.Sending(k.IAM.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: &p.Policy})
		shows(func(r *access.Role) bool { return !slices.Contains(r.Attached, p.Policy) })
	case kind.OpDeleteInline, kind.OpLiftInline:
		w.Action, w.Removes = "iam:DeleteRolePolicy", true
		w.Send = cloud.Sending(k.IAM.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: &p.InlinePolicy})
		shows(func(r *access.Role) bool { _, there := r.Inline[p.InlinePolicy]; return !there })
	case kind.OpPutBoundary, kind.OpChangeBoundary:
		w.Action, w.NamesPolicy = "iam:PutRolePermissionsBoundary", true
		w.Send = cloud.Sending(k.IAM.PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: &p.Boundary})
		shows(func(r *access.Role) bool { return r.Boundary == p.Boundary })
	default:
		return fmt.Errorf("%s: no operation %q", step.ID, step.Op)
	}
	return nil
}

// create makes the role with its trust, tags and boundary in one call, so that
// no role is ever without them.
func (k *iamRole) create(w *cloud.Write, p parameters, attempts []string) error {
	text, err := textOf(p.Trust)
	if err != nil {
		return err
	}
	in := &iam.CreateRoleInput{RoleName: aws.String(p.Name), Path: aws.String(p.Path), AssumeRolePolicyDocument: &text, Tags: cloud.IAMTags(kind.WithIntent(p.Tags, attempts))}
	if p.Boundary != "" {
		in.PermissionsBoundary = aws.String(p.Boundary)
	}
	if p.MaxSession != 0 {
		in.MaxSessionDuration = aws.Int32(p.MaxSession)
	}
	ours := func(r *access.Role) bool {
		return slices.Contains(attempts, r.Tags[kind.TagIntent]) && r.Boundary == p.Boundary && r.Tagged(p.Tags) && r.Trust.Equivalent(p.Trust)
	}
	w.Action, w.NamesPrincipals, w.Send = "iam:CreateRole", true, cloud.Sending(k.IAM.CreateRole, in)
	w.Named = func(all *access.Directory) string { return all.Taken(noun, p.Name) }
	w.Shows = func(all *access.Directory) bool {
		r := all.Role(p.Name)
		if r == nil || !ours(r) {
			return false
		}
		w.Made = outputsOf(r.Entity)
		return true
	}
	return nil
}

// textOf is a trust as AWS reads it. One that admits nobody is no trust.
func textOf(trust access.Document) (string, error) {
	if len(trust.Statements) == 0 {
		return "", errors.New("the trust has no statement")
	}
	return trust.Text()
}

func outputsOf(e access.Entity) resource.Outputs {
	return resource.Outputs{"arn": e.ARN, "name": e.Name, "roleId": e.ID}
}
