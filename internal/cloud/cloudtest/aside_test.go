package cloudtest_test

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

func TestALookAfterEveryWriteSeesWhatItDidAndIsCountedNowhere(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake("111122223333")
	users := func() int {
		out, err := fake.Aside().IAM().GetAccountAuthorizationDetails(t.Context(), &iam.GetAccountAuthorizationDetailsInput{})
		if err != nil {
			t.Error(err)
			return -1
		}
		return len(out.UserDetailList)
	}
	fake.IAM().Lag(5)
	var seen []int
	fake.AfterWrite(func(operation string) {
		if operation != "iam.CreateUser" {
			t.Errorf("after %s", operation)
		}
		seen = append(seen, users())
	})
	make := func(name string) error {
		_, err := fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(name)})
		return err
	}
	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		group.Go(func() {
			if err := make(name); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if make("a") == nil {
		t.Error("a name was given twice")
	}
	heal := fake.Break(cloudtest.Lost, 1, cloudtest.Writes)
	if make("d") == nil {
		t.Error("a lost reply came")
	}
	heal()
	fake.AfterWrite(nil)
	if err := make("e"); err != nil {
		t.Error(err)
	}
	if len(seen) != 4 || seen[0] != 1 || seen[1] != 2 || seen[2] != 3 || seen[3] != 4 {
		t.Errorf("saw %v users, want 1, 2, 3, 4: once after each write with an effect", seen)
	}
	if calls := fake.Calls(); len(calls) != 1 || calls["iam.CreateUser"] != 6 || users() != 5 {
		t.Errorf("calls %v", calls)
	}
}
