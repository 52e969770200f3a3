package chain_test

import (
	"context"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

func refusal(err error) chain.Refusal {
	var refused *chain.SendError
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Refusal
}

func TestATransferArrivesWithItsConfirmationsAndItsFee(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Confirmations: 2})
	client := open(t, declared(), c.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	receipt, err := client.Await(t.Context(), tx.Hash)
	if err != nil || !receipt.Succeeded || receipt.Block != 2 {
		t.Fatal(receipt, err)
	}
	survey, err := client.Survey(t.Context(), bankQuery(chain.Wallet{Address: alice}))
	if err != nil || survey.Balances[alice].Cmp(ether) != 0 || survey.Block.Number < 4 {
		t.Fatal(survey, err)
	}
	left := new(big.Int).Sub(new(big.Int).Sub(coins(100), ether), receipt.Fee)
	if survey.Bank.Balance.Cmp(left) != 0 {
		t.Errorf("the bank holds %s, want %s after a fee of %s", survey.Bank.Balance, left, receipt.Fee)
	}
	// The same bytes again are no second payment.
	if err := client.Send(t.Context(), tx.Raw); err != nil && refusal(err) != chain.NonceTooLow {
		t.Error(err)
	}
	if fate, found, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Mined || err != nil || found.Block != 2 {
		t.Error(fate, found, err)
	}
}

func TestWithoutConfirmationsATransferIsNotThereYet(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{}) // makes no empty blocks
	client := open(t, declared(), c.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	for {
		fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if head, err := c.Client().BlockNumber(t.Context()); err == nil && head == 2 {
			if fate != chain.Waiting {
				t.Errorf("fate %s with no confirmation, want waiting", fate)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Await(ctx, tx.Hash); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want to be told that it is not confirmed", err)
	}
	c.Mine(2)
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Error(err)
	}
}

func TestARevertedTransferIsSaidToHaveMovedNothing(t *testing.T) {
	t.Parallel()
	refuser := common.HexToAddress("0x00000000000000000000000000000000000fa11e")
	c := geth(t, chaintest.Options{
		Confirmations: 2, Alloc: map[common.Address]*big.Int{addressOf("bank"): coins(100)},
		Code: map[common.Address][]byte{refuser: common.FromHex("60006000fd")},
	})
	client := open(t, declared(), c.URL())
	if _, err := client.EstimateTransfer(t.Context(), addressOf("bank"), refuser, ether); err == nil || !strings.Contains(err.Error(), "execution reverted") {
		t.Errorf("%v: the estimate must say that it reverts", err)
	}
	transfer := transferOf(t, client, 0, refuser, ether)
	transfer.Gas = 60_000
	tx := signed(t, transfer)
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	_, err := client.Await(t.Context(), tx.Hash)
	var reverted *chain.RevertedError
	if !errors.As(err, &reverted) || reverted.Receipt.Fee.Sign() <= 0 {
		t.Fatal(err)
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Reverted || err != nil {
		t.Error(fate, err)
	}
}

func TestARecipientWithCodeGetsTheGasItNeeds(t *testing.T) {
	t.Parallel()
	safe := common.HexToAddress("0x0000000000000000000000000000000000005afe")
	c := geth(t, chaintest.Options{
		Confirmations: 2, Alloc: map[common.Address]*big.Int{addressOf("bank"): coins(100)},
		Code: map[common.Address][]byte{safe: common.FromHex("600054506001545000")}, // two cold reads of storage
	})
	client := open(t, declared(), c.URL())
	if gas, err := client.EstimateTransfer(t.Context(), addressOf("bank"), alice, ether); err != nil || gas != 21_000 {
		t.Errorf("%d gas to an account without code, %v", gas, err)
	}
	gas, err := client.EstimateTransfer(t.Context(), addressOf("bank"), safe, ether)
	if err != nil || gas < 25_200 {
		t.Fatalf("%d gas, %v, want what it takes and a fifth", gas, err)
	}
	transfer := transferOf(t, client, 0, safe, ether)
	transfer.Gas = gas
	tx := signed(t, transfer)
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Error(err)
	}
}

func TestWhatANodeAnswersToATransactionIsClassified(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Confirmations: 2})
	client := open(t, declared(), c.URL())
	first := transferOf(t, client, 0, alice, ether)
	if err := client.Send(t.Context(), signed(t, first).Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), signed(t, first).Hash); err != nil {
		t.Fatal(err)
	}
	stuck := first
	stuck.Nonce, stuck.Fees.Tip = 1, big.NewInt(1)
	if err := client.Send(t.Context(), signed(t, stuck).Raw); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		spoil func(*chain.Transfer)
		want  chain.Refusal
	}{
		"the same again, while it waits":   {func(t *chain.Transfer) { *t = stuck }, ""},
		"another one of the same nonce":    {func(t *chain.Transfer) { t.Nonce, t.Fees, t.Value = 1, stuck.Fees, big.NewInt(5) }, chain.Underpriced},
		"a used nonce":                     {func(t *chain.Transfer) { t.Nonce, t.Value = 0, big.NewInt(5) }, chain.NonceTooLow},
		"more than the bank has":           {func(t *chain.Transfer) { t.Nonce, t.Value = 2, coins(1000) }, chain.InsufficientFunds},
		"another chain":                    {func(t *chain.Transfer) { t.Nonce, t.ChainID = 2, 5 }, chain.NotAccepted},
		"a tip of nothing":                 {func(t *chain.Transfer) { t.Nonce, t.Fees.Tip = 2, new(big.Int) }, chain.Underpriced},
		"more gas than a block has":        {func(t *chain.Transfer) { t.Nonce, t.Gas = 2, 80_000_000 }, chain.NotAccepted},
		"a nonce that leaves a gap, after": {func(t *chain.Transfer) { t.Nonce = 9 }, ""},
	} {
		transfer := first
		test.spoil(&transfer)
		if err := client.Send(t.Context(), signed(t, transfer).Raw); refusal(err) != test.want || (test.want == "") != (err == nil) {
			t.Errorf("%s: %v (%q), want %q", name, err, refusal(err), test.want)
		}
	}
}

func TestAnotherNodesWordsAreUnderstoodToo(t *testing.T) {
	t.Parallel()
	transfer := plain()
	for words, want := range map[string]chain.Refusal{
		"Transaction already imported":                          "",
		"ALREADY_EXISTS: already known":                         "",
		"Insufficient funds for gas * price + value":            chain.InsufficientFunds,
		"Nonce too low":                                         chain.NonceTooLow,
		"max fee per gas less than block base fee":              chain.Underpriced,
		"Replacement transaction underpriced":                   chain.Underpriced,
		"only replay-protected (EIP-155) transactions allowed":  chain.NotAccepted,
		"something went wrong":                                  chain.Ambiguous,
		"context deadline exceeded while waiting for a backend": chain.Ambiguous,
	} {
		server := tap(t, "", func(w http.ResponseWriter, body []byte) bool {
			if !strings.Contains(string(body), "eth_sendRawTransaction") {
				return rewrite(honest())(w, body)
			}
			_, after, _ := strings.Cut(string(body), `"id":`)
			id, _, _ := strings.Cut(after, ",")
			_, _ = io.WriteString(w, `[{"jsonrpc":"2.0","id":`+id+`,"error":{"code":-32000,"message":"`+words+`"}}]`)
			return true
		})
		if err := open(t, declared(), server.url).Send(t.Context(), signed(t, transfer).Raw); refusal(err) != want {
			t.Errorf("%q is %q, want %q (%v)", words, refusal(err), want, err)
		}
	}
}

func TestSendingGoesOnToTheNextEndpointAndDoubtStaysDoubt(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Confirmations: 2})
	silent := func(send bool) *wire {
		return tap(t, c.URL(), func(w http.ResponseWriter, body []byte) bool {
			if strings.Contains(string(body), "eth_sendRawTransaction") {
				if send { // it takes effect, and the answer is lost
					_, _ = http.Post(c.URL(), "application/json", strings.NewReader(string(body))) //nolint:noctx,bodyclose // loopback
				}
				panic(http.ErrAbortHandler)
			}
			return false
		})
	}
	broken := silent(false)
	client := open(t, declared(), broken.url, c.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Errorf("a second endpoint took it: %v", err)
	}
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Error(err)
	}
	alone := open(t, declared(), silent(false).url)
	next := signed(t, transferOf(t, alone, 1, alice, ether))
	if err := alone.Send(t.Context(), next.Raw); refusal(err) != chain.Ambiguous {
		t.Errorf("%v, want doubt", err)
	}
	if fate, _, err := alone.Fate(t.Context(), addressOf("bank"), 1, next.Hash); fate != chain.Absent || err != nil {
		t.Errorf("%s, %v, want absent", fate, err)
	}
	lost := open(t, declared(), silent(true).url)
	if err := lost.Send(t.Context(), next.Raw); refusal(err) != chain.Ambiguous {
		t.Errorf("%v, want doubt", err)
	}
	if _, err := lost.Await(t.Context(), next.Hash); err != nil {
		t.Errorf("its answer was lost, and it happened: %v", err)
	}
}

func TestANonceThatAnotherTransactionUsedMeansReplacedOnceItIsConfirmed(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	client := open(t, declared(), c.URL())
	ours := signed(t, transferOf(t, client, 0, alice, ether))
	other := signed(t, transferOf(t, client, 0, alice, big.NewInt(5)))
	if err := client.Send(t.Context(), other.Raw); err != nil {
		t.Fatal(err)
	}
	for head := uint64(1); head == 1; {
		var err error
		if head, err = c.Client().BlockNumber(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, ours.Hash); fate != chain.Unclear || err != nil {
		t.Errorf("%s, %v: the other one is not confirmed, want unclear", fate, err)
	}
	c.Mine(2)
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, ours.Hash); fate != chain.Replaced || err != nil {
		t.Errorf("%s, %v, want replaced", fate, err)
	}
	// An endpoint that is down proves nothing and changes nothing.
	down := open(t, declared(), c.URL(), "http://127.0.0.1:1/")
	if fate, _, err := down.Fate(t.Context(), addressOf("bank"), 0, ours.Hash); fate != chain.Replaced || err != nil {
		t.Errorf("%s, %v, want replaced", fate, err)
	}
	if fate, _, err := open(t, declared(), "http://127.0.0.1:1/").Fate(t.Context(), alice, 0, ours.Hash); fate != chain.Unclear || err == nil {
		t.Errorf("%s, %v, want an error", fate, err)
	}
}

func TestANodeThatKnowsOutweighsOneThatDoesNot(t *testing.T) {
	t.Parallel()
	knows, knowsNot := geth(t, chaintest.Options{Confirmations: 2}), geth(t, chaintest.Options{Confirmations: 2})
	client := open(t, declared(), knowsNot.URL(), knows.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	direct := open(t, declared(), knows.URL())
	if err := direct.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.Await(t.Context(), tx.Hash); err != nil {
		t.Fatal(err)
	}
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Mined || err != nil {
		t.Errorf("%s, %v, want mined", fate, err)
	}
	// One says that the nonce is used, the other that it is not.
	other := signed(t, transferOf(t, direct, 0, alice, big.NewInt(9)))
	if fate, _, err := client.Fate(t.Context(), addressOf("bank"), 0, other.Hash); fate != chain.Unclear || err != nil {
		t.Errorf("%s, %v, want unclear", fate, err)
	}
}

func TestAnOPStackNetworkPaysItsL1DataFee(t *testing.T) {
	t.Parallel()
	oracle := common.HexToAddress("0x420000000000000000000000000000000000000F")
	network := declared()
	network.Stack = "op"
	for name, test := range map[string]struct {
		code string
		want int64 // -1: an error
	}{
		"an oracle that answers":  {"6112345f5260205ff3", 0x1234},
		"no oracle at all":        {"", 0},
		"an oracle that reverts":  {"60006000fd", -1},
		"an oracle that is short": {"60105ff3", -1},
		"an oracle that lies":     {"5f195f5260205ff3", -1},
	} {
		o := chaintest.Options{Alloc: map[common.Address]*big.Int{addressOf("bank"): coins(100)}}
		if test.code != "" {
			o.Code = map[common.Address][]byte{oracle: common.FromHex(test.code)}
		}
		survey, err := open(t, network, geth(t, o).URL()).Survey(t.Context(), bankQuery())
		switch {
		case test.want < 0 && err == nil:
			t.Errorf("%s: fee %s, want an error", name, survey.Bank.Fees.L1)
		case test.want >= 0 && (err != nil || survey.Bank.Fees.L1.Int64() != test.want):
			t.Errorf("%s: %v, %v, want %d", name, survey.Bank, err, test.want)
		}
	}
}

func TestALegacyChainIsKnownByItsHeadAndPaidInItsOwnType(t *testing.T) {
	t.Parallel()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		hardfork, declared, want string
	}{
		{"berlin", "auto", chain.TypeLegacy}, {"berlin", "legacy", chain.TypeLegacy}, {"berlin", "1559", ""},
		{"osaka", "auto", chain.TypeDynamic}, {"osaka", "legacy", chain.TypeLegacy}, {"osaka", "1559", chain.TypeDynamic},
	} {
		t.Run(test.hardfork+" declared "+test.declared, func(t *testing.T) {
			t.Parallel()
			a, err := chaintest.StartAnvil(t.Context(), chaintest.AnvilOptions{Binary: binary, ChainID: chainID, Hardfork: test.hardfork})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Close() })
			if err := a.Fund(t.Context(), addressOf("bank"), coins(10)); err != nil {
				t.Fatal(err)
			}
			client := open(t, config.Network{Name: "fuji", ChainID: chainID, TxType: test.declared}, a.URL())
			survey, err := client.Survey(t.Context(), bankQuery())
			if test.want == "" {
				if err == nil || !strings.Contains(err.Error(), "has no base fee") {
					t.Fatal(err)
				}
				return
			}
			if err != nil || survey.Bank.Fees.Type != test.want {
				t.Fatal(survey.Bank, err)
			}
			tx := signed(t, transferOf(t, client, 0, alice, ether))
			if err := client.Send(t.Context(), tx.Raw); err != nil {
				t.Fatal(err)
			}
			if receipt, err := client.Await(t.Context(), tx.Hash); err != nil || receipt.Fee.Sign() <= 0 {
				t.Fatal(receipt, err)
			}
		})
	}
}
