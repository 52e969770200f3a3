package chain_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func TestRevertsOfManyNodesAreUnderstood(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	for failure, want := range map[string]string{
		`{"code":3,"message":"execution reverted: not you","data":"` + hexutil.Encode(notYou) + `"}`:       "not you",
		`{"code":-32000,"message":"Execution reverted","data":"` + hexutil.Encode(notYou) + `"}`:           "not you",
		`{"code":-32015,"message":"VM execution error.","data":"Reverted ` + hexutil.Encode(notYou) + `"}`: "not you",
		`{"code":-32000,"message":"VM Exception while processing transaction: revert not you"}`:            "",
		`{"code":3,"message":"execution reverted","data":["0x"]}`:                                          "",
		`{"code":3,"message":"execution reverted","data":"0x1"}`:                                           "",
		`{"code":3,"message":"execution reverted","data":"0x` + strings.Repeat("ab", 300<<10) + `"}`:       "0x" + strings.Repeat("ab", 36),
		`{"code":-32000,"message":"invalid opcode: opcode 0xfe not defined"}`:                              "",
		`{"code":-32003,"message":"EVM error InvalidFEOpcode"}`:                                            "",
		`{"code":3,"message":"the contract says no"}`:                                                      "",
		`{"code":-32000,"message":"out of gas"}`:                                                           "",
	} {
		results, err := asked(t, open(t, declared(), tap(t, c.URL(), refuse(c.URL(), "eth_call", failure)).url), call(seven))
		if err != nil || !results[0].Reverted || evm.Reason(results[0].Data) != want || len(results[0].Data) > evm.MaxReply+1 {
			t.Errorf("%.90s: %v, want the reason %q", failure, err, want)
		}
	}
}

func TestASenderIsReadInOneRequest(t *testing.T) {
	t.Parallel()
	for _, b := range backends(t) {
		client := open(t, declared(), b.url)
		survey, err := client.Survey(t.Context(), bankQuery())
		if err != nil {
			t.Fatal(err)
		}
		before := client.Requests()
		err = client.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
			account, err := l.Account(ctx, addressOf("bank"))
			if err != nil {
				return err
			}
			if account.Balance.Cmp(survey.Bank.Balance) != 0 || account.Gas != 21_000 || account.Fees.PerGas().Cmp(survey.Bank.Fees.PerGas()) != 0 {
				t.Errorf("%s: %+v, want what a survey says: %+v", b.name, account, *survey.Bank)
			}
			return nil
		})
		if err != nil || client.Requests()-before != 2 {
			t.Errorf("%s: %d requests, %v", b.name, client.Requests()-before, err)
		}
	}
}

func TestContractsThatReturnMoreThanAReplyMayHoldKeepNobodyFromBeingRead(t *testing.T) {
	t.Parallel()
	flood := common.HexToAddress("0x00000000000000000000000000000000000f100d") // returns 2.75 MiB
	code := codes()
	code[flood] = hex("622c00005ff3")
	c := geth(t, chaintest.Options{Code: code})
	client := open(t, declared(), c.URL())
	questions := []evm.Question{evm.AskCode(seven)}
	for range 60 {
		questions = append(questions, call(seven))
	}
	questions[20], questions[21], questions[41] = call(flood), call(flood), call(flood)
	results, err := asked(t, client, questions...)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(results); i++ {
		if i == 20 || i == 21 || i == 41 {
			if len(results[i].Data) != evm.MaxReply+1 {
				t.Errorf("a flood is %d bytes", len(results[i].Data))
			}
		} else if string(results[i].Data) != word(7) {
			t.Errorf("answer %d is %x", i, results[i].Data)
		}
	}
	if client.Requests() > 28 {
		t.Errorf("%d requests", client.Requests())
	}
	// An endpoint that floods every request is left.
	client = open(t, declared(), tap(t, "", func(w http.ResponseWriter, body []byte) bool {
		if strings.Contains(string(body), "eth_chainId") {
			return rewrite(honest())(w, body)
		}
		_, _ = w.Write([]byte(`["` + strings.Repeat("a", 9<<20)))
		return true
	}).url)
	if _, err := asked(t, client, questions...); err == nil || !strings.Contains(err.Error(), "the reply is too long") || client.Requests() > 2*(1+33) {
		t.Errorf("%v after %d requests", err, client.Requests())
	}
}

func TestAContractsOwnWordsDoNotLookLikeTheEndpoints(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	for _, words := range []string{"invalid argument", "rate limit exceeded", "cannot unmarshal", "header not found"} {
		client := open(t, declared(), tap(t, c.URL(), refuse(c.URL(), "eth_call", `{"code":3,"message":"execution reverted: `+words+`"}`)).url)
		if results, err := asked(t, client, call(seven)); err != nil || !results[0].Reverted || client.Requests() != 2 {
			t.Errorf("%q: %v, %v in %d requests", words, results, err, client.Requests())
		}
	}
}
