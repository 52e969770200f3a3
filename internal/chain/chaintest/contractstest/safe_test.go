package contractstest_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

func TestTheSafeContractsHaveThePublishedCodeHashes(t *testing.T) {
	t.Parallel()
	code, err := contractstest.SafeGenesis()
	if err != nil {
		t.Fatal(err)
	}
	// @safe-global/safe-deployments 1.37.56, v1.4.1, "canonical".
	for at, want := range map[common.Address]string{
		contractstest.SafeSingleton:       "0x1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4",
		contractstest.SafeL2Singleton:     "0xb1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff",
		contractstest.SafeProxyFactory:    "0x50c3cdc4074750a7a974204a716c999edd37482f907608d960b2b025ee0b3317",
		contractstest.SafeMultiSend:       "0xecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939",
		contractstest.SafeFallbackHandler: "0x7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9",
	} {
		if have := crypto.Keccak256Hash(code[at]); have.Hex() != want {
			t.Errorf("%s: code hash %s, want %s", at, have, want)
		}
	}
}

func TestASafeExecutesWithTwoOfThreeSignaturesAndNotWithOne(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, client *ethclient.Client) {
		deployer := key(t, "deployer")
		owners := []common.Address{address(t, "alice"), address(t, "bob"), address(t, "carol")}
		safe, err := contractstest.Safe(t.Context(), client, deployer, owners, 2, 7)
		if err != nil {
			t.Fatal(err)
		}
		if have := read(t, client, safe, "VERSION()(string)"); have != "1.4.1" {
			t.Errorf("version %v, want 1.4.1", have)
		}
		if other, err := contractstest.Safe(t.Context(), client, deployer, owners, 2, 8); err != nil || other == safe {
			t.Errorf("another nonce made %s, %v", other, err)
		}
		raise := contractstest.SafeTransaction{Call: evm.MustMethod("changeThreshold(uint256)").Call(safe, big.NewInt(3))}
		_, err = contractstest.ExecuteSafe(t.Context(), client, deployer, safe, raise, key(t, "bob"))
		if err == nil || !strings.Contains(err.Error(), "GS020") {
			t.Errorf("with one signature: %v, want GS020: too few", err)
		}
		if _, err := contractstest.ExecuteSafe(t.Context(), client, deployer, safe, raise, key(t, "carol"), key(t, "alice")); err != nil {
			t.Fatal(err)
		}
		if have := read(t, client, safe, "getThreshold()(uint256)").(*big.Int).Int64(); have != 3 {
			t.Errorf("threshold %d, want 3", have)
		}
	})
}
