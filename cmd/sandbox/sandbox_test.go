package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/journal"
)

func TestUpPlaysAnEnvironmentOfHexKeysWithItsJournalAside(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "development")
	env := w.load(root)
	requireChains(t, env)
	w.requireBanks(env)
	store, err := journal.NewFileStore(env.Store.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(env.Store.Path, w.folder) {
		t.Errorf("the journal is at %s, outside of %s: it could be the real one", env.Store.Path, w.folder)
	}
	requireAnchor(t, store, "development", git(t, root, "rev-parse", "HEAD"))
	w.requireGoesDown(env, syscall.SIGINT)
}

func TestUpPlaysAnEnvironmentOfKMSKeysWithItsBucket(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "staging", "--open")
	env := w.load(root)
	if !env.Overlay.Open {
		t.Error("--open is not in the overlay")
	}
	requireChains(t, env)
	w.requireBanks(env)
	client := w.session(env).S3(env.Store.Region)
	versioning, err := client.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: aws.String(env.Store.Bucket)})
	if err != nil || versioning.Status != s3types.BucketVersioningStatusEnabled {
		t.Errorf("versioning of %s is %q (%v)", env.Store.Bucket, versioning.Status, err)
	}
	closed, err := w.session(env).Buckets().Read(t.Context(), env.Store.Region, env.Store.Bucket)
	if err != nil || closed.PublicAccess != cloud.NoPublicAccess() || !strings.Contains(closed.Policy, "aws:SecureTransport") {
		t.Errorf("the journal's bucket is open: %+v %v", closed, err)
	}
	requireAnchor(t, journal.NewS3Store(client, env.Store.Bucket, env.Store.Prefix), "staging", git(t, root, "rev-parse", "HEAD"))
	w.requireGoesDown(env, syscall.SIGTERM)
}

func TestSomebodyActsThroughTheSameAPIsAsEverybody(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "staging", "--with", "relayer-signer-fuji=0.75")
	env := w.load(root)
	if burned := w.do("burn", "staging", "fuji", "relayer-signer-fuji", "0.25"); burned != "fuji/relayer-signer-fuji: burned 0.25 of 0.75 AVAX\n" {
		t.Errorf("burn says %q", burned)
	}
	bank, _ := env.Key("bank")
	client := w.session(env).KMS(bank.Region)

	w.do("retag", "staging", "bank", "use=signer")
	described, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(bank.Alias)})
	if err != nil {
		t.Fatal(err)
	}
	tags, err := client.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: described.KeyMetadata.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, tag := range tags.Tags {
		have[aws.ToString(tag.TagKey)] = aws.ToString(tag.TagValue)
	}
	if have["use"] != "signer" {
		t.Errorf("tag use is %q after retag", have["use"])
	}

	if burned := w.do("burn", "staging", "fuji", "bank", "50%"); !strings.Contains(burned, "fuji/bank: burned 5000 of 10000 AVAX") {
		t.Errorf("burn says %q", burned)
	}
	if burned := w.do("burn", "staging", "fuji", "bank", "0.25"); !strings.Contains(burned, "burned 0.25 of ") {
		t.Errorf("burn says %q", burned)
	}

	for name, test := range map[string]struct{ args, want string }{
		"an unknown key":         {"retag staging banc a=b", `staging: no key "banc"`},
		"a tag without value":    {"retag staging bank use", `"use" is not tag=value`},
		"an unknown network":     {"burn staging fudji bank 1", `staging: no network "fudji" among 8`},
		"an amount in words":     {"burn staging fuji bank lots", `fuji/bank: "lots" is not an amount in whole coins`},
		"an amount too exact":    {"burn staging fuji bank 0.0000000000000000001", "more than 18 decimals"},
		"another environment":    {"retag production bank a=b", "sandbox production: not up"},
		"more than there is":     {"burn staging fuji bank 9999999", "insufficient funds"},
		"a key not made as yet":  {"disable-key staging relayer-signer-sepolia", "kms-key/us-west-2/relayer-signer-sepolia: "},
		"an amount without keys": {"burn staging fuji 1", "accepts 4 arg(s), received 3"},
		"nobody of this name":    {"detach staging relayer", `no user, group or role "relayer" has a policy`},
	} {
		_, stderr, code := sandboxed(t, "", append(strings.Fields(test.args), "--dir", w.folder)...)
		if code != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, says %q, want %q", name, code, stderr, test.want)
		}
	}

	w.do("detach", "staging", "reconcile-plan-staging")
	attached, err := w.session(env).IAM().ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("reconcile-plan-staging")})
	if err != nil || len(attached.AttachedPolicies) > 0 {
		t.Errorf("%d policies are attached after detach (%v)", len(attached.AttachedPolicies), err)
	}

	w.do("disable-key", "staging", "bank")
	described, err = client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String(bank.Alias)})
	if err != nil || described.KeyMetadata.Enabled {
		t.Errorf("the key is enabled after disable-key (%v)", err)
	}
}

func TestTwoSandboxesRunSideBySideAndOneEnvironmentOnlyOnce(t *testing.T) {
	t.Parallel()
	root := repository(t, generated(12))
	one := up(t, root, "wide")
	two := &world{t: t, env: "development", folder: one.folder}
	two.start([]string{"up", "development", "-C", root, "--dir", one.folder})
	requireChains(t, one.load(root))
	requireChains(t, two.load(root))

	_, stderr, code := sandboxed(t, "", "up", "wide", "-C", root, "--dir", one.folder)
	if code != 1 || !strings.Contains(stderr, "sandbox wide: already up") || !strings.Contains(stderr, "hint: sandbox down wide") {
		t.Errorf("a second one: exit %d, says %q", code, stderr)
	}
	status := one.do("status")
	for _, want := range []string{"development: up since ", "wide: up since ", "12 networks"} {
		if !strings.Contains(status, want) {
			t.Errorf("status lacks %q:\n%s", want, status)
		}
	}
	one.do("down", "wide")
	if code := one.ends(); code != 0 {
		t.Errorf("exit %d after down:\n%s", code, one.said())
	}
	if status := two.do("status"); strings.Contains(status, "wide") || !strings.Contains(status, "development") {
		t.Errorf("status after down:\n%s", status)
	}
	_, stderr, code = sandboxed(t, "", "down", "wide", "--dir", one.folder)
	if code != 1 || !strings.Contains(stderr, "sandbox wide: not up") {
		t.Errorf("down again: exit %d, says %q", code, stderr)
	}
}

func TestASignalWhileStartingLeavesNothing(t *testing.T) {
	t.Parallel()
	root := repository(t, generated(40))
	w := &world{t: t, env: "wide", folder: filepath.Join(t.TempDir(), "worlds")}
	ready := w.launch([]string{"up", "wide", "-C", root, "--dir", w.folder})
	w.waitFor("key: bank is 0x") // 40 chains are still to come
	w.signal(syscall.SIGINT)
	code := w.ends()
	select {
	case <-ready: // the signal came late, on a very busy machine
		if code != 0 {
			t.Errorf("exit %d, says:\n%s", code, w.said())
		}
	default:
		if code != 1 || !strings.HasSuffix(w.said(), "sandbox wide: interrupted while starting\n") {
			t.Errorf("exit %d, says:\n%s", code, w.said())
		}
	}
	if _, err := os.Stat(filepath.Join(w.folder, "wide")); !os.IsNotExist(err) {
		t.Errorf("its folder is still there (%v)", err)
	}
}

func TestAKilledSandboxLeavesNothingRunningAndTheNextOneStarts(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "development")
	env := w.load(root)
	bank := w.bank(env)
	w.signal(syscall.SIGKILL)
	w.ends()
	w.requireSilence(env, bank)
	if _, stderr, code := sandboxed(t, "", "retag", "development", "bank", "a=b", "--dir", w.folder); code != 1 || !strings.Contains(stderr, "not up") {
		t.Errorf("the files of a killed sandbox are believed: exit %d, %s", code, stderr)
	}
	w.start([]string{"up", "development", "-C", root, "--dir", w.folder})
	requireChains(t, w.load(root))
}

func TestWhatCannotBePlayedIsSaidInOneLineAndLeavesNothing(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	bare := t.TempDir()
	if err := os.CopyFS(filepath.Join(bare, "environments"), os.DirFS("../../environments")); err != nil {
		t.Fatal(err)
	}
	git(t, bare, "init", "-q")
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "go.mod"), []byte("module elsewhere\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dir  string
		args []string
		want string
	}{
		"no emulator":              {elsewhere, []string{"up", "staging", "-C", root}, "moto is missing: run make setup\n"},
		"no commit":                {"", []string{"up", "staging", "-C", bare}, "no commit: the first anchor"},
		"open where money is real": {"", []string{"up", "production", "-C", root, "--open"}, "--open: class is mainnet, need testnet"},
		"no such key":              {"", []string{"up", "staging", "-C", root, "--with", "nobody=1"}, `staging: no key "nobody" among`},
		"no such environment":      {"", []string{"up", "stageing", "-C", root}, "no such environment"},
	} {
		folder := filepath.Join(t.TempDir(), "worlds")
		stdout, stderr, code := sandboxed(t, test.dir, append(test.args, "--dir", folder)...)
		if code != 1 || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%s: exit %d, prints %q, says %q, want %q", name, code, stdout, stderr, test.want)
		}
		if left, _ := filepath.Glob(filepath.Join(folder, "*", "*")); len(left) > 0 {
			t.Errorf("%s: leaves %v", name, left)
		}
	}
}

func TestTheScriptPointsAShellAtTheSandboxAndAwayFromRealAccounts(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "development")
	overlay := w.load(root).Overlay
	shell := exec.Command("sh", "-c", `. "$0" && env`, w.path("env.sh"))
	shell.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_PROFILE=production", "AWS_SESSION_TOKEN=real", "AWS_ACCESS_KEY_ID=real"}
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	have := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "RECONCILE_") {
			have[name] = value
		}
	}
	want := map[string]string{
		"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_ENDPOINT_URL": overlay.AWS.Endpoint, "RECONCILE_OVERLAY": w.path("overlay.json"),
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("variables (-want +have):\n%s", diff)
	}
}
