package plan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxFileBytes bounds a plan file: 10,000 changes fit several times over.
const MaxFileBytes = 256 << 20

// FormatError says that a plan file is of a format this tool does not read.
type FormatError struct{ Have string }

// Error names both formats.
func (e *FormatError) Error() string {
	return fmt.Sprintf("plan format %q, this tool reads %q", e.Have, Format)
}

// DigestError says that a plan file does not match the digest it states.
type DigestError struct{ Stated, Computed string }

// Error prints both digests.
func (e *DigestError) Error() string {
	return fmt.Sprintf("the file states digest %s, its content has %s: it was edited or damaged", e.Stated, e.Computed)
}

// Encode gives a sealed plan as its file: indented canonical JSON with a final
// newline.
func (p *Plan) Encode() ([]byte, error) {
	var buf bytes.Buffer
	if err := p.Write(&buf); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Write writes what Encode gives.
func (p *Plan) Write(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	if err := writeJSON(buffered, p, true); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	_ = buffered.WriteByte('\n') // Flush tells
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	return nil
}

// Decode reads a plan file. It accepts exactly the bytes that Encode writes:
// another format is a *FormatError, an edited file a *DigestError.
func Decode(data []byte) (*Plan, error) {
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("plan file has %d bytes, at most %d are read", len(data), MaxFileBytes)
	}
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a whole plan file: %w", err)
	}
	if head.Format != Format {
		return nil, &FormatError{Have: head.Format}
	}
	p, err := decodeStrict(data)
	if err != nil {
		return nil, err
	}
	computed, err := p.wholeDigest()
	if err != nil {
		return nil, err
	}
	if computed != p.Digest {
		return nil, &DigestError{Stated: p.Digest, Computed: computed}
	}
	again, err := p.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("plan file is not in its canonical form: it was edited or reformatted")
	}
	return p, nil
}

func decodeStrict(data []byte) (*Plan, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	p := new(Plan)
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("plan file: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("plan file: data after its end")
	}
	return p, nil
}
