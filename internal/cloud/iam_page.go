package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/access"
)

var errNoMarker = errors.New("a page says that there are more and gives no new marker")

// managed is one managed policy. The emulator leaves the name out, so that it
// is taken from the ARN.
func managed(p types.ManagedPolicyDetail) access.Policy {
	arn := aws.ToString(p.Arn)
	policy := access.Policy{
		ARN: arn, Name: arn[strings.LastIndexByte(arn, '/')+1:], Path: cmp.Or(aws.ToString(p.Path), "/"),
		DefaultVersion: aws.ToString(p.DefaultVersionId), Attachments: int(aws.ToInt32(p.AttachmentCount)),
		Document: access.Document{Fault: "no version is the default"}, Older: map[string]access.Document{},
	}
	versions := slices.Clone(p.PolicyVersionList)
	slices.SortFunc(versions, func(a, b types.PolicyVersion) int {
		return access.CompareVersions(aws.ToString(a.VersionId), aws.ToString(b.VersionId))
	})
	for _, v := range versions {
		policy.Versions = append(policy.Versions, aws.ToString(v.VersionId))
		document := access.Read(aws.ToString(v.Document))
		if v.IsDefaultVersion {
			policy.Document = document
		} else {
			policy.Older[aws.ToString(v.VersionId)] = document
		}
	}
	return policy
}

func attached(list []types.AttachedPolicy) []string {
	var arns []string
	for _, p := range list {
		arns = append(arns, aws.ToString(p.PolicyArn))
	}
	slices.Sort(arns)
	return arns
}

func inline(list []types.PolicyDetail) map[string]access.Document {
	documents := map[string]access.Document{}
	for _, p := range list {
		documents[aws.ToString(p.PolicyName)] = access.Read(aws.ToString(p.PolicyDocument))
	}
	return documents
}

func boundary(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return aws.ToString(b.PermissionsBoundaryArn)
}

func tagMap(list []types.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// finish sorts, and tells groups who their members are: AWS says it at the user.
func finish(d *access.Directory) {
	members := map[string][]string{}
	for _, u := range d.Users {
		for _, group := range u.Groups {
			members[group] = append(members[group], u.Name)
		}
	}
	for i := range d.Groups {
		d.Groups[i].Members = slices.Sorted(slices.Values(members[d.Groups[i].Name]))
	}
	slices.SortFunc(d.Users, func(a, b access.User) int { return strings.Compare(a.ARN, b.ARN) })
	slices.SortFunc(d.Groups, func(a, b access.Group) int { return strings.Compare(a.ARN, b.ARN) })
	slices.SortFunc(d.Roles, func(a, b access.Role) int { return strings.Compare(a.ARN, b.ARN) })
	slices.SortFunc(d.Policies, func(a, b access.Policy) int { return strings.Compare(a.ARN, b.ARN) })
}

// PolicyTagsAPI is what reading a policy's tags needs: the walk over all of IAM
// does not hold them.
type PolicyTagsAPI interface {
	ListPolicyTags(context.Context, *iam.ListPolicyTagsInput, ...func(*iam.Options)) (*iam.ListPolicyTagsOutput, error)
}

// PolicyTags reads the tags of one managed policy of the account's own.
func PolicyTags(ctx context.Context, api PolicyTagsAPI, arn string) (map[string]string, error) {
	var list []types.Tag
	in := &iam.ListPolicyTagsInput{PolicyArn: aws.String(arn)}
	for {
		out, err := api.ListPolicyTags(ctx, in)
		if err != nil {
			return nil, Explain("iam:ListPolicyTags", arn, err)
		}
		list = append(list, out.Tags...)
		if in.Marker = out.Marker; !out.IsTruncated || in.Marker == nil {
			return tagMap(list), nil
		}
	}
}
