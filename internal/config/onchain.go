package config

import (
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Deployment is deployments/<id>.json: where the messaging contracts are, and
// the code that they were reviewed with. The tool reads deployments and makes none.
type Deployment struct {
	ID string
	// Networks maps a network's name to its contracts by role ("mailbox",
	// "merkleTreeHook", …; see ContractRoles).
	Networks map[string]map[string]Deployed
	// Safes maps a network's name to the Safes on it, by their name in safes.
	Safes  map[string]map[string]string
	Source resource.Source
}

// Deployed is one contract of a deployment.
type Deployed struct {
	// Address with its EIP-55 checksum.
	Address string
	// CodeHash is the keccak-256 of the runtime code; empty: not pinned.
	CodeHash string
	// Implementation is what a proxy points at (EIP-1967), or what a factory makes
	// its clones of; ImplementationHash its code's hash. Empty: not pinned.
	Implementation, ImplementationHash string
}

// Roles of a Hyperlane deployment's contracts, as its registry names them.
const (
	RoleMailbox            = "mailbox"
	RoleMerkleTreeHook     = "merkleTreeHook"
	RoleValidatorAnnounce  = "validatorAnnounce"
	RoleMessageIDFactory   = "staticMessageIdMultisigIsmFactory"
	RoleMerkleRootFactory  = "staticMerkleRootMultisigIsmFactory"
	RoleAggregationFactory = "staticAggregationIsmFactory"
	RoleRoutingFactory     = "domainRoutingIsmFactory"
	// RoleAccountRouter owns the interchain accounts of a network.
	RoleAccountRouter = "interchainAccountRouter"
)

// Contract finds a deployed contract by network and role.
func (d *Deployment) Contract(network, role string) (Deployed, bool) {
	if d == nil {
		return Deployed{}, false
	}
	c, ok := d.Networks[network][role]
	return c, ok
}

// Types of a validator set: what the validators' signatures are over. Either is
// a 1-of-2 aggregation of both, as Hyperlane's own deployments use it.
const (
	MessageID  = "message-id"
	MerkleRoot = "merkle-root"
	Either     = "either"
)

// ValidatorSet is who must attest to what leaves a network, for every
// destination that trusts it.
type ValidatorSet struct {
	// Origin is the network that messages leave.
	Origin string
	// Destinations are where the set must be in force, sorted.
	Destinations []string
	// Type is MessageID, MerkleRoot or Either.
	Type string
	// Managed sets are planned; others are somebody else's and only watched.
	Managed   bool
	Threshold int
	Members   []Member // in the declared order
	// Grace is how long a member that left must go on attesting to messages in
	// flight, counted from when every destination had the new set.
	Grace time.Duration
	// Reason is why a set below the floor is meant; empty where it is not below.
	Reason string
	// Unproven accepts members that could not be shown to sign, by member name.
	Unproven []Exception
	Source   resource.Source
}

// SetID is the id of the resource of one destination and origin.
func SetID(destination, origin string) resource.ID {
	return resource.ID{Kind: "validator-set", Scope: destination, Name: origin}
}

// Member is one validator of a set.
type Member struct {
	// Name is the agent's instance ("validator-0"), or the alias of an address.
	Name string
	// Key is the attestation key of an agent's instance; empty for an address.
	Key string
	// Address of a member that is no agent of ours (EIP-55).
	Address string
	// Operator runs it; Account and Region are where it runs, where known.
	Operator, Account, Region string
	// Location is where it must announce its checkpoints ("s3://bucket/region");
	// empty: not known, any announced one is read.
	Location string
	Source   resource.Source
}

// Exception accepts one thing about one member until it expires.
type Exception struct {
	Member, Reason string
	Expires        time.Time // zero: does not expire
}

// Safe is one Safe multisig on one network.
type Safe struct {
	Name    string
	Network string
	// Address with its EIP-55 checksum: stated, or of the deployment; empty: the
	// deployment has none yet.
	Address string
	// Managed Safes have their owners planned; others are only watched.
	Managed   bool
	Owners    []Party
	Threshold int
	// Version is its contract's version such as 1.4.1; empty: any published one.
	Version string
	// Modules, Guard and Fallback are the only ones that may be set; empty is none
	// (Fallback: the published handler of its version is always admitted).
	Modules         []string
	Guard, Fallback string
	// Service is the Safe Transaction Service of the network, a URL or env:NAME;
	// ServiceKey is env: and the name of the variable with its API key; Delegate is
	// the key that proposes there. Empty: none.
	Service, ServiceKey, Delegate string
	// Execute lets the tool sign with owner keys that the environment holds and
	// send the transaction. Testnet classes only.
	Execute bool
	Source  resource.Source
}

// ResourceID of the Safe.
func (s Safe) ResourceID() resource.ID {
	return resource.ID{Kind: "safe", Scope: s.Network, Name: s.Name}
}

// Party is somebody with an address: a key of the environment, one of its Safes
// on the same network, a declared contract, or a stated address. Exactly one is set.
type Party struct {
	Key, Safe, Contract, Address string
}

// Contract is any contract on one network, by configuration alone.
type Contract struct {
	Name, Network string
	// Address with its checksum; empty: not deployed yet.
	Address string
	// CodeHash of the runtime code; empty: not pinned.
	CodeHash string
	// Through is how the code in force is found: "" (the contract's own), "eip1967"
	// or "beacon" (an upgrade beacon whose address is in the proxy's runtime code
	// and whose implementation is its storage slot 0).
	Through string
	// Beacon is the address of the upgrade beacon, Implementation that of the code
	// in force, ImplementationHash its hash. Empty: not pinned.
	Beacon, Implementation, ImplementationHash string
	// Owner is who owner() must be; nil: not managed.
	Owner      *Party
	Managed    bool
	Parameters []Parameter // sorted by name
	Invariants []Invariant // sorted by name
	Scans      []Scan      // sorted by name
	Source     resource.Source
}

// ResourceID of the contract.
func (c Contract) ResourceID() resource.ID {
	return resource.ID{Kind: "contract", Scope: c.Network, Name: c.Name}
}

// Parameter is a value that a contract must hold.
type Parameter struct {
	Name string
	// Read is "updater()(address)", Args its arguments as evm.Parse reads them.
	Read string
	Args []Want
	Want Want
	// Write is "setUpdater(address)", WriteArgs its arguments, always all of them; one with Wanted stands
	// for the wanted value. Empty Write: read only.
	Write     string
	WriteArgs []Want
	Source    resource.Source
}

// Want is a value: the output of a key, or a literal as evm.Format writes it.
type Want struct {
	// Key is the name of a key whose address is meant; empty: Literal.
	Key     string
	Literal string
	// Wanted stands for the parameter's wanted value among WriteArgs.
	Wanted bool
}

// Invariant is what must hold of a contract on every plan, whatever changes.
type Invariant struct {
	Name, Read string
	Args       []Want
	// Must is the value, or a comparison with a number: ">= 86400". "code" and
	// "no code" are about the address that was read.
	Must, Reason string
	Source       resource.Source
}

// Scan is a set that a contract does not list, read from its events.
type Scan struct {
	Name string
	// Event is "WatcherPermissionSet(uint32 indexed,address,bool)"; its last
	// argument switches the others on and off.
	Event string
	From  uint64 // block of the deployment
	// Want are the entries that must be on, each its arguments in order.
	Want   [][]Want
	Source resource.Source
}

// States of a network. Joining and draining networks may miss what a live one
// must have; a retired one is not read.
const (
	Joining  = "joining"
	Live     = "live"
	Draining = "draining"
	Retired  = "retired"
)
