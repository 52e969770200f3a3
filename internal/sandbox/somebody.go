package sandbox

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// Somebody acts on a running sandbox behind the tool's back, through the same
// APIs that people and agents use.
type Somebody struct {
	env     *config.Environment
	session *cloud.Session
}

// Visit opens a running sandbox for somebody.
func Visit(ctx context.Context, parent, name string) (*Somebody, error) {
	state, err := Running(parent, name)
	if err != nil {
		return nil, err
	}
	overlay, err := config.ReadOverlay(filepath.Join(parent, name, OverlayFile))
	if err != nil {
		return nil, err
	}
	env, _, err := config.Load(config.Options{Root: state.Root, Rev: state.Rev, Name: name, Overlay: overlay})
	if err != nil {
		return nil, err
	}
	session, err := openSession(ctx, env, overlay.AWS.Endpoint)
	if err != nil {
		return nil, err
	}
	return &Somebody{env: env, session: session}, nil
}

// key finds a key of the environment by name.
func (s *Somebody) key(name string) (config.Key, error) {
	key, ok := s.env.Key(name)
	if !ok {
		return config.Key{}, fmt.Errorf("%s: no key %q among %d\nhint: reconcile keys %s", s.env.Name, name, len(s.env.Keys), s.env.Name)
	}
	return key, nil
}

// keyID finds the KMS key behind an alias; TagResource and DisableKey take no
// alias (KMS API reference).
func (s *Somebody) keyID(ctx context.Context, key config.Key) (string, error) {
	out, err := s.session.KMS(key.Region).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(key.Alias)})
	if err != nil {
		return "", fmt.Errorf("%s: %w", key.ResourceID(), cloud.Explain("kms:DescribeKey", key.Alias, err))
	}
	return aws.ToString(out.KeyMetadata.KeyId), nil
}

// Retag writes one tag, given as tag=value, on a key.
func (s *Somebody) Retag(ctx context.Context, name, tag string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	tagName, value, ok := strings.Cut(tag, "=")
	if !ok || tagName == "" {
		return fmt.Errorf("%q is not tag=value", tag)
	}
	switch key.Holder {
	case "kms":
		id, err := s.keyID(ctx, key)
		if err != nil {
			return err
		}
		_, err = s.session.KMS(key.Region).TagResource(ctx, &kms.TagResourceInput{
			KeyId: aws.String(id), Tags: []kmstypes.Tag{{TagKey: aws.String(tagName), TagValue: aws.String(value)}},
		})
		return explain(key, "kms:TagResource", err)
	case "hex":
		_, err := s.session.SecretsManager(key.Region).TagResource(ctx, &secretsmanager.TagResourceInput{
			SecretId: aws.String(key.Alias), Tags: []smtypes.Tag{{Key: aws.String(tagName), Value: aws.String(value)}},
		})
		return explain(key, "secretsmanager:TagResource", err)
	default:
		return fmt.Errorf("%s: a key in a file has no tags", key.ResourceID())
	}
}

// DisableKey disables a KMS key.
func (s *Somebody) DisableKey(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	if key.Holder != "kms" {
		return fmt.Errorf("%s: only a KMS key can be disabled", key.ResourceID())
	}
	id, err := s.keyID(ctx, key)
	if err != nil {
		return err
	}
	_, err = s.session.KMS(key.Region).DisableKey(ctx, &kms.DisableKeyInput{KeyId: aws.String(id)})
	return explain(key, "kms:DisableKey", err)
}

func explain(key config.Key, action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key.ResourceID(), cloud.Explain(action, key.Alias, err))
}
