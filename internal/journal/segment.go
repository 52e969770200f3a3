package journal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// A segment is a copy of a run of entries in one object, so that a reader needs
// one request and not one per entry: a line for each, byte for byte as in the
// entry's own object. It is written once and never changed.
//
// The entry objects stay the truth. A segment that is missing, or that a crash
// cut short, costs only speed: its entries are read one by one, or out of
// another segment. A segment that is there and does not verify is a
// *BrokenError that names it: somebody edited the record. And the entry that
// the last segment ends with is read from its own object too and must be the
// same: by the hash chain that one holds all before it fast. Entry objects
// below that one are not looked at.
//
// Segments may overlap: two writers may pack at different moments, and a short
// segment is packed again into a longer one. A reader takes the ones that reach
// furthest and leaves the rest.
const segmentPrefix = "segment/"

// span is a run of entries, first and last included.
type span struct{ first, last int64 }

func (s span) count() int64 { return s.last - s.first + 1 }

// key names both ends, so that a list alone tells which segments to read.
func (s span) key() string { return fmt.Sprintf("%s%012d-%012d.json", segmentPrefix, s.first, s.last) }

func spanOf(key string) (span, error) {
	var s span
	_, err := fmt.Sscanf(key, segmentPrefix+"%d-%d.json", &s.first, &s.last)
	if err != nil || s.key() != key || s.first < 1 || s.last < s.first || s.last > MaxEntries {
		return span{}, &BrokenError{Where: key, Err: fmt.Errorf("is not the name of a segment of entries 1 to %d", MaxEntries)}
	}
	return s, nil
}

// cover picks the segments that a reader of the first known entries needs, in
// order: of those that go on without a gap the one that reaches furthest, else
// the one that begins next.
func cover(segments []span, known int64) []span {
	var chosen []span
	for {
		var best, next span
		for _, s := range segments {
			switch {
			case s.first <= known+1 && s.last > max(known, best.last):
				best = s
			case s.first > known+1 && (next == span{} || s.first < next.first || s.first == next.first && s.last > next.last):
				next = s
			}
		}
		if best == (span{}) {
			best = next
		}
		if best == (span{}) {
			return chosen
		}
		chosen, known = append(chosen, best), best.last
	}
}

// readSegments takes in what the segments hold.
func (j *Journal) readSegments(ctx context.Context) error {
	keys, err := j.store.List(ctx, segmentPrefix, "")
	if err != nil {
		return err
	}
	segments := make([]span, len(keys))
	for i, key := range keys {
		if segments[i], err = spanOf(key); err != nil {
			return err
		}
	}
	for {
		part := cover(segments, int64(len(j.entries)))
		part = part[:min(len(part), fetchAtOnce)]
		if len(part) == 0 {
			return nil
		}
		keys := make([]string, len(part))
		for i, s := range part {
			keys[i] = s.key()
		}
		objects, err := j.fetch(ctx, keys)
		if err != nil {
			return err
		}
		for i, s := range part {
			whole, err := j.takeSegment(ctx, s, objects[i].data)
			if err != nil {
				return err
			}
			if !whole {
				// What it was to hold is looked for elsewhere.
				segments = slices.DeleteFunc(segments, func(other span) bool { return other == s })
				break
			}
		}
	}
}

// takeSegment adds a segment's entries to the known ones. What it shares with
// them must be the same, and entries between are read from their own objects.
// It is not whole if a crash cut it short: then nothing of it is taken.
func (j *Journal) takeSegment(ctx context.Context, s span, data []byte) (whole bool, err error) {
	entries, whole, err := decodeSegment(s, data)
	if err != nil || !whole {
		if err == nil && !j.tears() {
			err = &BrokenError{Where: s.key(), Err: fmt.Errorf("is cut short: has %d whole entries, needs %d\n%s", len(entries), s.count(), segmentHint)}
		}
		return false, err
	}
	if err := j.readBetween(ctx, s.first); err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Seq <= int64(len(j.entries)) {
			if known := j.entries[e.Seq-1]; known.Hash != e.Hash {
				return false, &BrokenError{Where: s.key(), Err: fmt.Errorf("entry %d is %s, was read before as %s\n%s", e.Seq, e.Hash, known.Hash, segmentHint)}
			}
			continue
		}
		if err := j.follow(s.key(), e); err != nil {
			return false, err
		}
	}
	j.packed = append(j.packed, s)
	return true, nil
}

const segmentHint = "hint: the entries are stored one by one as well: find out who changed this copy, keep it aside, take it out of the store"

// decodeSegment reads the lines of a segment, of which each is an entry as its
// own object holds it. whole is false if the bytes are the beginning of such
// lines and no more, which is what a power cut leaves: one byte that was
// changed never looks like that.
func decodeSegment(s span, data []byte) (entries []Entry, whole bool, err error) {
	broken := func(err error) ([]Entry, bool, error) {
		return nil, false, &BrokenError{Where: s.key(), Err: fmt.Errorf("line %d: %w\n%s", len(entries)+1, err, segmentHint)}
	}
	for int64(len(entries)) < s.count() {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if !ended && cut(line, s.first == 1 && len(entries) == 0) {
			return entries, false, nil
		}
		e, err := decode(line)
		if err == nil && e.Seq != s.first+int64(len(entries)) {
			err = fmt.Errorf("says sequence %d", e.Seq)
		}
		if err != nil {
			return broken(err)
		}
		entries, data = append(entries, e), rest
	}
	if len(data) > 0 {
		return broken(fmt.Errorf("%d bytes after the last entry", len(data)))
	}
	return entries, true, nil
}

// cut reports whether a last line is what a crash left: part of an entry, or an
// entry without its line feed.
func cut(line []byte, first bool) bool {
	if torn(line, first) {
		return true
	}
	rest := bytes.TrimRight(line, "\x00")
	_, err := decode(rest)
	return err == nil && len(line)-len(rest) != 1
}

// readBetween reads the entries up to the one before next from their own
// objects. All must be there: later ones are.
func (j *Journal) readBetween(ctx context.Context, next int64) error {
	for {
		known := int64(len(j.entries))
		if known+1 >= next {
			return nil
		}
		keys := make([]string, min(next-1-known, readAtOnce))
		for i := range keys {
			keys[i] = keyOf(known + 1 + int64(i))
		}
		objects, err := j.fetch(ctx, keys)
		if err != nil {
			return err
		}
		for i, o := range objects {
			if err := j.accept(keys[i], o.data); err != nil {
				return err
			}
		}
	}
}
