package chain

import (
	"bytes"
	"context"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

// Known is an answer that an endpoint may be unable to give.
type Known string

// The answers.
const (
	Yes   Known = "yes"
	No    Known = "no"
	Maybe Known = "unknown"
)

// Level is what a chain's machine can run.
type Level struct {
	// London: blocks have a base fee (EIP-1559).
	London bool
	// Push0: the opcode of that name is there (EIP-3855, Shanghai), which compilers
	// use by default since Solidity 0.8.20.
	Push0 Known
}

// Both programs return the word 42; the first needs PUSH0 for it.
const (
	withPush0    = "0x602a5f5260205ff3"
	withoutPush0 = "0x602a60005260206000f3"
)

// Level runs a small program with and without PUSH0, as code that a creation
// would run and as the code of an address for one call. One of them must work
// with PUSH0 for a Yes; for a No, the same program must work without it and end
// with it. One HTTP request; with Options.Agree two hosts must say the same.
func (n *Network) Level(ctx context.Context) (Level, error) {
	var found Level
	if n.options.Agree {
		err := n.readTwice(ctx, func(ctx context.Context, p pair) error {
			a, b, err := both(p, func(e *endpoint) (Level, error) { return n.level(ctx, e) })
			if err == nil && a != b {
				err = n.disagree("the EVM's level", p, a.words(), b.words(), nil)
			}
			found = a
			return err
		})
		return found, err
	}
	err := n.read(ctx, func(ctx context.Context, e *endpoint) error {
		var err error
		found, err = n.level(ctx, e)
		return err
	})
	return found, err
}

func (l Level) words() string { return fmt.Sprintf("london %v and PUSH0 %s", l.London, l.Push0) }

func (n *Network) level(ctx context.Context, e *endpoint) (Level, error) {
	asserting, calls := n.assertion()
	latest := ask("eth_getBlockByNumber", "latest", false)
	ways := []func(code string) *call{created, overridden}
	var with, without []*call
	for _, way := range ways {
		with, without = append(with, way(withPush0)), append(without, way(withoutPush0))
	}
	calls = append(append(append(calls, latest), with...), without...)
	if err := n.batch(ctx, e, calls); err != nil {
		return Level{}, err
	}
	if err := n.holds(e, asserting); err != nil {
		return Level{}, err
	}
	head, err := n.header(e, latest)
	if err != nil {
		return Level{}, err
	}
	found := Level{London: head.BaseFee != nil, Push0: Maybe}
	for i := range ways {
		_, ended := revertOf(with[i])
		switch {
		case n.ran(e, with[i]):
			found.Push0 = Yes
			return found, nil
		case ended && n.ran(e, without[i]):
			found.Push0 = No
		}
	}
	return found, nil
}

func created(code string) *call {
	return askOptional("eth_call", map[string]any{"data": code}, "latest")
}

func overridden(code string) *call {
	// An address that nobody has the key of, chosen here.
	at := common.HexToAddress("0x00000000000000000000000000007265636f6e63")
	return askOptional("eth_call", map[string]any{"to": at, "data": "0x"}, "latest", map[common.Address]any{at: map[string]any{"code": code}})
}

func (n *Network) ran(e *endpoint, c *call) bool {
	if c.err != nil {
		return false
	}
	data, err := n.data(e, c)
	return err == nil && bytes.Equal(data, common.BigToHash(big.NewInt(42)).Bytes())
}
