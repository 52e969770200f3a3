package ism_test

import (
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// BenchmarkWalk reads what a mailbox asks of the messages of all origins: upstream's
// shape, a routing module in front of 1 of 2 multisigs of three validators for each
// origin.
func BenchmarkWalk(b *testing.B) {
	for _, origins := range []int{8, 50, 150} {
		b.Run(fmt.Sprintf("origins=%d", origins), func(b *testing.B) {
			mailbox, factories, domains, chain := routed(b, origins)
			b.ReportAllocs()
			for b.Loop() {
				walk := ism.NewWalk(mailbox, domains, factories)
				for questions := walk.Ask(); len(questions) > 0; questions = walk.Ask() {
					if err := walk.Answer(chain.answer(questions)); err != nil {
						b.Fatal(err)
					}
				}
				paths := walk.Paths()
				if paths[1].Set == nil || len(paths[1].Set.Members) != 3 || len(paths) != origins {
					b.Fatalf("%d paths, the first is %+v", len(paths), paths[1])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*origins), "µs/origin")
		})
	}
}

// table answers calls by contract and calldata.
type table struct {
	tb    testing.TB
	calls map[string][]byte
	code  map[common.Address][]byte
}

func (c table) says(call evm.Call, types []string, values ...any) {
	c.tb.Helper()
	var list abi.Arguments
	for _, name := range types {
		t, err := abi.NewType(name, "", nil)
		if err != nil {
			c.tb.Fatal(err)
		}
		list = append(list, abi.Argument{Type: t})
	}
	data, err := list.Pack(values...)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.calls[string(call.To[:])+string(call.Data)] = data
}

func (c table) answer(questions []evm.Question) []evm.Result {
	results := make([]evm.Result, len(questions))
	for i, q := range questions {
		if q.About == evm.AboutCode {
			results[i].Data = c.code[q.To]
			continue
		}
		data, said := c.calls[string(q.To[:])+string(q.Data)]
		results[i] = evm.Result{Data: data, Reverted: !said}
	}
	return results
}

func routed(tb testing.TB, origins int) (mailbox common.Address, f ism.Factories, domains []uint32, c table) {
	tb.Helper()
	c = table{tb: tb, calls: map[string][]byte{}, code: map[common.Address][]byte{}}
	mailbox, router := addr("mailbox"), addr("router")
	factory := func(name string) ism.Factory {
		return ism.Factory{Address: addr("%s factory", name), Implementation: addr("%s implementation", name)}
	}
	f = ism.Factories{MessageID: factory("message id"), MerkleRoot: factory("merkle root"), Aggregation: factory("aggregation")}
	static := func(by ism.Factory, kind ism.Type, members []common.Address, threshold uint8, method string) common.Address {
		at := by.Predict(members, int(threshold))
		c.code[at] = ism.Code(by.Implementation, members, int(threshold))
		c.says(evm.MustMethod("moduleType()(uint8)").Call(at), []string{"uint8"}, uint8(kind))
		c.says(evm.MustMethod(method+"(bytes)(address[],uint8)").Call(at, []byte{}), []string{"address[]", "uint8"}, members, threshold)
		return at
	}
	for _, at := range []common.Address{mailbox, router} {
		c.code[at] = []byte("code")
		c.says(evm.MustMethod("owner()(address)").Call(at), []string{"address"}, addr("owner"))
	}
	c.says(evm.MustMethod("defaultIsm()(address)").Call(mailbox), []string{"address"}, router)
	c.says(evm.MustMethod("moduleType()(uint8)").Call(router), []string{"uint8"}, uint8(ism.Routing))
	for i := range origins {
		domain := uint32(i) + 1
		members := ism.Sorted(addrs(fmt.Sprint("validator of ", domain), 3))
		leaves := ism.Sorted([]common.Address{
			static(f.MessageID, ism.MessageIDMultisig, members, 2, "validatorsAndThreshold"),
			static(f.MerkleRoot, ism.MerkleRootMultisig, members, 2, "validatorsAndThreshold"),
		})
		either := static(f.Aggregation, ism.Aggregation, leaves, 1, "modulesAndThreshold")
		c.says(evm.MustMethod("module(uint32)(address)").Call(router, domain), []string{"address"}, either)
		domains = append(domains, domain)
	}
	return mailbox, f, domains, c
}
