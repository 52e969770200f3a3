// Package kinds is the registration list: one line a kind. Whoever needs all
// kinds, what they may do or how they judge, asks here.
package kinds

import (
	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/accesskey"
	"github.com/crosschain-ops/reconcile/internal/kind/bucket"
	"github.com/crosschain-ops/reconcile/internal/kind/contract"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kind/iamgroup"
	"github.com/crosschain-ops/reconcile/internal/kind/iampolicy"
	"github.com/crosschain-ops/reconcile/internal/kind/iamrole"
	"github.com/crosschain-ops/reconcile/internal/kind/iamuser"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/kind/multisigsafe"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/kind/validatorset"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Clients are what the kinds work with in one environment.
type Clients struct {
	Environment *config.Environment
	// AWS is the asserted account.
	AWS *cloud.Session
	// Marked and Directory are the two walks that kinds share; made anew for every
	// reading of the world.
	Marked    *cloud.Inventory
	Directory *cloud.Directory
	// Gated derives every address from the key itself.
	Gated bool
	// Funding is how wallets are read and paid.
	Funding funding.Options
	// Networks opens a network, Calls makes the calls of contracts' owners.
	Networks func(name string) (*chain.Network, error)
	Calls    *call.Maker
	// Queue is what waits in the services of Safes.
	Queue multisigsafe.Queue
	// Checkpoints reads what validators publish.
	Checkpoints *attestation.Reader
}

type entry struct {
	name    string
	traits  func() resource.Traits
	actions func() []kind.Action
	open    func(Clients) (kind.Kind, error)
}

// list is one line a kind. Order does not matter: refs make the order.
func list() []entry {
	return []entry{
		{kmskey.Name, kmskey.Traits, kmskey.Actions, openKMSKey},
		{secretkey.Name, secretkey.Traits, secretkey.Actions, openSecretKey},
		{iampolicy.Name, iampolicy.Traits, iampolicy.Actions, func(c Clients) (kind.Kind, error) {
			return iampolicy.New(iampolicy.Options{IAM: c.AWS.IAM(), Directory: c.Directory})
		}},
		{iamuser.Name, iamuser.Traits, iamuser.Actions, func(c Clients) (kind.Kind, error) {
			return iamuser.New(iamuser.Options{IAM: c.AWS.IAM(), Directory: c.Directory, Caller: c.AWS.Identity().ARN})
		}},
		{iamgroup.Name, iamgroup.Traits, iamgroup.Actions, func(c Clients) (kind.Kind, error) {
			return iamgroup.New(iamgroup.Options{IAM: c.AWS.IAM(), Directory: c.Directory})
		}},
		{iamrole.Name, iamrole.Traits, iamrole.Actions, func(c Clients) (kind.Kind, error) {
			return iamrole.New(iamrole.Options{IAM: c.AWS.IAM(), Directory: c.Directory, Caller: c.AWS.Identity().ARN})
		}},
		{accesskey.Name, accesskey.Traits, accesskey.Actions, openAccessKey},
		{bucket.Name, bucket.Traits, bucket.Actions, openBucket},
		{contract.Name, contract.Traits, contract.Actions, func(c Clients) (kind.Kind, error) {
			return contract.New(contract.Options{Networks: c.Networks, Calls: c.Calls})
		}},
		{multisigsafe.Name, multisigsafe.Traits, multisigsafe.Actions, func(c Clients) (kind.Kind, error) {
			return multisigsafe.New(multisigsafe.Options{Networks: c.Networks, Calls: c.Calls, Queue: c.Queue})
		}},
		{validatorset.Name, validatorset.Traits, validatorset.Actions, func(c Clients) (kind.Kind, error) {
			return validatorset.New(validatorset.Options{Networks: c.Networks, Calls: c.Calls, Checkpoints: c.Checkpoints, Now: c.Funding.Now})
		}},
		{funding.Name, funding.Traits, funding.Actions, func(c Clients) (kind.Kind, error) { return funding.New(c.Funding) }},
	}
}

func openKMSKey(c Clients) (kind.Kind, error) {
	return kmskey.New(kmskey.Options{
		KMS:       func(region string) kmskey.API { return c.AWS.KMS(region) },
		Tagging:   func(region string) kmskey.TaggingAPI { return c.AWS.Tagging(region) },
		Inventory: c.Marked, Directory: c.Directory, Gated: c.Gated,
	})
}

func openSecretKey(c Clients) (kind.Kind, error) {
	return secretkey.New(secretkey.Options{
		Secrets: func(region string) secretkey.API { return c.AWS.SecretsManager(region) }, Inventory: c.Marked,
	})
}

func openAccessKey(c Clients) (kind.Kind, error) {
	return accesskey.New(accesskey.Options{
		IAM: c.AWS.IAM(), Secrets: func(region string) accesskey.SecretsAPI { return c.AWS.SecretsManager(region) }, Directory: c.Directory,
	})
}

func openBucket(c Clients) (kind.Kind, error) {
	return bucket.New(bucket.Options{
		Buckets: c.AWS.Buckets(), Inventory: c.Marked, Directory: c.Directory,
	})
}

// Open makes all kinds for one reading of the world.
func Open(c Clients) ([]kind.Kind, error) {
	var all []kind.Kind
	for _, e := range list() {
		k, err := e.open(c)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// Traits are the rules of all kinds, without any client.
func Traits() map[string]resource.Traits {
	traits := map[string]resource.Traits{}
	for _, e := range list() {
		traits[e.name] = e.traits()
	}
	return traits
}

// ActionsByKind are what each kind asks of AWS, by its name.
func ActionsByKind() map[string][]kind.Action {
	actions := map[string][]kind.Action{}
	for _, e := range list() {
		actions[e.name] = e.actions()
	}
	return actions
}

// Actions are all that the kinds ever ask of AWS.
func Actions() []kind.Action {
	var actions []kind.Action
	for _, e := range list() {
		actions = append(actions, e.actions()...)
	}
	return actions
}
