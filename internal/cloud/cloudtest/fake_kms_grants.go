package cloudtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

type fakeGrant struct {
	id, name, grantee, retiring string
	operations                  []types.GrantOperation
	constraints                 *types.GrantConstraints
	created                     time.Time
}

// CreateGrant gives operations of a key to a principal; the kinds never do. A
// name makes it idempotent (KMS API reference, CreateGrant).
func (k *KMS) CreateGrant(_ context.Context, in *kms.CreateGrantInput, _ ...func(*kms.Options)) (*kms.CreateGrantOutput, error) {
	return answer(k.fake, "kms.CreateGrant", func() (*kms.CreateGrantOutput, error) {
		key, err := k.named(in.KeyId)
		if err != nil {
			return nil, err
		}
		if key.state != string(types.KeyStateEnabled) {
			return nil, &types.DisabledException{Message: aws.String(key.arn + " is " + key.state)}
		}
		if aws.ToString(in.GranteePrincipal) == "" || len(in.Operations) == 0 {
			return nil, failure("ValidationException", "a grant has a grantee and operations")
		}
		serial, now := k.fake.next()
		grant := fakeGrant{
			id: fmt.Sprintf("%064x", serial), name: aws.ToString(in.Name), grantee: *in.GranteePrincipal, retiring: aws.ToString(in.RetiringPrincipal),
			operations: slices.Clone(in.Operations), constraints: in.Constraints, created: now,
		}
		for _, have := range key.grants {
			if have.name != "" && have.name == grant.name && have.grantee == grant.grantee && slices.Equal(have.operations, grant.operations) {
				return &kms.CreateGrantOutput{GrantId: aws.String(have.id)}, nil
			}
		}
		key.grants = append(key.grants, grant)
		return &kms.CreateGrantOutput{GrantId: aws.String(grant.id), GrantToken: aws.String("token-" + grant.id)}, nil
	})
}

// RevokeGrant takes a grant back.
func (k *KMS) RevokeGrant(_ context.Context, in *kms.RevokeGrantInput, _ ...func(*kms.Options)) (*kms.RevokeGrantOutput, error) {
	return answer(k.fake, "kms.RevokeGrant", func() (*kms.RevokeGrantOutput, error) {
		key, err := k.named(in.KeyId)
		if err != nil {
			return nil, err
		}
		before := len(key.grants)
		key.grants = slices.DeleteFunc(key.grants, func(g fakeGrant) bool { return g.id == aws.ToString(in.GrantId) })
		if len(key.grants) == before {
			return nil, &types.NotFoundException{Message: aws.String("the grant is not found")}
		}
		return &kms.RevokeGrantOutput{}, nil
	})
}

// ListGrants pages by 50, at most 100.
func (k *KMS) ListGrants(_ context.Context, in *kms.ListGrantsInput, _ ...func(*kms.Options)) (*kms.ListGrantsOutput, error) {
	return answer(k.fake, "kms.ListGrants", func() (*kms.ListGrantsOutput, error) {
		key, err := k.named(in.KeyId)
		if err != nil {
			return nil, err
		}
		limit, err := limitOf(in.Limit, 50, 100)
		if err != nil {
			return nil, err
		}
		part, next, err := page(key.grants, aws.ToString(in.Marker), limit)
		if err != nil {
			return nil, err
		}
		out := &kms.ListGrantsOutput{Truncated: next != ""}
		if next != "" {
			out.NextMarker = aws.String(next)
		}
		for _, g := range part {
			entry := types.GrantListEntry{
				KeyId: aws.String(key.arn), GrantId: aws.String(g.id), GranteePrincipal: aws.String(g.grantee), Operations: g.operations,
				Constraints: g.constraints, CreationDate: aws.Time(g.created), IssuingAccount: aws.String("arn:aws:iam::" + k.fake.account + ":root"),
			}
			if g.name != "" {
				entry.Name = aws.String(g.name)
			}
			if g.retiring != "" {
				entry.RetiringPrincipal = aws.String(g.retiring)
			}
			out.Grants = append(out.Grants, entry)
		}
		return out, nil
	})
}
