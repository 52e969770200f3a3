// Package iampolicy manages the managed policies of the account that say what
// agents may do. It makes them under our path, writes their document as new
// versions (five are kept at most), and removes what nobody declares any more
// once it is attached to nobody. It attaches nothing (users, groups and roles
// do), never writes AWS's own policies, never moves a policy and never takes the
// protection off one.
package iampolicy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "iam-policy"

// maxVersions is how many versions AWS keeps of a managed policy (IAM User
// Guide, "IAM and AWS STS quotas").
const maxVersions = 5

// Spec is a managed policy as it must be and as it is.
type Spec struct {
	// Mark is the environment whose policy it is, by path or by tags; of one that
	// is somebody else's it says whose.
	Mark string `json:"mark,omitempty"`
	Name string `json:"name,omitempty"`
	// Path begins and ends with a slash. AWS moves no policy.
	Path string `json:"path,omitempty"`
	// Description is written when the policy is made; AWS changes it never again.
	Description string          `json:"description,omitempty"`
	Document    access.Document `json:"document,omitzero"`
	// Versions maps the live versions to the digest of what they mean.
	Versions map[string]string `json:"versions,omitempty"`
	// AttachedTo lists who has the live policy: user/…, group/…, role/….
	AttachedTo []string `json:"attachedTo,omitempty"`
	// Protect keeps the policy from being removed; of a live policy it is read
	// where it is declared or matters.
	Protect bool `json:"protect,omitempty"`
	// Adopt takes over a policy without our mark.
	Adopt bool `json:"adopt,omitempty"`
}

// API is what the kind needs of IAM beside the directory.
type API interface {
	CreatePolicy(context.Context, *iam.CreatePolicyInput, ...func(*iam.Options)) (*iam.CreatePolicyOutput, error)
	CreatePolicyVersion(context.Context, *iam.CreatePolicyVersionInput, ...func(*iam.Options)) (*iam.CreatePolicyVersionOutput, error)
	DeletePolicy(context.Context, *iam.DeletePolicyInput, ...func(*iam.Options)) (*iam.DeletePolicyOutput, error)
	DeletePolicyVersion(context.Context, *iam.DeletePolicyVersionInput, ...func(*iam.Options)) (*iam.DeletePolicyVersionOutput, error)
	ListPolicyTags(context.Context, *iam.ListPolicyTagsInput, ...func(*iam.Options)) (*iam.ListPolicyTagsOutput, error)
	SetDefaultPolicyVersion(context.Context, *iam.SetDefaultPolicyVersionInput, ...func(*iam.Options)) (*iam.SetDefaultPolicyVersionOutput, error)
	TagPolicy(context.Context, *iam.TagPolicyInput, ...func(*iam.Options)) (*iam.TagPolicyOutput, error)
}

// Options are what the kind works with.
type Options struct {
	IAM API
	// Directory is all of IAM, shared by the IAM kinds; one for each reading of
	// the world.
	Directory *cloud.Directory
}

type policies struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.IAM == nil || o.Directory == nil {
		return kind.Kind{}, errors.New("iam-policy: needs a client for IAM and a directory")
	}
	k := &policies{o}
	account := kind.Account[Spec]{Kind: Name, Directory: o.Directory, Unread: cloud.Unread, Look: k.look}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: account.Observe, Read: account.Read,
		Check: check, Steps: steps, Accept: kind.AcceptStatements, Prepare: kind.PrepareStep[parameters], Do: k.do, Probe: k.probe,
	})
}

// The operations of steps. Those that put a document in force exist twice,
// because taking power away must never wait as long as giving it.
const (
	opCreate     = "create-policy"
	opPrune      = "prune-version"
	opWrite      = "write-version"
	opNarrow     = "narrow"
	opReturn     = "return-to-version"
	opNarrowBack = "narrow-to-version"
	opProtect    = "protect-policy"
	opDelete     = "delete-policy"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering: []string{"adopt", "description"},
		Computed: []string{"versions", "attachedTo"},
		// Principals attach and detach in the same plan.
		Moving: []string{"attachedTo"},
		Satisfies: func(path string, desired, observed resource.Attrs) bool {
			return path == "document" && kind.SameDocument(desired[path], observed[path])
		},
		Risks: map[string]resource.Risk{
			// A policy that is attached to nobody gives nobody power: whoever attaches it
			// does.
			opCreate: resource.Routine, opProtect: resource.Routine,
			// A version that is not in force can only ever give something back.
			opPrune: resource.Protective,
			// By form (access.Narrows) nobody gains anything.
			opNarrow: resource.Protective, opNarrowBack: resource.Protective,
			opWrite: resource.Sensitive, opReturn: resource.Sensitive, kind.AdoptOp: resource.Sensitive,
			opDelete: resource.Destructive,
		},
		Alone: true, Gives: true, Accepts: true,
	}
}

// Actions are all that the kind asks of AWS. Tags given with a create need the
// right to tag (IAM User Guide, "Tagging IAM resources").
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"},
		{Name: "iam:ListPolicyTags"},
		kind.Writing("iam:CreatePolicy", opCreate),
		kind.Writing("iam:TagPolicy", opCreate, opProtect, kind.AdoptOp),
		kind.Writing("iam:CreatePolicyVersion", opWrite, opNarrow),
		kind.Writing("iam:SetDefaultPolicyVersion", opReturn, opNarrowBack),
		kind.Writing("iam:DeletePolicyVersion", opPrune),
		kind.Writing("iam:DeletePolicy", opDelete),
	}
}

// declare lists the managed policies of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	keys := map[string]config.Key{}
	for _, key := range env.Keys {
		keys[key.Name] = key
	}
	list := func(a *config.Access) []config.Policy { return a.Policies }
	return kind.DeclareAccess(env, list, func(p config.Policy) (kind.Object[Spec], error) {
		document, err := lower(p, keys, env.AWS.Account)
		return kind.Object[Spec]{ID: config.PolicyID(p.Name), Why: []resource.Source{p.Source}, Spec: Spec{
			Mark: env.Name, Name: p.Name, Path: p.Path, Description: p.Description, Document: document, Protect: p.Protect, Adopt: p.Adopt,
		}}, err
	})
}

// lower writes a policy's statements as IAM reads them.
func lower(p config.Policy, keys map[string]config.Key, account string) (access.Document, error) {
	document := access.Document{Version: access.Version}
	if len(p.Statements) == 0 {
		return document, fmt.Errorf("%s: has no statement", p.Source)
	}
	for i, s := range p.Statements {
		statement := access.Statement{Sid: s.Sid, Effect: access.Allow, Actions: slices.Clone(s.Actions)}
		for _, name := range s.Keys {
			key, known := keys[name]
			if !known {
				return document, fmt.Errorf("%s: statement %d: %q is no key of the environment", p.Source, i+1, name)
			}
			statement.Resources = append(statement.Resources, resource.RefTo(key.ResourceID(), "arn"))
		}
		statement.Resources = append(statement.Resources, access.Literals(s.Resources...)...)
		if len(s.Aliases) > 0 {
			// The form of the seeds: any key of the account, if one of its aliases is
			// like a pattern.
			if len(statement.Resources) == 0 {
				statement.Resources = access.Literals("arn:aws:kms:*:" + account + ":key/*")
			}
			statement.Conditions = map[string]map[string]access.Values{
				"ForAnyValue:StringLike": {"kms:ResourceAliases": access.Literals(s.Aliases...)},
			}
		}
		if len(statement.Actions) == 0 || len(statement.Resources) == 0 {
			return document, fmt.Errorf("%s: statement %d: needs actions and resources", p.Source, i+1)
		}
		document.Statements = append(document.Statements, statement)
	}
	return document, nil
}
