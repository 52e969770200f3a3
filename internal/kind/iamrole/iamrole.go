// Package iamrole manages the IAM roles that agents and operators take on: it
// makes them with the trust that is declared, puts the permissions boundary on
// them, attaches their policies, mends their trust and takes away what nobody
// declared. It removes a role that is not declared any more. It never writes a
// trust with a wildcard in it, and never touches instance profiles, sessions
// and the roles that the tool itself runs as.
package iamrole

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "iam-role"

const noun = "role"

// Spec is a role as it must be and as it is.
type Spec struct {
	kind.Principal
	// Trust says who may assume the role.
	Trust access.Document `json:"trust,omitzero"`
	// MaxSession is the longest session in seconds; absent: not managed. Of a live
	// role it is read only where it is declared: the directory does not hold it.
	MaxSession int `json:"maxSession,omitempty"`
}

// API is what the kind needs of IAM beside the directory.
type API interface {
	Reader
	Writer
}

// Reader is what the directory does not hold.
type Reader interface {
	GetRole(context.Context, *iam.GetRoleInput, ...func(*iam.Options)) (*iam.GetRoleOutput, error)
}

// Writer is what the kind does to roles.
type Writer interface {
	AttachRolePolicy(context.Context, *iam.AttachRolePolicyInput, ...func(*iam.Options)) (*iam.AttachRolePolicyOutput, error)
	CreateRole(context.Context, *iam.CreateRoleInput, ...func(*iam.Options)) (*iam.CreateRoleOutput, error)
	DeleteRole(context.Context, *iam.DeleteRoleInput, ...func(*iam.Options)) (*iam.DeleteRoleOutput, error)
	DeleteRolePolicy(context.Context, *iam.DeleteRolePolicyInput, ...func(*iam.Options)) (*iam.DeleteRolePolicyOutput, error)
	DetachRolePolicy(context.Context, *iam.DetachRolePolicyInput, ...func(*iam.Options)) (*iam.DetachRolePolicyOutput, error)
	PutRolePermissionsBoundary(context.Context, *iam.PutRolePermissionsBoundaryInput, ...func(*iam.Options)) (*iam.PutRolePermissionsBoundaryOutput, error)
	TagRole(context.Context, *iam.TagRoleInput, ...func(*iam.Options)) (*iam.TagRoleOutput, error)
	UpdateAssumeRolePolicy(context.Context, *iam.UpdateAssumeRolePolicyInput, ...func(*iam.Options)) (*iam.UpdateAssumeRolePolicyOutput, error)
	UpdateRole(context.Context, *iam.UpdateRoleInput, ...func(*iam.Options)) (*iam.UpdateRoleOutput, error)
}

// Options are what the kind works with.
type Options struct {
	IAM API
	// Directory is all of IAM in one walk; a new one for every reading.
	Directory *cloud.Directory
	// Caller is who we are, by STS: nothing is taken from that principal.
	Caller string
}

type iamRole struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.IAM == nil || o.Directory == nil {
		return kind.Kind{}, errors.New("iam-role: needs a client for IAM and its directory")
	}
	k := &iamRole{o}
	account := kind.Account[Spec]{Kind: Name, Directory: o.Directory, Unread: cloud.Unread, Look: k.look}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: account.Observe, Read: account.Read,
		Check: check, Steps: form().Steps, Prepare: kind.PrepareStep[parameters], Do: k.do, Probe: k.probe,
	})
}

// The operations of steps beside those that users and roles share. A trust that
// narrows and a session that gets shorter only take power away. A trust that
// denied somebody is lifted: the denial may be a brake.
const (
	opCreate  = "create-role"
	opTag     = "tag-role"
	opDelete  = "delete-role"
	opWrite   = "write-trust"
	opNarrow  = "narrow-trust"
	opLift    = "lift-trust"
	opLonger  = "lengthen-session"
	opShorter = "shorten-session"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	risks := kind.PrincipalRisks(noun)
	risks[opWrite], risks[opNarrow], risks[opLift] = resource.Sensitive, resource.Protective, resource.Sensitive
	risks[opLonger], risks[opShorter] = resource.Sensitive, resource.Protective
	return resource.Traits{Steering: []string{"adopt"}, Satisfies: satisfies, Risks: risks, Person: append(kind.PrincipalPersons(), opLift), Alone: true, Gives: true}
}

// Actions are all that the kind asks of IAM. Tags in CreateRole need TagRole
// too (IAM User Guide, "Tagging IAM resources").
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"},
		{Name: "iam:GetRole"},
		kind.Writing("iam:AttachRolePolicy", kind.OpAttach),
		kind.Writing("iam:CreateRole", opCreate),
		kind.Writing("iam:DeleteRole", opDelete),
		kind.Writing("iam:DeleteRolePolicy", kind.OpDeleteInline, kind.OpLiftInline),
		kind.Writing("iam:DetachRolePolicy", kind.OpDetach, kind.OpLift),
		kind.Writing("iam:PutRolePermissionsBoundary", kind.OpPutBoundary, kind.OpChangeBoundary),
		kind.Writing("iam:TagRole", opCreate, opTag, kind.AdoptOp),
		kind.Writing("iam:UpdateAssumeRolePolicy", opWrite, opNarrow, opLift),
		kind.Writing("iam:UpdateRole", opLonger, opShorter),
	}
}

// satisfies compares trusts by what they mean.
func satisfies(path string, desired, observed resource.Attrs) bool {
	if path != "trust" {
		return kind.PrincipalSatisfies(path, desired, observed)
	}
	var want, have struct {
		Trust access.Document `json:"trust"`
	}
	only := func(attrs resource.Attrs) resource.Attrs { return resource.Attrs{"trust": attrs["trust"]} }
	if observed["trust"] == nil || only(desired).Decode(&want) != nil || only(observed).Decode(&have) != nil {
		return false
	}
	return want.Trust.Equivalent(have.Trust)
}

// declare lists the roles of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	list := func(a *config.Access) []config.Role { return a.Roles }
	return kind.DeclareAccess(env, list, func(r config.Role) (o kind.Object[Spec], err error) {
		o = kind.Object[Spec]{ID: config.RoleID(r.Name), Why: []resource.Source{r.Source}, Spec: Spec{MaxSession: int(r.MaxSession.Seconds())}}
		common := kind.Principal{Name: r.Name, Path: r.Path, Boundary: r.Boundary, Protect: r.Protect, Adopt: r.Adopt}
		if o.Spec.Principal, err = kind.DesiredPrincipal(env, common, r.Policies, r.Agent, r.Operator); err != nil {
			return o, err
		}
		if o.Spec.Trust, err = trustOf(env.AWS, r.Trust); err != nil {
			return o, fmt.Errorf("trust: %w", err)
		}
		return o, nil
	})
}

func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	return kind.CheckPrincipals(Name, desired, observed, facts)
}

// form is what roles add to the steps of principals.
func form() kind.PrincipalForm[Spec] {
	return kind.PrincipalForm[Spec]{
		Noun: noun,
		Create: func(after Spec) resource.Attrs {
			params := resource.Attrs{"trust": after.Trust}
			if after.MaxSession != 0 {
				params["maxSession"] = after.MaxSession
			}
			return params
		},
		Update: update,
	}
}

// update mends trust and session: what widens is given, what narrows is taken.
func update(before, after Spec) (give, take []resource.Step) {
	if !after.Trust.Equivalent(before.Trust) {
		params := resource.Attrs{"trust": after.Trust}
		switch {
		case access.Narrows(before.Trust, after.Trust):
			take = append(take, resource.Step{Op: opNarrow, Params: params})
		case kind.Denies(before.Trust):
			give = append(give, resource.Step{Op: opLift, Params: params})
		default:
			give = append(give, resource.Step{Op: opWrite, Params: params})
		}
	}
	if after.MaxSession != 0 && after.MaxSession != before.MaxSession {
		params := resource.Attrs{"maxSession": after.MaxSession}
		if before.MaxSession != 0 && after.MaxSession < before.MaxSession {
			take = append(take, resource.Step{Op: opShorter, Params: params})
		} else {
			give = append(give, resource.Step{Op: opLonger, Params: params})
		}
	}
	return give, take
}
