package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"

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

// heldUp is a list that answers once somebody has called off its question.
type heldUp struct {
	cloud.TaggingAPI
	asked chan struct{}
	once  sync.Once
}

func (h *heldUp) GetResources(ctx context.Context, in *resourcegroupstaggingapi.GetResourcesInput, o ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error) {
	first := false
	h.once.Do(func() { first = true })
	if first {
		close(h.asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.TaggingAPI.GetResources(ctx, in, o...)
}

// A kind whose other question failed calls its walk off; that is no answer for
// the kinds that wait for the same walk.
func TestWhoCallsHisWalkOffFailsNobodyElse(t *testing.T) {
	t.Parallel()
	held := &heldUp{TaggingAPI: cloudtest.NewFake(account).Tagging(oregon), asked: make(chan struct{})}
	inventory := cloud.NewInventory(func(string) cloud.TaggingAPI { return held }, "env", "staging", "kms:key", "s3:bucket")
	ctx, callOff := context.WithCancel(t.Context())
	var work errgroup.Group
	work.Go(func() error {
		if _, err := inventory.Of(ctx, oregon, "kms:key"); err == nil {
			return errors.New("the walk was called off, and has an answer")
		}
		return nil
	})
	<-held.asked
	work.Go(func() error {
		_, err := inventory.Of(t.Context(), oregon, "s3:bucket")
		return err
	})
	callOff()
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
}
