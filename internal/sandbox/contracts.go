package sandbox

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// Who owns a sandbox's Mailboxes and routing ISMs (Contracts.Owner). OwnerSafe and
// a colon before a name is that one of several declared Safes.
const (
	OwnerEOA  = "eoa"
	OwnerSafe = "safe"
)

// Contracts says which contracts a sandbox has: always Hyperlane's own and Safe
// 1.4.1, and in them for each origin a 1-of-1 set of a throw-away validator.
type Contracts struct {
	// Owner is OwnerEOA (also where empty), OwnerSafe, or "safe:NAME".
	Owner string
	// Shape of the default ISM: ShapeRouting (also where empty) or ShapeAggregation.
	Shape contractstest.Shape
}

// maxOrigins is how many origins one routing ISM starts with: a transaction may use
// 2^24 gas (EIP-7825), and each origin takes some 72,000 of it.
const maxOrigins = 180

// deployer deploys the contracts of an environment. It is made before anything
// runs, so that what cannot be deployed is told at once.
type deployer struct {
	env   *config.Environment
	shape contractstest.Shape
	// owner is the key that owns, ownerSafe the name of the Safe instead.
	owner, ownerSafe string
	safes            []config.Safe
	networks         []config.Network
	// keys are the addresses of the keys of use owner, once they are made.
	keys map[string]common.Address
}

// newDeployer finds out who owns what, or says what must be declared for it.
func newDeployer(env *config.Environment, c Contracts) (*deployer, error) {
	d := &deployer{env: env, shape: c.Shape, keys: map[string]common.Address{}}
	if c.Shape == "" {
		d.shape = contractstest.ShapeRouting
	}
	if d.shape != contractstest.ShapeRouting && d.shape != contractstest.ShapeAggregation {
		return nil, fmt.Errorf("shape %q is neither %s nor %s", c.Shape, contractstest.ShapeRouting, contractstest.ShapeAggregation)
	}
	for _, n := range env.Networks {
		if n.State == config.Retired {
			continue
		}
		d.networks = append(d.networks, n)
		if have := len(d.origins(n.Name)); have > maxOrigins {
			return nil, fmt.Errorf("%s: %s: %d origins, a sandbox has %d at most\nhint: declare validatorSets for those that matter", env.Name, n.Name, have, maxOrigins)
		}
	}
	owner, name, named := strings.Cut(c.Owner, ":")
	var err error
	switch {
	case c.Owner == "" || c.Owner == OwnerEOA:
		err = d.ownedByKey()
	case owner == OwnerSafe && named == (name != ""):
		err = d.ownedBySafe(name)
	default:
		err = fmt.Errorf("owner %q is none of %s, %s and %s:NAME", c.Owner, OwnerEOA, OwnerSafe, OwnerSafe)
	}
	if err != nil {
		return nil, err
	}
	return d, d.placeSafes()
}

// ownedByKey takes the key named owner, or the environment's sender.
func (d *deployer) ownedByKey() error {
	d.owner = "owner"
	if key, ok := d.env.Key(d.owner); !ok || key.Use != "owner" {
		d.owner = d.env.Sender
	}
	if d.owner == "" {
		return fmt.Errorf("%s: no key owns the contracts\nhint: declare it: keys: owner: use: \"owner\"", d.env.Name)
	}
	key, _ := d.env.Key(d.owner)
	return d.everywhere(key)
}

// everywhere demands that a key is used on every network.
func (d *deployer) everywhere(key config.Key) error {
	for _, n := range d.networks {
		if !slices.Contains(key.Networks, n.Name) {
			return fmt.Errorf("%s: key %s is not used on %s\nhint: add it to its networks, or leave networks out", d.env.Name, key.Name, n.Name)
		}
	}
	return nil
}

// ownedBySafe takes the declared Safe of that name, or the only one; where none is
// declared, a 2-of-3 one of three keys of use owner, named sandbox.
func (d *deployer) ownedBySafe(name string) error {
	var names []string
	for _, s := range d.env.Safes {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case name == "" && len(names) == 0:
		return d.ownSafe()
	case name == "" && len(names) > 1:
		return fmt.Errorf("%s: Safes %s are declared\nhint: say which one owns: --owner safe:%s", d.env.Name, strings.Join(names, ", "), names[0])
	case name == "":
		name = names[0]
	case !slices.Contains(names, name):
		return fmt.Errorf("%s: no Safe %q among %d", d.env.Name, name, len(names))
	}
	d.ownerSafe = name
	for _, n := range d.networks {
		if !slices.ContainsFunc(d.env.Safes, func(s config.Safe) bool { return s.Name == name && s.Network == n.Name && d.ours(s) }) {
			return fmt.Errorf("%s: Safe %s is not the deployment's on %s\nhint: safes: \"%s\": networks: \"all\"", d.env.Name, name, n.Name, name)
		}
	}
	return nil
}

// ownSafe declares the Safe of an environment that declares none.
func (d *deployer) ownSafe() error {
	d.ownerSafe = "sandbox"
	var owners []config.Party
	for _, key := range d.env.Keys {
		if key.Use == "owner" && d.everywhere(key) == nil && len(owners) < 3 {
			owners = append(owners, config.Party{Key: key.Name})
		}
	}
	if len(owners) < 3 {
		return fmt.Errorf("%s: %d keys of use owner, a 2-of-3 Safe needs 3\nhint: declare them: keys: {\"owner-0\": use: \"owner\", \"owner-1\": use: \"owner\", \"owner-2\": use: \"owner\"}", d.env.Name, len(owners))
	}
	for _, n := range d.networks {
		d.safes = append(d.safes, config.Safe{Name: d.ownerSafe, Network: n.Name, Owners: owners, Threshold: 2})
	}
	return nil
}

// ours reports a Safe whose address is the deployment's and not stated.
func (d *deployer) ours(s config.Safe) bool {
	return s.Address == "" || d.env.Deployment != nil && d.env.Deployment.Safes[s.Network][s.Name] == s.Address
}

// placeSafes takes over the declared Safes that the sandbox is to make.
func (d *deployer) placeSafes() error {
	for _, s := range d.env.Safes {
		if !d.ours(s) {
			continue // at a stated address nobody can make one here
		}
		if s.Version != "" && s.Version != "1.4.1" {
			return fmt.Errorf("%s: version is %s, a sandbox has 1.4.1 only", s.ResourceID(), s.Version)
		}
		d.safes = append(d.safes, s)
	}
	return nil
}

// origins are the networks whose messages a network takes: those whose declared
// validator sets must be in force there, or all others where none is declared.
func (d *deployer) origins(destination string) []contractstest.Origin {
	var origins []contractstest.Origin
	add := func(name, kind string) {
		n, _ := d.env.Network(name)
		origins = append(origins, contractstest.Origin{
			Domain: n.DomainID, Validators: []common.Address{throwAway(name).Address}, Threshold: 1, Type: contractstest.Type(kind),
		})
	}
	for _, set := range d.env.ValidatorSets {
		if slices.Contains(set.Destinations, destination) {
			add(set.Origin, set.Type)
		}
	}
	if len(d.env.ValidatorSets) > 0 {
		return origins
	}
	for _, n := range d.env.Networks {
		if n.Name != destination && n.State != config.Retired {
			add(n.Name, config.MessageID)
		}
	}
	return origins
}

// throwAway is the only validator of an origin as a sandbox starts. It publishes
// nothing: Verify signs for it.
func throwAway(origin string) attestationtest.Signer {
	return attestationtest.NamedSigner("sandbox validator of " + origin)
}

// hand is a key of the sandbox's own, with coins from the genesis on. It follows
// from its name, so that a run can be told again.
func hand(name, network string) *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("reconcile sandbox " + name + " on " + network)))
	if err != nil {
		panic(err) // one name in 2^128 hashes to no key
	}
	return key
}

// The hands: one deploys, the other one sends messages.
const (
	deploys  = "deployer"
	messages = "postman"
)

// genesis adds to a network's genesis what deployments need.
func (d *deployer) genesis(network string, o *chaintest.Options, code map[common.Address][]byte) {
	o.Code = code
	for _, name := range []string{deploys, messages} {
		o.Alloc[crypto.PubkeyToAddress(hand(name, network).PublicKey)] = new(big.Int).Mul(big.NewInt(bankCoins), big.NewInt(1e18))
	}
}

// deploy puts the contracts on all networks.
func (d *deployer) deploy(ctx context.Context, c *chains) (*config.Deployment, error) {
	type deployed struct {
		contracts map[string]config.Deployed
		safes     map[string]string
	}
	all := make([]deployed, len(d.networks))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(2 * runtime.NumCPU())
	for i, n := range d.networks {
		work.Go(func() (err error) {
			site := &site{deployer: d, network: n, client: c.running[n.Name].Client(), key: hand(deploys, n.Name)}
			all[i].contracts, all[i].safes, err = site.deploy(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	out := &config.Deployment{ID: "sandbox", Networks: map[string]map[string]config.Deployed{}, Safes: map[string]map[string]string{}}
	for i, n := range d.networks {
		out.Networks[n.Name], out.Safes[n.Name] = all[i].contracts, all[i].safes
	}
	return out, nil
}

// says what was deployed, in one line.
func (d *deployer) says() string {
	owner := "key " + d.owner
	if d.ownerSafe != "" {
		owner = "Safe " + d.ownerSafe
	}
	return fmt.Sprintf("Hyperlane and Safe 1.4.1 on %d networks, owned by %s", len(d.networks), owner)
}
