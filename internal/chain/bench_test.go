package chain_test

import (
	"fmt"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
)

// BenchmarkSurvey reads balances of a chain in this very process; the requests
// are what counts against a provider.
func BenchmarkSurvey(b *testing.B) {
	list, alloc := wallets(5000)
	c := geth(b, chaintest.Options{Alloc: alloc})
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("%d balances", n), func(b *testing.B) {
			client := open(b, declared(), c.URL())
			for b.Loop() {
				if _, err := client.Survey(b.Context(), bankQuery(list[:n]...)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(client.Requests())/float64(b.N), "requests/op")
		})
	}
}
