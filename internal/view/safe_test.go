package view_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/view"
)

func safeRows() []view.SafeRow {
	return []view.SafeRow{
		{Name: "council", Network: "fuji", Address: "0x00000000000000000000000000000000000000AA", Owners: 3, Threshold: 2, Nonce: 4, Read: true, State: "read", Waiting: []view.SafeWaiting{
			{Nonce: 4, Hash: "0x" + strings.Repeat("1", 64), Whose: "ours", Signatures: 1, Effects: []string{"0x…AA (mailbox): set the default ISM to 0x…01"}},
			{Nonce: 4, Hash: "0x" + strings.Repeat("2", 64), Whose: "look-alike", Signatures: 0, Effects: []string{"enable module 0x…bad"}, Odd: "it has one more call"},
			{Nonce: 5, Hash: "0x" + strings.Repeat("3", 64), Whose: "others", Signatures: -1, Effects: []string{"send 5 wei to \x1b[31mme\u202e"}},
		}},
		{Name: "council", Network: "sepolia", Address: "0x00000000000000000000000000000000000000AA", State: "not read", Reason: "endpoint: 503"},
		{Name: "council", Network: "holesky", State: "not deployed"},
	}
}

func TestSafesAreListedWithWhatWaitsOnEach(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := view.Safes(&out, safeRows(), view.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `SAFE     NETWORK  ADDRESS                                     OWNERS  NONCE  OURS  OTHERS  STATE
council  fuji     0x00000000000000000000000000000000000000AA  2 of 3  4      1     2       read
council  sepolia  0x00000000000000000000000000000000000000AA  -       -      -     -       not read
council  holesky  -                                           -       -      -     -       not deployed

fuji council
  nonce 4  0x1111111111111111111111111111111111111111111111111111111111111111  ours  1 of 2 signed
    0x…AA (mailbox): set the default ISM to 0x…01
  nonce 4  0x2222222222222222222222222222222222222222222222222222222222222222  look-alike  0 of 2 signed
    it has one more call
    enable module 0x…bad
  nonce 5  0x3333333333333333333333333333333333333333333333333333333333333333  others
    send 5 wei to \u001b[31mme\u202e

sepolia council
  endpoint: 503
`
	if out.String() != want {
		t.Errorf("have\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	if err := view.Safes(&out, nil, view.TableOptions{}); err != nil || out.String() != "no Safes are declared\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := view.Safes(&out, nil, view.TableOptions{Format: "csv"}); err == nil {
		t.Error("csv is none of its formats")
	}
}

func TestSafesAsJSONLeaveOutWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := view.Safes(&out, safeRows(), view.TableOptions{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"owners": null`, `"threshold": 2`, `"signatures": 1`, `"signatures": null`, `"whose": "look-alike"`, `\u001b[31m`, `"waiting": []`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %s in\n%s", want, out.String())
		}
	}
}

func TestATransactionIsPrintedWholeAndWhatDoesNotAddUpFirst(t *testing.T) {
	t.Parallel()
	data := "0x" + strings.Repeat("ab", 200)
	tx := view.SafeTransaction{
		Odd: []string{"the service says that its hash is 0x…9"}, Source: "queue of fuji council", Safe: "council", Network: "fuji", Address: "0x…AA",
		ChainID: 43113, Nonce: 4, To: "0x…BB", Value: "0", Data: data, Operation: 1,
		Calls: []view.SafeCall{
			{To: "0x…CC", Value: "0", Data: data, Effect: "enable module 0x…DD", Danger: "module"},
			{To: "0x…EE", Value: "7", Data: "0x", Effect: "send 7 wei to \x1b]0;x\x07"},
		},
		Domain: "0x" + strings.Repeat("4", 64), Message: "0x" + strings.Repeat("5", 64), SafeTx: "0x" + strings.Repeat("6", 64),
	}
	var out bytes.Buffer
	if err := view.Safe(&out, tx, view.Options{Width: 60}); err != nil {
		t.Fatal(err)
	}
	want := `✗ the service says that its hash is 0x…9
do not sign before this is understood

found         queue of fuji council
network       fuji (chain id 43113)
safe          council 0x…AA
nonce         4
to            0x…BB
value         0 wei
operation     1 (delegatecall)

call 1 of 2
  enable module 0x…DD
  this concerns: module
  to    0x…CC
  data  ` + data + `

call 2 of 2
  send 7 wei to \u001b]0;x\u0007
  to    0x…EE
  value 7 wei
  data  0x

what the wallet must show
domain hash   0x` + strings.Repeat("4", 64) + `
message hash  0x` + strings.Repeat("5", 64) + `
safeTxHash    0x` + strings.Repeat("6", 64) + "\n"
	if out.String() != want {
		t.Errorf("have\n%s\nwant\n%s", out.String(), want)
	}
	tx.Odd, tx.Calls, tx.Operation = nil, nil, 7
	out.Reset()
	if err := view.Safe(&out, tx, view.Options{}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "do not sign") || !strings.Contains(text, "data          "+data) || !strings.Contains(text, "operation     7\n") {
		t.Errorf("%s", text)
	}
}
