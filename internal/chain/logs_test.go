package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
)

// poke sends a plain call to a contract and waits until it is mined.
func poke(t testing.TB, url string, nonce uint64, to common.Address) {
	t.Helper()
	tx, err := types.SignNewTx(keyOf("bank"), types.LatestSignerForChainID(big.NewInt(chainID)), &types.LegacyTx{
		Nonce: nonce, To: &to, Gas: 100_000, GasPrice: big.NewInt(20 * params.GWei),
	})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := tx.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	network := declared()
	network.Confirmations = 0
	client := open(t, network, url)
	if err := client.Send(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Await(t.Context(), tx.Hash()); err != nil {
		t.Fatal(err)
	}
}

func logsOf(t testing.TB, n *chain.Network, q chain.LogQuery) ([]chain.Log, error) {
	t.Helper()
	var found []chain.Log
	err := n.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		var err error
		found, err = l.Logs(ctx, q)
		return err
	})
	return found, err
}

func events(from uint64) chain.LogQuery {
	return chain.LogQuery{Addresses: []common.Address{emitter}, Topics: [][]common.Hash{{theTopic}}, From: from}
}

func TestLogsAreReadUpToTheBlockOfTheLook(t *testing.T) {
	t.Parallel()
	for _, b := range backends(t) {
		for i := range uint64(3) {
			poke(t, b.url, i, emitter)
		}
		client := open(t, declared(), b.url)
		found, err := logsOf(t, client, events(0))
		if err != nil || len(found) != 3 {
			t.Fatalf("%s: %v, %v, want three", b.name, found, err)
		}
		for i, l := range found {
			if l.Address != emitter || len(l.Topics) != 1 || l.Topics[0] != theTopic || l.Transaction == (common.Hash{}) || i > 0 && l.Block <= found[i-1].Block {
				t.Errorf("%s: log %d is %+v", b.name, i, l)
			}
		}
		if client.Requests() != 2 {
			t.Errorf("%s: %d requests, want 2", b.name, client.Requests())
		}
		if later, err := logsOf(t, client, events(found[1].Block)); err != nil || len(later) != 2 {
			t.Errorf("%s: from the second on there are %d, %v", b.name, len(later), err)
		}
		if none, err := logsOf(t, client, chain.LogQuery{Addresses: []common.Address{emitter}, Topics: [][]common.Hash{nil, {theTopic}}}); err != nil || len(none) != 0 {
			t.Errorf("%s: %v, %v: nothing has two topics", b.name, none, err)
		}
		err = client.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
			poke(t, b.url, 3, emitter)
			again, err := l.Logs(ctx, events(0))
			if len(again) != 3 {
				t.Errorf("%s: %d logs within a look that began before the fourth", b.name, len(again))
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if future, err := logsOf(t, client, events(1<<60)); err != nil || len(future) != 0 {
			t.Errorf("%s: %v, %v of the future", b.name, future, err)
		}
	}
	if _, err := logsOf(t, open(t, declared(), geth(t, chaintest.Options{}).URL()), chain.LogQuery{}); err == nil {
		t.Error("the logs of everybody were read")
	}
}

// narrow answers no more than so many blocks at once, with a provider's words.
func narrow(behind, failure string, most uint64, ranges *[]uint64) func(http.ResponseWriter, []byte) bool {
	return bend(behind, func(asked element, answer *element) {
		if asked.Method != "eth_getLogs" {
			return
		}
		var filter []struct{ FromBlock, ToBlock string }
		if json.Unmarshal(asked.Params, &filter) != nil {
			panic(http.ErrAbortHandler)
		}
		from, _ := strconv.ParseUint(filter[0].FromBlock, 0, 64)
		to, _ := strconv.ParseUint(filter[0].ToBlock, 0, 64)
		*ranges = append(*ranges, to-from+1)
		if to-from+1 > most {
			answer.Result, answer.Error = nil, json.RawMessage(failure)
		}
	})
}

func TestARangeThatHoldsTooMuchIsHalvedUntilItIsAnswered(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	for i := range uint64(4) {
		poke(t, c.URL(), i, emitter)
		c.Mine(24)
	}
	for _, failure := range []string{
		`{"code":-32005,"message":"query returned more than 10000 results"}`,
		`{"code":-32602,"message":"Log response size exceeded. this block range should work: [0x0, 0x1]"}`,
		`{"code":-32000,"message":"eth_getLogs block range is limited to 0 - 13 blocks"}`,
		`{"code":-32000,"message":"query timeout exceeded"}`,
	} {
		var ranges []uint64
		client := open(t, declared(), tap(t, c.URL(), narrow(c.URL(), failure, 13, &ranges)).url)
		found, err := logsOf(t, client, events(0))
		if err != nil || len(found) != 4 || !slices.IsSortedFunc(found, func(a, b chain.Log) int { return int(a.Block) - int(b.Block) }) {
			t.Errorf("%s: %v, %v", failure, found, err)
		}
		if len(ranges) > 3+1+10 {
			t.Errorf("%s: asked for ranges %v", failure, ranges)
		}
	}
	// A rate limit is no reason to ask more often.
	var ranges []uint64
	limited := open(t, declared(), tap(t, c.URL(), narrow(c.URL(), `{"code":-32005,"message":"rate limit exceeded"}`, 13, &ranges)).url)
	if _, err := logsOf(t, limited, events(0)); err == nil || len(ranges) != 3 || ranges[2] != ranges[0] {
		t.Errorf("%v after ranges %v, want three rounds of the whole", err, ranges)
	}
}

func TestAnEndlessRangeEndsAtItsBound(t *testing.T) {
	t.Parallel()
	number := `{"number":"0xffffffff","hash":"` + common.Hash{1}.Hex() + `","timestamp":"0x1"}`
	answers := with(with(honest(), "eth_getBlockByNumber", number), "eth_getLogs", `[]`)
	proxy := tap(t, "", nil)
	inner := tap(t, "", rewrite(answers))
	var ranges []uint64
	proxy.answer = narrow(inner.url, `{"code":-32000,"message":"block range is too wide"}`, 1000, &ranges)
	_, err := logsOf(t, open(t, declared(), proxy.url), events(0))
	if err == nil || !strings.Contains(err.Error(), "take more than 512 requests of 512 blocks each") || len(ranges) != 512 {
		t.Errorf("%v after %d requests", err, len(ranges))
	}
}

func TestLogsThatNobodyAskedForAreRefused(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	poke(t, c.URL(), 0, emitter)
	entry := func(spoil map[string]any) string {
		fields := map[string]any{
			"address": emitter, "topics": []any{theTopic}, "data": "0x", "blockNumber": "0x1", "blockHash": common.Hash{1},
			"transactionHash": common.Hash{2}, "logIndex": "0x0", "removed": false,
		}
		for key, value := range spoil {
			fields[key] = value
		}
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if found, err := logsOf(t, open(t, declared(), tap(t, c.URL(), lie(c.URL(), "eth_getLogs", "["+entry(nil)+"]")).url), events(0)); err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for name, reply := range map[string]string{
		"null":                 `null`,
		"an object":            `{}`,
		"a null in the list":   `[null]`,
		"another address":      "[" + entry(map[string]any{"address": alice}) + "]",
		"another topic":        "[" + entry(map[string]any{"topics": []any{common.Hash{9}}}) + "]",
		"no topic":             "[" + entry(map[string]any{"topics": []any{}}) + "]",
		"five topics":          "[" + entry(map[string]any{"topics": []any{theTopic, theTopic, theTopic, theTopic, theTopic}}) + "]",
		"a block of later":     "[" + entry(map[string]any{"blockNumber": "0xffff"}) + "]",
		"no block":             "[" + entry(map[string]any{"blockNumber": nil}) + "]",
		"a removed one":        "[" + entry(map[string]any{"removed": true}) + "]",
		"the same twice":       "[" + entry(nil) + "," + entry(nil) + "]",
		"data that is no data": "[" + entry(map[string]any{"data": "seven"}) + "]",
		"data of a megabyte":   "[" + entry(map[string]any{"data": fmt.Sprintf("0x%s", strings.Repeat("00", 1<<20))}) + "]",
	} {
		found, err := logsOf(t, open(t, declared(), tap(t, c.URL(), lie(c.URL(), "eth_getLogs", reply)).url), events(0))
		var ours *chain.Error
		if !errors.As(err, &ours) || found != nil {
			t.Errorf("%s: %v, %v, want an error of the endpoint", name, found, err)
		}
	}
}
