package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// wharf loads the environment of testdata/wharf.txtar with edits: file, old and
// new text in turns.
func wharf(t *testing.T, edits ...string) *config.Environment {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/wharf.txtar")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, f := range archive.Files {
		text := string(f.Data)
		for i := 0; i < len(edits); i += 3 {
			if filepath.Base(f.Name) != edits[i] {
				continue
			}
			if strings.Count(text, edits[i+1]) != 1 {
				t.Fatalf("%s: %q stands there %d times, need 1", f.Name, edits[i+1], strings.Count(text, edits[i+1]))
			}
			text = strings.Replace(text, edits[i+1], edits[i+2], 1)
		}
		path := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return withTool(t, root, "wharf")
}

// declared is what the environment declares, as a plan remembers it.
func (d *duty) declared() resource.Set {
	d.t.Helper()
	set, err := observe.Declare(d.env, d.kindsAs("plan"))
	if err != nil {
		d.t.Fatal(err)
	}
	return set
}

// must fails the test for a call of somebody's that did not go through.
func must[O any](d *duty) func(O, error) O {
	return func(out O, err error) O {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
		return out
	}
}

func (d *duty) ctx() context.Context { return d.t.Context() }

// does runs calls that somebody makes past the tool.
func (d *duty) does(calls ...func() error) {
	d.t.Helper()
	for i, call := range calls {
		if err := call(); err != nil {
			d.t.Fatalf("call %d of somebody: %v", i+1, err)
		}
	}
	d.live.forget()
}

// asking is one call as does takes it.
func asking[I, O, P any](d *duty, do func(context.Context, *I, ...func(*P)) (*O, error), in *I) func() error {
	return func() error {
		_, err := do(d.ctx(), in)
		return err
	}
}

const (
	wideOpen  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	looking   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}`
	barred    = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:Sign","Resource":"*"}]}`
	anybody   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222233334444:root"},"Action":"sts:AssumeRole"}]}`
	anAccount = "222233334444"
	intruder  = "arn:aws:iam::" + anAccount + ":policy/intruder"
	brake     = "arn:aws:iam::" + anAccount + ":policy/brake"
	ofWharf   = "arn:aws:iam::" + anAccount + ":policy/reconcile/wharf/"
)

// wharfStands is the account with wharf made in it, an account's own user of the
// contracted operator, and two policies of somebody's.
func wharfStands(t *testing.T, lent *emulators) *duty {
	t.Helper()
	d := onDuty(t, wharf(t), lent)
	api := d.live.direct.IAM()
	d.does(
		asking(d, api.CreateUser, &iam.CreateUserInput{UserName: aws.String("acme")}),
		asking(d, api.CreatePolicy, &iam.CreatePolicyInput{PolicyName: aws.String("intruder"), PolicyDocument: aws.String(wideOpen)}),
		asking(d, api.CreatePolicy, &iam.CreatePolicyInput{PolicyName: aws.String("auditors"), PolicyDocument: aws.String(looking)}),
		asking(d, api.CreatePolicy, &iam.CreatePolicyInput{PolicyName: aws.String("brake"), PolicyDocument: aws.String(barred)}),
	)
	d.converge(nil)
	d.onlyBanksSign()
	d.administersKeys()
	return d
}

func TestTheToolsRolesCanMakeMendTakeOverAndRemove(t *testing.T) {
	t.Parallel()
	lent := newEmulators()
	t.Cleanup(lent.close)
	d := wharfStands(t, lent)
	d.driftsInIAM()
	d.driftsElsewhere()
	d.converge(d.declared())
	d.takesOver()
	before := d.declared()
	d.declares(wharf(t, append(bounding(), "access.cue", `	keyAdmin:     "keys"`+"\n", "")...))
	d.converge(before)

	for _, action := range kinds.Actions() {
		if why := unasked()[action.Name]; d.asked[action.Name] == (why != "") {
			t.Errorf("%s: asked %t, %s", action.Name, d.asked[action.Name], why)
		}
	}
}

// driftsInIAM: somebody changes users, roles, groups and policies.
func (d *duty) driftsInIAM() {
	d.t.Helper()
	api := d.live.direct.IAM()
	keeper, relayer, people := aws.String("wharf-keeper-0"), aws.String("wharf-relayer"), aws.String("people")
	user := func(policy string) *iam.AttachUserPolicyInput {
		return &iam.AttachUserPolicyInput{UserName: relayer, PolicyArn: aws.String(policy)}
	}
	role := func(policy string) *iam.AttachRolePolicyInput {
		return &iam.AttachRolePolicyInput{RoleName: keeper, PolicyArn: aws.String(policy)}
	}
	group := func(policy string) *iam.AttachGroupPolicyInput {
		return &iam.AttachGroupPolicyInput{GroupName: people, PolicyArn: aws.String(policy)}
	}
	inline := func(name, document string) (*iam.PutUserPolicyInput, *iam.PutRolePolicyInput) {
		return &iam.PutUserPolicyInput{UserName: relayer, PolicyName: aws.String(name), PolicyDocument: aws.String(document)},
			&iam.PutRolePolicyInput{RoleName: keeper, PolicyName: aws.String(name), PolicyDocument: aws.String(document)}
	}
	userMore, roleMore := inline("more", wideOpen)
	userLess, roleLess := inline("less", barred)
	agent := []iamtypes.Tag{{Key: aws.String("agent"), Value: aws.String("somebody")}}
	d.does(
		asking(d, api.AttachUserPolicy, user(intruder)), asking(d, api.AttachUserPolicy, user(brake)),
		asking(d, api.PutUserPolicy, userMore), asking(d, api.PutUserPolicy, userLess),
		asking(d, api.DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: relayer, PolicyArn: aws.String(ofWharf + "wharf-relayer-signer")}),
		asking(d, api.DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: relayer}),
		asking(d, api.TagUser, &iam.TagUserInput{UserName: relayer, Tags: agent}),
		asking(d, api.AttachRolePolicy, role(intruder)), asking(d, api.AttachRolePolicy, role(brake)),
		asking(d, api.PutRolePolicy, roleMore), asking(d, api.PutRolePolicy, roleLess),
		asking(d, api.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: keeper, PolicyArn: aws.String(ofWharf + "wharf-validator-0-signer")}),
		asking(d, api.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: keeper}),
		asking(d, api.TagRole, &iam.TagRoleInput{RoleName: keeper, Tags: agent}),
		asking(d, api.UpdateRole, &iam.UpdateRoleInput{RoleName: keeper, MaxSessionDuration: aws.Int32(7200)}),
		asking(d, api.UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: keeper, PolicyDocument: aws.String(anybody)}),
		asking(d, api.AttachGroupPolicy, group(intruder)), asking(d, api.AttachGroupPolicy, group(brake)),
		asking(d, api.DetachGroupPolicy, &iam.DetachGroupPolicyInput{GroupName: people, PolicyArn: aws.String("arn:aws:iam::222233334444:policy/auditors")}),
		asking(d, api.PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: people, PolicyName: aws.String("more"), PolicyDocument: aws.String(wideOpen)}),
		asking(d, api.RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{GroupName: people, UserName: aws.String("ann")}),
		asking(d, api.AddUserToGroup, &iam.AddUserToGroupInput{GroupName: aws.String("wharf-kms-admin"), UserName: aws.String("ann")}),
	)
	storage := aws.String(ofWharf + "wharf-validator-0-storage")
	d.does(asking(d, api.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: storage, PolicyDocument: aws.String(wideOpen), SetAsDefault: true}))
	look := aws.String(ofWharf + "look")
	version := asking(d, api.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: look, PolicyDocument: aws.String(wideOpen), SetAsDefault: true})
	d.does(version, asking(d, api.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: look, VersionId: aws.String("v1")}), version, version, version, version)
	keys := must[*iam.ListAccessKeysOutput](d)(api.ListAccessKeys(d.ctx(), &iam.ListAccessKeysInput{UserName: relayer}))
	d.does(
		asking(d, api.DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: relayer, AccessKeyId: keys.AccessKeyMetadata[0].AccessKeyId}),
		asking(d, api.CreateAccessKey, &iam.CreateAccessKeyInput{UserName: relayer}),
	)
}

// driftsElsewhere: somebody changes keys, secrets and buckets.
func (d *duty) driftsElsewhere() {
	d.t.Helper()
	keys, secrets, buckets := d.live.direct.KMS("us-west-2"), d.live.direct.SecretsManager("us-west-2"), d.live.direct.S3("us-west-2")
	id := func(name string) *string {
		key, _, err := d.live.key(d.ctx(), "us-west-2", "alias/wharf-"+name)
		if err != nil {
			d.t.Fatal(err)
		}
		return aws.String(key.ARN[strings.LastIndexByte(key.ARN, '/')+1:]) // the emulator disables no key by its ARN
	}
	relayer, signer, bucket := id("relayer-signer-fuji"), id("validator-0-signer-fuji"), aws.String("acme-wharf-validator-0-fuji")
	policy := must[*kms.GetKeyPolicyOutput](d)(keys.GetKeyPolicy(d.ctx(), &kms.GetKeyPolicyInput{KeyId: relayer, PolicyName: aws.String("default")}))
	wider := strings.Replace(*policy.Policy, `"Statement":[`, `"Statement":[{"Sid":"Extra","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222233334444:user/acme"},"Action":"kms:Sign","Resource":"*"},`, 1)
	tags := must[*s3.GetBucketTaggingOutput](d)(buckets.GetBucketTagging(d.ctx(), &s3.GetBucketTaggingInput{Bucket: bucket})).TagSet
	for i := range tags {
		if *tags[i].Key == "agent" {
			tags[i].Value = aws.String("somebody")
		}
	}
	d.does(
		asking(d, keys.PutKeyPolicy, &kms.PutKeyPolicyInput{KeyId: relayer, PolicyName: aws.String("default"), Policy: aws.String(wider)}),
		asking(d, keys.UpdateKeyDescription, &kms.UpdateKeyDescriptionInput{KeyId: relayer, Description: aws.String("mine")}),
		asking(d, keys.TagResource, &kms.TagResourceInput{KeyId: relayer, Tags: []kmstypes.Tag{{TagKey: aws.String("agent"), TagValue: aws.String("somebody")}}}),
		asking(d, keys.DisableKey, &kms.DisableKeyInput{KeyId: relayer}),
		asking(d, keys.DeleteAlias, &kms.DeleteAliasInput{AliasName: aws.String("alias/wharf-validator-0-signer-fuji")}),
		asking(d, keys.DisableKey, &kms.DisableKeyInput{KeyId: signer}),
		asking(d, secrets.UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: aws.String("wharf-scout-signer-fuji"), Description: aws.String("mine")}),
		asking(d, secrets.TagResource, &secretsmanager.TagResourceInput{SecretId: aws.String("wharf-scout-signer-fuji"), Tags: []secrettypes.Tag{{Key: aws.String("agent"), Value: aws.String("somebody")}}}),
		asking(d, buckets.DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: bucket}),
		asking(d, buckets.DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: bucket}),
		asking(d, buckets.DeleteBucketOwnershipControls, &s3.DeleteBucketOwnershipControlsInput{Bucket: bucket}),
		asking(d, buckets.PutBucketVersioning, &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusSuspended}}),
		asking(d, buckets.PutBucketEncryption, &s3.PutBucketEncryptionInput{Bucket: bucket, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
			Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms}}},
		}}),
		asking(d, buckets.PutBucketTagging, &s3.PutBucketTaggingInput{Bucket: bucket, Tagging: &s3types.Tagging{TagSet: tags}}),
	)
}

// unasked are actions of kinds that nothing here asks for, with the reason.
func unasked() map[string]string {
	return map[string]string{
		"kms:ListKeys":                  "keys are listed where a reply was lost",
		"kms:Sign":                      "banks sign in scripts",
		"secretsmanager:GetSecretValue": "hex banks sign in scripts",
	}
}

// takesOver adopts what people made by hand: first the mark and nothing else,
// then what needs no boundary, and once the boundary is there, whatever is
// attached.
func (d *duty) takesOver() {
	d.t.Helper()
	before := d.declared()
	d.legacy()
	d.declares(wharf(d.t, takingOver()...))
	for range 2 {
		difference, desired, world := d.plan(before)
		d.apply(difference, desired, before, world)
	}
	difference, _, _ := d.plan(before)
	var waiting []string
	for _, left := range difference.Deferred {
		waiting = append(waiting, left.ID.String())
		if !strings.Contains(left.Reason, "take adopt: true out, and the boundary comes first") {
			d.t.Errorf("%s is deferred: %s", left.ID, left.Reason)
		}
	}
	if want := []string{"iam-role/global/old-keeper", "iam-user/global/old-relayer"}; !slices.Equal(waiting, want) {
		d.t.Errorf("%v wait for the boundary, want %v", waiting, want)
	}
	d.declares(wharf(d.t, bounding()...))
	d.converge(before)
}

// bounding is takingOver without adopt.
func bounding() []string {
	edits := takingOver()
	for i := 2; i < len(edits); i += 3 {
		edits[i] = strings.ReplaceAll(strings.ReplaceAll(edits[i], ", adopt: true", ""), "adopt: true, ", "")
	}
	return edits
}

// takingOver declares the legacy objects of an account in place of wharf's own.
func takingOver() []string {
	return []string{
		"access.cue", `relayer: {keys: "aliases", accessKey: {}}`, `relayer: {name: "old-relayer", path: "/", adopt: true, signerPolicy: {name: "old-signer", path: "/", adopt: true}}`,
		"access.cue", `name: "{environment}-keeper-{instance}"`, `name: "old-keeper", path: "/agents/", adopt: true`,
		"access.cue", `groups: people: {`, `groups: oldies: {adopt: true, `,
	}
}

// legacy is what people made by hand before there was a tool.
func (d *duty) legacy() {
	d.t.Helper()
	api := d.live.direct.IAM()
	name := aws.String("old-relayer")
	d.does(
		asking(d, api.CreateUser, &iam.CreateUserInput{UserName: name}),
		asking(d, api.AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: aws.String(intruder)}),
		asking(d, api.PutUserPolicy, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("inline"), PolicyDocument: aws.String(wideOpen)}),
		asking(d, api.CreatePolicy, &iam.CreatePolicyInput{PolicyName: aws.String("old-signer"), PolicyDocument: aws.String(wideOpen)}),
		asking(d, api.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("old-keeper"), Path: aws.String("/agents/"), AssumeRolePolicyDocument: aws.String(anybody)}),
		asking(d, api.CreateGroup, &iam.CreateGroupInput{GroupName: aws.String("oldies"), Path: aws.String("/before/")}),
	)
}

// administersKeys: whoever administers keys can do under the boundary what his
// policy says, and nothing that would let him sign.
func (d *duty) administersKeys() {
	d.t.Helper()
	live, err := d.live.directory(d.ctx())
	if err != nil {
		d.t.Fatal(err)
	}
	key, _, err := d.live.key(d.ctx(), "us-west-2", "alias/wharf-relayer-signer-fuji")
	if err != nil {
		d.t.Fatal(err)
	}
	world := access.World{Account: anAccount, Environment: "wharf", Directory: *live, Keys: []access.Key{*key}}
	who := "arn:aws:iam::" + anAccount + ":user" + d.env.Access.Path + "wharf-kms-admin"
	can := map[string]bool{"kms:Sign": false, "kms:PutKeyPolicy": false, "kms:CreateGrant": false, "kms:TagResource": false, "kms:CreateAlias": false, "kms:ScheduleKeyDeletion": false}
	for _, p := range d.env.Access.Policies {
		if p.Name == "wharf-kms-admin" {
			for _, action := range p.Statements[1].Actions {
				can[action] = true
			}
		}
	}
	for action, want := range can {
		decision := world.Decide(access.Request{Principal: who, Action: action, Resource: key.ARN})
		if (decision.Verdict == access.Allowed) != want {
			d.t.Errorf("who administers keys, %s: %s (%s)", action, decision.Verdict, decision.Reason)
		}
	}
	if len(can) != 15 {
		d.t.Errorf("asked for %d actions, want 15", len(can))
	}
}
