package cloudtest

import (
	"context"
	"encoding/asn1"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// KMS is the fake's KMS in one region.
type KMS struct {
	fake *Fake
	name string
}

// KMS is the client of one region.
func (f *Fake) KMS(region string) *KMS { return &KMS{fake: f, name: region} }

func (k *KMS) region() *region { return k.fake.region(k.name) }

// find resolves a key id, an ARN or an alias.
func (k *KMS) find(name string) (*fakeKey, error) {
	r := k.region()
	id := name
	if strings.HasPrefix(name, "alias/") {
		id = r.aliases[name]
	} else if at := strings.Index(name, ":key/"); at >= 0 {
		id = name[at+len(":key/"):]
	}
	if key, ok := r.keys[id]; ok {
		return key, nil
	}
	return nil, &types.NotFoundException{Message: aws.String(fmt.Sprintf("%s is not found", name))}
}

// alive is find for operations that a key waiting for its deletion refuses.
func (k *KMS) alive(name string) (*fakeKey, error) {
	key, err := k.find(name)
	if err == nil && key.state == string(types.KeyStatePendingDeletion) {
		return nil, &types.KMSInvalidStateException{Message: aws.String(key.arn + " is pending deletion.")}
	}
	return key, err
}

// usable is alive for cryptographic operations.
func (k *KMS) usable(name string) (*fakeKey, error) {
	key, err := k.alive(name)
	if err == nil && key.state == string(types.KeyStateDisabled) {
		return nil, &types.DisabledException{Message: aws.String(key.arn + " is disabled.")}
	}
	return key, err
}

// CreateKey makes a key. It has no idempotency token, as in AWS.
func (k *KMS) CreateKey(_ context.Context, in *kms.CreateKeyInput, _ ...func(*kms.Options)) (*kms.CreateKeyOutput, error) {
	return answer(k.fake, "kms.CreateKey", func() (*kms.CreateKeyOutput, error) {
		tags := map[string]string{}
		for _, tag := range in.Tags {
			tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
		tags, err := mergeTags(nil, tags)
		if err != nil {
			return nil, err
		}
		private, err := crypto.GenerateKey()
		if err != nil {
			return nil, err
		}
		serial, now := k.fake.next()
		key := &fakeKey{
			id: fmt.Sprintf("00000000-0000-4000-8000-%012d", serial), description: aws.ToString(in.Description),
			spec: orDefault(string(in.KeySpec), "SYMMETRIC_DEFAULT"), usage: orDefault(string(in.KeyUsage), "ENCRYPT_DECRYPT"),
			origin: orDefault(string(in.Origin), "AWS_KMS"), multiRegion: aws.ToBool(in.MultiRegion),
			state: string(types.KeyStateEnabled), tags: tags, created: now, private: private,
		}
		if key.spec == "ECC_SECG_P256K1" && key.usage != "SIGN_VERIFY" {
			return nil, failure("ValidationException", "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_SECG_P256K1")
		}
		if key.multiRegion {
			key.id = "mrk-" + strings.ReplaceAll(key.id, "-", "")
		}
		key.arn = fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", k.name, k.fake.account, key.id)
		if key.policy, err = k.fake.newKeyPolicy(in.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
		k.region().keys[key.id] = key
		k.region().order = append(k.region().order, key.id)
		return &kms.CreateKeyOutput{KeyMetadata: key.metadata()}, nil
	})
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (key *fakeKey) metadata() *types.KeyMetadata {
	return &types.KeyMetadata{
		KeyId: aws.String(key.id), Arn: aws.String(key.arn), Description: aws.String(key.description),
		KeySpec: types.KeySpec(key.spec), KeyUsage: types.KeyUsageType(key.usage), Origin: types.OriginType(key.origin),
		KeyState: types.KeyState(key.state), Enabled: key.state == "Enabled", MultiRegion: aws.Bool(key.multiRegion),
		CreationDate: aws.Time(key.created),
	}
}

// DescribeKey answers for a key id, an ARN or an alias.
func (k *KMS) DescribeKey(_ context.Context, in *kms.DescribeKeyInput, _ ...func(*kms.Options)) (*kms.DescribeKeyOutput, error) {
	return answer(k.fake, "kms.DescribeKey", func() (*kms.DescribeKeyOutput, error) {
		key, err := k.find(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		return &kms.DescribeKeyOutput{KeyMetadata: key.metadata()}, nil
	})
}

// GetPublicKey refuses a disabled key: the API reference lists
// DisabledException for it.
func (k *KMS) GetPublicKey(_ context.Context, in *kms.GetPublicKeyInput, _ ...func(*kms.Options)) (*kms.GetPublicKeyOutput, error) {
	return answer(k.fake, "kms.GetPublicKey", func() (*kms.GetPublicKeyOutput, error) {
		key, err := k.usable(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		der, err := spki(&key.private.PublicKey)
		if err != nil {
			return nil, err
		}
		return &kms.GetPublicKeyOutput{KeyId: aws.String(key.arn), PublicKey: der, KeySpec: types.KeySpec(key.spec), KeyUsage: types.KeyUsageType(key.usage)}, nil
	})
}

// Sign signs a digest; half of the signatures have a high s, as in AWS.
func (k *KMS) Sign(_ context.Context, in *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	return answer(k.fake, "kms.Sign", func() (*kms.SignOutput, error) {
		key, err := k.usable(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		if in.MessageType != types.MessageTypeDigest || len(in.Message) != 32 {
			return nil, failure("ValidationException", fmt.Sprintf("message type %s with %d bytes, only a digest of 32 bytes is known here", in.MessageType, len(in.Message)))
		}
		signature, err := crypto.Sign(in.Message, key.private)
		if err != nil {
			return nil, err
		}
		s := new(big.Int).SetBytes(signature[32:64])
		if signature[63]%2 == 1 {
			s.Sub(crypto.S256().Params().N, s)
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), s})
		return &kms.SignOutput{KeyId: aws.String(key.arn), Signature: der}, err
	})
}

// CreateAlias refuses a name that is taken and a key that waits for deletion.
func (k *KMS) CreateAlias(_ context.Context, in *kms.CreateAliasInput, _ ...func(*kms.Options)) (*kms.CreateAliasOutput, error) {
	return answer(k.fake, "kms.CreateAlias", func() (*kms.CreateAliasOutput, error) {
		name := aws.ToString(in.AliasName)
		if !strings.HasPrefix(name, "alias/") {
			return nil, &types.InvalidAliasNameException{Message: aws.String(name)}
		}
		if strings.HasPrefix(name, "alias/aws/") {
			return nil, failure("NotAuthorizedException", name+" is reserved")
		}
		key, err := k.alive(aws.ToString(in.TargetKeyId))
		if err != nil {
			return nil, err
		}
		if _, taken := k.region().aliases[name]; taken {
			return nil, &types.AlreadyExistsException{Message: aws.String("an alias with the name " + name + " already exists")}
		}
		k.region().aliases[name] = key.id
		return &kms.CreateAliasOutput{}, nil
	})
}

// ListAliases pages by 50, at most 100, and lists AWS's own aliases too, one of
// them without a key. With a key it lists that key's aliases.
func (k *KMS) ListAliases(_ context.Context, in *kms.ListAliasesInput, _ ...func(*kms.Options)) (*kms.ListAliasesOutput, error) {
	return answer(k.fake, "kms.ListAliases", func() (*kms.ListAliasesOutput, error) {
		limit, err := limitOf(in.Limit, 50, 100)
		if err != nil {
			return nil, err
		}
		entries := []types.AliasListEntry{{AliasName: aws.String("alias/aws/secretsmanager")}}
		only := ""
		if in.KeyId != nil {
			key, err := k.find(*in.KeyId)
			if err != nil {
				return nil, err
			}
			only, entries = key.id, nil
		}
		listed := k.region().listed()
		for _, name := range slices.Sorted(maps.Keys(listed.aliases)) {
			if only != "" && listed.aliases[name] != only {
				continue
			}
			entries = append(entries, types.AliasListEntry{AliasName: aws.String(name), TargetKeyId: aws.String(listed.aliases[name])})
		}
		part, next, err := page(entries, aws.ToString(in.Marker), limit)
		if err != nil {
			return nil, err
		}
		out := &kms.ListAliasesOutput{Aliases: part, Truncated: next != ""}
		if next != "" {
			out.NextMarker = aws.String(next)
		}
		return out, nil
	})
}

// ListKeys pages by 100, at most 1,000.
func (k *KMS) ListKeys(_ context.Context, in *kms.ListKeysInput, _ ...func(*kms.Options)) (*kms.ListKeysOutput, error) {
	return answer(k.fake, "kms.ListKeys", func() (*kms.ListKeysOutput, error) {
		limit, err := limitOf(in.Limit, 100, 1000)
		if err != nil {
			return nil, err
		}
		part, next, err := page(k.region().order, aws.ToString(in.Marker), limit)
		if err != nil {
			return nil, err
		}
		out := &kms.ListKeysOutput{Truncated: next != ""}
		if next != "" {
			out.NextMarker = aws.String(next)
		}
		for _, id := range part {
			out.Keys = append(out.Keys, types.KeyListEntry{KeyId: aws.String(id), KeyArn: aws.String(k.region().keys[id].arn)})
		}
		return out, nil
	})
}

// ListResourceTags pages by 50, at most 50.
func (k *KMS) ListResourceTags(_ context.Context, in *kms.ListResourceTagsInput, _ ...func(*kms.Options)) (*kms.ListResourceTagsOutput, error) {
	return answer(k.fake, "kms.ListResourceTags", func() (*kms.ListResourceTagsOutput, error) {
		key, err := k.find(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		limit, err := limitOf(in.Limit, 50, 50)
		if err != nil {
			return nil, err
		}
		part, next, err := page(slices.Sorted(maps.Keys(key.tags)), aws.ToString(in.Marker), limit)
		if err != nil {
			return nil, err
		}
		out := &kms.ListResourceTagsOutput{Truncated: next != ""}
		if next != "" {
			out.NextMarker = aws.String(next)
		}
		for _, name := range part {
			out.Tags = append(out.Tags, types.Tag{TagKey: aws.String(name), TagValue: aws.String(key.tags[name])})
		}
		return out, nil
	})
}

// TagResource adds tags and replaces values.
func (k *KMS) TagResource(_ context.Context, in *kms.TagResourceInput, _ ...func(*kms.Options)) (*kms.TagResourceOutput, error) {
	return answer(k.fake, "kms.TagResource", func() (*kms.TagResourceOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		add := map[string]string{}
		for _, tag := range in.Tags {
			add[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
		if key.tags, err = keep(mergeTags(key.tags, add))(key.tags); err != nil {
			return nil, err
		}
		return &kms.TagResourceOutput{}, nil
	})
}

// keep gives the old value back when a change of it failed.
func keep[T any](changed T, err error) func(old T) (T, error) {
	return func(old T) (T, error) {
		if err != nil {
			return old, err
		}
		return changed, nil
	}
}

// UpdateKeyDescription replaces the description.
func (k *KMS) UpdateKeyDescription(_ context.Context, in *kms.UpdateKeyDescriptionInput, _ ...func(*kms.Options)) (*kms.UpdateKeyDescriptionOutput, error) {
	return answer(k.fake, "kms.UpdateKeyDescription", func() (*kms.UpdateKeyDescriptionOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		key.description = aws.ToString(in.Description)
		return &kms.UpdateKeyDescriptionOutput{}, nil
	})
}

// EnableKey enables a disabled key.
func (k *KMS) EnableKey(_ context.Context, in *kms.EnableKeyInput, _ ...func(*kms.Options)) (*kms.EnableKeyOutput, error) {
	return answer(k.fake, "kms.EnableKey", func() (*kms.EnableKeyOutput, error) {
		key, err := k.alive(aws.ToString(in.KeyId))
		if err != nil {
			return nil, err
		}
		key.state = string(types.KeyStateEnabled)
		return &kms.EnableKeyOutput{}, nil
	})
}
