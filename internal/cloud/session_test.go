package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const (
	account = "111122223333"
	oregon  = "us-west-2"
)

// service plays AWS over HTTP: it counts requests by operation and answers as
// told. STS answers with the account unless it is told otherwise.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string]int
	answer func(w http.ResponseWriter, operation string, nth int)
}

func newService(t *testing.T, answer func(w http.ResponseWriter, operation string, nth int)) *service {
	t.Helper()
	s := &service{asked: map[string]int{}, answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if !found {
			_ = r.ParseForm()
			operation = r.Form.Get("Action")
		}
		s.mu.Lock()
		s.asked[operation]++
		nth := s.asked[operation]
		s.mu.Unlock()
		// Every reply has another request id, as in AWS.
		w.Header().Set("X-Amzn-Requestid", fmt.Sprintf("request-%s-%d", operation, nth))
		s.answer(w, operation, nth)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[operation]
}

func identity(w http.ResponseWriter, account string) {
	fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::%s:user/plan</Arn><UserId>U</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, account, account)
}

func failJSON(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":"for a reason"}`, code)
}

func failXML(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>for a reason</Message></Error></ErrorResponse>`, code)
}

func cut(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	connection.Close()
}

func options(endpoint string) cloud.Options {
	return cloud.Options{
		Account: account, Region: oregon, Endpoint: endpoint, MaxBackoff: time.Millisecond,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// open gives a session on a service that answers KMS as told.
func open(t *testing.T, change func(*cloud.Options), answer func(w http.ResponseWriter, operation string, nth int)) (*cloud.Session, *service) {
	t.Helper()
	s := newService(t, func(w http.ResponseWriter, operation string, nth int) {
		if operation == "GetCallerIdentity" {
			identity(w, account)
			return
		}
		answer(w, operation, nth)
	})
	o := options(s.URL)
	if change != nil {
		change(&o)
	}
	session, err := cloud.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return session, s
}

func describe(t *testing.T, s *cloud.Session) error {
	t.Helper()
	_, err := s.KMS("").DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("key-1")})
	return err
}

func TestASessionOfAnotherAccountIsNeverOpened(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ string, _ int) { identity(w, "999900001111") })
	session, err := cloud.Open(t.Context(), options(s.URL))
	var wrong *cloud.AccountError
	if !errors.As(err, &wrong) || wrong.Have != "999900001111" || wrong.Need != account || session != nil {
		t.Fatalf("got %v and %v", session, err)
	}
	if !strings.Contains(err.Error(), "have") && !strings.Contains(err.Error(), "account 999900001111, the environment declares account 111122223333\nhint: ") {
		t.Errorf("error %q", err)
	}
}

func TestASessionWithoutAccountOrRegionIsRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []cloud.Options{{Region: oregon}, {Account: account}} {
		if _, err := cloud.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "needs an account and a region") {
			t.Errorf("got %v", err)
		}
	}
}

func TestExpiredCredentialsAreFatalAtOnceAndNamed(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ExpiredToken", "InvalidClientTokenId"} {
		s := newService(t, func(w http.ResponseWriter, _ string, _ int) { failXML(w, http.StatusForbidden, code) })
		_, err := cloud.Open(t.Context(), options(s.URL))
		want := "aws: who am i: sts:GetCallerIdentity on account 111122223333: the AWS credentials are expired or not valid (" + code + "): sign in again"
		if err == nil || err.Error() != want || !cloud.Expired(err) || cloud.Denied(err) {
			t.Errorf("error %v, want %q", err, want)
		}
		if n := s.count("GetCallerIdentity"); n != 1 {
			t.Errorf("%s: asked %d times, want once", code, n)
		}
	}
	session, s := open(t, nil, func(w http.ResponseWriter, _ string, _ int) {
		failJSON(w, http.StatusBadRequest, "ExpiredTokenException")
	})
	if err := describe(t, session); !cloud.Expired(err) || s.count("DescribeKey") != 1 {
		t.Errorf("in the middle of a run: %v after %d requests", err, s.count("DescribeKey"))
	}
}

func TestMissingCredentialsAreNamedWithoutARequest(t *testing.T) {
	t.Parallel()
	s := newService(t, func(http.ResponseWriter, string, int) {})
	o := options(s.URL)
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("the SSO session has ended")
	})
	_, err := cloud.Open(t.Context(), o)
	if !cloud.Expired(err) || !cloud.NotAccepted(err) || !strings.Contains(err.Error(), "no usable AWS credentials: failed to refresh cached credentials, the SSO session has ended: sign in again") || s.count("GetCallerIdentity") != 0 {
		t.Errorf("got %v after %d requests", err, s.count("GetCallerIdentity"))
	}
}

func TestAnEndpointThatNoPlanWouldNameIsRefused(t *testing.T) {
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS", "AWS_ENDPOINT_URL_SECRETS_MANAGER"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "http://user:token@127.0.0.1:1/path")
			_, err := cloud.Open(t.Context(), options(""))
			if err == nil || !strings.Contains(err.Error(), `"127.0.0.1:1"`) || !strings.Contains(err.Error(), "overlay") || strings.Contains(err.Error(), "token") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("the overlay's wins", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
		session, s := open(t, nil, func(w http.ResponseWriter, _ string, _ int) { fmt.Fprint(w, `{}`) })
		if err := describe(t, session); err != nil || s.count("DescribeKey") != 1 {
			t.Errorf("got %v after %d requests", err, s.count("DescribeKey"))
		}
	})
}

func TestARefusalNamesActionAndResourceAndIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		answer     func(w http.ResponseWriter, operation string, nth int)
	}{
		{
			"as AWS answers", "kms:DescribeKey on key-1: access denied (AccessDeniedException): for a reason",
			func(w http.ResponseWriter, _ string, _ int) {
				failJSON(w, http.StatusBadRequest, "AccessDeniedException")
			},
		},
		{
			// The emulator answers JSON requests with XML, which the SDK cannot read.
			"a bare 403", "kms:DescribeKey on key-1: access denied (HTTP 403)",
			func(w http.ResponseWriter, _ string, _ int) { failXML(w, http.StatusForbidden, "AccessDenied") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			session, s := open(t, nil, test.answer)
			err := cloud.Explain("kms:DescribeKey", "key-1", describe(t, session))
			if !cloud.Denied(err) || !cloud.NotAccepted(err) || err.Error() != test.want {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if n := s.count("DescribeKey"); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

func TestThrottlingIsRepeatedAndBounded(t *testing.T) {
	t.Parallel()
	session, s := open(t, nil, func(w http.ResponseWriter, operation string, nth int) {
		if operation == "DescribeKey" && nth > 2 {
			fmt.Fprint(w, `{}`)
			return
		}
		failJSON(w, http.StatusBadRequest, "ThrottlingException")
	})
	if err := describe(t, session); err != nil || s.count("DescribeKey") != 3 {
		t.Errorf("got %v after %d requests, want success after 3", err, s.count("DescribeKey"))
	}
	_, err := session.KMS("").ListKeys(t.Context(), &kms.ListKeysInput{})
	if !cloud.Throttled(err) || !cloud.NotAccepted(err) || s.count("ListKeys") != cloud.DefaultAttempts {
		t.Errorf("got %v after %d requests, want throttled after %d", err, s.count("ListKeys"), cloud.DefaultAttempts)
	}
	want := map[string]int{"sts.GetCallerIdentity": 1, "kms.DescribeKey": 3, "kms.ListKeys": cloud.DefaultAttempts}
	if diff := cmp.Diff(want, session.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestTheProcesssEnvironmentDoesNotChangeTheBound(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "50")
	t.Setenv("AWS_RETRY_MODE", "adaptive")
	session, s := open(t, nil, func(w http.ResponseWriter, _ string, _ int) { w.WriteHeader(http.StatusServiceUnavailable) })
	if err := describe(t, session); err == nil || s.count("DescribeKey") != cloud.DefaultAttempts {
		t.Errorf("got %v after %d requests, want %d", err, s.count("DescribeKey"), cloud.DefaultAttempts)
	}
}

func TestALostReplyOfCreateKeyIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter, operation string, nth int){
		"connection cut": func(w http.ResponseWriter, _ string, _ int) { cut(w) },
		"server error": func(w http.ResponseWriter, _ string, _ int) {
			failJSON(w, http.StatusInternalServerError, "KMSInternalException")
		},
		"gateway timeout": func(w http.ResponseWriter, _ string, _ int) { w.WriteHeader(http.StatusGatewayTimeout) },
		"half a body": func(w http.ResponseWriter, _ string, _ int) {
			w.Header().Set("Content-Length", "900")
			fmt.Fprint(w, `{"KeyMe`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session, s := open(t, nil, answer)
			_, err := session.KMS("").CreateKey(t.Context(), &kms.CreateKeyInput{})
			if err == nil || cloud.NotAccepted(err) {
				t.Errorf("got %v, want an error that proves nothing", err)
			}
			if n := s.count("CreateKey"); n != 1 {
				t.Errorf("asked %d times: each may have made a key", n)
			}
			// Another operation is repeated after the same mishap.
			_ = describe(t, session)
			if n := s.count("DescribeKey"); n < 2 && name != "half a body" {
				t.Errorf("DescribeKey was asked %d times, want it repeated", n)
			}
		})
	}
	t.Run("throttled, which made nothing", func(t *testing.T) {
		t.Parallel()
		session, s := open(t, nil, func(w http.ResponseWriter, _ string, nth int) {
			if nth < 3 {
				failJSON(w, http.StatusBadRequest, "ThrottlingException")
				return
			}
			fmt.Fprint(w, `{"KeyMetadata":{"KeyId":"key-1"}}`)
		})
		if _, err := session.KMS("").CreateKey(t.Context(), &kms.CreateKeyInput{}); err != nil || s.count("CreateKey") != 3 {
			t.Errorf("got %v after %d requests", err, s.count("CreateKey"))
		}
	})
}

func TestARefusalAfterALostReplyProvesNothing(t *testing.T) {
	t.Parallel()
	session, _ := open(t, nil, func(w http.ResponseWriter, _ string, nth int) {
		if nth == 1 {
			cut(w)
			return
		}
		failJSON(w, http.StatusBadRequest, "AlreadyExistsException")
	})
	_, err := session.KMS("").CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/a"), TargetKeyId: aws.String("key-1")})
	if !cloud.Exists(err) || cloud.NotAccepted(err) {
		t.Errorf("%v: the first request may have made the alias", err)
	}
}

func TestWhatWasNeverSentIsProvedNotToHaveHappened(t *testing.T) {
	t.Parallel()
	session, s := open(t, nil, func(http.ResponseWriter, string, int) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := session.KMS("").CreateKey(ctx, &kms.CreateKeyInput{})
	if err == nil || !cloud.NotAccepted(err) || s.count("CreateKey") != 0 {
		t.Errorf("canceled before: %v after %d requests", err, s.count("CreateKey"))
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	_, err = session.KMS("").CreateKey(t.Context(), &kms.CreateKeyInput{}, func(o *kms.Options) { o.BaseEndpoint = aws.String(closed.URL) })
	if err == nil || !cloud.NotAccepted(err) {
		t.Errorf("nobody listens: %v", err)
	}
	if cause := cloud.Cause(err); !strings.HasPrefix(cause, "dial 127.0.0.1:") {
		t.Errorf("cause %q", cause)
	}
}

func TestEveryCallHasATimeLimit(t *testing.T) {
	t.Parallel()
	var held atomic.Int32
	done := make(chan struct{})
	session, _ := open(t, func(o *cloud.Options) { o.Timeout, o.Attempts = 50*time.Millisecond, 2 }, func(http.ResponseWriter, string, int) {
		held.Add(1)
		<-done
	})
	t.Cleanup(func() { close(done) })
	err := describe(t, session)
	if err == nil || cloud.NotAccepted(err) || cloud.Cause(err) != "no answer in time" || held.Load() != 2 {
		t.Errorf("got %v (%q) after %d requests", err, cloud.Cause(err), held.Load())
	}
}

func TestTheEmulatorSignsAsEthereumVerifies(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	session, err := cloud.Open(t.Context(), options(moto.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	client := session.KMS("")
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccSecgP256k1, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	public, err := client.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: made.KeyMetadata.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	address, err := cloud.AddressFromSPKI(public.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sign := cloud.KMSSigner(client, *made.KeyMetadata.KeyId, address)
	for i := range 40 {
		if _, err := sign(t.Context(), [32]byte{byte(i), 1}); err != nil {
			t.Fatalf("signature %d: %v", i, err)
		}
	}
	if _, err := client.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: made.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	if _, err := sign(t.Context(), [32]byte{1}); !cloud.HasCode(err, "DisabledException") || !cloud.NotAccepted(err) {
		t.Errorf("a disabled key: %v", err)
	}
}
