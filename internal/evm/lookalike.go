package evm

import (
	"encoding/binary"

	"github.com/ethereum/go-ethereum/common"
)

// LookAlikes finds different addresses that people take for one, because they begin
// and end with the same four hex digits: that is all that wallets and explorers
// show of them. Each address that looks like earlier ones is told once, with the
// first of those: both as the indices of their first place in the list, the smaller
// one first. The zero address is nobody's.
func LookAlikes(addresses []common.Address) [][2]int {
	first := make(map[uint32]int, len(addresses))
	seen := make(map[common.Address]bool, len(addresses))
	var pairs [][2]int
	for i, a := range addresses {
		if seen[a] || a == (common.Address{}) {
			continue
		}
		seen[a] = true
		ends := uint32(binary.BigEndian.Uint16(a[:2]))<<16 | uint32(binary.BigEndian.Uint16(a[18:]))
		if j, taken := first[ends]; taken {
			pairs = append(pairs, [2]int{j, i})
			continue
		}
		first[ends] = i
	}
	return pairs
}
