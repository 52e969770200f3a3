package cloud_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

func TestAPrincipalMadeAMomentAgoIsWaitedForTwoMinutes(t *testing.T) {
	t.Parallel()
	refusal := func(code, message string) error {
		return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
	}
	byIAM := refusal("MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/task"`)
	byKMS := refusal("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals.")
	byS3 := refusal("MalformedPolicy", "Invalid principal in policy")
	silent, denied := refusal("MalformedPolicyDocument", ""), refusal("AccessDenied", "not for an invalid principal like you")
	for name, test := range map[string]struct {
		answers []error
		want    error
		sent    int
		slept   time.Duration
	}{
		"known at once":          {[]error{nil}, nil, 1, 0},
		"known later":            {[]error{byIAM, byKMS, byS3, silent, nil}, nil, 5, 15 * time.Second},
		"never known":            {[]error{byIAM}, byIAM, 9, 2 * time.Minute},
		"access denied":          {[]error{denied}, denied, 1, 0},
		"access denied later":    {[]error{byKMS, denied}, denied, 2, time.Second},
		"another fault of it":    {[]error{refusal("MalformedPolicyDocument", "Syntax errors in policy.")}, nil, 1, 0},
		"a principal too many":   {[]error{refusal("MalformedPolicyDocument", "Policy document should not specify a principal.")}, nil, 1, 0},
		"a principal that lacks": {[]error{refusal("MalformedPolicyDocument", "Missing required field Principal")}, nil, 1, 0},
	} {
		sent, slept := 0, time.Duration(0)
		clock := cloud.Clock{Sleep: func(_ context.Context, d time.Duration) error { slept += d; return nil }}
		err := cloud.AwaitPrincipal(t.Context(), clock, func() error {
			sent++
			return test.answers[min(sent, len(test.answers))-1]
		})
		if test.want != nil && !errors.Is(err, test.want) || sent != test.sent || slept != test.slept {
			t.Errorf("%s: %v after %d calls and %s, want %v, %d, %s", name, err, sent, slept, test.want, test.sent, test.slept)
		}
		var late *cloud.PrincipalError
		if got, want := errors.As(err, &late), name == "never known"; got != want {
			t.Errorf("%s: a time-out %t, want %t", name, got, want)
		}
		if late != nil && (late.Took != 2*time.Minute || !cloud.NotAccepted(err) || !strings.Contains(cloud.Cause(cloud.Explain("iam:CreateRole", "task", err)), "role/task") || !strings.HasSuffix(cloud.Cause(err), "still so after 2m0s, the principal is not known or was never made")) {
			t.Errorf("%s: %q", name, cloud.Cause(err))
		}
	}
}

func TestAnApplyThatIsStoppedWaitsForNoPrincipal(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := cloud.AwaitPrincipal(ctx, cloud.Clock{}, func() error { return &smithy.GenericAPIError{Code: "MalformedPolicy", Fault: smithy.FaultClient} })
	// Every answer was a refusal, so that nothing happened.
	if !errors.Is(err, context.Canceled) || !cloud.NotAccepted(err) {
		t.Errorf("error %v", err)
	}
}

func TestARoleWaitsUntilItsTrustedUserIsKnown(t *testing.T) {
	t.Parallel()
	f := cloudtest.NewFake(account)
	f.IAM().Lag(3)
	if _, err := f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada")}); err != nil {
		t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ada"},"Action":"sts:AssumeRole"}]}`
	clock := cloud.Clock{Sleep: func(context.Context, time.Duration) error { return nil }}
	err := cloud.AwaitPrincipal(t.Context(), clock, func() error {
		_, err := f.IAM().CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("task"), AssumeRolePolicyDocument: &trust})
		return err
	})
	if err != nil || f.Calls()["iam.CreateRole"] != 4 {
		t.Errorf("%v after %v", err, f.Calls())
	}
}

func TestACreationInIAMIsSentOnceUnlessItWasRefused(t *testing.T) {
	t.Parallel()
	creations := map[string]func(*iam.Client) error{
		"CreateAccessKey": func(c *iam.Client) error {
			return second(c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("ada")}))
		},
		"CreateGroup": func(c *iam.Client) error {
			return second(c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("ops")}))
		},
		"CreatePolicy": func(c *iam.Client) error {
			return second(c.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String("{}")}))
		},
		"CreatePolicyVersion": func(c *iam.Client) error {
			return second(c.CreatePolicyVersion(t.Context(), &iam.CreatePolicyVersionInput{PolicyArn: aws.String("arn:aws:iam::111122223333:policy/p"), PolicyDocument: aws.String("{}")}))
		},
		"CreateRole": func(c *iam.Client) error {
			return second(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("task"), AssumeRolePolicyDocument: aws.String("{}")}))
		},
		"CreateUser": func(c *iam.Client) error {
			return second(c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ada")}))
		},
	}
	for name, create := range creations {
		session, s := open(t, fast, func(w http.ResponseWriter, _ string, _ int) { cut(w) })
		if err := create(session.IAM()); err == nil || cloud.NotAccepted(err) || s.count(name) != 1 {
			t.Errorf("%s: %v after %d requests, want one and no proof", name, err, s.count(name))
		}
		if err := second(session.IAM().UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: aws.String("ada")})); err == nil || s.count("UpdateUser") != cloud.DefaultAttempts {
			t.Errorf("UpdateUser: %v after %d requests, want it repeated", err, s.count("UpdateUser"))
		}
		for _, code := range []string{"Throttling", "ConcurrentModification", "EntityTemporarilyUnmodifiable"} {
			session, s = open(t, fast, func(w http.ResponseWriter, _ string, _ int) { failXML(w, http.StatusConflict, code) })
			if err := create(session.IAM()); !cloud.HasCode(err, code) || !cloud.NotAccepted(err) || s.count(name) != cloud.DefaultAttempts {
				t.Errorf("%s, %s: %v after %d requests, want %d", name, code, err, s.count(name), cloud.DefaultAttempts)
			}
		}
	}
}

func TestIAMsRefusalsOfAChangeInTheMiddleOfAnotherAreRepeated(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{"ConcurrentModification": 3, "EntityTemporarilyUnmodifiable": 3, "DeleteConflict": 1, "AccessDenied": 1, "LimitExceeded": 1} {
		session, s := open(t, fast, func(w http.ResponseWriter, _ string, nth int) {
			if nth < 3 {
				failXML(w, http.StatusConflict, code)
			}
		})
		err := second(session.IAM().UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: aws.String("ada")}))
		if (err == nil) != (want == 3) || s.count("UpdateUser") != want {
			t.Errorf("%s: %v after %d requests, want %d", code, err, s.count("UpdateUser"), want)
		}
	}
}

func second[O any](_ O, err error) error { return err }

// fast lifts our own rates.
func fast(o *cloud.Options) { o.Unlimited = true }

func TestIAMIsAskedSlowly(t *testing.T) {
	t.Parallel()
	rates := cloud.DefaultRates()
	fake := reflect.TypeFor[*cloudtest.FakeIAM]()
	for i := range fake.NumMethod() {
		method := fake.Method(i)
		takesContext := method.Type.NumIn() > 1 && method.Type.In(1) == reflect.TypeFor[context.Context]()
		// These two make scenes and bootstrap an account.
		if !takesContext || method.Name == "CreateLoginProfile" || method.Name == "CreateOpenIDConnectProvider" {
			continue
		}
		if rate := rates["iam."+method.Name]; rate <= 0 || rate > 35 {
			t.Errorf("%s has a rate of %g a second", method.Name, rate)
		}
	}
	now := time.Unix(0, 0)
	clock := cloud.Clock{Now: func() time.Time { return now }, Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }}
	session, s := open(t, func(o *cloud.Options) { o.Clock = clock }, func(http.ResponseWriter, string, int) {})
	for range 11 {
		if err := second(session.IAM().UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: aws.String("ada")})); err != nil {
			t.Fatal(err)
		}
	}
	// Eleven writes at 5 a second: the first at once, ten after 0.2 s each.
	if waited := now.Sub(time.Unix(0, 0)).Round(time.Millisecond); waited != 2*time.Second || s.count("UpdateUser") != 11 {
		t.Errorf("waited %s", waited)
	}
}
