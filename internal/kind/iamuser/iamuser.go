// Package iamuser manages the IAM users that agents and operators sign in as:
// it makes them without any power, puts the permissions boundary on them,
// attaches their policies and takes away what nobody declared: attached
// policies, inline documents, groups that are not ours. It removes a user that
// is not declared any more. It never touches access keys, passwords and MFA, and
// leaves the members of our own groups to the groups.
package iamuser

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "iam-user"

const noun = "user"

// Spec is a user as it must be and as it is.
type Spec struct {
	kind.Principal
	// Groups are those that the user is in and that are not ours; none may be.
	Groups []string `json:"groups,omitzero"`
	// DenyingGroups are those of them that deny something, or may: a brake that
	// somebody put on.
	DenyingGroups []string `json:"denyingGroups,omitempty"`
}

// API is what the kind needs of IAM beside the directory.
type API interface {
	Reader
	Writer
}

// Reader is what the directory does not hold of a user that is to go.
type Reader interface {
	GetLoginProfile(context.Context, *iam.GetLoginProfileInput, ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error)
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
}

// Writer is what the kind does to users.
type Writer interface {
	AttachUserPolicy(context.Context, *iam.AttachUserPolicyInput, ...func(*iam.Options)) (*iam.AttachUserPolicyOutput, error)
	CreateUser(context.Context, *iam.CreateUserInput, ...func(*iam.Options)) (*iam.CreateUserOutput, error)
	DeleteUser(context.Context, *iam.DeleteUserInput, ...func(*iam.Options)) (*iam.DeleteUserOutput, error)
	DeleteUserPolicy(context.Context, *iam.DeleteUserPolicyInput, ...func(*iam.Options)) (*iam.DeleteUserPolicyOutput, error)
	DetachUserPolicy(context.Context, *iam.DetachUserPolicyInput, ...func(*iam.Options)) (*iam.DetachUserPolicyOutput, error)
	PutUserPermissionsBoundary(context.Context, *iam.PutUserPermissionsBoundaryInput, ...func(*iam.Options)) (*iam.PutUserPermissionsBoundaryOutput, error)
	RemoveUserFromGroup(context.Context, *iam.RemoveUserFromGroupInput, ...func(*iam.Options)) (*iam.RemoveUserFromGroupOutput, error)
	TagUser(context.Context, *iam.TagUserInput, ...func(*iam.Options)) (*iam.TagUserOutput, error)
}

// Options are what the kind works with.
type Options struct {
	IAM API
	// Directory is all of IAM in one walk; a new one for every reading.
	Directory *cloud.Directory
	// Caller is who we are, by STS: nothing is taken from that principal.
	Caller string
}

type iamUser struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.IAM == nil || o.Directory == nil {
		return kind.Kind{}, errors.New("iam-user: needs a client for IAM and its directory")
	}
	k := &iamUser{o}
	account := kind.Account[Spec]{Kind: Name, Directory: o.Directory, Unread: cloud.Unread, Look: k.look}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: account.Observe, Read: account.Read,
		Check: check, Steps: form().Steps, Prepare: kind.PrepareStep[parameters], Do: k.do, Probe: k.probe,
	})
}

// The operations of steps beside those that users and roles share.
const (
	opCreate     = "create-user"
	opTag        = "tag-user"
	opDelete     = "delete-user"
	opLeaveGroup = "leave-group"
	opLiftGroup  = "leave-denying-group"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	risks := kind.PrincipalRisks(noun)
	risks[opLeaveGroup], risks[opLiftGroup] = resource.Protective, resource.Sensitive
	return resource.Traits{
		Steering: []string{"adopt"}, Computed: []string{"denyingGroups"}, Satisfies: kind.PrincipalSatisfies, Risks: risks,
		Person: append(kind.PrincipalPersons(), opLiftGroup), Alone: true, Gives: true,
	}
}

// Actions are all that the kind asks of IAM. Tags in CreateUser need TagUser
// too (IAM User Guide, "Tagging IAM resources").
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"},
		{Name: "iam:GetLoginProfile"},
		{Name: "iam:ListAccessKeys"},
		kind.Writing("iam:AttachUserPolicy", kind.OpAttach),
		kind.Writing("iam:CreateUser", opCreate),
		kind.Writing("iam:DeleteUser", opDelete),
		kind.Writing("iam:DeleteUserPolicy", kind.OpDeleteInline, kind.OpLiftInline),
		kind.Writing("iam:DetachUserPolicy", kind.OpDetach, kind.OpLift),
		kind.Writing("iam:PutUserPermissionsBoundary", kind.OpPutBoundary, kind.OpChangeBoundary),
		kind.Writing("iam:RemoveUserFromGroup", opLeaveGroup, opLiftGroup),
		kind.Writing("iam:TagUser", opCreate, opTag, kind.AdoptOp),
	}
}

// declare lists the users of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	list := func(a *config.Access) []config.User { return a.Users }
	return kind.DeclareAccess(env, list, func(u config.User) (kind.Object[Spec], error) {
		common := kind.Principal{Name: u.Name, Path: u.Path, Boundary: u.Boundary, Protect: u.Protect, Adopt: u.Adopt}
		common, err := kind.DesiredPrincipal(env, common, u.Policies, u.Agent, u.Operator)
		return kind.Object[Spec]{ID: config.UserID(u.Name), Spec: Spec{Principal: common, Groups: []string{}}, Why: []resource.Source{u.Source}}, err
	})
}

func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	return kind.CheckPrincipals(Name, desired, observed, facts)
}

// form is what users add to the steps of principals.
func form() kind.PrincipalForm[Spec] {
	return kind.PrincipalForm[Spec]{
		Noun:   noun,
		Update: func(before, _ Spec) (give, take []resource.Step) { return nil, leave(before) },
		Delete: func(before Spec) []resource.Step { return leave(before) },
		Keep:   keep,
	}
}

// leave takes a user out of groups, out of those that deny last.
func leave(before Spec) []resource.Step {
	var list, lifts []resource.Step
	for _, group := range before.Groups {
		step := resource.Step{Op: opLeaveGroup, Params: resource.Attrs{"group": group}}
		if slices.Contains(before.DenyingGroups, group) {
			step.Op = opLiftGroup
			lifts = append(lifts, step)
			continue
		}
		list = append(list, step)
	}
	return append(list, lifts...)
}

// keep says why a user stays for now: what it signs in with is somebody's
// business, and never removed on the way.
func keep(facts map[string]string) string {
	var with []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if name == factAccessKeys || name == factPassword {
			with = append(with, facts[name])
		}
	}
	if len(with) == 0 {
		return ""
	}
	return fmt.Sprintf("the user still has %v; remove that first", with)
}
