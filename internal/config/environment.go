// Package config turns CUE at one revision of a git repository into an
// Environment, with file:line kept for every value. CUE and go-git live here
// and nowhere else.
package config

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Environment is one logical deployment: what there must be.
type Environment struct {
	Name    string
	Purpose string
	// Class is testnet or mainnet; an environment never mixes them.
	Class string
	// Mode managed, or observed: plan and verify, never apply.
	Mode resource.Mode
	AWS  AWS
	// Accounts is how agents hold keys: "hex" (Secrets Manager) or "kms".
	Accounts string
	Store    Store
	// Addresses is "pinned" or "observed": whether an address may be used only
	// when addresses.json at the plan's commit pins it.
	Addresses string
	// Pins is addresses.json: key name to EIP-55 address.
	Pins map[string]string
	// PinnedARNs is addresses.json too: key name to the ARN of the KMS key, where it
	// states one.
	PinnedARNs map[string]string
	// Known are the addresses that this environment and its neighbours state, each
	// once, this one's first.
	Known []KnownAddress
	// Deployment is where the contracts are; nil: not deployed.
	Deployment *Deployment
	// ValidatorSets are sorted by origin, Safes and Contracts by network and name.
	ValidatorSets []ValidatorSet
	Safes         []Safe
	Contracts     []Contract
	// Floor is the least that a validator set may be.
	Floor ism.Floor
	// Sender is the name of the key that pays for calls that anybody may make:
	// deploying an ISM, executing a signed Safe transaction. Empty: nobody does.
	Sender   string
	Networks []Network // sorted by name
	Agents   []Agent   // sorted by name
	Keys     []Key     // every key, agents' and generic ones, sorted by name
	// Routes are the directions in which messages must be delivered; each is
	// covered by a relayer and by funding. Sorted.
	Routes  []Route
	Funding []Funding // one entry per network, sorted by network
	// Access is who may use the keys and buckets; nil: access is not managed.
	Access *Access
	// Tool is how this tool itself gets into the account; nil: nobody said.
	Tool *Tool
	// Mirrors is the environment whose shape this one has; nil: none.
	Mirrors    *Mirrors
	Governance Governance
	Source     resource.Source
	// Overlay is the sandbox or fork that this environment is pointed at; nil
	// in real life.
	Overlay *Overlay
}

// Classes of environment and network.
const (
	Testnet = "testnet"
	Mainnet = "mainnet"
)

// NotDeployed is the deployment id of an environment without contracts.
const NotDeployed = "not deployed"

// AWS names the account and default region; apply asserts the account by STS.
type AWS struct {
	Account string
	Region  string
	Source  resource.Source
}

// Store is where journal, lease and anchor live.
type Store struct {
	// Kind is "file" or "s3".
	Kind   string
	Path   string          // file: directory, relative to the repository's root
	Bucket string          // s3
	Prefix string          // s3, may be empty
	Region string          // s3
	Source resource.Source `json:"-"`
}

// Network is one EVM chain as the environment sees it.
type Network struct {
	Name    string
	Display string
	ChainID uint64
	// DomainID is the messaging protocol's id of the chain; often equal to the
	// chain id, never by rule.
	DomainID uint32
	Class    string
	// Genesis is the hash of block 0 where pinned, else empty.
	Genesis string
	// Stack is "op" for OP-stack chains, which add an L1 data fee; "nitro", "other".
	Stack    string
	Symbol   string
	Decimals int
	// RPC lists endpoints: https URLs or env:RECONCILE_RPC_<NETWORK>.
	RPC           []string
	Confirmations uint64
	// TxType is legacy, 1559 or auto (1559 where the head has a base fee).
	TxType   string
	Explorer string
	// State is joining, live, draining or retired.
	State string
	// BatchSize is the most elements of one JSON-RPC batch.
	BatchSize int
	Source    resource.Source
}

// Agent is one role as run on some networks.
type Agent struct {
	Name      string
	Role      string
	Instances int
	Networks  []string
	// Signer is "perNetwork" or "shared"; Attestation "none", "one" or "perNetwork".
	Signer      string
	Attestation string
	// Storage is where it writes what anybody may read: none, perNetwork (a bucket
	// each), perInstance (a folder per network) or proofs.
	Storage  string
	Operator string
	// OperatedBy is "us" or "external".
	OperatedBy string
	Routes     []Route // relayers only
	Source     resource.Source
}

// Route is a direction in which messages are delivered.
type Route struct{ From, To string }

// Key is one key that must exist: the lowering of agents, or declared by itself.
type Key struct {
	// Name is unique in the environment, for example validator-0-signer-fuji.
	Name string
	// Alias is the KMS alias (alias/<env>-<name>) or the secret's name, or a
	// stated legacy one.
	Alias string
	// Holder is "kms", "hex" (Secrets Manager) or "keystore" (an encrypted file).
	Holder string
	Region string
	// Path of an encrypted keystore file, holder keystore only.
	Path     string
	Agent    string // empty for a generic key
	Instance int
	Role     string
	// Use is signer, attestation, bank or owner: an owner signs contract calls that
	// a reviewed plan lists, and Safe transactions made of them.
	Use        string
	Operator   string
	OperatedBy string
	// Networks on which the key is used, sorted.
	Networks []string
	// Adopt takes over an object that exists without our mark.
	Adopt bool
	// Protect keeps the object from being removed, by a tag on the object itself.
	Protect bool
	// Policy is the key policy, holder kms only; nil: not managed.
	Policy *KeyPolicy
	Source resource.Source
}

// ResourceID is the ID of the resource that holds this key.
func (k Key) ResourceID() resource.ID {
	switch k.Holder {
	case "hex":
		return resource.ID{Kind: "secret-key", Scope: k.Region, Name: k.Name}
	case "keystore":
		return resource.ID{Kind: "keystore", Scope: "local", Name: k.Name}
	default:
		return resource.ID{Kind: "kms-key", Scope: k.Region, Name: k.Name}
	}
}

// Funding is how one network's wallets are kept filled. All amounts are in the
// network's smallest unit (wei).
type Funding struct {
	Network string
	// Bank is the name of the key that pays.
	Bank string
	// Reserve stays in the bank.
	Reserve *big.Int
	// CapTransaction, CapPlan and CapDay bound what may leave the bank; CapDay
	// counts a rolling 24 hours.
	CapTransaction, CapPlan, CapDay *big.Int
	Wallets                         []Wallet // sorted by key name, then address
	Source                          resource.Source
}

// Wallet is one recipient: a key of the environment or a literal address.
type Wallet struct {
	// Name is the key's name, or the declared name of a literal recipient.
	Name string
	// Address is set for a literal recipient only (EIP-55).
	Address string
	Floor   *big.Int
	Target  *big.Int
	// BurnPerDay is how much the wallet may lose a day; nil: not declared.
	BurnPerDay *big.Int
	Source     resource.Source
}

// Mirrors says which environment this one rehearses.
type Mirrors struct {
	Environment string
	// Networks maps each network here to the one there.
	Networks map[string]string
	// Exceptions gives the reason of each difference that is meant, by its path.
	Exceptions map[string]string
	Source     resource.Source
}

// Overlay points an environment at other endpoints: a sandbox, a fork. It is
// named in the plan and covered by its digests.
type Overlay struct {
	// Name is the path it was read from, as given.
	Name string `json:"-"`
	// Digest of its bytes, sha256:<hex>.
	Digest string `json:"-"`
	// Environment it was written for; another one refuses it.
	Environment string                    `json:"environment"`
	Networks    map[string]OverlayNetwork `json:"networks"`
	AWS         OverlayAWS                `json:"aws"`
	// Open lets gates and dirty trees pass; testnet classes only.
	Open bool `json:"open,omitempty"`
	// Store replaces the declared store, nil keeps it.
	Store *OverlayStore `json:"store,omitempty"`
	// Pins adds addresses to addresses.json, for keys that the sandbox made.
	Pins map[string]string `json:"pins,omitempty"`
	// Deployment replaces the declared one, in the form of deployments/<id>.json.
	Deployment json.RawMessage `json:"deployment,omitempty"`
	// Checkpoints is the folder below which announced file:// locations are read.
	Checkpoints string `json:"checkpoints,omitempty"`
}

// OverlayNetwork replaces a network's endpoints.
type OverlayNetwork struct {
	RPC []string `json:"rpc"`
	// SafeService replaces the Safe Transaction Service of every Safe on the network;
	// it is sent no key.
	SafeService string `json:"safeService,omitempty"`
}

// OverlayAWS replaces the AWS endpoint.
type OverlayAWS struct {
	Endpoint string `json:"endpoint,omitempty"`
	// Unlimited lifts our own request rate limits, which protect real quotas.
	Unlimited bool `json:"unlimited,omitempty"`
}

// OverlayStore replaces the store.
type OverlayStore struct {
	Kind   string `json:"kind"`
	Path   string `json:"path,omitempty"`
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	Region string `json:"region,omitempty"`
}

// Network finds a network by name.
func (e *Environment) Network(name string) (Network, bool) {
	for _, n := range e.Networks {
		if n.Name == name {
			return n, true
		}
	}
	return Network{}, false
}

// Key finds a key by name. Keys are sorted by name, which makes this fast; keys
// in another order are found too.
func (e *Environment) Key(name string) (Key, bool) {
	if at, found := slices.BinarySearchFunc(e.Keys, name, func(k Key, name string) int { return strings.Compare(k.Name, name) }); found {
		return e.Keys[at], true
	}
	for _, k := range e.Keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}
