package evm

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// MaxReply bounds the data of one result that is decoded: a longer one is a
// hostile answer and no value that anybody declared.
const MaxReply = 256 << 10

// Method is a function of a contract, by its signature.
type Method struct {
	// Signature is the canonical form, "set(uint32,address)".
	Signature string
	Inputs    abi.Arguments
	// Outputs are known for reads only: "owner()(address)".
	Outputs abi.Arguments
}

// ParseMethod reads "name(inputs)" or "name(inputs)(outputs)". Types are those of
// the contract ABI; tuples are written as (a,b).
func ParseMethod(text string) (Method, error) {
	var m Method
	p := parser{rest: text}
	name, err := p.name()
	if err == nil {
		m.Inputs, err = p.arguments()
	}
	if err == nil && p.rest != "" {
		m.Outputs, err = p.arguments()
	}
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%.40q follows its end", p.rest)
	}
	if err != nil {
		return Method{}, fmt.Errorf("%.120q is not a method: %w", text, err)
	}
	m.Signature = name + "(" + types(m.Inputs) + ")"
	return m, nil
}

// MustMethod is ParseMethod for signatures written in this program.
func MustMethod(text string) Method {
	m, err := ParseMethod(text)
	if err != nil {
		panic(err)
	}
	return m
}

func types(list abi.Arguments) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Type.String()
	}
	return strings.Join(names, ",")
}

// Selector is the first four bytes of the signature's hash.
func (m Method) Selector() [4]byte {
	var out [4]byte
	copy(out[:], crypto.Keccak256([]byte(m.Signature)))
	return out
}

// Pack makes calldata of Go values.
func (m Method) Pack(args ...any) ([]byte, error) {
	data, err := m.Inputs.Pack(args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Signature, err)
	}
	selector := m.Selector()
	return append(selector[:], data...), nil
}

// Call is Pack for values that this program made itself.
func (m Method) Call(to common.Address, args ...any) Call {
	data, err := m.Pack(args...)
	if err != nil {
		panic(err)
	}
	return Call{To: to, Data: data}
}

// Unpack reads the result of a read. A revert, no data, or data of another shape
// is an error; it never reads more than MaxReply.
func (m Method) Unpack(r Result) ([]any, error) {
	switch {
	case r.Reverted:
		return nil, &RevertError{Method: m.Signature, Reason: Reason(r.Data)}
	case len(r.Data) == 0:
		return nil, fmt.Errorf("%s: no answer: the contract has no such function, or there is no contract", m.Signature)
	case len(r.Data) > MaxReply:
		return nil, fmt.Errorf("%s: the answer has %d bytes, at most %d are read", m.Signature, len(r.Data), MaxReply)
	}
	values, err := unpack(m.Outputs, r.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: the answer has another shape: %w", m.Signature, err)
	}
	return values, nil
}

// Arguments reads the arguments of calldata of this method; false where the
// data is of another method, malformed, or not spelled as Pack spells it.
func (m Method) Arguments(data []byte) ([]any, bool) {
	selector := m.Selector()
	if len(data) < 4 || [4]byte(data[:4]) != selector {
		return nil, false
	}
	values, err := unpack(m.Inputs, data[4:])
	if err != nil {
		return nil, false
	}
	again, err := m.Pack(values...)
	return values, err == nil && string(again) == string(data)
}

// unpack turns a panic of the decoder on hostile data into an error.
func unpack(list abi.Arguments, data []byte) (values []any, err error) {
	defer func() {
		if r := recover(); r != nil {
			values, err = nil, fmt.Errorf("%v", r)
		}
	}()
	if len(list) == 0 {
		return nil, nil
	}
	return list.Unpack(data)
}

// RevertError is a call that the contract refused.
type RevertError struct{ Method, Reason string }

// Error quotes the contract's reason, which is a stranger's text.
func (e *RevertError) Error() string {
	if e.Reason == "" {
		return e.Method + ": reverts without a reason"
	}
	return fmt.Sprintf("%s: reverts: %q", e.Method, e.Reason)
}

// Reason reads the data of a revert: the text of Error(string), the code of
// Panic(uint256), else the first bytes in hex. At most 200 characters.
func Reason(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	reason, err := abi.UnpackRevert(data)
	if err != nil {
		reason = fmt.Sprintf("0x%x", data[:min(len(data), 36)])
	}
	if len(reason) > 200 {
		reason = reason[:200] + "…"
	}
	return reason
}
