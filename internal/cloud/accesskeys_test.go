package cloud_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// keyed is an account with user ada, who has some access keys.
func keyed(t *testing.T, keys int) (fake *cloudtest.Fake, ids []string) {
	t.Helper()
	fake = cloudtest.NewFake(account)
	if err := second(fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada")})); err != nil {
		t.Fatal(err)
	}
	for range keys {
		out, err := fake.IAM().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ada")})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, aws.ToString(out.AccessKey.AccessKeyId))
	}
	fake.Forget()
	return fake, ids
}

func TestAccessKeysAreListedByAgeAndAUserWhoIsGoneHasNone(t *testing.T) {
	t.Parallel()
	fake, ids := keyed(t, 2)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	fake.IAM().AgeAccessKey(ids[0], noon, time.Time{})
	fake.IAM().AgeAccessKey(ids[1], noon.Add(-time.Hour), noon)
	have, err := cloud.AccessKeys(t.Context(), fake.IAM(), "ada")
	if err != nil || len(have) != 2 || have[0].ID != ids[1] || have[1].ID != ids[0] || !have[0].Active || !have[1].Created.Equal(noon) {
		t.Errorf("%+v %v", have, err)
	}
	if none, err := cloud.AccessKeys(t.Context(), fake.IAM(), "nobody"); len(none) != 0 || err != nil {
		t.Errorf("%+v %v", none, err)
	}
	for id, want := range map[string]time.Time{ids[0]: {}, ids[1]: noon} {
		if at, err := cloud.AccessKeyUsed(t.Context(), fake.IAM(), id); !at.Equal(want) || err != nil {
			t.Errorf("%s: %s %v", id, at, err)
		}
	}
	fake.Break(cloudtest.Denied, 0, cloudtest.Reads)
	if _, err := cloud.AccessKeys(t.Context(), fake.IAM(), "ada"); err == nil || !strings.HasPrefix(err.Error(), "iam:ListAccessKeys on ada: access denied") {
		t.Error(err)
	}
	if _, err := cloud.AccessKeyUsed(t.Context(), fake.IAM(), ids[0]); err == nil || !strings.HasPrefix(err.Error(), "iam:GetAccessKeyLastUsed on "+ids[0]) {
		t.Error(err)
	}
}

// TestAKeyIsOffBeforeItGoes, and half of a removal is never called refused.
func TestAKeyIsOffBeforeItGoes(t *testing.T) {
	t.Parallel()
	for refused, want := range map[string]struct {
		left, active, proved bool
	}{
		"":                    {},
		"iam.UpdateAccessKey": {left: true, active: true, proved: true},
		"iam.DeleteAccessKey": {left: true},
	} {
		fake, ids := keyed(t, 1)
		if refused != "" {
			fake.Break(cloudtest.Denied, 0, cloudtest.Is(refused))
		}
		err := cloud.RemoveAccessKey(t.Context(), fake.IAM(), "ada", ids[0])
		if (err != nil) != (refused != "") || cloud.NotAccepted(err) != want.proved {
			t.Errorf("%s refused: %v", refused, err)
		}
		left, lost := cloud.AccessKeys(t.Context(), fake.IAM(), "ada")
		if lost != nil || (len(left) == 1) != want.left || len(left) == 1 && left[0].Active != want.active {
			t.Errorf("%s refused: %+v is left", refused, left)
		}
	}
	fake, _ := keyed(t, 0)
	if err := cloud.DropAccessKey(t.Context(), fake.IAM(), "ada", "AKIAIOSFODNN7EXAMPLE"); err != nil {
		t.Errorf("gone already: %v", err)
	}
	if err := cloud.RemoveAccessKey(t.Context(), fake.IAM(), "ada", "AKIAIOSFODNN7EXAMPLE"); !cloud.NotFound(err) {
		t.Errorf("gone already: %v", err)
	}
}

func TestANewKeyIsForgottenOnceItIsStored(t *testing.T) {
	t.Parallel()
	fake, _ := keyed(t, 0)
	var id, seen string
	var kept []byte
	store := func(key string, value []byte) error {
		id, seen, kept = key, string(value), value
		return nil
	}
	if err := cloud.MakeAccessKey(t.Context(), fake.IAM(), "ada", store); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(seen, `{"AccessKeyId":"`+id+`","SecretAccessKey":"`) || id == "" {
		t.Errorf("%s: it is given as %d characters", id, len(seen))
	}
	if slices.ContainsFunc(kept, func(b byte) bool { return b != 0 }) {
		t.Error("the value is still in memory")
	}
	// The key is there: that the store refused proves nothing.
	refused := cloud.Explain("secretsmanager:CreateSecret", "x", errors.New("no"))
	err := cloud.MakeAccessKey(t.Context(), fake.IAM(), "ada", func(string, []byte) error { return refused })
	if err == nil || errors.Is(err, refused) || !strings.Contains(err.Error(), "was made and is not stored: secretsmanager:CreateSecret on x: no") {
		t.Error(err)
	}
	if err := cloud.MakeAccessKey(t.Context(), fake.IAM(), "ada", store); !cloud.NotAccepted(err) || !strings.HasPrefix(err.Error(), "iam:CreateAccessKey on ada: LimitExceeded") {
		t.Errorf("a third key: %v", err)
	}
}

func TestASecretIsMadeOrGetsANewValueAndThenItsTags(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	api := fake.SecretsManager("us-west-2")
	one := cloud.StoredSecret{Name: "s", Description: "what it is", Attempt: "intent-1", Tags: map[string]string{"holds": "one"}, Value: []byte("1")}
	two := cloud.StoredSecret{Name: "s", Attempt: "intent-2", Tags: map[string]string{"holds": "two"}, Value: []byte("2")}
	look := func(value, holds string) {
		t.Helper()
		s, err := cloud.DescribeSecret(t.Context(), api, "s")
		if err != nil || s.Tags["holds"] != holds || s.Description != "what it is" {
			t.Errorf("%+v %v, want %s", s, err, holds)
		}
		out, err := api.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
		if err != nil || aws.ToString(out.SecretString) != value {
			t.Errorf("the value is not %s: %v", value, err)
		}
	}
	// Sent twice with one token, it is there once.
	for range 2 {
		if err := cloud.StoreSecret(t.Context(), api, one, false); err != nil {
			t.Fatal(err)
		}
	}
	look("1", "one")
	if err := cloud.StoreSecret(t.Context(), api, two, false); !cloud.Exists(err) {
		t.Errorf("another attempt: %v", err)
	}
	fake.Break(cloudtest.Denied, 1, cloudtest.Is("secretsmanager.TagResource"))
	if err := cloud.StoreSecret(t.Context(), api, two, true); err == nil || !strings.HasPrefix(err.Error(), "secretsmanager:TagResource on s") {
		t.Error(err)
	}
	look("2", "one") // the tag never promises what is not there
	if err := cloud.StoreSecret(t.Context(), api, two, true); err != nil {
		t.Fatal(err)
	}
	look("2", "two")
}
