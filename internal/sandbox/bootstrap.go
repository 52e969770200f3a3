package sandbox

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
)

// bootstrapTool makes what a person with administrator rights makes once: the
// forge's identities, the boundary and the tool's own roles.
func bootstrapTool(ctx context.Context, env *config.Environment, session *cloud.Session) error {
	if env.Tool == nil {
		return nil
	}
	set, err := bootstrap.Make(env, kinds.Actions())
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	api := session.IAM()
	provider := &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://" + bootstrap.ForgeIssuer), ClientIDList: []string{bootstrap.Audience}}
	if _, err := api.CreateOpenIDConnectProvider(ctx, provider); err != nil {
		return fmt.Errorf("bootstrap: %w", cloud.Explain("iam:CreateOpenIDConnectProvider", bootstrap.ForgeIssuer, err))
	}
	if err := makePolicy(ctx, api, set.Boundary, "/"); err != nil {
		return err
	}
	for _, r := range set.Roles {
		if err := makeRole(ctx, api, r); err != nil {
			return err
		}
	}
	return closeStore(ctx, session, set.Store)
}

// closeStore keeps the public out of the journal's bucket, and asks for TLS.
func closeStore(ctx context.Context, session *cloud.Session, store *bootstrap.Store) error {
	if store == nil {
		return nil
	}
	policy, err := cloud.PutBucketPolicy(store.Policy)
	if err != nil {
		return fmt.Errorf("bootstrap: %s: %w", store.Bucket, err)
	}
	for _, w := range []cloud.BucketWrite{cloud.BlockBucket(cloud.NoPublicAccess()), policy} {
		w.Region, w.Name, w.Op = store.Region, store.Bucket, "closing"
		if _, _, err := session.Buckets().Perform(ctx, w); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	return nil
}

func makePolicy(ctx context.Context, api *iam.Client, p bootstrap.Policy, path string) error {
	text, err := p.Document.Text()
	if err != nil {
		return fmt.Errorf("bootstrap: %s: %w", p.Name, err)
	}
	_, err = api.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String(p.Name), Path: aws.String(path), Description: aws.String(p.Description), PolicyDocument: aws.String(text),
	})
	if err != nil {
		return fmt.Errorf("bootstrap: %w", cloud.Explain("iam:CreatePolicy", p.Name, err))
	}
	return nil
}

func makeRole(ctx context.Context, api *iam.Client, r bootstrap.Role) error {
	trust, err := r.Trust.Text()
	if err != nil {
		return fmt.Errorf("bootstrap: %s: %w", r.Name, err)
	}
	_, err = api.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String(r.Name), Path: aws.String(bootstrap.Path), Description: aws.String(r.Description),
		AssumeRolePolicyDocument: aws.String(trust), MaxSessionDuration: aws.Int32(int32(r.SessionSeconds)),
	})
	if err != nil {
		return fmt.Errorf("bootstrap: %w", cloud.Explain("iam:CreateRole", r.Name, err))
	}
	for _, p := range r.Policies {
		if err := makePolicy(ctx, api, p, bootstrap.Path); err != nil {
			return err
		}
		if _, err := api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(r.Name), PolicyArn: aws.String(p.ARN)}); err != nil {
			return fmt.Errorf("bootstrap: %w", cloud.Explain("iam:AttachRolePolicy", r.Name, err))
		}
	}
	return nil
}
