package safe

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func builderCalls() []evm.Call {
	return []evm.Call{
		evm.MustMethod("set(uint32,address)").Call(common.HexToAddress("0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"), uint32(43113), common.Address{1}),
		{To: common.HexToAddress("0x94438A7De38D4548ae54dF5c6010c4Ebc5239eAE"), Value: big.NewInt(1_000_000_000_000_000_000)},
	}
}

const golden = `{
  "version": "1.0",
  "chainId": "43113",
  "createdAt": 0,
  "meta": {
    "name": "fuji: validators & threshold",
    "description": "",
    "createdFromSafeAddress": "0x5a00000000000000000000000000000000000000",
    "createdFromOwnerAddress": "",
    "checksum": "0x255cb7d3b1038ba97d33f5dfa0634934b805191cf52f63f956b8147f11bb5de6"
  },
  "transactions": [
    {
      "to": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc",
      "value": "0",
      "data": "0x4c0a2ffc000000000000000000000000000000000000000000000000000000000000a8690000000000000000000000000100000000000000000000000000000000000000",
      "contractMethod": null,
      "contractInputsValues": null
    },
    {
      "to": "0x94438A7De38D4548ae54dF5c6010c4Ebc5239eAE",
      "value": "1000000000000000000",
      "data": "0x",
      "contractMethod": null,
      "contractInputsValues": null
    }
  ]
}
`

func TestABuilderFileIsWrittenAsThePageOfTheSafeReadsIt(t *testing.T) {
	t.Parallel()
	have, err := Builder(43113, common.Address{0x5a}, "fuji: validators & threshold", builderCalls())
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != golden {
		t.Errorf("have\n%s\nneed\n%s", have, golden)
	}
	again, err := Builder(43113, common.Address{0x5a}, "fuji: validators & threshold", builderCalls())
	if err != nil || string(again) != string(have) {
		t.Errorf("another time it is another: %v", err)
	}
	renamed, err := Builder(43113, common.Address{0x5a}, "renamed", builderCalls())
	if err != nil || checksumIn(t, renamed) != checksumIn(t, have) {
		t.Errorf("the name is under the checksum: %v", err)
	}
}

func checksumIn(t *testing.T, data []byte) string {
	t.Helper()
	var f builderFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f.Meta.Checksum
}

// The file and its checksum are the vector of apps/tx-builder, lib/checksum.test.ts.
func TestTheChecksumIsThatOfTheTransactionBuilder(t *testing.T) {
	t.Parallel()
	const at = `"0x49d4450977E2c95362C13D3a31a09311E0Ea26A6"`
	text := `{"version":"1.0","chainId":"4","createdAt":1646321521061,
	"meta":{"name":"test batch file","txBuilderVersion":"1.4.0","checksum":"","createdFromSafeAddress":"0xDF8a1Ce35c9a6ACE153B4e0767942f1E2291a1Aa","createdFromOwnerAddress":AT},
	"transactions":[
	{"to":AT,"value":"0","contractMethod":{"inputs":[{"internalType":"address","name":"paramAddress","type":"address"}],"name":"testAddress","payable":false},"contractInputsValues":{"paramAddress":AT}},
	{"to":AT,"value":"0","contractMethod":{"inputs":[{"internalType":"bool","name":"paramBool","type":"bool"}],"name":"testBool","payable":false},"contractInputsValues":{"paramAddress":"","paramBool":"false"}},
	{"to":AT,"value":"2000000000000000000","data":"0x42f4579000000000000000000000000049d4450977e2c95362c13d3a31a09311e0ea26a6"}]}`
	var file map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "AT", at)), &file); err != nil {
		t.Fatal(err)
	}
	have, err := checksum(file)
	if want := "0x4ecbfd364aa6759983915644e73f8bd411e85a2dc306f252a387c2728c4db64c"; err != nil || have != want {
		t.Errorf("%s (%v), need %s", have, err, want)
	}
}

func TestABuilderFileIsReadBackAndNothingElseIs(t *testing.T) {
	t.Parallel()
	data, err := Builder(43113, common.Address{0x5a}, "a <name> & \"more\"", builderCalls())
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	f, err := ReadBuilder(data)
	if err != nil || f.ChainID != 43113 || f.Safe != (common.Address{0x5a}) || f.Name != "a <name> & \"more\"" || len(f.Calls) != 2 || !f.Calls[0].Equal(builderCalls()[0]) || !f.Calls[1].Equal(builderCalls()[1]) {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := ReadBuilder([]byte(strings.ReplaceAll(good, "  ", "\t"))); err != nil {
		t.Errorf("white space matters: %v", err)
	}
	for name, bad := range map[string]string{
		"empty": "", "null": "null", "list": "[]", "more": good + "{}",
		"unknown member": strings.Replace(good, `"value": "0"`, `"value": "0", "operation": 1`, 1),
		"twice":          strings.Replace(good, `"value": "0"`, `"value": "5", "value": "0"`, 1),
		"other case":     strings.Replace(good, `"to": "0x5450`, `"TO": "0x5450`, 1),
		"both cases":     strings.Replace(good, `"to": "0x5450`, `"TO": "0x94438A7De38D4548ae54dF5c6010c4Ebc5239eAE", "to": "0x5450`, 1),
		"no checksum":    strings.Replace(good, `0x5450447aeE7B`, `0x5450447aee7b`, 1),
		"other checksum": strings.Replace(good, `"checksum": "0x`, `"checksum": "0y`, 1),
		"other target":   strings.Replace(good, `0x94438A7De38D4548ae54dF5c6010c4Ebc5239eAE`, `0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc`, 1),
		"number":         strings.Replace(good, `"value": "0"`, `"value": 0`, 1),
		"plus":           strings.Replace(good, `"1000000000000000000"`, `"+1000000000000000000"`, 1),
		"hex":            strings.Replace(good, `"1000000000000000000"`, `"0xde0b6b3a7640000"`, 1),
		"method":         strings.Replace(good, `"contractMethod": null`, `"contractMethod": {"name": "x"}`, 1),
		"created":        strings.Replace(good, `"createdAt": 0`, `"createdAt": 1`, 1),
		"version":        strings.Replace(good, `"1.0"`, `"1.1"`, 1),
		"chain":          strings.Replace(good, `"43113"`, `"043113"`, 1),
		"chain is none":  strings.Replace(good, `"43113"`, `"x"`, 1),
		"safe":           strings.Replace(good, `"0x5a00000000000000000000000000000000000000"`, `""`, 1),
		"no call":        good[:strings.Index(good, `"transactions"`)] + `"transactions":[]}`,
		"escaped":        strings.Replace(good, `"value": "0"`, `"\u0076alue": "0"`, 1),
		"long":           good + strings.Repeat(" ", 1<<20),
	} {
		if bad == good {
			t.Fatalf("%s changes nothing", name)
		}
		if f, err := ReadBuilder([]byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "builder file: ") {
			t.Errorf("%s is read as %+v (%v)", name, f, err)
		}
	}
}

func TestWhatNoPageCouldLoadIsNotWritten(t *testing.T) {
	t.Parallel()
	call := builderCalls()
	for name, try := range map[string]func() ([]byte, error){
		"no chain":  func() ([]byte, error) { return Builder(0, common.Address{1}, "", call) },
		"no safe":   func() ([]byte, error) { return Builder(1, common.Address{}, "", call) },
		"no call":   func() ([]byte, error) { return Builder(1, common.Address{1}, "", nil) },
		"no name":   func() ([]byte, error) { return Builder(1, common.Address{1}, "\xff", call) },
		"long name": func() ([]byte, error) { return Builder(1, common.Address{1}, strings.Repeat("n", 201), call) },
		"zero":      func() ([]byte, error) { return Builder(1, common.Address{1}, "", []evm.Call{{}}) },
	} {
		if data, err := try(); err == nil {
			t.Errorf("%s: %s", name, data)
		}
	}
}
