package main

import (
	"math/big"
	"time"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// newKinds is the registration list: one line a kind, with the clients it
// gets. Kinds are made anew for every reading of the world, and with them the
// one list of marked resources that keys and secrets share.
func newKinds(s *session) ([]kind.Kind, error) {
	marked := cloud.NewInventory(s.tagging, kind.TagEnvironment, s.env.Name, kind.TypeKey, kind.TypeSecret)
	var list kindList
	list.add(kmskey.New(kmskey.Options{KMS: s.kms, Tagging: s.tagging, Inventory: marked, Gated: gated(s.env) || s.app.applying}))
	list.add(secretkey.New(secretkey.Options{Secrets: s.secrets, Inventory: marked}))
	list.add(funding.New(funding.Options{Networks: s.chains.network, Signer: s.signer, Readings: s.reading, Now: s.app.now}))
	return list.kinds, list.err
}

// knownTraits is what show needs of the kinds, without any client.
func knownTraits() map[string]resource.Traits {
	return map[string]resource.Traits{kmskey.Name: kmskey.Traits(), secretkey.Name: secretkey.Traits(), funding.Name: funding.Traits()}
}

type kindList struct {
	kinds []kind.Kind
	err   error
}

func (l *kindList) add(k kind.Kind, err error) {
	if l.err == nil {
		l.kinds, l.err = append(l.kinds, k), err
	}
}

func (s *session) kms(region string) kmskey.API            { return s.aws.KMS(region) }
func (s *session) tagging(region string) kmskey.TaggingAPI { return s.aws.Tagging(region) }
func (s *session) secrets(region string) secretkey.API     { return s.aws.SecretsManager(region) }

// reading is the last recorded balance of a wallet, what was paid to it since
// counted in: an apply that ended halfway paid and recorded no balance, and
// what it paid must not hide what was drained.
func (s *session) reading(id resource.ID) (wei string, at time.Time, ok bool) {
	wei, at, ok = s.ledger.LastReading(id)
	recorded, decimal := new(big.Int).SetString(wei, 10)
	if !ok || !decimal {
		return wei, at, ok
	}
	return recorded.Add(recorded, s.ledger.PaidSince(id, at)).String(), at, true
}

// readingsOf are the balances of a world, for the journal. A wallet that lost
// more than it may keeps its old reading until a person looked: the new one
// would make the loss forgotten, and the wallet a customer again.
func readingsOf(world *observe.World, findings []resource.Finding) map[string]string {
	drained := map[resource.ID]bool{}
	for _, f := range findings {
		drained[f.ID] = drained[f.ID] || f.Rule == funding.RuleBurn && f.Severity != resource.Note
	}
	readings := map[string]string{}
	for _, id := range world.Owned.IDs() {
		if id.Kind != funding.Name || drained[id] {
			continue
		}
		level, _ := world.Owned[id].Attrs["balance"].(map[string]any)
		if wei, ok := level["wei"].(string); ok {
			readings[id.String()] = wei
		}
	}
	return readings
}
