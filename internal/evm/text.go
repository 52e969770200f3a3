package evm

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxText bounds a value that Text gives: nobody declares a longer one, and it
// would fill a plan.
const MaxText = 4096

// PackTexts makes calldata of arguments as Parse reads them.
func (m Method) PackTexts(texts []string) ([]byte, error) {
	if len(texts) != len(m.Inputs) {
		return nil, fmt.Errorf("%s: %d arguments, needs %d", m.Signature, len(texts), len(m.Inputs))
	}
	args := make([]any, len(texts))
	for i, in := range m.Inputs {
		var err error
		if args[i], err = Parse(in.Type, texts[i]); err != nil {
			return nil, fmt.Errorf("%s: argument %d: %w", m.Signature, i+1, err)
		}
	}
	return m.Pack(args...)
}

// Text is the one value of a read, as Format writes it. What is not spelled as a
// value of its type is none: an address with other bits beside it is another value.
// More values may follow it.
func (m Method) Text(r Result) (string, error) {
	values, err := m.Unpack(r)
	if err != nil {
		return "", err
	}
	if len(values) != 1 {
		return "", fmt.Errorf("%s: gives %d values, a read gives 1", m.Signature, len(values))
	}
	if again, err := m.Outputs.Pack(values...); err != nil || !bytes.HasPrefix(r.Data, again) {
		return "", fmt.Errorf("%s: the answer has another shape", m.Signature)
	}
	text := Format(values[0])
	if len(text) > MaxText || !utf8.ValidString(text) {
		return "", fmt.Errorf("%s: the answer has %d bytes or is no text, at most %d are taken", m.Signature, len(text), MaxText)
	}
	return text, nil
}

// Delegates reports the code of an account that runs another's and is still
// signed for by its key: 0xef0100 and an address (EIP-7702).
func Delegates(code []byte) bool {
	return len(code) == 23 && bytes.HasPrefix(code, []byte{0xef, 0x01, 0x00})
}
