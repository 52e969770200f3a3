package call

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// roleMultiSend is the role of a deployment's own MultiSendCallOnly, for
// networks that do not have Safe's at its usual address.
const roleMultiSend = "multiSendCallOnly"

// TermsOf are the terms of a network as the environment declares them.
func TermsOf(env *config.Environment, network string) Terms {
	t := Terms{Network: network, Sender: env.Sender, MultiSend: MultiSend(env, network)}
	if n, ok := env.Network(network); ok {
		t.Stack = n.Stack
	}
	if key, ok := env.Key(env.Sender); ok {
		t.From = resource.RefTo(key.ResourceID(), "address")
	}
	return t
}

// MultiSend is the address of MultiSendCallOnly on a network: the deployment's,
// or that of Safe 1.4.1, which is the same on every network of the EVM.
func MultiSend(env *config.Environment, network string) string {
	if c, ok := env.Deployment.Contract(network, roleMultiSend); ok {
		return c.Address
	}
	for _, c := range safe.Contracts() {
		if c.Version == "1.4.1" && c.Kind == safe.KindMultiSend {
			return c.Addresses[0].Hex()
		}
	}
	return ""
}

// Payer is an account that a network's fees can be asked for: that of the sender,
// else the zero address. A contract may refuse the plain transfer that they are
// reckoned from.
func Payer(env *config.Environment, lookup kind.Lookup) common.Address {
	if key, ok := env.Key(env.Sender); ok {
		if address, ok := lookup(resource.Ref{ID: key.ResourceID(), Output: "address"}); ok && common.IsHexAddress(address) {
			return common.HexToAddress(address)
		}
	}
	return common.Address{}
}
