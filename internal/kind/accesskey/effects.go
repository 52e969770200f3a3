package accesskey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// About is the name of the user that the step is about.
func (p parameters) About() string { return p.User }

func (k *accessKey) prepare(ctx context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	p, err := kind.DecodeStep[parameters](resolved.Step)
	if err != nil {
		return nil, err
	}
	keys, err := cloud.AccessKeys(ctx, k.IAM, p.User)
	if err != nil {
		return nil, err
	}
	data, err := resource.Canonical(attempt{Intent: resolved.Intent, Before: append([]string{}, ids(keys)...)})
	return kind.Prepared(data), err
}

func (k *accessKey) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	w, err := k.write(resolved, prepared)
	return kind.DoWrite(ctx, k.Directory, w, err)
}

func (k *accessKey) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := k.write(resolved, prepared...)
	return kind.ProbeWrite(ctx, k.Directory, w, err)
}

// write is what a step does.
func (k *accessKey) write(resolved kind.Resolved, prepared ...kind.Prepared) (*cloud.Write, error) {
	step := resolved.Step
	p, err := kind.DecodeStep[parameters](step)
	if err != nil {
		return nil, err
	}
	var attempts []attempt
	for _, one := range prepared {
		var a attempt
		if err := json.Unmarshal(one, &a); err != nil || a.Intent == "" {
			return nil, errors.New("the journal's record holds no intent")
		}
		attempts = append(attempts, a)
	}
	w := &cloud.Write{Op: step.Op, Name: strings.TrimSpace(p.User + " " + p.Key)}
	switch {
	case slices.Contains(removes(), step.Op) && p.Key != "":
		k.removeKey(w, resolved, p)
	case slices.Contains(makes(), step.Op) && p.Secret != "" && p.Region != "":
		k.makeKey(w, resolved, p, attempts)
	default:
		return nil, fmt.Errorf("%s: %s: is no operation, or names neither a key nor a secret", step.ID, step.Op)
	}
	return w, nil
}

func (k *accessKey) removeKey(w *cloud.Write, resolved kind.Resolved, p parameters) {
	w.Action, w.Removes = "iam:DeleteAccessKey", true
	w.Guard = func(ctx context.Context, all *access.Directory) error {
		if err := mine(resolved.Environment, all, p.User); err != nil || w.Op != opStray {
			return err
		}
		used, err := k.used(ctx, p.Key, usual)
		if used {
			return fmt.Errorf("access key %s of %s has been used since the plan was made: it stays", p.Key, p.User)
		}
		return err
	}
	w.Send = func(ctx context.Context) error { return cloud.RemoveAccessKey(ctx, k.IAM, p.User, p.Key) }
	w.Asks = func(ctx context.Context) (bool, error) {
		keys, err := cloud.AccessKeys(ctx, k.IAM, p.User)
		return !slices.Contains(ids(keys), p.Key), err
	}
}

// makeKey makes a key and stores its secret. What an earlier try of this very
// step made and could not store is removed first: nobody ever knew its secret. It
// has happened when the secret names a key that was not there before.
func (k *accessKey) makeKey(w *cloud.Write, resolved kind.Resolved, p parameters, attempts []attempt) {
	env := resolved.Environment
	var secret liveSecret
	var lost []string
	w.Action = "iam:CreateAccessKey"
	w.Guard = func(ctx context.Context, all *access.Directory) (err error) {
		if err := mine(env, all, p.User); err != nil {
			return err
		}
		if secret, err = k.secret(ctx, p.Region, p.Secret, env.Name, p.User); err != nil {
			return err
		}
		lost, err = k.lost(ctx, p.User, attempts[len(attempts)-1].Before, secret.current)
		return err
	}
	w.Send = func(ctx context.Context) error {
		for _, id := range lost {
			if err := cloud.DropAccessKey(ctx, k.IAM, p.User, id); err != nil {
				return err
			}
		}
		return cloud.MakeAccessKey(ctx, k.IAM, p.User, func(id string, value []byte) error {
			// The tag names the key that the value is of, and the one before it.
			tags := kind.MarkTags(env.Name, resolved.Step.ID)
			tags[tagKey] = strings.TrimSpace(id + " " + secret.current)
			return cloud.StoreSecret(ctx, k.Secrets(p.Region), cloud.StoredSecret{
				Name: p.Secret, Description: "access key of IAM user " + p.User, Attempt: attempts[len(attempts)-1].Intent + id, Tags: tags, Value: value,
			}, secret.arn != "")
		})
	}
	w.Asks = func(ctx context.Context) (bool, error) {
		secret, err := k.secret(ctx, p.Region, p.Secret, env.Name, p.User)
		if err != nil || !slices.ContainsFunc(attempts, func(a attempt) bool { return !slices.Contains(a.Before, secret.current) }) {
			return false, err
		}
		w.Made = resource.Outputs{"accessKeyId": secret.current, "arn": secret.arn, "name": p.User}
		keys, err := cloud.AccessKeys(ctx, k.IAM, p.User)
		return slices.Contains(ids(keys), secret.current), err
	}
}

// mine refuses a user that does not carry our mark right now.
func mine(env *config.Environment, all *access.Directory, user string) error {
	if u := all.User(user); u == nil || u.Name != user || !kind.Owns(env, "user", u.Entity) {
		return fmt.Errorf("user %s is not there, or does not carry our mark", user)
	}
	return nil
}

// lost are the keys that this step's earlier try left behind: they were not there
// before it, are in no secret, and were never used.
func (k *accessKey) lost(ctx context.Context, user string, before []string, current string) ([]string, error) {
	keys, err := cloud.AccessKeys(ctx, k.IAM, user)
	lost := slices.DeleteFunc(ids(keys), func(id string) bool { return id == current || slices.Contains(before, id) })
	for _, id := range lost {
		at, err := cloud.AccessKeyUsed(ctx, k.IAM, id)
		if err != nil {
			return nil, err
		}
		if !at.IsZero() {
			return nil, fmt.Errorf("access key %s of %s appeared and was used: somebody else made it", id, user)
		}
	}
	return lost, err
}
