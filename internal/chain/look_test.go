package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Contracts of these tests.
var (
	seven    = common.HexToAddress("0x0000000000000000000000000000000000007777") // returns the word 7
	refuser  = common.HexToAddress("0x000000000000000000000000000000000000fa11") // reverts with "not you"
	broken   = common.HexToAddress("0x000000000000000000000000000000000000dead") // an invalid opcode
	endless  = common.HexToAddress("0x000000000000000000000000000000000000100b") // burns all gas
	jumper   = common.HexToAddress("0x00000000000000000000000000000000000000ff") // jumps into nothing
	chatty   = common.HexToAddress("0x000000000000000000000000000000000000c4a7") // returns more than anybody reads
	emitter  = common.HexToAddress("0x000000000000000000000000000000000000e317") // one event of a topic
	storing  = common.HexToAddress("0x0000000000000000000000000000000000005107") // slot 1 counts its calls
	notYou   = hex("0x08c379a0" + strings.Repeat("0", 62) + "20" + strings.Repeat("0", 62) + "07" + "6e6f7420796f75" + strings.Repeat("0", 50))
	theTopic = common.HexToHash("0xabcd")
)

func codes() map[common.Address][]byte {
	return map[common.Address][]byte{
		seven: hex("60075f5260205ff3"), refuser: saying(notYou, true), broken: hex("fe"), endless: hex("5b5f56"), jumper: hex("60ff56"),
		chatty: hex("621000005ff3"), emitter: hex("61abcd5f5fa100"), storing: hex("6001546001016001555f545f5260205ff3"),
	}
}

type backend struct{ name, url string }

// backends are the same contracts on geth and on anvil.
func backends(t *testing.T) []backend {
	t.Helper()
	c := geth(t, chaintest.Options{Code: codes()})
	return []backend{{"geth", c.URL()}, {"anvil", anvil(t, "").URL()}}
}

func anvil(t testing.TB, hardfork string) *chaintest.Anvil {
	t.Helper()
	binary, err := chaintest.AnvilBinary()
	if err != nil {
		t.Fatal(err)
	}
	a, err := chaintest.StartAnvil(t.Context(), chaintest.AnvilOptions{Binary: binary, ChainID: chainID, Hardfork: hardfork})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	for address, code := range codes() {
		if err := a.Client().CallContext(t.Context(), nil, "anvil_setCode", address, hexutil.Bytes(code)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Fund(t.Context(), addressOf("bank"), coins(100)); err != nil {
		t.Fatal(err)
	}
	return a
}

// asked asks once, on one look.
func asked(t testing.TB, n *chain.Network, questions ...evm.Question) ([]evm.Result, error) {
	t.Helper()
	var results []evm.Result
	err := n.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		var err error
		results, err = l.Ask(ctx, questions)
		return err
	})
	return results, err
}

func call(to common.Address) evm.Question { return evm.Ask(evm.Call{To: to}) }

func word(n int64) string { return string(common.BigToHash(big.NewInt(n)).Bytes()) }

func TestQuestionsAreAnsweredInTheirOrderWhateverTheyAreAbout(t *testing.T) {
	t.Parallel()
	for _, b := range backends(t) {
		results, err := asked(t, open(t, declared(), b.url),
			call(seven), evm.AskCode(seven), evm.AskCode(alice), evm.AskSlot(storing, common.Hash{31: 1}), evm.AskBalance(addressOf("bank")),
			evm.Question{About: evm.AboutNonce, To: addressOf("bank")}, call(alice), call(seven), call(emitter))
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		for i, want := range []string{word(7), string(codes()[seven]), "", word(0), string(common.BigToHash(coins(100)).Bytes()), word(0), "", word(7), ""} {
			if string(results[i].Data) != want || results[i].Reverted {
				t.Errorf("%s: answer %d is %x (reverted %v), want %x", b.name, i, results[i].Data, results[i].Reverted, want)
			}
		}
	}
}

func TestALookCostsOneRequestAndOnePerHundredQuestions(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(250)
	c := geth(t, chaintest.Options{Alloc: alloc})
	for _, genesis := range []string{"", c.GenesisHash().Hex()} {
		for _, n := range []int{0, 1, 100, 101, 250} {
			network := declared()
			network.Genesis = genesis
			proxy := tap(t, c.URL(), func(_ http.ResponseWriter, body []byte) bool {
				// A block that has left the chain is still known to nodes by its hash.
				if text := string(body); strings.Contains(text, "getBalance") && !strings.Contains(text, `"requireCanonical":true`) {
					t.Errorf("asked %.200s", text)
				}
				return false
			})
			client := open(t, network, proxy.url)
			questions := make([]evm.Question, n)
			for i := range questions {
				questions[i] = evm.AskBalance(list[i].Address)
			}
			results, err := asked(t, client, questions...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range results {
				if string(results[i].Data) != word(int64(10+i)) {
					t.Fatalf("answer %d is %x", i, results[i].Data)
				}
			}
			if requests, longest := proxy.count(); requests != 1+(n+99)/100 || client.Requests() != requests || longest > 100 {
				t.Errorf("%d questions: %d requests (%d counted), the longest of %d", n, requests, client.Requests(), longest)
			}
		}
	}
}

func TestAContractThatFailsIsAnAnswerAndNoFaultOfTheEndpoint(t *testing.T) {
	t.Parallel()
	for _, b := range backends(t) {
		results, err := asked(t, open(t, declared(), b.url), call(refuser), call(broken), call(endless), call(jumper), call(seven), call(chatty))
		if err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		for i, result := range results[:4] {
			if !result.Reverted {
				t.Errorf("%s: answer %d is no revert: %x", b.name, i, result.Data)
			}
		}
		if string(results[0].Data) != string(notYou) || evm.Reason(results[0].Data) != "not you" {
			t.Errorf("%s: reason %q of %x", b.name, evm.Reason(results[0].Data), results[0].Data)
		}
		if string(results[4].Data) != word(7) {
			t.Errorf("%s: what follows a revert is %x", b.name, results[4].Data)
		}
		if _, err := evm.MustMethod("x()(bytes)").Unpack(results[5]); len(results[5].Data) != evm.MaxReply+1 || err == nil {
			t.Errorf("%s: %d bytes of a long answer are kept, %v", b.name, len(results[5].Data), err)
		}
	}
}

func TestEveryAnswerOfALookIsOfItsBlock(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	for _, refusing := range []bool{false, true} {
		var before []evm.Result
		proxy := tap(t, c.URL(), nil)
		if refusing {
			proxy.answer = onlyNumbers(c.URL())
		}
		err := open(t, declared(), proxy.url).Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
			var err error
			if before, err = l.Ask(ctx, []evm.Question{evm.AskBalance(alice)}); err != nil {
				return err
			}
			if err := c.Fund(ctx, alice, ether); err != nil {
				return err
			}
			after, err := l.Ask(ctx, []evm.Question{evm.AskBalance(alice)})
			if err == nil && string(after[0].Data) != string(before[0].Data) {
				t.Errorf("only numbers %v: balance %x became %x within one look", refusing, before[0].Data, after[0].Data)
			}
			account, err2 := l.Account(ctx, alice)
			if err2 != nil || string(common.BigToHash(account.Balance).Bytes()) != string(before[0].Data) {
				t.Errorf("only numbers %v: account %v, %v", refusing, account, err2)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// onlyNumbers is an endpoint of before EIP-1898.
func onlyNumbers(behind string) func(http.ResponseWriter, []byte) bool {
	return bend(behind, func(asked element, answer *element) {
		if strings.Contains(string(asked.Params), "blockHash") {
			answer.Result = nil
			answer.Error = json.RawMessage(`{"code":-32602,"message":"invalid argument 1: json: cannot unmarshal object into Go value of type string"}`)
		}
	})
}

func TestAnEndpointThatTakesNoHashesIsAskedByNumberFromThenOn(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	proxy := tap(t, c.URL(), onlyNumbers(c.URL()))
	client := open(t, declared(), proxy.url)
	for i, want := range []int{3, 2, 2} { // the first time it costs one request to find out
		before := client.Requests()
		results, err := asked(t, client, call(seven), call(refuser))
		if err != nil || string(results[0].Data) != word(7) || !results[1].Reverted {
			t.Fatal(results, err)
		}
		if got := client.Requests() - before; got != want {
			t.Errorf("look %d took %d requests, want %d", i, got, want)
		}
	}
	// 99 questions and the look at the block's number fill a batch.
	questions := make([]evm.Question, 198)
	for i := range questions {
		questions[i] = call(seven)
	}
	before := client.Requests()
	if _, err := asked(t, client, questions...); err != nil || client.Requests()-before != 3 {
		t.Error(client.Requests()-before, err)
	}
	if _, longest := proxy.count(); longest > 100 {
		t.Errorf("a batch of %d", longest)
	}
}

func TestABlockThatLeavesTheChainDuringALookIsNoticed(t *testing.T) {
	t.Parallel()
	for _, refusing := range []bool{false, true} {
		a := anvil(t, "")
		if err := a.Mine(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		proxy := tap(t, a.URL(), nil)
		if refusing {
			proxy.answer = onlyNumbers(a.URL())
		}
		runs := 0
		var seen []common.Hash
		err := open(t, declared(), proxy.url).Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
			seen = append(seen, l.Block.Hash)
			if runs++; runs == 1 {
				reorg(t, a.Client(), 2)
			}
			_, err := l.Ask(ctx, []evm.Question{call(seven)})
			return err
		})
		if err != nil || runs != 2 || seen[0] == seen[1] {
			t.Errorf("only numbers %v: %d runs at %v: %v; want a second one at another block", refusing, runs, seen, err)
		}
	}
}

func reorg(t testing.TB, client *rpc.Client, depth int) {
	t.Helper()
	if err := client.CallContext(t.Context(), nil, "anvil_reorg", depth, []any{}); err != nil {
		t.Fatal(err)
	}
}

func TestALookRunsWholeOnOneEndpointAndAgainOnTheNext(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	short := tap(t, c.URL(), func(w http.ResponseWriter, body []byte) bool {
		if strings.Contains(string(body), "eth_call") {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}
		return false
	})
	client := open(t, declared(), short.url, c.URL())
	var gathered []string
	runs := 0
	err := client.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		runs++
		gathered = nil
		for _, question := range []evm.Question{evm.AskBalance(alice), call(seven)} {
			results, err := l.Ask(ctx, []evm.Question{question})
			if err != nil {
				return err
			}
			gathered = append(gathered, string(results[0].Data))
		}
		return nil
	})
	if err != nil || runs != 2 || len(gathered) != 2 || gathered[1] != word(7) {
		t.Errorf("%d runs, gathered %x: %v", runs, gathered, err)
	}
	mine := errors.New("a reason of the caller's own")
	runs = 0
	if err := client.Look(t.Context(), func(context.Context, *chain.Look) error { runs++; return mine }); !errors.Is(err, mine) || runs != 1 {
		t.Errorf("%d runs: %v, want the caller's own error at once", runs, err)
	}
}

func TestAnswersOfTheWrongShapeAreErrorsOfTheEndpoint(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	for name, answer := range map[string]func(http.ResponseWriter, []byte) bool{
		"a call that returns null":         lie(c.URL(), "eth_call", `null`),
		"a call that returns a number":     lie(c.URL(), "eth_call", `7`),
		"a call that returns an object":    lie(c.URL(), "eth_call", `{"data":"0x"}`),
		"a call that returns no hex":       lie(c.URL(), "eth_call", `"seven"`),
		"a call of odd length":             lie(c.URL(), "eth_call", `"0x123"`),
		"code of two megabytes":            lie(c.URL(), "eth_getCode", `"0x`+strings.Repeat("00", 2<<20)+`"`),
		"a word of 33 bytes":               lie(c.URL(), "eth_getStorageAt", `"0x`+strings.Repeat("00", 33)+`"`),
		"a balance of 257 bits":            lie(c.URL(), "eth_getBalance", `"0x1`+strings.Repeat("0", 64)+`"`),
		"a nonce that is a list":           lie(c.URL(), "eth_getTransactionCount", `["0x1"]`),
		"an error that is no revert":       refuse(c.URL(), "eth_call", `{"code":-32000,"message":"missing trie node"}`),
		"a revert of what cannot revert":   refuse(c.URL(), "eth_getCode", `{"code":3,"message":"execution reverted"}`),
		"an error with data of no meaning": refuse(c.URL(), "eth_call", `{"code":-32000,"message":"boo","data":{"a":[1]}}`),
		"a block without a hash":           lie(c.URL(), "eth_getBlockByNumber", `{"number":"0x1","timestamp":"0x1"}`),
		"a batch cut short":                cutShort(c.URL()),
	} {
		results, err := asked(t, open(t, declared(), tap(t, c.URL(), answer).url),
			call(seven), evm.AskCode(seven), evm.AskSlot(storing, common.Hash{}), evm.AskBalance(alice), evm.Question{About: evm.AboutNonce, To: alice})
		var ours *chain.Error
		if !errors.As(err, &ours) || ours.Network != "fuji" || len(err.Error()) > 600 {
			t.Errorf("%s: %v, %v, want an error of the endpoint", name, results, err)
		}
	}
	if _, err := asked(t, open(t, declared(), c.URL()), evm.Question{About: "weather"}); err == nil || !strings.Contains(err.Error(), "weather") {
		t.Errorf("%v: a question of no sort was asked", err)
	}
}

// cutShort leaves the last answer of each longer batch away.
func cutShort(behind string) func(http.ResponseWriter, []byte) bool {
	return func(w http.ResponseWriter, body []byte) bool {
		reply := relay(behind, body)
		var answers []json.RawMessage
		if json.Unmarshal(reply, &answers) == nil && len(answers) > 2 {
			reply, _ = json.Marshal(answers[:len(answers)-1])
		}
		_, _ = w.Write(reply)
		return true
	}
}

func TestAnswersInAnotherOrderAreToldApart(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	proxy := tap(t, c.URL(), func(w http.ResponseWriter, body []byte) bool {
		var answers []json.RawMessage
		if json.Unmarshal(relay(c.URL(), body), &answers) != nil {
			panic(http.ErrAbortHandler)
		}
		for i := range len(answers) / 2 {
			answers[i], answers[len(answers)-1-i] = answers[len(answers)-1-i], answers[i]
		}
		out, _ := json.Marshal(answers)
		_, _ = w.Write(out)
		return true
	})
	results, err := asked(t, open(t, declared(), proxy.url), call(seven), evm.AskCode(seven), call(refuser))
	if err != nil || string(results[0].Data) != word(7) || string(results[1].Data) != string(codes()[seven]) || !results[2].Reverted {
		t.Error(results, err)
	}
}
