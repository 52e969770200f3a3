package funding_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

func TestConformsOnAGethChain(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onGeth))
}

func TestConformsOnItsFake(t *testing.T) {
	t.Parallel()
	kindtest.Run(t, harness(onFake))
}
