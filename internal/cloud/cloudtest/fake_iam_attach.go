package cloudtest

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// maxAttached is the quota of managed policies attached to one user, group or
// role.
const maxAttached = 10

// attach says nothing when the policy is attached already.
func (w *iamWorld) attach(sort string, name, arn *string) error {
	e, err := w.find(sort, name)
	if err != nil {
		return err
	}
	p, err := w.anyPolicy(arn)
	if err != nil || slices.Contains(e.attached, p.arn) {
		return err
	}
	if len(e.attached) >= maxAttached {
		return limit("Cannot exceed quota for PoliciesPer%s: %d", sort, maxAttached)
	}
	e.attached = append(slices.Clone(e.attached), p.arn)
	return nil
}

func (w *iamWorld) detach(sort string, name, arn *string) error {
	e, err := w.find(sort, name)
	if err != nil {
		return err
	}
	at := slices.Index(e.attached, aws.ToString(arn))
	if at < 0 {
		return noSuch("Policy %s was not found.", aws.ToString(arn))
	}
	e.attached = slices.Delete(slices.Clone(e.attached), at, at+1)
	return nil
}

// put replaces an inline policy of the same name.
func (w *iamWorld) put(sort string, name, policy, document *string) error {
	e, err := w.find(sort, name)
	if err != nil {
		return err
	}
	if err := checkName("policy", aws.ToString(policy)); err != nil {
		return err
	}
	if err := checkPolicy(aws.ToString(document)); err != nil {
		return err
	}
	total := size(*document)
	for other, text := range e.inline {
		if other != *policy {
			total += size(text)
		}
	}
	if most := inlineSize(sort); total > most {
		return limit("Maximum policy size of %d bytes exceeded for %s %s", most, sort, e.name)
	}
	e.inline = maps.Clone(e.inline)
	e.inline[*policy] = *document
	return nil
}

func (w *iamWorld) take(sort string, name, policy *string) error {
	e, err := w.find(sort, name)
	if err != nil {
		return err
	}
	if _, ok := e.inline[aws.ToString(policy)]; !ok {
		return noSuch("The %s policy with name %s cannot be found.", sort, aws.ToString(policy))
	}
	e.inline = maps.Clone(e.inline)
	delete(e.inline, *policy)
	return nil
}

// checkBoundary wants a managed policy that exists.
func (w *iamWorld) checkBoundary(arn *string) (string, error) {
	if aws.ToString(arn) == "" {
		return "", nil
	}
	if _, err := w.anyPolicy(arn); err != nil {
		return "", noSuch("Scope ARN: %s does not exist or is not attachable.", *arn)
	}
	return *arn, nil
}

func boundaryOf(e *fakeEntity) *types.AttachedPermissionsBoundary {
	if e.boundary == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn: aws.String(e.boundary), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

func (w *iamWorld) bound(sort string, name, arn *string) error {
	e, err := w.find(sort, name)
	if err != nil {
		return err
	}
	e.boundary, err = keep(w.checkBoundary(arn))(e.boundary)
	return err
}

// AttachUserPolicy attaches a managed policy.
func (i *FakeIAM) AttachUserPolicy(_ context.Context, in *iam.AttachUserPolicyInput, _ ...func(*iam.Options)) (*iam.AttachUserPolicyOutput, error) {
	return iamWrite(i, "AttachUserPolicy", func(w *iamWorld) (*iam.AttachUserPolicyOutput, error) {
		return &iam.AttachUserPolicyOutput{}, w.attach(userSort, in.UserName, in.PolicyArn)
	})
}

// DetachUserPolicy refuses what is not attached.
func (i *FakeIAM) DetachUserPolicy(_ context.Context, in *iam.DetachUserPolicyInput, _ ...func(*iam.Options)) (*iam.DetachUserPolicyOutput, error) {
	return iamWrite(i, "DetachUserPolicy", func(w *iamWorld) (*iam.DetachUserPolicyOutput, error) {
		return &iam.DetachUserPolicyOutput{}, w.detach(userSort, in.UserName, in.PolicyArn)
	})
}

// PutUserPolicy writes an inline policy.
func (i *FakeIAM) PutUserPolicy(_ context.Context, in *iam.PutUserPolicyInput, _ ...func(*iam.Options)) (*iam.PutUserPolicyOutput, error) {
	return iamWrite(i, "PutUserPolicy", func(w *iamWorld) (*iam.PutUserPolicyOutput, error) {
		return &iam.PutUserPolicyOutput{}, w.put(userSort, in.UserName, in.PolicyName, in.PolicyDocument)
	})
}

// DeleteUserPolicy removes an inline policy.
func (i *FakeIAM) DeleteUserPolicy(_ context.Context, in *iam.DeleteUserPolicyInput, _ ...func(*iam.Options)) (*iam.DeleteUserPolicyOutput, error) {
	return iamWrite(i, "DeleteUserPolicy", func(w *iamWorld) (*iam.DeleteUserPolicyOutput, error) {
		return &iam.DeleteUserPolicyOutput{}, w.take(userSort, in.UserName, in.PolicyName)
	})
}

// PutUserPermissionsBoundary sets or replaces the boundary.
func (i *FakeIAM) PutUserPermissionsBoundary(_ context.Context, in *iam.PutUserPermissionsBoundaryInput, _ ...func(*iam.Options)) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return iamWrite(i, "PutUserPermissionsBoundary", func(w *iamWorld) (*iam.PutUserPermissionsBoundaryOutput, error) {
		return &iam.PutUserPermissionsBoundaryOutput{}, w.bound(userSort, in.UserName, in.PermissionsBoundary)
	})
}

// DeleteUserPermissionsBoundary lifts the boundary.
func (i *FakeIAM) DeleteUserPermissionsBoundary(_ context.Context, in *iam.DeleteUserPermissionsBoundaryInput, _ ...func(*iam.Options)) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return iamWrite(i, "DeleteUserPermissionsBoundary", func(w *iamWorld) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
		return &iam.DeleteUserPermissionsBoundaryOutput{}, w.bound(userSort, in.UserName, nil)
	})
}

// AttachGroupPolicy attaches a managed policy.
func (i *FakeIAM) AttachGroupPolicy(_ context.Context, in *iam.AttachGroupPolicyInput, _ ...func(*iam.Options)) (*iam.AttachGroupPolicyOutput, error) {
	return iamWrite(i, "AttachGroupPolicy", func(w *iamWorld) (*iam.AttachGroupPolicyOutput, error) {
		return &iam.AttachGroupPolicyOutput{}, w.attach(groupSort, in.GroupName, in.PolicyArn)
	})
}

// DetachGroupPolicy refuses what is not attached.
func (i *FakeIAM) DetachGroupPolicy(_ context.Context, in *iam.DetachGroupPolicyInput, _ ...func(*iam.Options)) (*iam.DetachGroupPolicyOutput, error) {
	return iamWrite(i, "DetachGroupPolicy", func(w *iamWorld) (*iam.DetachGroupPolicyOutput, error) {
		return &iam.DetachGroupPolicyOutput{}, w.detach(groupSort, in.GroupName, in.PolicyArn)
	})
}

// PutGroupPolicy writes an inline policy.
func (i *FakeIAM) PutGroupPolicy(_ context.Context, in *iam.PutGroupPolicyInput, _ ...func(*iam.Options)) (*iam.PutGroupPolicyOutput, error) {
	return iamWrite(i, "PutGroupPolicy", func(w *iamWorld) (*iam.PutGroupPolicyOutput, error) {
		return &iam.PutGroupPolicyOutput{}, w.put(groupSort, in.GroupName, in.PolicyName, in.PolicyDocument)
	})
}

// DeleteGroupPolicy removes an inline policy.
func (i *FakeIAM) DeleteGroupPolicy(_ context.Context, in *iam.DeleteGroupPolicyInput, _ ...func(*iam.Options)) (*iam.DeleteGroupPolicyOutput, error) {
	return iamWrite(i, "DeleteGroupPolicy", func(w *iamWorld) (*iam.DeleteGroupPolicyOutput, error) {
		return &iam.DeleteGroupPolicyOutput{}, w.take(groupSort, in.GroupName, in.PolicyName)
	})
}

// AttachRolePolicy attaches a managed policy.
func (i *FakeIAM) AttachRolePolicy(_ context.Context, in *iam.AttachRolePolicyInput, _ ...func(*iam.Options)) (*iam.AttachRolePolicyOutput, error) {
	return iamWrite(i, "AttachRolePolicy", func(w *iamWorld) (*iam.AttachRolePolicyOutput, error) {
		return &iam.AttachRolePolicyOutput{}, w.attach(roleSort, in.RoleName, in.PolicyArn)
	})
}

// DetachRolePolicy refuses what is not attached.
func (i *FakeIAM) DetachRolePolicy(_ context.Context, in *iam.DetachRolePolicyInput, _ ...func(*iam.Options)) (*iam.DetachRolePolicyOutput, error) {
	return iamWrite(i, "DetachRolePolicy", func(w *iamWorld) (*iam.DetachRolePolicyOutput, error) {
		return &iam.DetachRolePolicyOutput{}, w.detach(roleSort, in.RoleName, in.PolicyArn)
	})
}

// PutRolePolicy writes an inline policy.
func (i *FakeIAM) PutRolePolicy(_ context.Context, in *iam.PutRolePolicyInput, _ ...func(*iam.Options)) (*iam.PutRolePolicyOutput, error) {
	return iamWrite(i, "PutRolePolicy", func(w *iamWorld) (*iam.PutRolePolicyOutput, error) {
		return &iam.PutRolePolicyOutput{}, w.put(roleSort, in.RoleName, in.PolicyName, in.PolicyDocument)
	})
}

// DeleteRolePolicy removes an inline policy.
func (i *FakeIAM) DeleteRolePolicy(_ context.Context, in *iam.DeleteRolePolicyInput, _ ...func(*iam.Options)) (*iam.DeleteRolePolicyOutput, error) {
	return iamWrite(i, "DeleteRolePolicy", func(w *iamWorld) (*iam.DeleteRolePolicyOutput, error) {
		return &iam.DeleteRolePolicyOutput{}, w.take(roleSort, in.RoleName, in.PolicyName)
	})
}

// PutRolePermissionsBoundary sets or replaces the boundary.
func (i *FakeIAM) PutRolePermissionsBoundary(_ context.Context, in *iam.PutRolePermissionsBoundaryInput, _ ...func(*iam.Options)) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return iamWrite(i, "PutRolePermissionsBoundary", func(w *iamWorld) (*iam.PutRolePermissionsBoundaryOutput, error) {
		return &iam.PutRolePermissionsBoundaryOutput{}, w.bound(roleSort, in.RoleName, in.PermissionsBoundary)
	})
}

// DeleteRolePermissionsBoundary lifts the boundary.
func (i *FakeIAM) DeleteRolePermissionsBoundary(_ context.Context, in *iam.DeleteRolePermissionsBoundaryInput, _ ...func(*iam.Options)) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return iamWrite(i, "DeleteRolePermissionsBoundary", func(w *iamWorld) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
		return &iam.DeleteRolePermissionsBoundaryOutput{}, w.bound(roleSort, in.RoleName, nil)
	})
}
