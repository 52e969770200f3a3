package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
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
	requireAnchor(t, journal.NewS3Store(client, env.Store.Bucket, env.Store.Prefix), "staging", git(t, root, "rev-parse", "HEAD"))
	w.requireGoesDown(env, syscall.SIGTERM)
}

func TestSomebodyActsThroughTheSameAPIsAsEverybody(t *testing.T) {
	t.Parallel()
	root := repository(t, nil)
	w := up(t, root, "staging")
	env := w.load(root)
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
		"an amount in words":     {"burn staging fuji bank lots", `fuji/bank: "lots" is not an amount`},
		"an amount too exact":    {"burn staging fuji bank 0.0000000000000000001", "more than 18 decimals"},
		"another environment":    {"retag production bank a=b", "sandbox production: not up"},
		"more than there is":     {"burn staging fuji bank 9999999", "insufficient funds"},
		"a key not made as yet":  {"disable-key staging relayer-signer-fuji", "kms-key/us-west-2/relayer-signer-fuji: "},
		"an amount without keys": {"burn staging fuji 1", "accepts 4 arg(s), received 3"},
	} {
		_, stderr, code := sandboxed(t, "", append(strings.Fields(test.args), "--dir", w.folder)...)
		if code != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, says %q, want %q", name, code, stderr, test.want)
		}
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

// load reads the environment as reconcile would, through the overlay.
func (w *world) load(root string) *config.Environment {
	w.t.Helper()
	data, err := os.ReadFile(w.path("overlay.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	overlay, err := config.LoadOverlay("overlay.json", data)
	if err != nil {
		w.t.Fatal(err)
	}
	env, _, err := config.Load(config.Options{Root: root, Name: w.env, Overlay: overlay})
	if err != nil {
		w.t.Fatal(err)
	}
	return env
}

func (w *world) session(env *config.Environment) *cloud.Session {
	w.t.Helper()
	session, err := open(w.t.Context(), env, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	return session
}

// open speaks to a sandbox's emulator; 0 attempts means as many as usual.
func open(ctx context.Context, env *config.Environment, attempts int) (*cloud.Session, error) {
	return cloud.Open(ctx, cloud.Options{
		Account: env.AWS.Account, Region: env.AWS.Region, Endpoint: env.Overlay.AWS.Endpoint, Unlimited: true, Attempts: attempts,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

// multicall3 is where Multicall3 is on every chain (github.com/mds1/multicall3).
var multicall3 = common.HexToAddress("0xcA11bde05977b3631167028862bE2a173976CA11")

func requireChains(t *testing.T, env *config.Environment) {
	t.Helper()
	endpoints := map[string]bool{}
	for _, n := range env.Networks {
		if len(n.RPC) != 1 || endpoints[n.RPC[0]] {
			t.Fatalf("%s: endpoints %v, need one of its own", n.Name, n.RPC)
		}
		endpoints[n.RPC[0]] = true
		client, err := ethclient.DialContext(t.Context(), n.RPC[0])
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		id, err := client.ChainID(t.Context())
		if err != nil || id.Uint64() != n.ChainID {
			t.Errorf("%s: chain id is %v (%v), need %d", n.Name, id, err, n.ChainID)
		}
		code, err := client.CodeAt(t.Context(), multicall3, nil)
		if err != nil || len(code) == 0 {
			t.Errorf("%s: no Multicall3 (%v)", n.Name, err)
		}
	}
}

// requireBanks checks that every bank is there under its name and mark and
// holds its money on every network.
func (w *world) requireBanks(env *config.Environment) {
	w.t.Helper()
	want := "10000000000000000000000"
	for _, f := range env.Funding {
		address := w.address(env, f.Bank)
		n, _ := env.Network(f.Network)
		client, err := ethclient.DialContext(w.t.Context(), n.RPC[0])
		if err != nil {
			w.t.Fatal(err)
		}
		defer client.Close()
		balance, err := client.BalanceAt(w.t.Context(), address, nil)
		if err != nil || balance.String() != want {
			w.t.Errorf("%s: bank %s holds %v wei (%v), need %s", f.Network, address, balance, err, want)
		}
	}
}

// address is what burn would sign with: found through the live key alone.
func (w *world) address(env *config.Environment, name string) common.Address {
	w.t.Helper()
	key, _ := env.Key(name)
	if key.Holder == "kms" {
		out, err := w.session(env).KMS(key.Region).GetPublicKey(w.t.Context(), &kms.GetPublicKeyInput{KeyId: aws.String(key.Alias)})
		if err != nil {
			w.t.Fatal(err)
		}
		address, err := cloud.AddressFromSPKI(out.PublicKey)
		if err != nil {
			w.t.Fatal(err)
		}
		return address
	}
	return secretAddress(w.t, w.session(env), key)
}

func requireAnchor(t *testing.T, store journal.Store, env, commit string) {
	t.Helper()
	entries, err := journal.New(store, env, time.Now).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Kind != journal.Anchor || entries[0].Commit != commit {
		t.Errorf("journal is %+v, need one anchor at %s", entries, commit)
	}
}

// requireGoesDown sends a signal and demands that all of it ends well and
// nothing is left.
func (w *world) requireGoesDown(env *config.Environment, s syscall.Signal) {
	w.t.Helper()
	bank := w.bank(env)
	w.signal(s)
	if code := w.ends(); code != 0 {
		w.t.Errorf("exit %d after %s:\n%s", code, s, w.said())
	}
	if _, err := os.Stat(filepath.Join(w.folder, w.env)); !os.IsNotExist(err) {
		w.t.Errorf("its folder is still there (%v)", err)
	}
	if len(w.after) > 0 {
		w.t.Errorf("printed %q after ready", w.after)
	}
	w.requireSilence(env, bank)
}

func (w *world) bank(env *config.Environment) string {
	w.t.Helper()
	object, err := bankObject(w.t.Context(), env)
	if err != nil {
		w.t.Fatal(err)
	}
	return object
}

// requireSilence waits until the emulator is gone. Its port may be somebody
// else's by then, so what counts is whether this very bank key answers. The
// chains lived in the process that has ended.
func (w *world) requireSilence(env *config.Environment, bank string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if have, err := bankObject(w.t.Context(), env); err != nil || have != bank {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the emulator at %s still answers", env.Overlay.AWS.Endpoint)
		}
	}
}

// bankObject identifies the object that holds the bank's key, by its random
// part, without a retry.
func bankObject(ctx context.Context, env *config.Environment) (string, error) {
	session, err := open(ctx, env, 1)
	if err != nil {
		return "", err
	}
	key, _ := env.Key("bank")
	if key.Holder == "kms" {
		out, err := session.KMS(key.Region).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(key.Alias)})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.KeyMetadata.KeyId), nil
	}
	out, err := session.SecretsManager(key.Region).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(key.Alias)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ARN), nil
}

// secretAddress derives the address from the stored key itself.
func secretAddress(t *testing.T, session *cloud.Session, key config.Key) common.Address {
	t.Helper()
	out, err := session.SecretsManager(key.Region).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(key.Alias)})
	if err != nil {
		t.Fatal(err)
	}
	private, err := cloud.DecodeSecretKey([]byte(aws.ToString(out.SecretString)))
	if err != nil {
		t.Fatal(err)
	}
	return crypto.PubkeyToAddress(private.PublicKey)
}
