package chain_test

import (
	"context"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// openImpatient gives a transaction two blocks.
func openImpatient(t testing.TB, endpoints ...string) *chain.Network {
	t.Helper()
	o := quick()
	o.Stuck, o.StuckBlocks = time.Nanosecond, 2
	n, err := chain.Open(declared(), endpoints, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func signedCall(t testing.TB, tx chain.Transaction) chain.SignedTransaction {
	t.Helper()
	out, err := callSigner(t, anything).Sign(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func callAt(t testing.TB, n *chain.Network, nonce uint64) chain.Transaction {
	t.Helper()
	tx := aCall()
	tx.Nonce, tx.Fees = nonce, transferOf(t, n, nonce, alice, ether).Fees
	return tx
}

// mining makes blocks until the test ends, as a live chain does.
func mining(t testing.TB, mine func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			mine()
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestAStuckTransactionIsToldAndItsReplacementIsMinedAtItsNonce(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	client := openImpatient(t, c.URL())
	stuck := callAt(t, client, 0)
	now := stuck.Fees
	stuck.Fees.Tip = big.NewInt(1) // the pool takes it, no block does
	first := signedCall(t, stuck)
	if err := client.Send(t.Context(), first.Raw); err != nil {
		t.Fatal(err)
	}
	mining(t, func() { c.Mine(1) })
	_, err := client.AwaitAny(t.Context(), []common.Hash{first.Hash})
	var late *chain.StuckError
	if !errors.As(err, &late) || late.Blocks < 2 || !strings.Contains(err.Error(), first.Hash.Hex()) {
		t.Fatalf("%v, want to be told that it is stuck", err)
	}
	// What was journalled is enough to offer more.
	_, read, _, err := chain.ReadTransaction(first.Raw)
	if err != nil {
		t.Fatal(err)
	}
	again := read
	again.Fees.Cap = new(big.Int).Add(read.Fees.Cap, big.NewInt(1))
	if err := client.Send(t.Context(), signedCall(t, again).Raw); refusal(err) != chain.Underpriced {
		t.Errorf("%v: one wei more is no replacement", err)
	}
	read.Fees = read.Fees.Bump()
	bumped := signedCall(t, read)
	if err := client.Send(t.Context(), bumped.Raw); err != nil {
		t.Fatalf("a bump is too little: %v", err)
	}
	if fate, _, err := client.FateAny(t.Context(), addressOf("bank"), 0, []common.Hash{first.Hash, bumped.Hash}); fate != chain.Waiting || err != nil {
		t.Errorf("%s, %v, want waiting", fate, err)
	}
	read.Fees = now.AtLeast(read.Fees.Bump())
	last := signedCall(t, read)
	if err := client.Send(t.Context(), last.Raw); err != nil {
		t.Fatal(err)
	}
	all := []common.Hash{first.Hash, bumped.Hash, last.Hash}
	receipt, err := client.AwaitAny(t.Context(), all)
	if err != nil || receipt.Hash != last.Hash || !receipt.Succeeded {
		t.Fatal(receipt, err)
	}
	if fate, found, err := client.FateAny(t.Context(), addressOf("bank"), 0, all); fate != chain.Mined || found.Hash != last.Hash || err != nil {
		t.Error(fate, found, err)
	}
	if fate, _, err := client.FateAny(t.Context(), addressOf("bank"), 0, all[:2]); fate != chain.Replaced || err != nil {
		t.Errorf("%s, %v: of the first two one knows that they never come", fate, err)
	}
}

func TestPatienceIsForBlocksAndForTimeAndAwaitHasNoEndOfIt(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	for name, wait := range map[string]func(context.Context, common.Hash) error{
		"a chain that stands still": func(ctx context.Context, hash common.Hash) error {
			_, err := openImpatient(t, c.URL()).AwaitAny(ctx, []common.Hash{hash})
			return err
		},
		"an hour to wait": func(ctx context.Context, hash common.Hash) error {
			o := quick()
			o.Stuck, o.StuckBlocks = time.Hour, 1
			n, err := chain.Open(declared(), []string{tap(t, c.URL(), rising()).url}, o)
			if err != nil {
				return err
			}
			_, err = n.AwaitAny(ctx, []common.Hash{hash})
			return err
		},
		"a wait for one": func(ctx context.Context, hash common.Hash) error {
			_, err := openImpatient(t, tap(t, c.URL(), rising()).url).Await(ctx, hash)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := wait(ctx, common.Hash{1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want to go on waiting", name, err)
		}
		cancel()
	}
	client := openImpatient(t, c.URL())
	for _, hashes := range [][]common.Hash{nil, make([]common.Hash, 33)} {
		_, awaited := client.AwaitAny(t.Context(), hashes)
		fate, _, fated := client.FateAny(t.Context(), alice, 0, hashes)
		if awaited == nil || fated == nil || fate != chain.Unclear {
			t.Errorf("%d hashes: %v, %s, %v", len(hashes), awaited, fate, fated)
		}
	}
}

// rising is a chain that makes a hundred blocks between any two requests.
func rising() func(w http.ResponseWriter, body []byte) bool {
	answers, head := with(honest(), "eth_getTransactionReceipt", `null`), int64(100)
	return func(w http.ResponseWriter, body []byte) bool {
		head += 100
		return rewrite(with(answers, "eth_blockNumber", `"0x`+big.NewInt(head).Text(16)+`"`))(w, body)
	}
}

func TestAMinedTransactionIsNotStuckHoweverManyBlocksItsConfirmationsTake(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	network := declared()
	network.Confirmations = 40
	o := quick()
	o.Stuck, o.StuckBlocks = time.Nanosecond, 10
	client, err := chain.Open(network, []string{c.URL()}, o)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []common.Hash
	for nonce := range uint64(2) {
		tx := signedCall(t, callAt(t, client, nonce))
		if err := client.Send(t.Context(), tx.Raw); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, tx.Hash)
		c.Mine(1)
	}
	mining(t, func() { c.Mine(1) })
	for _, hash := range hashes {
		if _, err := client.AwaitAny(t.Context(), []common.Hash{hash}); err != nil {
			t.Error(err)
		}
	}
	// Of one nonce only one can be mined: who says otherwise lies.
	if fate, _, err := client.FateAny(t.Context(), addressOf("bank"), 0, hashes); fate != chain.Unclear || err == nil || !strings.Contains(err.Error(), "of the same nonce is mined") {
		t.Errorf("%s, %v, want to be told of two receipts", fate, err)
	}
}

func TestATransactionBehindAGapWaitsAndIsMinedWhenTheGapIsFilled(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Confirmations: 2, Code: codes()})
	client := openImpatient(t, c.URL())
	second, first := signedCall(t, callAt(t, client, 1)), signedCall(t, callAt(t, client, 0))
	if err := client.Send(t.Context(), second.Raw); err != nil {
		t.Fatal(err)
	}
	c.Mine(3)
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 1, second.Hash); fate != chain.Waiting || err != nil {
		t.Errorf("%s, %v, want waiting", fate, err)
	}
	err := client.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		account, err := l.Account(ctx, addressOf("bank"))
		if account.Nonce != 0 || account.Pending != 0 {
			t.Errorf("nonce %d, pending %d: a gap is no reason to go on behind it", account.Nonce, account.Pending)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := client.Send(t.Context(), first.Raw); err != nil {
		t.Fatal(err)
	}
	mining(t, func() { c.Mine(1) })
	if _, err := client.Await(t.Context(), second.Hash); err != nil {
		t.Error(err)
	}
}

func TestADroppedTransactionIsAbsentAndItsBytesCanBeSentAgain(t *testing.T) {
	t.Parallel()
	a := anvil(t, "")
	client := openImpatient(t, a.URL())
	if err := a.Client().CallContext(t.Context(), nil, "evm_setAutomine", false); err != nil {
		t.Fatal(err)
	}
	tx := signedCall(t, callAt(t, client, 0))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Waiting || err != nil {
		t.Errorf("%s, %v, want waiting", fate, err)
	}
	if err := a.Client().CallContext(t.Context(), nil, "anvil_dropTransaction", tx.Hash); err != nil {
		t.Fatal(err)
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Absent || err != nil {
		t.Errorf("%s, %v, want absent", fate, err)
	}
	mining(t, func() { _ = a.Mine(context.Background(), 1) })
	var late *chain.StuckError
	if _, err := client.AwaitAny(t.Context(), []common.Hash{tx.Hash}); !errors.As(err, &late) {
		t.Errorf("%v, want to be told that it does not come", err)
	}
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Error(err)
	}
}

func TestAReorganisationTakesAReceiptBackUntilItHasItsConfirmations(t *testing.T) {
	t.Parallel()
	a := anvil(t, "")
	network := declared()
	network.Confirmations = 3
	client := open(t, network, a.URL())
	tx := signedCall(t, callAt(t, client, 0))
	if err := a.Client().CallContext(t.Context(), nil, "evm_setAutomine", false); err != nil {
		t.Fatal(err)
	}
	if err := a.Mine(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Mine(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Waiting || err != nil {
		t.Errorf("%s, %v, want waiting: it is mined and not confirmed", fate, err)
	}
	reorg(t, a.Client(), 2)
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Absent || err != nil {
		t.Errorf("%s, %v, want absent: its block is gone", fate, err)
	}
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	mining(t, func() { _ = a.Mine(context.Background(), 1) })
	receipt, err := client.AwaitAny(t.Context(), []common.Hash{tx.Hash})
	if err != nil || receipt.Block < 3 {
		t.Error(receipt, err)
	}
}

func TestACallIsSignedSimulatedAndMinedOnALegacyChain(t *testing.T) {
	t.Parallel()
	a := anvil(t, "berlin")
	// Code of before PUSH0: it keeps what it is called with.
	keeper := common.HexToAddress("0x0000000000000000000000000000000000cee9e4")
	if err := a.Client().CallContext(t.Context(), nil, "anvil_setCode", keeper, "0x60003560005500"); err != nil {
		t.Fatal(err)
	}
	client := open(t, declared(), a.URL())
	tx := callAt(t, client, 0)
	tx.To = keeper
	if tx.Fees.Type != chain.TypeLegacy {
		t.Fatalf("fees %+v on a chain without base fee", tx.Fees)
	}
	out, err := client.Simulate(t.Context(), addressOf("bank"), []evm.Call{tx.Call(), tx.Call()})
	if err != nil || out[0].Reverted || out[0].Gas < 41_000 {
		t.Fatal(out, err)
	}
	if tx.Gas, err = chain.GasLimit(out[0].Gas, 0); err != nil {
		t.Fatal(err)
	}
	sent := signedCall(t, tx)
	if err := client.Send(t.Context(), sent.Raw); err != nil {
		t.Fatal(err)
	}
	mining(t, func() { _ = a.Mine(context.Background(), 1) })
	if receipt, err := client.AwaitAny(t.Context(), []common.Hash{sent.Hash}); err != nil || receipt.Fee.Sign() <= 0 {
		t.Error(receipt, err)
	}
}
