package secretkey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part. Secret is a name for
// create-secret, an ARN for the others.
type parameters struct {
	Secret      string            `json:"secret"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags"`
}

func prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	return kind.PrepareIntent(ctx, resolved)
}

func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	if p.Secret == "" {
		return p, fmt.Errorf("%s: %s: no secret is named", step.ID, step.Op)
	}
	return p, nil
}

// refused marks an error that proves that nothing happened.
func refused(action, about string, err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: cloud.Explain(action, about, err)}
	}
	return cloud.Explain(action, about, err)
}

func (k *secretKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	op, api := resolved.Step.Op, k.Secrets(resolved.Step.ID.Scope)
	p, err := decode(resolved.Step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	switch op {
	case opCreate:
		attempts, err := kind.Intents(prepared)
		if err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
		return k.create(ctx, api, p, attempts[0])
	case opTag, kind.AdoptOp:
		_, err = api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String(p.Secret), Tags: cloud.SecretTags(p.Tags)})
		err = refused("secretsmanager:TagResource", p.Secret, err)
	case opDescribe:
		_, err = api.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String(p.Secret), Description: aws.String(p.Description)})
		err = refused("secretsmanager:UpdateSecret", p.Secret, err)
	default:
		err = &kind.NotAcceptedError{Err: fmt.Errorf("no operation %q", op)}
	}
	if err != nil {
		return nil, err
	}
	seen, err := k.holds(ctx, api, op, p)
	return nil, kind.Accepted(op, seen, err)
}

// create makes a key, stores it and forgets it. The token makes the call safe
// to send twice: the SDK may repeat it after a lost reply, value and all.
func (k *secretKey) create(ctx context.Context, api API, p parameters, attempt string) (resource.Outputs, error) {
	key, err := crypto.GenerateKey()
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: fmt.Errorf("make a key: %w", err)}
	}
	defer cloud.ZeroKey(key)
	value := cloud.EncodeSecretKey(key)
	defer clear(value)
	tags := map[string]string{}
	maps.Copy(tags, p.Tags)
	tags[kind.TagAddress] = crypto.PubkeyToAddress(key.PublicKey).Hex()
	tags[kind.TagIntent] = attempt
	_, err = api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(p.Secret), Description: aws.String(p.Description), ClientRequestToken: aws.String(token(attempt)),
		SecretString: aws.String(string(value)), Tags: cloud.SecretTags(tags),
	})
	if err != nil {
		return nil, refused("secretsmanager:CreateSecret", p.Secret, err)
	}
	return k.await(ctx, api, p.Secret, []string{attempt})
}

// token is the request token of an attempt; Secrets Manager wants 32 to 64
// characters.
func token(attempt string) string {
	sum := sha256.Sum256([]byte(attempt))
	return hex.EncodeToString(sum[:])
}

// await waits until the secret of one of the attempts can be seen.
func (k *secretKey) await(ctx context.Context, api API, name string, attempts []string) (resource.Outputs, error) {
	var outputs resource.Outputs
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		s, err := cloud.DescribeSecret(ctx, api, name)
		if cloud.NotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !slices.Contains(attempts, s.Tags[kind.TagIntent]) {
			return false, nil
		}
		outputs = outputsOf(s)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("the secret was sent, and then: %w", err)
	}
	if !there {
		return nil, errUnseen
	}
	return outputs, nil
}

var errUnseen = errors.New("the secret was sent and cannot be seen yet")

// holds waits until the effect of an operation can be seen.
func (k *secretKey) holds(ctx context.Context, api API, op string, p parameters) (bool, error) {
	return k.Clock.Await(ctx, k.Waits, func() (bool, error) {
		s, err := cloud.DescribeSecret(ctx, api, p.Secret)
		switch {
		case cloud.NotFound(err):
			return false, nil
		case err != nil:
			return false, err
		case op == opDescribe:
			return s.Description == p.Description, nil
		}
		for name, value := range p.Tags {
			if s.Tags[name] != value {
				return false, nil
			}
		}
		return true, nil
	})
}

// probe asks the secret itself. What is not there after the settle time did
// not happen: the name can exist once only, so a second try can make no second
// key.
func (k *secretKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	api := k.Secrets(resolved.Step.ID.Scope)
	p, err := decode(resolved.Step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	if resolved.Step.Op != opCreate {
		happened, err := kind.Sighted(k.holds(ctx, api, resolved.Step.Op, p))
		return happened, nil, err
	}
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return kind.Unknown, nil, err
	}
	outputs, err := k.await(ctx, api, p.Secret, attempts)
	switch {
	case errors.Is(err, errUnseen):
		return kind.No, nil, nil
	case err != nil:
		return kind.Unknown, nil, err
	default:
		return kind.Yes, outputs, nil
	}
}
