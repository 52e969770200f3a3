package iamgroup

import (
	"context"
	"errors"
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

// intent is what the journal holds of an attempt. A group cannot carry it; each
// of its operations has one effect however often it is done.
type intent struct {
	Intent string `json:"intent"`
}

// effect is one call, and how the directory shows that it happened; a group
// that is not there is nil.
type effect struct {
	action, on string
	call       func(context.Context) error
	shows      func(*access.Directory, *access.Group) bool
	// takes: where the group is gone, it happened.
	takes bool
}

func prepare(_ context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	data, err := resource.Canonical(intent{resolved.Intent})
	return kind.Prepared(data), err
}

func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	if p.Group == "" || !strings.EqualFold(p.Group, step.ID.Name) {
		return p, fmt.Errorf("%s: %s: the step is about group %q", step.ID, step.Op, p.Group)
	}
	return p, nil
}

// effectOf is what an operation does.
func (k *groups) effectOf(op string, p parameters) (effect, error) {
	e, known := k.gives(op, p)
	if !known {
		e, known = k.takes(op, p)
		e.takes = true
	}
	e.on = strings.TrimSpace(p.Group + " " + p.User + p.Policy + p.Inline)
	if !known {
		return e, fmt.Errorf("no operation %q", op)
	}
	return e, nil
}

// gives are the operations after which something is there.
func (k *groups) gives(op string, p parameters) (e effect, known bool) {
	group := aws.String(p.Group)
	switch op {
	case opCreate:
		e.action = "iam:CreateGroup"
		e.call = func(ctx context.Context) error { return k.create(ctx, p) }
		e.shows = func(_ *access.Directory, g *access.Group) bool { return bare(g) && g.Path == p.Path }
	case opMove, kind.AdoptOp:
		e.action = "iam:UpdateGroup"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: group, NewPath: aws.String(p.Path)}))
		}
		e.shows = func(_ *access.Directory, g *access.Group) bool { return g != nil && g.Path == p.Path }
	case opAttach:
		e.action = "iam:AttachGroupPolicy"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: group, PolicyArn: aws.String(p.Policy)}))
		}
		e.shows = func(_ *access.Directory, g *access.Group) bool {
			return g != nil && slices.Contains(g.Attached, p.Policy)
		}
	case opAdd:
		e.action = "iam:AddUserToGroup"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: group, UserName: aws.String(userName(p.User))}))
		}
		e.shows = func(d *access.Directory, g *access.Group) bool { return member(d, g, p.User) }
	default:
		return e, false
	}
	return e, true
}

// takes are the operations after which something is gone.
func (k *groups) takes(op string, p parameters) (e effect, known bool) {
	group := aws.String(p.Group)
	switch op {
	case opDetach, opDetachDeny:
		e.action = "iam:DetachGroupPolicy"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: group, PolicyArn: aws.String(p.Policy)}))
		}
		e.shows = func(_ *access.Directory, g *access.Group) bool {
			return g == nil || !slices.Contains(g.Attached, p.Policy)
		}
	case opRemove, opRemoveDeny:
		e.action = "iam:RemoveUserFromGroup"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: group, UserName: aws.String(userName(p.User))}))
		}
		e.shows = func(d *access.Directory, g *access.Group) bool { return !member(d, g, p.User) }
	case opInline, opInlineDeny:
		e.action = "iam:DeleteGroupPolicy"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: group, PolicyName: aws.String(p.Inline)}))
		}
		e.shows = func(_ *access.Directory, g *access.Group) bool { return g == nil || !holds(g, p.Inline) }
	case opDelete:
		e.action = "iam:DeleteGroup"
		e.call = func(ctx context.Context) error {
			return second(k.IAM.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: group}))
		}
		e.shows = func(_ *access.Directory, g *access.Group) bool { return g == nil }
	default:
		return e, false
	}
	return e, true
}

func second[O any](_ O, err error) error { return err }

func holds(g *access.Group, inline string) bool {
	_, has := g.Inline[inline]
	return has
}

// bare reports a group in which nothing is.
func bare(g *access.Group) bool { return g != nil && len(g.Attached)+len(g.Inline)+len(g.Members) == 0 }

// member reports whether the user of this very ARN is in the group: another
// user of the name may have taken its place.
func member(d *access.Directory, g *access.Group, arn string) bool {
	return g != nil && slices.ContainsFunc(d.Users, func(u access.User) bool { return u.ARN == arn && slices.Contains(g.Members, u.Name) })
}

func userName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func find(d *access.Directory, name string) *access.Group {
	for i := range d.Groups {
		if strings.EqualFold(d.Groups[i].Name, name) {
			return &d.Groups[i]
		}
	}
	return nil
}

func (k *groups) do(ctx context.Context, resolved kind.Resolved, _ kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	e, err := k.effectOf(step.Op, p)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	directory, err := k.Directory.Fresh(ctx)
	if err == nil {
		err = mayWrite(resolved, p, directory)
	}
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if !e.shows(directory, find(directory, p.Group)) {
		if err := k.patiently(ctx, e); err != nil {
			return nil, err
		}
	}
	return k.settle(ctx, step.Op, p, e)
}

// mayWrite says why the group as it is now must not be written: it is not ours,
// or what is taken away would lift a denial that was not planned.
func mayWrite(resolved kind.Resolved, p parameters, directory *access.Directory) error {
	live, op := find(directory, p.Group), resolved.Step.Op
	var denies []string
	if live != nil {
		denies = denials(directory, *live)
	}
	moves := live != nil && live.Path == p.From && markOf(resolved.Environment, live.Path) == ""
	switch {
	case live == nil, op == kind.AdoptOp && moves:
		return nil
	case !within(resolved.Environment, live.Path):
		return fmt.Errorf("group %s has path %s, ours is %s", live.Name, live.Path, resolved.Environment.Access.Path)
	case op == opDetach && slices.Contains(denies, p.Policy), op == opInline && slices.Contains(denies, inlinePrefix+p.Inline), op == opRemove && len(denies) > 0:
		return fmt.Errorf("group %s denies something by %s: to lift it was not planned", live.Name, strings.Join(denies, ", "))
	case op == opDelete && !bare(live):
		// The emulator deletes a group with members; AWS refuses.
		return fmt.Errorf("group %s has %d members and %d policies, needs none", live.Name, len(live.Members), len(live.Attached)+len(live.Inline))
	default:
		return nil
	}
}

// patiently makes the call, and again for a while where IAM does not know yet
// what was made a moment ago.
func (k *groups) patiently(ctx context.Context, e effect) error {
	var last error
	called := false
	_, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		if called {
			return true, nil
		}
		last = e.call(ctx)
		if cloud.NotFound(last) && !e.takes {
			return false, nil
		}
		called = true
		return true, nil
	})
	switch {
	case err != nil && !called:
		return err
	case last == nil, e.takes && cloud.NotFound(last):
		return nil
	case cloud.NotAccepted(last):
		return &kind.NotAcceptedError{Err: cloud.Explain(e.action, e.on, last)}
	default:
		return cloud.Explain(e.action, e.on, last)
	}
}

// create makes the group. A group of the name that is at our path and bare is
// what an earlier attempt left: there is nothing else to tell it by, and nothing
// in it to lose.
func (k *groups) create(ctx context.Context, p parameters) error {
	_, err := k.IAM.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(p.Group), Path: aws.String(p.Path)})
	if !cloud.Exists(err) {
		return err
	}
	directory, lookErr := k.Directory.Fresh(ctx)
	if lookErr != nil {
		return fmt.Errorf("the group exists, and then: %w", lookErr)
	}
	if live := find(directory, p.Group); bare(live) && live.Path == p.Path {
		return nil
	}
	return err
}

// settle waits until the directory shows the effect. Only a group that was made
// or adopted gives its ARN out: to write to a group is not to have made it.
func (k *groups) settle(ctx context.Context, op string, p parameters, e effect) (resource.Outputs, error) {
	var outputs resource.Outputs
	err := k.Directory.Settle(ctx, op+" of "+e.on, func(d *access.Directory) bool {
		live := find(d, p.Group)
		if live != nil && (op == opCreate || op == opMove || op == kind.AdoptOp) {
			outputs = outputsOf(*live)
		}
		return e.shows(d, live)
	})
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	return outputs, nil
}

func (k *groups) probe(ctx context.Context, resolved kind.Resolved, _ []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	e, err := k.effectOf(resolved.Step.Op, p)
	if err != nil {
		return kind.Unknown, nil, err
	}
	outputs, err := k.settle(ctx, resolved.Step.Op, p, e)
	unsettled := (*cloud.UnsettledError)(nil)
	switch {
	case errors.As(err, &unsettled):
		// Each of these may be done twice without harm.
		return kind.No, nil, nil
	case err != nil:
		return kind.Unknown, nil, err
	default:
		return kind.Yes, outputs, nil
	}
}
