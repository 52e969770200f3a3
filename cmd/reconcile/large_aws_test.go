package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
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

// aws puts the fake account behind HTTP, in the protocols of KMS, Secrets
// Manager, the tagging API (AWS JSON 1.1) and STS (query).
func (l *large) aws() http.Handler {
	region := "us-west-2"
	keys, secrets, tags := l.fake.KMS(region), l.fake.SecretsManager(region), l.fake.Tagging(region)
	operations := map[string]func([]byte) (any, error){
		"kms.ListAliases":               asked(keys.ListAliases),
		"kms.DescribeKey":               asked(keys.DescribeKey),
		"kms.GetPublicKey":              asked(keys.GetPublicKey),
		"kms.ListResourceTags":          asked(keys.ListResourceTags),
		"secretsmanager.ListSecrets":    asked(secrets.ListSecrets),
		"secretsmanager.DescribeSecret": asked(secrets.DescribeSecret),
		"tagging.GetResources":          asked(tags.GetResources),
		"sts.GetCallerIdentity":         nil,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		name := awsOperation(r.Header.Get("X-Amz-Target"))
		l.arrived(func() { l.calls[name]++ })
		operation, known := operations[name]
		switch {
		case !known:
			w.WriteHeader(http.StatusNotImplemented)
		case operation == nil:
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
				`<Arn>arn:aws:iam::111122223333:user/large</Arn><UserId>large</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		default:
			l.answer(w, name, body, operation)
		}
	})
}

// awsOperation is "service.Operation"; STS alone names its target nowhere.
func awsOperation(target string) string {
	service, operation, _ := strings.Cut(target, ".")
	switch {
	case service == "TrentService":
		return "kms." + operation
	case strings.HasPrefix(service, "ResourceGroupsTagging"):
		return "tagging." + operation
	case service == "secretsmanager":
		return target
	default:
		return "sts.GetCallerIdentity"
	}
}

// asked makes an operation of the fake one over JSON: the SDK's structs have
// the names of the protocol.
func asked[I, O, P any](do func(context.Context, *I, ...func(*P)) (*O, error)) func([]byte) (any, error) {
	return func(body []byte) (any, error) {
		var in I
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		return do(context.Background(), &in)
	}
}

// answer answers a question that was asked before as it was then: a list of
// 10,000 is not sorted anew for every page.
func (l *large) answer(w http.ResponseWriter, name string, body []byte, operation func([]byte) (any, error)) {
	l.mu.Lock()
	reply, known := l.replies[name+string(body)]
	l.mu.Unlock()
	if !known {
		out, err := operation(body)
		if refused := smithy.APIError(nil); errors.As(err, &refused) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":%q,"message":%q}`, refused.ErrorCode(), refused.ErrorMessage())
			return
		}
		if reply, err = json.Marshal(out); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		reply = dates.ReplaceAllFunc(reply, inSeconds)
		l.mu.Lock()
		l.replies[name+string(body)] = reply
		l.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = w.Write(reply)
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
