package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// meshes are environments of which every network asks for the validators of all
// others: 56, 2,450 and 22,350 sets.
var meshes = []int{8, 50, 150}

const (
	// setGrowth bounds by how much more of the processors one set may take in a
	// larger environment.
	setGrowth = 2.5
	// memoryOfSet bounds what one set adds to a plan's peak, in bytes: with its path,
	// terms and members, as they are and as they must be, and with its steps.
	memoryOfSet = 60_000
	// lines bounds what a plan prints of one origin, however many destinations ask
	// for its validators.
	lines = 15
)

// routes is how many sets there are.
func (s shape) routes() int {
	if s.sets == "" {
		return 0
	}
	return s.networks * (s.networks - 1)
}

// BenchmarkPlanOfSets plans environments whose sets are as declared, and where all
// of them differ.
func BenchmarkPlanOfSets(b *testing.B) {
	for _, have := range []string{setsAsDeclared, setsOfOthers} {
		var smaller float64
		for _, networks := range meshes {
			b.Run(fmt.Sprintf("sets=%s/networks=%d", strings.ReplaceAll(have, " ", "-"), networks), func(b *testing.B) {
				l := newLarge(b, shape{networks: networks, validators: 3, sets: have})
				l.fill(b, false)
				smaller = l.measureSets(b, smaller)
			})
		}
	}
}

// measureSets measures plan, and compares what a set takes with what it took in a
// smaller environment: nothing where smaller is zero.
func (l *large) measureSets(b *testing.B, smaller float64) float64 {
	b.Helper()
	want := 0
	if l.shape.sets == setsOfOthers {
		want = l.routes()
	}
	file := filepath.Join(l.root, "plan.json")
	var said string
	var peak int64
	cpu := time.Duration(1<<63 - 1)
	for b.Loop() {
		var run took
		said, run = l.reconcile(b, "plan", largeName, "--out", file)
		peak, cpu = max(peak, run.peak), min(cpu, run.cpu)
	}
	p, err := readPlan(file)
	done(b, err)
	if len(p.Changes) != want || len(p.Unread)+len(p.Deferred) > 0 {
		b.Fatalf("%d changes of %d sets, %d unread, %d deferred", len(p.Changes), l.routes(), len(p.Unread), len(p.Deferred))
	}
	printed, perSet := strings.Count(said, "\n"), cpu.Seconds()/float64(l.routes())
	b.ReportMetric(cpu.Seconds(), "cpu-s")
	b.ReportMetric(perSet*1e3, "cpu-ms/set")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	b.ReportMetric(float64(printed), "lines")
	if most := int64(memory + memoryOfSet*l.routes()); peak > most {
		b.Errorf("%d sets: %d MB at the peak, at most %d", l.routes(), peak/1e6, most/1e6)
	}
	if most := lines * (l.networks + 2); printed > most {
		b.Errorf("%d lines about %d origins, at most %d", printed, l.networks, most)
	}
	// The smallest environment spends most of its time on other things.
	if ratio := perSet / smaller; smaller > 0 {
		b.ReportMetric(ratio, "x-per-set")
		if ratio > setGrowth {
			b.Errorf("a set takes %.1f times as long as in a smaller environment, at most %.1f", ratio, setGrowth)
		}
	}
	return perSet
}
