package chain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// LogQuery says which logs are wanted, from block From up to the block of the
// look. Topics are alternatives per position, as in eth_getLogs; an empty
// position takes anything. At least one address is needed.
type LogQuery struct {
	Addresses []common.Address
	Topics    [][]common.Hash
	From      uint64
}

// Log is one event of a contract.
type Log struct {
	Address     common.Address
	Topics      []common.Hash
	Data        []byte
	Block       uint64
	BlockHash   common.Hash
	Transaction common.Hash
	// Index of the log in its block.
	Index uint64
}

// Bounds of one reading of logs: its HTTP requests, and its logs. A
// deployment's events are some thousands at most.
const (
	maxLogRequests = 512
	maxLogs        = 100_000
)

// Logs reads events, oldest first. Where an endpoint says that a range holds too
// much, halves of it are asked; a reading that takes more than 512 HTTP requests,
// or that finds logs nobody asked for, is an error.
func (l *Look) Logs(ctx context.Context, q LogQuery) ([]Log, error) {
	if len(q.Addresses) == 0 || len(q.Topics) > 4 {
		return nil, fmt.Errorf("%s: logs are asked of at least one address and by at most 4 topics", l.network.config.Name)
	}
	if l.other == nil {
		return l.network.logs(ctx, l.e, l.Block, q)
	}
	return l.logsOfBoth(ctx, q)
}

func (n *Network) logs(ctx context.Context, e *endpoint, b Block, q LogQuery) ([]Log, error) {
	var found []Log
	// widest is how many blocks are asked for at once; the endpoint may lower it.
	from, widest := q.From, b.Number+1
	for requests := 0; from <= b.Number; requests++ {
		if requests == maxLogRequests {
			return nil, &Error{Network: n.config.Name, Host: e.host, Operation: "eth_getLogs", class: deaf,
				Cause: fmt.Sprintf("blocks %d to %d take more than %d requests of %d blocks each", q.From, b.Number, maxLogRequests, widest)}
		}
		to := from + min(widest-1, b.Number-from)
		some, err := n.logsOf(ctx, e, b, q, from, to)
		if err != nil {
			if to == from || !tooMuch(err) || ctx.Err() != nil {
				return nil, err
			}
			widest = (to - from + 1) / 2
			continue
		}
		if found = append(found, some...); len(found) > maxLogs {
			return nil, &Error{Network: n.config.Name, Host: e.host, Operation: "eth_getLogs", Cause: fmt.Sprintf("there are more than %d", maxLogs), class: deaf}
		}
		from = to + 1
	}
	return found, nil
}

// tooMuch tells by a node's words that a smaller range may be answered.
func tooMuch(err error) bool {
	var ours *Error
	if !errors.As(err, &ours) || ours.under == context.Canceled {
		return false
	}
	text := strings.ToLower(ours.Cause)
	words := []string{
		"more than", "too many results", "too many logs", "too many blocks", "block range", "range is too", "range too", "range limit", "max range",
		"response size", "result size", "query timeout", "timed out", "no answer in time", "limit the query", "blocks range",
	}
	return ours.oversize || ours.Code == 413 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// logsOf is one request for a range; it also asks whether the block of the look
// is still the one of its number.
func (n *Network) logsOf(ctx context.Context, e *endpoint, b Block, q LogQuery, from, to uint64) ([]Log, error) {
	topics := make([]any, len(q.Topics))
	for i, alternatives := range q.Topics {
		if len(alternatives) > 0 {
			topics[i] = alternatives
		}
	}
	c := ask("eth_getLogs", map[string]any{
		"address": q.Addresses, "topics": topics, "fromBlock": hexutil.EncodeUint64(from), "toBlock": hexutil.EncodeUint64(to),
	})
	if err := n.numbered(ctx, e, b, []*call{c}); err != nil {
		return nil, err
	}
	var raw []logJSON
	if json.Unmarshal(c.raw, &raw) != nil || raw == nil {
		return nil, n.malformed(e, c, "a list of logs")
	}
	found := make([]Log, len(raw))
	for i, r := range raw {
		one, ok := r.log()
		if !ok || one.Block < from || one.Block > to || !q.wants(one) {
			return nil, n.malformed(e, c, "of logs that were asked for")
		}
		found[i] = one
	}
	order := func(a, b Log) int { return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Index, b.Index)) }
	slices.SortFunc(found, order)
	for i := 1; i < len(found); i++ {
		if order(found[i-1], found[i]) == 0 {
			return nil, n.malformed(e, c, "of logs that were asked for once")
		}
	}
	return found, nil
}

func (q LogQuery) wants(l Log) bool {
	if !slices.Contains(q.Addresses, l.Address) {
		return false
	}
	for i, alternatives := range q.Topics {
		if i >= len(l.Topics) || len(alternatives) > 0 && !slices.Contains(alternatives, l.Topics[i]) {
			return false
		}
	}
	return true
}

type logJSON struct {
	Address     *common.Address `json:"address"`
	Topics      []common.Hash   `json:"topics"`
	Data        hexutil.Bytes   `json:"data"`
	Block       *hexutil.Uint64 `json:"blockNumber"`
	BlockHash   *common.Hash    `json:"blockHash"`
	Transaction *common.Hash    `json:"transactionHash"`
	Index       *hexutil.Uint64 `json:"logIndex"`
	Removed     bool            `json:"removed"`
}

func (r logJSON) log() (Log, bool) {
	if r.Address == nil || r.Block == nil || r.BlockHash == nil || r.Transaction == nil || r.Index == nil ||
		r.Removed || len(r.Topics) > 4 || len(r.Data) > evm.MaxReply {
		return Log{}, false
	}
	return Log{
		Address: *r.Address, Topics: r.Topics, Data: r.Data, Block: uint64(*r.Block), BlockHash: *r.BlockHash,
		Transaction: *r.Transaction, Index: uint64(*r.Index),
	}, true
}
