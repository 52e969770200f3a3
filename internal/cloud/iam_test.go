package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const (
	byECS   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	signing = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:Sign"],"Resource":"*","Condition":{"StringLike":{"kms:RequestAlias":"alias/a b+c%20/*"}}}]}`
	details = "iam.GetAccountAuthorizationDetails"
)

// walker answers GetAccountAuthorizationDetails as told.
type walker func(ctx context.Context, nth int, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error)

type walkers struct {
	mu     sync.Mutex
	asked  int
	answer walker
}

func (w *walkers) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput, _ ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	w.mu.Lock()
	w.asked++
	nth := w.asked
	w.mu.Unlock()
	return w.answer(ctx, nth, in)
}

func (w *walkers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// named is a page with one user, whose name tells which walk it is from.
func named(nth int) *iam.GetAccountAuthorizationDetailsOutput {
	return &iam.GetAccountAuthorizationDetailsOutput{UserDetailList: []types.UserDetail{{UserName: aws.String(fmt.Sprint(nth))}}}
}

func name(all *access.Directory) string {
	if all == nil || len(all.Users) == 0 {
		return ""
	}
	return all.Users[0].Name
}

func TestAWorldIsReadOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	api := &walkers{answer: func(_ context.Context, nth int, _ *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
		return named(nth), nil
	}}
	d := cloud.NewDirectory(api, cloud.Clock{}, nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if all, err := d.All(t.Context()); err != nil || name(all) != "1" {
				t.Errorf("walk %q: %v", name(all), err)
			}
		})
	}
	group.Wait()
	if api.count() != 1 {
		t.Errorf("asked %d times", api.count())
	}
	// What it found stands, also when it found that it may not look.
	refused := &walkers{answer: func(context.Context, int, *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
		return nil, errors.New("no")
	}}
	d = cloud.NewDirectory(refused, cloud.Clock{}, nil)
	for range 3 {
		if _, err := d.All(t.Context()); err == nil || err.Error() != "iam:GetAccountAuthorizationDetails on account: no" {
			t.Errorf("got %v", err)
		}
	}
	if refused.count() != 1 {
		t.Errorf("asked %d times after a refusal", refused.count())
	}
}

func TestACallerWhoGoesAwayFailsNobodyElse(t *testing.T) {
	t.Parallel()
	for what, ask := range map[string]func(*cloud.Directory, context.Context) (*access.Directory, error){"all": (*cloud.Directory).All, "fresh": (*cloud.Directory).Fresh} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &walkers{answer: func(ctx context.Context, nth int, _ *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(time.Second):
						return named(nth), nil
					}
				}}
				d := cloud.NewDirectory(api, cloud.Clock{}, nil)
				first, leave := context.WithTimeout(t.Context(), time.Second/2)
				defer leave()
				// The first has begun a walk when the second plans one that the third
				// waits for; both first and second leave.
				var group sync.WaitGroup
				for _, ctx := range []context.Context{first, first, t.Context()} {
					group.Go(func() {
						all, err := ask(d, ctx)
						if stays := ctx != first; stays && (err != nil || len(all.Users) != 1) || !stays && !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("stays %t: %v %v", stays, all, err)
						}
					})
					synctest.Wait()
				}
				group.Wait()
			})
		})
	}
}

func TestAFreshReadingBeginsAfterTheCallAndIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &walkers{answer: func(_ context.Context, nth int, _ *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			time.Sleep(time.Second)
			return named(nth), nil
		}}
		d := cloud.NewDirectory(api, cloud.Clock{}, nil)
		var group sync.WaitGroup
		ask := func(want string) {
			group.Go(func() {
				if all, err := d.Fresh(t.Context()); err != nil || name(all) != want {
					t.Errorf("walk %q, want %s: %v", name(all), want, err)
				}
			})
			synctest.Wait()
		}
		ask("1")
		// The first walk runs: what it shows may be older than these calls.
		for range 10 {
			ask("2")
		}
		time.Sleep(time.Second + time.Millisecond)
		// The second walk runs now.
		for range 5 {
			ask("3")
		}
		group.Wait()
		ask("4")
		group.Wait()
		if api.count() != 4 {
			t.Errorf("%d walks for 17 callers, want 4", api.count())
		}
	})
}

func TestAWriteHasSettledWhenTwoReadingsInARowShowIt(t *testing.T) {
	t.Parallel()
	waits := []time.Duration{time.Second, time.Second, time.Second}
	refused := errors.New("refused")
	for what, test := range map[string]struct {
		shows     string // + a reading that shows it, - one that does not, ! one that fails
		asked     int
		unsettled bool
		err       error
	}{
		"at once":             {"++", 2, false, nil},
		"from one replica":    {"+-++", 4, false, nil},
		"after some time":     {"---++", 5, false, nil},
		"never":               {"----", 4, true, nil},
		"by one replica only": {"+-+-+-+-", 8, true, nil},
		"and cannot be read":  {"-!", 2, false, refused},
	} {
		api := &walkers{answer: func(_ context.Context, nth int, _ *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			if test.shows[nth-1] == '!' {
				return nil, refused
			}
			return &iam.GetAccountAuthorizationDetailsOutput{UserDetailList: []types.UserDetail{{UserName: aws.String(test.shows[nth-1 : nth])}}}, nil
		}}
		now := time.Unix(0, 0)
		clock := cloud.Clock{Now: func() time.Time { return now }, Sleep: func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }}
		err := cloud.NewDirectory(api, clock, waits).Settle(t.Context(), "user ada", func(all *access.Directory) bool { return name(all) == "+" })
		var unsettled *cloud.UnsettledError
		if errors.As(err, &unsettled) != test.unsettled || test.err != nil && !errors.Is(err, test.err) || !test.unsettled && test.err == nil && err != nil || api.count() != test.asked {
			t.Errorf("%s: %v after %d readings, want %d", what, err, api.count(), test.asked)
		}
		if what == "never" && err.Error() != "IAM accepted it, and does not show it after 3s: user ada" {
			t.Errorf("%s: %q", what, err)
		}
	}
}

func TestAThousandEntitiesAreOnePage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ users, policies, short, calls int }{
		{0, 0, 0, 1}, {900, 100, 0, 1}, {900, 101, 0, 2}, {1500, 1000, 0, 3}, {150, 0, 50, 3}, {151, 0, 50, 4},
	} {
		f := cloudtest.NewFake(account)
		f.IAM().ShortPages(test.short)
		for i := range test.users {
			if err := second(f.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String(fmt.Sprintf("u-%d", i))})); err != nil {
				t.Fatal(err)
			}
		}
		for i := range test.policies {
			if err := second(f.IAM().CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: aws.String(fmt.Sprintf("p-%d", i)), PolicyDocument: aws.String(signing)})); err != nil {
				t.Fatal(err)
			}
		}
		f.Forget()
		all, err := cloud.NewDirectory(f.IAM(), cloud.Clock{}, nil).All(t.Context())
		if err != nil || len(all.Users) != test.users || len(all.Policies) != test.policies || f.Total() != test.calls || f.Calls()[details] != test.calls {
			t.Errorf("%d users and %d policies in %v, want %d calls: %v", test.users, test.policies, f.Calls(), test.calls, err)
		}
	}
}

func TestPagesThatNeverEndAreAnError(t *testing.T) {
	t.Parallel()
	for _, marker := range []*string{nil, aws.String(""), aws.String("same")} {
		api := &walkers{answer: func(context.Context, int, *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			return &iam.GetAccountAuthorizationDetailsOutput{IsTruncated: true, Marker: marker}, nil
		}}
		if _, err := cloud.NewDirectory(api, cloud.Clock{}, nil).All(t.Context()); err == nil || !strings.Contains(err.Error(), "no new marker") || api.count() > 2 {
			t.Errorf("%v after %d pages", err, api.count())
		}
	}
}

// encodings are how AWS and the emulator give a document.
func encodings() map[string]func(string) *string {
	return map[string]func(string) *string{
		"plain":       aws.String,
		"RFC 3986":    func(text string) *string { return aws.String(strings.ReplaceAll(url.QueryEscape(text), "+", "%20")) },
		"a path":      func(text string) *string { return aws.String(url.PathEscape(text)) },
		"lower case":  func(text string) *string { return aws.String(strings.ReplaceAll(url.PathEscape(text), "%7B", "%7b")) },
		"with blanks": func(text string) *string { return aws.String("\n " + text) },
	}
}

func TestADocumentMeansTheSameInEveryEncoding(t *testing.T) {
	t.Parallel()
	for what, encode := range encodings() {
		api := &walkers{answer: func(context.Context, int, *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			own := []types.PolicyDetail{{PolicyName: aws.String("own"), PolicyDocument: encode(signing)}}
			return &iam.GetAccountAuthorizationDetailsOutput{
				UserDetailList:  []types.UserDetail{{UserPolicyList: own}},
				GroupDetailList: []types.GroupDetail{{GroupPolicyList: own}},
				RoleDetailList:  []types.RoleDetail{{RolePolicyList: own, AssumeRolePolicyDocument: encode(byECS)}},
				Policies: []types.ManagedPolicyDetail{{
					Arn: aws.String("arn:aws:iam::111122223333:policy/reconcile/staging/signer"), DefaultVersionId: aws.String("v10"),
					PolicyVersionList: []types.PolicyVersion{{VersionId: aws.String("v10"), IsDefaultVersion: true, Document: encode(signing)}, {VersionId: aws.String("v9"), Document: encode(byECS)}},
				}},
			}, nil
		}}
		all, err := cloud.NewDirectory(api, cloud.Clock{}, nil).All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := access.Read(signing)
		policy := all.Policies[0]
		for _, got := range []access.Document{all.Users[0].Inline["own"], all.Groups[0].Inline["own"], all.Roles[0].Inline["own"], policy.Document} {
			if !got.Equivalent(want) {
				t.Errorf("%s: %+v", what, got)
			}
		}
		if !all.Roles[0].Trust.Equivalent(access.Read(byECS)) || policy.Name != "signer" || fmt.Sprint(policy.Versions) != "[v9 v10]" || policy.DefaultVersion != "v10" {
			t.Errorf("%s: trust %+v, policy %+v", what, all.Roles[0].Trust, policy)
		}
	}
}

func TestWhatIsNotUnderstoodIsAFaultOfThatDocumentOnly(t *testing.T) {
	t.Parallel()
	api := &walkers{answer: func(context.Context, int, *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
		return &iam.GetAccountAuthorizationDetailsOutput{
			RoleDetailList: []types.RoleDetail{{Arn: aws.String("b"), AssumeRolePolicyDocument: aws.String("%7B%zz")}, {Arn: aws.String("a"), AssumeRolePolicyDocument: aws.String(byECS)}, {Arn: aws.String("c")}},
			Policies:       []types.ManagedPolicyDetail{{PolicyVersionList: []types.PolicyVersion{{VersionId: aws.String("v1"), Document: aws.String(signing)}}}, {}},
		}, nil
	}}
	all, err := cloud.NewDirectory(api, cloud.Clock{}, nil).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, faulty := range []bool{false, true, true} {
		if (all.Roles[i].Trust.Fault != "") != faulty {
			t.Errorf("role %s: fault %q", all.Roles[i].ARN, all.Roles[i].Trust.Fault)
		}
	}
	if all.Policies[0].Document.Fault == "" || all.Policies[1].Document.Fault == "" {
		t.Errorf("policies without a version in force: %+v", all.Policies)
	}
}
