package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
)

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
