package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
)

// chains opens each network once and keeps it. Endpoints of the form env:NAME
// are looked up here, because only cmd reads the process's environment.
type chains struct {
	app *app
	env *config.Environment

	mu   sync.Mutex
	open map[string]*chain.Network
}

func (a *app) newChains(env *config.Environment) (*chains, error) {
	return &chains{app: a, env: env, open: map[string]*chain.Network{}}, nil
}

// network is pool for the kind that pays.
func (c *chains) network(name string) (funding.Network, error) { return c.pool(name) }

// pool gives an opened network; a variable that is not set is an error
// that names it, and makes that one network unread.
func (c *chains) pool(name string) (*chain.Network, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.open[name]; ok {
		return n, nil
	}
	declared, ok := c.env.Network(name)
	if !ok {
		return nil, fmt.Errorf("%s: no network of this name in %s", name, c.env.Name)
	}
	endpoints := make([]string, 0, len(declared.RPC))
	for _, endpoint := range declared.RPC {
		if variable, indirect := strings.CutPrefix(endpoint, "env:"); indirect {
			if endpoint = c.app.getenv(variable); endpoint == "" {
				return nil, fmt.Errorf("%s: %s is not set\nhint: export %s=https://…", name, variable, variable)
			}
		}
		endpoints = append(endpoints, endpoint)
	}
	n, err := chain.Open(declared, endpoints, chain.Options{Agree: c.env.Class == config.Mainnet && !c.replaced(name)})
	if err != nil {
		return nil, err
	}
	c.open[name] = n
	return n, nil
}

// replaced reports that an overlay points the network at a sandbox or a fork,
// where there is one endpoint and no money.
func (c *chains) replaced(name string) bool {
	return c.env.Overlay != nil && len(c.env.Overlay.Networks[name].RPC) > 0
}

// redact takes endpoints that came from variables out of a text: they may
// carry a token.
func (c *chains) redact(text string) string {
	for _, n := range c.env.Networks {
		for _, endpoint := range n.RPC {
			variable, indirect := strings.CutPrefix(endpoint, "env:")
			if value := c.app.getenv(variable); indirect && value != "" {
				text = strings.ReplaceAll(text, value, endpoint)
			}
		}
	}
	return text
}

// requests counts HTTP requests to all networks.
func (c *chains) requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, n := range c.open {
		total += n.Requests()
	}
	return total
}

func (c *chains) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.open {
		n.Close()
	}
}

// signer opens the key that pays. It can sign nothing but plain transfers.
func (s *session) signer(_ context.Context, key config.Key, address common.Address) (funding.Signer, error) {
	switch key.Holder {
	case "kms":
		return chain.NewTransferSigner(address, cloud.KMSSigner(s.aws.KMS(key.Region), key.Alias, address))
	case "hex":
		return chain.NewTransferSigner(address, cloud.SecretSigner(s.aws.SecretsManager(key.Region), key.Alias, address))
	case "keystore":
		return s.keystore(key, address)
	default:
		return nil, fmt.Errorf("%s: holder %q cannot sign", key.Name, key.Holder)
	}
}

// passphraseFile is the variable that names the file with the passphrase of
// keystore files: a passphrase itself would be seen in the process's environment.
const passphraseFile = "RECONCILE_KEYSTORE_PASSPHRASE_FILE"

// keystore opens an encrypted key file, for sandboxes and development only.
func (s *session) keystore(key config.Key, address common.Address) (funding.Signer, error) {
	path := s.app.getenv(passphraseFile)
	if path == "" {
		return nil, fmt.Errorf("the keystore of %s is locked\nhint: export %s=FILE, the file that holds its passphrase", key.Name, passphraseFile)
	}
	passphrase, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: passphrase: %w", key.Name, err)
	}
	defer clear(passphrase)
	file := key.Path
	if !filepath.IsAbs(file) {
		file = filepath.Join(s.app.dir, file)
	}
	signer, err := chain.OpenKeystore(file, bytes.TrimRight(passphrase, "\r\n"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key.Name, err)
	}
	if signer.Address() != address {
		return nil, fmt.Errorf("%s: the keystore holds the key of %s, the plan pays from %s", key.Name, signer.Address(), address)
	}
	return signer, nil
}
