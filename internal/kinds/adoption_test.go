package kinds_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// validators are the agents of the environment, and the network of each.
func validators() map[string]string {
	return map[string]string{"alfajores-validator": "alfajores", "chiado-validator": "chiado", "fuji-validator": "fuji", "fuji-validator-b": "fuji", "sepolia-validator": "sepolia"}
}

// each makes a line for every agent of the environment, sorted.
func each(lines ...func(name, network, user string) string) []string {
	var all []string
	for name, network := range validators() {
		index := 0
		if strings.HasSuffix(name, "-b") {
			index = 1
		}
		for _, line := range lines {
			all = append(all, line(name, network, fmt.Sprintf("hyperlane-testnet4-%s-validator-%d", network, index)))
		}
	}
	slices.Sort(all)
	return all
}

func ofUser(format string) func(_, _, user string) string {
	return func(_, _, user string) string { return fmt.Sprintf(format, user) }
}

func ofPolicy(format string) func(name, _, _ string) string {
	return func(name, _, _ string) string { return fmt.Sprintf(format, "testnet4-"+name) }
}

func ofBucket(format string) func(name, network, _ string) string {
	return func(name, network, _ string) string { return fmt.Sprintf(format, name+"-"+network) }
}

func with(lines []string, more ...string) []string {
	return slices.Sorted(slices.Values(slices.Concat(lines, more)))
}

// adopted is the account once the first plan was applied.
func adopted(t *testing.T, edits ...string) (*reconciler, []agent, *witness) {
	t.Helper()
	fake, agents := legacy(t)
	r := &reconciler{fake: fake, env: environment(t, "hyperlane.txtar", "testnet4", edits...)}
	w := watch(t, fake, agents)
	d := r.plan(t)
	want := with(each(ofPolicy("create iam-policy/%s-storage: create-policy"), ofBucket("update bucket/%s: adopt"), ofUser("update iam-user/%s: adopt")),
		"update kms-key/validator-0: adopt", "update kms-key/validator-1: adopt")
	if strings.Contains(strings.Join(edits, ""), `"iam"`) {
		want = with(want, each(ofPolicy("create iam-policy/%s-signer: create-policy"))...)
	}
	if diff := cmp.Diff(want, d.ops()); diff != "" {
		t.Fatalf("the first plan (-want +got):\n%s", diff)
	}
	// What else differs is told, and waits.
	told := map[string][]string{}
	for _, c := range d.Changes {
		if c.Before == nil {
			continue
		}
		var paths []string
		for _, f := range c.Fields {
			paths = append(paths, f.Path)
		}
		told[c.ID.Name] = paths
	}
	if diff := cmp.Diff([]string{"adopt", "mark", "policy", "publicAccess", "tags", "versioning"}, told["sepolia-validator-sepolia"]); diff != "" {
		t.Errorf("what is told of a bucket (-want +got):\n%s", diff)
	}
	r.apply(t, d)
	return r, agents, w
}

// TestAnAccountOfHyperlanesIsAdoptedAndNoAccessIsLostAtAnySingleCall: the first
// plan writes marks and makes policies that nobody has; the second gives each
// user its right in IAM; the third takes from the buckets what is not declared.
// Whoever runs signs and writes all the while.
func TestAnAccountOfHyperlanesIsAdoptedAndNoAccessIsLostAtAnySingleCall(t *testing.T) {
	t.Parallel()
	r, agents, w := adopted(t)
	if diff := cmp.Diff(map[string]int{"iam.CreatePolicy": 5, "iam.TagUser": 5, "kms.TagResource": 2, "s3.PutBucketTagging": 5}, w.calls); diff != "" {
		t.Errorf("calls of the first plan (-want +got):\n%s", diff)
	}
	before := w.world()
	if user := before.Directory.Users[0]; user.Tags["chain"] != "alfajores" || user.Tags[kind.TagEnvironment] != "testnet4" || len(user.Attached) != 0 {
		t.Errorf("the first plan left %+v", user)
	}
	for _, p := range before.Directory.Policies {
		if p.Attachments != 0 {
			t.Errorf("policy %s is somebody's after the first plan", p.Name)
		}
	}
	plans := r.settle(t)
	if diff := cmp.Diff([][]string{
		with(each(ofUser("update iam-user/%s: attach-policy tag-user"), ofUser("update access-key/%s: create-access-key")),
			"update kms-key/validator-0: describe-key tag-key", "update kms-key/validator-1: describe-key tag-key"),
		each(ofBucket("update bucket/%s: set-versioning tag-bucket put-policy close-public-access")),
	}, plans); diff != "" {
		t.Errorf("the plans after the adoption (-want +got):\n%s", diff)
	}
	r.declared(t, w)
	if after := w.world(); !after.Keys[0].Policy.Equivalent(before.Keys[0].Policy) {
		t.Error("the key's policy named whom it should, and was written all the same")
	}
	r.handOver(t, w, agents)
	t.Logf("%d write calls, and after each of them all %d agents could sign, write and be read", w.total(), len(agents))
}

// declared demands what is declared of each bucket and user, and nothing more.
func (r *reconciler) declared(t *testing.T, w *witness) {
	t.Helper()
	world, api := w.world(), w.fake.S3(virginia)
	for _, a := range w.agents {
		for _, c := range []struct {
			action, tls string
			want        access.Verdict
		}{{"s3:DeleteObject", "true", access.NotAllowed}, {"s3:PutObject", "false", access.Denied}, {"s3:PutBucketPolicy", "true", access.NotAllowed}} {
			d := world.Decide(access.Request{Principal: a.arn(), Action: c.action, Resource: a.bucket + "/x", Context: map[string][]string{"aws:SecureTransport": {c.tls}}})
			if d.Verdict != c.want {
				t.Errorf("%s %s with TLS %s: %s, %s", a.user, c.action, c.tls, d.Verdict, d.Reason)
			}
		}
		name := aws.String(a.user)
		block, err := api.GetPublicAccessBlock(t.Context(), &s3.GetPublicAccessBlockInput{Bucket: name})
		must(t, err)
		b := block.PublicAccessBlockConfiguration
		if !*b.BlockPublicAcls || !*b.IgnorePublicAcls || *b.BlockPublicPolicy || *b.RestrictPublicBuckets {
			t.Errorf("%s: public access block %+v", a.user, b)
		}
		versions, err := api.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: name})
		must(t, err)
		if versions.Status != "Enabled" {
			t.Errorf("%s: versioning %q", a.user, versions.Status)
		}
	}
	for _, u := range world.Directory.Users {
		if u.Boundary != "" || u.Path != "/" {
			t.Errorf("user %s at %s has boundary %q", u.Name, u.Path, u.Boundary)
		}
	}
}

// handOver starts the agents again with the keys that are declared, and lets the
// old ones rest: then they go.
func (r *reconciler) handOver(t *testing.T, w *witness, agents []agent) {
	t.Helper()
	if rules := r.plan(t).Findings; len(rules) != len(agents) || rules[0].Rule != "access-key-in-use" {
		t.Errorf("findings while agents run on the old keys: %v", rules)
	}
	r.later += 8 * 24 * time.Hour
	for i := range w.agents {
		a := &w.agents[i]
		out, err := w.fake.SecretsManager(virginia).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(a.user + "-access-key")})
		must(t, err)
		var given struct{ AccessKeyId string }
		must(t, json.Unmarshal([]byte(aws.ToString(out.SecretString)), &given))
		a.accessKey = given.AccessKeyId
		r.fake.IAM().AgeAccessKey(a.accessKey, day(), day().Add(r.later))
	}
	if diff := cmp.Diff([][]string{each(ofUser("update access-key/%s: remove-stray-access-key"))}, r.settle(t)); diff != "" {
		t.Errorf("once nobody uses the old keys (-want +got):\n%s", diff)
	}
}

// TestAgentsMoveFromKeyPoliciesToIAMAndNoAccessIsLostAtAnySingleCall: the right
// to sign is given in IAM by one plan, and taken from the key's policy by the
// next. It may be one agent after the other, on one key.
func TestAgentsMoveFromKeyPoliciesToIAMAndNoAccessIsLostAtAnySingleCall(t *testing.T) {
	t.Parallel()
	r, agents, w := adopted(t)
	r.settle(t)
	const one = `"alfajores-validator": name: "hyperlane-testnet4-alfajores-validator-0" => "alfajores-validator": {grants: "iam", name: "hyperlane-testnet4-alfajores-validator-0"}`
	r.env = environment(t, "hyperlane.txtar", "testnet4", one)
	if diff := cmp.Diff([][]string{
		{
			"create iam-policy/testnet4-alfajores-validator-signer: create-policy",
			"update iam-user/hyperlane-testnet4-alfajores-validator-0: attach-policy",
		},
		{"update kms-key/validator-0: narrow-policy"},
	}, r.settle(t)); diff != "" {
		t.Errorf("one agent moves (-want +got):\n%s", diff)
	}
	if key := w.world().Keys[0]; key.Policy.Names(agents[0].arn()) || !key.Policy.Names(agents[1].arn()) {
		t.Errorf("the shared key's policy is %+v", key.Policy)
	}
	r.env = environment(t, "hyperlane.txtar", "testnet4", `grants: "keyPolicy" => grants: "iam"`)
	last := r.settle(t)
	if len(last) != 2 || len(last[0]) != 2*4 || !slices.Equal(last[1], []string{"update kms-key/validator-0: narrow-policy", "update kms-key/validator-1: narrow-policy"}) {
		t.Errorf("the others move: %v", last)
	}
	for _, key := range w.world().Keys {
		if len(key.Policy.Statements) != 1 {
			t.Errorf("left in the key's policy: %+v", key.Policy)
		}
	}
	t.Logf("%d write calls, and after each of them all %d agents could sign, write and be read", w.total(), len(agents))
}

// TestAnAccountIsAdoptedStraightIntoIAM, and IAM shows its writes late.
func TestAnAccountIsAdoptedStraightIntoIAM(t *testing.T) {
	t.Parallel()
	r, agents, w := adopted(t, `grants: "keyPolicy" => grants: "iam"`)
	r.fake.IAM().Lag(3)
	r.settle(t)
	r.fake.IAM().Lag(0)
	r.declared(t, w)
	t.Logf("%d write calls, and after each of them all %d agents could sign, write and be read", w.total(), len(agents))
	if left := slices.Sorted(maps.Keys(w.calls)); !slices.Contains(left, "kms.PutKeyPolicy") {
		t.Errorf("calls %v", left)
	}
}
