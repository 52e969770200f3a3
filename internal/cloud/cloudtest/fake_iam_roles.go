package cloudtest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func (w *iamWorld) role(e *fakeEntity) *types.Role {
	return &types.Role{
		RoleName: aws.String(e.name), Path: aws.String(e.path), RoleId: aws.String(e.id), Arn: aws.String(w.arn(e)), CreateDate: aws.Time(e.created),
		AssumeRolePolicyDocument: encoded(e.trust), Description: aws.String(e.description), MaxSessionDuration: aws.Int32(e.maxSession),
		PermissionsBoundary: boundaryOf(e), Tags: iamTags(e.tags),
	}
}

// The bounds of a role's session in seconds (IAM API reference, CreateRole).
const (
	shortestSession = 3600
	longestSession  = 43200
)

func checkSession(seconds *int32) error {
	if seconds != nil && (*seconds < shortestSession || *seconds > longestSession) {
		return invalid("1 validation error detected: Value '%d' at 'maxSessionDuration' failed to satisfy constraint: Member must have value from %d to %d", *seconds, shortestSession, longestSession)
	}
	return nil
}

func checkDescription(text *string) error {
	if len(aws.ToString(text)) > 1000 {
		return invalid("1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 1000")
	}
	return nil
}

// CreateRole makes a role whose trust names principals that exist.
func (i *FakeIAM) CreateRole(_ context.Context, in *iam.CreateRoleInput, _ ...func(*iam.Options)) (*iam.CreateRoleOutput, error) {
	return iamWrite(i, "CreateRole", func(w *iamWorld) (*iam.CreateRoleOutput, error) {
		e, err := i.newEntity(w, roleSort, in.RoleName, in.Path)
		if err != nil {
			return nil, err
		}
		if e.tags, err = withTags(roleSort, nil, in.Tags); err != nil {
			return nil, err
		}
		for _, err := range []error{checkSession(in.MaxSessionDuration), checkDescription(in.Description)} {
			if err != nil {
				return nil, err
			}
		}
		if e.boundary, err = w.checkBoundary(in.PermissionsBoundary); err != nil {
			return nil, err
		}
		if err := i.fake.checkTrust(aws.ToString(in.AssumeRolePolicyDocument)); err != nil {
			return nil, err
		}
		e.trust, e.description, e.maxSession = *in.AssumeRolePolicyDocument, aws.ToString(in.Description), shortestSession
		if in.MaxSessionDuration != nil {
			e.maxSession = *in.MaxSessionDuration
		}
		w.add(e)
		return &iam.CreateRoleOutput{Role: w.role(e)}, nil
	})
}

// GetRole gives one role; its trust is URL-encoded.
func (i *FakeIAM) GetRole(_ context.Context, in *iam.GetRoleInput, _ ...func(*iam.Options)) (*iam.GetRoleOutput, error) {
	return iamRead(i, "GetRole", func(w *iamWorld) (*iam.GetRoleOutput, error) {
		e, err := w.find(roleSort, in.RoleName)
		if err != nil {
			return nil, err
		}
		return &iam.GetRoleOutput{Role: w.role(e)}, nil
	})
}

// UpdateRole replaces description and longest session where they are given.
func (i *FakeIAM) UpdateRole(_ context.Context, in *iam.UpdateRoleInput, _ ...func(*iam.Options)) (*iam.UpdateRoleOutput, error) {
	return iamWrite(i, "UpdateRole", func(w *iamWorld) (*iam.UpdateRoleOutput, error) {
		e, err := w.find(roleSort, in.RoleName)
		if err != nil {
			return nil, err
		}
		for _, err := range []error{checkSession(in.MaxSessionDuration), checkDescription(in.Description)} {
			if err != nil {
				return nil, err
			}
		}
		if in.Description != nil {
			e.description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			e.maxSession = *in.MaxSessionDuration
		}
		return &iam.UpdateRoleOutput{}, nil
	})
}

// UpdateAssumeRolePolicy replaces the trust.
func (i *FakeIAM) UpdateAssumeRolePolicy(_ context.Context, in *iam.UpdateAssumeRolePolicyInput, _ ...func(*iam.Options)) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return iamWrite(i, "UpdateAssumeRolePolicy", func(w *iamWorld) (*iam.UpdateAssumeRolePolicyOutput, error) {
		e, err := w.find(roleSort, in.RoleName)
		if err != nil {
			return nil, err
		}
		if err := i.fake.checkTrust(aws.ToString(in.PolicyDocument)); err != nil {
			return nil, err
		}
		e.trust = *in.PolicyDocument
		return &iam.UpdateAssumeRolePolicyOutput{}, nil
	})
}

// DeleteRole refuses a role with policies.
func (i *FakeIAM) DeleteRole(_ context.Context, in *iam.DeleteRoleInput, _ ...func(*iam.Options)) (*iam.DeleteRoleOutput, error) {
	return iamWrite(i, "DeleteRole", func(w *iamWorld) (*iam.DeleteRoleOutput, error) {
		e, err := w.find(roleSort, in.RoleName)
		if err != nil {
			return nil, err
		}
		if err := e.bare(); err != nil {
			return nil, err
		}
		i.remove(w, e)
		return &iam.DeleteRoleOutput{}, nil
	})
}
