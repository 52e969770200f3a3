package call

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Names of facts that steps are made of. Those of a resource that is called:
const (
	// FactOwner is who must make its calls, as Owner.String.
	FactOwner = "owner"
	// FactFee is the most that one gas may cost there, in wei, rounded up to a power
	// of two so that a plan made a minute later says the same; FactDataFee what a
	// transaction costs besides (L1 data fee), rounded alike.
	FactFee     = "fee-per-gas"
	FactDataFee = "data-fee"
)

// Those of a declared Safe, which its own kind observes:
const (
	// FactHeld lists owners whose keys the environment holds: "key=0x…,…".
	FactHeld = "held"
	// FactDelegate is the key that proposes to the Safe's service: "key=0x…".
	FactDelegate = "delegate"
	// FactThreshold is how many owners must sign.
	FactThreshold = "threshold"
	// factProposal with the safeTxHash is a proposal of ours that can still be
	// executed; its value is the nonce and the calls.
	factProposal = "proposal "
)

// Fees are the facts of what a transaction may cost now. feePerGas and dataFee in wei.
func Fees(id resource.ID, feePerGas, dataFee *big.Int) []resource.Fact {
	facts := []resource.Fact{{ID: id, Name: FactFee, Value: powerOfTwo(feePerGas).String()}}
	if dataFee != nil && dataFee.Sign() > 0 {
		facts = append(facts, resource.Fact{ID: id, Name: FactDataFee, Value: powerOfTwo(dataFee).String()})
	}
	return facts
}

// powerOfTwo rounds up.
func powerOfTwo(n *big.Int) *big.Int {
	if n == nil || n.Sign() <= 0 {
		return big.NewInt(1)
	}
	less := new(big.Int).Sub(n, big.NewInt(1))
	return new(big.Int).Lsh(big.NewInt(1), uint(less.BitLen())) //nolint:gosec // a bit length is not negative
}

// transferBytes is about how long the signed transfer is that data fees are
// reckoned from, and callBytes what a signed call has besides its calldata; a
// data fee grows with the bytes (OP Stack specification, "L1 data fee").
const (
	transferBytes = 100
	callBytes     = 150
)

// ceiling is the most that a transaction of so much gas and calldata may cost.
func ceiling(facts map[string]string, gas uint64, calldata int) (*big.Int, bool) {
	perGas, ok := new(big.Int).SetString(facts[FactFee], 10)
	if !ok || perGas.Sign() <= 0 {
		return nil, false
	}
	cost := perGas.Mul(perGas, new(big.Int).SetUint64(gas))
	if text := facts[FactDataFee]; text != "" {
		data, ok := new(big.Int).SetString(text, 10)
		if !ok || data.Sign() < 0 {
			return nil, false
		}
		data.Mul(data, big.NewInt(int64(callBytes+calldata)))
		data.Add(data, big.NewInt(transferBytes-1)).Quo(data, big.NewInt(transferBytes))
		cost.Add(cost, data)
	}
	return cost, true
}

// SafeID is the resource of a declared Safe.
func SafeID(network, name string) resource.ID {
	return resource.ID{Kind: "safe", Scope: network, Name: name}
}

// Proposed is a proposal of ours that can still be executed.
type Proposed struct {
	Hash  common.Hash `json:"-"`
	Nonce uint64      `json:"nonce"`
	Calls []evm.Wire  `json:"calls"`
}

// ProposalFact is the fact of a proposal that was recognised: the hash was
// computed here over all its fields.
func ProposalFact(id resource.ID, p Proposed) (resource.Fact, error) {
	data, err := json.Marshal(p)
	return resource.Fact{ID: id, Name: factProposal + p.Hash.Hex(), Value: string(data)}, err
}

// Proposals reads them back from a Safe's facts, in the order of their hashes.
func Proposals(facts []resource.Fact, id resource.ID) ([]Proposed, error) {
	var list []Proposed
	for _, f := range facts {
		hash, is := strings.CutPrefix(f.Name, factProposal)
		if f.ID != id || !is {
			continue
		}
		p := Proposed{Hash: common.HexToHash(hash)}
		if err := json.Unmarshal([]byte(f.Value), &p); err != nil || p.Hash.Hex() != hash {
			return nil, fmt.Errorf("%s: %q is no proposal", id, f.Name)
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Proposed) int { return a.Hash.Cmp(b.Hash) })
	return list, nil
}

// WithoutProposals are the facts as if nothing of ours waited.
func WithoutProposals(facts []resource.Fact) []resource.Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f resource.Fact) bool { return strings.HasPrefix(f.Name, factProposal) })
}

// OfSafe are the calls of a step's own that a Safe makes, and which Safe that is.
// Not ok: no Safe makes them.
func OfSafe(step resource.Step) (id resource.ID, calls []evm.Wire, ok bool) {
	var p params
	if step.Op != resource.Propose && step.Op != Execute || step.Params.Decode(&p) != nil || p.SafeName == "" {
		return id, nil, false
	}
	return SafeID(p.Network, p.SafeName), p.Calls, true
}

// Holds reports whether the proposal makes exactly these calls, in this order
// and without another one between them.
func (p Proposed) Holds(calls []evm.Wire) bool {
	for at := 0; at+len(calls) <= len(p.Calls); at++ {
		same := true
		for i := range calls {
			same = same && p.Calls[at+i] == calls[i]
		}
		if same {
			return len(calls) > 0
		}
	}
	return false
}

// HeldKey is an owner of a Safe whose key the environment holds.
type HeldKey struct {
	Key     string
	Address common.Address
}

// String is "key=0x…".
func (h HeldKey) String() string { return h.Key + "=" + h.Address.Hex() }

// HeldFact lists them.
func HeldFact(id resource.ID, held []HeldKey) resource.Fact {
	parts := make([]string, len(held))
	for i, h := range held {
		parts[i] = h.String()
	}
	return resource.Fact{ID: id, Name: FactHeld, Value: strings.Join(parts, ",")}
}

func heldOf(facts map[string]string) []string {
	if facts[FactHeld] == "" {
		return nil
	}
	return strings.Split(facts[FactHeld], ",")
}

func thresholdOf(facts map[string]string) int {
	n, err := strconv.Atoi(facts[FactThreshold])
	if err != nil || n < 1 {
		return 1 << 20 // nobody reaches what was not read
	}
	return n
}
