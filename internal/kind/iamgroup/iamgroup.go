// Package iamgroup manages the IAM groups through which people's shapes of
// access are given: the group, its managed policies and its members, all of
// them and no others. Groups have no tags in IAM, so that a group is ours by its
// path: an adopted one is moved to our path, which touches neither its members
// nor its policies. It makes no user and no policy, and never writes a group at
// another path.
package iamgroup

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "iam-group"

// Spec is a group as it must be and as it is. Lists are sets.
type Spec struct {
	// Mark is the environment whose path the group has; of one at another
	// environment's path it is that path.
	Mark string `json:"mark,omitempty"`
	Name string `json:"name,omitempty"`
	// Path begins and ends with a slash.
	Path string `json:"path,omitempty"`
	// Policies are the ARNs of the attached managed policies.
	Policies []resource.Value `json:"policies,omitzero"`
	// Inline are documents inside the group; none is ever declared.
	Inline map[string]access.Document `json:"inline,omitzero"`
	// Members are the ARNs of its users.
	Members []resource.Value `json:"members,omitzero"`
	// Denies lists what of the live group denies something or is not understood:
	// ARNs of policies, and inline/<name>.
	Denies []string `json:"denies,omitempty"`
	// Protect asks for what a group cannot have, since it has no tags.
	Protect bool `json:"protect,omitempty"`
	// Adopt takes over a group at another path.
	Adopt bool `json:"adopt,omitempty"`
}

// API is what the kind needs of IAM beside the directory.
type API interface {
	AddUserToGroup(context.Context, *iam.AddUserToGroupInput, ...func(*iam.Options)) (*iam.AddUserToGroupOutput, error)
	AttachGroupPolicy(context.Context, *iam.AttachGroupPolicyInput, ...func(*iam.Options)) (*iam.AttachGroupPolicyOutput, error)
	CreateGroup(context.Context, *iam.CreateGroupInput, ...func(*iam.Options)) (*iam.CreateGroupOutput, error)
	DeleteGroup(context.Context, *iam.DeleteGroupInput, ...func(*iam.Options)) (*iam.DeleteGroupOutput, error)
	DeleteGroupPolicy(context.Context, *iam.DeleteGroupPolicyInput, ...func(*iam.Options)) (*iam.DeleteGroupPolicyOutput, error)
	DetachGroupPolicy(context.Context, *iam.DetachGroupPolicyInput, ...func(*iam.Options)) (*iam.DetachGroupPolicyOutput, error)
	RemoveUserFromGroup(context.Context, *iam.RemoveUserFromGroupInput, ...func(*iam.Options)) (*iam.RemoveUserFromGroupOutput, error)
	UpdateGroup(context.Context, *iam.UpdateGroupInput, ...func(*iam.Options)) (*iam.UpdateGroupOutput, error)
}

// Options are what the kind works with.
type Options struct {
	IAM API
	// Directory is all of IAM, shared by the IAM kinds; one for each reading of
	// the world.
	Directory *cloud.Directory
}

type groups struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.IAM == nil || o.Directory == nil {
		return kind.Kind{}, errors.New("iam-group: needs a client for IAM and a directory")
	}
	k := &groups{o}
	account := kind.Account[Spec]{Kind: Name, Directory: o.Directory, Unread: cloud.Unread, Look: look}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: account.Observe, Read: account.Read,
		Check: check, Steps: steps, Accept: kind.AcceptGroup, Prepare: kind.PrepareStep[parameters], Do: k.do, Probe: k.probe,
	})
}

// The operations of steps.
const (
	opCreate = "create-group"
	opAttach = "attach-policy"
	opDetach = "detach-policy"
	opAdd    = "add-member"
	opRemove = "remove-member"
	opInline = "delete-inline"
	opMove   = "move-group"
	opDelete = "delete-group"

	// What denies is a brake that somebody put on: to lift it is another thing than
	// to take a right away.
	opDetachDeny = "detach-deny"
	opRemoveDeny = "remove-member-from-deny"
	opInlineDeny = "delete-inline-deny"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Accepts:  true,
		Steering: []string{"adopt", "protect"},
		Computed: []string{"denies"},
		Satisfies: func(path string, desired, observed resource.Attrs) bool {
			return (path == "policies" || path == "members") && kind.SameTexts(desired[path], observed[path])
		},
		Risks: map[string]resource.Risk{
			// A group without members and policies gives nobody power.
			opCreate: resource.Routine,
			// Each of these only takes away what a member could do. That nobody loses what
			// is declared for him is proved over the whole plan, not here.
			opDetach: resource.Protective, opRemove: resource.Protective, opInline: resource.Protective,
			// These take away a denial, which gives power back.
			opDetachDeny: resource.Sensitive, opRemoveDeny: resource.Sensitive, opInlineDeny: resource.Sensitive,
			opAttach: resource.Sensitive, opAdd: resource.Sensitive,
			// Rights over groups may be given by path.
			opMove: resource.Sensitive, kind.AdoptOp: resource.Sensitive,
			opDelete: resource.Destructive,
		},
		// A brake may have been put on on purpose, by AWS itself among others.
		Person: []string{opDetachDeny, opRemoveDeny, opInlineDeny},
		Alone:  true,
		Gives:  true,
	}
}

// Actions are all that the kind asks of AWS.
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"},
		kind.Writing("iam:CreateGroup", opCreate),
		kind.Writing("iam:AttachGroupPolicy", opAttach),
		kind.Writing("iam:DetachGroupPolicy", opDetach, opDetachDeny),
		kind.Writing("iam:AddUserToGroup", opAdd),
		kind.Writing("iam:RemoveUserFromGroup", opRemove, opRemoveDeny),
		kind.Writing("iam:DeleteGroupPolicy", opInline, opInlineDeny),
		kind.Writing("iam:UpdateGroup", opMove, kind.AdoptOp),
		kind.Writing("iam:DeleteGroup", opDelete),
	}
}

// declare lists the groups of the environment. Members and policies are refs,
// so that they are made before the group has them and outlive it.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	list := func(a *config.Access) []config.Group { return a.Groups }
	return kind.DeclareAccess(env, list, func(g config.Group) (kind.Object[Spec], error) {
		policies, err := kind.PolicyValues(env, g.Policies)
		spec := Spec{
			Mark: env.Name, Name: g.Name, Path: g.Path, Policies: policies, Inline: map[string]access.Document{},
			Members: make([]resource.Value, 0, len(g.Members)), Protect: g.Protect, Adopt: g.Adopt,
		}
		for _, user := range g.Members {
			spec.Members = append(spec.Members, resource.RefTo(config.UserID(user), "arn"))
		}
		spec.Members = kind.AsSet(spec.Members)
		if !kind.InPath(env, g.Path) {
			// A group elsewhere could not be known as ours.
			spec.Path = env.Access.Path
		}
		return kind.Object[Spec]{ID: config.GroupID(g.Name), Spec: spec, Why: []resource.Source{g.Source}}, err
	})
}
