package chain_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func askedAgo(t *testing.T, n *chain.Network, blocks uint64, q evm.Question) (string, error) {
	t.Helper()
	var said string
	err := n.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		results, err := l.AskAgo(ctx, blocks, []evm.Question{q})
		if err == nil {
			said = string(results[0].Data)
		}
		return err
	})
	return said, err
}

func TestWhatStoodSomeBlocksAgoIsRead(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{Code: codes()})
	poke(t, c.URL(), 0, storing)
	poke(t, c.URL(), 1, storing)
	counter := evm.AskSlot(storing, common.Hash{31: 1})
	liar := tap(t, c.URL(), lie(c.URL(), "eth_getStorageAt", `"0x`+strings.Repeat("0", 63)+`8"`))
	for name, n := range map[string]*chain.Network{
		"one host": open(t, declared(), c.URL()), "two hosts": openAgreeing(t, c.URL(), tap(t, c.URL(), nil).url),
	} {
		for blocks, want := range map[uint64]int64{0: 2, 1: 1, 2: 0, 1000: 0} {
			if have, err := askedAgo(t, n, blocks, counter); err != nil || have != word(want) {
				t.Errorf("%s, %d blocks ago: %x, %v", name, blocks, have, err)
			}
		}
		if _, err := askedAgo(t, n, 1, evm.Question{About: "the weather"}); err == nil {
			t.Errorf("%s: was asked about the weather", name)
		}
	}
	var differ *chain.DisagreementError
	if _, err := askedAgo(t, openAgreeing(t, c.URL(), liar.url), 1, counter); !errors.As(err, &differ) {
		t.Errorf("two hosts that say different things: %v", err)
	}
}
