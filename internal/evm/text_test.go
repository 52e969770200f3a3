package evm_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func TestAnEventIsReadInTheOrderOfItsArguments(t *testing.T) {
	t.Parallel()
	e, err := evm.ParseEvent("WatcherPermissionSet(uint32 indexed,address,bool)")
	if err != nil {
		t.Fatal(err)
	}
	// The topic as Nomad's own tools have it.
	if e.Topic.Hex() != "0x517de16b526853f481451c5151e87484e1b251ec7d0302efa1019c2ece179c2c" {
		t.Errorf("topic %s", e.Topic)
	}
	who := common.HexToAddress("0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc")
	word := func(n int64) common.Hash { return common.BigToHash(big.NewInt(n)) }
	topics, data := []common.Hash{e.Topic, word(7)}, append(common.LeftPadBytes(who[:], 32), word(1).Bytes()...)
	values, err := e.Values(topics, data)
	if err != nil || evm.FormatAll(values) != "7, "+who.Hex()+", true" {
		t.Errorf("%v, %v", values, err)
	}
	dirty := append([]byte{1}, data[1:]...)
	for name, log := range map[string]struct {
		topics []common.Hash
		data   []byte
	}{
		"another event": {[]common.Hash{word(1), word(7)}, data}, "no topic": {nil, data}, "fewer topics": {topics[:1], data}, "more topics": {append(topics, word(1)), data},
		"less data": {topics, data[:63]}, "more data": {topics, append(data[:64:64], 0)}, "dirty bits": {topics, dirty}, "another switch": {topics, append(data[:32:32], word(2).Bytes()...)},
	} {
		if values, err := e.Values(log.topics, log.data); err == nil {
			t.Errorf("%s was read as %v", name, values)
		}
	}
	for _, text := range []string{"", "Set", "Set(addres)", "Set(address"[:4], "Set((address,bool) indexed,bool)", "Set(address,bool"[:3] + "(,)"} {
		if _, err := evm.ParseEvent(text); err == nil {
			t.Errorf("%q was taken for an event", text)
		}
	}
}

func TestAReadIsTextOrNothing(t *testing.T) {
	t.Parallel()
	m, s := evm.MustMethod("f()(address)"), evm.MustMethod("f()(string)")
	who := common.HexToAddress("0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc")
	clean := common.LeftPadBytes(who[:], 32)
	if text, err := m.Text(evm.Result{Data: append(clean, 1)}); err != nil || text != who.Hex() {
		t.Errorf("%q, %v", text, err)
	}
	long, err := s.Outputs.Pack(strings.Repeat("x", evm.MaxText+1))
	if err != nil {
		t.Fatal(err)
	}
	broken, err := s.Outputs.Pack("\xff")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		m evm.Method
		r evm.Result
	}{
		"dirty": {m, evm.Result{Data: append([]byte{1}, clean[1:]...)}}, "reverted": {m, evm.Result{Data: clean, Reverted: true}}, "empty": {m, evm.Result{}},
		"long": {s, evm.Result{Data: long}}, "no text": {s, evm.Result{Data: broken}}, "two values": {evm.MustMethod("f()(uint256,uint256)"), evm.Result{Data: make([]byte, 64)}},
	} {
		if text, err := c.m.Text(c.r); err == nil {
			t.Errorf("%s was read as %q", name, text)
		}
	}
}

func TestCalldataIsMadeOfTexts(t *testing.T) {
	t.Parallel()
	m := evm.MustMethod("set(uint32,address)")
	data, err := m.PackTexts([]string{"7", "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"})
	if args, ok := m.Arguments(data); err != nil || !ok || evm.FormatAll(args) != "7, 0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc" {
		t.Errorf("%v, %v", args, err)
	}
	for _, texts := range [][]string{nil, {"7"}, {"7", "x"}, {"-7", "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}, {"7", "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", "1"}} {
		if data, err := m.PackTexts(texts); err == nil {
			t.Errorf("%v made %x", texts, data)
		}
	}
}

func TestAnAccountThatLendsItsCodeIsTold(t *testing.T) {
	t.Parallel()
	lent := append([]byte{0xef, 0x01, 0x00}, make([]byte, 20)...)
	if !evm.Delegates(lent) || evm.Delegates(lent[:22]) || evm.Delegates(append(lent, 0)) || evm.Delegates(nil) || evm.Delegates(crypto.Keccak256(lent)[:23]) {
		t.Error("told wrongly")
	}
}

func FuzzALogOfAStrangerIsReadOrRefused(f *testing.F) {
	f.Add([]byte{1}, []byte{2}, make([]byte, 64))
	f.Fuzz(func(t *testing.T, first, second, data []byte) {
		e, err := evm.ParseEvent("Set(uint32 indexed,address,int8,bool)")
		if err != nil {
			t.Fatal(err)
		}
		for _, topics := range [][]common.Hash{{e.Topic}, {e.Topic, common.BytesToHash(first)}, {e.Topic, common.BytesToHash(first), common.BytesToHash(second)}, {common.BytesToHash(first)}} {
			if values, err := e.Values(topics, data); err == nil && len(values) != 4 {
				t.Errorf("%d values", len(values))
			}
		}
	})
}
