package plan_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// bigWorld declares n resources, one wallet for each two keys; half of the keys
// are there, and every tenth of those has drifted.
func bigWorld(n int) plan.Input {
	in := plan.Input{Desired: resource.Set{}, Owned: resource.Set{}, Foreign: resource.Set{}, Rules: testRules(), Previous: resource.Set{}, Made: resource.Set{}}
	for i := range n * 2 / 3 {
		id := resource.ID{Kind: "key", Scope: "us-west-2", Name: fmt.Sprintf("validator-%d-signer", i)}
		want := resource.Resource{ID: id, Attrs: resource.Attrs{"spec": "a", "parent": "", "tags": map[string]any{"role": "validator", "instance": strconv.Itoa(i)}}}
		in.Desired[id], in.Previous[id], in.Made[id] = want, want, want
		if i%2 == 0 {
			have := resource.Resource{ID: id, Attrs: want.Attrs.Clone(), Outputs: resource.Outputs{"address": fmt.Sprintf("0x%040x", i)}}
			have.Attrs["marked"] = "true"
			if i%20 == 0 {
				have.Attrs["tags"] = "drifted"
			}
			in.Owned[id] = have
			wallet := resource.ID{Kind: "funding", Scope: "fuji", Name: id.Name}
			in.Desired[wallet] = resource.Resource{ID: wallet, Group: "funding/fuji", Attrs: resource.Attrs{
				"address": resource.Ref{ID: id, Output: "address"}, "balance": map[string]any{"floor": "10", "target": "30"}}}
			in.Owned[wallet] = resource.Resource{ID: wallet, Attrs: resource.Attrs{
				"address": fmt.Sprintf("0x%040x", i), "balance": map[string]any{"wei": strconv.Itoa(i % 40)}}}
		}
	}
	return in
}

func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			in := bigWorld(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := plan.Diff(in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/resource")
		})
	}
}

func BenchmarkSealAndEncode(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			d, err := plan.Diff(bigWorld(n))
			if err != nil {
				b.Fatal(err)
			}
			p := &plan.Plan{Format: plan.Format, Changes: d.Changes, Resolved: d.Resolved, Created: time.Unix(0, 0), Expires: time.Unix(0, 0)}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Seal(testMoving()); err != nil {
					b.Fatal(err)
				}
				if _, err := p.Encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestTheWorkGrowsWithTheWorldAndNotWithItsSquare counts allocations, which do
// not depend on how busy the machine is: ten times the world may cost at most
// fourteen times the work.
func TestTheWorkGrowsWithTheWorldAndNotWithItsSquare(t *testing.T) {
	cost := func(n int) float64 {
		in := bigWorld(n)
		return testing.AllocsPerRun(1, func() {
			if _, err := plan.Diff(in); err != nil {
				t.Fatal(err)
			}
		})
	}
	small, large := cost(300), cost(3000)
	if large > 14*small {
		t.Errorf("%.0f allocations for 300 resources, %.0f for 3,000: %.1f times", small, large, large/small)
	}
}
