// Package secretkey manages hex keys that live in Secrets Manager: it makes
// them in memory, stores them, tags them with their address, and mends tags and
// descriptions. It never reads a value to plan, never replaces or deletes one,
// and no private key leaves the function that makes it.
package secretkey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Name of the kind.
const Name = "secret-key"

// Spec is a secret as it must be and as it is. The value is no part of it.
type Spec struct {
	// Mark is the environment whose mark the secret carries; of a secret that
	// carries somebody else's it is "environment id".
	Mark string `json:"mark,omitempty"`
	// Secret is the name in Secrets Manager.
	Secret      string `json:"secret,omitempty"`
	Description string `json:"description,omitempty"`
	// State is Present or PendingDeletion.
	State string `json:"state,omitempty"`
	// Tags are people's tags; of a live secret only those that are declared.
	Tags map[string]string `json:"tags,omitzero"`
	// Address (EIP-55) is what the tag says; declared where it is pinned.
	Address string `json:"address,omitempty"`
	// PinnedARN is declared where it is pinned; the live one is an output.
	PinnedARN string `json:"pinnedArn,omitempty"`
	// Adopt takes over a secret without a mark.
	Adopt bool `json:"adopt,omitempty"`
}

// The values of Spec.State.
const (
	present         = "Present"
	pendingDeletion = "PendingDeletion"
)

// API is what the kind needs of Secrets Manager in one region. GetSecretValue
// is not in it.
type API interface {
	cloud.SecretReader
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	TagResource(context.Context, *secretsmanager.TagResourceInput, ...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error)
	UpdateSecret(context.Context, *secretsmanager.UpdateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretOutput, error)
}

// Options are what the kind works with.
type Options struct {
	// Secrets gives the client of a region.
	Secrets func(region string) API
	// Inventory is a walk over what carries the environment's mark that several
	// kinds share. With it, an environment that declares no hex key and has none
	// asks nothing of Secrets Manager; nil asks always.
	Inventory *cloud.Inventory
	// Parallel bounds concurrent calls; 0 means 16.
	Parallel int
	// Clock and Waits are how long an effect may take to be seen; zero values
	// mean the wall clock and cloud.SettleWaits.
	Clock cloud.Clock
	Waits []time.Duration
}

type secretKey struct{ Options }

// New is the kind.
func New(o Options) (kind.Kind, error) {
	if o.Secrets == nil {
		return kind.Kind{}, errors.New("secret-key: needs a client for Secrets Manager")
	}
	if o.Parallel == 0 {
		o.Parallel = 16
	}
	if o.Waits == nil {
		o.Waits = cloud.SettleWaits()
	}
	k := &secretKey{o}
	return kind.Define(kind.Definition[Spec]{
		Name: Name, Traits: Traits(), Actions: Actions(), Declare: declare, Observe: k.observe, Read: k.read,
		Check: form().Check, Steps: form().Steps, Prepare: prepare, Do: k.do, Probe: k.probe,
	})
}

// The operations of steps.
const (
	opCreate   = "create-secret"
	opTag      = "tag-secret"
	opDescribe = "describe-secret"
)

// Traits are the rules of the kind.
func Traits() resource.Traits {
	return resource.Traits{
		Steering:  []string{"adopt", "pinnedArn"},
		Alone:     true,
		DeleteOff: true,
		Keys:      true,
		Risks: map[string]resource.Risk{
			opCreate: resource.Routine, opTag: resource.Routine, opDescribe: resource.Routine, kind.AdoptOp: resource.Sensitive,
		},
	}
}

// Actions are all that the kind asks of AWS. Tags in CreateSecret need
// TagResource too (Secrets Manager API reference, CreateSecret).
func Actions() []kind.Action {
	writes := func(name string, ops ...string) kind.Action {
		return kind.Action{Name: name, Writes: true, Ops: ops}
	}
	return []kind.Action{
		{Name: "secretsmanager:DescribeSecret"},
		{Name: "secretsmanager:ListSecrets"},
		{Name: "tag:GetResources"},
		writes("secretsmanager:CreateSecret", opCreate),
		writes("secretsmanager:TagResource", opCreate, opTag, kind.AdoptOp),
		writes("secretsmanager:UpdateSecret", opDescribe),
	}
}

// declare lists the hex keys of the environment.
func declare(env *config.Environment) ([]kind.Object[Spec], error) {
	return kind.DeclareKeys(env, Name, func(key config.Key) Spec { return desired(env, key) }), nil
}

func desired(env *config.Environment, key config.Key) Spec {
	return Spec{
		Mark: env.Name, Secret: SecretName(key), Description: env.Name + " " + key.Name, State: present,
		Tags: kind.KeyTags(key), Address: env.Pins[key.Name], PinnedARN: env.PinnedARNs[key.Name], Adopt: key.Adopt,
	}
}

// SecretName is the name under which a hex key is stored: its alias without
// the KMS prefix.
func SecretName(key config.Key) string { return strings.TrimPrefix(key.Alias, "alias/") }

func sentence(format string, args ...any) string { return fmt.Sprintf(format, args...) }
