// Package sandbox plays the world of one environment on one machine: its AWS
// account in an emulator, every network as a real chain in this process, and
// what a bootstrap would have left behind (a bank with money, a store, the
// first anchor). Nothing of it is in the shipped binary.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// Options say what to play and where to write about it.
type Options struct {
	// Root is the folder that holds environments/, Rev a revision of it (empty:
	// the working tree), Name the environment.
	Root, Rev, Name string
	// Open lets gates and dirty trees pass; testnet classes only.
	Open bool
	// With lists keys that are there already besides the banks, and what each
	// holds on every network that it is used on, in whole coins: "0.06" by name.
	With map[string]string
	// Contracts are what the chains have besides Multicall3; nil: nothing. The keys
	// of use owner are there then, with coins.
	Contracts *Contracts
	// Folder is where <Folder>/<Name>/ is written.
	Folder string
	// Tools is where the search for the emulator starts.
	Tools string
	// Moto is an empty emulator of the environment's account that runs already
	// and outlives the sandbox; nil starts one.
	Moto *cloudtest.Moto
	// Progress is told what was done, one line each; never nil.
	Progress func(string)
}

// Sandbox is a running world. It ends with Close.
type Sandbox struct {
	folder *Folder
	moto   *cloudtest.Moto
	// started says that moto ends with the sandbox.
	started bool
	chains  *chains
	env     *config.Environment
	// deployer is nil without contracts.
	deployer *deployer
}

// Up brings the world of an environment up and returns when all of it
// answers. After an error nothing is left running and nothing is left behind.
func Up(ctx context.Context, o Options) (*Sandbox, error) {
	env, revision, err := config.Load(config.Options{Root: o.Root, Rev: o.Rev, Name: o.Name})
	if err != nil {
		return nil, err
	}
	if o.Open && env.Class != config.Testnet {
		return nil, fmt.Errorf("%s: --open: class is %s, need %s", env.Source, env.Class, config.Testnet)
	}
	if revision.Commit == "" {
		return nil, fmt.Errorf("%s: no commit: the first anchor names the commit whose rules judge the first plan\nhint: git commit, then start the sandbox again", o.Root)
	}
	s := &Sandbox{env: env}
	if o.Contracts != nil {
		if s.deployer, err = newDeployer(env, *o.Contracts); err != nil {
			return nil, err
		}
	}
	if s.folder, err = Claim(o.Folder, env.Name); err != nil {
		return nil, err
	}
	if err := s.up(ctx, o, revision); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sandbox) up(ctx context.Context, o Options, revision config.Revision) error {
	begun := time.Now()
	if s.moto = o.Moto; s.moto == nil {
		started, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: s.env.AWS.Account, Root: o.Tools})
		if err != nil {
			return err
		}
		s.moto, s.started = started, true
	}
	moto := s.moto
	o.Progress(fmt.Sprintf("aws: account %s at %s", s.env.AWS.Account, moto.Endpoint()))
	session, err := openSession(ctx, s.env, moto.Endpoint())
	if err != nil {
		return err
	}
	purses, err := fillPurses(s.env, o.With, s.deployer != nil)
	if err != nil {
		return err
	}
	if err := makeKeys(ctx, s.env, session, o.Root, purses); err != nil {
		return err
	}
	for _, p := range purses {
		o.Progress(fmt.Sprintf("key: %s is %s", p.key.Name, p.address))
	}
	if err := s.startBoth(ctx, session, purses); err != nil {
		return err
	}
	o.Progress(fmt.Sprintf("networks: %d chains, at least %d coins in the bank of each", len(s.env.Networks), bankCoins))
	overlay := s.overlay(o, purses)
	if err := s.contracts(ctx, o, purses, overlay); err != nil {
		return err
	}
	if err := bootstrapStore(ctx, s.env, overlay, session, revision.Commit); err != nil {
		return err
	}
	o.Progress(fmt.Sprintf("store: first anchor at %s", revision.Commit))
	if err := bootstrapTool(ctx, s.env, session); err != nil {
		return err
	}
	if err := s.tell(o, overlay); err != nil {
		return err
	}
	o.Progress(fmt.Sprintf("up in %s: source %s", time.Since(begun).Round(100*time.Millisecond), s.folder.Path(EnvFile)))
	return nil
}

// tell writes down what there is.
func (s *Sandbox) tell(o Options, overlay *config.Overlay) error {
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return err
	}
	state := State{
		Environment: s.env.Name, Root: root, Rev: o.Rev, Started: time.Now().UTC(),
		Account: s.env.AWS.Account, Networks: len(s.env.Networks),
	}
	if s.deployer != nil {
		state.Contracts = s.deployer.says()
	}
	return s.folder.write(overlay, s.env.AWS.Region, state)
}

// contracts deploys, where that was asked for, and says so in the overlay and in a
// file of its own.
func (s *Sandbox) contracts(ctx context.Context, o Options, purses []*purse, overlay *config.Overlay) error {
	if s.deployer == nil {
		return nil
	}
	for _, p := range purses {
		if p.key.Use == "owner" {
			s.deployer.keys[p.key.Name] = p.address
		}
	}
	deployment, err := s.deployer.deploy(ctx, s.chains)
	if err != nil {
		return err
	}
	data, err := deployment.JSON()
	if err != nil {
		return err
	}
	if err := s.folder.put(DeploymentFile, data); err != nil {
		return err
	}
	overlay.Deployment, overlay.Checkpoints = data, s.folder.Path(CheckpointsFolder)
	if err := os.MkdirAll(overlay.Checkpoints, 0o700); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	o.Progress("contracts: " + s.deployer.says())
	return s.accepted(o, overlay)
}

// accepted loads the environment as every other command will: what it says about
// contracts may not fit this deployment.
func (s *Sandbox) accepted(o Options, overlay *config.Overlay) error {
	data, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	read, err := config.LoadOverlay(OverlayFile, data)
	if err != nil {
		return err
	}
	_, _, err = config.Load(config.Options{Root: o.Root, Rev: o.Rev, Name: o.Name, Overlay: read})
	return err
}

// startBoth starts the chains, and meanwhile asks the emulator its first
// question by tags: it loads some sixty services then, which takes seconds and
// would look like a slow first plan.
func (s *Sandbox) startBoth(ctx context.Context, session *cloud.Session, purses []*purse) error {
	var work errgroup.Group
	work.Go(func() error {
		_, err := cloud.Tagged(ctx, session.Tagging(s.env.AWS.Region), s.env.AWS.Region, nil, kind.TypeKey)
		return err
	})
	work.Go(func() (err error) {
		s.chains, err = startChains(ctx, s.env, purses, s.deployer)
		return err
	})
	return work.Wait()
}

// overlay is what points the environment here.
func (s *Sandbox) overlay(o Options, purses []*purse) *config.Overlay {
	overlay := &config.Overlay{
		Environment: s.env.Name, Open: o.Open,
		AWS:      config.OverlayAWS{Endpoint: s.moto.Endpoint(), Unlimited: true},
		Networks: s.chains.overlay(),
	}
	if s.env.Store.Kind == "file" {
		// The declared folder is the real journal's.
		overlay.Store = &config.OverlayStore{Kind: "file", Path: s.folder.Path("store")}
	}
	if s.env.Addresses == "pinned" {
		overlay.Pins = map[string]string{}
		for _, p := range purses {
			overlay.Pins[p.key.Name] = p.address.Hex()
		}
	}
	return overlay
}

// Close ends everything that Up started and removes what it wrote.
func (s *Sandbox) Close() error {
	var err error
	if s.chains != nil {
		err = s.chains.close()
	}
	if s.started {
		s.moto.Close()
	}
	return errors.Join(err, s.folder.Release())
}

// openSession asserts the emulator's account, with credentials that are worth
// nothing anywhere else.
func openSession(ctx context.Context, env *config.Environment, endpoint string) (*cloud.Session, error) {
	return cloud.Open(ctx, cloud.Options{
		Account: env.AWS.Account, Region: env.AWS.Region, Endpoint: endpoint, Unlimited: true, Credentials: credentials,
	})
}
