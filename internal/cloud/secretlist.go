package cloud

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// SecretReader is what reading secrets without their values needs of Secrets
// Manager in one region. GetSecretValue is not in it.
type SecretReader interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	ListSecrets(context.Context, *secretsmanager.ListSecretsInput, ...func(*secretsmanager.Options)) (*secretsmanager.ListSecretsOutput, error)
}

// Secret is one secret without its value.
type Secret struct {
	Name, ARN, Description string
	// Version is the id of the version that readers get.
	Version string
	Tags    map[string]string
	// Created is nil where it was not told.
	Created *time.Time
	// Deleted: it waits for its deletion.
	Deleted bool
}

const (
	// secretPage is the largest page of ListSecrets, secretValues how many values
	// one of its filters may have (Secrets Manager API reference).
	secretPage   = 100
	secretValues = 10
)

// Secrets lists the secrets that carry a tag with a value that begins with one
// of those given, by name: filters of Secrets Manager match prefixes. The list
// may lag by five minutes (Secrets Manager API reference, ListSecrets).
func Secrets(ctx context.Context, api SecretReader, region, tag string, values []string) (map[string]Secret, error) {
	found := map[string]Secret{}
	for chunk := range slices.Chunk(values, secretValues) {
		in := &secretsmanager.ListSecretsInput{
			MaxResults: aws.Int32(secretPage), IncludePlannedDeletion: aws.Bool(true),
			Filters: []types.Filter{
				{Key: types.FilterNameStringTypeTagKey, Values: []string{tag}},
				{Key: types.FilterNameStringTypeTagValue, Values: chunk},
			},
		}
		for {
			out, err := api.ListSecrets(ctx, in)
			if err != nil {
				return nil, Explain("secretsmanager:ListSecrets", region, err)
			}
			for _, s := range out.SecretList {
				found[aws.ToString(s.Name)] = Secret{
					Name: aws.ToString(s.Name), ARN: aws.ToString(s.ARN), Description: aws.ToString(s.Description),
					Tags: secretTags(s.Tags), Created: s.CreatedDate, Deleted: s.DeletedDate != nil, Version: currentVersion(s.SecretVersionsToStages),
				}
			}
			if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
				break
			}
		}
	}
	return found, nil
}

// DescribeSecret reads one secret by name or ARN.
func DescribeSecret(ctx context.Context, api SecretReader, name string) (Secret, error) {
	s, err := api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(name)})
	if err != nil {
		return Secret{}, Explain("secretsmanager:DescribeSecret", name, err)
	}
	return Secret{
		Name: aws.ToString(s.Name), ARN: aws.ToString(s.ARN), Description: aws.ToString(s.Description),
		Tags: secretTags(s.Tags), Created: s.CreatedDate, Deleted: s.DeletedDate != nil, Version: currentVersion(s.VersionIdsToStages),
	}, nil
}

// currentVersion is the version that readers get.
func currentVersion(stages map[string][]string) string {
	for _, version := range slices.Sorted(maps.Keys(stages)) {
		if slices.Contains(stages[version], "AWSCURRENT") {
			return version
		}
	}
	return ""
}

func secretTags(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, tag := range tags {
		m[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return m
}

// SecretTags is tags as Secrets Manager takes them, sorted.
func SecretTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return list
}
