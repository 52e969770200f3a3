package cloud

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// KeyPolicyName is the only name that a key's policy can have (KMS API
// reference, PutKeyPolicy).
const KeyPolicyName = "default"

// grantPage is the largest page of ListGrants (KMS API reference).
const grantPage = 100

// Describe reads a key by its id or by an alias.
func (k Keyring) Describe(ctx context.Context, name string) (*types.KeyMetadata, error) {
	out, err := k.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(name)})
	if err != nil {
		return nil, Explain("kms:DescribeKey", name, err)
	}
	return out.KeyMetadata, nil
}

// Tags reads a key's tags from the key itself.
func (k Keyring) Tags(ctx context.Context, keyID string) (map[string]string, error) {
	tags := map[string]string{}
	in := &kms.ListResourceTagsInput{KeyId: aws.String(keyID)}
	for {
		out, err := k.KMS.ListResourceTags(ctx, in)
		if err != nil {
			return nil, Explain("kms:ListResourceTags", keyID, err)
		}
		for _, tag := range out.Tags {
			tags[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			return tags, nil
		}
	}
}

// Address derives a key's Ethereum address (EIP-55) from its public key.
func (k Keyring) Address(ctx context.Context, keyID string) (string, error) {
	out, err := k.KMS.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(keyID)})
	if err != nil {
		return "", Explain("kms:GetPublicKey", keyID, err)
	}
	address, err := AddressFromSPKI(out.PublicKey)
	if err != nil {
		return "", Explain("kms:GetPublicKey", keyID, err)
	}
	return address.Hex(), nil
}

// Policy reads a key's policy; one that is not understood has a Fault.
func (k Keyring) Policy(ctx context.Context, keyID string) (access.Document, error) {
	out, err := k.KMS.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String(keyID), PolicyName: aws.String(KeyPolicyName)})
	if err != nil {
		return access.Document{}, Explain("kms:GetKeyPolicy", keyID, err)
	}
	return access.Read(aws.ToString(out.Policy)), nil
}

// Grants reads all grants of a key, in order of their ids.
func (k Keyring) Grants(ctx context.Context, keyID string) ([]access.Grant, error) {
	var grants []access.Grant
	in := &kms.ListGrantsInput{KeyId: aws.String(keyID), Limit: aws.Int32(grantPage)}
	for {
		out, err := k.KMS.ListGrants(ctx, in)
		if err != nil {
			return nil, Explain("kms:ListGrants", keyID, err)
		}
		for _, entry := range out.Grants {
			grant := access.Grant{
				ID: aws.ToString(entry.GrantId), Name: aws.ToString(entry.Name), Grantee: aws.ToString(entry.GranteePrincipal),
				Retiring: aws.ToString(entry.RetiringPrincipal), Constrained: entry.Constraints != nil,
			}
			for _, operation := range entry.Operations {
				grant.Operations = append(grant.Operations, string(operation))
			}
			slices.Sort(grant.Operations)
			grants = append(grants, grant)
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			slices.SortFunc(grants, func(a, b access.Grant) int { return strings.Compare(a.ID, b.ID) })
			return grants, nil
		}
	}
}
