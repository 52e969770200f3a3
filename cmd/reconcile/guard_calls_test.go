package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
)

// kmsCall is what the guard looks at in a call of KMS.
type kmsCall struct {
	KeyID          string `json:"KeyId"`
	TargetKeyID    string `json:"TargetKeyId"`
	AliasName      string
	KeySpec        string
	BypassesSafety bool `json:"BypassPolicyLockoutSafetyCheck"`
	Tags           []struct{ TagKey, TagValue string }
}

func (c kmsCall) given() map[string][]string {
	tags := map[string]string{}
	for _, t := range c.Tags {
		tags[t.TagKey] = t.TagValue
	}
	given := tagged(tags)
	given["kms:BypassPolicyLockoutSafetyCheck"] = []string{fmt.Sprint(c.BypassesSafety)}
	return given
}

// wantsOfKMS: tags in CreateKey need kms:TagResource too, and an alias is made
// with a right on the alias and one on the key (KMS Developer Guide, "AWS KMS
// permissions").
func (g *guard) wantsOfKMS(ctx context.Context, region, operation string, body []byte) ([]wanted, error) {
	call, err := decoded[kmsCall](body)
	if err != nil {
		return nil, err
	}
	given := call.given()
	prefix := "arn:aws:kms:" + region + ":" + g.world.Account + ":"
	switch operation {
	case "ListKeys", "ListAliases":
		return []wanted{{action: "kms:" + operation, arn: "*"}}, nil
	case "CreateKey":
		given["kms:KeySpec"] = []string{call.KeySpec}
		list := []wanted{{action: "kms:CreateKey", arn: "*", given: given}}
		if len(call.Tags) > 0 {
			key := &access.Key{ARN: prefix + "key/new", Policy: access.NewKeyPolicy(g.world.Account, true, nil)}
			list = append(list, wanted{action: "kms:TagResource", arn: key.ARN, given: given, key: key})
		}
		return list, nil
	}
	key, spec, err := g.live.key(ctx, region, call.KeyID+call.TargetKeyID)
	switch {
	case cloud.NotFound(err):
		return nil, nil // AWS answers that it is not there
	case err != nil:
		return nil, err
	}
	given["kms:KeySpec"] = []string{spec}
	list := []wanted{{action: "kms:" + operation, arn: key.ARN, given: given, key: key}}
	if operation == "CreateAlias" {
		// An alias has no tags.
		list = append(list, wanted{action: "kms:CreateAlias", arn: prefix + call.AliasName, given: standsTagged(given, nil)})
	}
	return list, nil
}

type secretCall struct {
	Name     string
	SecretID string `json:"SecretId"`
	Tags     []struct{ Key, Value string }
}

// wantsOfSecrets: tags in CreateSecret need secretsmanager:TagResource too.
func (g *guard) wantsOfSecrets(ctx context.Context, region, operation string, body []byte) ([]wanted, error) {
	call, err := decoded[secretCall](body)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range call.Tags {
		tags[t.Key] = t.Value
	}
	given := standsTagged(tagged(tags), nil)
	arn := "arn:aws:secretsmanager:" + region + ":" + g.world.Account + ":secret:" + call.Name + call.SecretID + "-AbCdEf"
	switch operation {
	case "ListSecrets":
		return []wanted{{action: "secretsmanager:ListSecrets", arn: "*"}}, nil
	case "CreateSecret":
		list := []wanted{{action: "secretsmanager:CreateSecret", arn: arn, given: given}}
		if len(tags) > 0 {
			list = append(list, wanted{action: "secretsmanager:TagResource", arn: arn, given: given})
		}
		return list, nil
	}
	live, err := g.live.direct.SecretsManager(region).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(call.SecretID)})
	if err == nil {
		arn = aws.ToString(live.ARN)
		have := map[string]string{}
		for _, t := range live.Tags {
			have[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		given = standsTagged(given, have)
	}
	return []wanted{{action: "secretsmanager:" + operation, arn: arn, given: given}}, nil
}

// wantsOfIAM: tags of what is made need the action that tags it too.
func (g *guard) wantsOfIAM(ctx context.Context, form url.Values) ([]wanted, error) {
	action, in := "iam:"+form.Get("Action"), "arn:aws:iam::"+g.world.Account+":"
	given := tagged(formTags(form))
	for name, field := range map[string]string{"iam:PolicyARN": "PolicyArn", "iam:PermissionsBoundary": "PermissionsBoundary"} {
		if given[name] = nil; form.Get(field) != "" {
			given[name] = []string{form.Get(field)}
		}
	}
	switch action {
	case "iam:GetAccountAuthorizationDetails":
		return []wanted{{action: action, arn: "*"}}, nil
	case "iam:GetAccessKeyLastUsed":
		return []wanted{{action: action, arn: in + "user/any"}}, nil
	case "iam:CreateUser", "iam:CreateRole", "iam:CreateGroup", "iam:CreatePolicy":
		sort := strings.TrimPrefix(action, "iam:Create")
		path := form.Get("Path")
		if path == "" {
			path = "/"
		}
		arn := in + strings.ToLower(sort) + path + form.Get(sort+"Name")
		list := []wanted{{action: action, arn: arn, given: given}}
		if len(given["aws:TagKeys"]) > 0 {
			list = append(list, wanted{action: "iam:Tag" + sort, arn: arn, given: standsTagged(given, nil)})
		}
		return list, nil
	}
	live, err := g.live.directory(ctx)
	if err != nil {
		return nil, err
	}
	return onEntity(live, action, form, given), nil
}

func formTags(form url.Values) map[string]string {
	tags := map[string]string{}
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		tags[form.Get(fmt.Sprintf("Tags.member.%d.Key", i))] = form.Get(fmt.Sprintf("Tags.member.%d.Value", i))
	}
	return tags
}

// onEntity is about a group, user, role or policy that is there. Members are
// added and removed by a right on the group (Service Authorization Reference);
// a group is moved with a right on both ends (IAM API reference, UpdateGroup).
func onEntity(live *access.Directory, action string, form url.Values, given map[string][]string) []wanted {
	var found *access.Entity
	look := func(e *access.Entity, field string) {
		if e.Name == form.Get(field) {
			found = e
		}
	}
	switch {
	case form.Has("GroupName"):
		for i := range live.Groups {
			look(&live.Groups[i].Entity, "GroupName")
		}
	case form.Has("RoleName"):
		for i := range live.Roles {
			look(&live.Roles[i].Entity, "RoleName")
		}
	case form.Has("UserName"):
		for i := range live.Users {
			look(&live.Users[i].Entity, "UserName")
		}
	default:
		return []wanted{{action: action, arn: form.Get("PolicyArn"), given: standsTagged(given, nil)}}
	}
	if found == nil {
		return nil // AWS answers that it is not there
	}
	if given["iam:PermissionsBoundary"] == nil && found.Boundary != "" {
		given["iam:PermissionsBoundary"] = []string{found.Boundary}
	}
	list := []wanted{{action: action, arn: found.ARN, given: standsTagged(given, found.Tags)}}
	if path := form.Get("NewPath"); path != "" {
		before, _, _ := strings.Cut(found.ARN, ":group/")
		list = append(list, wanted{action: action, arn: before + ":group" + path + found.Name, given: given})
	}
	return list
}

// s3Actions are the parts of what is asked of a bucket by the parameter that
// names them, as actions call them (Service Authorization Reference, Amazon S3).
func s3Actions() map[string]string {
	return map[string]string{
		"encryption": "EncryptionConfiguration", "ownershipControls": "BucketOwnershipControls", "policy": "BucketPolicy",
		"publicAccessBlock": "BucketPublicAccessBlock", "tagging": "BucketTagging", "versioning": "BucketVersioning", "location": "BucketLocation",
	}
}

func (g *guard) wantsOfS3(ctx context.Context, region string, r *http.Request, body []byte) ([]wanted, error) {
	name, object, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if name == "" {
		return []wanted{{action: "s3:ListAllMyBuckets", arn: "*"}}, nil
	}
	bucket := &access.Bucket{ARN: "arn:aws:s3:::" + name, Policy: g.live.bucketPolicy(ctx, region, name)}
	ask := func(action, arn string) wanted {
		given := map[string][]string{"s3:if-none-match": r.Header.Values("If-None-Match"), "s3:if-match": r.Header.Values("If-Match")}
		return wanted{action: action, arn: arn, given: given, bucket: bucket}
	}
	verb := map[string]string{http.MethodGet: "Get", http.MethodHead: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[r.Method]
	if object != "" {
		return []wanted{ask("s3:"+verb+"Object", bucket.ARN+"/"+object)}, nil
	}
	query := r.URL.Query()
	for parameter, part := range s3Actions() {
		if query.Has(parameter) {
			return []wanted{ask("s3:"+verb+part, bucket.ARN)}, nil
		}
	}
	if r.Method != http.MethodPut {
		return []wanted{ask("s3:ListBucket", bucket.ARN)}, nil
	}
	list := []wanted{ask("s3:CreateBucket", bucket.ARN)}
	if r.Header.Get("X-Amz-Object-Ownership") != "" {
		list = append(list, ask("s3:PutBucketOwnershipControls", bucket.ARN))
	}
	var born struct {
		Tags []struct{ Key string } `xml:"Tags>Tag"`
	}
	if len(body) > 0 {
		if err := xml.Unmarshal(body, &born); err != nil {
			return nil, err
		}
	}
	if len(born.Tags) > 0 {
		list = append(list, ask("s3:TagResource", bucket.ARN))
	}
	return slices.Clip(list), nil
}
