package cloudtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// GetAccountAuthorizationDetails gives users, groups, roles and policies in this
// order across pages of 100, at most 1,000; documents are URL-encoded. Of AWS's
// own policies it gives those in use. Tags of policies are not in it.
func (i *FakeIAM) GetAccountAuthorizationDetails(_ context.Context, in *iam.GetAccountAuthorizationDetailsInput, _ ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	return iamRead(i, "GetAccountAuthorizationDetails", func(w *iamWorld) (*iam.GetAccountAuthorizationDetailsOutput, error) {
		asked := in.MaxItems
		if short := i.fake.iam.short; short > 0 && (asked == nil || int(*asked) > short) {
			asked = aws.Int32(int32(short))
		}
		part, next, err := iamPage(w.details(in.Filter), in.Marker, asked)
		if err != nil {
			return nil, err
		}
		out := &iam.GetAccountAuthorizationDetailsOutput{IsTruncated: next != nil, Marker: next}
		for _, one := range part {
			switch one := one.(type) {
			case types.UserDetail:
				out.UserDetailList = append(out.UserDetailList, one)
			case types.GroupDetail:
				out.GroupDetailList = append(out.GroupDetailList, one)
			case types.RoleDetail:
				out.RoleDetailList = append(out.RoleDetailList, one)
			case types.ManagedPolicyDetail:
				out.Policies = append(out.Policies, one)
			}
		}
		return out, nil
	})
}

// details gives everything that the filter lets through; no filter lets all
// through.
func (w *iamWorld) details(filter []types.EntityType) []any {
	wanted := func(sort types.EntityType) bool { return len(filter) == 0 || slices.Contains(filter, sort) }
	var all []any
	if wanted(types.EntityTypeUser) {
		for _, e := range w.sorted(userSort) {
			all = append(all, w.userDetail(e))
		}
	}
	if wanted(types.EntityTypeGroup) {
		for _, e := range w.sorted(groupSort) {
			all = append(all, types.GroupDetail{
				Arn: aws.String(w.arn(e)), GroupName: aws.String(e.name), Path: aws.String(e.path), GroupId: aws.String(e.id), CreateDate: aws.Time(e.created),
				AttachedManagedPolicies: attachedOf(e), GroupPolicyList: inlineOf(e),
			})
		}
	}
	if wanted(types.EntityTypeRole) {
		for _, e := range w.sorted(roleSort) {
			all = append(all, types.RoleDetail{
				Arn: aws.String(w.arn(e)), RoleName: aws.String(e.name), Path: aws.String(e.path), RoleId: aws.String(e.id), CreateDate: aws.Time(e.created),
				AssumeRolePolicyDocument: encoded(e.trust), AttachedManagedPolicies: attachedOf(e), RolePolicyList: inlineOf(e),
				PermissionsBoundary: boundaryOf(e), Tags: iamTags(e.tags),
			})
		}
	}
	for _, p := range w.policiesInUse(wanted(types.EntityTypeLocalManagedPolicy), wanted(types.EntityTypeAWSManagedPolicy)) {
		all = append(all, w.policyDetail(p))
	}
	return all
}

// policiesInUse are the account's own policies and those of AWS's that somebody
// has.
func (w *iamWorld) policiesInUse(own, foreign bool) []*fakePolicy {
	var list []*fakePolicy
	if own {
		list = slices.SortedFunc(maps.Values(w.policies), func(a, b *fakePolicy) int { return cmp.Compare(a.id, b.id) })
	}
	if foreign {
		for _, name := range slices.Sorted(maps.Keys(awsPolicies())) {
			p, err := w.anyPolicy(aws.String("arn:aws:iam::aws:policy" + name))
			if attached, boundaries := w.uses(p.arn); err == nil && attached+boundaries > 0 {
				list = append(list, p)
			}
		}
	}
	return list
}

func (w *iamWorld) userDetail(e *fakeEntity) types.UserDetail {
	var groups []string
	for key := range e.groups {
		groups = append(groups, w.entities[groupSort][key].name)
	}
	slices.Sort(groups)
	return types.UserDetail{
		Arn: aws.String(w.arn(e)), UserName: aws.String(e.name), Path: aws.String(e.path), UserId: aws.String(e.id), CreateDate: aws.Time(e.created),
		GroupList: groups, AttachedManagedPolicies: attachedOf(e), UserPolicyList: inlineOf(e),
		PermissionsBoundary: boundaryOf(e), Tags: iamTags(e.tags),
	}
}

func (w *iamWorld) policyDetail(p *fakePolicy) types.ManagedPolicyDetail {
	shown := w.shownPolicy(p)
	detail := types.ManagedPolicyDetail{
		Arn: shown.Arn, PolicyName: shown.PolicyName, Path: shown.Path, PolicyId: shown.PolicyId, IsAttachable: true,
		CreateDate: shown.CreateDate, UpdateDate: shown.UpdateDate, DefaultVersionId: shown.DefaultVersionId,
		AttachmentCount: shown.AttachmentCount, PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount,
	}
	for _, v := range slices.Backward(p.versions) {
		detail.PolicyVersionList = append(detail.PolicyVersionList, p.version(v))
	}
	return detail
}

func attachedOf(e *fakeEntity) []types.AttachedPolicy {
	var list []types.AttachedPolicy
	for _, arn := range e.attached {
		list = append(list, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(arn[strings.LastIndexByte(arn, '/')+1:])})
	}
	return list
}

func inlineOf(e *fakeEntity) []types.PolicyDetail {
	var list []types.PolicyDetail
	for _, name := range slices.Sorted(maps.Keys(e.inline)) {
		list = append(list, types.PolicyDetail{PolicyName: aws.String(name), PolicyDocument: encoded(e.inline[name])})
	}
	return list
}
