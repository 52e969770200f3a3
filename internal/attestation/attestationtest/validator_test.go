package attestationtest_test

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
)

const domain = 43113

// world is a chain with Hyperlane on it, whose messages two validators attest to:
// the one in a bucket, the other in a folder. Both must sign.
type world struct {
	t        *testing.T
	client   *ethclient.Client
	deployer *ecdsa.PrivateKey
	at       contractstest.Addresses
	origin   attestation.Origin
	buckets  attestationtest.Buckets
	reader   *attestation.Reader
	root     string
}

func newWorld(t *testing.T, members ...string) *world {
	t.Helper()
	deployer, err := crypto.ToECDSA(crypto.Keccak256([]byte("deployer")))
	if err != nil {
		t.Fatal(err)
	}
	wealth := new(big.Int).Mul(big.NewInt(10), big.NewInt(1e18))
	alloc := map[common.Address]*big.Int{crypto.PubkeyToAddress(deployer.PublicKey): wealth, attestationtest.NamedSigner("sender").Address: wealth}
	chain, err := chaintest.Start(chaintest.Options{ChainID: domain, Alloc: alloc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chain.Close() })
	w := &world{t: t, client: chain.Client(), deployer: deployer, root: t.TempDir()}
	var validators []common.Address
	for _, name := range members {
		validators = append(validators, attestationtest.NamedSigner(name).Address)
	}
	w.at, err = contractstest.Hyperlane(t.Context(), w.client, deployer, contractstest.Options{
		Domain: domain, Origins: []contractstest.Origin{{Domain: domain, Validators: validators, Threshold: uint8(len(members))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.origin = attestation.Origin{Domain: domain, Hook: w.at.MerkleTreeHook, Mailbox: w.at.Mailbox}
	server := httptest.NewServer(&w.buckets)
	t.Cleanup(server.Close)
	w.reader, err = attestation.NewReader(attestation.Options{Endpoint: server.URL, Rules: attestation.Rules{FileRoot: w.root}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) validator(name string, location attestation.Location, storage attestationtest.Storage) *attestationtest.Validator {
	return &attestationtest.Validator{
		Signer: attestationtest.NamedSigner(name), Sender: attestationtest.NamedSigner("sender"),
		Origin: w.origin, ValidatorAnnounce: w.at.ValidatorAnnounce, Location: location, Storage: storage,
	}
}

func (w *world) inBucket(name string) *attestationtest.Validator {
	return w.validator(name, attestation.Location{Storage: attestation.S3, Bucket: name, Region: "us-east-1", Folder: "fuji"}, w.buckets.At(name+"/fuji"))
}

func (w *world) inFolder(name string) *attestationtest.Validator {
	path := filepath.Join(w.root, name)
	return w.validator(name, attestation.Location{Storage: attestation.File, Path: path}, attestationtest.Folder(path))
}

func (w *world) announce(v *attestationtest.Validator, want bool) {
	w.t.Helper()
	if sent, err := v.Announce(w.t.Context(), w.client); err != nil || sent != want {
		w.t.Fatalf("announce: sent %v, %v: want %v", sent, err, want)
	}
}

func (w *world) attest(v *attestationtest.Validator, want int) {
	w.t.Helper()
	if n, err := v.Attest(w.t.Context(), w.client); err != nil || n != want {
		w.t.Fatalf("attest: %d, %v: want %d", n, err, want)
	}
}

func (w *world) dispatch(body string) contractstest.Message {
	w.t.Helper()
	m, err := contractstest.Dispatch(w.t.Context(), w.client, w.deployer, w.at, domain, w.at.TestRecipient, []byte(body))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) read(to common.Address, method string, args ...any) any {
	w.t.Helper()
	values, err := contractstest.Read(w.t.Context(), w.client, to, method, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return values[0]
}

// stand judges validators by what the chain says of them.
func (w *world) stand(names ...string) []attestation.Standing {
	w.t.Helper()
	var questions []attestation.Question
	for _, name := range names {
		validator := attestationtest.NamedSigner(name).Address
		locations, err := attestationtest.Announced(w.t.Context(), w.client, w.at.ValidatorAnnounce, validator)
		if err != nil {
			w.t.Fatal(err)
		}
		questions = append(questions, attestation.Question{Origin: w.origin, Validator: validator, Locations: locations})
	}
	return w.reader.Judge(w.t.Context(), questions, func(context.Context, attestation.Origin) (attestation.Tip, error) {
		root := w.read(w.at.MerkleTreeHook, "root()(bytes32)").([32]byte)
		return attestation.Tip{Count: w.read(w.at.MerkleTreeHook, "count()(uint32)").(uint32), Root: root}, nil
	})
}

func (w *world) expect(when string, want map[string]attestation.State) {
	w.t.Helper()
	for name, state := range want {
		if got := w.stand(name)[0]; got.State != state {
			w.t.Errorf("%s: %s is %s (%s), want %s", when, name, got.State, got.Reason, state)
		}
	}
}

// metadata is made of what the validators published, as a relayer makes it.
func (w *world) metadata(index uint32, validators ...*attestationtest.Validator) []byte {
	w.t.Helper()
	var signatures []byte
	var at attestation.SignedCheckpoint
	for _, v := range validators {
		c, err := w.reader.Checkpoint(w.t.Context(), v.Location, index)
		if err != nil {
			w.t.Fatal(err)
		}
		at, signatures = c, append(signatures, c.Signature[:]...)
	}
	c := contractstest.Checkpoint{Origin: at.Domain, Hook: at.Hook, Root: at.Root, Index: at.Index, MessageID: at.MessageID}
	return c.MessageIDMetadata(signatures)
}

func TestWhatValidatorsPublishIsWhatTheChainAccepts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann", "bob")
	ann, bob := w.inBucket("ann"), w.inFolder("bob")
	w.expect("at first", map[string]attestation.State{"ann": attestation.Unannounced, "bob": attestation.Unannounced})
	w.announce(ann, true)
	w.announce(ann, false)
	w.announce(bob, true)
	w.expect("before any message", map[string]attestation.State{"ann": attestation.Unproven, "bob": attestation.Unproven})

	first := w.dispatch("first")
	w.expect("before anybody has signed", map[string]attestation.State{"ann": attestation.Behind, "bob": attestation.Behind})
	w.attest(ann, 1)
	w.attest(bob, 1)
	w.expect("once both have signed", map[string]attestation.State{"ann": attestation.Live, "bob": attestation.Live})
	order := []*attestationtest.Validator{ann, bob}
	if ann.Signer.Address.Cmp(bob.Signer.Address) > 0 {
		order[0], order[1] = bob, ann
	}
	if err := contractstest.Process(t.Context(), w.client, w.deployer, w.at.Mailbox, w.metadata(0, order...), first.Bytes); err != nil {
		t.Errorf("the mailbox refuses what they signed: %v", err)
	}

	for i := range 4 { // bob has stopped
		w.dispatch(fmt.Sprint(i))
		w.attest(ann, 1)
	}
	w.expect("once one has stopped", map[string]attestation.State{"ann": attestation.Live, "bob": attestation.Behind})
	if got := w.stand("bob")[0]; got.Lag != 4 || got.Index != 0 {
		t.Errorf("%+v", got)
	}
	bob = w.inFolder("bob") // started again
	w.announce(bob, false)
	w.attest(bob, 5)
	w.attest(bob, 0)
	w.expect("once it has caught up", map[string]attestation.State{"ann": attestation.Live, "bob": attestation.Live})
}

func TestOurDigestOfAnAnnouncementIsTheContractsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	for _, location := range []string{"", "s3://abc/us-east-1", strings.Repeat("é", 200)} {
		want := w.read(w.at.ValidatorAnnounce, "getAnnouncementDigest(string)(bytes32)", location)
		if got := attestation.AnnouncementDigest(domain, w.at.Mailbox, location); want != [32]byte(got) {
			t.Errorf("%.20q: %s, the contract says %x", location, got, want)
		}
	}
}

func TestTheContractTakesTheSignaturesThatRecoverTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	ann := attestationtest.NamedSigner("ann")
	signed, err := ann.Announcement(t.Context(), w.origin, "s3://abc/us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	variant := func(change func(*attestation.Signature)) attestation.Signature {
		out := signed.Signature
		change(&out)
		return out
	}
	high := func(s *attestation.Signature) {
		new(big.Int).Sub(crypto.S256().Params().N, new(big.Int).SetBytes(s[32:64])).FillBytes(s[32:64])
		s[64] = 27 + 28 - s[64]
	}
	for name, signature := range map[string]attestation.Signature{
		"as signed": signed.Signature, "high s": variant(high),
		"v 0 or 1": variant(func(s *attestation.Signature) { s[64] -= 27 }), "v 29": variant(func(s *attestation.Signature) { s[64] = 29 }),
		"the other v": variant(func(s *attestation.Signature) { s[64] = 27 + 28 - s[64] }),
	} {
		_, refused := contractstest.Read(t.Context(), w.client, w.at.ValidatorAnnounce, "announce(address,string,bytes)(bool)", ann.Address, signed.Location, signature[:])
		signer, err := attestation.Recover(signed.Digest(), signature)
		if ours := err == nil && signer == ann.Address; ours != (refused == nil) {
			t.Errorf("%s: recovers to %s, %v; the contract says %v", name, signer, err, refused)
		}
	}
}

func TestAnnouncingElsewhereMovesAValidatorAndThereIsNoWayBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	first, second := w.inBucket("ann"), w.inFolder("ann")
	w.announce(first, true)
	w.announce(second, true)
	if got := w.stand("ann")[0]; got.State != attestation.Unproven || got.Location != second.Location.String() {
		t.Errorf("%+v", got)
	}
	if _, err := first.Announce(t.Context(), w.client); err == nil || !strings.Contains(err.Error(), "replay") {
		t.Errorf("%v", err)
	}
}

func TestAMessageIsSignedOnceItIsDeepEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	ann := w.inBucket("ann")
	ann.Confirmations = 1
	w.dispatch("first")
	w.attest(ann, 0)
	w.dispatch("second")
	w.attest(ann, 1)
	if index, err := w.reader.LatestIndex(t.Context(), ann.Location); index != 0 || err != nil {
		t.Errorf("%d, %v", index, err)
	}
}

func TestWhatBreaksOffIsDoneAgainAndNotTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	ann := w.inBucket("ann")
	for range 3 {
		w.dispatch("message")
	}
	good := ann.Storage
	ann.Storage = failing{good, "checkpoint_1_with_id.json"}
	if n, err := ann.Attest(t.Context(), w.client); n != 1 || !errors.Is(err, errFull) {
		t.Fatalf("%d, %v", n, err)
	}
	if index, err := w.reader.LatestIndex(t.Context(), ann.Location); index != 0 || err != nil {
		t.Errorf("%d, %v", index, err)
	}
	ann.Storage = good
	w.attest(ann, 3) // the first is seen again
	w.announce(ann, true)
	w.expect("after all", map[string]attestation.State{"ann": attestation.Live})
}

var errFull = errors.New("no space is left")

// failing refuses one object.
type failing struct {
	attestationtest.Storage
	name string
}

func (f failing) Put(ctx context.Context, name string, data []byte) error {
	if name == f.name {
		return errFull
	}
	return f.Storage.Put(ctx, name, data)
}

func TestARunningValidatorKeepsUpUntilItIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ann")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.inBucket("ann").Run(ctx, w.client, time.Millisecond) }()
	w.dispatch("message")
	for w.stand("ann")[0].State != attestation.Live {
		select {
		case err := <-done:
			t.Fatalf("it has stopped by itself: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheTreeHasTheRootOfAllItsLeaves(t *testing.T) {
	t.Parallel()
	var tree attestationtest.Tree
	var leaves []common.Hash
	for n := range 70 {
		if tree.Count() != uint32(n) || tree.Root() != contractstest.Root(leaves) {
			t.Fatalf("%d leaves: count %d, root %s, want %s", n, tree.Count(), tree.Root(), contractstest.Root(leaves))
		}
		leaf := crypto.Keccak256Hash([]byte{byte(n)})
		leaves = append(leaves, leaf)
		tree.Insert(leaf)
	}
}
