package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// The promises of docs/benchmarks.md. They are ratios and sizes, so that they
// hold on any machine.
const (
	// growth bounds what ten times the keys may cost.
	growth = 14
	// memory bounds a plan of 10,000 resources, in bytes; of more in proportion.
	memory = 300_000_000
)

// sizes of the environments that are measured: 100, 1,006 and 10,051 keys in
// KMS, and a wallet for every second one.
var sizes = []shape{
	{networks: 3, validators: 16},
	{networks: 15, validators: 33},
	{networks: 150, validators: 33},
}

// BenchmarkPlan measures the whole program, from its start to its end, where
// the world is as declared.
func BenchmarkPlan(b *testing.B) {
	for _, delay := range []time.Duration{0, 40 * time.Millisecond} {
		var smaller float64
		for _, size := range sizes {
			b.Run(fmt.Sprintf("keys=%d/latency=%s", size.keys(), delay), func(b *testing.B) {
				l := newLarge(b, size)
				l.fill(b, false)
				if p := l.plan(b); !p.Empty() {
					b.Fatalf("%d changes: the world is as declared", len(p.Changes))
				}
				l.delay = delay
				smaller = l.measure(b, smaller)
			})
		}
	}
}

// BenchmarkFirstPlan measures the longest plan there is: nothing exists yet.
func BenchmarkFirstPlan(b *testing.B) {
	var smaller float64
	for _, size := range sizes {
		b.Run(fmt.Sprintf("keys=%d", size.keys()), func(b *testing.B) {
			l := newLarge(b, size)
			if p := l.plan(b); len(p.Changes) != size.keys() {
				b.Fatalf("%d changes, want %d", len(p.Changes), size.keys())
			}
			smaller = l.measure(b, smaller)
		})
	}
}

// measure runs plan and compares with a tenth of the environment, whose
// seconds per plan are smaller; zero compares with nothing.
func (l *large) measure(b *testing.B, smaller float64) float64 {
	b.Helper()
	var peak int64
	best := time.Duration(1<<63 - 1)
	for b.Loop() {
		_, run := l.reconcile(b, "plan", largeName, "--out", filepath.Join(l.root, "plan.json"))
		peak, best = max(peak, run.peak), min(best, run.wall)
	}
	b.ReportMetric(best.Seconds(), "best-s/plan")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	resources := l.keys() + l.secrets + l.networks*l.wallets()
	if most := memory * max(int64(resources), 10_000) / 10_000; peak > most {
		b.Errorf("%d resources: %d MB at the peak, at most %d", resources, peak/1e6, most/1e6)
	}
	if smaller > 0 {
		ratio := best.Seconds() / smaller
		b.ReportMetric(ratio, "x-of-a-tenth")
		if ratio > growth {
			b.Errorf("%d keys take %.1f times as long as a tenth of them, at most %d", l.keys(), ratio, growth)
		}
	}
	return best.Seconds()
}
