package validators

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// level is what is known of the code that new modules would run. A module made of
// code that the chain cannot run is made without complaint, and then delivers
// nothing: only the message that it is asked about fails.
type level struct {
	// push0 are the implementations whose code needs that opcode, answers those
	// that say what they are, and shown those that came by the opcode to do so.
	push0, answers, shown map[common.Address]bool
	// has is what the chain says of the opcode, err why it said nothing.
	has chain.Known
	err error
}

const moduleType = "moduleType()(uint8)"

// implementations are those that modules would be made of, if any were.
func (r *reading) implementations() []common.Address {
	var list []common.Address
	if len(r.leaves()) > 0 {
		for _, f := range []ism.Factory{r.factories.MessageID, r.factories.MerkleRoot, r.factories.Aggregation} {
			if none := (common.Address{}); f.Implementation != none && !slices.Contains(list, f.Implementation) {
				list = append(list, f.Implementation)
			}
		}
	}
	return list
}

// runs asks for code, and lets it answer.
func runs(implementations []common.Address) []evm.Question {
	questions := codeOf(implementations)
	for _, at := range implementations {
		questions = append(questions, evm.Ask(evm.MustMethod(moduleType).Call(at)))
	}
	return questions
}

// ran takes the answers to runs.
func ran(implementations []common.Address, results []evm.Result) level {
	l := level{push0: map[common.Address]bool{}, answers: map[common.Address]bool{}, shown: map[common.Address]bool{}}
	for i, at := range implementations {
		l.push0[at] = evm.NeedsPush0(results[i].Data)
		_, err := evm.MustMethod(moduleType).Unpack(results[len(implementations)+i])
		l.answers[at] = err == nil
		l.shown[at] = err == nil && selectsByPush0(results[i].Data)
	}
	return l
}

// selectsByPush0 reports that code reads which method it is asked for by the
// opcode (PUSH0 CALLDATALOAD) and by nothing else: when it answers, it has run it.
func selectsByPush0(code []byte) bool {
	return bytes.Contains(code, []byte{0x5f, 0x35}) && !bytes.Contains(code, []byte{0x60, 0x00, 0x35})
}

// rise asks what the chain's machine can run, where something is to be made that
// depends on it and has not shown that it runs.
func (r *reading) rise(ctx context.Context, client *chain.Network) {
	depends := func(w *wish) bool {
		repoint, _ := r.repoint(w)
		return slices.ContainsFunc(repoint.Deploys, func(d ism.Deploy) bool { return r.level.depends(d.Implementation) })
	}
	if !slices.ContainsFunc(r.wishes, depends) {
		return
	}
	found, err := client.Level(ctx)
	if r.level.has = found.Push0; err != nil {
		r.level.err = fmt.Errorf("which opcodes the chain has: %w", err)
	}
}

// depends reports that only the chain can tell whether the code runs.
func (l level) depends(implementation common.Address) bool {
	return l.push0[implementation] && !l.shown[implementation]
}

// push0Of is empty for a repoint that makes nothing whose code depends on it. Where
// the chain does not say whether it has it, code that does not even say what it is
// shows that it has not.
func (l level) push0Of(repoint ism.Repoint) (chain.Known, error) {
	has := chain.Known("")
	for _, d := range repoint.Deploys {
		if !l.depends(d.Implementation) {
			continue
		}
		if l.err != nil {
			return "", l.err
		}
		if has = l.has; has == chain.Maybe && !l.answers[d.Implementation] {
			return chain.No, nil
		}
	}
	return has, nil
}
