package evm_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func TestAMethodIsKnownByItsSignatureAlone(t *testing.T) {
	t.Parallel()
	// Selectors as computed by other tools from the Nomad and Hyperlane contracts.
	for text, want := range map[string]string{
		"owner()(address)": "8da5cb5b", "updater()(address)": "df034cd0", "setUpdater(address)": "9d54f419",
		"acceptableRoot(bytes32)(bool)": "a3f81d68", "setWatcherPermission(address,uint32,bool)": "916c3470",
		"executeGovernanceActions((bytes32,bytes)[],uint32[],(bytes32,bytes)[][])": "81dccd56",
	} {
		m, err := evm.ParseMethod(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		selector := m.Selector()
		if have := hex.EncodeToString(selector[:]); have != want {
			t.Errorf("%s: selector %s, need %s", text, have, want)
		}
	}
}

func TestWhatIsNoMethodIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "owner", "owner(", "owner()x", "f(uint7)", "f(adress)", "(uint256)", "f(uint256))", "f()(", strings.Repeat("f", 500)} {
		if m, err := evm.ParseMethod(text); err == nil {
			t.Errorf("%q was taken for %s", text, m.Signature)
		}
	}
}

func TestPlainValuesSurviveTheirText(t *testing.T) {
	t.Parallel()
	m := evm.MustMethod("f(address,uint256,uint32,int16,bool,bytes32,bytes,string,uint8)")
	texts := []string{
		"0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", new(big.Int).Lsh(big.NewInt(1), 255).String(), "4294967295", "-32768",
		"true", "0x" + strings.Repeat("ab", 32), "0x0102", "hello, world", "7",
	}
	var args []any
	for i, in := range m.Inputs {
		value, err := evm.Parse(in.Type, texts[i])
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, value)
	}
	data, err := m.Pack(args...)
	if err != nil {
		t.Fatal(err)
	}
	back, ok := m.Arguments(data)
	if !ok || evm.FormatAll(back) != strings.Join(texts, ", ") {
		t.Errorf("came back as %v (%v)", evm.FormatAll(back), ok)
	}
	for i, bad := range []string{"0x5450447aeE7B544c462C9352bEF7cAD049B0C2DC", "-1", "4294967296", "32768", "yes", "0xab", "zz", "", "256"} {
		if i == 7 {
			continue // any text is a string
		}
		if v, err := evm.Parse(m.Inputs[i].Type, bad); err == nil {
			t.Errorf("%s: %q was taken for %v", m.Inputs[i].Type, bad, v)
		}
	}
}

func TestCalldataThatIsNotSpelledAsWeSpellItIsNotOurs(t *testing.T) {
	t.Parallel()
	m := evm.MustMethod("set(uint32,address)")
	call := m.Call(common.Address{1}, uint32(5), common.Address{2})
	if _, ok := m.Arguments(call.Data); !ok {
		t.Fatal("our own spelling is not read")
	}
	dirty := append([]byte(nil), call.Data...)
	dirty[36] = 1 // above the address's 20 bytes
	for name, data := range map[string][]byte{"trailing": append(append([]byte(nil), call.Data...), 0), "dirty": dirty, "cut": call.Data[:40], "other": {1, 2, 3, 4}} {
		if args, ok := m.Arguments(data); ok {
			t.Errorf("%s was read as %v", name, args)
		}
	}
}

func TestACallSurvivesItsWrittenForm(t *testing.T) {
	t.Parallel()
	c := evm.Call{To: common.HexToAddress("0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"), Value: big.NewInt(5), Data: []byte{1, 2}}
	back, err := c.Wire().Call()
	if err != nil || !back.Equal(c) {
		t.Errorf("came back as %+v (%v)", back, err)
	}
	good := c.Wire()
	for _, bad := range []evm.Wire{
		{To: strings.ToLower(good.To), Data: "0x"}, {To: good.To, Data: ""}, {To: good.To, Data: "0x0"}, {To: good.To, Data: "0xAB"},
		{To: good.To, Value: "0", Data: "0x"}, {To: good.To, Value: "-1", Data: "0x"}, {To: good.To, Value: "01", Data: "0x"},
	} {
		if c, err := bad.Call(); err == nil {
			t.Errorf("%+v was read as %+v", bad, c)
		}
	}
}

func TestAddressesAreReadWithTheirChecksumOrWithoutOne(t *testing.T) {
	t.Parallel()
	right := "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"
	for text, good := range map[string]bool{
		right: true, strings.ToLower(right): true, "0x" + strings.ToUpper(right[2:]): true,
		strings.Replace(right, "aeE", "aee", 1): false, right[2:]: false, right + "0": false, "": false,
	} {
		if _, err := evm.ParseAddress(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzUnpackNeverPanicsOnWhatAContractAnswers(f *testing.F) {
	methods := []evm.Method{
		evm.MustMethod("f()(address[],uint8)"), evm.MustMethod("f()(string[][])"), evm.MustMethod("f()((bytes32,bytes)[],uint256)"), evm.MustMethod("f()(string)"),
	}
	f.Add([]byte{0x20}, false)
	f.Add(make([]byte, 320), true)
	f.Fuzz(func(t *testing.T, data []byte, reverted bool) {
		for _, m := range methods {
			values, err := m.Unpack(evm.Result{Data: data, Reverted: reverted})
			if err == nil {
				_ = evm.FormatAll(values)
			}
		}
		_ = evm.Reason(data)
	})
}

func TestTheSlotOfAProxyIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	word := new(big.Int).SetBytes(crypto.Keccak256([]byte("eip1967.proxy.implementation")))
	if want := common.BigToHash(word.Sub(word, big.NewInt(1))); want.Hex() != evm.ImplementationSlot {
		t.Errorf("%s, need %s", evm.ImplementationSlot, want)
	}
}
