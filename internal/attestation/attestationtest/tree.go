package attestationtest

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// depth of the tree in Hyperlane's MerkleTreeHook: 2^32-1 messages at most.
const depth = 32

// Tree is the incremental merkle tree of the eth2 deposit contract, which
// Hyperlane's MerkleTreeHook is made of. The zero value is an empty tree.
type Tree struct {
	count  uint64
	branch [depth]common.Hash
}

// Count of leaves.
func (t *Tree) Count() uint32 { return uint32(t.count) }

// Insert adds a leaf.
func (t *Tree) Insert(leaf common.Hash) {
	t.count++
	node := leaf
	for level, size := 0, t.count; level < depth; level, size = level+1, size/2 {
		if size%2 == 1 {
			t.branch[level] = node
			return
		}
		node = crypto.Keccak256Hash(t.branch[level][:], node[:])
	}
}

// Root of the tree, its missing leaves being zero.
func (t *Tree) Root() common.Hash {
	var node, empty common.Hash
	for level := range depth {
		if t.count>>level&1 == 1 {
			node = crypto.Keccak256Hash(t.branch[level][:], node[:])
		} else {
			node = crypto.Keccak256Hash(node[:], empty[:])
		}
		empty = crypto.Keccak256Hash(empty[:], empty[:])
	}
	return node
}
