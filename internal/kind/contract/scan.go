package contract

import (
	"context"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// player plays the events of one set: the last word on an entry counts.
type player struct {
	*reading
	scan  config.Scan
	event evm.Event
}

// scan reads the events of all sets of a network at once and plays them back.
func scan(ctx context.Context, client *chain.Network, list []*reading) error {
	q := chain.LogQuery{From: ^uint64(0), Topics: [][]common.Hash{nil}}
	var players []player
	for _, r := range list {
		for _, s := range r.Contract.Scans {
			event, err := evm.ParseEvent(s.Event)
			if err != nil {
				r.fault("scans."+s.Name, "%s", err)
				continue
			}
			players = append(players, player{r, s, event})
			q.Addresses, q.Topics[0], q.From = append(q.Addresses, r.address), append(q.Topics[0], event.Topic), min(q.From, s.From)
		}
	}
	if len(players) == 0 {
		return nil
	}
	return client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		if q.From > l.Block.Number {
			q.From = l.Block.Number // a set of the future is empty
		}
		logs, err := l.Logs(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range players {
			p.play(logs)
		}
		return nil
	})
}

func (p player) play(logs []chain.Log) {
	on := map[string][]resource.Value{}
	delete(p.spec.Unreadable, "scans."+p.scan.Name)
	for _, log := range logs {
		if log.Address != p.address || len(log.Topics) == 0 || log.Topics[0] != p.event.Topic || log.Block < p.scan.From {
			continue
		}
		values, err := p.event.Values(log.Topics, log.Data)
		last := len(values) - 1
		if err != nil || last < 1 {
			delete(p.spec.Scans, p.scan.Name)
			p.fault("scans."+p.scan.Name, "%s in block %d: %s", p.scan.Event, log.Block, err)
			return
		}
		entry := make([]resource.Value, last)
		for i, v := range values[:last] {
			entry[i] = resource.Literal(evm.Format(v))
		}
		if delete(on, joined(entry)); values[last] == true {
			on[joined(entry)] = entry
		}
	}
	entries := [][]resource.Value{}
	for _, e := range on {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b []resource.Value) int { return strings.Compare(joined(a), joined(b)) })
	p.spec.Scans[p.scan.Name] = entries
}
