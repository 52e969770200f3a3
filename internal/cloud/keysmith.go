package cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// KeysmithAPI is what making and mending keys needs of KMS in one region.
type KeysmithAPI interface {
	CreateAlias(context.Context, *kms.CreateAliasInput, ...func(*kms.Options)) (*kms.CreateAliasOutput, error)
	CreateKey(context.Context, *kms.CreateKeyInput, ...func(*kms.Options)) (*kms.CreateKeyOutput, error)
	EnableKey(context.Context, *kms.EnableKeyInput, ...func(*kms.Options)) (*kms.EnableKeyOutput, error)
	PutKeyPolicy(context.Context, *kms.PutKeyPolicyInput, ...func(*kms.Options)) (*kms.PutKeyPolicyOutput, error)
	TagResource(context.Context, *kms.TagResourceInput, ...func(*kms.Options)) (*kms.TagResourceOutput, error)
	UpdateKeyDescription(context.Context, *kms.UpdateKeyDescriptionInput, ...func(*kms.Options)) (*kms.UpdateKeyDescriptionOutput, error)
}

// Keysmith makes and mends the keys of one region, and sees that it happened.
type Keysmith struct {
	Keyring
	API KeysmithAPI
	// Clock and Waits are how long an effect may take to be seen.
	Clock Clock
	Waits []time.Duration
}

// KeyWrite is one change of a key, and how one sees that it happened. All of
// them may be made twice without harm.
type KeyWrite struct {
	// action is as in an IAM policy, about what it is done to.
	action, about string
	send          func(context.Context) error
	seen          func(context.Context) (bool, error)
}

// Refusal is an error that proves that nothing happened.
type Refusal struct{ Err error }

// Error is the cause.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// refuse explains an error, as a *Refusal where it proves that nothing happened.
func refuse(action, about string, err error) error {
	if NotAccepted(err) {
		return &Refusal{Explain(action, about, err)}
	}
	return Explain(action, about, err)
}

// Perform sends a change. An error is a *Refusal where nothing happened.
func (k Keysmith) Perform(ctx context.Context, w KeyWrite) error {
	err := w.send(ctx)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) || errors.As(err, new(*CallError)) {
		return err
	}
	return refuse(w.action, w.about, err)
}

// Seen waits until the effect of a change can be seen; false when it was not in
// time.
func (k Keysmith) Seen(ctx context.Context, w KeyWrite) (bool, error) {
	return k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		ok, err := w.seen(ctx)
		if NotFound(err) {
			return false, nil
		}
		return ok && err == nil, err
	})
}

// described is a sight of the key's, or an alias's, metadata.
func (k Keysmith) described(name string, is func(*types.KeyMetadata) bool) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		m, err := k.Describe(ctx, name)
		return err == nil && is(m), err
	}
}

// Alias names a key. An alias that is there already is well if it is on our key.
func (k Keysmith) Alias(alias, keyID string) KeyWrite {
	const action = "kms:CreateAlias"
	on := func(m *types.KeyMetadata) bool { return aws.ToString(m.KeyId) == keyID }
	return KeyWrite{action: action, about: alias, seen: k.described(alias, on), send: func(ctx context.Context) error {
		_, err := k.API.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(alias), TargetKeyId: aws.String(keyID)})
		if !Exists(err) {
			return err
		}
		m, err := k.Describe(ctx, alias)
		if err != nil {
			return fmt.Errorf("the alias exists, and then: %w", err)
		}
		if !on(m) {
			return &Refusal{fmt.Errorf("%s on %s: it points to key %s, need %s", action, alias, aws.ToString(m.KeyId), keyID)}
		}
		return nil
	}}
}

// Tag adds tags and replaces values.
func (k Keysmith) Tag(keyID string, tags map[string]string) KeyWrite {
	return KeyWrite{action: "kms:TagResource", about: keyID,
		send: func(ctx context.Context) error {
			_, err := k.API.TagResource(ctx, &kms.TagResourceInput{KeyId: aws.String(keyID), Tags: keyTags(tags)})
			return err
		},
		seen: func(ctx context.Context) (bool, error) {
			have, err := k.Tags(ctx, keyID)
			for name, value := range tags {
				if have[name] != value {
					return false, err
				}
			}
			return err == nil, err
		},
	}
}

// Redescribe replaces a key's description.
func (k Keysmith) Redescribe(keyID, text string) KeyWrite {
	return KeyWrite{action: "kms:UpdateKeyDescription", about: keyID,
		send: func(ctx context.Context) error {
			_, err := k.API.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: aws.String(keyID), Description: aws.String(text)})
			return err
		},
		seen: k.described(keyID, func(m *types.KeyMetadata) bool { return aws.ToString(m.Description) == text }),
	}
}

// Enable enables a disabled key.
func (k Keysmith) Enable(keyID string) KeyWrite {
	return KeyWrite{action: "kms:EnableKey", about: keyID,
		send: func(ctx context.Context) error {
			_, err := k.API.EnableKey(ctx, &kms.EnableKeyInput{KeyId: aws.String(keyID)})
			return err
		},
		seen: k.described(keyID, func(m *types.KeyMetadata) bool { return m.KeyState == types.KeyStateEnabled }),
	}
}

// PutPolicy replaces a key's policy. A principal that was made a moment ago may
// not be known everywhere yet, which KMS reports as a malformed document.
// BypassPolicyLockoutSafetyCheck is never set, and what would lock everybody
// out is not even sent.
func (k Keysmith) PutPolicy(keyID string, policy access.Document) KeyWrite {
	return KeyWrite{action: "kms:PutKeyPolicy", about: keyID,
		send: func(ctx context.Context) error {
			if !policy.Administered() {
				return &Refusal{errors.New("the policy leaves nobody who could change it again")}
			}
			text, err := policy.Text()
			if err != nil {
				return &Refusal{err}
			}
			return AwaitPrincipal(ctx, k.Clock, func() error {
				_, err := k.API.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: aws.String(keyID), PolicyName: aws.String(KeyPolicyName), Policy: aws.String(text)})
				return err
			})
		},
		seen: func(ctx context.Context) (bool, error) {
			live, err := k.Policy(ctx, keyID)
			return err == nil && live.Equivalent(policy), err
		},
	}
}

// NewKey is a key that is to be made, with all its tags, so that no key is ever
// without a mark.
type NewKey struct {
	Description, Spec, Usage, Origin string
	MultiRegion                      bool
	Tags                             map[string]string
	// Policy nil leaves everything to the account's IAM, as AWS does.
	Policy *access.Document
}

// Make makes a key. There is no token that makes the call safe to send twice. An
// error is a *Refusal where nothing happened; about names the key in it.
func (k Keysmith) Make(ctx context.Context, about string, key NewKey) (*types.KeyMetadata, error) {
	in := &kms.CreateKeyInput{
		Description: aws.String(key.Description), KeySpec: types.KeySpec(key.Spec), KeyUsage: types.KeyUsageType(key.Usage),
		Origin: types.OriginType(key.Origin), MultiRegion: aws.Bool(key.MultiRegion), Tags: keyTags(key.Tags),
	}
	if key.Policy != nil {
		text, err := key.Policy.Text()
		if err != nil {
			return nil, &Refusal{err}
		}
		in.Policy = aws.String(text)
	}
	out, err := k.API.CreateKey(ctx, in)
	if err != nil {
		return nil, refuse("kms:CreateKey", about, err)
	}
	return out.KeyMetadata, nil
}

// AwaitAddress waits until the public key of a new key can be read everywhere,
// and derives its address.
func (k Keysmith) AwaitAddress(ctx context.Context, keyID string) (address string, err error) {
	seen, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		found, err := k.Address(ctx, keyID)
		if NotFound(err) {
			return false, nil
		}
		address = found
		return err == nil, err
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("key %s is made, and then: %w", keyID, err)
	case !seen:
		return "", fmt.Errorf("key %s is made and cannot be seen yet", keyID)
	}
	return address, nil
}

func keyTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{TagKey: aws.String(name), TagValue: aws.String(tags[name])})
	}
	return list
}
