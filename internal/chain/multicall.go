package chain

import (
	"context"
	"errors"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Multicall3 stands at this address on most networks, with this code: what it
// returns is then what the chain says (github.com/mds1/multicall3; the hash is
// that of its runtime code as explorers show it). Elsewhere, and where the code
// is another one, balances are asked for one by one.
const (
	multicallAddress = "0xcA11bde05977b3631167028862bE2a173976CA11"
	multicallCode    = "0xd5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891"
)

// multicallMost is how many balances one call asks for: with 192 bytes for each
// an answer is far below evm.MaxReply, and at some 5,000 gas below every cap.
const multicallMost = 200

func isMulticall(code []byte) bool {
	return evm.CodeHash(code) == common.HexToHash(multicallCode)
}

func aggregateMethod() evm.Method {
	return evm.MustMethod("aggregate3((address,bool,bytes)[])((bool,bytes)[])")
}

// askBalances is one question for the balances of many.
func askBalances(of []common.Address) evm.Question {
	at := common.HexToAddress(multicallAddress)
	balance := evm.MustMethod("getEthBalance(address)(uint256)")
	type element struct {
		A0 common.Address
		A1 bool
		A2 []byte
	}
	list := make([]element, len(of))
	for i, address := range of {
		list[i] = element{A0: at, A2: balance.Call(at, address).Data}
	}
	return evm.Ask(aggregateMethod().Call(at, list))
}

// balancesIn reads the answer: false where it is not so many balances and
// nothing else.
func balancesIn(r evm.Result, of []common.Address) ([]*big.Int, bool) {
	values, err := aggregateMethod().Unpack(r)
	if err != nil || len(values) != 1 {
		return nil, false
	}
	list, ok := values[0].([]struct {
		A0 bool   `json:"a0"`
		A1 []byte `json:"a1"`
	})
	if !ok || len(list) != len(of) {
		return nil, false
	}
	balances := make([]*big.Int, len(list))
	for i, element := range list {
		if !element.A0 || len(element.A1) != common.HashLength {
			return nil, false
		}
		balances[i] = new(big.Int).SetBytes(element.A1)
	}
	return balances, true
}

// portions cuts a list into calls.
func portions(of []common.Address) [][]common.Address {
	var list [][]common.Address
	for start := 0; start < len(of); start += multicallMost {
		list = append(list, of[start:min(start+multicallMost, len(of))])
	}
	return list
}

// addressesOf lists every wallet's address once.
func addressesOf(wallets []Wallet) []common.Address {
	seen := make(map[common.Address]bool, len(wallets))
	var list []common.Address
	for _, w := range wallets {
		if !seen[w.Address] {
			seen[w.Address] = true
			list = append(list, w.Address)
		}
	}
	return list
}

// together are balances that are asked for in a few calls.
type together struct {
	of    [][]common.Address
	calls []*call
}

func (s *surveyor) together(of []common.Address) together {
	t := together{}
	if !s.multicall {
		return t
	}
	t.of = portions(of)
	for _, portion := range t.of {
		t.calls = append(t.calls, asking(askBalances(portion), s.at))
	}
	return t
}

// take reads the answers and gives the addresses that must be asked for one by
// one: an endpoint may refuse a call that is as large. An answer of another
// shape is none that this code gives.
func (s *surveyor) take(t together) (left []common.Address, err error) {
	for i, c := range t.calls {
		r, err := s.result(s.e, evm.AboutCall, c)
		if err != nil || r.Reverted {
			left = append(left, t.of[i]...)
			continue
		}
		balances, ok := balancesIn(r, t.of[i])
		if !ok {
			return nil, s.malformed(s.e, c, "a list of balances")
		}
		for at, address := range t.of[i] {
			s.found.Balances[address] = balances[at]
		}
	}
	return left, nil
}

// balances are what both hosts say. Where they do not agree about many at once,
// or cannot answer so, each address is asked for alone, which names the one that
// they differ about.
func (l *Look) balances(ctx context.Context, of []common.Address) (map[common.Address]*big.Int, error) {
	found := make(map[common.Address]*big.Int, len(of))
	left := of
	if len(of) > l.network.config.BatchSize {
		var err error
		if left, err = l.balancesTogether(ctx, of, found); err != nil {
			return nil, err
		}
	}
	questions := make([]evm.Question, len(left))
	for i, address := range left {
		questions[i] = evm.AskBalance(address)
	}
	answers, err := l.Ask(ctx, questions)
	for i := range answers {
		found[left[i]] = new(big.Int).SetBytes(answers[i].Data)
	}
	return found, err
}

func (l *Look) balancesTogether(ctx context.Context, of []common.Address, found map[common.Address]*big.Int) (left []common.Address, err error) {
	code, err := l.Ask(ctx, []evm.Question{evm.AskCode(common.HexToAddress(multicallAddress))})
	if err != nil || !isMulticall(code[0].Data) {
		return of, err
	}
	list := portions(of)
	questions := make([]evm.Question, len(list))
	for i := range list {
		questions[i] = askBalances(list[i])
	}
	answers, err := l.Ask(ctx, questions)
	if err != nil {
		if one := (*Error)(nil); errors.As(err, &one) && one.class == final || ctx.Err() != nil {
			return nil, err
		}
		return of, nil
	}
	for i, portion := range list {
		balances, ok := balancesIn(answers[i], portion)
		if !ok {
			left = append(left, portion...)
			continue
		}
		for at, address := range portion {
			found[address] = balances[at]
		}
	}
	return left, nil
}
