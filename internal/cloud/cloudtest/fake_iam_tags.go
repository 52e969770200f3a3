package cloudtest

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// iamPage cuts a list by 100, at most 1,000.
func iamPage[T any](all []T, marker *string, asked *int32) ([]T, *string, error) {
	most, err := limitOf(asked, 100, 1000)
	if err != nil {
		return nil, nil, invalid("1 validation error detected: Value at 'maxItems' failed to satisfy constraint: %v", err)
	}
	part, next, err := page(all, aws.ToString(marker), most)
	if err != nil {
		return nil, nil, invalid("Invalid Marker: %s", aws.ToString(marker))
	}
	if next == "" {
		return part, nil, nil
	}
	return part, aws.String(next), nil
}

func iamTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// withTags adds tags. Keys of users and roles are told apart without regard to
// case, and the case of the last one stays (IAM User Guide, "Tags for IAM
// resources").
func withTags(sort string, have map[string]string, add []types.Tag) (map[string]string, error) {
	folded := func(key string) string {
		if sort == userSort || sort == roleSort {
			return strings.ToLower(key)
		}
		return key
	}
	merged, given := map[string]string{}, map[string]bool{}
	maps.Copy(merged, have)
	for _, tag := range add {
		key, value := aws.ToString(tag.Key), aws.ToString(tag.Value)
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128 || utf8.RuneCountInString(value) > 256 || !tagPattern.MatchString(key) || !tagPattern.MatchString(value):
			return nil, invalid("1 validation error detected: Value '%s' at 'tags' failed to satisfy constraint", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, badInput("Tag keys cannot start with the reserved prefix aws: (%s)", key)
		case given[folded(key)]:
			return nil, badInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		given[folded(key)] = true
		maps.DeleteFunc(merged, func(old, _ string) bool { return folded(old) == folded(key) })
		merged[key] = value
	}
	if len(merged) > maxTags {
		return nil, limit("The number of tags has reached the maximum limit: %d", maxTags)
	}
	return merged, nil
}

func withoutTags(sort string, have map[string]string, keys []string) map[string]string {
	left := maps.Clone(have)
	maps.DeleteFunc(left, func(key, _ string) bool {
		return slices.ContainsFunc(keys, func(gone string) bool {
			return key == gone || sort != "policy" && strings.EqualFold(key, gone)
		})
	})
	return left
}

func (w *iamWorld) tag(sort string, name *string, add []types.Tag) error {
	e, err := w.find(sort, name)
	if err == nil {
		e.tags, err = keep(withTags(sort, e.tags, add))(e.tags)
	}
	return err
}

func (w *iamWorld) untag(sort string, name *string, keys []string) error {
	e, err := w.find(sort, name)
	if err == nil {
		e.tags = withoutTags(sort, e.tags, keys)
	}
	return err
}

// TagUser adds tags and replaces values.
func (i *FakeIAM) TagUser(_ context.Context, in *iam.TagUserInput, _ ...func(*iam.Options)) (*iam.TagUserOutput, error) {
	return iamWrite(i, "TagUser", func(w *iamWorld) (*iam.TagUserOutput, error) {
		return &iam.TagUserOutput{}, w.tag(userSort, in.UserName, in.Tags)
	})
}

// UntagUser removes tags, absent ones in silence.
func (i *FakeIAM) UntagUser(_ context.Context, in *iam.UntagUserInput, _ ...func(*iam.Options)) (*iam.UntagUserOutput, error) {
	return iamWrite(i, "UntagUser", func(w *iamWorld) (*iam.UntagUserOutput, error) {
		return &iam.UntagUserOutput{}, w.untag(userSort, in.UserName, in.TagKeys)
	})
}

// TagRole adds tags and replaces values.
func (i *FakeIAM) TagRole(_ context.Context, in *iam.TagRoleInput, _ ...func(*iam.Options)) (*iam.TagRoleOutput, error) {
	return iamWrite(i, "TagRole", func(w *iamWorld) (*iam.TagRoleOutput, error) {
		return &iam.TagRoleOutput{}, w.tag(roleSort, in.RoleName, in.Tags)
	})
}

// UntagRole removes tags, absent ones in silence.
func (i *FakeIAM) UntagRole(_ context.Context, in *iam.UntagRoleInput, _ ...func(*iam.Options)) (*iam.UntagRoleOutput, error) {
	return iamWrite(i, "UntagRole", func(w *iamWorld) (*iam.UntagRoleOutput, error) {
		return &iam.UntagRoleOutput{}, w.untag(roleSort, in.RoleName, in.TagKeys)
	})
}

// TagPolicy adds tags and replaces values; keys are told apart by case.
func (i *FakeIAM) TagPolicy(_ context.Context, in *iam.TagPolicyInput, _ ...func(*iam.Options)) (*iam.TagPolicyOutput, error) {
	return iamWrite(i, "TagPolicy", func(w *iamWorld) (*iam.TagPolicyOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err == nil {
			p.tags, err = keep(withTags("policy", p.tags, in.Tags))(p.tags)
		}
		return &iam.TagPolicyOutput{}, err
	})
}

// UntagPolicy removes tags, absent ones in silence.
func (i *FakeIAM) UntagPolicy(_ context.Context, in *iam.UntagPolicyInput, _ ...func(*iam.Options)) (*iam.UntagPolicyOutput, error) {
	return iamWrite(i, "UntagPolicy", func(w *iamWorld) (*iam.UntagPolicyOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err == nil {
			p.tags = withoutTags("policy", p.tags, in.TagKeys)
		}
		return &iam.UntagPolicyOutput{}, err
	})
}

// ListPolicyTags gives a policy's tags, which the authorization details leave
// out.
func (i *FakeIAM) ListPolicyTags(_ context.Context, in *iam.ListPolicyTagsInput, _ ...func(*iam.Options)) (*iam.ListPolicyTagsOutput, error) {
	return iamRead(i, "ListPolicyTags", func(w *iamWorld) (*iam.ListPolicyTagsOutput, error) {
		p, err := w.policy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		part, next, err := iamPage(iamTags(p.tags), in.Marker, in.MaxItems)
		return &iam.ListPolicyTagsOutput{Tags: part, IsTruncated: next != nil, Marker: next}, err
	})
}
