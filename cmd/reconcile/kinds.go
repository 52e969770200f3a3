package main

import (
	"math/big"
	"time"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// newKinds gives the kinds their clients. They are made anew for every reading
// of the world, and with them what they share: one list of marked resources, and
// one walk over IAM.
func newKinds(s *session) ([]kind.Kind, error) {
	s.directory = cloud.NewDirectory(s.aws.IAM(), cloud.Clock{}, nil)
	checkpoints, err := s.checkpoints()
	if err != nil {
		return nil, err
	}
	return kinds.Open(kinds.Clients{
		Environment: s.env, AWS: s.aws, Directory: s.directory,
		Marked:   cloud.NewInventory(s.tagging, kind.TagEnvironment, s.env.Name, kind.TypeKey, kind.TypeSecret, kind.TypeBucket),
		Gated:    gated(s.env) || s.app.applying,
		Funding:  funding.Options{Networks: s.chains.network, Signer: s.signer, Readings: s.reading, Now: s.app.now},
		Networks: s.chains.pool, Calls: s.maker(), Queue: desk{s.app}, Checkpoints: checkpoints,
	})
}

func (s *session) tagging(region string) cloud.TaggingAPI { return s.aws.Tagging(region) }

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
