package cloudtest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

func TestTheDirectoryReadsTheFake(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	if _, err := f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("a"), Path: aws.String("/reconcile/staging/")}); err != nil {
		t.Fatal(err)
	}
	all, err := cloud.NewDirectory(f.IAM(), cloud.Clock{}, nil).All(t.Context())
	if err != nil || len(all.Users) != 1 || all.Users[0].ARN != "arn:aws:iam::111122223333:user/reconcile/staging/a" {
		t.Errorf("got %+v %v", all, err)
	}
}
