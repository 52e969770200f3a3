package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
)

// The verbs below look at the emulated world directly, past the wires and past
// reconcile: what they find is not what it says of itself.

func (w *world) ctx() context.Context { return context.Background() }

func (w *world) session() *cloud.Session {
	env := w.environment()
	session, err := cloud.Open(w.ctx(), cloud.Options{
		Account: env.AWS.Account, Region: env.AWS.Region, Endpoint: env.Overlay.AWS.Endpoint, Unlimited: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "script", SecretAccessKey: "script"}, nil
		}),
	})
	w.ts.Check(err)
	return session
}

// key finds a declared key.
func (w *world) key(name string) config.Key {
	key, ok := w.environment().Key(name)
	if !ok {
		w.ts.Fatalf("no key %q", name)
	}
	return key
}

// keys counts every key that exists, declared or not: keys N.
func (w *world) keys(_ bool, args []string) {
	session, region := w.session(), w.environment().AWS.Region
	made, err := session.KMS(region).ListKeys(w.ctx(), &kms.ListKeysInput{})
	w.ts.Check(err)
	secrets, err := session.SecretsManager(region).ListSecrets(w.ctx(), &secretsmanager.ListSecretsInput{})
	w.ts.Check(err)
	w.is("keys", len(made.Keys)+len(secrets.SecretList), args[0])
}

// retarget points one key's alias at another key: retarget KEY OTHER.
func (w *world) retarget(_ bool, args []string) {
	client := w.session().KMS(w.key(args[1]).Region)
	other, err := client.DescribeKey(w.ctx(), &kms.DescribeKeyInput{KeyId: aws.String(w.key(args[1]).Alias)})
	w.ts.Check(err)
	_, err = client.UpdateAlias(w.ctx(), &kms.UpdateAliasInput{AliasName: aws.String(w.key(args[0]).Alias), TargetKeyId: other.KeyMetadata.KeyId})
	w.ts.Check(err)
}

// stranger makes a KMS key under our alias without our mark: stranger KEY.
func (w *world) stranger(_ bool, args []string) {
	key := w.key(args[0])
	client := w.session().KMS(key.Region)
	made, err := client.CreateKey(w.ctx(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccSecgP256k1, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	w.ts.Check(err)
	_, err = client.CreateAlias(w.ctx(), &kms.CreateAliasInput{AliasName: aws.String(key.Alias), TargetKeyId: made.KeyMetadata.KeyId})
	w.ts.Check(err)
}

// address is that of the live key, derived from the key itself.
func (w *world) address(name string) common.Address {
	key := w.key(name)
	if key.Holder == "kms" {
		out, err := w.session().KMS(key.Region).GetPublicKey(w.ctx(), &kms.GetPublicKeyInput{KeyId: aws.String(key.Alias)})
		w.ts.Check(err)
		address, err := cloud.AddressFromSPKI(out.PublicKey)
		w.ts.Check(err)
		return address
	}
	out, err := w.session().SecretsManager(key.Region).GetSecretValue(w.ctx(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(key.Alias)})
	w.ts.Check(err)
	private, err := cloud.DecodeSecretKey([]byte(aws.ToString(out.SecretString)))
	w.ts.Check(err)
	return crypto.PubkeyToAddress(private.PublicKey)
}

// pin writes addresses.json with the addresses of live keys: pin KEY...
func (w *world) pin(_ bool, args []string) {
	pins := map[string]string{}
	for _, name := range args {
		pins[name] = w.address(name).Hex()
	}
	data, err := json.MarshalIndent(pins, "", "  ")
	w.ts.Check(err)
	w.ts.Check(os.WriteFile(w.ts.MkAbs(filepath.Join("environments", w.name, "addresses.json")), data, 0o600))
}

func (w *world) chain(network string) *ethclient.Client {
	n, ok := w.environment().Network(network)
	if !ok {
		w.ts.Fatalf("no network %q", network)
	}
	client, err := ethclient.DialContext(w.ctx(), n.RPC[0])
	w.ts.Check(err)
	return client
}

// paid counts the payments that a network's bank ever made: paid NETWORK N.
func (w *world) paid(_ bool, args []string) {
	client := w.chain(args[0])
	defer client.Close()
	for _, f := range w.environment().Funding {
		if f.Network == args[0] {
			nonce, err := client.NonceAt(w.ctx(), w.address(f.Bank), nil)
			w.ts.Check(err)
			w.is("payments on "+args[0], nonce, args[1])
			return
		}
	}
	w.ts.Fatalf("nobody pays on %s", args[0])
}

// holds demands a wallet's exact balance in whole coins of 18 decimals: holds
// NETWORK KEY AMOUNT.
func (w *world) holds(_ bool, args []string) {
	client := w.chain(args[0])
	defer client.Close()
	balance, err := client.BalanceAt(w.ctx(), w.address(args[1]), nil)
	w.ts.Check(err)
	amount, ok := new(big.Rat).SetString(args[2])
	if !ok {
		w.ts.Fatalf("%q is no amount", args[2])
	}
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))
	w.is(args[1]+" on "+args[0]+", wei", balance, new(big.Rat).Mul(amount, unit).RatString())
}

func (w *world) store() journal.Store {
	env := w.environment()
	if env.Store.Kind == "s3" {
		region := env.Store.Region
		if region == "" {
			region = env.AWS.Region
		}
		return journal.NewS3Store(w.session().S3(region), env.Store.Bucket, env.Store.Prefix)
	}
	store, err := journal.NewFileStore(env.Store.Path)
	w.ts.Check(err)
	return store
}

// lease plays with who holds the lease. lease taken: somebody else holds it.
// lease over: whoever held it did so two hours ago, as after a crash.
func (w *world) lease(_ bool, args []string) {
	store := w.store()
	if args[0] == "taken" {
		entries, err := journal.New(store, w.name, time.Now).Read(w.ctx())
		w.ts.Check(err)
		var floor int64
		if len(entries) > 0 {
			floor = entries[len(entries)-1].Term
		}
		owner := journal.Owner{User: "mallory", Host: "elsewhere", PID: 4711, Nonce: "another run"}
		_, err = journal.Acquire(w.ctx(), store, w.name, "sha256:another-plan", owner, floor,
			journal.LeaseOptions{Length: leaseLength, Grace: callTimeout, Now: time.Now})
		w.ts.Check(err)
		return
	}
	data, version, err := store.Get(w.ctx(), "lease.json")
	w.ts.Check(err)
	var lease struct{ Taken, Heartbeat, Expires string }
	w.ts.Check(json.Unmarshal(data, &lease))
	text := string(data)
	for _, stamp := range []string{lease.Taken, lease.Heartbeat, lease.Expires} {
		at, err := time.Parse(time.RFC3339Nano, stamp)
		w.ts.Check(err)
		text = strings.ReplaceAll(text, stamp, at.Add(-2*time.Hour).Format(time.RFC3339Nano))
	}
	data = []byte(text)
	w.ts.Check(store.Replace(w.ctx(), "lease.json", version, data))
}

// secretsAreQuiet looks for every secret of the emulated Secrets Manager,
// in every form that a program could print, in everything that was said and in
// every file of the script: plans, journal, lease.
func (w *world) secretsAreQuiet() error {
	client := w.session().SecretsManager(w.environment().AWS.Region)
	listed, err := client.ListSecrets(w.ctx(), &secretsmanager.ListSecretsInput{})
	if err != nil {
		return err
	}
	var canaries []string
	for _, secret := range listed.SecretList {
		value, err := client.GetSecretValue(w.ctx(), &secretsmanager.GetSecretValueInput{SecretId: secret.ARN})
		if err != nil {
			return err
		}
		found, err := canariesOf(aws.ToString(value.SecretString))
		if err != nil {
			return err
		}
		canaries = append(canaries, found...)
	}
	if len(canaries) == 0 {
		return errors.New("there is no secret to look for")
	}
	if err := silent("what was printed", w.said.String(), canaries); err != nil {
		return err
	}
	files := 0
	err = filepath.WalkDir(w.work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		return silent(path, string(data), canaries)
	})
	if err == nil && files == 0 {
		err = errors.New("there is no file to look in")
	}
	return err
}

// canariesOf are the forms of what one secret holds: a private key, or the
// secret part of an access key.
func canariesOf(value string) ([]string, error) {
	var static struct{ SecretAccessKey string }
	if json.Unmarshal([]byte(value), &static) == nil && static.SecretAccessKey != "" {
		return []string{static.SecretAccessKey, base64.StdEncoding.EncodeToString([]byte(static.SecretAccessKey)), url.QueryEscape(static.SecretAccessKey)}, nil
	}
	private, err := cloud.DecodeSecretKey([]byte(value))
	if err != nil {
		return nil, err
	}
	return formsOf(crypto.FromECDSA(private)), nil
}

// formsOf are the ways in which 32 bytes get printed.
func formsOf(key []byte) []string {
	return []string{
		hex.EncodeToString(key),
		base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key),
		base64.StdEncoding.EncodeToString([]byte("0x" + hex.EncodeToString(key))), base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(key))),
		new(big.Int).SetBytes(key).String(), strings.Trim(fmt.Sprint(key), "[]"), string(key),
	}
}

func silent(where, text string, canaries []string) error {
	lower := strings.ToLower(text)
	for _, canary := range canaries {
		if strings.Contains(text, canary) || strings.Contains(lower, strings.ToLower(canary)) {
			return fmt.Errorf("%s holds a secret", where)
		}
	}
	return nil
}
