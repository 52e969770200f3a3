// Package kmskey manages the KMS keys that agents and banks sign with: it makes
// them, names them by an alias, tags them, mends tags and descriptions, and
// tells what somebody else did to them. It never deletes or disables a key,
// never moves an alias and never touches a key policy.
package kmskey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

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
	CreateAlias(context.Context, *kms.CreateAliasInput, ...func(*kms.Options)) (*kms.CreateAliasOutput, error)
	CreateKey(context.Context, *kms.CreateKeyInput, ...func(*kms.Options)) (*kms.CreateKeyOutput, error)
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
	EnableKey(context.Context, *kms.EnableKeyInput, ...func(*kms.Options)) (*kms.EnableKeyOutput, error)
	GetPublicKey(context.Context, *kms.GetPublicKeyInput, ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error)
	ListAliases(context.Context, *kms.ListAliasesInput, ...func(*kms.Options)) (*kms.ListAliasesOutput, error)
	ListKeys(context.Context, *kms.ListKeysInput, ...func(*kms.Options)) (*kms.ListKeysOutput, error)
	ListResourceTags(context.Context, *kms.ListResourceTagsInput, ...func(*kms.Options)) (*kms.ListResourceTagsOutput, error)
	TagResource(context.Context, *kms.TagResourceInput, ...func(*kms.Options)) (*kms.TagResourceOutput, error)
	UpdateKeyDescription(context.Context, *kms.UpdateKeyDescriptionInput, ...func(*kms.Options)) (*kms.UpdateKeyDescriptionOutput, error)
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
		Name: Name, Traits: Traits(), Declare: declare, Observe: k.observe, Read: k.read,
		Check: check, Steps: steps, Prepare: prepare, Do: k.do, Probe: k.probe,
	})
}

// The operations of steps.
const (
	opCreateKey   = "create-key"
	opCreateAlias = "create-alias"
	opTag         = "tag-key"
	opDescribe    = "describe-key"
	opEnable      = "enable-key"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering:  []string{"adopt"},
		DeleteOff: true,
		Risks: map[string]resource.Risk{
			opCreateKey: resource.Routine, opCreateAlias: resource.Routine, opTag: resource.Routine, opDescribe: resource.Routine,
			kind.AdoptOp: resource.Sensitive, opEnable: resource.Sensitive,
		},
		// Somebody may have disabled the key on purpose.
		Person: []string{opEnable},
	}
}

// declare lists the KMS keys of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	var objects []kind.Object[Spec]
	for _, keys := range kind.KeysOf(env, Name) {
		for id, key := range keys {
			objects = append(objects, kind.Object[Spec]{ID: id, Spec: desired(env, key), Why: []resource.Source{key.Source}})
		}
	}
	slices.SortFunc(objects, func(a, b kind.Object[Spec]) int { return a.ID.Compare(b.ID) })
	return objects, nil
}

func desired(env *config.Environment, key config.Key) Spec {
	single := false
	return Spec{
		Mark: env.Name, Alias: aliasOf(key), Description: env.Name + " " + key.Name,
		KeySpec: keySpec, Usage: keyUsage, Origin: origin, MultiRegion: &single, State: enabled,
		Tags: kind.PeopleTags(key), AddressTag: tagCurrent, Address: env.Pins[key.Name], Adopt: key.Adopt,
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
