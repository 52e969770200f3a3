package chain_test

import (
	"context"
	"strings"
	"testing"

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
