package accesskey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

type parameters struct {
	User   string `json:"user"`
	Secret string `json:"secret"`
	Region string `json:"region"`
	Key    string `json:"key"`
}

// attempt is what the journal holds of a try: the keys that were there before
// it. One that is there later, and in no secret, is its lost fruit.
type attempt struct {
	Intent string   `json:"intent"`
	Before []string `json:"before"`
}

func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	if p.User == "" || makes(step.Op) == (p.Secret == "" || p.Region == "") || !makes(step.Op) && p.Key == "" {
		return p, fmt.Errorf("%s: %s: the parameters do not name a user and a key", step.ID, step.Op)
	}
	return p, nil
}

func makes(op string) bool { return op == opCreate || op == opRotate }

func (k *accessKey) prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	p, err := decode(resolved.Step)
	if err != nil {
		return nil, err
	}
	a := attempt{Intent: resolved.Intent, Before: []string{}}
	if makes(resolved.Step.Op) {
		keys, err := k.list(ctx, p.User)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			a.Before = append(a.Before, key.id)
		}
	}
	data, err := resource.Canonical(a)
	return kind.Prepared(data), err
}

// refused marks an error that proves that nothing happened.
func refused(err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: err}
	}
	return err
}

func (k *accessKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err := k.mine(ctx, resolved.Environment, p.User); err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if makes(step.Op) {
		return k.make(ctx, resolved, p, prepared)
	}
	if step.Op == opStray {
		switch used, err := k.used(ctx, p.Key, usual); {
		case cloud.NotFound(err):
		case err != nil:
			return nil, &kind.NotAcceptedError{Err: err}
		case used:
			return nil, &kind.NotAcceptedError{Err: fmt.Errorf("access key %s of %s has been used since the plan was made: it stays", p.Key, p.User)}
		}
	}
	// Switched off first: what still signs with it fails loudly, and the key could
	// be switched on again until it is gone.
	off := &iam.UpdateAccessKeyInput{UserName: aws.String(p.User), AccessKeyId: aws.String(p.Key), Status: iamtypes.StatusTypeInactive}
	if _, err := k.IAM.UpdateAccessKey(ctx, off); err != nil && !cloud.NotFound(err) {
		return nil, refused(cloud.Explain("iam:UpdateAccessKey", p.User+" "+p.Key, err))
	}
	return nil, k.remove(ctx, p.User, p.Key)
}

// mine refuses a user that does not carry our mark right now.
func (k *accessKey) mine(ctx context.Context, env *config.Environment, user string) error {
	directory, err := k.Directory.Fresh(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(directory.Users, func(u access.User) bool { return u.Name == user && ours(env, u) }) {
		return fmt.Errorf("user %s is not there, or does not carry our mark", user)
	}
	return nil
}

func (k *accessKey) remove(ctx context.Context, user, id string) error {
	_, err := k.IAM.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String(user), AccessKeyId: aws.String(id)})
	if err != nil && !cloud.NotFound(err) {
		return cloud.Explain("iam:DeleteAccessKey", user+" "+id, err)
	}
	gone, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		keys, err := k.list(ctx, user)
		return !slices.ContainsFunc(keys, func(key liveKey) bool { return key.id == id }), err
	})
	if err == nil && !gone {
		err = fmt.Errorf("access key %s was removed and can still be seen", id)
	}
	return err
}

// make makes a key, stores its secret and forgets it. What an earlier try of
// this very step made and could not store is removed first: nobody ever knew its
// secret.
func (k *accessKey) make(ctx context.Context, resolved kind.Resolved, p parameters, prepared kind.Prepared) (resource.Outputs, error) {
	var a attempt
	if err := json.Unmarshal(prepared, &a); err != nil || a.Intent == "" {
		return nil, &kind.NotAcceptedError{Err: errors.New("the journal's record holds no intent")}
	}
	declared := &config.AccessKey{Secret: p.Secret, Region: p.Region}
	secret, err := k.secret(ctx, declared, resolved.Environment.Name, p.User)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if err := k.sweep(ctx, p.User, a.Before, secret); err != nil {
		return nil, err
	}
	out, err := k.IAM.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(p.User)})
	if err != nil {
		return nil, refused(cloud.Explain("iam:CreateAccessKey", p.User, err))
	}
	id := aws.ToString(out.AccessKey.AccessKeyId)
	value, err := json.Marshal(map[string]string{"AccessKeyId": id, "SecretAccessKey": aws.ToString(out.AccessKey.SecretAccessKey)})
	if err != nil {
		return nil, errors.New("the new key cannot be encoded")
	}
	defer clear(value)
	if err := k.store(ctx, resolved, p, a.Intent, id, secret, value); err != nil {
		return nil, fmt.Errorf("access key %s was made and is not stored: %w", id, err)
	}
	return k.stored(ctx, resolved, p, id)
}

// sweep removes what this step's earlier try left behind: a key that was not
// there before it, is in no secret, and was never used.
func (k *accessKey) sweep(ctx context.Context, user string, before []string, secret liveSecret) error {
	keys, err := k.list(ctx, user)
	if err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	for _, key := range keys {
		if slices.Contains(before, key.id) || key.id == secret.current {
			continue
		}
		used, err := k.used(ctx, key.id, forever)
		if err != nil {
			return &kind.NotAcceptedError{Err: err}
		}
		if used {
			return &kind.NotAcceptedError{Err: fmt.Errorf("access key %s of %s appeared and was used: somebody else made it", key.id, user)}
		}
		if err := k.remove(ctx, user, key.id); err != nil {
			return err
		}
	}
	return nil
}

// store puts the key where its agent finds it. The tag that names it is written
// after the value: a tag never promises a secret that is not there.
func (k *accessKey) store(ctx context.Context, resolved kind.Resolved, p parameters, intent, id string, secret liveSecret, value []byte) error {
	api, sum := k.Secrets(p.Region), sha256.Sum256([]byte(intent+id))
	token := hex.EncodeToString(sum[:])
	tags := kind.MarkTags(resolved.Environment.Name, resolved.Step.ID)
	tags[tagKey] = strings.TrimSpace(id + " " + secret.current)
	if !secret.there {
		_, err := api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: aws.String(p.Secret), Description: aws.String("access key of IAM user " + p.User), ClientRequestToken: aws.String(token),
			SecretString: aws.String(string(value)), Tags: tagList(tags),
		})
		return cloud.Explain("secretsmanager:CreateSecret", p.Secret, err)
	}
	_, err := api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(p.Secret), ClientRequestToken: aws.String(token), SecretString: aws.String(string(value)),
	})
	if err != nil {
		return cloud.Explain("secretsmanager:PutSecretValue", p.Secret, err)
	}
	_, err = api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String(p.Secret), Tags: tagList(tags)})
	return cloud.Explain("secretsmanager:TagResource", p.Secret, err)
}

// stored waits until the secret is seen to hold the key.
func (k *accessKey) stored(ctx context.Context, resolved kind.Resolved, p parameters, id string) (resource.Outputs, error) {
	var secret liveSecret
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		var err error
		secret, err = k.secret(ctx, &config.AccessKey{Secret: p.Secret, Region: p.Region}, resolved.Environment.Name, p.User)
		return secret.current == id, err
	})
	switch {
	case err != nil:
		return nil, err
	case !there:
		return nil, fmt.Errorf("access key %s was stored and cannot be seen yet", id)
	}
	return resource.Outputs{"accessKeyId": id, "arn": secret.arn, "name": p.User}, nil
}

// probe asks whether the secret names a key that was not there before. A key
// that is in no secret is as good as none: its secret is lost, and the next try
// removes it.
func (k *accessKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	keys, err := k.list(ctx, p.User)
	if err != nil {
		return kind.Unknown, nil, err
	}
	live := func(id string) bool {
		return slices.ContainsFunc(keys, func(key liveKey) bool { return key.id == id })
	}
	if !makes(resolved.Step.Op) {
		if live(p.Key) {
			return kind.No, nil, nil
		}
		return kind.Yes, nil, nil
	}
	secret, err := k.secret(ctx, &config.AccessKey{Secret: p.Secret, Region: p.Region}, resolved.Environment.Name, p.User)
	if err != nil {
		return kind.Unknown, nil, err
	}
	for _, one := range prepared {
		var a attempt
		if err := json.Unmarshal(one, &a); err != nil {
			return kind.Unknown, nil, errors.New("the journal's record holds no intent")
		}
		if secret.current != "" && live(secret.current) && !slices.Contains(a.Before, secret.current) {
			return kind.Yes, resource.Outputs{"accessKeyId": secret.current, "arn": secret.arn, "name": p.User}, nil
		}
	}
	return kind.No, nil, nil
}

func tagList(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for name, value := range tags {
		list = append(list, types.Tag{Key: aws.String(name), Value: aws.String(value)})
	}
	slices.SortFunc(list, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return list
}
