package worlds_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// inherit makes, for one agent that runs already, what it ran on before us: its
// user or role with rights of its own, and keys whose policies name it. All of it
// is declared as to be adopted.
func (w *world) inherit() {
	names := slices.Sorted(maps.Keys(w.wanted.agents))
	name := pick(w.r, names...)
	next := w.wanted.clone()
	a := next.agents[name]
	shape := next.shapeOf(a)
	if a.external != "" || a.instances > 1 || shape == "groups" || w.wanted.accounts != "kms" {
		return
	}
	a.adopts, a.treasury = true, false
	next.agents[name] = a
	env, err := next.load(w.t, w.root)
	if err != nil {
		return
	}
	next.adopted = map[string]string{}
	for _, key := range env.Keys {
		if key.Agent == name && maybe(w.r, 2) {
			next.adopted[key.Name] = "alias/legacy/" + key.Name
		}
	}
	if env, err = next.load(w.t, w.root); err != nil {
		w.fail("%v", err)
		return
	}
	arn := w.legacyPrincipal(shape, legacyName(name))
	for _, key := range env.Keys {
		if alias := next.adopted[key.Name]; alias != "" {
			w.legacyKey(key, alias, arn)
		}
	}
	w.wanted, w.op.env = next, env
	w.tell("%s runs already as %s, on %d keys of its own", name, arn, len(next.adopted))
}

// legacyPrincipal may sign with every key, by a document of its own or by a
// policy; it gives its ARN.
func (w *world) legacyPrincipal(shape, name string) string {
	ctx, api := context.Background(), w.fake.Aside().IAM()
	own := aws.String("arn:aws:iam::" + account + ":policy/strangers-own")
	inside := maybe(w.r, 2)
	if shape == "users" {
		user := must(api.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
		if inside {
			must(api.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("own"), PolicyDocument: aws.String(allowsAll)}))
		} else {
			must(api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: own}))
		}
		return aws.ToString(user.User.Arn)
	}
	role := must(api.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))
	if inside {
		must(api.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("own"), PolicyDocument: aws.String(allowsAll)}))
	} else {
		must(api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: own}))
	}
	return aws.ToString(role.Role.Arn)
}

func (w *world) legacyKey(key config.Key, alias, arn string) {
	ctx, api := context.Background(), w.fake.Aside().KMS(oregon)
	text := fmt.Sprintf(`{"Version":"2012-10-17","Id":"old","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":%q},"Action":["kms:GetPublicKey","kms:Sign"],"Resource":"*"}]}`, account, arn)
	if maybe(w.r, 3) {
		// IAM may administer and not sign.
		text = strings.Replace(text, `"kms:*"`, `["kms:Create*","kms:Describe*","kms:Enable*","kms:List*","kms:Put*","kms:Update*","kms:Get*","kms:Delete*","kms:TagResource","kms:UntagResource","kms:RevokeGrant"]`, 1)
	}
	made := must(api.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify, Policy: &text}))
	must(api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: made.KeyMetadata.KeyId}))
}
