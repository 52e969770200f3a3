package chain

import "math/big"

// Bump is what a replacement of the same nonce offers: an eighth more, rounded
// up, of both tip and cap, where nodes ask for a tenth (geth's --txpool.pricebump).
// Less than that is no replacement, so Within does not lower it.
func (f Fees) Bump() Fees {
	f.Tip, f.Cap, f.Price = eighthMore(f.Tip), eighthMore(f.Cap), eighthMore(f.Price)
	f.Least = f.PerGas()
	return f
}

// eighthMore is always more, also of nothing.
func eighthMore(wei *big.Int) *big.Int {
	if wei == nil {
		return nil
	}
	more := new(big.Int).Mul(wei, big.NewInt(9))
	more.Add(more, big.NewInt(7)).Rsh(more, 3)
	if more.Cmp(wei) <= 0 {
		more.Add(wei, big.NewInt(1))
	}
	return more
}

// AtLeast raises fees to those of another transaction, each part for itself, and
// keeps their own type: a replacement that is right for now and beats what it
// replaces.
func (f Fees) AtLeast(other Fees) Fees {
	tip, most := other.Tip, other.Cap
	if other.Type != TypeDynamic {
		// A legacy transaction's price is both to nodes that compare.
		tip, most = other.Price, other.Price
	}
	f.Least, f.L1 = larger(f.Least, other.Least), larger(f.L1, other.L1)
	if f.Type == TypeDynamic {
		f.Tip, f.Cap = larger(f.Tip, tip), larger(f.Cap, most)
		return f
	}
	f.Price = larger(f.Price, most)
	f.Least = larger(f.Least, most)
	return f
}

func larger(a, b *big.Int) *big.Int {
	if a == nil || b != nil && b.Cmp(a) > 0 {
		return b
	}
	return a
}
