package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/journal"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// session is one environment opened for reading: its configuration, an
// asserted AWS account, the networks, and what the journal remembers.
type session struct {
	app      *app
	options  config.Options
	env      *config.Environment
	revision config.Revision
	progress *progress

	aws    *cloud.Session
	chains *chains
	kinds  []kind.Kind
	// directory is the walk over IAM that the kinds share.
	directory *cloud.Directory

	// objects is the store that the journal lives in.
	objects journal.Store
	journal *journal.Journal
	entries []journal.Entry
	// ledger is what entries say.
	ledger journal.Ledger
	// anchor is the commit whose rules are in force, applied the environment as it
	// was there; empty and nil where nothing was ever applied.
	anchor          string
	applied         *config.Environment
	appliedRevision config.Revision
	// whole is the environment as it was when a plan of it was last done whole; nil
	// where none was. made is what was seen to be as declared, once it is asked for.
	whole *config.Environment
	made  resource.Set
	// declared counts the resources of the environment.
	declared int
	// readings are the balances last read, for the journal.
	readings map[string]string
	pauses   pauses
	// signed is what people signed about the plan that is applied.
	signed []approve.Signed
	// offline says that nobody was asked: neither AWS nor the store.
	offline bool
}

// open loads the environment, asserts the account and reads the journal. It
// asserts before anything else, and it writes nothing.
func (a *app) open(ctx context.Context, name string) (*session, error) {
	s, err := a.load(name)
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// placeless is a path as seen from the working directory, or its last part
// where it lies elsewhere: a plan names no folder of one machine.
func placeless(path string) string {
	here, errHere := os.Getwd()
	absolute, errAbs := filepath.Abs(path)
	if relative, err := filepath.Rel(here, absolute); errHere == nil && errAbs == nil && err == nil && filepath.IsLocal(relative) {
		return filepath.ToSlash(relative)
	}
	return filepath.Base(path)
}

func (s *session) connect(ctx context.Context) error {
	options := cloud.Options{Account: s.env.AWS.Account, Region: s.env.AWS.Region, Profile: s.app.profileOf(s.env.Name), Rate: s.app.rate}
	if o := s.env.Overlay; o != nil {
		options.Endpoint, options.Unlimited = o.AWS.Endpoint, o.AWS.Unlimited
	}
	var err error
	if s.aws, err = cloud.Open(ctx, options); err != nil {
		return fmt.Errorf("%s: %w", s.env.Name, err)
	}
	if s.chains, err = s.app.newChains(s.env); err != nil {
		return err
	}
	if err := s.remember(ctx); err != nil {
		return err
	}
	s.kinds, err = newKinds(s)
	return err
}

func (s *session) close() {
	s.progress.close()
	if s.chains != nil {
		s.chains.close()
	}
}

// store opens where the journal lives. A file store is relative to the
// repository's root.
func (s *session) store() (journal.Store, error) {
	declared := s.env.Store
	if declared.Kind == "s3" {
		region := declared.Region
		if region == "" {
			region = s.env.AWS.Region
		}
		return journal.NewS3Store(s.aws.S3(region), declared.Bucket, declared.Prefix), nil
	}
	path := declared.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.app.dir, path)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	return journal.NewFileStore(path)
}

// remember reads the journal and loads the rules of the last applied commit.
func (s *session) remember(ctx context.Context) error {
	store, err := s.store()
	if err != nil {
		return err
	}
	s.objects, s.journal = store, journal.New(store, s.env.Name, s.app.now)
	if err := s.recall(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.env.Name, err)
	}
	s.anchor = s.ledger.Anchor()
	if err := s.rulesInForce(); err != nil {
		return err
	}
	s.whole, err = s.environmentAt(s.ledger.Applied())
	return err
}

// recall reads the journal as it is now. Its ledger is made once and not for
// every wallet that asks it.
func (s *session) recall(ctx context.Context) error {
	entries, err := s.journal.Read(ctx)
	if err != nil {
		return err
	}
	s.entries, s.ledger = entries, journal.NewLedger(entries)
	s.pauses.halt = s.haltNow(ctx)
	return nil
}

func (s *session) stats(d *drafted) view.Stats {
	stats := view.Stats{Duration: d.took, NetworksAll: len(s.env.Networks), RPCCalls: s.chains.requests()}
	for _, count := range s.aws.Calls() {
		stats.AWSCalls += count
	}
	stats.NetworksRead = stats.NetworksAll
	for _, n := range s.env.Networks {
		for _, u := range d.world.Unread {
			if u.Scope == n.Name {
				stats.NetworksRead--
				break
			}
		}
	}
	return stats
}

func coinsOf(env *config.Environment) map[string]view.Coin {
	coins := map[string]view.Coin{}
	for _, n := range env.Networks {
		coins[n.Name] = view.Coin{Symbol: n.Symbol, Decimals: n.Decimals}
	}
	return coins
}

// notKeys tells the kinds that hold no key from those that do.
func (s *session) notKeys(k kind.Kind) bool {
	for _, key := range s.env.Keys {
		if key.ResourceID().Kind == k.Name {
			return false
		}
	}
	return true
}
