package evm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/params"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// solcTail is what solc 0.8 appends, around 32 bytes of a hash.
func solcTail(hash byte) []byte {
	tail := append([]byte("\xa2\x64ipfs\x58\x22\x12\x20"), bytes.Repeat([]byte{hash}, 32)...)
	return append(tail, "\x64solc\x43\x00\x08\x16\x00\x33"...)
}

func TestPush0IsFoundWhereItRunsAndNowhereElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code string
		need bool
	}{
		"no code":                                    {"", false},
		"the opcode alone":                           {"5f", true},
		"what solc begins with since 0.8.20":         {"608060405234801561000f575f80fd5b", true},
		"what it began with before":                  {"608060405234801561001057600080fd5b50", false},
		"data of a push":                             {"605f60005260206000f3", false},
		"data of a push of 32 bytes, then the code":  {"7f" + "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f" + "00", false},
		"right after the data of a push of 32 bytes": {"7f" + "000000000000000000000000000000000000000000000000000000000000000000"[:64] + "5f", true},
		"data that the code ends in":                 {"635f5f", false},
		"behind a stop":                              {"005f", false},
		"behind a jump":                              {"6000565f", false},
		"behind a return":                            {"f35f5f", false},
		"behind a revert":                            {"fd5f", false},
		"behind an invalid":                          {"fe5f", false},
		"behind a selfdestruct":                      {"ff5f", false},
		"behind a conditional jump":                  {"6000575f", true},
		"behind a place to jump to":                  {"fe5b5f", true},
		"a place to jump to that is data":            {"fe605b5f", false},
		"a MetaProxy (EIP-3448)":                     {"363d3d373d3d3d3d60368038038091363936013d7300000000000000000000000000000000000000005af43d3d93803e603457fd5bf3", false},
	} {
		if have := evm.NeedsPush0(common.FromHex(c.code)); have != c.need {
			t.Errorf("%s: %v, want %v", name, have, c.need)
		}
	}
}

func TestWhatTheCompilerAppendsIsNoCode(t *testing.T) {
	t.Parallel()
	body := common.FromHex("60806040fe")
	hashed := solcTail(0x5b) // places to jump to, were it code
	copy(hashed[20:], []byte{0x5b, 0x5f})
	if evm.NeedsPush0(append(bytes.Clone(body), hashed...)) {
		t.Error("a hash was taken for code")
	}
	if !evm.NeedsPush0(append(common.FromHex("5f00"), hashed...)) {
		t.Error("code before a tail was not read")
	}
	experimental := append([]byte("\xa3\x6cexperimental\xf5\x64ipfs\x58\x22\x12\x20"), bytes.Repeat([]byte{0x5b, 0x5f}, 16)...)
	experimental = append(experimental, "\x64solc\x43\x00\x08\x16\x00\x41"...)
	if evm.NeedsPush0(append(bytes.Clone(body), experimental...)) {
		t.Error("a tail that tells of an experiment was taken for code")
	}
	for name, change := range map[string]func([]byte) []byte{
		"another length":    func(b []byte) []byte { b[len(b)-1]++; return b },
		"no length":         func(b []byte) []byte { b[len(b)-1] = 0; return b },
		"too long":          func(b []byte) []byte { b[len(b)-2] = 0xff; return b },
		"no map":            func(b []byte) []byte { b[0] = 0x82; return b },
		"an empty map":      func(b []byte) []byte { b[0] = 0xa0; return b },
		"one pair more":     func(b []byte) []byte { b[0] = 0xa3; return b },
		"one pair less":     func(b []byte) []byte { b[0] = 0xa1; return b },
		"a key of no tool":  func(b []byte) []byte { b[2] = 'x'; return b },
		"a key that is raw": func(b []byte) []byte { b[1] = 0x44; return b },
		"a value of a kind": func(b []byte) []byte { b[6] = 0x18; return b },
		"a value too long":  func(b []byte) []byte { b[7] = 0xff; return b },
		"a longer length":   func(b []byte) []byte { b[6] = 0x59; return b },
	} {
		if !evm.NeedsPush0(append(bytes.Clone(body), change(bytes.Clone(hashed))...)) {
			t.Errorf("%s: what is no tail was not walked", name)
		}
	}
}

func FuzzNeedsPush0(f *testing.F) {
	f.Add(append(common.FromHex("60806040fe"), solcTail(0x5f)...))
	f.Add([]byte{0x7f})
	f.Add([]byte("\xa1\x64solc\xf5\x00\x07"))
	f.Fuzz(func(t *testing.T, code []byte) {
		need := evm.NeedsPush0(code)
		if need && !bytes.Contains(code, []byte{0x5f}) {
			t.Errorf("%x has no such byte", code)
		}
		// Whatever follows it, what begins with the opcode runs it.
		if first := append([]byte{0x5f}, code...); !evm.NeedsPush0(first) || !stumbles(first) {
			t.Errorf("5f%x: the first opcode was not seen", code)
		}
		// What geth's machine of before Shanghai stumbles on was found. The zeros make
		// sure that there is no tail, into which this code could jump.
		plain := append(bytes.Clone(code), 0, 0)
		if stumbles(plain) && !evm.NeedsPush0(plain) {
			t.Errorf("%x: geth comes to the opcode", plain)
		}
		// What comes after the end of a run and cannot be jumped to never runs.
		if !bytes.Contains(code, []byte{0x5b}) && evm.NeedsPush0(append([]byte{0x00}, code...)) {
			t.Errorf("00%x: there is nothing to jump to", code)
		}
	})
}

// stumbles runs code on geth's machine as it was before Shanghai.
func stumbles(code []byte) bool {
	forks := *params.AllEthashProtocolChanges
	forks.ShanghaiTime, forks.CancunTime = nil, nil
	var unknown *vm.ErrInvalidOpCode
	_, _, err := runtime.Execute(code, nil, &runtime.Config{ChainConfig: &forks, GasLimit: 50_000})
	return errors.As(err, &unknown) && strings.Contains(err.Error(), "PUSH0")
}
