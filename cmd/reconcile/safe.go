package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newSafe(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "safe",
		Short: "what waits for the signatures of a Safe's owners, and whether to sign it",
		Long: `safe lists the Safes that an environment declares and what waits for their
owners' signatures, and proves a single transaction for whoever signs it. It
signs nothing.`,
	}
	cmd.PersistentFlags().StringVar(&a.rev, "rev", "", "take the Safes of this git revision instead of the working tree")
	cmd.AddCommand(newSafeList(a), newSafeVerify(a), newSafeExport(a))
	return cmd
}

func newSafeList(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list ENV",
		Short: "list declared Safes: owners, threshold, nonce, and what waits for signatures",
		Long: `list reads every declared Safe and what waits for its owners: proposals of ours,
and whatever else is in the queue of its service, each with what it would do. A
look-alike of one of ours is named with how it differs.`,
		Example: `  reconcile safe list staging
  reconcile safe list production --format json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.safeList(cmd.Context(), args[0], format) },
	}
	cmd.Flags().StringVar(&format, "format", "table", "print as table or json")
	return cmd
}

func newSafeVerify(a *app) *cobra.Command {
	var nonce int64
	cmd := &cobra.Command{
		Use:   "verify ENV HASH|FILE",
		Short: "prove what an owner is asked to sign: its calls, its effect, its hashes",
		Long: `verify finds a transaction by its safeTxHash, among the proposals that were
recorded and in the queues of the Safes' services, or reads a Transaction Builder
file, and prints every call with what it would do, and the domain hash, message
hash and safeTxHash, computed here from the bytes. Compare those with the screen
of the hardware wallet. What does not add up is said first, and exits 3.`,
		Example: `  reconcile safe verify production 0x4f1e…
  reconcile safe verify production batch.json
  reconcile safe verify production batch.json --nonce 17`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.safeVerify(cmd.Context(), args[0], args[1], nonce)
		},
	}
	cmd.Flags().Int64Var(&nonce, "nonce", -1, "of a file: the nonce that the Safe's page gives it; by default that of our proposal of it, else the Safe's next")
	return cmd
}

func newSafeExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export ENV HASH",
		Short: "write a recorded proposal as Transaction Builder JSON",
		Long: `export writes a proposal that was recorded, as a file for the Transaction Builder
of the Safe's own page. The page must give it the nonce that it was recorded
with: only then is it recognised.`,
		Example: `  reconcile safe export staging 0x4f1e… > batch.json`,
		Args:    cobra.ExactArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.safeExport(cmd.Context(), args[0], args[1]) },
	}
}

// safeSeen is a declared Safe as read now.
type safeSeen struct {
	config.Safe
	state   safe.State
	waiting []call.Waiting
	// queue is what its service says, queueErr why it says nothing.
	queue    []safeservice.Proposal
	queueErr error
	err      error
}

// seeSafes reads all declared Safes at once.
func (s *session) seeSafes(ctx context.Context) []safeSeen {
	seen := make([]safeSeen, len(s.env.Safes))
	var all sync.WaitGroup
	for i, declared := range s.env.Safes {
		all.Go(func() { seen[i] = s.seeSafe(ctx, declared) })
	}
	all.Wait()
	return seen
}

func (s *session) seeSafe(ctx context.Context, declared config.Safe) safeSeen {
	seen := safeSeen{Safe: declared}
	if declared.Address == "" {
		return seen
	}
	if seen.state, seen.err = s.safeState(ctx, declared); seen.err != nil {
		return seen
	}
	records, err := book{s.objects}.Records(ctx, declared.Network, common.HexToAddress(declared.Address), seen.state.Nonce)
	if err != nil {
		seen.err = err
		return seen
	}
	queue := call.Queue{}
	if declared.Service != "" {
		seen.queue, seen.queueErr = desk{s.app}.Pending(ctx, declared, seen.state.Nonce)
		queue.Read = seen.queueErr == nil
		for _, p := range seen.queue {
			queue.Txs = append(queue.Txs, p.Tx)
		}
	}
	seen.waiting, seen.err = call.Waits(s.env, declared, records, queue)
	return seen
}

func (s *session) safeState(ctx context.Context, declared config.Safe) (state safe.State, err error) {
	client, err := s.chains.pool(declared.Network)
	if err != nil {
		return state, err
	}
	err = client.Look(ctx, func(ctx context.Context, l *chain.Look) error {
		results, err := l.Ask(ctx, safe.Questions(common.HexToAddress(declared.Address)))
		if err == nil {
			state, err = safe.Read(results)
		}
		return err
	})
	if err == nil {
		err = safe.CheckVersion(state.Version)
	}
	return state, err
}

func (a *app) safeList(ctx context.Context, name, format string) error {
	if err := checkFormat(format, "table", "json"); err != nil {
		return err
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	var rows []view.SafeRow
	unread := false
	for _, seen := range s.seeSafes(ctx) {
		row := safeRow(seen)
		row.Reason = s.chains.redact(row.Reason)
		unread = unread || row.Reason != ""
		rows = append(rows, row)
	}
	if err := view.Safes(a.out, rows, view.TableOptions{Options: a.viewOptions(), Format: format}); err != nil {
		return err
	}
	if unread {
		return exit(exitUnread)
	}
	return nil
}

func safeRow(seen safeSeen) view.SafeRow {
	row := view.SafeRow{Name: seen.Name, Network: seen.Network, Address: seen.Address}
	switch {
	case seen.Address == "":
		row.State = "not deployed"
		return row
	case seen.err != nil:
		row.State, row.Reason = "not read", seen.err.Error()
		return row
	case seen.queueErr != nil:
		row.State, row.Reason = "queue not read", seen.queueErr.Error()
	default:
		row.State = "read"
	}
	row.Read, row.Owners, row.Threshold, row.Nonce = true, len(seen.state.Owners), seen.state.Threshold, seen.state.Nonce
	for _, w := range seen.waiting {
		one := view.SafeWaiting{Nonce: w.Tx.Nonce, Hash: w.Hash.Hex(), Whose: "others", Signatures: seen.signatures(w.Hash), Odd: w.Like}
		switch {
		case w.Record != nil:
			one.Whose = "ours"
		case w.Like != "":
			one.Whose = "look-alike"
		}
		for _, e := range w.Effects {
			one.Effects = append(one.Effects, e.Text)
		}
		row.Waiting = append(row.Waiting, one)
	}
	return row
}

// signatures counts owners whose signature of a hash the service has, each proved;
// -1 where the service does not have the transaction.
func (s safeSeen) signatures(hash common.Hash) int {
	count, listed := map[common.Address]bool{}, false
	for _, p := range s.queue {
		listed = listed || p.SafeTxHash == hash
		for _, c := range p.Confirmations {
			if c.By(hash) && slices.Contains(s.state.Owners, c.Owner) {
				count[c.Owner] = true
			}
		}
	}
	if !listed {
		return -1
	}
	return len(count)
}

// isHash tells a safeTxHash from a file's name.
func isHash(text string) bool { return regexp.MustCompile(`^0x[0-9a-fA-F]{64}$`).MatchString(text) }

func (a *app) safeVerify(ctx context.Context, name, what string, nonce int64) error {
	if isHash(what) && nonce >= 0 {
		return fmt.Errorf("--nonce is for a file: what has a hash has its nonce in it")
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	var found candidate
	if isHash(what) {
		found, err = s.byHash(ctx, common.HexToHash(what))
	} else {
		found, err = s.byFile(ctx, what, nonce)
	}
	if err != nil {
		return err
	}
	t, err := s.proved(ctx, found)
	if err != nil {
		return err
	}
	if err := view.Safe(a.out, t, a.viewOptions()); err != nil {
		return err
	}
	if len(t.Odd) > 0 {
		return exit(exitRefused)
	}
	return nil
}

func (a *app) safeExport(ctx context.Context, name, hash string) error {
	if !isHash(hash) {
		return fmt.Errorf("%q is no safeTxHash", hash)
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	r, _, err := s.recorded(ctx, common.HexToHash(hash))
	if err != nil {
		return err
	}
	if r == nil {
		return withHint(fmt.Errorf("%s: no proposal %s is recorded", name, hash), "reconcile safe list %s", name)
	}
	calls, _, _, err := r.Batch()
	if err != nil {
		return err
	}
	data, err := safe.Builder(r.ChainID, common.HexToAddress(r.Safe), fmt.Sprintf("reconcile %s, nonce %d", name, r.Nonce), calls)
	if err != nil {
		return err
	}
	_, err = a.out.Write(data)
	return err
}

// recorded finds a proposal of ours, whether it waits or not; nil: there is none.
func (s *session) recorded(ctx context.Context, hash common.Hash) (*call.Record, config.Safe, error) {
	for _, declared := range s.env.Safes {
		if declared.Address == "" {
			continue
		}
		records, err := book{s.objects}.Records(ctx, declared.Network, common.HexToAddress(declared.Address), 0)
		if err != nil {
			return nil, declared, err
		}
		for _, r := range records {
			if strings.EqualFold(r.Hash, hash.Hex()) {
				return &r, declared, nil
			}
		}
	}
	return nil, config.Safe{}, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > 2<<20 {
		return nil, fmt.Errorf("%s: has %d bytes, no batch is so large", path, info.Size())
	}
	return os.ReadFile(path) //nolint:gosec // the operator names it
}
