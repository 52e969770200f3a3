package cloud_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/crosschain-ops/reconcile/internal/cloud"
)

func TestAnOfflineSessionAsksNobody(t *testing.T) {
	t.Parallel()
	s := cloud.Offline("222233334444", "us-west-2")
	_, errKMS := s.KMS("").ListKeys(t.Context(), &kms.ListKeysInput{})
	_, errIAM := s.IAM().ListUsers(t.Context(), &iam.ListUsersInput{})
	_, errS3 := s.S3("eu-west-1").ListBuckets(t.Context(), &s3.ListBucketsInput{})
	for _, err := range []error{errKMS, errIAM, errS3} {
		if !errors.Is(err, cloud.ErrOffline) {
			t.Errorf("error %v, want %v", err, cloud.ErrOffline)
		}
	}
	if have := s.Identity().Account; have != "222233334444" {
		t.Errorf("identity %q", have)
	}
}
