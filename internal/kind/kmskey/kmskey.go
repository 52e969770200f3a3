// Package kmskey manages the KMS keys that agents and banks sign with: it makes
// them, names them by an alias, tags them, mends tags and descriptions, and
// tells what somebody else did to them. Where access is declared it writes their
// policies and reads their grants. It never deletes or disables a key, never
// moves an alias, and never takes the right to sign from somebody who is
// expected to have it.
package kmskey

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "kms-key"

// What an Ethereum signing key is in KMS.
const (
	keySpec  = "ECC_SECG_P256K1"
	keyUsage = "SIGN_VERIFY"
	origin   = "AWS_KMS"
	enabled  = "Enabled"
)

// Spec is a key as it must be and as it is.
type Spec struct {
	// Mark is the environment whose mark the key carries; of a key that carries
	// somebody else's it is "environment id".
	Mark string `json:"mark,omitempty"`
	// Alias is the declared alias, alias/…; absent while it is missing.
	Alias       string `json:"alias,omitempty"`
	Description string `json:"description,omitempty"`
	KeySpec     string `json:"spec,omitempty"`
	Usage       string `json:"usage,omitempty"`
	Origin      string `json:"origin,omitempty"`
	MultiRegion *bool  `json:"multiRegion,omitempty"`
	// State is KMS's key state.
	State string `json:"state,omitempty"`
	// Tags are people's tags; of a live key only those that are declared.
	Tags map[string]string `json:"tags,omitzero"`
	// AddressTag says whether the tag reconcile:address is "current", "missing"
	// or "other" than the key's address.
	AddressTag string `json:"addressTag,omitempty"`
	// Address (EIP-55) is declared where it is pinned.
	Address string `json:"address,omitempty"`
	// Policy is the key's policy; absent where nobody declares it.
	Policy *access.Document `json:"policy,omitempty"`
	// Expected are the ARNs that must stay able to sign, from the key's policy or
	// from IAM.
	Expected []string `json:"expected,omitempty"`
	// Grants and Aliases are read where access is declared: all grants of the key,
	// by id, and all aliases that point to it.
	Grants  []access.Grant `json:"grants,omitempty"`
	Aliases []string       `json:"aliases,omitempty"`
	// PinnedARN is declared where it is pinned; the live one is an output.
	PinnedARN string `json:"pinnedArn,omitempty"`
	// Adopt takes over a key without a mark.
	Adopt bool `json:"adopt,omitempty"`
}

// The values of Spec.AddressTag.
const (
	tagCurrent = "current"
	tagMissing = "missing"
	tagOther   = "other"
)

// API is what the kind needs of KMS in one region.
type API interface {
	cloud.KeyringAPI
	cloud.KeysmithAPI
}

// TaggingAPI is what the kind needs of the tagging API in one region.
type TaggingAPI = cloud.TaggingAPI

// Options are what the kind works with.
type Options struct {
	// KMS and Tagging give the clients of a region.
	KMS     func(region string) API
	Tagging func(region string) TaggingAPI
	// Inventory is a walk over what carries the environment's mark that several
	// kinds share; nil means that this kind walks by itself.
	Inventory *cloud.Inventory
	// Directory is all of the account's IAM, which tells who may sign without the
	// key's own policy. Nil: nobody is known to, and a policy that such a one still
	// needs is not narrowed.
	Directory *cloud.Directory
	// Gated derives every address from GetPublicKey and believes no tag: for
	// environments with pinned addresses or any approval, and for every apply.
	Gated bool
	// Parallel bounds concurrent calls; 0 means 16.
	Parallel int
	// Clock and Waits are how long an effect may take to be seen; zero values
	// mean the wall clock and cloud.SettleWaits.
	Clock cloud.Clock
	Waits []time.Duration
}

type kmsKey struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.KMS == nil || o.Tagging == nil {
		return kind.Kind{}, errors.New("kms-key: needs clients for KMS and for tags")
	}
	if o.Parallel == 0 {
		o.Parallel = 16
	}
	if o.Waits == nil {
		o.Waits = cloud.SettleWaits()
	}
	k := &kmsKey{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: k.observe, Read: k.read,
		Check: form().Check, Steps: form().Steps, Prepare: prepare, Do: k.do, Probe: k.probe,
	})
}

// The operations of steps.
const (
	opCreateKey   = "create-key"
	opCreateAlias = "create-alias"
	opTag         = "tag-key"
	opDescribe    = "describe-key"
	opEnable      = "enable-key"
	opPutPolicy   = "put-policy"
	opNarrow      = "narrow-policy"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering: []string{"adopt", "expected", "pinnedArn"},
		Computed: []string{"aliases", "grants"},
		Satisfies: func(path string, desired, observed resource.Attrs) bool {
			return path == "policy" && kind.SameDocument(desired[path], observed[path])
		},
		Alone:     true,
		Gives:     true,
		DeleteOff: true,
		Keys:      true,
		Risks: map[string]resource.Risk{
			opCreateKey: resource.Routine, opCreateAlias: resource.Routine, opTag: resource.Routine, opDescribe: resource.Routine,
			kind.AdoptOp: resource.Sensitive, opEnable: resource.Sensitive,
			opPutPolicy: resource.Sensitive, opNarrow: resource.Protective,
		},
		// Somebody may have disabled the key on purpose.
		Person: []string{opEnable},
	}
}

// Actions are all that the kind asks of AWS. Tags in CreateKey need TagResource
// too (KMS API reference, CreateKey).
func Actions() []kind.Action {
	writes := func(name string, ops ...string) kind.Action {
		return kind.Action{Name: name, Writes: true, Ops: ops}
	}
	return []kind.Action{
		{Name: "iam:GetAccountAuthorizationDetails"},
		{Name: "kms:DescribeKey"},
		{Name: "kms:GetKeyPolicy"},
		{Name: "kms:GetPublicKey"},
		{Name: "kms:ListAliases"},
		{Name: "kms:ListGrants"},
		{Name: "kms:ListKeys"},
		{Name: "kms:ListResourceTags"},
		{Name: "tag:GetResources"},
		writes("kms:CreateAlias", opCreateAlias),
		writes("kms:CreateKey", opCreateKey),
		writes("kms:EnableKey", opEnable),
		writes("kms:PutKeyPolicy", opPutPolicy, opNarrow),
		writes("kms:TagResource", opCreateKey, opTag, kind.AdoptOp),
		writes("kms:UpdateKeyDescription", opDescribe),
	}
}

// declare lists the KMS keys of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	rights := rightsOf(env)
	return kind.DeclareKeys(env, Name, func(key config.Key) Spec {
		spec := desired(env, key)
		if spec.Policy = rights.policy(key.Policy); spec.Policy != nil {
			spec.Expected = rights.signers[key.Name]
		}
		return spec
	}), nil
}

func desired(env *config.Environment, key config.Key) Spec {
	single := false
	return Spec{
		Mark: env.Name, Alias: aliasOf(key), Description: env.Name + " " + key.Name,
		KeySpec: keySpec, Usage: keyUsage, Origin: origin, MultiRegion: &single, State: enabled,
		Tags: kind.KeyTags(key), AddressTag: tagCurrent, Address: env.Pins[key.Name], PinnedARN: env.PinnedARNs[key.Name], Adopt: key.Adopt,
	}
}

// aliasOf is the alias as KMS spells it.
func aliasOf(key config.Key) string {
	if strings.HasPrefix(key.Alias, "alias/") {
		return key.Alias
	}
	return "alias/" + key.Alias
}

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }
