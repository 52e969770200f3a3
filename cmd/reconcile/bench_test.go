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
	// memoryOfAccess is the same where access is managed: every key then carries
	// its policy, as it is and as it must be.
	memoryOfAccess = 450_000_000
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

// BenchmarkPlanWithAccess is BenchmarkPlan of an environment whose roles,
// policies, key policies and buckets are managed too, in an account with 1,000
// strangers. With latency it leaves out the largest, which takes minutes.
func BenchmarkPlanWithAccess(b *testing.B) {
	for _, delay := range []time.Duration{0, 40 * time.Millisecond} {
		var smaller float64
		for _, size := range sizes {
			size.access, size.strangers = "roles", 1000
			if delay > 0 && size.keys() > 5000 {
				continue
			}
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

// BenchmarkFirstPlanWithAccess plans all of an environment with access, where
// there is nothing but 1,000 strangers.
func BenchmarkFirstPlanWithAccess(b *testing.B) {
	var smaller float64
	for _, size := range sizes {
		size.access, size.strangers = "roles", 1000
		b.Run(fmt.Sprintf("keys=%d", size.keys()), func(b *testing.B) {
			l := newLarge(b, size)
			l.estrange(b)
			if p := l.plan(b); p.Empty() {
				b.Fatal("nothing exists, and nothing is planned")
			}
			smaller = l.measure(b, smaller)
		})
	}
}

// BenchmarkAccess says who can sign with each key of such an environment.
func BenchmarkAccess(b *testing.B) {
	var smaller float64
	for _, size := range sizes {
		size.access, size.strangers = "roles", 1000
		b.Run(fmt.Sprintf("keys=%d", size.keys()), func(b *testing.B) {
			l := newLarge(b, size)
			l.fill(b, false)
			l.reconcile(b, "access", largeName)
			smaller = l.measure(b, smaller, "access", largeName, "--format", "json")
		})
	}
}

// measure runs plan, or another verb, and compares with a tenth of the
// environment, whose seconds are smaller; zero compares with nothing. Without
// latency it is the processors' time that is compared.
func (l *large) measure(b *testing.B, smaller float64, verb ...string) float64 {
	b.Helper()
	if len(verb) == 0 {
		verb = []string{"plan", largeName, "--out", filepath.Join(l.root, "plan.json")}
	}
	var peak int64
	best, cpu := time.Duration(1<<63-1), time.Duration(1<<63-1)
	for b.Loop() {
		_, run := l.reconcile(b, verb...)
		peak, best, cpu = max(peak, run.peak), min(best, run.wall), min(cpu, run.cpu)
	}
	b.ReportMetric(best.Seconds(), "best-s")
	b.ReportMetric(cpu.Seconds(), "cpu-s")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	if l.delay == 0 {
		best = cpu
	}
	resources := l.keys() + l.secrets + l.networks*l.wallets()
	bound := int64(memory)
	if l.access != "" {
		bound = memoryOfAccess
	}
	if most := bound * max(int64(resources), 10_000) / 10_000; peak > most {
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
