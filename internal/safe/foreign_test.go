package safe_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func TestAForeignBuilderFileIsReadAsThePageReadsIt(t *testing.T) {
	t.Parallel()
	account, good, evil := common.HexToAddress("0x00000000000000000000000000000000000000a1"), common.HexToAddress("0x00000000000000000000000000000000000000a2"), common.HexToAddress("0x00000000000000000000000000000000000000a3")
	ours, err := safe.Builder(43113, account, "x", []evm.Call{{To: good, Data: []byte{1, 2, 3, 4}}})
	if err != nil {
		t.Fatal(err)
	}
	text := string(ours)
	for name, c := range map[string]struct {
		text string
		to   common.Address
		odd  string
	}{
		"ours":                      {text, good, ""},
		"another's fields":          {strings.Replace(text, `"createdAt": 0`, `"createdAt": 0, "more": 1.50`, 1), good, "checksum is not that"},
		"a call that was exchanged": {strings.Replace(text, good.Hex(), evil.Hex(), 1), evil, "checksum is not that"},
		"another case is another":   {strings.Replace(text, `"to":`, `"TO": "`+evil.Hex()+`", "to":`, 1), good, "checksum is not that"},
		"the last one counts":       {strings.Replace(text, `"to":`, `"to": "`+evil.Hex()+`", "to":`, 1), good, ""},
		"without a checksum":        {strings.Replace(text, `"checksum"`, `"other"`, 1), good, "no checksum"},
		"another name":              {strings.Replace(text, `"name": "x"`, `"name": "y"`, 1), good, ""},
	} {
		f, odd, err := safe.ReadForeign([]byte(c.text))
		if err != nil || len(f.Calls) != 1 || f.Calls[0].To != c.to || f.Safe != account || f.ChainID != 43113 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if said := strings.Join(odd, "; "); (c.odd == "") != (said == "") || !strings.Contains(said, c.odd) {
			t.Errorf("%s: odd %q, want %q", name, said, c.odd)
		}
	}
	for words, bad := range map[string]string{
		"something follows":      text + "{}",
		"has no data":            strings.Replace(text, `"data": "0x01020304"`, `"data": null`, 1),
		"chainId":                strings.Replace(text, `"43113"`, `43113`, 1),
		"createdFromSafeAddress": strings.Replace(text, account.Hex(), "0x12", 1),
		"transaction 1":          strings.Replace(text, `"0x01020304"`, `"0x0102030"`, 1),
		"no transactions":        strings.Replace(text, `"transactions"`, `"transaction"`, 1),
		"at most":                string(bytes.Repeat([]byte(" "), 2<<20)),
		"builder file":           "[]",
	} {
		if _, _, err := safe.ReadForeign([]byte(bad)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

func FuzzAForeignFileIsReadOrRefused(f *testing.F) {
	ours, err := safe.Builder(1, common.Address{1}, "x", []evm.Call{{To: common.Address{2}, Data: []byte{1, 2, 3, 4}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ours)
	f.Add([]byte(`{"chainId":"1","meta":{"createdFromSafeAddress":"0x00000000000000000000000000000000000000A1"},"transactions":[{"to":"0x00000000000000000000000000000000000000A1","value":"0","data":"0x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if file, _, err := safe.ReadForeign(data); err == nil && (len(file.Calls) == 0 || file.Safe == common.Address{} && file.ChainID == 0) {
			t.Errorf("%q reads as nothing", data)
		}
	})
}
