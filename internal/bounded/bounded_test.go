package bounded_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/bounded"
)

func TestTheBeginningIsKeptAndTheRestIsTold(t *testing.T) {
	t.Parallel()
	b := &bounded.Buffer{Most: 5}
	for _, step := range []struct {
		write, want string
		cut         bool
	}{{"abc", "abc", false}, {"de", "abcde", false}, {"", "abcde", false}, {"f", "abcde", true}, {"", "abcde", true}} {
		if n, err := b.Write([]byte(step.write)); n != len(step.write) || err != nil {
			t.Errorf("%q: wrote %d, %v", step.write, n, err)
		}
		if b.String() != step.want || b.Cut != step.cut {
			t.Errorf("%q: holds %q, cut %t", step.write, b.String(), b.Cut)
		}
	}
}
