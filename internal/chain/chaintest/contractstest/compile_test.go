package contractstest_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
)

func TestSolidityIsCompiledForTheEVMVersionThatIsAskedFor(t *testing.T) {
	t.Parallel()
	const source = "// SPDX-License-Identifier: Apache-2.0\npragma solidity ^0.8.0;\ncontract One { uint256 public one = 1; }\ninterface None { function f() external; }"
	old, err := contractstest.Compile(t.Context(), source, contractstest.London)
	if err != nil {
		t.Fatal(err)
	}
	again, err := contractstest.Compile(t.Context(), source, contractstest.London)
	if err != nil || string(again["One"]) != string(old["One"]) || len(old) != 1 {
		t.Errorf("the second time: %d contracts, %v", len(again), err)
	}
	today, err := contractstest.Compile(t.Context(), source, contractstest.Cancun)
	if err != nil || string(today["One"]) == string(old["One"]) {
		t.Errorf("london's code is cancun's: %v", err)
	}
	if _, err := contractstest.Compile(t.Context(), "contract {", contractstest.London); err == nil || !strings.Contains(err.Error(), "ParserError") {
		t.Errorf("what is no Solidity: %v", err)
	}
}
