package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// How many entries gather before Append packs them by itself, and how long
// others may wait for that.
const (
	packAt      = 1024
	packTimeout = 15 * time.Second
)

// Pack copies the entries that lie in no segment yet into segments, for the
// readers after us; a single one stays alone. It needs no lease: what it writes
// follows from the entries, which nobody can change. Of two writers of one
// segment the first wins, with equal bytes. An error costs only speed.
//
// A segment that is not much longer than what follows it is packed again
// together with it, so that the segments to be read grow with the size of the
// journal and not with the number of plans. The short one stays where it is.
func (j *Journal) Pack(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.read {
		if err := j.refresh(ctx); err != nil {
			return err
		}
	}
	return j.pack(ctx)
}

// gathered packs now and then in a long plan. Its error is dropped: the entry
// of which the caller asks is stored, and Pack comes again.
func (j *Journal) gathered(ctx context.Context) {
	if n := int64(len(j.entries)) - j.covered(); n == 0 || n%packAt != 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, packTimeout)
	defer cancel()
	_ = j.pack(ctx)
}

// covered is the last entry that lies in a segment.
func (j *Journal) covered() int64 {
	if len(j.packed) == 0 {
		return 0
	}
	return j.packed[len(j.packed)-1].last
}

func (j *Journal) pack(ctx context.Context) error {
	for _, loose := range j.loose() {
		lines, err := j.lines(loose)
		if err != nil {
			return err
		}
		for _, s := range pieces(loose.first, lines) {
			at := s.first - loose.first
			if err := j.writeSegment(ctx, s, slices.Concat(lines[at:at+s.count()]...)); err != nil {
				return err
			}
			j.packed = cover(append(j.packed, s), 0)
		}
	}
	return nil
}

// loose are the runs of two entries and more that lie in no segment: where one
// is missing, and at the end. That at the end begins with the segments before it
// that it takes in.
func (j *Journal) loose() []span {
	var runs []span
	known := int64(0)
	for _, s := range j.packed {
		if run := (span{known + 1, s.first - 1}); run.count() > 1 {
			runs = append(runs, run)
		}
		known = s.last
	}
	if run := (span{known + 1, int64(len(j.entries))}); run.count() > 1 {
		runs = append(runs, j.widened(run))
	}
	return runs
}

// widened takes in the segments right before a run while each has at most twice
// its entries, and all of it fits one object. What is left has more than twice
// of what follows it: a few segments, however many plans there were.
func (j *Journal) widened(run span) span {
	for _, s := range slices.Backward(j.packed) {
		wider := span{s.first, run.last}
		if s.last+1 != run.first || s.count() > 2*run.count() || j.size(wider) > MaxObjectBytes {
			break
		}
		run = wider
	}
	return run
}

// size is how long a segment would be; what cannot be encoded fits nowhere.
func (j *Journal) size(s span) int {
	lines, err := j.lines(s)
	if err != nil {
		return MaxObjectBytes + 1
	}
	sum := 0
	for _, line := range lines {
		sum += len(line)
	}
	return sum
}

// lines are the entries as their objects hold them, each with a line feed. That
// they encode to the same bytes was checked when they were read or written.
func (j *Journal) lines(s span) ([][]byte, error) {
	lines := make([][]byte, 0, s.count())
	for _, e := range j.entries[s.first-1 : s.last] {
		data, err := resource.Canonical(e)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		lines = append(lines, append(data, '\n'))
	}
	return lines, nil
}

// pieces cuts lines into segments that fit an object. One that would hold a
// single entry is none: the entry has its own object.
func pieces(first int64, lines [][]byte) []span {
	var cuts []span
	run, size := span{first, first - 1}, 0
	end := func(next int64) {
		if run.count() > 1 {
			cuts = append(cuts, run)
		}
		run, size = span{next, next - 1}, 0
	}
	for i, line := range lines {
		seq := first + int64(i)
		if size+len(line) > MaxObjectBytes {
			end(seq)
		}
		if len(line) > MaxObjectBytes { // its line feed is the one byte too many
			end(seq + 1)
			continue
		}
		run.last, size = seq, size+len(line)
	}
	end(0)
	return cuts
}

// writeSegment creates the object. One that is there already must be the same,
// unless a crash cut it short: then it is written again.
func (j *Journal) writeSegment(ctx context.Context, s span, data []byte) error {
	err := j.store.Create(ctx, s.key(), data)
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrExists) {
		return fmt.Errorf("journal: %s: %w", s.key(), err)
	}
	have, version, err := j.store.Get(ctx, s.key())
	if err != nil {
		return fmt.Errorf("journal: %s: %w", s.key(), err)
	}
	if bytes.Equal(have, data) {
		return nil
	}
	if _, whole, err := decodeSegment(s, have); err != nil || whole || !j.tears() {
		return &BrokenError{Where: s.key(), Err: errors.Join(errors.New("holds other bytes than the entries"), err)}
	}
	if err := j.store.Replace(ctx, s.key(), version, data); err != nil {
		return fmt.Errorf("journal: %s: %w", s.key(), err)
	}
	return nil
}
