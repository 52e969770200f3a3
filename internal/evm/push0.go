package evm

import "slices"

// The opcodes that a walk over code must know (Ethereum execution specification,
// "EVM: opcodes").
const (
	opStop         = 0x00
	opJump         = 0x56
	opJumpDest     = 0x5b
	opPush0        = 0x5f // EIP-3855
	opPush1        = 0x60
	opPush32       = 0x7f
	opReturn       = 0xf3
	opRevert       = 0xfd
	opInvalid      = 0xfe
	opSelfDestruct = 0xff
)

// NeedsPush0 reports whether runtime code has the opcode PUSH0 where it can be
// reached: not as the data of another push, not between what ends a run and the
// next place that can be jumped to, and not in what a compiler appended to say how
// it was called. On a chain without the opcode such code fails when it comes there.
func NeedsPush0(code []byte) bool {
	code = code[:len(code)-metadataLength(code)]
	reached := true
	for i := 0; i < len(code); i++ {
		switch op := code[i]; {
		case op == opJumpDest:
			reached = true
		case op >= opPush1 && op <= opPush32:
			i += int(op-opPush1) + 1
		case op == opPush0 && reached:
			return true
		case slices.Contains([]byte{opStop, opJump, opReturn, opRevert, opInvalid, opSelfDestruct}, op):
			reached = false
		}
	}
	return false
}

// metadataLength is how long the tail is that solc appends to code: one CBOR map
// and its length in two bytes (Solidity documentation, "Contract Metadata"). 0
// where the end is anything else: code that merely looks a little like it is walked.
func metadataLength(code []byte) int {
	const size = 2
	if len(code) < size {
		return 0
	}
	length := int(code[len(code)-2])<<8 | int(code[len(code)-1])
	if length == 0 || length > len(code)-size {
		return 0
	}
	rest := code[len(code)-size-length : len(code)-size]
	pairs := int(rest[0]) - 0xa0
	if pairs < 1 || pairs > 5 {
		return 0
	}
	rest = rest[1:]
	for range pairs {
		key, after, ok := metadataString(rest, 0x60)
		if !ok || !slices.Contains([]string{"ipfs", "bzzr0", "bzzr1", "solc", "experimental"}, string(key)) {
			return 0
		}
		if rest, ok = metadataValue(after); !ok {
			return 0
		}
	}
	if len(rest) > 0 {
		return 0
	}
	return length + size
}

// metadataValue skips a string of bytes or text, or a boolean.
func metadataValue(data []byte) (rest []byte, ok bool) {
	if len(data) > 0 && (data[0] == 0xf4 || data[0] == 0xf5) {
		return data[1:], true
	}
	for _, kind := range []byte{0x40, 0x60} {
		if _, rest, ok = metadataString(data, kind); ok {
			return rest, true
		}
	}
	return nil, false
}

// metadataString reads a CBOR string of bytes (0x40) or text (0x60), whose length
// is in its first byte or in the one after it.
func metadataString(data []byte, kind byte) (text, rest []byte, ok bool) {
	if len(data) < 2 || data[0]&0xe0 != kind {
		return nil, nil, false
	}
	length, start := int(data[0]&0x1f), 1
	if length == 24 {
		length, start = int(data[1]), 2
	}
	if length > 24 && start == 1 || len(data)-start < length {
		return nil, nil, false
	}
	return data[start : start+length], data[start+length:], true
}
