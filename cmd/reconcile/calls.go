package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

// maker makes the contract calls of this session's steps.
func (s *session) maker() *call.Maker {
	return &call.Maker{Networks: s.chains.pool, Digest: s.digest, Book: book{s.objects}, Desk: desk{s.app}}
}

// digest gives what signs with a key of use owner, and with no other: an
// agent's key and a bank sign nothing here.
func (s *session) digest(_ context.Context, key config.Key, address common.Address) (chain.SignDigest, error) {
	if key.Use != "owner" {
		return nil, fmt.Errorf("%s: is a key of use %s and signs no contract call", key.Name, key.Use)
	}
	switch key.Holder {
	case "kms":
		return cloud.KMSSigner(s.aws.KMS(key.Region), key.Alias, address), nil
	case "hex":
		return cloud.SecretSigner(s.aws.SecretsManager(key.Region), key.Alias, address), nil
	default:
		return nil, fmt.Errorf("%s: holder %q signs no contract call", key.Name, key.Holder)
	}
}

// checkpoints reads what validators publish: at the places that they announced,
// or in the sandbox or folder that an overlay names.
func (s *session) checkpoints() (*attestation.Reader, error) {
	var o attestation.Options
	if overlay := s.env.Overlay; overlay != nil {
		o.Endpoint, o.FileRoot = overlay.AWS.Endpoint, overlay.Checkpoints
	}
	return attestation.NewReader(o)
}

// book keeps proposals in the environment's store, one object each, in an order
// in which those of a Safe that can still be executed come last.
type book struct{ objects journal.Store }

func shelf(network, safe string) string {
	return "proposals/" + network + "/" + strings.ToLower(safe) + "/"
}

func place(r call.Record) string {
	return fmt.Sprintf("%s%020d-%s", shelf(r.Network, r.Safe), r.Nonce, strings.ToLower(r.Hash))
}

// Records reads what is kept of a Safe, and proves each record by its hash.
func (b book) Records(ctx context.Context, network string, safe common.Address, from uint64) ([]call.Record, error) {
	prefix, after := shelf(network, safe.Hex()), ""
	if from > 0 {
		after = fmt.Sprintf("%s%020d~", prefix, from-1)
	}
	keys, err := b.objects.List(ctx, prefix, after)
	if err != nil {
		return nil, fmt.Errorf("proposals: %w", err)
	}
	var records []call.Record
	for _, key := range keys {
		data, _, err := b.objects.Get(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("proposals: %s: %w", key, err)
		}
		var r call.Record
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("proposals: %s: is malformed", key)
		}
		if place(r) != key {
			return nil, fmt.Errorf("proposals: %s: holds another proposal, %s", key, place(r))
		}
		if _, _, _, err := r.Batch(); err != nil {
			return nil, fmt.Errorf("proposals: %s: %w", key, err)
		}
		records = append(records, r)
	}
	return records, nil
}

// Keep writes a proposal; one of the same hash is the same.
func (b book) Keep(ctx context.Context, r call.Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := b.objects.Create(ctx, place(r), data); err != nil && !errors.Is(err, journal.ErrExists) {
		return fmt.Errorf("proposals: %w", err)
	}
	return nil
}

// desk speaks to the Safe Transaction Services that Safes declare.
type desk struct{ app *app }

func (d desk) client(s config.Safe) (*safeservice.Client, error) {
	resolve := func(text string) (string, error) {
		variable, indirect := strings.CutPrefix(text, "env:")
		if !indirect {
			return text, nil
		}
		value := d.app.getenv(variable)
		if value == "" {
			return "", fmt.Errorf("%s: %s is not set\nhint: export %s=…", s.ResourceID(), variable, variable)
		}
		return value, nil
	}
	url, err := resolve(s.Service)
	if err != nil {
		return nil, err
	}
	key, err := resolve(s.ServiceKey)
	if err != nil {
		return nil, err
	}
	return safeservice.New(safeservice.Options{URL: url, Key: key})
}

// NextNonce asks the service's queue.
func (d desk) NextNonce(ctx context.Context, s config.Safe, onChain uint64) (uint64, error) {
	client, err := d.client(s)
	if err != nil {
		return 0, err
	}
	return client.NextNonce(ctx, common.HexToAddress(s.Address), onChain)
}

// Propose posts a transaction.
func (d desk) Propose(ctx context.Context, s config.Safe, tx safe.Tx, hash common.Hash, by common.Address, signature []byte) error {
	client, err := d.client(s)
	if err != nil {
		return err
	}
	return client.Propose(ctx, common.HexToAddress(s.Address), tx, hash, by, signature)
}

// Pending lists what waits in the service's queue from a nonce up.
func (d desk) Pending(ctx context.Context, s config.Safe, from uint64) ([]safeservice.Proposal, error) {
	client, err := d.client(s)
	if err != nil {
		return nil, err
	}
	return client.Pending(ctx, common.HexToAddress(s.Address), from)
}
