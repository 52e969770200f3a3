package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// openAgreeing needs two hosts for everything.
func openAgreeing(t testing.TB, endpoints ...string) *chain.Network {
	t.Helper()
	network := declared()
	network.Class = "mainnet"
	o := quick()
	o.Agree = true
	n, err := chain.Open(network, endpoints, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func host(w *wire) string { return strings.TrimPrefix(w.url, "http://") }

func TestOneHostIsNotEnoughWhereTwoMustAgree(t *testing.T) {
	t.Parallel()
	for name, endpoints := range map[string][]string{
		"one endpoint":          {"https://node.example"},
		"two paths of one host": {"https://node.example/a", "https://node.example/b"},
		"two spellings of it":   {"https://node.example/a", "https://NODE.example.:8443"},
	} {
		n := openAgreeing(t, endpoints...)
		_, asked := asked(t, n, call(seven))
		_, surveyed := n.Survey(t.Context(), bankQuery())
		_, awaited := n.Await(t.Context(), common.Hash{1})
		_, _, fated := n.Fate(t.Context(), alice, 0, common.Hash{1})
		for _, err := range []error{asked, surveyed, awaited, fated} {
			var lonely *chain.LonelyError
			if !errors.As(err, &lonely) || err.Error() != "fuji: one host: class mainnet needs two independent hosts that agree" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n.Requests() != 0 {
			t.Errorf("%s: %d requests", name, n.Requests())
		}
	}
}

func TestTwoHostsThatAgreeAreBelieved(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	poke(t, c.URL(), 0, emitter)
	a, b := tap(t, c.URL(), nil), tap(t, c.URL(), nil)
	n := openAgreeing(t, a.url, b.url)
	results, err := asked(t, n, call(seven), call(refuser), evm.AskCode(seven))
	if err != nil || string(results[0].Data) != word(7) || evm.Reason(results[1].Data) != "not you" {
		t.Fatal(results, err)
	}
	for _, w := range []*wire{a, b} {
		if requests, _ := w.count(); requests != 2 {
			t.Errorf("%d requests to a host, want 2", requests)
		}
	}
	if found, err := logsOf(t, n, events(0)); err != nil || len(found) != 1 {
		t.Error(found, err)
	}
	query := bankQuery(chain.Wallet{Address: alice, Floor: ether}, chain.Wallet{Address: alice}, chain.Wallet{Address: seven, Floor: ether}, chain.Wallet{Address: addressOf("bank"), Floor: ether})
	alone, err := open(t, declared(), c.URL()).Survey(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	both, err := n.Survey(t.Context(), query)
	if err != nil || both.Block.Hash != alone.Block.Hash || !reflect.DeepEqual(both.Code, alone.Code) || len(both.Balances) != 3 ||
		both.Balances[addressOf("bank")].Cmp(alone.Balances[addressOf("bank")]) != 0 || both.Bank.Nonce != 1 || both.Bank.Pending != 1 ||
		both.Bank.Gas != 21_000 || both.Bank.Fees.Cap.Cmp(alone.Bank.Fees.Cap) != 0 {
		t.Errorf("two hosts say %+v, one says %+v: %v", both, alone, err)
	}
}

// lies are answers that a single host would be believed with.
func lies(behind string) map[string]func(http.ResponseWriter, []byte) bool {
	return map[string]func(http.ResponseWriter, []byte) bool{
		"a call":    lie(behind, "eth_call", `"0x`+strings.Repeat("0", 63)+`8"`),
		"code":      lie(behind, "eth_getCode", `"0x00"`),
		"a slot":    lie(behind, "eth_getStorageAt", `"0x`+strings.Repeat("0", 63)+`8"`),
		"a balance": lie(behind, "eth_getBalance", `"0x8"`),
		"a nonce":   lie(behind, "eth_getTransactionCount", `"0x8"`),
		"a revert":  refuse(behind, "eth_call", `{"code":3,"message":"execution reverted","data":"0x"}`),
		"a soft revert": bend(behind, func(asked element, answer *element) {
			if asked.Method == "eth_call" && strings.Contains(string(asked.Params), "7777") {
				answer.Error = json.RawMessage(`{"code":3,"message":"execution reverted","data":` + string(answer.Result) + `}`)
			}
		}),
		"a revert's end": lie(behind, "eth_call", `"0x"`),
		"logs":           lie(behind, "eth_getLogs", `[]`),
		"a base fee": bend(behind, func(asked element, answer *element) {
			var block map[string]any
			if strings.HasPrefix(asked.Method, "eth_getBlockBy") && json.Unmarshal(answer.Result, &block) == nil {
				block["baseFeePerGas"] = "0x1"
				answer.Result, _ = json.Marshal(block)
			}
		}),
	}
}

// readAll touches everything that a look offers.
func readAll(t testing.TB, n *chain.Network) error {
	return n.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		_, err := l.Ask(ctx, []evm.Question{call(seven), evm.AskCode(seven), evm.AskSlot(storing, common.Hash{}), evm.AskBalance(alice), call(refuser)})
		if err != nil {
			return err
		}
		if _, err = l.Account(ctx, addressOf("bank")); err != nil {
			return err
		}
		_, err = l.Logs(ctx, events(0))
		return err
	})
}

func TestADifferenceIsRefusedWithBothAnswersAndAThirdHostNamesTheLiar(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	poke(t, c.URL(), 0, emitter)
	honest := tap(t, c.URL(), nil)
	third := tapAt(t, "127.0.0.2", c.URL(), nil)
	if err := readAll(t, openAgreeing(t, honest.url, third.url)); err != nil {
		t.Fatal(err)
	}
	for name, answer := range lies(c.URL()) {
		liar := tap(t, c.URL(), answer)
		for _, endpoints := range [][]string{{liar.url, honest.url}, {honest.url, liar.url}, {liar.url, honest.url, third.url}, {honest.url, liar.url, third.url}} {
			err := readAll(t, openAgreeing(t, endpoints...))
			var disagreement *chain.DisagreementError
			if !errors.As(err, &disagreement) {
				t.Errorf("%s: %v, want a disagreement", name, err)
				continue
			}
			for _, part := range append(disagreement.Answers[:], host(liar), host(honest), " at block ", "two hosts disagree about ") {
				if part == " at block " && name == "a base fee" || part == " at block " && name == "logs" {
					continue
				}
				if part == "" || !strings.Contains(err.Error(), part) || len(err.Error()) > 600 {
					t.Errorf("%s: %v lacks %q", name, err, part)
				}
			}
			if named := len(endpoints) == 3 && name != "a base fee"; named != (disagreement.Liar == host(liar)) || !named && disagreement.Liar != "" {
				t.Errorf("%s: with %d hosts the liar is %q, want %s", name, len(endpoints), disagreement.Liar, host(liar))
			}
		}
	}
}

func TestAHostThatTellsNoReasonsLeavesARevertWithoutOne(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	mute := tap(t, c.URL(), refuse(c.URL(), "eth_call", `{"code":-32000,"message":"execution reverted"}`))
	results, err := asked(t, openAgreeing(t, c.URL(), mute.url), call(refuser))
	if err != nil || !results[0].Reverted || len(results[0].Data) != 0 {
		t.Error(results, err)
	}
}

func TestAHostOfAnotherChainIsNamedAndNothingIsRead(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	wrong := tap(t, c.URL(), lie(c.URL(), "eth_chainId", `"0x1"`))
	for _, endpoints := range [][]string{{c.URL(), wrong.url}, {wrong.url, c.URL()}, {"http://127.0.0.1:1/", wrong.url}, {"http://127.0.0.1:1/", wrong.url, c.URL()}} {
		if err := readAll(t, openAgreeing(t, endpoints...)); err == nil || !strings.Contains(err.Error(), host(wrong)+": chain id is 1, declared 43113") {
			t.Errorf("%v, want the wrong host to be named", err)
		}
	}
}

// behindBy is a host whose head is an older block.
func behindBy(t testing.TB, c *chaintest.Chain, number int64) func(http.ResponseWriter, []byte) bool {
	t.Helper()
	return func(w http.ResponseWriter, body []byte) bool {
		older := strings.ReplaceAll(string(body), `"latest"`, `"0x`+big.NewInt(number).Text(16)+`"`)
		_, _ = w.Write(relay(c.URL(), []byte(older)))
		return true
	}
}

func TestTheLowerHeadIsTheBlockThatBothHostsAreAskedAt(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	if err := c.Fund(t.Context(), alice, ether); err != nil {
		t.Fatal(err)
	}
	late := tap(t, c.URL(), behindBy(t, c, 1))
	for _, endpoints := range [][]string{{late.url, c.URL()}, {c.URL(), late.url}} {
		n := openAgreeing(t, endpoints...)
		err := n.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
			results, err := l.Ask(ctx, []evm.Question{evm.AskBalance(alice)})
			if err == nil && (l.Block.Number != 1 || string(results[0].Data) != word(0)) {
				t.Errorf("block %d, balance %x: want the older block", l.Block.Number, results[0].Data)
			}
			return err
		})
		if err != nil || n.Requests() != 5 {
			t.Errorf("%d requests, %v", n.Requests(), err)
		}
	}
}

func TestAHostThatDoesNotKnowTheBlockIsNamed(t *testing.T) {
	t.Parallel()
	c, fork := geth(t, chaintest.Options{}), geth(t, chaintest.Options{Alloc: map[common.Address]*big.Int{alice: ether}})
	fork.Mine(3)
	err := readAll(t, openAgreeing(t, c.URL(), fork.URL()))
	ours, theirs := strings.TrimPrefix(c.URL(), "http://"), strings.TrimPrefix(fork.URL(), "http://")
	if err == nil || !strings.Contains(err.Error(), "endpoint "+theirs+": eth_getBlockByHash: does not know block 1 0x") || !strings.Contains(err.Error(), "the head of "+ours) {
		t.Errorf("%v, want %s to be named", err, theirs)
	}
}

func TestAHostThatIsDownIsReplacedByAThirdAndByNobodyElse(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	b := tap(t, c.URL(), nil)
	for _, endpoints := range [][]string{{"http://127.0.0.1:1/", c.URL(), b.url}, {c.URL(), "http://127.0.0.1:1/", b.url}, {c.URL(), b.url, "http://127.0.0.1:1/"}} {
		if err := readAll(t, openAgreeing(t, endpoints...)); err != nil {
			t.Errorf("two of three are there: %v", err)
		}
	}
	err := readAll(t, openAgreeing(t, c.URL(), "http://127.0.0.1:1/"))
	if err == nil || !strings.Contains(err.Error(), "fuji: two hosts must agree, and no two answered: endpoint 127.0.0.1:1: eth_chainId: ") {
		t.Error(err)
	}
}

func TestWhatOneHostSawInFlightIsInFlight(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	sees := tap(t, c.URL(), bend(c.URL(), func(asked element, answer *element) {
		if asked.Method == "eth_getTransactionCount" && strings.Contains(string(asked.Params), "pending") {
			answer.Result = json.RawMessage(`"0x5"`)
		}
	}))
	for _, endpoints := range [][]string{{c.URL(), sees.url}, {sees.url, c.URL()}} {
		survey, err := openAgreeing(t, endpoints...).Survey(t.Context(), bankQuery())
		if err != nil || survey.Bank.Nonce != 0 || survey.Bank.Pending != 5 {
			t.Errorf("%+v, %v, want five in flight", survey.Bank, err)
		}
	}
}

func TestAReceiptNeedsTwoHosts(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Confirmations: 2})
	client := open(t, declared(), c.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Fatal(err)
	}
	honest, third := tap(t, c.URL(), nil), tapAt(t, "127.0.0.2", c.URL(), nil)
	agreeing := openAgreeing(t, c.URL(), honest.url)
	if receipt, err := agreeing.Await(t.Context(), tx.Hash); err != nil || receipt.Block != 2 {
		t.Error(receipt, err)
	}
	if fate, receipt, err := agreeing.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Mined || receipt.Block != 2 || err != nil {
		t.Error(fate, receipt, err)
	}
	spoilt := func(key, value string) func(http.ResponseWriter, []byte) bool {
		return bend(c.URL(), func(asked element, answer *element) {
			var receipt map[string]any
			if asked.Method == "eth_getTransactionReceipt" && json.Unmarshal(answer.Result, &receipt) == nil && receipt != nil {
				receipt[key] = value
				answer.Result, _ = json.Marshal(receipt)
			}
		})
	}
	for name, answer := range map[string]func(http.ResponseWriter, []byte) bool{
		"success": spoilt("status", "0x0"), "block": spoilt("blockHash", common.Hash{9}.Hex()),
	} {
		liar := tap(t, c.URL(), answer)
		n := openAgreeing(t, honest.url, liar.url, third.url)
		_, err := n.Await(t.Context(), tx.Hash)
		var disagreement *chain.DisagreementError
		if !errors.As(err, &disagreement) || disagreement.Liar != host(liar) {
			t.Errorf("%s: %v, want a disagreement that names %s", name, err, host(liar))
		}
		if fate, _, err := n.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Unclear || !errors.As(err, &disagreement) {
			t.Errorf("%s: %s, %v, want a disagreement", name, fate, err)
		}
	}
}

func TestWhatOneHostAloneSaysOfATransactionIsNotBelieved(t *testing.T) {
	t.Parallel()
	knows, knowsNot := geth(t, chaintest.Options{Confirmations: 2}), geth(t, chaintest.Options{})
	client := open(t, declared(), knows.URL())
	tx := signed(t, transferOf(t, client, 0, alice, ether))
	other := signed(t, transferOf(t, client, 0, alice, big.NewInt(9)))
	if err := client.Send(t.Context(), tx.Raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), tx.Hash); err != nil {
		t.Fatal(err)
	}
	for _, second := range []string{knowsNot.URL(), "http://127.0.0.1:1/"} {
		n := openAgreeing(t, knows.URL(), second)
		for _, hash := range []common.Hash{tx.Hash, other.Hash} { // mined, and replaced
			if fate, _, err := n.Fate(t.Context(), addressOf("bank"), 0, hash); fate != chain.Unclear || err != nil {
				t.Errorf("with %s: %s, %v, want unclear", second, fate, err)
			}
		}
		polls := 0
		ctx, cancel := context.WithCancel(t.Context())
		watched := tap(t, knows.URL(), func(_ http.ResponseWriter, body []byte) bool {
			if strings.Contains(string(body), "eth_getTransactionReceipt") {
				if polls++; polls == 3 {
					cancel()
				}
			}
			return false
		})
		if _, err := openAgreeing(t, watched.url, second).Await(ctx, tx.Hash); !errors.Is(err, context.Canceled) {
			t.Errorf("with %s: %v, want to go on waiting", second, err)
		}
		cancel()
	}
	twice := openAgreeing(t, knows.URL(), knows.URL()+"/?again", "http://127.0.0.1:1/")
	if fate, _, err := twice.Fate(t.Context(), addressOf("bank"), 0, tx.Hash); fate != chain.Unclear || err != nil {
		t.Errorf("%s, %v: one host under two names was believed", fate, err)
	}
	both := openAgreeing(t, knows.URL(), tap(t, knows.URL(), nil).url)
	if fate, _, err := both.Fate(t.Context(), addressOf("bank"), 0, other.Hash); fate != chain.Replaced || err != nil {
		t.Errorf("%s, %v, want replaced", fate, err)
	}
}
