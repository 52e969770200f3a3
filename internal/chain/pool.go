package chain

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// read runs an idempotent read on one endpoint after the other until one
// answers, a bounded number of rounds with a pause between them. Everything
// that f reads comes from the same endpoint, so that it fits together.
func (n *Network) read(ctx context.Context, f func(context.Context, *endpoint) error) error {
	out := map[*endpoint]bool{}
	last := map[*endpoint]error{}
	for round := range n.options.Rounds {
		if round > 0 {
			if err := n.pause(ctx, round); err != nil {
				break
			}
		}
		start := int(n.preferred.Load())
		for i := range n.endpoints {
			at := (start + i) % len(n.endpoints)
			e := n.endpoints[at]
			if out[e] {
				continue
			}
			err := f(ctx, e)
			if err == nil {
				n.preferred.Store(uint64(at))
				return nil
			}
			last[e] = err
			var ours *Error
			if !errors.As(err, &ours) || ours.class == final || ctx.Err() != nil {
				return err
			}
			out[e] = ours.class == deaf
		}
		if len(last) == len(n.endpoints) && allOut(out, len(n.endpoints)) {
			break
		}
	}
	return n.joined(last, "no endpoint answered")
}

func allOut(out map[*endpoint]bool, total int) bool {
	count := 0
	for _, is := range out {
		if is {
			count++
		}
	}
	return count == total
}

// pause waits between half and the whole of the backoff of a round.
func (n *Network) pause(ctx context.Context, round int) error {
	whole := n.options.Backoff << (round - 1)
	timer := time.NewTimer(whole/2 + rand.N(whole/2+1)) //nolint:gosec // jitter is no secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// joined tells every endpoint's own reason, in the declared order.
func (n *Network) joined(last map[*endpoint]error, outcome string) error {
	if len(n.endpoints) == 1 {
		return last[n.endpoints[0]]
	}
	var reasons []string
	out := &Error{Network: n.config.Name}
	for _, e := range n.endpoints {
		var ours *Error
		if !errors.As(last[e], &ours) {
			continue
		}
		out.class, out.under = ours.class, ours.under
		reasons = append(reasons, strings.TrimPrefix(ours.Error(), n.config.Name+": "))
	}
	return &poolError{network: n.config.Name, outcome: outcome, reasons: reasons, last: out}
}

// poolError says that too few endpoints answered.
type poolError struct {
	network string
	outcome string
	reasons []string
	last    *Error
}

// Error lists all reasons.
func (e *poolError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.network, e.outcome, strings.Join(e.reasons, "; "))
}

// Unwrap gives the class of the last one.
func (e *poolError) Unwrap() error { return e.last }
