package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/validators"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

// The networks of a table are measured in the place of real ones, so they must say
// what those say: the same questions to Hyperlane's own contracts, which trust seven
// origins, have the same answers.
func TestContractsOfTheTableAnswerAsRealOnes(t *testing.T) {
	t.Parallel()
	const here, origins = "fuji", 7
	w := validatorstest.Start(t, validatorstest.Options{Networks: []string{here}, Shape: contractstest.ShapeRouting, Type: contractstest.MessageID, Strangers: origins})
	real, factories := w.Contracts[here], validators.Factories(w.Env, here)
	s := newSets()
	s.mailbox, s.router, s.hook, s.announce = real.Mailbox, real.RoutingISM, real.MerkleTreeHook, real.ValidatorAnnounce
	s.factory, s.owner = factories.MessageID, validatorstest.Address("owner")
	var domains []uint32
	for i := range origins {
		domain := uint32(900_000 + i)
		s.leaf[domain] = s.multisig([]common.Address{validatorstest.Address(fmt.Sprintf("stranger %d", i))}, 1)
		domains = append(domains, domain)
	}
	s.rest(domains)
	list := evm.MustMethod("getAnnouncedStorageLocations(address[])(string[][])").Call(s.announce, []common.Address{s.owner})
	s.says(list, []string{"string[][]"}, [][]string{{}})
	network, err := w.Network(here)
	done(t, err)
	asked := 0
	done(t, network.Look(t.Context(), func(ctx context.Context, l *chain.Look) error {
		first := []evm.Question{evm.Ask(list), evm.Ask(evm.MustMethod("count()(uint32)").Call(s.hook)), evm.AskCode(common.Address{1, 2, 3})}
		walk := ism.NewWalk(s.mailbox, domains, factories)
		for questions := append(first, walk.Ask()...); len(questions) > 0; questions = walk.Ask() {
			results, err := l.Ask(ctx, questions)
			if err != nil {
				return err
			}
			for i, q := range questions {
				s.compare(t, q, results[i])
			}
			if asked += len(questions); asked == len(questions) {
				results = results[len(first):]
			}
			if err := walk.Answer(results); err != nil {
				return err
			}
		}
		return nil
	}))
	if most := 8*(origins+1) + origins; asked < most {
		t.Errorf("%d questions were compared, want those of a mailbox, a router and %d modules", asked, origins)
	}
}

// compare holds what the table says against what a contract said. Of code that
// holds no members, only whether there is any is of meaning.
func (s *sets) compare(t *testing.T, q evm.Question, real evm.Result) {
	t.Helper()
	method, params := "eth_getCode", []any{q.To}
	if q.About == evm.AboutCall {
		method, params = "eth_call", []any{map[string]any{"to": q.To, "data": hexutil.Bytes(q.Data)}}
	}
	text, err := json.Marshal(params)
	done(t, err)
	var raw []json.RawMessage
	done(t, json.Unmarshal(text, &raw))
	said, _ := s.answer(method, raw)
	var table struct {
		Result hexutil.Bytes
		Error  *struct{ Data hexutil.Bytes }
	}
	if said != "" {
		done(t, json.Unmarshal([]byte("{"+said+"}"), &table))
	}
	have := evm.Result{Data: table.Result, Reverted: table.Error != nil}
	if table.Error != nil {
		have.Data = table.Error.Data
	}
	same := bytes.Equal(have.Data, real.Data)
	if q.About == evm.AboutCode && (q.To == s.mailbox || q.To == s.router) {
		same = len(have.Data) > 0 && len(real.Data) > 0
	}
	if !same || have.Reverted != real.Reverted {
		t.Errorf("%s of %s, %x: the table says %x (reverted: %v), the contract %x (%v)", q.About, q.To, q.Data, have.Data, have.Reverted, real.Data, real.Reverted)
	}
}
