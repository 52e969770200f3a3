package evm_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

func addresses(texts ...string) []common.Address {
	list := make([]common.Address, len(texts))
	for i, text := range texts {
		list[i] = common.HexToAddress(text)
	}
	return list
}

func TestAddressesThatBeginAndEndAlikeAreTold(t *testing.T) {
	t.Parallel()
	const (
		one     = "0x1234000000000000000000000000000000005678"
		like    = "0x1234111111111111111111111111111111115678"
		third   = "0x1234222222222222222222222222222222225678"
		begins  = "0x1234000000000000000000000000000000005679"
		ends    = "0x1235000000000000000000000000000000005678"
		nobody  = "0x0000000000000000000000000000000000000000"
		nobody2 = "0x0000000000000000000000000000000000010000"
	)
	for name, c := range map[string]struct {
		list []common.Address
		want [][2]int
	}{
		"nothing":            {nil, nil},
		"one twice":          {addresses(one, one), nil},
		"two alike":          {addresses(one, like), [][2]int{{0, 1}}},
		"again and again":    {addresses(one, like, one, like), [][2]int{{0, 1}}},
		"three alike":        {addresses(third, one, like), [][2]int{{0, 1}, {0, 2}}},
		"only the beginning": {addresses(one, begins), nil},
		"only the end":       {addresses(one, ends), nil},
		"nobody's":           {addresses(nobody, nobody2, nobody), nil},
	} {
		if got := evm.LookAlikes(c.list); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A pair is found wherever the two stand among thousands.
func TestALookAlikeIsFoundWhateverTheOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		list := make([]common.Address, 2000)
		for i := range list {
			for b := range list[i] {
				list[i][b] = byte(random.Uint32())
			}
			// No two of these alike: what differs is at the ends.
			list[i][0], list[i][1], list[i][18] = byte(i>>8), byte(i), 0
		}
		original := list[random.IntN(len(list))]
		twin := original
		twin[2+random.IntN(16)] ^= 1 << random.IntN(8)
		list = append(list, twin)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		a, b := slices.Index(list, original), slices.Index(list, twin)
		if got := evm.LookAlikes(list); len(got) != 1 || got[0] != [2]int{min(a, b), max(a, b)} {
			t.Fatalf("%v, want %d and %d", got, a, b)
		}
	}
}

func BenchmarkLookAlikesAmongThousands(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	list := make([]common.Address, 10_000)
	for i := range list {
		for at := range list[i] {
			list[i][at] = byte(random.Uint32())
		}
	}
	for b.Loop() {
		evm.LookAlikes(list)
	}
}
