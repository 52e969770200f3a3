package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// refresh takes in what the store has beyond the known entries.
func (j *Journal) refresh(ctx context.Context) error {
	if !j.read {
		return j.readAll(ctx)
	}
	if err := j.stillThere(ctx); err != nil {
		return err
	}
	for {
		key := keyOf(int64(len(j.entries) + 1))
		data, version, err := j.store.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			j.torn = ""
			return nil
		}
		if err != nil {
			return fmt.Errorf("journal: %s: %w", key, err)
		}
		if more, err := j.take(key, object{data, version}, true); err != nil || !more {
			return err
		}
	}
}

// stillThere refuses a store whose last known entry is gone or another.
func (j *Journal) stillThere(ctx context.Context) error {
	if len(j.entries) == 0 {
		return nil
	}
	last := j.entries[len(j.entries)-1]
	key := keyOf(last.Seq)
	data, _, err := j.store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return &BrokenError{Where: key, Err: errors.New("is gone, it was there")}
	}
	if err != nil {
		return fmt.Errorf("journal: %s: %w", key, err)
	}
	if e, err := decode(data); err != nil || e.Hash != last.Hash {
		return &BrokenError{Where: key, Err: errors.Join(errors.New("is another entry than it was"), err)}
	}
	return nil
}

// readAll reads the whole journal: the segments, then the entries after them.
func (j *Journal) readAll(ctx context.Context) error {
	j.entries, j.packed, j.torn = nil, nil, ""
	if err := j.readSegments(ctx); err != nil {
		return err
	}
	if err := j.readRest(ctx); err != nil {
		return err
	}
	j.read = true
	return nil
}

// readRest reads the entries after the segments, many at once, and once more
// the one with which the last segment ends.
func (j *Journal) readRest(ctx context.Context) error {
	known := int64(len(j.entries))
	first, after := int64(1), ""
	if known > 0 {
		first, after = known, keyOf(known-1)
	}
	keys, err := j.store.List(ctx, entryPrefix, after)
	if err != nil {
		return err
	}
	if known > 0 && len(keys) == 0 {
		return &BrokenError{Where: keyOf(known), Err: errors.New("is gone, a segment ends with it")}
	}
	if have := first - 1 + int64(len(keys)); have > MaxEntries {
		return &BrokenError{Where: j.store.Name(), Err: fmt.Errorf("has %d entries, may have %d", have, MaxEntries)}
	}
	for i, key := range keys {
		if want := keyOf(first + int64(i)); key != want {
			return &BrokenError{Where: key, Err: fmt.Errorf("found where entry %s must be", want)}
		}
	}
	for len(keys) > 0 {
		part := keys[:min(len(keys), readAtOnce)]
		keys = keys[len(part):]
		objects, err := j.fetch(ctx, part)
		if err != nil {
			return err
		}
		for i, o := range objects {
			if part[i] == keyOf(known) {
				err = j.agrees(part[i], o.data)
			} else {
				_, err = j.take(part[i], o, i == len(part)-1 && len(keys) == 0)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// agrees refuses an entry's own object that is another entry than the last one
// that a segment gave.
func (j *Journal) agrees(key string, data []byte) error {
	last, _ := j.tail()
	if e, err := decode(data); err != nil || e.Hash != last {
		return &BrokenError{Where: key, Err: errors.Join(fmt.Errorf("is another entry than in %s", j.packed[len(j.packed)-1].key()), err)}
	}
	return nil
}

// readAtOnce bounds the undecoded entries in memory, fetchAtOnce the requests
// under way.
const (
	readAtOnce  = 1024
	fetchAtOnce = 16
)

type object struct {
	data    []byte
	version string
}

func (j *Journal) fetch(ctx context.Context, keys []string) ([]object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	objects, errs := make([]object, len(keys)), make([]error, len(keys))
	slots := make(chan struct{}, fetchAtOnce)
	var wait sync.WaitGroup
	for i, key := range keys {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-slots }()
			objects[i].data, objects[i].version, errs[i] = j.store.Get(ctx, key)
			if errs[i] != nil {
				cancel()
			}
		})
	}
	wait.Wait()
	return objects, firstCause(ctx, keys, errs)
}

// firstCause picks the error that made the others stop.
func firstCause(ctx context.Context, keys []string, errs []error) error {
	var stopped error
	for i, err := range errs {
		if err == nil {
			continue
		}
		if errors.Is(err, ErrNotFound) {
			return &BrokenError{Where: keys[i], Err: fmt.Errorf("%w, but it was listed, or later ones are there", err)}
		}
		err = fmt.Errorf("journal: %s: %w", keys[i], err)
		if !errors.Is(err, context.Canceled) {
			return err
		}
		stopped = err
	}
	if stopped == nil {
		return ctx.Err()
	}
	return stopped
}

// take adds one object to the entries. A last object that a crash cut short is
// no entry: its writer was never told that it is stored, so nothing rests on it,
// and the next entry takes its place.
func (j *Journal) take(key string, o object, last bool) (more bool, err error) {
	if last && j.tears() && torn(o.data, len(j.entries) == 0) {
		j.torn = o.version
		return false, nil
	}
	if err := j.accept(key, o.data); err != nil {
		return false, err
	}
	j.torn = ""
	return true, nil
}
