package bucket_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestReadingCostsOneListAndSixCallsABucketAndWritesNothing(t *testing.T) {
	t.Parallel()
	var many []config.Bucket
	for i := range 7 {
		b := checkpoints()
		b.Name, b.Bucket = fmt.Sprintf("validator-%d-fuji", i), fmt.Sprintf("example-staging-validator-%d-fuji", i)
		many = append(many, b)
	}
	b := newBench(t, many...)
	b.create()
	// One is not declared any more, and is read by its mark all the same.
	b.env = environment(many[1:]...)
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != 7 {
		t.Fatalf("%d buckets seen", len(seen.Owned))
	}
	want := map[string]int{
		"tagging.GetResources": 1, "s3.ListBuckets": 1, "s3.GetBucketTagging": 7, "s3.GetBucketPolicy": 7, "s3.GetPublicAccessBlock": 7,
		"s3.GetBucketOwnershipControls": 7, "s3.GetBucketVersioning": 7, "s3.GetBucketEncryption": 7,
	}
	if have := b.fake.Calls(); !maps.Equal(have, want) {
		t.Errorf("calls\nhave %v\nwant %v", have, want)
	}
	b.env = environment()
	empty := newBench(t)
	if seen := empty.observe(); len(seen.Owned) != 0 || empty.fake.Total() != 1 {
		t.Errorf("an environment without buckets asks %v", empty.fake.Calls())
	}
}

// iamNames are the operations that IAM calls otherwise than the API.
func iamNames() map[string]string {
	return map[string]string{
		"s3.ListBuckets": "s3:ListAllMyBuckets", "s3.HeadBucket": "s3:ListBucket", "tagging.GetResources": "tag:GetResources",
		"s3.GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock", "s3.PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
		"s3.GetBucketEncryption": "s3:GetEncryptionConfiguration", "s3.PutBucketEncryption": "s3:PutEncryptionConfiguration",
	}
}

func TestEveryCallIsADeclaredActionAndEveryActionIsCalled(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs(), checkpoints())
	b.create()
	b.fake.Forget()
	// Every part of a bucket is spoiled once, so that all writes happen.
	for _, name := range []string{
		"the public access block is lifted", "the policy is removed", "ownership is off", "versioning is suspended",
		"encryption is by a key that readers have not", "a tag is retyped",
	} {
		b.drift()[name](t)
	}
	// What somebody else's hands called is not ours.
	b.fake.Forget()
	_, steps, deferred := b.judge()
	b.do(steps...)
	if want := "set-versioning set-encryption tag-bucket"; len(deferred) > 0 || !strings.HasPrefix(ops(steps), want) {
		t.Fatalf("steps %s, deferred %v", ops(steps), deferred)
	}
	b.env = environment(proofs(), checkpoints(), config.Bucket{Name: "third", Bucket: "example-staging-third", Region: oregon})
	b.create3()
	declared := map[string]kind.Action{}
	for _, a := range b.kind.Actions {
		if declared[a.Name].Name != "" {
			t.Errorf("%s is declared twice", a.Name)
		}
		declared[a.Name] = a
	}
	called := map[string]bool{"s3:TagResource": true} // inside CreateBucket
	calls, other := b.fake.Calls(), legacyWriter(t)
	other.fake.Forget()
	other.observe()
	maps.Copy(calls, other.fake.Calls())
	for operation := range calls {
		name, odd := iamNames()[operation]
		if !odd {
			name = strings.Replace(operation, ".", ":", 1)
		}
		called[name] = true
		if a, ok := declared[name]; !ok || a.Writes != cloudtest.Writes(operation) {
			t.Errorf("%s is called and declared as %+v", name, a)
		}
	}
	for name, a := range declared {
		if !called[name] {
			t.Errorf("%s is declared and never called", name)
		}
		for _, op := range a.Ops {
			if _, known := b.kind.Traits.Risks[op]; !known {
				t.Errorf("%s is for %q, which is no operation", name, op)
			}
		}
	}
}

// create3 makes the third bucket.
func (b *bench) create3() {
	b.Helper()
	for _, want := range b.declare() {
		if want.ID.Name == "third" {
			steps, err := b.kind.Steps(nil, &want, nil)
			must(b.T, steps, err)
			b.do(steps...)
		}
	}
}

func TestANameThatSomebodyElseHasIsRefusedAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.fake.OthersBucket(zero)
	rules, steps, deferred := b.judge()
	if !slices.Equal(rules, []string{"name-taken"}) || len(steps) > 0 || len(deferred) != 1 || !strings.HasPrefix(deferred[0], "name-taken: bucket "+zero) {
		t.Errorf("rules %v, steps %s, deferred %v", rules, ops(steps), deferred)
	}
	// Somebody was faster than the plan.
	want := b.declare()[0]
	forced, err := b.kind.Steps(nil, &want, nil)
	must(t, forced, err)
	var refused *kind.NotAcceptedError
	if err := b.try(forced[0]); !errors.As(err, &refused) || !strings.Contains(err.Error(), "another name") {
		t.Errorf("create: %v", err)
	}
	if writes := b.writes(); len(writes) > 0 {
		t.Errorf("written: %v", writes)
	}
}

func TestABucketElsewhereIsRefusedAndNeverMadeAgain(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]map[string]string{
		"without a mark":       {"team": "bridge"},
		"marked for its place": kind.MarkTags("staging", resource.ID{Kind: bucket.Name, Scope: "eu-west-1", Name: "proofs"}),
		"marked for ours":      kind.MarkTags("staging", proofs().ResourceID()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stated := proofs()
			stated.Adopt = true
			b := newBench(t, stated)
			b.in("eu-west-1", &s3.CreateBucketInput{Bucket: aws.String(zero), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1", Tags: tagSet(tags)}})
			b.fake.Forget()
			rules, steps, deferred := b.judge()
			if !slices.Equal(rules, []string{"wrong-region"}) || len(steps) > 0 || len(deferred) != 1 {
				t.Errorf("rules %v, steps %s, deferred %v", rules, ops(steps), deferred)
			}
			want := b.declare()[0]
			forced, err := b.kind.Steps(nil, &want, nil)
			must(t, forced, err)
			if err := b.try(forced[0]); err == nil {
				t.Error("made again")
			}
			if writes := b.writes(); len(writes) > 0 {
				t.Errorf("written: %v", writes)
			}
		})
	}
}

func TestARenamedOrDoubledBucketIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	renamed := proofs()
	renamed.Bucket = "example-staging-proofs-2"
	b.env = environment(renamed)
	if rules, steps, _ := b.judge(); !slices.Equal(rules, []string{"renamed"}) || len(steps) > 0 {
		t.Errorf("renamed: rules %v, steps %s", rules, ops(steps))
	}
	b.env = environment(proofs())
	b.in(oregon, &s3.CreateBucketInput{Bucket: aws.String("a-copy"), CreateBucketConfiguration: &types.CreateBucketConfiguration{
		LocationConstraint: oregon, Tags: tagSet(kind.MarkTags("staging", proofs().ResourceID())),
	}})
	if rules, steps, _ := b.judge(); !slices.Equal(rules, []string{"duplicate-id"}) || len(steps) > 0 {
		t.Errorf("doubled: rules %v, steps %s", rules, ops(steps))
	}
}

func TestWhatCannotBeReadOfOneBucketHidesNoOther(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{
		"s3.GetBucketTagging", "s3.GetBucketPolicy", "s3.GetPublicAccessBlock", "s3.GetBucketOwnershipControls", "s3.GetBucketVersioning", "s3.GetBucketEncryption",
	} {
		b := newBench(t, proofs(), checkpoints())
		b.create()
		heal := b.fake.Break(cloudtest.Denied, 1, cloudtest.Is(operation))
		seen := b.kind.Observe(t.Context(), b.env, nil)
		heal()
		if len(seen.Owned) != 1 || len(seen.Foreign) > 0 || len(seen.Unread) != 1 || seen.Unread[0].Covers(seen.Owned[0].ID) {
			t.Errorf("%s: %d seen, unread %+v", operation, len(seen.Owned), seen.Unread)
			continue
		}
		if !strings.HasPrefix(seen.Unread[0].Operation, "s3:Get") || !strings.Contains(seen.Unread[0].Cause, "access denied") {
			t.Errorf("%s: unread %+v", operation, seen.Unread[0])
		}
	}
}

func TestAListThatLagsIsAskedAgainByName(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.fake.Freeze()
	b.create()
	if seen := b.observe(); len(seen.Owned) != 1 {
		t.Errorf("%d seen of what the list does not show yet", len(seen.Owned))
	}
	b.fake.Thaw()
	b.fake.Freeze()
	out, err := b.fake.S3(oregon).DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(zero)})
	must(t, out, err)
	if seen := b.observe(); len(seen.Owned) != 0 {
		t.Error("a bucket is seen that only lists still show")
	}
	b.fake.Thaw()
}

func TestOtherPeoplesTagsStay(t *testing.T) {
	t.Parallel()
	stated := proofs()
	stated.Adopt, stated.Protect = true, true
	b := newBench(t, stated)
	b.make(t, map[string]string{"team": "bridge", "agent": "relayer"})
	b.fake.SystemTag(zero, "aws:cloudformation:stack-name", "old")
	policy := strings.ReplaceAll(widened, `"Principal":"*"`, `"Principal":{"AWS":"`+writer+`"}`)
	b.putPolicy(t, strings.ReplaceAll(policy, "ACTION", "s3:PutObject"))
	before := b.print(t)
	b.fake.Forget()
	_, steps, deferred := b.judge()
	if ops(steps) != kind.AdoptOp || len(deferred) > 0 {
		t.Fatalf("steps %s, deferred %v", ops(steps), deferred)
	}
	b.do(steps...)
	if writes := b.writes(); !slices.Equal(writes, []string{"s3.PutBucketTagging"}) {
		t.Errorf("an adoption writes %v", writes)
	}
	tags := b.tags(t)
	want := map[string]string{"team": "bridge", "agent": "relayer", "aws:cloudformation:stack-name": "old"}
	maps.Copy(want, kind.MarkTags("staging", stated.ResourceID()))
	if !maps.Equal(tags, want) {
		t.Errorf("tags after the adoption: %v", tags)
	}
	if _, rest, _ := strings.Cut(b.print(t), "},"); !strings.HasSuffix(before, rest) {
		t.Errorf("more than tags changed:\n%s\n%s", before, b.print(t))
	}
	// The next plan does the rest, and leaves what is other people's.
	_, steps, _ = b.judge()
	b.do(steps...)
	maps.Copy(want, map[string]string{"agent": "processor", "use": "proofs", kind.TagProtect: "true"})
	if tags := b.tags(t); !maps.Equal(tags, want) {
		t.Errorf("tags at last: %v", tags)
	}
	// The protection stays when nobody declares it any more.
	b.env = environment(proofs())
	if _, steps, _ := b.judge(); len(steps) > 0 || !b.spec(stated.ResourceID()).Protect {
		t.Errorf("steps %s", ops(steps))
	}
}

func TestAMarkThatWasTakenOffStopsEveryWrite(t *testing.T) {
	t.Parallel()
	for name := range newBench(t).drift() {
		b := newBench(t, proofs())
		b.create()
		b.drift()[name](t)
		_, steps, _ := b.judge()
		b.setTags(t, map[string]string{kind.TagEnvironment: "production", kind.TagID: proofs().ResourceID().String()})
		b.refuses(steps, name, "production")
		b.setTags(t, kind.MarkTags("staging", checkpoints().ResourceID()))
		b.refuses(steps, name, checkpoints().Name)
		b.fake.Forget()
		b.refuses(steps, name, checkpoints().Name)
		if writes := b.writes(); len(writes) > 0 {
			t.Errorf("%s: written: %v", name, writes)
		}
	}
}

// refuses fails unless every step names the mark that it found, and is not
// done.
func (b *bench) refuses(steps []resource.Step, name, mark string) {
	b.Helper()
	for _, step := range steps {
		var refused *kind.NotAcceptedError
		if err := b.try(step); !errors.As(err, &refused) || !strings.Contains(err.Error(), mark) {
			b.Errorf("%s: %s: %v", name, step.Op, err)
		}
	}
}

func TestRiskIsByWhatAStepOpens(t *testing.T) {
	t.Parallel()
	for drift, want := range map[string]string{
		"the public access block is lifted":            "close-public-access",
		"the public access block is deleted":           "close-public-access",
		"the public access block is closed":            "set-public-access",
		"the policy is removed":                        "put-policy",
		"the policy is widened to list":                "put-policy",
		"the policy is widened and its readers locked": "set-public-access put-policy set-public-access",
	} {
		b := newBench(t, proofs())
		b.create()
		b.drift()[drift](t)
		if _, steps, _ := b.judge(); ops(steps) != want {
			t.Errorf("%s: %s, want %s", drift, ops(steps), want)
		}
	}
	b := newBench(t, proofs())
	b.create()
	text, err := b.spec(proofs().ResourceID()).Policy.Text()
	must(t, text, err)
	more := `{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::` + zero + `/*"},`
	b.putPolicy(t, strings.Replace(text, `"Statement":[`, `"Statement":[`+more, 1))
	if _, steps, _ := b.judge(); ops(steps) != "narrow-policy" {
		t.Errorf("a statement too many: %s", ops(steps))
	}
	risks := b.kind.Traits.Risks
	if risks["narrow-policy"] != resource.Protective || risks["close-public-access"] != resource.Protective ||
		risks["put-policy"] != resource.Sensitive || risks["set-public-access"] != resource.Sensitive || risks["create-bucket"] != resource.Routine {
		t.Errorf("risks %v", risks)
	}
}

func TestAPolicyThatIsTooWideNeverStandsOpenWhileItIsMended(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	b.putPolicy(t, strings.ReplaceAll(widened, "ACTION", "s3:*"))
	b.block(t, true, true)
	_, steps, _ := b.judge()
	for _, step := range steps {
		b.do(step)
		live := b.spec(proofs().ResourceID())
		text, err := live.Policy.Text()
		must(t, text, err)
		if strings.Contains(text, "s3:*") && !live.PublicAccess.RestrictBuckets {
			t.Errorf("after %s everybody may do everything", step.Op)
		}
	}
}

func TestAShuffledPolicyIsNoDifferenceAndOneNotUnderstoodIs(t *testing.T) {
	t.Parallel()
	b := newBench(t, proofs())
	b.create()
	policy := b.spec(proofs().ResourceID()).Policy
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(policy.Statements), func(i, j int) {
			policy.Statements[i], policy.Statements[j] = policy.Statements[j], policy.Statements[i]
		})
		for i := range policy.Statements {
			s := &policy.Statements[i]
			random.Shuffle(len(s.Actions), func(i, j int) { s.Actions[i], s.Actions[j] = s.Actions[j], s.Actions[i] })
			random.Shuffle(len(s.Resources), func(i, j int) { s.Resources[i], s.Resources[j] = s.Resources[j], s.Resources[i] })
			s.Sid = ""
		}
		text, err := policy.Text()
		must(t, text, err)
		b.putPolicy(t, text)
		if !b.equal() {
			t.Fatalf("a shuffled policy differs: %s", text)
		}
	}
	policy.Statements[0].Conditions = map[string]map[string]accessValues{"StringEquals": {"aws:PrincipalOrgID": literals("o-1")}}
	text, err := policy.Text()
	must(t, text, err)
	b.putPolicy(t, text)
	if b.equal() {
		t.Error("another condition is no difference")
	}
}

// equal reports that the declared policy is satisfied by the live one.
func (b *bench) equal() bool {
	b.Helper()
	return b.kind.Traits.Satisfies("policy", b.declare()[0].Attrs, b.observe().Owned[0].Attrs)
}

func TestAWriterMadeAMomentAgoIsWaitedFor(t *testing.T) {
	t.Parallel()
	stated := proofs()
	user := config.User{Name: "processor", Path: "/reconcile/staging/"}
	stated.Writers = []string{user.ARN(account), writer}
	b := newBench(t, stated)
	b.env.Access.Users = []config.User{user}
	refs := b.declare()[0].Attrs.Refs()
	if len(refs) != 1 || refs[0] != (resource.Ref{ID: config.UserID("processor"), Output: "arn"}) {
		t.Fatalf("refs %v: a writer of ours is made first", refs)
	}
	b.fake.IAM().Lag(3)
	out, err := b.fake.IAM().CreateUser(t.Context(), &iam.CreateUserInput{UserName: &user.Name, Path: &user.Path})
	must(t, out, err)
	b.known[refs[0]] = user.ARN(account)
	b.create()
	if tries := b.fake.Calls()["s3.PutBucketPolicy"]; tries != 4 {
		t.Errorf("the policy was sent %d times, want 4", tries)
	}
	// One that never comes ends with S3's own answer.
	stated = checkpoints()
	stated.Writers = []string{"arn:aws:iam::" + account + ":user/nobody"}
	b.env = environment(stated)
	steps, err := b.kind.Steps(nil, &b.declare()[0], nil)
	must(t, steps, err)
	b.do(steps[:3]...)
	var refused *kind.NotAcceptedError
	if err := b.try(steps[3]); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Invalid principal") {
		t.Errorf("a writer that does not exist: %v", err)
	}
}

func TestTheOldestRegionIsAskedInItsOwnWay(t *testing.T) {
	t.Parallel()
	stated := proofs()
	stated.Region = "us-east-1"
	b := newBench(t, stated)
	b.create()
	if have := b.spec(stated.ResourceID()); have.Region != "us-east-1" {
		t.Errorf("made in %s", have.Region)
	}
	// There, S3 says that all is well for a bucket that is there already.
	taken := newBench(t, stated)
	taken.in("us-east-1", &s3.CreateBucketInput{Bucket: aws.String(zero)})
	steps, err := taken.kind.Steps(nil, &taken.declare()[0], nil)
	must(t, steps, err)
	taken.fake.Forget()
	if err := taken.try(steps[0]); err == nil || taken.fake.Calls()["s3.CreateBucket"] > 0 {
		t.Errorf("create over somebody's bucket: %v", err)
	}
}

func TestTheKindNeedsWhatItWorksWith(t *testing.T) {
	t.Parallel()
	if _, err := bucket.New(bucket.Options{Buckets: cloud.Buckets{S3: func(string) cloud.BucketAPI { return nil }, Account: account}}); err == nil {
		t.Error("made without an inventory: undeclared buckets would be invisible")
	}
}
