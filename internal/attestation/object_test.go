package attestation_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
)

func TestAnIndexIsABareNumberOf32Bits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint32{"0": 0, "7": 7, " 12\r\n": 12, "4294967295": 4294967295} {
		if got, err := attestation.ParseIndex([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "-0", "+1", "1.0", "1e3", "01", "0x1", `"1"`, "4294967296", "99999999999999999999", "null", "{}", "[1]", "1 2", "1\x00", "１"} {
		if got, err := attestation.ParseIndex([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestAFieldThatWeDoNotKnowIsPassedOver(t *testing.T) {
	t.Parallel()
	data := bytes.Replace(golden(t, "checkpoint-base.json"), []byte(`"index"`), []byte(`"colour": {"deep": [1, {"a": null}]}, "index"`), 1)
	got, err := attestation.ParseCheckpoint(data)
	if err != nil || got.Index != 1498599 || got.Domain != 8453 {
		t.Errorf("%+v, %v", got, err)
	}
	without := data[:bytes.LastIndexByte(data, ',')]
	if _, err := attestation.ParseCheckpoint(append(bytes.Clone(without), '}')); err != nil {
		t.Errorf("without the serialised copy: %v", err)
	}
}

func TestACheckpointOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	whole := string(golden(t, "checkpoint-base.json"))
	for change, want := range map[[2]string]string{
		{`8453`, `8453.0`}:                                             "no whole number",
		{`8453`, `4294967296`}:                                         "no whole number",
		{`8453`, `"8453"`}:                                             "no whole number",
		{`1498599`, `-1`}:                                              "no whole number",
		{`1498599`, `null`}:                                            "no whole number",
		{`"index": 1498599`, `"Index": 1498599`}:                       "has no index",
		{`"index": 1498599`, `"index": 1, "index": 2`}:                 `"index" twice`,
		{`"v": 27`, `"v": 283`}:                                        "no recovery id",
		{`"v": 27`, `"v": 28`}:                                         "not what r, s and v say",
		{`"r": "0x5a`, `"r": "0x5b`}:                                   "not what r, s and v say",
		{`"r": "0x5a`, `"r": "5a`}:                                     "hexadecimal",
		{`"r": "0x5a`, `"r": "0x00005a`}:                               "hexadecimal",
		{`"s": "0x`, `"s": "0xg`}:                                      "hexadecimal",
		{`"root": "0xd0`, `"root": "0x`}:                               "64 hexadecimal",
		{`"root": "0xd0`, `"root": "0xd0d0`}:                           "64 hexadecimal",
		{`"0x000000000000000000000000`, `"0x0000000000000000000000ff`}: "no address of an EVM chain",
		{`"message_id"`, `"message-id"`}:                               "has no message_id",
		{`"signature": {`, `"signature": [], "x": {`}:                  "no JSON object",
		{`"value": {`, `"value": null, "x": {`}:                        "no JSON object",
		{`551b"`, `551b00"`}:                                           "130 hexadecimal",
	} {
		data := strings.Replace(whole, change[0], change[1], 1)
		if data == whole {
			t.Fatalf("%q is not in the object", change[0])
		}
		got, err := attestation.ParseCheckpoint([]byte(data))
		if err == nil || !strings.Contains(err.Error(), want) || got != (attestation.SignedCheckpoint{}) {
			t.Errorf("%q for %q: %v: want an error with %q", change[1], change[0], err, want)
		}
	}
	for _, data := range []string{"", "null", "[]", "{", "{}", whole + "{}", whole + "x", whole[:len(whole)-3], `{"value"`, `{"value":}`, long(`{"value":`, 5000), long("[", 20000)} {
		if _, err := attestation.ParseCheckpoint([]byte(data)); err == nil {
			t.Errorf("%.40q is read", data)
		}
	}
}

func TestAnAnnouncementOfAnotherFormIsRefused(t *testing.T) {
	t.Parallel()
	whole := string(golden(t, "announcement-goerli.json"))
	for change, want := range map[[2]string]string{
		{`"0xf43f`, `"0xf4`}:                            "40 hexadecimal",
		{`"mailbox_domain": 5`, `"mailbox_domain": -5`}: "no whole number",
		{`"s3://hyper`, `5, "x": "s3://hyper`}:          "no text",
		{`"storage_location"`, `"storage"`}:             "has no storage_location",
		{`000000cc`, `0000ffcc`}:                        "no address of an EVM chain",
	} {
		data := strings.Replace(whole, change[0], change[1], 1)
		if data == whole {
			t.Fatalf("%q is not in the object", change[0])
		}
		if _, err := attestation.ParseAnnouncement([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q for %q: %v: want an error with %q", change[1], change[0], err, want)
		}
	}
}

func TestWhatIsWrongIsToldTheSameWayEachTime(t *testing.T) {
	t.Parallel()
	data := []byte(`{"value": {"checkpoint": {"root": 1, "index": "x"}}, "signature": {"r": "0x1", "s": "0x1", "v": 27}}`)
	_, first := attestation.ParseCheckpoint(data)
	for range 50 {
		if _, err := attestation.ParseCheckpoint(data); err == nil || err.Error() != first.Error() {
			t.Fatalf("%v, before %v", err, first)
		}
	}
}

func FuzzAReadCheckpointIsWrittenAndReadAsTheSame(f *testing.F) {
	f.Add(golden(f, "checkpoint-base.json"))
	f.Add(golden(f, "checkpoint-outbe.json"))
	f.Add([]byte(`{"value":{},"signature":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := attestation.ParseCheckpoint(data)
		bounded(t, err, len(data))
		if err != nil {
			return
		}
		again, err := attestation.ParseCheckpoint(attestationtest.EncodeCheckpoint(got))
		if err != nil || again != got {
			t.Errorf("%+v is written and read as %+v, %v", got, again, err)
		}
		_, _ = got.Signer() // does not panic
	})
}

func FuzzAReadAnnouncementIsWrittenAndReadAsTheSame(f *testing.F) {
	f.Add(golden(f, "announcement-goerli.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := attestation.ParseAnnouncement(data)
		bounded(t, err, len(data))
		if err != nil {
			return
		}
		again, err := attestation.ParseAnnouncement(attestationtest.EncodeAnnouncement(got))
		if err != nil || again != got {
			t.Errorf("%+v is written and read as %+v, %v", got, again, err)
		}
		_, _ = got.Signer()
	})
}

func FuzzAnIndexIsOneSpellingOnly(f *testing.F) {
	f.Add([]byte("12"))
	f.Add([]byte("-0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := attestation.ParseIndex(data)
		bounded(t, err, len(data))
		if err == nil && string(bytes.Trim(data, " \t\r\n")) != fmt.Sprint(got) {
			t.Errorf("%q is read as %d", data, got)
		}
	})
}

// bounded sees that an error quotes little of what it was given, and nothing raw.
func bounded(t *testing.T, err error, given int) {
	t.Helper()
	if err == nil {
		return
	}
	if len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes about %d", len(err.Error()), given)
	}
	for _, c := range err.Error() {
		if c < ' ' || c > '~' {
			t.Errorf("%q holds %q", err.Error(), c)
		}
	}
}

func TestWhatTheTestValidatorWritesIsInTheFormOfAgents(t *testing.T) {
	t.Parallel()
	c, err := attestation.ParseCheckpoint(golden(t, "checkpoint-base.json"))
	if err != nil {
		t.Fatal(err)
	}
	written := attestationtest.EncodeCheckpoint(c)
	for line := range strings.Lines(string(golden(t, "checkpoint-base.json"))) {
		if line = strings.Trim(line, " ,\n"); !bytes.Contains(written, []byte(line)) {
			t.Errorf("%s is not in\n%s", line, written)
		}
	}
	signer := attestationtest.NamedSigner("a")
	a, err := signer.Announcement(context.Background(), attestation.Origin{Domain: 5, Mailbox: common.Address{1}}, "s3://abc/us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Signer(); err != nil || got != signer.Address {
		t.Errorf("%s, %v", got, err)
	}
}
