package cloud_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// tagEverything makes keys and secrets that carry env=staging.
func tagEverything(t *testing.T, fake *cloudtest.Fake, keys, secrets int) {
	t.Helper()
	for range keys {
		_, err := fake.KMS(oregon).CreateKey(t.Context(), &kms.CreateKeyInput{Tags: []kmstypes.Tag{{TagKey: aws.String("env"), TagValue: aws.String("staging")}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range secrets {
		_, err := fake.SecretsManager(oregon).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
			Name: aws.String(fmt.Sprintf("secret-%d", i)), ClientRequestToken: aws.String(strings.Repeat("0", 32)),
			Tags: []secrettypes.Tag{{Key: aws.String("env"), Value: aws.String("staging")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneWalkServesAllKindsAtOnce(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	tagEverything(t, fake, 130, 80)
	fake.Forget()
	inventory := cloud.NewInventory(func(region string) cloud.TaggingAPI { return fake.Tagging(region) }, "env", "staging", "kms:key", "secretsmanager:secret")
	var wait sync.WaitGroup
	for range 4 {
		for kind, want := range map[string]int{"kms:key": 130, "secretsmanager:secret": 80, "s3:bucket": 0} {
			wait.Go(func() {
				found, err := inventory.Of(context.Background(), oregon, kind)
				if err != nil || len(found) != want {
					t.Errorf("%s: %d found, want %d (%v)", kind, len(found), want, err)
				}
				for arn, tags := range found {
					if tags["env"] != "staging" {
						t.Errorf("%s has tags %v", arn, tags)
					}
				}
			})
		}
	}
	wait.Wait()
	if n := fake.Total(); n != 3 {
		t.Errorf("%d pages for 210 resources, want 3", n)
	}
	if found, err := inventory.Of(t.Context(), "eu-west-1", "kms:key"); err != nil || len(found) != 0 {
		t.Errorf("another region: %v %v", found, err)
	}
}

func TestAWalkThatFailsFailsForAll(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	tagEverything(t, fake, 130, 0)
	fake.Break(cloudtest.Denied, 1, cloudtest.Reads)
	inventory := cloud.NewInventory(func(region string) cloud.TaggingAPI { return fake.Tagging(region) }, "env", "staging", "kms:key")
	for range 2 {
		if found, err := inventory.Of(t.Context(), oregon, "kms:key"); !cloud.Denied(err) || found != nil || !strings.HasPrefix(err.Error(), "tag:GetResources on us-west-2: access denied") {
			t.Errorf("got %d and %v", len(found), err)
		}
	}
}
