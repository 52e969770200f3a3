package sandbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud"
)

// Detach takes every policy off a user, a group or a role.
func (s *Somebody) Detach(ctx context.Context, name string) error {
	api := s.session.IAM()
	all, err := cloud.NewDirectory(api, cloud.Clock{}, nil).All(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", s.env.Name, err)
	}
	detached := 0
	each := func(entity string, attached []string, detach func(policy *string) error) error {
		if entity != name {
			return nil
		}
		for _, arn := range attached {
			if err := detach(aws.String(arn)); err != nil {
				return fmt.Errorf("%s: %w", s.env.Name, cloud.Explain("iam:Detach", name+" "+arn, err))
			}
			detached++
		}
		return nil
	}
	for _, u := range all.Users {
		if err := each(u.Name, slices.Clone(u.Attached), func(policy *string) error {
			_, err := api.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String(name), PolicyArn: policy})
			return err
		}); err != nil {
			return err
		}
	}
	for _, g := range all.Groups {
		if err := each(g.Name, slices.Clone(g.Attached), func(policy *string) error {
			_, err := api.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: aws.String(name), PolicyArn: policy})
			return err
		}); err != nil {
			return err
		}
	}
	for _, r := range all.Roles {
		if err := each(r.Name, slices.Clone(r.Attached), func(policy *string) error {
			_, err := api.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String(name), PolicyArn: policy})
			return err
		}); err != nil {
			return err
		}
	}
	if detached == 0 {
		return fmt.Errorf("%s: no user, group or role %q has a policy\nhint: reconcile access %s", s.env.Name, name, s.env.Name)
	}
	return nil
}
