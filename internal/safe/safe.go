// Package safe holds what must be known of a Safe to change it: the hashes that
// its owners sign, batches of calls, the recognition of a proposal as ours, what
// a proposal would do, and how owners are changed. It is pure: it asks no node
// and no service anything. Facts of the contracts are those of the published
// sources of Safe 1.3.0, 1.4.1 and 1.5.0.
package safe

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// The operations of a Safe transaction. A delegatecall runs somebody's code with
// all rights of the Safe.
const (
	OperationCall         uint8 = 0
	OperationDelegateCall uint8 = 1
)

// Tx is a Safe transaction: all ten fields that its owners sign over. Amounts
// that are nil are zero.
type Tx struct {
	To common.Address
	// Value in wei.
	Value     *big.Int
	Data      []byte
	Operation uint8
	// SafeTxGas, BaseGas, GasPrice, GasToken and RefundReceiver pay whoever
	// executes it. We leave them zero; with SafeTxGas zero an inner failure also
	// reverts the whole and uses up no nonce.
	SafeTxGas, BaseGas, GasPrice *big.Int
	GasToken, RefundReceiver     common.Address
	Nonce                        uint64
}

// amount is a field of Tx by its name in the contract.
type amount struct {
	name  string
	value *big.Int
}

func (t Tx) amounts() []amount {
	return []amount{{"value", t.Value}, {"safeTxGas", t.SafeTxGas}, {"baseGas", t.BaseGas}, {"gasPrice", t.GasPrice}}
}

func (t Tx) check() error {
	for _, a := range t.amounts() {
		if !word(a.value) {
			return fmt.Errorf("%s is no amount of 256 bits", a.name)
		}
	}
	return nil
}

// refund lists the fields that pay the executor and are not zero.
func (t Tx) refund() string {
	var set []string
	for _, a := range t.amounts()[1:] {
		if a.value != nil && a.value.Sign() != 0 {
			set = append(set, a.name+" "+a.value.String())
		}
	}
	if t.GasToken != (common.Address{}) {
		set = append(set, "gasToken "+t.GasToken.Hex())
	}
	if t.RefundReceiver != (common.Address{}) {
		set = append(set, "refundReceiver "+t.RefundReceiver.Hex())
	}
	return strings.Join(set, ", ")
}

// call is the transaction's own call, as operation 0 makes it.
func (t Tx) call() evm.Call { return evm.Call{To: t.To, Value: t.Value, Data: t.Data} }

// word reports an amount that the contract can hold; nil is zero.
func word(value *big.Int) bool {
	return value == nil || (value.Sign() >= 0 && value.BitLen() <= 256)
}

// CheckVersion accepts the versions whose hashes and batches are known here:
// 1.3, 1.4 and 1.5, as VERSION() or the service ("1.3.0+L2") names them.
func CheckVersion(version string) error {
	plain, _, _ := strings.Cut(version, "+")
	var major, minor, patch uint8
	if n, err := fmt.Sscanf(plain, "%d.%d.%d", &major, &minor, &patch); n != 3 || err != nil || fmt.Sprintf("%d.%d.%d", major, minor, patch) != plain {
		return fmt.Errorf("%.40q is no version of a Safe", version)
	}
	switch {
	case major == 0 || major == 1 && minor < 3:
		return fmt.Errorf("version %s: what its owners sign names no chain and could be replayed on another; need 1.3.0 or later", plain)
	case major > 1 || minor > 5:
		return fmt.Errorf("version %s is not known here; need 1.3 to 1.5", plain)
	}
	return nil
}
