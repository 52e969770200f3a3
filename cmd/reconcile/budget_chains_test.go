package main

import (
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// asked wants that a network got at least one and at most so many HTTP requests
// since it was asked for the last time, or since it is up: asked NETWORK MOST.
func (w *world) asked(_ bool, args []string) {
	most, err := strconv.Atoi(args[1])
	w.ts.Check(err)
	have := w.wires[args[0]].arrivals.Swap(0)
	w.ts.Logf("%s: %d HTTP requests", args[0], have)
	if have == 0 || have > int64(most) {
		w.ts.Fatalf("%s: %d HTTP requests, at most %d", args[0], have, most)
	}
}

// crowdWei is what each wallet of a crowd has: between its floor and its target.
const crowdWei = 150_000_000_000_000_000

// crowd declares wallets of others on a network and gives each its coins:
// crowd NETWORK N.
func (w *world) crowd(_ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	w.ts.Check(err)
	var list []common.Address
	var text strings.Builder
	fmt.Fprintf(&text, "package %s\n\nfunding: %s: wallets: {\n", w.name, args[0])
	for i := range n {
		at := common.BytesToAddress(crypto.Keccak256(fmt.Appendf(nil, "somebody %d", i)))
		list = append(list, at)
		fmt.Fprintf(&text, "\t\"crowd-%d\": {address: %q, floor: \"0.1\", target: \"0.2\"}\n", i, at.Hex())
	}
	text.WriteString("}\n")
	w.ts.Check(os.WriteFile(w.ts.MkAbs("environments/"+w.name+"/crowd.cue"), []byte(text.String()), 0o600))
	w.ts.Check(w.payAll(args[0], list))
}

// payAll pays from the bank, past reconcile, some wallets in one transaction.
func (w *world) payAll(network string, list []common.Address) error {
	const together = 40 // at some 35,000 gas each
	declared, _ := w.environment().Network(network)
	client, err := ethclient.DialContext(w.ctx(), declared.RPC[0])
	if err != nil {
		return err
	}
	defer client.Close()
	bank := w.key("bank")
	secret, err := w.session().SecretsManager(bank.Region).GetSecretValue(w.ctx(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(bank.Alias)})
	if err != nil {
		return err
	}
	key, err := cloud.DecodeSecretKey([]byte(aws.ToString(secret.SecretString)))
	if err != nil {
		return err
	}
	sender, err := contractstest.NewSender(w.ctx(), client, key)
	if err != nil {
		return err
	}
	type payment struct {
		A0 common.Address
		A1 bool
		A2 *big.Int
		A3 []byte
	}
	pay := evm.MustMethod("aggregate3Value((address,bool,uint256,bytes)[])")
	for len(list) > 0 {
		some := list[:min(together, len(list))]
		list = list[len(some):]
		var payments []payment
		for _, to := range some {
			payments = append(payments, payment{A0: to, A2: big.NewInt(crowdWei), A3: []byte{}})
		}
		call := pay.Call(chaintest.Multicall3, payments)
		call.Value = new(big.Int).Mul(big.NewInt(crowdWei), big.NewInt(int64(len(some))))
		if err := sender.Send(w.ctx(), "pay", call); err != nil {
			return err
		}
	}
	_, err = sender.Settle(w.ctx())
	return err
}
