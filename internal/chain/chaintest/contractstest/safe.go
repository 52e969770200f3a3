package contractstest

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// Where Safe 1.4.1 stands on every network (@safe-global/safe-deployments 1.37.56,
// "canonical").
var (
	SafeSingleton       = common.HexToAddress("0x41675C099F32341bf84BFc5382aF534df5C7461a")
	SafeL2Singleton     = common.HexToAddress("0x29fcB43b46531BcA003ddC8FCB67FFE91900C762")
	SafeProxyFactory    = common.HexToAddress("0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67")
	SafeMultiSend       = common.HexToAddress("0x9641d764fc13c8B624c04430C7356C1C7C8102e2") // MultiSendCallOnly
	SafeFallbackHandler = common.HexToAddress("0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99")
)

// SafeGenesis is the runtime code of Safe 1.4.1 at its canonical addresses, for
// chaintest.Options.Code. The singletons have no storage there, so their own
// threshold is 0 and not 1; proxies of them do not see that.
func SafeGenesis() (map[common.Address][]byte, error) {
	code := map[common.Address][]byte{}
	for address, name := range map[common.Address]string{
		SafeSingleton: "Safe", SafeL2Singleton: "SafeL2", SafeProxyFactory: "SafeProxyFactory",
		SafeMultiSend: "MultiSendCallOnly", SafeFallbackHandler: "CompatibilityFallbackHandler",
	} {
		creation, err := Creation("safe/" + name)
		if err != nil {
			return nil, err
		}
		if code[address], _, _, err = runtime.Create(creation, &runtime.Config{GasLimit: 30_000_000}); err != nil {
			return nil, fmt.Errorf("code of %s: %w", name, err)
		}
	}
	return code, nil
}

// PlaceSafe puts Safe 1.4.1 at its canonical addresses on a running anvil.
func PlaceSafe(ctx context.Context, anvil *rpc.Client) error {
	code, err := SafeGenesis()
	if err != nil {
		return err
	}
	for address, runtime := range code {
		if err := anvil.CallContext(ctx, nil, "anvil_setCode", address, hexutil.Bytes(runtime)); err != nil {
			return fmt.Errorf("code of %s: %w", address, err)
		}
	}
	return nil
}

// Safe makes a Safe 1.4.1 with the canonical singleton and fallback handler, which
// the chain must have (SafeGenesis, PlaceSafe). Another nonce gives another address
// for the same owners.
func Safe(ctx context.Context, client *ethclient.Client, key *ecdsa.PrivateKey, owners []common.Address, threshold, nonce uint64) (common.Address, error) {
	setup := evm.MustMethod("setup(address[],uint256,address,bytes,address,address,uint256,address)").Call(common.Address{},
		owners, new(big.Int).SetUint64(threshold), common.Address{}, []byte{}, SafeFallbackHandler, common.Address{}, new(big.Int), common.Address{})
	receipt, err := Send(ctx, client, key, evm.MustMethod("createProxyWithNonce(address,bytes,uint256)").
		Call(SafeProxyFactory, SafeSingleton, setup.Data, new(big.Int).SetUint64(nonce)))
	if err != nil {
		return common.Address{}, fmt.Errorf("make a Safe: %w", err)
	}
	for _, log := range receipt.Logs {
		if log.Address == SafeProxyFactory && log.Topics[0] == topic("ProxyCreation(address,address)") {
			return common.BytesToAddress(log.Topics[1][:]), nil
		}
	}
	return common.Address{}, errors.New("make a Safe: no event tells its address; is Safe's code on this chain?")
}

// SafeTransaction is what a Safe's owners sign; the fields that are not here are
// zero, as the Safe application leaves them.
type SafeTransaction struct {
	Call evm.Call
	// Delegate runs the call's code as the Safe's own, as for MultiSendCallOnly.
	Delegate bool
}

const (
	safeFields    = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
	safeHash      = "getTransactionHash(" + safeFields + ",uint256)(bytes32)"
	safeExecution = "execTransaction(" + safeFields + ",bytes)(bool)"
)

func (t SafeTransaction) fields() []any {
	value, operation := t.Call.Value, uint8(0)
	if value == nil {
		value = new(big.Int)
	}
	if t.Delegate {
		operation = 1
	}
	zero := new(big.Int)
	return []any{t.Call.To, value, t.Call.Data, operation, zero, zero, zero, common.Address{}, common.Address{}}
}

// SafeHash is the safeTxHash that the Safe itself computes for a nonce.
func SafeHash(ctx context.Context, client *ethclient.Client, safe common.Address, t SafeTransaction, nonce uint64) (common.Hash, error) {
	values, err := Read(ctx, client, safe, safeHash, append(t.fields(), new(big.Int).SetUint64(nonce))...)
	if err != nil {
		return common.Hash{}, err
	}
	return values[0].([32]byte), nil
}

// ExecuteSafe signs a transaction with the owners' keys for the Safe's next nonce
// and sends it with another key. It is an error unless the Safe says ExecutionSuccess.
func ExecuteSafe(ctx context.Context, client *ethclient.Client, sender *ecdsa.PrivateKey, safe common.Address, t SafeTransaction, owners ...*ecdsa.PrivateKey) (*types.Receipt, error) {
	nonce, err := Read(ctx, client, safe, "nonce()(uint256)")
	if err != nil {
		return nil, err
	}
	hash, err := SafeHash(ctx, client, safe, t, nonce[0].(*big.Int).Uint64())
	if err != nil {
		return nil, err
	}
	signatures, err := SafeSignatures(hash, owners...)
	if err != nil {
		return nil, err
	}
	receipt, err := Send(ctx, client, sender, evm.MustMethod(safeExecution).Call(safe, append(t.fields(), signatures)...))
	if err != nil {
		return nil, err
	}
	for _, log := range receipt.Logs {
		if log.Address == safe && log.Topics[0] == topic("ExecutionSuccess(bytes32,uint256)") {
			return receipt, nil
		}
	}
	return nil, errors.New("the Safe does not say ExecutionSuccess")
}

// SafeSignatures are the owners' signatures of a safeTxHash, in the order of their
// addresses, which a Safe asks for.
func SafeSignatures(hash common.Hash, owners ...*ecdsa.PrivateKey) ([]byte, error) {
	return signatures(hash, owners)
}

// signatures are those of all keys, in the order of their addresses.
func signatures(hash common.Hash, keys []*ecdsa.PrivateKey) ([]byte, error) {
	sorted := slices.SortedFunc(slices.Values(keys), func(a, b *ecdsa.PrivateKey) int {
		return crypto.PubkeyToAddress(a.PublicKey).Cmp(crypto.PubkeyToAddress(b.PublicKey))
	})
	var all []byte
	for _, key := range sorted {
		one, err := sign(hash, key)
		if err != nil {
			return nil, err
		}
		all = append(all, one...)
	}
	return all, nil
}

// sign is a signature as contracts recover it: r, s, and v of 27 or 28.
func sign(hash common.Hash, key *ecdsa.PrivateKey) ([]byte, error) {
	signature, err := crypto.Sign(hash[:], key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signature[64] += 27
	return signature, nil
}
