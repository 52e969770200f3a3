package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// reads are the operations of AWS that a plan may call, as the fake account
// answers them; a call of any other fails.
type reads struct {
	// json are those of KMS, Secrets Manager and the tagging API, query those of
	// IAM, rest those of S3.
	json, query map[string]func([]byte) (any, error)
	rest        map[string]func(*http.Request) (any, error)
}

func (l *large) reads() reads {
	region := "us-west-2"
	keys, secrets, tags := l.fake.KMS(region), l.fake.SecretsManager(region), l.fake.Tagging(region)
	iam, buckets := l.fake.IAM(), l.fake.S3(region)
	return reads{
		json: map[string]func([]byte) (any, error){
			"kms.ListAliases":               asked(keys.ListAliases),
			"kms.DescribeKey":               asked(keys.DescribeKey),
			"kms.GetPublicKey":              asked(keys.GetPublicKey),
			"kms.GetKeyPolicy":              asked(keys.GetKeyPolicy),
			"kms.ListGrants":                asked(keys.ListGrants),
			"kms.ListResourceTags":          asked(keys.ListResourceTags),
			"secretsmanager.ListSecrets":    asked(secrets.ListSecrets),
			"secretsmanager.DescribeSecret": asked(secrets.DescribeSecret),
			"tagging.GetResources":          asked(tags.GetResources),
		},
		query: map[string]func([]byte) (any, error){
			"GetAccountAuthorizationDetails": byQuery(iam.GetAccountAuthorizationDetails),
			"ListAccessKeys":                 byQuery(iam.ListAccessKeys),
			"GetRole":                        byQuery(iam.GetRole),
			"ListPolicyTags":                 byQuery(iam.ListPolicyTags),
		},
		rest: map[string]func(*http.Request) (any, error){
			"ListBuckets":                byPath(buckets.ListBuckets),
			"HeadBucket":                 byPath(buckets.HeadBucket),
			"GetBucketTagging":           byPath(buckets.GetBucketTagging),
			"GetBucketPolicy":            byPath(buckets.GetBucketPolicy),
			"GetPublicAccessBlock":       byPath(buckets.GetPublicAccessBlock),
			"GetBucketOwnershipControls": byPath(buckets.GetBucketOwnershipControls),
			"GetBucketVersioning":        byPath(buckets.GetBucketVersioning),
			"GetBucketEncryption":        byPath(buckets.GetBucketEncryption),
		},
	}
}

// aws puts the fake account behind HTTP, in the protocols of KMS, Secrets
// Manager and the tagging API (AWS JSON 1.1), IAM and STS (query) and S3 (XML).
func (l *large) aws() http.Handler {
	all := l.reads()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		name := awsOperation(r, body)
		l.arrived(func() { l.calls[name]++ })
		service, operation, _ := strings.Cut(name, ".")
		ask := all.json[name]
		switch service {
		case "sts":
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
				`<Arn>arn:aws:iam::111122223333:user/large</Arn><UserId>large</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
			return
		case "iam":
			ask = all.query[operation]
		case "s3":
			if do := all.rest[operation]; do != nil {
				ask = func([]byte) (any, error) { return do(r) }
			}
			body = []byte(r.URL.String())
		}
		if ask == nil {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		l.answer(w, service, operation, body, ask)
	})
}

// awsOperation is "service.Operation", by the header of the JSON protocol, the
// form of the query protocol, or what is asked of a bucket.
func awsOperation(r *http.Request, body []byte) string {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	signed := func(service string) bool {
		return strings.Contains(r.Header.Get("Authorization"), "/"+service+"/aws4_request")
	}
	switch {
	case service == "TrentService":
		return "kms." + operation
	case strings.HasPrefix(service, "ResourceGroupsTagging"):
		return "tagging." + operation
	case service == "secretsmanager":
		return service + "." + operation
	case signed("s3"):
		return "s3." + bucketOperation(r)
	}
	form, _ := url.ParseQuery(string(body))
	if signed("iam") {
		return "iam." + form.Get("Action")
	}
	return "sts." + form.Get("Action")
}

// operation is one of a client of AWS.
type operation[I, O, P any] = func(context.Context, *I, ...func(*P)) (*O, error)

func aside() context.Context { return context.Background() }

// asked makes an operation of the fake one over JSON: the SDK's structs have
// the names of the protocol.
func asked[I, O, P any](do operation[I, O, P]) func([]byte) (any, error) {
	return func(body []byte) (any, error) {
		var in I
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		return do(aside(), &in)
	}
}

// answer answers a question that was asked before as it was then: a list of
// 10,000 is not sorted anew for every page.
func (l *large) answer(w http.ResponseWriter, service, operation string, body []byte, ask func([]byte) (any, error)) {
	question := service + "." + operation + string(body)
	l.mu.Lock()
	reply, known := l.replies[question]
	l.mu.Unlock()
	if !known {
		out, err := ask(body)
		if err != nil {
			refusal(w, service, err)
			return
		}
		if reply, err = replyOf(service, operation, out); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		l.mu.Lock()
		l.replies[question] = reply
		l.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if service == "iam" || service == "s3" {
		w.Header().Set("Content-Type", "text/xml")
	}
	_, _ = w.Write(reply)
}

func replyOf(service, operation string, out any) ([]byte, error) {
	switch service {
	case "iam":
		return []byte(iamReply(operation, out)), nil
	case "s3":
		return []byte(bucketReply(operation, out)), nil
	}
	reply, err := json.Marshal(out)
	return dates.ReplaceAllFunc(reply, inSeconds), err
}

func refusal(w http.ResponseWriter, service string, err error) {
	refused := smithy.APIError(nil)
	switch {
	case service == "iam":
		refusalInXML(w, "ErrorResponse", err)
	case service == "s3":
		refusalInXML(w, "", err)
	case errors.As(err, &refused):
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":%q,"message":%q}`, refused.ErrorCode(), refused.ErrorMessage())
	default:
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// The protocol counts seconds where encoding/json writes RFC 3339.
var dates = regexp.MustCompile(`"(CreationDate|CreatedDate)":"[^"]+"`)

func inSeconds(field []byte) []byte {
	name, text, _ := strings.Cut(string(field), ":")
	at, err := time.Parse(time.RFC3339, strings.Trim(text, `"`))
	if err != nil {
		return field
	}
	return []byte(name + ":" + strconv.FormatInt(at.Unix(), 10))
}

// fill makes every key as declared; cold ones lack the tag with their address.
func (l *large) fill(tb testing.TB, cold bool) {
	tb.Helper()
	for i, key := range l.env.Keys {
		var err error
		if key.Holder == "hex" {
			err = l.makeSecret(tb, key, i)
		} else {
			err = l.makeKey(tb, key, cold)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if l.env.Access != nil {
		l.admit(tb)
	}
	if l.shape.sets != "" {
		l.attest(tb)
	}
	l.forget()
}

func (l *large) makeKey(tb testing.TB, key config.Key, cold bool) error {
	api, ctx := l.fake.KMS(key.Region), tb.Context()
	made, err := api.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String(l.env.Name + " " + key.Name), KeySpec: kmstypes.KeySpecEccSecgP256k1, KeyUsage: kmstypes.KeyUsageTypeSignVerify,
	})
	if err != nil {
		return err
	}
	id := made.KeyMetadata.KeyId
	if _, err := api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String(key.Alias), TargetKeyId: id}); err != nil {
		return err
	}
	public, err := api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: id})
	if err != nil {
		return err
	}
	address, err := cloud.AddressFromSPKI(public.PublicKey)
	if err != nil {
		return err
	}
	in := &kms.TagResourceInput{KeyId: id}
	for name, value := range l.tags(key, address, cold) {
		in.Tags = append(in.Tags, kmstypes.Tag{TagKey: aws.String(name), TagValue: aws.String(value)})
	}
	l.arns[key.ResourceID()], l.addresses[key.ResourceID()] = aws.ToString(made.KeyMetadata.Arn), address
	_, err = api.TagResource(ctx, in)
	return err
}

func (l *large) makeSecret(tb testing.TB, key config.Key, serial int) error {
	in := &secretsmanager.CreateSecretInput{
		Name: aws.String(strings.TrimPrefix(key.Alias, "alias/")), Description: aws.String(l.env.Name + " " + key.Name),
		ClientRequestToken: aws.String(fmt.Sprintf("%032d", serial)), SecretString: aws.String("not read by any plan"),
	}
	for name, value := range l.tags(key, common.BigToAddress(common.Big32), false) {
		in.Tags = append(in.Tags, secrettypes.Tag{Key: aws.String(name), Value: aws.String(value)})
	}
	_, err := l.fake.SecretsManager(key.Region).CreateSecret(tb.Context(), in)
	return err
}

func (l *large) tags(key config.Key, address common.Address, cold bool) map[string]string {
	tags := kind.PeopleTags(key)
	maps.Copy(tags, kind.MarkTags(l.env.Name, key.ResourceID()))
	if !cold {
		tags[kind.TagAddress] = address.Hex()
	}
	return tags
}
