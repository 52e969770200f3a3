package cloud

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// AccessKeysAPI is what listing a user's access keys needs.
type AccessKeysAPI interface {
	ListAccessKeys(context.Context, *iam.ListAccessKeysInput, ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error)
}

// AccessKeysmithAPI is what making, watching and removing access keys needs.
type AccessKeysmithAPI interface {
	AccessKeysAPI
	CreateAccessKey(context.Context, *iam.CreateAccessKeyInput, ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error)
	DeleteAccessKey(context.Context, *iam.DeleteAccessKeyInput, ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error)
	GetAccessKeyLastUsed(context.Context, *iam.GetAccessKeyLastUsedInput, ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error)
	UpdateAccessKey(context.Context, *iam.UpdateAccessKeyInput, ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error)
}

// AccessKey is one access key of a user, without its secret.
type AccessKey struct {
	ID      string
	Active  bool
	Created time.Time
}

// AccessKeys are a user's access keys, oldest first; a user that is gone has
// none.
func AccessKeys(ctx context.Context, api AccessKeysAPI, user string) ([]AccessKey, error) {
	var keys []AccessKey
	in := &iam.ListAccessKeysInput{UserName: aws.String(user)}
	for {
		out, err := api.ListAccessKeys(ctx, in)
		if NotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, Explain("iam:ListAccessKeys", user, err)
		}
		for _, m := range out.AccessKeyMetadata {
			keys = append(keys, AccessKey{ID: aws.ToString(m.AccessKeyId), Active: m.Status == types.StatusTypeActive, Created: aws.ToTime(m.CreateDate)})
		}
		if in.Marker = out.Marker; !out.IsTruncated || in.Marker == nil {
			break
		}
	}
	slices.SortFunc(keys, func(a, b AccessKey) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return keys, nil
}

// AccessKeyUsed is when somebody last signed in with an access key; zero: nobody
// ever has, or the key is gone.
func AccessKeyUsed(ctx context.Context, api AccessKeysmithAPI, id string) (time.Time, error) {
	out, err := api.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
	switch {
	case NotFound(err):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, Explain("iam:GetAccessKeyLastUsed", id, err)
	case out.AccessKeyLastUsed == nil:
		return time.Time{}, nil
	default:
		return aws.ToTime(out.AccessKeyLastUsed.LastUsedDate), nil
	}
}

// MakeAccessKey makes an access key, hands {"AccessKeyId", "SecretAccessKey"} to
// the one who stores it, and forgets it. An error of that one proves nothing
// about the whole: the key is there, and nobody knows its secret.
func MakeAccessKey(ctx context.Context, api AccessKeysmithAPI, user string, store func(id string, value []byte) error) error {
	made, err := api.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String(user)})
	if err != nil {
		return Explain("iam:CreateAccessKey", user, err)
	}
	id := aws.ToString(made.AccessKey.AccessKeyId)
	value, err := json.Marshal(map[string]string{"AccessKeyId": id, "SecretAccessKey": aws.ToString(made.AccessKey.SecretAccessKey)})
	if err != nil {
		return errors.New("the new key cannot be encoded")
	}
	defer clear(value)
	if err := store(id, value); err != nil {
		return fmt.Errorf("access key %s was made and is not stored: %s", id, err)
	}
	return nil
}

// RemoveAccessKey removes an access key that may still be in use: it is switched
// off first, so that what still signs with it fails loudly, and it could be
// switched on again until it is gone. That one half was refused proves nothing
// about the other.
func RemoveAccessKey(ctx context.Context, api AccessKeysmithAPI, user, id string) error {
	off := &iam.UpdateAccessKeyInput{UserName: aws.String(user), AccessKeyId: aws.String(id), Status: types.StatusTypeInactive}
	if _, err := api.UpdateAccessKey(ctx, off); err != nil {
		return Explain("iam:UpdateAccessKey", user+" "+id, err)
	}
	if err := DropAccessKey(ctx, api, user, id); err != nil {
		return fmt.Errorf("it is off, and then: %s", err)
	}
	return nil
}

// DropAccessKey removes an access key whose secret nobody knows. One that is gone
// is no error.
func DropAccessKey(ctx context.Context, api AccessKeysmithAPI, user, id string) error {
	_, err := api.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String(user), AccessKeyId: aws.String(id)})
	if NotFound(err) {
		return nil
	}
	return Explain("iam:DeleteAccessKey", user+" "+id, err)
}
