// Package contractstest deploys the real Hyperlane and Safe contracts, and doubles
// of other ones, on local chains for tests and for the sandbox. It needs nothing but a
// JSON-RPC endpoint and a funded key, so geth and anvil are the same to it. The code
// comes from where the project's set-up put it; none of it is in the repository.
package contractstest

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/fetched"
)

// Creation is the creation code of a fetched contract, such as "hyperlane/Mailbox"
// or "safe/SafeProxyFactory" (tools/npm/contracts.txt names them all). It is a
// *fetched.MissingError where the set-up has not run.
func Creation(name string) ([]byte, error) {
	path, err := fetched.Path("contract code "+name, "contracts", filepath.FromSlash(name)+".hex")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("contract code %s: %w", name, err)
	}
	code, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("contract code %s: %w", name, err)
	}
	return code, nil
}

// With appends constructor arguments to creation code; types is their list, such
// as "(address,uint32)".
func With(creation []byte, types string, args ...any) ([]byte, error) {
	method, err := evm.ParseMethod("constructor" + types)
	if err != nil {
		return nil, err
	}
	packed, err := method.Inputs.Pack(args...)
	if err != nil {
		return nil, fmt.Errorf("constructor%s: %w", types, err)
	}
	return append(append([]byte(nil), creation...), packed...), nil
}

// topic is the first topic of an event by its signature.
func topic(signature string) common.Hash { return crypto.Keccak256Hash([]byte(signature)) }
