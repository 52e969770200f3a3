package evm

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
)

// Format writes a decoded value as people declare it: addresses with their
// checksum, integers in decimal, bytes in hex, lists as [a, b].
func Format(value any) string {
	switch v := value.(type) {
	case common.Address:
		return v.Hex()
	case *big.Int:
		return v.String()
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case []byte:
		return "0x" + hex.EncodeToString(v)
	}
	r := reflect.ValueOf(value)
	switch r.Kind() {
	case reflect.Array, reflect.Slice:
		if r.Kind() == reflect.Array && r.Type().Elem().Kind() == reflect.Uint8 {
			raw := make([]byte, r.Len())
			reflect.Copy(reflect.ValueOf(raw), r)
			return "0x" + hex.EncodeToString(raw)
		}
		parts := make([]string, r.Len())
		for i := range parts {
			parts[i] = Format(r.Index(i).Interface())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Struct:
		parts := make([]string, r.NumField())
		for i := range parts {
			parts[i] = Format(r.Field(i).Interface())
		}
		return "(" + strings.Join(parts, ", ") + ")"
	default:
		return fmt.Sprint(value)
	}
}

// FormatAll writes all values, separated by commas.
func FormatAll(values []any) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = Format(v)
	}
	return strings.Join(parts, ", ")
}

// Parse reads one plain value of an ABI type, as Format writes it. Lists and
// tuples are not arguments that people declare.
func Parse(t abi.Type, text string) (any, error) {
	switch t.T {
	case abi.AddressTy:
		return ParseAddress(text)
	case abi.BoolTy:
		if text != "true" && text != "false" {
			return nil, fmt.Errorf("%.60q is not true or false", text)
		}
		return text == "true", nil
	case abi.StringTy:
		return text, nil
	case abi.UintTy, abi.IntTy:
		return parseInteger(t, text)
	case abi.BytesTy, abi.FixedBytesTy:
		return parseBytes(t, text)
	default:
		return nil, fmt.Errorf("a value of type %s cannot be stated", t.String())
	}
}

func parseInteger(t abi.Type, text string) (any, error) {
	value, ok := new(big.Int).SetString(text, 10)
	if !ok || value.String() != text || !fits(t, value) {
		return nil, fmt.Errorf("%.80q is not a %s in decimal", text, t.String())
	}
	target := t.GetType()
	if target == reflect.TypeFor[*big.Int]() {
		return value, nil
	}
	out := reflect.New(target).Elem()
	if t.T == abi.UintTy {
		out.SetUint(value.Uint64())
	} else {
		out.SetInt(value.Int64())
	}
	return out.Interface(), nil
}

func fits(t abi.Type, value *big.Int) bool {
	if t.T == abi.UintTy {
		return value.Sign() >= 0 && value.BitLen() <= t.Size
	}
	if value.Sign() < 0 { // two's complement reaches one further below zero
		value = new(big.Int).Not(value)
	}
	return value.BitLen() < t.Size
}

func parseBytes(t abi.Type, text string) (any, error) {
	digits, prefixed := strings.CutPrefix(text, "0x")
	raw, err := hex.DecodeString(digits)
	if err != nil || !prefixed || (t.T == abi.FixedBytesTy && len(raw) != t.Size) {
		return nil, fmt.Errorf("%.80q is not a %s in hex with 0x", text, t.String())
	}
	if t.T == abi.BytesTy {
		return raw, nil
	}
	out := reflect.New(t.GetType()).Elem()
	reflect.Copy(out, reflect.ValueOf(raw))
	return out.Interface(), nil
}
