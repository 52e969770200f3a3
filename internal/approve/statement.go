package approve

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// longestLife is the longest that an approval may hold after its plan was made.
const longestLife = 7 * 24 * time.Hour

// NewStatement is what an approver of the plan signs. The id is 128 random bits in
// hex. It holds until the plan expires.
func NewStatement(p *plan.Plan, id string, replanned bool) Statement {
	return Statement{
		Format: Format, Environment: p.Environment, Digest: p.Digest, ChangesDigest: p.ChangesDigest,
		Expires: p.Expires.UTC().Truncate(time.Second), Replanned: replanned, ID: id,
	}
}

// Encode gives the bytes that are signed: one line of JSON and a newline, the same
// for the same statement on any machine.
func (s Statement) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return encode(s)
}

// ParseStatement reads what Encode wrote, and nothing else: another spelling of the
// same statement is refused, so that what is signed is what is read.
func ParseStatement(data []byte) (Statement, error) {
	var s Statement
	if err := decode(data, &s); err != nil {
		return Statement{}, fmt.Errorf("statement: %w", err)
	}
	if err := s.check(); err != nil {
		return Statement{}, fmt.Errorf("statement: %w", err)
	}
	if again, err := encode(s); err != nil || !bytes.Equal(again, data) {
		return Statement{}, errors.New("statement: not in its one form: fields in order, on one line, without spaces, and a newline")
	}
	return s, nil
}

func (s Statement) check() error {
	if s.Format != Format {
		return fmt.Errorf("has format %q, need %q", s.Format, Format)
	}
	if s.Environment == "" || len(s.Environment) > 40 || strings.Trim(s.Environment, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("%q is no name of an environment", s.Environment)
	}
	if !digest(s.Digest) {
		return fmt.Errorf("digest %q is not sha256: and 64 hex digits", s.Digest)
	}
	if !digest(s.ChangesDigest) {
		return fmt.Errorf("changesDigest %q is not sha256: and 64 hex digits", s.ChangesDigest)
	}
	if s.Expires.IsZero() || s.Expires.Location() != time.UTC || s.Expires.Nanosecond() != 0 || s.Expires.Year() > 9999 || s.Expires.Year() < 1970 {
		return fmt.Errorf("expires %s is not an instant in UTC, to the second", s.Expires.Format(time.RFC3339Nano))
	}
	if !lowerHex(s.ID, 16) {
		return fmt.Errorf("id %q is not 32 hex digits", s.ID)
	}
	return nil
}

func digest(text string) bool {
	rest, ok := strings.CutPrefix(text, "sha256:")
	return ok && lowerHex(rest, 32)
}

func lowerHex(text string, size int) bool {
	data, err := hex.DecodeString(text)
	return err == nil && len(data) == size && text == strings.ToLower(text)
}

// kept is the form in which a signed statement is kept.
type kept struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// Encode gives the approval as it is kept in a file or a ref: one line of JSON with
// the statement and the armoured signature as text, at most MaxApprovalBytes.
func (s Signed) Encode() ([]byte, error) {
	if len(s.Statement) == 0 || len(s.Signature) == 0 {
		return nil, errors.New("approval: needs a statement and a signature")
	}
	data, err := encode(kept{Statement: string(s.Statement), Signature: string(s.Signature)})
	if err != nil {
		return nil, fmt.Errorf("approval: %w", err)
	}
	if len(data) > MaxApprovalBytes {
		return nil, fmt.Errorf("approval: has %d bytes, may have %d", len(data), MaxApprovalBytes)
	}
	return data, nil
}

// ParseSigned reads what Encode wrote, and nothing else. It judges neither the
// statement nor the signature.
func ParseSigned(data []byte) (Signed, error) {
	if len(data) > MaxApprovalBytes {
		return Signed{}, fmt.Errorf("approval: has %d bytes, may have %d", len(data), MaxApprovalBytes)
	}
	var k kept
	if err := decode(data, &k); err != nil {
		return Signed{}, fmt.Errorf("approval: %w", err)
	}
	s := Signed{Statement: []byte(k.Statement), Signature: []byte(k.Signature)}
	again, err := s.Encode()
	if err != nil {
		return Signed{}, err
	}
	if !bytes.Equal(again, data) {
		return Signed{}, errors.New("approval: not in its one form: statement and signature, on one line, without spaces, and a newline")
	}
	return s, nil
}

// encode writes one line of JSON and a newline, and leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decode reads one JSON value without fields that nobody knows.
func decode(data []byte, v any) error {
	if len(data) > MaxApprovalBytes {
		return fmt.Errorf("has %d bytes, may have %d", len(data), MaxApprovalBytes)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("has more than one value")
	}
	return nil
}
