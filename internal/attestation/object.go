package attestation

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// SignedCheckpoint is one object checkpoint_{index}_with_id.json.
type SignedCheckpoint struct {
	Checkpoint
	Signature Signature
}

// Signer recovers who signed the checkpoint.
func (s SignedCheckpoint) Signer() (common.Address, error) { return Recover(s.Digest(), s.Signature) }

// SignedAnnouncement is the object announcement.json.
type SignedAnnouncement struct {
	Announcement
	Signature Signature
}

// Signer recovers who signed the announcement.
func (s SignedAnnouncement) Signer() (common.Address, error) { return Recover(s.Digest(), s.Signature) }

// whole is a JSON number without sign, fraction, exponent or leading zeros.
var whole = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)

// ParseIndex reads the object of the latest index: a bare number.
func ParseIndex(data []byte) (uint32, error) { return number(data) }

// ParseCheckpoint reads a signed checkpoint. Fields that we do not know are passed
// over; a field given twice, which readers resolve differently, is refused.
func ParseCheckpoint(data []byte) (SignedCheckpoint, error) {
	var (
		out  SignedCheckpoint
		hook common.Hash
	)
	value, err := signed(data, &out.Signature)
	if err != nil {
		return SignedCheckpoint{}, err
	}
	err = value.read(fields{
		{"checkpoint", func(data []byte) error {
			return decode(data, fields{
				{"merkle_tree_hook_address", into(&hook, word)},
				{"mailbox_domain", into(&out.Domain, number)},
				{"root", into(&out.Root, word)},
				{"index", into(&out.Index, number)},
			})
		}},
		{"message_id", into(&out.MessageID, word)},
	})
	if err == nil {
		out.Hook, err = unpadded(hook)
	}
	if err != nil {
		return SignedCheckpoint{}, err
	}
	return out, nil
}

// ParseAnnouncement reads a signed announcement.
func ParseAnnouncement(data []byte) (SignedAnnouncement, error) {
	var (
		out     SignedAnnouncement
		mailbox common.Hash
	)
	value, err := signed(data, &out.Signature)
	if err != nil {
		return SignedAnnouncement{}, err
	}
	err = value.read(fields{
		{"validator", into(&out.Validator, address)},
		{"mailbox_address", into(&mailbox, word)},
		{"mailbox_domain", into(&out.Domain, number)},
		{"storage_location", into(&out.Location, text)},
	})
	if err == nil {
		out.Mailbox, err = unpadded(mailbox)
	}
	if err != nil {
		return SignedAnnouncement{}, err
	}
	return out, nil
}

// signed reads {value, signature: {r, s, v}, serialized_signature}. Relayers read
// r, s and v; the serialised form is a copy for people, which must agree where
// it is there.
func signed(data []byte, signature *Signature) (object, error) {
	outer, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	var r, s [32]byte
	var v uint32
	err = outer.read(fields{
		{"value", func([]byte) error { return nil }},
		{"signature", func(data []byte) error {
			return decode(data, fields{{"r", into(&r, quantity)}, {"s", into(&s, quantity)}, {"v", into(&v, number)}})
		}},
	})
	if err != nil {
		return nil, err
	}
	if v > math.MaxUint8 {
		return nil, fmt.Errorf("signature: v: %d is no recovery id", v)
	}
	copy(signature[:32], r[:])
	copy(signature[32:], s[:])
	signature[64] = byte(v)
	if copied, ok := outer["serialized_signature"]; ok {
		raw, err := digits(copied, len(signature))
		if err != nil {
			return nil, fmt.Errorf("serialized_signature: %w", err)
		}
		if !bytes.Equal(raw, signature[:]) {
			return nil, errors.New("serialized_signature: it is not what r, s and v say")
		}
	}
	return parseObject(outer["value"])
}

// object is a JSON object with its values unread. Names are compared to the
// letter, which encoding/json does not do for structs.
type object map[string]json.RawMessage

func parseObject(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	out := object{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errors.New("it is no JSON object")
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("it has %s twice", Quote(name))
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("%s: it is no JSON value", Quote(name))
		}
		out[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("it is cut short")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return out, nil
}

// fields are those that must be there, each with what reads it, in the order in
// which what is wrong with them is told.
type fields []struct {
	name string
	read func([]byte) error
}

// read hands each of the fields to its reader.
func (o object) read(all fields) error {
	for _, field := range all {
		value, ok := o[field.name]
		if !ok {
			return fmt.Errorf("it has no %s", field.name)
		}
		if err := field.read(value); err != nil {
			return fmt.Errorf("%s: %w", field.name, err)
		}
	}
	return nil
}

func decode(data []byte, all fields) error {
	o, err := parseObject(data)
	if err != nil {
		return err
	}
	return o.read(all)
}

// into stores what a reader gives.
func into[T any](target *T, read func([]byte) (T, error)) func([]byte) error {
	return func(data []byte) (err error) {
		*target, err = read(data)
		return err
	}
}

func number(data []byte) (uint32, error) {
	data = bytes.Trim(data, " \t\r\n")
	value, err := strconv.ParseUint(string(data), 10, 32)
	if err != nil || !whole.Match(data) {
		return 0, fmt.Errorf("%s is no whole number of 32 bits", Quote(string(data)))
	}
	return uint32(value), nil
}

func text(data []byte) (string, error) {
	var out string
	if len(data) == 0 || data[0] != '"' || json.Unmarshal(data, &out) != nil {
		return "", fmt.Errorf("%s is no text", Quote(string(data)))
	}
	return out, nil
}

// digits reads "0x…" of exactly n bytes.
func digits(data []byte, n int) ([]byte, error) {
	written, err := text(data)
	if err != nil {
		return nil, err
	}
	rest, ok := strings.CutPrefix(written, "0x")
	raw, err := hex.DecodeString(rest)
	if !ok || err != nil || len(raw) != n {
		return nil, fmt.Errorf("%s is not 0x and %d hexadecimal digits", Quote(written), 2*n)
	}
	return raw, nil
}

func word(data []byte) (common.Hash, error) {
	raw, err := digits(data, common.HashLength)
	return common.BytesToHash(raw), err
}

func address(data []byte) (common.Address, error) {
	raw, err := digits(data, common.AddressLength)
	return common.BytesToAddress(raw), err
}

// quantity reads a number of at most 256 bits in hex; agents write no leading
// zeros, and so an odd number of digits too.
func quantity(data []byte) ([32]byte, error) {
	var out [32]byte
	written, err := text(data)
	if err != nil {
		return out, err
	}
	rest, ok := strings.CutPrefix(written, "0x")
	if ok && rest != "" && len(rest) <= 64 {
		raw, err := hex.DecodeString(strings.Repeat("0", 64-len(rest)) + rest)
		if err == nil {
			return [32]byte(raw), nil
		}
	}
	return out, fmt.Errorf("%s is not 0x and 1 to 64 hexadecimal digits", Quote(written))
}

// unpadded is the address in 32 bytes. Contracts of other virtual machines have
// longer ones, and are none of ours.
func unpadded(word common.Hash) (common.Address, error) {
	out := common.BytesToAddress(word[12:])
	if padded(out) != word {
		return common.Address{}, fmt.Errorf("%s is no address of an EVM chain", word)
	}
	return out, nil
}
