// Package accesskey manages the static keys of IAM users: there are none unless
// one is declared. A declared one is made in memory, its secret goes straight
// into Secrets Manager, and it is rotated in two steps: a new key beside the old
// one, and the old one removed once the overlap is over. It never shows a secret,
// never touches the keys of a user that is not ours, and takes no undeclared key
// from a declared user who still signs in with it.
package accesskey

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "access-key"

// tagKey names, on the secret, the access key whose secret it holds.
const tagKey = "reconcile:access-key"

// usual is how recently a key was used by whoever still needs it, where no
// overlap is declared.
const usual = 7 * 24 * time.Hour

// perUser is how many access keys a user may have (IAM quotas).
const perUser = 2

// Spec is the static access of one user, as it must be and as it is.
type Spec struct {
	// User is a ref to the user's name: a key comes after its user and goes before.
	User resource.Value `json:"user,omitzero"`
	// Secret and Region are where the key lies.
	Secret string `json:"secret,omitempty"`
	Region string `json:"region,omitempty"`
	// Current says of the key in the secret that it is "fresh", "due" for
	// rotation, "missing" or "inactive".
	Current string `json:"current,omitempty"`
	// Previous says of the key before it that there is "none", that it is
	// "overlapping", or that its time is "over".
	Previous string `json:"previous,omitempty"`
	// Stray are the ids of keys whose secret nobody stored: half a rotation, or
	// somebody's work behind our back.
	Stray []string `json:"stray,omitzero"`
	// Used are the ids of keys like those of Stray that somebody signs in with, an
	// agent of before we came or a thief: a finding, and a person decides.
	Used []string `json:"used,omitempty"`
	// Rotation says when: "90d, old key 7d longer".
	MaxAge  string `json:"maxAge,omitempty"`
	Overlap string `json:"overlap,omitempty"`
	// Keys are the ids of the live keys, oldest first.
	Keys []string `json:"keys,omitempty"`
}

// The values of Spec.Current and Spec.Previous.
const (
	fresh       = "fresh"
	due         = "due"
	missing     = "missing"
	inactive    = "inactive"
	none        = "none"
	overlapping = "overlapping"
	over        = "over"
)

// API is what the kind needs of IAM beside the directory.
type API = cloud.AccessKeysmithAPI

// SecretsAPI is what the kind needs of Secrets Manager in one region.
type SecretsAPI interface {
	cloud.SecretReader
	cloud.SecretStoreAPI
}

// Options are what the kind works with.
type Options struct {
	IAM API
	// Secrets gives the client of a region.
	Secrets func(region string) SecretsAPI
	// Directory is all of IAM, shared by the IAM kinds.
	Directory *cloud.Directory
	// Clock says how old a key is; a zero value means the wall clock.
	Clock cloud.Clock
}

type accessKey struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.IAM == nil || o.Secrets == nil || o.Directory == nil {
		return kind.Kind{}, errors.New("access-key: needs clients for IAM and Secrets Manager, and a directory")
	}
	if o.Clock.Now == nil {
		o.Clock = cloud.Wall()
	}
	k := &accessKey{o}
	account := kind.Account[Spec]{Kind: Name, Directory: o.Directory, Unread: cloud.Unread, Look: k.look}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: account.Observe, Read: account.Read,
		Check: check, Steps: steps, Prepare: k.prepare, Do: k.do, Probe: k.probe,
	})
}

// The operations of steps.
const (
	opCreate = "create-access-key"
	opRotate = "rotate-access-key"
	opRetire = "remove-old-access-key"
	opStray  = "remove-stray-access-key"
	opDelete = "remove-access-key"
)

func makes() []string   { return []string{opCreate, opRotate} }
func removes() []string { return []string{opRetire, opStray, opDelete} }

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering: []string{"maxAge", "overlap"}, Computed: []string{"keys", "used"}, Moving: []string{"current", "previous"},
		Satisfies: func(path string, desired, observed resource.Attrs) bool {
			return path == "previous" && observed[path] == overlapping || path == "user" && observed[path] != nil
		},
		Risks: map[string]resource.Risk{
			opCreate: resource.Sensitive, opRotate: resource.Sensitive,
			// The old key's time is over, and its successor is in the secret.
			opRetire: resource.Protective,
			// Nobody declared it, and its secret is not where an agent would find it.
			opStray: resource.Protective, opDelete: resource.Destructive,
		},
		Alone: true,
	}
}

// Actions are all that the kind asks of AWS.
func Actions() []kind.Action {
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"}, {Name: "iam:ListAccessKeys"}, {Name: "secretsmanager:DescribeSecret"},
		{Name: "iam:GetAccessKeyLastUsed"},
		kind.Writing("iam:CreateAccessKey", makes()...),
		kind.Writing("iam:UpdateAccessKey", removes()...),
		kind.Writing("iam:DeleteAccessKey", slices.Concat(makes(), removes())...),
		kind.Writing("secretsmanager:CreateSecret", makes()...),
		kind.Writing("secretsmanager:PutSecretValue", makes()...),
		kind.Writing("secretsmanager:TagResource", makes()...),
	}
}

// declare lists the users that must have a static key.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	list := func(a *config.Access) []config.User {
		return slices.DeleteFunc(slices.Clone(a.Users), func(u config.User) bool { return u.AccessKey == nil })
	}
	return kind.DeclareAccess(env, list, func(u config.User) (kind.Object[Spec], error) {
		key := u.AccessKey
		return kind.Object[Spec]{ID: idOf(u.Name), Why: []resource.Source{key.Source}, Spec: Spec{
			User: resource.RefTo(config.UserID(u.Name), "name"), Secret: key.Secret, Region: key.Region,
			Current: fresh, Previous: none, Stray: []string{}, MaxAge: days(key.MaxAge), Overlap: days(key.Overlap),
		}}, nil
	})
}

func idOf(user string) resource.ID {
	return resource.ID{Kind: Name, Scope: config.Global, Name: user}
}

// days is a duration as people write it: 90d, or hours where it is less.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}
