package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/config"
)

// runbook makes what the published runbook of Nomad tells an administrator to
// click together, to the letter: its users in their groups, its policies, and the
// keys of the script that came later. No step of it attaches a policy, and it
// misspells one user.
func (w *world) runbook(_ bool, _ []string) {
	env, api, ctx := w.environment(), w.session().IAM(), w.ctx()
	for user, group := range map[string]string{"nomad-signer-staging": "staging-signer", "opticics-signer-production": "production-signer", "kms-admin": "kms-admin"} {
		_, err := api.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(group)})
		w.ts.Check(err)
		_, err = api.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(user)})
		w.ts.Check(err)
		_, err = api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String(group), UserName: aws.String(user)})
		w.ts.Check(err)
	}
	data, err := os.ReadFile(filepath.Join(checkout, "internal", "access", "testdata", "nomad.json"))
	w.ts.Check(err)
	var policies map[string]json.RawMessage
	w.ts.Check(json.Unmarshal(data, &policies))
	for name, text := range policies {
		if strings.HasPrefix(name, "proofs-") {
			continue // they hold a placeholder, which nobody can click
		}
		_, err := api.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String(name), PolicyDocument: aws.String(string(text))})
		w.ts.Check(err)
	}
	for _, key := range env.Keys {
		if key.Agent != "" {
			w.scriptKey(key, env.Name)
		}
	}
}

// scriptKey makes a key as the provisioning script does: no policy of its own,
// one tag, and an alias with the network in it.
func (w *world) scriptKey(key config.Key, environment string) {
	api := w.session().KMS(key.Region)
	made, err := api.CreateKey(w.ctx(), &kms.CreateKeyInput{
		Description: aws.String(environment + " " + key.Name), KeySpec: kmstypes.KeySpecEccSecgP256k1, KeyUsage: kmstypes.KeyUsageTypeSignVerify,
		Tags: []kmstypes.Tag{{TagKey: aws.String("environment"), TagValue: aws.String(environment)}},
	})
	w.ts.Check(err)
	_, err = api.CreateAlias(w.ctx(), &kms.CreateAliasInput{AliasName: aws.String(key.Alias), TargetKeyId: made.KeyMetadata.KeyId})
	w.ts.Check(err)
}

// strangers demands what there is in IAM that carries no mark of ours, by sort
// and name: strangers user/a group/b ...
func (w *world) strangers(_ bool, want []string) {
	out, err := w.session().IAM().GetAccountAuthorizationDetails(w.ctx(), &iam.GetAccountAuthorizationDetailsInput{})
	w.ts.Check(err)
	ours := func(path *string) bool { return strings.HasPrefix(aws.ToString(path), "/reconcile/") }
	var have []string
	for _, u := range out.UserDetailList {
		if !ours(u.Path) && len(u.Tags) == 0 {
			have = append(have, "user/"+aws.ToString(u.UserName))
		}
	}
	for _, g := range out.GroupDetailList {
		if !ours(g.Path) {
			have = append(have, "group/"+aws.ToString(g.GroupName))
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	w.is("strangers", have, want)
}
