package call

import (
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Waiting is a transaction of a Safe that can still be executed.
type Waiting struct {
	// Hash is the safeTxHash, computed here over all fields.
	Hash common.Hash
	Tx   safe.Tx
	// Record of a proposal of ours; nil: it is somebody else's.
	Record *Record
	// Effects are what it would do.
	Effects []safe.Effect
	// Like says of somebody else's how it differs from one of ours that makes one of
	// the same calls; empty: it resembles none.
	Like string
}

// Queue is what the service of a Safe says that waits, if it was Read.
type Queue struct {
	Read bool
	Txs  []safe.Tx
}

// Waits are the transactions of a Safe that can still be executed, from its nonce
// up: our records, as far as its service has them where they are posted to one,
// and whatever else is in its queue. Only the hash decides whose one is.
func Waits(env *config.Environment, s config.Safe, records []Record, queue Queue) ([]Waiting, error) {
	network, _ := env.Network(s.Network)
	w := waiter{
		chainID: network.ChainID, safe: common.HexToAddress(s.Address), multiSend: common.HexToAddress(MultiSend(env, s.Network)),
		names: Names(env, s.Network), records: records,
	}
	queued := map[common.Hash]bool{}
	var list []Waiting
	for _, tx := range queue.Txs {
		one, err := w.queued(tx)
		if err != nil {
			return nil, err
		}
		if one.Record == nil && !queued[one.Hash] {
			list = append(list, one)
		}
		queued[one.Hash] = true
	}
	for i, r := range records {
		_, tx, hashes, err := r.Batch()
		if err != nil {
			return nil, err
		}
		// What nobody sees is proposed again. What cannot be asked for is taken to wait.
		if Posted(s) && queue.Read && !queued[hashes.SafeTx] {
			continue
		}
		list = append(list, Waiting{Hash: hashes.SafeTx, Tx: tx, Record: &records[i], Effects: w.effects(tx)})
	}
	slices.SortFunc(list, func(a, b Waiting) int {
		if a.Tx.Nonce != b.Tx.Nonce {
			return int(a.Tx.Nonce) - int(b.Tx.Nonce) //nolint:gosec // bounded by what is believed ahead of the chain
		}
		return a.Hash.Cmp(b.Hash)
	})
	return list, nil
}

type waiter struct {
	chainID         uint64
	safe, multiSend common.Address
	names           safe.Names
	records         []Record
}

func (w waiter) effects(tx safe.Tx) []safe.Effect {
	return safe.EffectsOf(w.safe, w.multiSend, tx, w.names)
}

// queued tells whose a transaction is, under the hash that its bytes have here.
func (w waiter) queued(tx safe.Tx) (Waiting, error) {
	hashes, err := safe.HashesOf(w.chainID, w.safe, tx)
	if err != nil {
		return Waiting{}, err
	}
	one := Waiting{Hash: hashes.SafeTx, Tx: tx, Effects: w.effects(tx)}
	for i, r := range w.records {
		if r.Hash == one.Hash.Hex() {
			one.Record = &w.records[i]
			return one, nil
		}
		calls, _, _, err := r.Batch()
		if err != nil {
			return Waiting{}, err
		}
		if one.Like == "" && resembles(tx, calls) {
			if odd := safe.Recognise(w.chainID, w.safe, w.multiSend, calls, tx); odd != nil {
				one.Like = odd.Error()
			} else {
				one.Like = "the same calls under another nonce, proposed by somebody else"
			}
		}
	}
	return one, nil
}

// resembles reports a transaction that makes a call of ours, or says to.
func resembles(tx safe.Tx, calls []evm.Call) bool {
	return slices.ContainsFunc(calls, func(c evm.Call) bool {
		return len(c.Data) > 0 && strings.Contains(string(tx.Data), string(c.Data))
	})
}

// Names are the configuration's own for the addresses of a network: contracts of
// the deployment by their role, declared contracts, Safes and pinned keys.
func Names(env *config.Environment, network string) safe.Names {
	names := map[common.Address]string{}
	name := func(address, as string) {
		a := common.HexToAddress(address)
		if names[a] == "" && a != (common.Address{}) {
			names[a] = as
		}
	}
	for _, s := range env.Safes {
		if s.Network == network {
			name(s.Address, "Safe "+s.Name)
		}
	}
	for _, c := range env.Contracts {
		if c.Network == network {
			name(c.Address, c.Name)
		}
	}
	if env.Deployment != nil {
		for _, role := range slices.Sorted(maps.Keys(env.Deployment.Networks[network])) {
			name(env.Deployment.Networks[network][role].Address, role)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(env.Pins)) {
		name(env.Pins[key], "key "+key)
	}
	return func(a common.Address) string { return names[a] }
}
