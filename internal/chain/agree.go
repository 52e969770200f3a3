package chain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// LonelyError says that values must be confirmed by two independent hosts, and
// that fewer are declared.
type LonelyError struct {
	Network, Class string
}

// Error says what the network lacks.
func (e *LonelyError) Error() string {
	class := "this environment"
	if e.Class != "" {
		class = "class " + e.Class
	}
	return fmt.Sprintf("%s: one host: %s needs two independent hosts that agree", e.Network, class)
}

// DisagreementError is one question that two hosts answered differently about
// the same block. Nothing that was read with it may be relied on.
type DisagreementError struct {
	Network string
	// Asked is the question, and Answers what each of the Hosts said, shortened.
	Asked   string
	Hosts   [2]string
	Answers [2]string
	// Liar is the host that a third one contradicted; empty where nobody was
	// there to tell.
	Liar string
}

// Error names both hosts and both answers.
func (e *DisagreementError) Error() string {
	text := fmt.Sprintf("%s: two hosts disagree about %s: %s says %s, %s says %s", e.Network, e.Asked, e.Hosts[0], e.Answers[0], e.Hosts[1], e.Answers[1])
	if e.Liar != "" {
		text += "; a third contradicts " + e.Liar
	}
	return text
}

// place is what makes two endpoints independent: the name of the host. On this
// very machine the port counts too, as own nodes and tunnels to them stand there
// side by side.
func placeOf(parsed *url.URL) string {
	name := strings.TrimSuffix(strings.ToLower(parsed.Hostname()), ".")
	if ip := net.ParseIP(name); name == "localhost" || ip != nil && ip.IsLoopback() {
		return net.JoinHostPort(name, parsed.Port())
	}
	return name
}

// pair is two independent endpoints.
type pair struct{ a, b *endpoint }

func (n *Network) pairs() []pair {
	var list []pair
	for i, a := range n.endpoints {
		for _, b := range n.endpoints[i+1:] {
			if a.place != b.place {
				list = append(list, pair{a, b})
			}
		}
	}
	return list
}

// readTwice is read on pairs of independent endpoints.
func (n *Network) readTwice(ctx context.Context, f func(context.Context, pair) error) error {
	left := n.pairs()
	if len(left) == 0 {
		return &LonelyError{Network: n.config.Name, Class: n.config.Class}
	}
	last := map[string]error{}
	for round := range n.options.Rounds {
		if round > 0 {
			if err := n.pause(ctx, round); err != nil {
				break
			}
		}
		out, failed := map[string]bool{}, map[string]bool{}
		for _, p := range left {
			if failed[p.a.host] || failed[p.b.host] {
				continue
			}
			err := f(ctx, p)
			if err == nil {
				return nil
			}
			var ours *Error
			if !errors.As(err, &ours) || ours.class == final || ctx.Err() != nil {
				return err
			}
			last[ours.Host], failed[ours.Host], out[ours.Host] = err, true, ours.class == deaf
		}
		var still []pair
		for _, p := range left {
			if !out[p.a.host] && !out[p.b.host] {
				still = append(still, p)
			}
		}
		if left = still; len(left) == 0 {
			break
		}
	}
	reasons := map[*endpoint]error{}
	for _, e := range n.endpoints {
		reasons[e] = last[e.host]
	}
	return n.joined(reasons, "two hosts must agree, and no two answered")
}

// both asks two endpoints at once.
func both[T any](p pair, f func(*endpoint) (T, error)) (a, b T, err error) {
	other := make(chan error, 1)
	go func() {
		var failed error
		b, failed = f(p.b)
		other <- failed
	}()
	a, err = f(p.a)
	if failed := <-other; failed != nil && (err == nil || isFinal(failed)) {
		err = failed // an endpoint of another chain is named before one that is down
	}
	return a, b, err
}

// headOfBoth is the lower of two heads. Both hosts must know it, by its hash.
func (n *Network) headOfBoth(ctx context.Context, p pair) (Block, error) {
	a, b, err := both(p, func(e *endpoint) (Block, error) { return n.head(ctx, e) })
	if err != nil {
		return Block{}, err
	}
	low, says, asked, answer := a, p.a, p.b, b
	if b.Number < a.Number {
		low, says, asked, answer = b, p.b, p.a, a
	}
	if a.Hash != b.Hash {
		if answer, err = n.blockOf(ctx, asked, says, low); err != nil {
			return Block{}, err
		}
	}
	if mine, theirs := low.words(), answer.words(); mine != theirs {
		return Block{}, n.disagree("block "+low.Hash.Hex(), pair{says, asked}, mine, theirs, nil)
	}
	return low, nil
}

// words are what two hosts must agree on of a block.
func (b Block) words() string {
	return fmt.Sprintf("number %d at %d with base fee %v", b.Number, b.Time, b.BaseFee)
}

func (n *Network) blockOf(ctx context.Context, e, says *endpoint, b Block) (Block, error) {
	c := ask("eth_getBlockByHash", b.Hash, false)
	if err := n.batch(ctx, e, []*call{c}); err != nil {
		return Block{}, err
	}
	if string(c.raw) == "null" {
		return Block{}, &Error{Network: n.config.Name, Host: e.host, Operation: c.method, class: transient,
			Cause: fmt.Sprintf("does not know block %d %s, which is the head of %s", b.Number, b.Hash, says.host)}
	}
	found, err := n.header(e, c)
	if err == nil && found.Hash != b.Hash {
		err = n.malformed(e, c, "block "+b.Hash.Hex())
	}
	return found, err
}

// disagree makes the error, and lets third hosts tell who is contradicted;
// third may be nil.
func (n *Network) disagree(about string, p pair, a, b string, third func(*endpoint) (string, error)) error {
	out := &DisagreementError{Network: n.config.Name, Asked: about, Hosts: [2]string{p.a.host, p.b.host}, Answers: [2]string{brief(a), brief(b)}}
	for _, e := range n.endpoints {
		if third == nil || e.place == p.a.place || e.place == p.b.place {
			continue
		}
		says, err := third(e)
		switch {
		case err == nil && says == a:
			out.Liar = p.b.host
			return out
		case err == nil && says == b:
			out.Liar = p.a.host
			return out
		}
	}
	return out
}

// brief keeps the ends of a long text: two long answers may differ in either.
func brief(text string) string {
	if len(text) <= 80 {
		return text
	}
	return fmt.Sprintf("%s…%s (%s)", text[:40], text[len(text)-24:], sizeOf(text))
}

func sizeOf(text string) string {
	if strings.HasPrefix(text, "0x") {
		return fmt.Sprintf("%d bytes", len(text)/2-1)
	}
	return fmt.Sprintf("%d characters", len(text))
}
