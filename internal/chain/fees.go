package chain

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

// Values of config.Network.TxType and of Fees.Type.
const (
	TypeLegacy  = "legacy"
	TypeDynamic = "1559"
	TypeAuto    = "auto"
)

// stackOP is the config.Network.Stack of chains with an L1 data fee.
const stackOP = "op"

// Fees are what a transaction must offer now, in wei.
type Fees struct {
	// Type is TypeLegacy or TypeDynamic.
	Type string
	// Tip and Cap are EIP-1559's priority fee and fee cap per gas.
	Tip, Cap *big.Int
	// Price is a legacy transaction's price per gas.
	Price *big.Int
	// Least is what the next block needs per gas at least: base fee, a rise of
	// it by an eighth (EIP-1559's most per block), and the tip. Cap may be lowered
	// to it. For legacy it is Price.
	Least *big.Int
	// L1 is the data fee of one transfer on OP-stack chains, else 0.
	L1 *big.Int
}

// PerGas is the most that one gas can cost.
func (f Fees) PerGas() *big.Int {
	if f.Type == TypeDynamic {
		return f.Cap
	}
	return f.Price
}

// Ceiling is the most that a transfer of that much gas can cost.
func (f Fees) Ceiling(gas uint64) *big.Int {
	cost := new(big.Int).Mul(f.PerGas(), new(big.Int).SetUint64(gas))
	return cost.Add(cost, f.L1)
}

// Within lowers the fee cap so that gas costs no more than ceiling, L1 fee
// included. False: the next block already asks for more than that.
func (f Fees) Within(gas uint64, ceiling *big.Int) (Fees, bool) {
	if f.Ceiling(gas).Cmp(ceiling) <= 0 {
		return f, true
	}
	if f.Type != TypeDynamic || gas == 0 {
		return f, false
	}
	lower := new(big.Int).Sub(ceiling, f.L1)
	lower.Quo(lower, new(big.Int).SetUint64(gas))
	if lower.Cmp(f.Least) < 0 {
		return f, false
	}
	f.Cap = lower
	return f, true
}

// maxPerGas bounds what an endpoint may say a gas costs: 2^96 wei is far above
// any price and far below where arithmetic or encoding would end.
var maxPerGas = new(big.Int).Lsh(big.NewInt(1), 96)

// feeCalls are the elements that fees are made of.
type feeCalls struct{ tip, price *call }

func askFees() feeCalls {
	// Each chain answers at least one; which one is needed is known only with the
	// head. A chain without base fee may well answer the first (anvil does).
	return feeCalls{tip: askOptional("eth_maxPriorityFeePerGas"), price: askOptional("eth_gasPrice")}
}

// fees decides by the base fee of the head whether the chain knows EIP-1559,
// and never by whether a fee method answers. The cap is twice the base fee plus
// the tip, as wallets do: room for six full blocks.
func (n *Network) fees(e *endpoint, head Block, calls feeCalls) (Fees, error) {
	declared := n.config.TxType
	if declared == TypeDynamic && head.BaseFee == nil {
		return Fees{}, &Error{Network: n.config.Name, Host: e.host, class: final,
			Cause: fmt.Sprintf("txType is %s, but block %d has no base fee", declared, head.Number)}
	}
	if declared != TypeLegacy && head.BaseFee != nil {
		tip, err := n.price(e, calls.tip)
		if err != nil {
			return Fees{}, err
		}
		if head.BaseFee.Cmp(maxPerGas) > 0 {
			return Fees{}, n.malformed(e, calls.tip, "usable with a base fee of "+head.BaseFee.String())
		}
		feeCap := new(big.Int).Lsh(head.BaseFee, 1)
		least := new(big.Int).Add(head.BaseFee, new(big.Int).Rsh(head.BaseFee, 3))
		return Fees{Type: TypeDynamic, Tip: tip, Cap: feeCap.Add(feeCap, tip), Least: least.Add(least, tip), L1: new(big.Int)}, nil
	}
	price, err := n.price(e, calls.price)
	if err != nil {
		return Fees{}, err
	}
	if head.BaseFee != nil {
		// A legacy transaction on a chain with base fee pays all that it offers; a
		// quarter more outlives the next block.
		price = new(big.Int).Add(price, new(big.Int).Rsh(head.BaseFee, 2))
	}
	return Fees{Type: TypeLegacy, Price: price, Least: price, L1: new(big.Int)}, nil
}

func (n *Network) price(e *endpoint, c *call) (*big.Int, error) {
	if c.err != nil {
		return nil, c.err
	}
	price, err := n.quantity(e, c)
	if err != nil {
		return nil, err
	}
	if price.Cmp(maxPerGas) > 0 {
		return nil, n.malformed(e, c, "a price per gas")
	}
	return price, nil
}

// gasPriceOracle is the predeploy that tells OP-stack's L1 data fee; getL1Fee
// takes the bytes of an unsigned transaction and returns wei
// (specs.optimism.io, "L1 cost", and GasPriceOracle.sol of the stack).
var gasPriceOracle = common.HexToAddress("0x420000000000000000000000000000000000000F")

// l1Calls are the elements that the L1 data fee is made of.
type l1Calls struct{ code, fee *call }

func (n *Network) askL1(block any) (l1Calls, []*call) {
	if n.config.Stack != stackOP {
		return l1Calls{}, nil
	}
	calls := l1Calls{
		code: ask("eth_getCode", gasPriceOracle, block),
		fee:  askOptional("eth_call", map[string]any{"to": gasPriceOracle, "data": hexutil.Bytes(getL1Fee(sampleTransfer()))}, block),
	}
	return calls, []*call{calls.code, calls.fee}
}

// sampleTransfer has the size of a plain transfer, and bytes that compress badly.
func sampleTransfer() []byte {
	var sample []byte
	for i := byte(0); len(sample) < 128; i++ {
		sample = append(sample, crypto.Keccak256([]byte{i})...)
	}
	return sample
}

// getL1Fee encodes the call: selector, offset, length, bytes.
func getL1Fee(transaction []byte) []byte {
	word := func(value int) []byte { return common.LeftPadBytes(big.NewInt(int64(value)).Bytes(), 32) }
	padded := (len(transaction) + 31) / 32 * 32
	return bytes.Join([][]byte{
		crypto.Keccak256([]byte("getL1Fee(bytes)"))[:4], word(32), word(len(transaction)),
		common.RightPadBytes(transaction, padded),
	}, nil)
}

// l1Fee is 0 where the chain is no OP-stack one, and where the predeploy has no
// code (a local chain); any other silence of the predeploy is an error.
func (n *Network) l1Fee(e *endpoint, calls l1Calls) (*big.Int, error) {
	if calls.code == nil {
		return new(big.Int), nil
	}
	code, err := n.data(e, calls.code)
	if err != nil || len(code) == 0 {
		return new(big.Int), err
	}
	if calls.fee.err != nil {
		return nil, calls.fee.err
	}
	answer, err := n.data(e, calls.fee)
	if err != nil {
		return nil, err
	}
	fee := new(big.Int).SetBytes(answer)
	if len(answer) != 32 || fee.BitLen() > 128 {
		return nil, n.malformed(e, calls.fee, "an L1 fee")
	}
	return fee, nil
}

// transferGas is the cost of a transfer to an account without code (yellow
// paper, G_transaction). Rollups and contract recipients need more.
const transferGas = params.TxGas
