package chaintest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/fetched"
)

// AnvilOptions say how to run anvil.
type AnvilOptions struct {
	// Binary is anvil itself, not the script around it; see AnvilBinary.
	Binary  string
	ChainID uint64
	// Hardfork such as "berlin", the last one without a base fee; empty is
	// anvil's default.
	Hardfork string
}

// Anvil is a running anvil. It mines every transaction at once.
type Anvil struct {
	url     string
	client  *rpc.Client
	command *exec.Cmd
}

// AnvilBinary finds the anvil that the project's set-up installed.
func AnvilBinary() (string, error) {
	return fetched.Path("anvil", "npm", "node_modules", "@foundry-rs", "anvil-linux-amd64", "bin", "anvil")
}

var listening = regexp.MustCompile(`Listening on (127\.0\.0\.1:\d+)`)

// StartAnvil runs anvil on a free port and waits until it listens.
func StartAnvil(ctx context.Context, o AnvilOptions) (*Anvil, error) {
	args := []string{"--host", "127.0.0.1", "--port", "0", "--chain-id", strconv.FormatUint(o.ChainID, 10), "--accounts", "0"}
	if o.Hardfork != "" {
		args = append(args, "--hardfork", o.Hardfork)
	}
	command := exec.Command(o.Binary, args...)
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("anvil: start: %w", err)
	}
	a := &Anvil{command: command}
	address, err := awaitListening(ctx, output)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.url = "http://" + address
	if a.client, err = rpc.DialContext(ctx, a.url); err != nil {
		return nil, errors.Join(fmt.Errorf("anvil: %w", err), a.Close())
	}
	return a, nil
}

func awaitListening(ctx context.Context, output io.Reader) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				found <- match[1]
			}
		}
		_, _ = io.Copy(io.Discard, output)
	}()
	select {
	case address, ok := <-found:
		if !ok {
			return "", errors.New("anvil: ended before it listened")
		}
		return address, nil
	case <-ctx.Done():
		return "", fmt.Errorf("anvil: not listening: %w", ctx.Err())
	}
}

// URL of the JSON-RPC endpoint.
func (a *Anvil) URL() string { return a.url }

// Client speaks raw JSON-RPC to it, anvil's own methods included.
func (a *Anvil) Client() *rpc.Client { return a.client }

// Fund sets a balance in wei; anvil needs no payer for that.
func (a *Anvil) Fund(ctx context.Context, to common.Address, wei *big.Int) error {
	return a.client.CallContext(ctx, nil, "anvil_setBalance", to, (*hexutil.Big)(wei))
}

// Mine adds empty blocks.
func (a *Anvil) Mine(ctx context.Context, blocks uint64) error {
	return a.client.CallContext(ctx, nil, "anvil_mine", hexutil.Uint64(blocks))
}

// Close asks anvil to end and makes it after a second.
func (a *Anvil) Close() error {
	if a.client != nil {
		a.client.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- a.command.Wait() }()
	_ = a.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended: // its exit status says only which signal ended it
	case <-time.After(time.Second):
		_ = a.command.Process.Kill()
		<-ended
	}
	return nil
}
