package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/crosschain-ops/reconcile/internal/cloud"
)

func TestTheSameFailureReadsTheSameTwice(t *testing.T) {
	t.Parallel()
	session, _ := open(t, nil, func(w http.ResponseWriter, operation string, nth int) {
		switch operation {
		case "DescribeKey":
			failJSON(w, http.StatusBadRequest, "NotFoundException")
		case "ListKeys":
			w.WriteHeader(http.StatusBadGateway)
		default:
			cut(w)
		}
	})
	for name, call := range map[string]func() error{
		"NotFoundException: for a reason": func() error { return describe(t, session) },
		"HTTP 502 Bad Gateway": func() error {
			_, err := session.KMS("").ListKeys(t.Context(), &kms.ListKeysInput{})
			return err
		},
		"the connection was closed before the answer": func() error {
			_, err := session.KMS("").ListAliases(t.Context(), &kms.ListAliasesInput{})
			return err
		},
	} {
		first, second := cloud.Cause(call()), cloud.Cause(call())
		if first != second || first != name || strings.Contains(first, "request-") {
			t.Errorf("causes %q and %q, want %q", first, second, name)
		}
	}
	reset := func(port int) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port}, Err: errors.New("connection reset by peer")}
	}
	nested := &net.OpError{Op: "readfrom", Net: "tcp", Err: reset(40003)}
	if have := cloud.Cause(nested); have != "the connection was closed before the answer" {
		t.Errorf("cause %q", have)
	}
	if a, b := cloud.Cause(reset(40001)), cloud.Cause(reset(40002)); a != b || a != "the connection was closed before the answer" {
		t.Errorf("causes %q and %q", a, b)
	}
}

func TestRatesHoldBackWritesAndASandboxHasNone(t *testing.T) {
	t.Parallel()
	for _, unlimited := range []bool{false, true} {
		var mu sync.Mutex
		now, slept := time.Unix(0, 0), time.Duration(0)
		clock := cloud.Clock{
			Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
			Sleep: func(_ context.Context, d time.Duration) error {
				mu.Lock()
				defer mu.Unlock()
				now, slept = now.Add(d), slept+d
				return nil
			},
		}
		session, s := open(t, func(o *cloud.Options) { o.Clock, o.Unlimited = clock, unlimited }, func(w http.ResponseWriter, operation string, _ int) {
			fmt.Fprint(w, `{"KeyMetadata":{"KeyId":"key-1"},"ResourceTagMappingList":[]}`)
		})
		for range 11 {
			if _, err := session.KMS("").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
				t.Fatal(err)
			}
		}
		// Eleven keys at 5 a second: the first at once, ten after 0.2 s each.
		want := 2 * time.Second
		if unlimited {
			want = 0
		}
		if slept.Round(time.Millisecond) != want || s.count("CreateKey") != 11 {
			t.Errorf("unlimited %t: waited %s, want %s", unlimited, slept, want)
		}
		// Another region has a quota of its own; an operation that is not listed
		// has none.
		slept = 0
		if _, err := session.KMS("eu-west-1").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := session.KMS("").GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: aws.String("key-1")}); err != nil {
				t.Fatal(err)
			}
		}
		if slept != 0 {
			t.Errorf("waited %s for what has no limit", slept)
		}
		for range 3 {
			if _, err := session.Tagging("").GetResources(t.Context(), &resourcegroupstaggingapi.GetResourcesInput{}); err != nil {
				t.Fatal(err)
			}
		}
		if held := slept > 0; held == unlimited {
			t.Errorf("unlimited %t: tags waited %s", unlimited, slept)
		}
	}
}

func TestAWaitForTheRateEndsWithTheContext(t *testing.T) {
	t.Parallel()
	clock := cloud.Clock{Now: func() time.Time { return time.Unix(0, 0) }, Sleep: func(context.Context, time.Duration) error { return context.Canceled }}
	session, s := open(t, func(o *cloud.Options) { o.Clock = clock }, func(w http.ResponseWriter, _ string, _ int) { fmt.Fprint(w, `{}`) })
	client := session.KMS("")
	if _, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if !errors.Is(err, context.Canceled) || !cloud.NotAccepted(err) || s.count("CreateKey") != 1 {
		t.Errorf("got %v after %d requests", err, s.count("CreateKey"))
	}
}

func TestCredentialsTellWhenTheyEnd(t *testing.T) {
	t.Parallel()
	end := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	session, _ := open(t, func(o *cloud.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s", CanExpire: true, Expires: end}, nil
		})
	}, nil)
	if have, ok := session.CredentialsExpire(t.Context()); !ok || !have.Equal(end) {
		t.Errorf("got %v %t, want %v", have, ok, end)
	}
	static, _ := open(t, nil, nil)
	if have, ok := static.CredentialsExpire(t.Context()); ok {
		t.Errorf("static credentials end %v", have)
	}
	if got := static.Identity(); got != (cloud.Identity{Account: account, ARN: "arn:aws:iam::111122223333:user/plan"}) {
		t.Errorf("identity %+v", got)
	}
}

func TestSessionsOfOneAccountShareItsRates(t *testing.T) {
	t.Parallel()
	slept := time.Duration(0)
	now := time.Unix(0, 0)
	clock := cloud.Clock{
		Now:   func() time.Time { return now },
		Sleep: func(_ context.Context, d time.Duration) error { now, slept = now.Add(d), slept+d; return nil },
	}
	rate := cloud.NewRate()
	answer := func(w http.ResponseWriter, _ string, _ int) { fmt.Fprint(w, `{"KeyMetadata":{"KeyId":"key-1"}}`) }
	for range 3 {
		session, _ := open(t, func(o *cloud.Options) { o.Clock, o.Rate = clock, rate }, answer)
		if _, err := session.KMS("").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if slept < 400*time.Millisecond {
		t.Errorf("three keys at 5 a second from three sessions waited %s, want 0.4 s at least", slept)
	}
}
