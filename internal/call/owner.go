// Package call is how a contract call of an owner is made: sent with a key that
// the environment holds, proposed to a Safe, executed with a Safe's owner keys
// where the environment holds enough of them, or printed for whoever can. Kinds
// say which calls; here is who makes them, and exactly those.
package call

import (
	"context"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Sort is what an owner is.
type Sort string

// The sorts of owners. Only Held and Safe lead to a write.
const (
	// Held is a key of use owner that the environment holds.
	Held Sort = "key"
	// Safe is a Safe that the environment declares; Executed is one whose owner
	// keys the environment may sign with.
	Safe     Sort = "safe"
	Executed Sort = "safe-executed"
	// The rest is told and never written to: a Safe nobody declared, an EOA of
	// somebody else, a timelock, an interchain account, another contract, and
	// nobody at all (the zero address).
	OtherSafe Sort = "undeclared-safe"
	EOA       Sort = "eoa"
	Timelock  Sort = "timelock"
	ICA       Sort = "ica"
	Contract  Sort = "contract"
	Nobody    Sort = "nobody"
)

// Owner is who must make a call.
type Owner struct {
	Sort    Sort
	Address common.Address
	// Name of the key or of the Safe; empty for others.
	Name string
}

// String is the owner as facts hold it: "safe governance 0x…".
func (o Owner) String() string {
	name := o.Name
	if name == "" {
		name = "-"
	}
	return string(o.Sort) + " " + name + " " + o.Address.Hex()
}

// ParseOwner reads a fact back.
func ParseOwner(text string) (Owner, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 || !common.IsHexAddress(parts[2]) {
		return Owner{}, fmt.Errorf("%.80q is no owner", text)
	}
	o := Owner{Sort: Sort(parts[0]), Name: parts[1], Address: common.HexToAddress(parts[2])}
	if o.Name == "-" {
		o.Name = ""
	}
	return o, nil
}

// Say is the owner for people: "Safe governance 0x…", "a timelock 0x…".
func (o Owner) Say() string {
	switch o.Sort {
	case Held:
		return "key " + o.Name + " " + o.Address.Hex()
	case Safe, Executed:
		return "Safe " + o.Name + " " + o.Address.Hex()
	case OtherSafe:
		return "a Safe that is not declared, " + o.Address.Hex()
	case EOA:
		return "an account whose key is not held here, " + o.Address.Hex()
	case Timelock:
		return "a timelock, " + o.Address.Hex()
	case ICA:
		return "an interchain account, " + o.Address.Hex()
	case Nobody:
		return "nobody"
	default:
		return "a contract of unknown kind, " + o.Address.Hex()
	}
}

// Parties are the owners that the environment knows on one network, by address.
type Parties map[common.Address]Owner

// Known lists them: its keys of use owner, as far as their addresses were
// observed, and its declared Safes.
func Known(env *config.Environment, network string, lookup kind.Lookup) Parties {
	parties := Parties{}
	for _, k := range env.Keys {
		if k.Use != "owner" {
			continue
		}
		if address, ok := lookup(resource.Ref{ID: k.ResourceID(), Output: "address"}); ok && common.IsHexAddress(address) {
			a := common.HexToAddress(address)
			parties[a] = Owner{Sort: Held, Address: a, Name: k.Name}
		}
	}
	for _, s := range env.Safes {
		if s.Network != network || s.Address == "" {
			continue
		}
		a, sort := common.HexToAddress(s.Address), Safe
		if s.Execute {
			sort = Executed
		}
		parties[a] = Owner{Sort: sort, Address: a, Name: s.Name}
	}
	return parties
}

// Routers are the routers of a network's interchain accounts, by which such an
// account is known; none where the deployment names none.
func Routers(env *config.Environment, network string) []common.Address {
	if c, ok := env.Deployment.Contract(network, config.RoleAccountRouter); ok {
		return []common.Address{common.HexToAddress(c.Address)}
	}
	return nil
}

// Resolve sorts addresses into owners: those that are known, and for the
// others what their code answers, in one round of questions. Routers are those of
// the network's interchain accounts.
func (p Parties) Resolve(ctx context.Context, l *chain.Look, addresses []common.Address, routers ...common.Address) (map[common.Address]Owner, error) {
	found := map[common.Address]Owner{}
	var unknown []common.Address
	var questions []evm.Question
	for _, a := range addresses {
		if _, twice := found[a]; twice {
			continue
		}
		switch o, known := p[a]; {
		case a == common.Address{}:
			found[a] = Owner{Sort: Nobody}
		case known:
			found[a] = o
		default:
			found[a] = Owner{Sort: Contract, Address: a}
			unknown = append(unknown, a)
			questions = append(questions, safe.OwnerQuestions(a)...)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	results, err := l.Ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	each := len(questions) / len(unknown)
	for i, a := range unknown {
		sort, err := safe.KindOfOwner(results[i*each:(i+1)*each], routers...)
		if err != nil {
			return nil, fmt.Errorf("owner %s: %w", a, err)
		}
		found[a] = Owner{Sort: sortOf(sort), Address: a}
	}
	return found, nil
}

func sortOf(k safe.OwnerKind) Sort {
	switch k {
	case safe.OwnerEOA:
		return EOA
	case safe.OwnerSafe:
		return OtherSafe
	case safe.OwnerTimelock:
		return Timelock
	case safe.OwnerICA:
		return ICA
	default:
		return Contract
	}
}
