package sandbox

import (
	"context"
	"crypto/ecdsa"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// attestedWorld is staging with one running network that has contracts, and with
// nothing in its account.
type attestedWorld struct {
	*Somebody
	t        *testing.T
	chain    *chaintest.Chain
	deployer *ecdsa.PrivateKey
	at       contractstest.Addresses
	moto     *cloudtest.Moto
	network  config.Network

	mutex sync.Mutex
	said  []string
}

func newAttestedWorld(t *testing.T) *attestedWorld {
	t.Helper()
	env, _, err := config.Load(config.Options{Root: "../..", Name: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	w := &attestedWorld{t: t}
	if w.deployer, err = crypto.ToECDSA(crypto.Keccak256([]byte("deployer"))); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(env.Networks, func(n config.Network) bool { return n.Name == "fuji" })
	w.chain, err = chaintest.Start(chaintest.Options{
		ChainID: env.Networks[at].ChainID, Confirmations: env.Networks[at].Confirmations,
		Alloc: map[common.Address]*big.Int{crypto.PubkeyToAddress(w.deployer.PublicKey): new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.chain.Close() })
	env.Networks = slices.Clone(env.Networks)
	env.Networks[at].RPC = []string{w.chain.URL()}
	w.network = env.Networks[at]
	// Who verifies does not matter here.
	w.at, err = contractstest.Hyperlane(t.Context(), w.chain.Client(), w.deployer, contractstest.Options{
		Domain: w.network.DomainID, Origins: []contractstest.Origin{{Domain: 1, Validators: []common.Address{{1}}, Threshold: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	env.Deployment = &config.Deployment{ID: "test", Networks: map[string]map[string]config.Deployed{"fuji": {
		config.RoleMailbox:           {Address: w.at.Mailbox.Hex()},
		config.RoleMerkleTreeHook:    {Address: w.at.MerkleTreeHook.Hex()},
		config.RoleValidatorAnnounce: {Address: w.at.ValidatorAnnounce.Hex()},
	}}}
	if w.moto, err = cloudtest.StartMoto(cloudtest.MotoOptions{Account: env.AWS.Account}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.moto.Close)
	session, err := openSession(t.Context(), env, w.moto.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	w.Somebody = &Somebody{env: env, session: session}
	return w
}

// key makes a declared key.
func (w *attestedWorld) key(name string) common.Address {
	w.t.Helper()
	key, ok := w.env.Key(name)
	if !ok {
		w.t.Fatalf("no key %s", name)
	}
	p := &purse{key: key}
	if err := makeKeys(w.t.Context(), w.env, w.session, "../..", []*purse{p}); err != nil {
		w.t.Fatal(err)
	}
	return p.address
}

// public lets anybody read a bucket's objects.
func (w *attestedWorld) public(b config.Bucket) {
	w.t.Helper()
	if _, err := w.session.S3(b.Region).DeletePublicAccessBlock(w.t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: aws.String(b.Bucket)}); err != nil {
		w.t.Fatal(err)
	}
	_, err := w.session.S3(b.Region).PutBucketPolicy(w.t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(b.Bucket), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + b.Bucket + `/*"}]}`)})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *attestedWorld) dispatch(body string) {
	w.t.Helper()
	if _, err := contractstest.Dispatch(w.t.Context(), w.chain.Client(), w.deployer, w.at, 1, w.at.TestRecipient, []byte(body)); err != nil {
		w.t.Fatal(err)
	}
}

// stands judges a validator by the chain and by what anybody can read.
func (w *attestedWorld) stands(validator common.Address, rules attestation.Rules) attestation.Standing {
	w.t.Helper()
	ctx, client := w.t.Context(), w.chain.Client()
	locations, err := attestationtest.Announced(ctx, client, w.at.ValidatorAnnounce, validator)
	if err != nil {
		w.t.Fatal(err)
	}
	reader, err := attestation.NewReader(attestation.Options{Endpoint: w.moto.Endpoint(), Rules: rules})
	if err != nil {
		w.t.Fatal(err)
	}
	q := attestation.Question{
		Origin:    attestation.Origin{Domain: w.network.DomainID, Hook: w.at.MerkleTreeHook, Mailbox: w.at.Mailbox},
		Validator: validator, Locations: locations,
	}
	return reader.Judge(ctx, []attestation.Question{q}, func(ctx context.Context, o attestation.Origin) (attestation.Tip, error) {
		root, err := contractstest.Read(ctx, client, o.Hook, "root()(bytes32)")
		if err != nil {
			return attestation.Tip{}, err
		}
		count, err := contractstest.Read(ctx, client, o.Hook, "count()(uint32)")
		if err != nil {
			return attestation.Tip{}, err
		}
		return attestation.Tip{Count: count[0].(uint32), Root: root[0].([32]byte)}, nil
	})[0]
}

func (w *attestedWorld) progress(line string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.said = append(w.said, line)
}

func (w *attestedWorld) heard(text string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	n := 0
	for _, line := range w.said {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// patience bounds a wait that ends at once when all is well.
const patience = 25 * time.Second

// wait returns once a line was said.
func (w *attestedWorld) wait(text string) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); w.heard(text) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.t.Fatalf("it never said %q, but\n%s", text, strings.Join(w.said, "\n"))
		}
	}
}

func TestAValidatorWaitsForKeyCoinsAndBucketAndThenAttests(t *testing.T) {
	t.Parallel()
	w := newAttestedWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- w.Attest(ctx, "validator-0", AttestOptions{Every: 5 * time.Millisecond, Progress: w.progress})
	}()
	w.wait("kms:GetPublicKey")
	validator, sender := w.key("validator-0-attestation-fuji"), w.key("validator-0-signer-fuji")
	w.wait("s3:PutObject")
	at := slices.IndexFunc(w.env.Access.Buckets, func(b config.Bucket) bool { return b.Name == "validator-0-fuji" })
	declared := w.env.Access.Buckets[at]
	if err := makeBucket(t.Context(), w.session.S3(declared.Region), declared.Bucket, declared.Region); err != nil {
		t.Fatal(err)
	}
	w.public(declared)
	w.wait("cannot pay for it: it holds 0 wei")
	if got := w.stands(validator, attestation.Rules{}); got.State != attestation.Unannounced {
		t.Errorf("%+v", got)
	}
	if err := w.chain.Fund(t.Context(), sender, big.NewInt(1e18)); err != nil {
		t.Fatal(err)
	}
	w.wait("announced s3://" + declared.Bucket + "/" + declared.Region)
	if got := w.stands(validator, attestation.Rules{}); got.State != attestation.Unproven {
		t.Errorf("%+v", got)
	}
	w.dispatch("first")
	w.wait("signed 1")
	if got := w.stands(validator, attestation.Rules{}); got.State != attestation.Live {
		t.Errorf("%+v", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, text := range []string{"attestation-fuji: kms:GetPublicKey", "s3:PutObject", "cannot pay"} {
		if n := w.heard(text); n != 1 {
			t.Errorf("%s: told %d times", text, n)
		}
	}
	w.dispatch("second")
	if got := w.stands(validator, attestation.Rules{}); got.State != attestation.Behind || got.Lag != 1 {
		t.Errorf("stopped: %+v", got)
	}
	if err := w.Attest(t.Context(), "validator-0", AttestOptions{Once: true, Progress: w.progress}); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(validator, attestation.Rules{}); got.State != attestation.Live || got.Index != 1 {
		t.Errorf("after one more look: %+v", got)
	}
}

func TestWithoutABucketAValidatorAttestsIntoTheOverlaysFolder(t *testing.T) {
	t.Parallel()
	w := newAttestedWorld(t)
	validator, sender := w.key("validator-1-attestation-fuji"), w.key("validator-1-signer-fuji")
	if err := w.chain.Fund(t.Context(), sender, big.NewInt(1e18)); err != nil {
		t.Fatal(err)
	}
	w.env.Access = nil
	w.dispatch("first")
	once := AttestOptions{Once: true, Progress: w.progress}
	if err := w.Attest(t.Context(), "validator-1", once); err == nil || !strings.Contains(err.Error(), "no bucket for fuji") {
		t.Errorf("%v", err)
	}
	root := t.TempDir()
	w.env.Overlay = &config.Overlay{Checkpoints: root}
	if err := w.Attest(t.Context(), "validator-1", once); err != nil {
		t.Fatal(err)
	}
	if got := w.stands(validator, attestation.Rules{FileRoot: root}); got.State != attestation.Live || got.Location != "file://"+root+"/fuji/validator-1" {
		t.Errorf("%+v", got)
	}
	for instance, want := range map[string]string{"relayer": "no validator", "validator-9": "no validator", "": "no validator"} {
		if err := w.Attest(t.Context(), instance, once); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", instance, err)
		}
	}
	w.env.Deployment = nil
	if err := w.Attest(t.Context(), "validator-1", once); err == nil || !strings.Contains(err.Error(), "--contracts") {
		t.Errorf("%v", err)
	}
}

func TestAnInstanceRunsOnce(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if _, err := StartValidator(parent, "staging", "validator-0"); err == nil || !strings.Contains(err.Error(), "not up") {
		t.Errorf("without a sandbox: %v", err)
	}
	folder, err := Claim(parent, "staging")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Release() })
	if err := os.WriteFile(folder.Path(StateFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	release, err := StartValidator(parent, "staging", "validator-0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StartValidator(parent, "staging", "validator-0"); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("twice: %v", err)
	}
	release()
	for _, instance := range []string{"validator-0", "validator-1"} {
		if err := StopValidator(t.Context(), parent, "staging", instance); err == nil || !strings.Contains(err.Error(), "not running") {
			t.Errorf("stop %s: %v", instance, err)
		}
	}
	if release, err = StartValidator(parent, "staging", "validator-0"); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := StartValidator(parent, "staging", filepath.Join("..", "x")); err == nil {
		t.Error("an instance climbs")
	}
}
