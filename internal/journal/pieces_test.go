package journal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A segment is cut before the object is full, and an entry that with its line
// feed is longer than an object stays alone.
func TestSegmentsAreCutWhereAnObjectIsFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes []int
		want  []span
	}{
		"nothing":                      {nil, nil},
		"one entry alone":              {[]int{10}, nil},
		"all fit":                      {[]int{10, 10, 10}, []span{{5, 7}}},
		"exactly full":                 {[]int{MaxObjectBytes - 10, 10}, []span{{5, 6}}},
		"one byte too many":            {[]int{MaxObjectBytes - 10, 11, 5}, []span{{6, 7}}},
		"two full ones":                {[]int{MaxObjectBytes - 10, 10, MaxObjectBytes - 10, 10}, []span{{5, 6}, {7, 8}}},
		"an entry too long at first":   {[]int{MaxObjectBytes + 1, 10, 10}, []span{{6, 7}}},
		"an entry too long between":    {[]int{10, 10, MaxObjectBytes + 1, 10, 10}, []span{{5, 6}, {8, 9}}},
		"an entry too long at the end": {[]int{10, 10, MaxObjectBytes + 1}, []span{{5, 6}}},
		"only entries too long":        {[]int{MaxObjectBytes + 1, MaxObjectBytes + 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := make([][]byte, len(c.sizes))
			for i, size := range c.sizes {
				lines[i] = make([]byte, size)
			}
			if diff := cmp.Diff(c.want, pieces(5, lines), cmp.AllowUnexported(span{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAReaderTakesTheSegmentsThatReachFurthest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		segments []span
		known    int64
		want     []span
	}{
		"none":                      {nil, 3, nil},
		"one after the other":       {[]span{{1, 4}, {5, 9}}, 0, []span{{1, 4}, {5, 9}}},
		"a short one packed again":  {[]span{{1, 4}, {1, 9}, {5, 7}}, 0, []span{{1, 9}}},
		"two that overlap":          {[]span{{1, 5}, {3, 9}}, 0, []span{{1, 5}, {3, 9}}},
		"a gap":                     {[]span{{1, 2}, {5, 6}, {5, 9}, {7, 8}}, 0, []span{{1, 2}, {5, 9}}},
		"a beginning that is known": {[]span{{1, 4}, {3, 9}}, 6, []span{{3, 9}}},
		"all known":                 {[]span{{1, 4}}, 4, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, cover(c.segments, c.known), cmp.AllowUnexported(span{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
