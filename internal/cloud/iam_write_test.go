package cloud_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// write is the creation of user ada, over a fake in which people may be.
func write(fake *cloudtest.Fake) (*cloud.Directory, *cloud.Write) {
	clock := cloud.Clock{Now: func() time.Time { return time.Unix(0, 0) }, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	w := &cloud.Write{Action: "iam:CreateUser", Name: "user ada", Op: "create-user"}
	w.Send = cloud.Sending(fake.IAM().CreateUser, &iam.CreateUserInput{UserName: aws.String("ada"), Path: aws.String("/ours/")})
	w.Shows = func(all *access.Directory) bool {
		u := all.User("ada")
		if u == nil || u.Path != "/ours/" {
			return false
		}
		w.Made = resource.Outputs{"arn": u.ARN}
		return true
	}
	return cloud.NewDirectory(fake.IAM(), clock, nil), w
}

const ada = "arn:aws:iam::" + account + ":user/ours/ada"

func TestAWriteGivesWhatItMade(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	d, w := write(fake)
	if made, there, err := d.Performed(t.Context(), w); there || made != nil || err != nil {
		t.Errorf("before: %v %t %v", made, there, err)
	}
	if made, refused, err := d.Perform(t.Context(), w); made["arn"] != ada || refused || err != nil {
		t.Errorf("%v %t %v", made, refused, err)
	}
	d, w = write(fake)
	if made, there, err := d.Performed(t.Context(), w); !there || made["arn"] != ada || err != nil {
		t.Errorf("after: %v %t %v", made, there, err)
	}
}

func TestAGuardIsAskedRightBeforeTheCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		there     string // the path of a user ada
		guard     error
		unread    bool
		refused   bool
		calls     int
		unguarded bool
	}{
		"nothing is in the way":    {calls: 1},
		"it refuses":               {guard: errors.New("no"), refused: true},
		"it cannot be asked":       {unread: true, refused: true},
		"the effect shows already": {there: "/ours/", guard: errors.New("no"), calls: 0},
		"the name is taken":        {there: "/theirs/", guard: errors.New("no"), refused: true},
		"there is none":            {there: "/ours/", unguarded: true, refused: true, calls: 1},
	} {
		fake := cloudtest.NewFake(account)
		if test.there != "" {
			if err := second(fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada"), Path: aws.String(test.there)})); err != nil {
				t.Fatal(err)
			}
		}
		d, w := write(fake)
		if !test.unguarded {
			w.Guard = func(_ context.Context, all *access.Directory) error {
				if (all.User("ada") != nil) != (test.there != "") {
					t.Errorf("%s: it was shown another directory", name)
				}
				return test.guard
			}
		}
		fake.Forget()
		if test.unread {
			fake.Break(cloudtest.Denied, 0, cloudtest.Reads)
		}
		made, refused, err := d.Perform(t.Context(), w)
		if refused != test.refused || (err != nil) != test.refused || (made != nil) == test.refused || fake.Calls()["iam.CreateUser"] != test.calls {
			t.Errorf("%s: %v %t %v, calls %v", name, made, refused, err, fake.Calls())
		}
	}
}

func TestANameThatIsTakenIsToldFromALostReply(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/ours/":   "", // an earlier try made it
		"/theirs/": "iam:CreateUser on user ada: EntityAlreadyExists",
	} {
		fake := cloudtest.NewFake(account)
		// IAM knows the name before it shows who has it.
		fake.IAM().Lag(3)
		if err := second(fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada"), Path: aws.String(path)})); err != nil {
			t.Fatal(err)
		}
		d, w := write(fake)
		w.Named = func(all *access.Directory) string { return all.Taken("user", "ada") }
		made, refused, err := d.Perform(t.Context(), w)
		if refused != (want != "") || (err != nil) != refused || (made["arn"] == ada) == refused {
			t.Errorf("%s: %v %t %v", path, made, refused, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), "the name is taken by arn:aws:iam::"+account+":user/theirs/ada")) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWhatTheDirectoryDoesNotHoldIsAskedFor(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake(account)
	d, w := write(fake)
	asked := 0
	w.Asks = func(context.Context) (bool, error) {
		if asked++; asked > 2 {
			w.Made = resource.Outputs{"n": "1"}
		}
		return asked > 2, nil
	}
	w.Guard = func(context.Context, *access.Directory) error { return nil }
	if made, _, err := d.Perform(t.Context(), w); made["n"] != "1" || err != nil || asked != 4 || fake.Calls()["iam.CreateUser"] != 1 {
		t.Errorf("%v %v, asked %d times, calls %v", made, err, asked, fake.Calls())
	}
}

// TestWhatWasAcceptedIsNeverCalledRefused: neither where it cannot be read, nor
// where it does not show.
func TestWhatWasAcceptedIsNeverCalledRefused(t *testing.T) {
	t.Parallel()
	for want, arrange := range map[string]func(*cloudtest.Fake){
		"accepted, and then: iam:GetAccountAuthorizationDetails": func(f *cloudtest.Fake) { f.Break(cloudtest.Denied, 0, cloudtest.Reads) },
		"IAM accepted it, and does not show it after":            func(f *cloudtest.Fake) { f.IAM().Lag(100) },
	} {
		fake := cloudtest.NewFake(account)
		d, w := write(fake)
		arrange(fake)
		made, refused, err := d.Perform(t.Context(), w)
		if made != nil || refused || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("have %v %t %v\nwant %s", made, refused, err, want)
		}
	}
}

func TestANewNameThatIAMDoesNotKnowYetIsSentAgain(t *testing.T) {
	t.Parallel()
	gone := &smithy.GenericAPIError{Code: "NoSuchEntity", Fault: smithy.FaultClient}
	for name, test := range map[string]struct {
		change func(*cloud.Write)
		sent   int
		fails  bool
	}{
		"it names a policy": {func(w *cloud.Write) { w.NamesPolicy = true }, 3, false},
		"it names nothing":  {func(*cloud.Write) {}, 1, true},
		"it removes":        {func(w *cloud.Write) { w.Removes = true; w.Shows = func(*access.Directory) bool { return true } }, 1, false},
	} {
		d, w := write(cloudtest.NewFake(account))
		sent, send := 0, w.Send
		w.Send = func(ctx context.Context) error {
			if sent++; sent < 3 {
				return gone
			}
			return send(ctx)
		}
		test.change(w)
		if _, refused, err := d.Perform(t.Context(), w); (err != nil) != test.fails || refused != test.fails || sent != test.sent {
			t.Errorf("%s: %t %v after %d calls", name, refused, err, sent)
		}
	}
}
