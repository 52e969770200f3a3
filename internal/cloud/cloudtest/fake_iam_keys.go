package cloudtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

type fakeAccessKey struct {
	id, secret string
	status     types.StatusType
	created    time.Time
	used       *time.Time
}

// keysPerUser is the quota of access keys of one user.
const keysPerUser = 2

// AgeAccessKey makes a key as old as the time says, and used, where that is not
// zero: tests of rotation need old keys.
func (i *FakeIAM) AgeAccessKey(id string, created, used time.Time) {
	i.fake.state.Lock()
	defer i.fake.state.Unlock()
	if e, at := i.fake.iam.now.accessKey(id); e != nil {
		e.keys[at].created = created
		if !used.IsZero() {
			e.keys[at].used = &used
		}
	}
}

// AccessSecrets are the secret access keys there are, for tests that search for
// them where they must not be.
func (i *FakeIAM) AccessSecrets() []string {
	i.fake.state.Lock()
	defer i.fake.state.Unlock()
	var secrets []string
	for _, e := range i.fake.iam.now.sorted(userSort) {
		for _, key := range e.keys {
			secrets = append(secrets, key.secret)
		}
	}
	return secrets
}

// accessKey finds a key and its place in its user.
func (w *iamWorld) accessKey(id string) (*fakeEntity, int) {
	for _, e := range w.entities[userSort] {
		if at := slices.IndexFunc(e.keys, func(k fakeAccessKey) bool { return k.id == id }); at >= 0 {
			return e, at
		}
	}
	return nil, 0
}

// ownKey finds a key of one user.
func (w *iamWorld) ownKey(user, id *string) (*fakeEntity, int, error) {
	e, err := w.find(userSort, user)
	if err != nil {
		return nil, 0, err
	}
	if owner, at := w.accessKey(aws.ToString(id)); owner == e {
		return e, at, nil
	}
	return nil, 0, noSuch("The Access Key with id %s cannot be found", aws.ToString(id))
}

// CreateAccessKey gives a secret that is never shown again. It has no
// idempotency token.
func (i *FakeIAM) CreateAccessKey(_ context.Context, in *iam.CreateAccessKeyInput, _ ...func(*iam.Options)) (*iam.CreateAccessKeyOutput, error) {
	return iamWrite(i, "CreateAccessKey", func(w *iamWorld) (*iam.CreateAccessKeyOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		if len(e.keys) >= keysPerUser {
			return nil, limit("Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
		}
		random := make([]byte, 30)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		serial, now := i.fake.next()
		key := fakeAccessKey{
			id: fmt.Sprintf("AKIA%016d", serial), secret: base64.StdEncoding.EncodeToString(random), status: types.StatusTypeActive, created: now,
		}
		e.keys = append(slices.Clone(e.keys), key)
		return &iam.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
			AccessKeyId: aws.String(key.id), SecretAccessKey: aws.String(key.secret), Status: key.status, UserName: aws.String(e.name), CreateDate: aws.Time(now),
		}}, nil
	})
}

// UpdateAccessKey switches a key on or off.
func (i *FakeIAM) UpdateAccessKey(_ context.Context, in *iam.UpdateAccessKeyInput, _ ...func(*iam.Options)) (*iam.UpdateAccessKeyOutput, error) {
	return iamWrite(i, "UpdateAccessKey", func(w *iamWorld) (*iam.UpdateAccessKeyOutput, error) {
		e, at, err := w.ownKey(in.UserName, in.AccessKeyId)
		if err != nil {
			return nil, err
		}
		if in.Status != types.StatusTypeActive && in.Status != types.StatusTypeInactive {
			return nil, invalid("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", in.Status)
		}
		e.keys[at].status = in.Status
		return &iam.UpdateAccessKeyOutput{}, nil
	})
}

// DeleteAccessKey removes a key for ever.
func (i *FakeIAM) DeleteAccessKey(_ context.Context, in *iam.DeleteAccessKeyInput, _ ...func(*iam.Options)) (*iam.DeleteAccessKeyOutput, error) {
	return iamWrite(i, "DeleteAccessKey", func(w *iamWorld) (*iam.DeleteAccessKeyOutput, error) {
		e, at, err := w.ownKey(in.UserName, in.AccessKeyId)
		if err != nil {
			return nil, err
		}
		e.keys = slices.Delete(slices.Clone(e.keys), at, at+1)
		return &iam.DeleteAccessKeyOutput{}, nil
	})
}

// ListAccessKeys gives ids, states and dates.
func (i *FakeIAM) ListAccessKeys(_ context.Context, in *iam.ListAccessKeysInput, _ ...func(*iam.Options)) (*iam.ListAccessKeysOutput, error) {
	return iamRead(i, "ListAccessKeys", func(w *iamWorld) (*iam.ListAccessKeysOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		var list []types.AccessKeyMetadata
		for _, key := range e.keys {
			list = append(list, types.AccessKeyMetadata{AccessKeyId: aws.String(key.id), Status: key.status, UserName: aws.String(e.name), CreateDate: aws.Time(key.created)})
		}
		part, next, err := iamPage(list, in.Marker, in.MaxItems)
		return &iam.ListAccessKeysOutput{AccessKeyMetadata: part, IsTruncated: next != nil, Marker: next}, err
	})
}

// GetAccessKeyLastUsed has no date for a key that was never used (IAM API
// reference, AccessKeyLastUsed).
func (i *FakeIAM) GetAccessKeyLastUsed(_ context.Context, in *iam.GetAccessKeyLastUsedInput, _ ...func(*iam.Options)) (*iam.GetAccessKeyLastUsedOutput, error) {
	return iamRead(i, "GetAccessKeyLastUsed", func(w *iamWorld) (*iam.GetAccessKeyLastUsedOutput, error) {
		e, at := w.accessKey(aws.ToString(in.AccessKeyId))
		if e == nil {
			return nil, noSuch("The Access Key with id %s cannot be found", aws.ToString(in.AccessKeyId))
		}
		used := &types.AccessKeyLastUsed{ServiceName: aws.String("N/A"), Region: aws.String("N/A")}
		if last := e.keys[at].used; last != nil {
			used = &types.AccessKeyLastUsed{ServiceName: aws.String("kms"), Region: aws.String("us-west-2"), LastUsedDate: last}
		}
		return &iam.GetAccessKeyLastUsedOutput{UserName: aws.String(e.name), AccessKeyLastUsed: used}, nil
	})
}

// CreateLoginProfile gives a user a password for the console.
func (i *FakeIAM) CreateLoginProfile(_ context.Context, in *iam.CreateLoginProfileInput, _ ...func(*iam.Options)) (*iam.CreateLoginProfileOutput, error) {
	return iamWrite(i, "CreateLoginProfile", func(w *iamWorld) (*iam.CreateLoginProfileOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		if e.login != nil {
			return nil, nameTaken("Login Profile", e.name)
		}
		_, now := i.fake.next()
		e.login = &now
		return &iam.CreateLoginProfileOutput{LoginProfile: &types.LoginProfile{UserName: aws.String(e.name), CreateDate: e.login}}, nil
	})
}

// GetLoginProfile says whether the user has a password.
func (i *FakeIAM) GetLoginProfile(_ context.Context, in *iam.GetLoginProfileInput, _ ...func(*iam.Options)) (*iam.GetLoginProfileOutput, error) {
	return iamRead(i, "GetLoginProfile", func(w *iamWorld) (*iam.GetLoginProfileOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		if e.login == nil {
			return nil, noSuch("Login Profile for User %s cannot be found.", e.name)
		}
		return &iam.GetLoginProfileOutput{LoginProfile: &types.LoginProfile{UserName: aws.String(e.name), CreateDate: e.login}}, nil
	})
}

// DeleteLoginProfile removes the password.
func (i *FakeIAM) DeleteLoginProfile(_ context.Context, in *iam.DeleteLoginProfileInput, _ ...func(*iam.Options)) (*iam.DeleteLoginProfileOutput, error) {
	return iamWrite(i, "DeleteLoginProfile", func(w *iamWorld) (*iam.DeleteLoginProfileOutput, error) {
		e, err := w.find(userSort, in.UserName)
		if err != nil {
			return nil, err
		}
		if e.login == nil {
			return nil, noSuch("Login Profile for User %s cannot be found.", e.name)
		}
		e.login = nil
		return &iam.DeleteLoginProfileOutput{}, nil
	})
}

type fakeProvider struct {
	url, arn            string
	clients, thumbprint []string
	created             time.Time
	tags                map[string]string
}

// maxProviders is the quota of OpenID Connect providers in an account.
const maxProviders = 100

// CreateOpenIDConnectProvider makes a provider; its ARN is made of its address.
func (i *FakeIAM) CreateOpenIDConnectProvider(_ context.Context, in *iam.CreateOpenIDConnectProviderInput, _ ...func(*iam.Options)) (*iam.CreateOpenIDConnectProviderOutput, error) {
	return iamWrite(i, "CreateOpenIDConnectProvider", func(w *iamWorld) (*iam.CreateOpenIDConnectProviderOutput, error) {
		url, secure := strings.CutPrefix(aws.ToString(in.Url), "https://")
		if !secure || url == "" || strings.ContainsAny(url, "?#") {
			return nil, invalid("Invalid Open ID Connect Provider URL")
		}
		arn := "arn:aws:iam::" + w.account + ":oidc-provider/" + url
		if w.providers[arn] != nil {
			return nil, &types.EntityAlreadyExistsException{Message: aws.String("Provider with url https://" + url + " already exists.")}
		}
		if len(w.providers) >= maxProviders {
			return nil, limit("Cannot exceed quota for OpenIdConnectProvidersPerAccount: %d", maxProviders)
		}
		tags, err := withTags("oidc-provider", nil, in.Tags)
		if err != nil {
			return nil, err
		}
		_, now := i.fake.next()
		w.providers[arn] = &fakeProvider{url: url, arn: arn, clients: slices.Clone(in.ClientIDList), thumbprint: slices.Clone(in.ThumbprintList), created: now, tags: tags}
		return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: aws.String(arn), Tags: iamTags(tags)}, nil
	})
}

// GetOpenIDConnectProvider gives the address without its scheme.
func (i *FakeIAM) GetOpenIDConnectProvider(_ context.Context, in *iam.GetOpenIDConnectProviderInput, _ ...func(*iam.Options)) (*iam.GetOpenIDConnectProviderOutput, error) {
	return iamRead(i, "GetOpenIDConnectProvider", func(w *iamWorld) (*iam.GetOpenIDConnectProviderOutput, error) {
		p := w.providers[aws.ToString(in.OpenIDConnectProviderArn)]
		if p == nil {
			return nil, noSuch("OpenIDConnect Provider not found for arn %s", aws.ToString(in.OpenIDConnectProviderArn))
		}
		return &iam.GetOpenIDConnectProviderOutput{
			Url: aws.String(p.url), ClientIDList: slices.Clone(p.clients), ThumbprintList: slices.Clone(p.thumbprint), CreateDate: aws.Time(p.created), Tags: iamTags(p.tags),
		}, nil
	})
}

// ListOpenIDConnectProviders gives all ARNs; it has no pages.
func (i *FakeIAM) ListOpenIDConnectProviders(_ context.Context, _ *iam.ListOpenIDConnectProvidersInput, _ ...func(*iam.Options)) (*iam.ListOpenIDConnectProvidersOutput, error) {
	return iamRead(i, "ListOpenIDConnectProviders", func(w *iamWorld) (*iam.ListOpenIDConnectProvidersOutput, error) {
		out := &iam.ListOpenIDConnectProvidersOutput{}
		for _, arn := range slices.Sorted(maps.Keys(w.providers)) {
			out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: aws.String(arn)})
		}
		return out, nil
	})
}
