package secretkey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
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

// intent is what the journal holds of an attempt.
type intent struct {
	Intent string `json:"intent"`
}

func prepare(_ context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	data, err := resource.Canonical(intent{resolved.Intent})
	return kind.Prepared(data), err
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

func intentOf(prepared kind.Prepared) (string, error) {
	var attempt intent
	if err := json.Unmarshal(prepared, &attempt); err != nil || attempt.Intent == "" {
		return "", errors.New("the journal's record holds no intent")
	}
	return attempt.Intent, nil
}

// refused marks an error that proves that nothing happened.
func refused(err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: err}
	}
	return err
}

func (k *secretKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	api := k.Secrets(step.ID.Scope)
	switch step.Op {
	case opCreate:
		attempt, err := intentOf(prepared)
		if err != nil {
			return nil, &kind.NotAcceptedError{Err: err}
		}
		return k.create(ctx, api, p, attempt)
	case opTag, kind.AdoptOp:
		_, err = api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String(p.Secret), Tags: tagList(p.Tags)})
		err = refused(cloud.Explain("secretsmanager:TagResource", p.Secret, err))
	case opDescribe:
		_, err = api.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String(p.Secret), Description: aws.String(p.Description)})
		err = refused(cloud.Explain("secretsmanager:UpdateSecret", p.Secret, err))
	default:
		err = &kind.NotAcceptedError{Err: fmt.Errorf("no operation %q", step.Op)}
	}
	if err != nil {
		return nil, err
	}
	there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) { return holds(ctx, api, step.Op, p) })
	if err != nil {
		return nil, fmt.Errorf("accepted, and then: %w", err)
	}
	if !there {
		return nil, fmt.Errorf("%s was accepted and cannot be seen yet", step.Op)
	}
	return nil, nil
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
	tags := maps.Clone(p.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[kind.TagAddress] = crypto.PubkeyToAddress(key.PublicKey).Hex()
	tags[kind.TagIntent] = attempt
	_, err = api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: aws.String(p.Secret), Description: aws.String(p.Description), ClientRequestToken: aws.String(token(attempt)),
		SecretString: aws.String(string(value)), Tags: tagList(tags),
	})
	if err != nil {
		return nil, refused(cloud.Explain("secretsmanager:CreateSecret", p.Secret, err))
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
		s, err := describe(ctx, api, name)
		if cloud.NotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !slices.Contains(attempts, s.tags[kind.TagIntent]) {
			return false, nil
		}
		outputs = s.outputs()
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

// holds reports whether the effect of an operation can be seen.
func holds(ctx context.Context, api API, op string, p parameters) (bool, error) {
	s, err := describe(ctx, api, p.Secret)
	if cloud.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if op == opDescribe {
		return s.description == p.Description, nil
	}
	for name, value := range p.Tags {
		if s.tags[name] != value {
			return false, nil
		}
	}
	return true, nil
}

// probe asks the secret itself. What is not there after the settle time did
// not happen: the name can exist once only, so a second try can make no second
// key.
func (k *secretKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	api := k.Secrets(step.ID.Scope)
	if step.Op != opCreate {
		there, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) { return holds(ctx, api, step.Op, p) })
		switch {
		case err != nil:
			return kind.Unknown, nil, err
		case !there:
			return kind.No, nil, nil
		default:
			return kind.Yes, nil, nil
		}
	}
	var attempts []string
	for _, one := range prepared {
		attempt, err := intentOf(one)
		if err != nil {
			return kind.Unknown, nil, err
		}
		attempts = append(attempts, attempt)
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

func tagList(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return list
}
