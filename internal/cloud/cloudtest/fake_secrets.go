package cloudtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// Secrets is the fake's Secrets Manager in one region.
type Secrets struct {
	fake *Fake
	name string
}

// SecretsManager is the client of one region.
func (f *Fake) SecretsManager(region string) *Secrets { return &Secrets{fake: f, name: region} }

func (s *Secrets) region() *region { return s.fake.region(s.name) }

func (s *Secrets) find(id string) (*fakeSecret, error) {
	if secret, ok := s.region().secrets[id]; ok {
		return secret, nil
	}
	for _, secret := range s.region().secrets {
		if secret.arn == id {
			return secret, nil
		}
	}
	return nil, &types.ResourceNotFoundException{Message: aws.String("Secrets Manager can't find the specified secret.")}
}

// kept is find for operations that a secret scheduled for deletion refuses.
func (s *Secrets) kept(id string) (*fakeSecret, error) {
	secret, err := s.find(id)
	if err == nil && secret.deleted != nil {
		return nil, &types.InvalidRequestException{Message: aws.String("the secret is marked for deletion")}
	}
	return secret, err
}

// CreateSecret is idempotent for one token and one value.
func (s *Secrets) CreateSecret(_ context.Context, in *secretsmanager.CreateSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error) {
	return answer(s.fake, "secretsmanager.CreateSecret", func() (*secretsmanager.CreateSecretOutput, error) {
		name, token, value := aws.ToString(in.Name), aws.ToString(in.ClientRequestToken), aws.ToString(in.SecretString)
		if len(token) < 32 || len(token) > 64 {
			return nil, failure("ValidationException", fmt.Sprintf("ClientRequestToken has %d characters, must have 32 to 64", len(token)))
		}
		if have, taken := s.region().secrets[name]; taken {
			switch {
			case have.deleted != nil:
				return nil, &types.InvalidRequestException{Message: aws.String("a secret with this name is scheduled for deletion")}
			case have.token == token && have.value == value:
				return &secretsmanager.CreateSecretOutput{ARN: aws.String(have.arn), Name: in.Name, VersionId: aws.String(token)}, nil
			default:
				return nil, &types.ResourceExistsException{Message: aws.String("a secret with this name exists")}
			}
		}
		tags, err := mergeTags(nil, tagMap(in.Tags))
		if err != nil {
			return nil, err
		}
		serial, now := s.fake.next()
		made := &fakeSecret{
			name: name, arn: fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%06d", s.name, s.fake.account, name, serial),
			description: aws.ToString(in.Description), value: value, token: token, tags: tags, created: now,
		}
		s.region().secrets[name] = made
		return &secretsmanager.CreateSecretOutput{ARN: aws.String(made.arn), Name: in.Name, VersionId: aws.String(token)}, nil
	})
}

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, tag := range tags {
		m[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return m
}

func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return list
}

// DescribeSecret tells all but the value.
func (s *Secrets) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	return answer(s.fake, "secretsmanager.DescribeSecret", func() (*secretsmanager.DescribeSecretOutput, error) {
		secret, err := s.find(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		return &secretsmanager.DescribeSecretOutput{
			ARN: aws.String(secret.arn), Name: aws.String(secret.name), Description: aws.String(secret.description),
			Tags: tagList(secret.tags), CreatedDate: aws.Time(secret.created), DeletedDate: secret.deleted,
			VersionIdsToStages: map[string][]string{secret.token: {"AWSCURRENT"}},
		}, nil
	})
}

// ListSecrets pages by at most 100; filters match prefixes and are all to be
// met. Secrets that wait for deletion come only when asked for.
func (s *Secrets) ListSecrets(_ context.Context, in *secretsmanager.ListSecretsInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretsOutput, error) {
	return answer(s.fake, "secretsmanager.ListSecrets", func() (*secretsmanager.ListSecretsOutput, error) {
		limit, err := limitOf(in.MaxResults, 100, 100)
		if err != nil {
			return nil, err
		}
		var all []types.SecretListEntry
		listed := s.region().listed()
		for _, name := range slices.Sorted(maps.Keys(listed.secrets)) {
			secret := listed.secrets[name]
			if secret.deleted != nil && !aws.ToBool(in.IncludePlannedDeletion) || !secret.matches(in.Filters) {
				continue
			}
			all = append(all, types.SecretListEntry{
				ARN: aws.String(secret.arn), Name: aws.String(name), Description: aws.String(secret.description),
				Tags: tagList(secret.tags), CreatedDate: aws.Time(secret.created), DeletedDate: secret.deleted,
				SecretVersionsToStages: map[string][]string{secret.token: {"AWSCURRENT"}},
			})
		}
		part, next, err := page(all, aws.ToString(in.NextToken), limit)
		if err != nil {
			return nil, err
		}
		out := &secretsmanager.ListSecretsOutput{SecretList: part}
		if next != "" {
			out.NextToken = aws.String(next)
		}
		return out, nil
	})
}

func (secret *fakeSecret) matches(filters []types.Filter) bool {
	for _, filter := range filters {
		met := false
		switch filter.Key {
		case types.FilterNameStringTypeName:
			met = hasPrefix(secret.name, filter.Values)
		case types.FilterNameStringTypeTagKey:
			met = slices.ContainsFunc(slices.Collect(maps.Keys(secret.tags)), func(k string) bool { return hasPrefix(k, filter.Values) })
		case types.FilterNameStringTypeTagValue:
			met = slices.ContainsFunc(slices.Collect(maps.Values(secret.tags)), func(v string) bool { return hasPrefix(v, filter.Values) })
		}
		if !met {
			return false
		}
	}
	return true
}

// TagResource adds tags and replaces values.
func (s *Secrets) TagResource(_ context.Context, in *secretsmanager.TagResourceInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error) {
	return answer(s.fake, "secretsmanager.TagResource", func() (*secretsmanager.TagResourceOutput, error) {
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		if secret.tags, err = keep(mergeTags(secret.tags, tagMap(in.Tags)))(secret.tags); err != nil {
			return nil, err
		}
		return &secretsmanager.TagResourceOutput{}, nil
	})
}

// UntagResource removes tags; the kinds never do.
func (s *Secrets) UntagResource(_ context.Context, in *secretsmanager.UntagResourceInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UntagResourceOutput, error) {
	return answer(s.fake, "secretsmanager.UntagResource", func() (*secretsmanager.UntagResourceOutput, error) {
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		for _, name := range in.TagKeys {
			delete(secret.tags, name)
		}
		return &secretsmanager.UntagResourceOutput{}, nil
	})
}

// UpdateSecret changes the description; a change of the value is not for the
// kinds and is refused here.
func (s *Secrets) UpdateSecret(_ context.Context, in *secretsmanager.UpdateSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretOutput, error) {
	return answer(s.fake, "secretsmanager.UpdateSecret", func() (*secretsmanager.UpdateSecretOutput, error) {
		if in.SecretString != nil || in.SecretBinary != nil {
			return nil, failure("InvalidParameterException", "the fake changes no value")
		}
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		if in.Description != nil {
			secret.description = *in.Description
		}
		return &secretsmanager.UpdateSecretOutput{ARN: aws.String(secret.arn), Name: aws.String(secret.name)}, nil
	})
}

// PutSecretValue stores a new value under AWSCURRENT. The same token with the same
// value changes nothing, with another one it is an error (Secrets Manager API
// reference).
func (s *Secrets) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	return answer(s.fake, "secretsmanager.PutSecretValue", func() (*secretsmanager.PutSecretValueOutput, error) {
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		token, value := aws.ToString(in.ClientRequestToken), aws.ToString(in.SecretString)
		if token != "" && token == secret.token && value != secret.value {
			return nil, &types.ResourceExistsException{Message: aws.String("a version of this token has another value")}
		}
		secret.value, secret.token = value, token
		return &secretsmanager.PutSecretValueOutput{ARN: aws.String(secret.arn), Name: aws.String(secret.name)}, nil
	})
}

// GetSecretValue gives the value.
func (s *Secrets) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return answer(s.fake, "secretsmanager.GetSecretValue", func() (*secretsmanager.GetSecretValueOutput, error) {
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		return &secretsmanager.GetSecretValueOutput{
			ARN: aws.String(secret.arn), Name: aws.String(secret.name), SecretString: aws.String(secret.value), VersionId: aws.String(secret.token),
		}, nil
	})
}

// deletionWindow is Secrets Manager's default recovery window.
const deletionWindow = 30 * 24 * time.Hour

// DeleteSecret schedules the deletion; the kinds never do.
func (s *Secrets) DeleteSecret(_ context.Context, in *secretsmanager.DeleteSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DeleteSecretOutput, error) {
	return answer(s.fake, "secretsmanager.DeleteSecret", func() (*secretsmanager.DeleteSecretOutput, error) {
		secret, err := s.kept(aws.ToString(in.SecretId))
		if err != nil {
			return nil, err
		}
		secret.deleted = aws.Time(secret.created.Add(deletionWindow))
		return &secretsmanager.DeleteSecretOutput{ARN: aws.String(secret.arn)}, nil
	})
}
