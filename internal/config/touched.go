package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// Touch is what a change does to one environment: it edits files that the
// environment is made of, shared ones (people.cue, policy/) included, or takes the
// environment away.
type Touch struct {
	Name string
	// Gone says that there is no such environment any more. Nothing is planned for it:
	// what it declared stays, and nobody looks after it.
	Gone bool
}

// Touched lists the environments that o's revision (empty: the working tree)
// changes since it left base: since the newest commit that both have. Files that
// no environment is made of touch none. The list is sorted by name.
func Touched(o Options, base string) ([]Touch, error) {
	from, err := open(o)
	if err != nil {
		return nil, err
	}
	if from.commit == nil {
		return nil, fmt.Errorf("%s: no commit here to compare with %s", o.Root, base)
	}
	parting, err := from.repo.parting(from.commit, base)
	if err != nil {
		return nil, err
	}
	before, err := from.repo.tree(parting)
	if err != nil {
		return nil, err
	}
	had, err := listFolder(before)
	if err != nil {
		return nil, err
	}
	has, err := listFolder(from.tree)
	if err != nil {
		return nil, err
	}
	var touched []Touch
	for _, name := range has {
		now, err := readFolder(from.tree, name)
		if err != nil {
			return nil, err
		}
		// What could not be read there cannot have been in force as it is now.
		if earlier, err := readFolder(before, name); err != nil || digest(earlier) != digest(now) {
			touched = append(touched, Touch{Name: name})
		}
	}
	for _, name := range had {
		if !slices.Contains(has, name) {
			touched = append(touched, Touch{Name: name, Gone: true})
		}
	}
	slices.SortFunc(touched, func(a, b Touch) int { return strings.Compare(a.Name, b.Name) })
	return touched, nil
}

// parting is the newest commit that both have. Where histories crossed there may
// be several: the first is as good as the others, since each is in both.
func (r *repository) parting(commit *object.Commit, base string) (*object.Commit, error) {
	other, err := r.commit(base)
	if err != nil {
		return nil, err
	}
	shared, err := commit.MergeBase(other)
	if err != nil {
		return nil, fmt.Errorf("merge base of %s and %s: %w", commit.Hash, base, err)
	}
	if len(shared) == 0 {
		return nil, fmt.Errorf("%s and %s have no commit in common (a shallow clone? fetch the whole history)", commit.Hash, base)
	}
	return shared[0], nil
}
