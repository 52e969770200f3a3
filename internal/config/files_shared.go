package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// PolicyFolder holds the users' own rules, beside Folder.
const PolicyFolder = "policy"

// peopleFile says who the people of all environments are.
const peopleFile = Folder + "/people.cue"

// Bounds on the users' own rules, which are evaluated once for every plan.
const (
	maxPolicies    = 64
	maxPolicyBytes = 256 << 10
)

// shared reads what all environments have in common. Neither file has to be there.
func (r *folderReader) shared() error {
	entries, err := fs.ReadDir(r.tree, Folder)
	if err != nil {
		return fmt.Errorf("%s: read: %w", Folder, err)
	}
	if err := r.take(Folder, entries, func(name string) bool { return name == path.Base(peopleFile) }); err != nil {
		return err
	}
	if i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(peopleFile) }); i >= 0 && entries[i].IsDir() {
		r.add(resource.Source{File: peopleFile}, "", "", "is a folder, not a file")
	}
	return r.policies()
}

// policies reads policy/*.cue. What cannot be read is a fault: rules that are
// left out in silence judge nobody.
func (r *folderReader) policies() error {
	here := resource.Source{File: PolicyFolder}
	info, err := fs.Lstat(r.tree, PolicyFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: read: %w", PolicyFolder, err)
	}
	if !info.IsDir() {
		r.add(here, "", "", "not a folder (links are not followed)")
		return nil
	}
	entries, err := fs.ReadDir(r.tree, PolicyFolder)
	if err != nil {
		return fmt.Errorf("%s: read: %w", PolicyFolder, err)
	}
	before := len(r.files)
	if err := r.take(PolicyFolder, entries, isPolicy); err != nil {
		return err
	}
	bytes := 0
	for _, f := range r.files[before:] {
		bytes += len(f.data)
	}
	if count := len(r.files) - before; count > maxPolicies || bytes > maxPolicyBytes {
		r.add(here, "", "", "has %d files of %d bytes together, may have %d files of %d bytes", count, bytes, maxPolicies, maxPolicyBytes)
	}
	return nil
}

// Policies reads the users' own rules at o's revision, sorted by path, and
// evaluates nothing.
func Policies(o Options) ([]PolicyFile, error) {
	from, err := open(o)
	if err != nil {
		return nil, err
	}
	r := folderReader{tree: from.tree}
	if err := r.policies(); err != nil {
		return nil, err
	}
	return policyFiles(r.files), r.err()
}

func isPolicy(name string) bool {
	return strings.HasSuffix(name, ".cue") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_")
}

// ownFiles are those of the environment's folder itself, which are evaluated
// together.
func ownFiles(files []file) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return !own(f.path) })
}

// policyFiles are the users' own rules, sorted by path.
func policyFiles(files []file) []PolicyFile {
	var rules []PolicyFile
	for _, f := range files {
		if path.Dir(f.path) == PolicyFolder {
			rules = append(rules, PolicyFile{Path: f.path, Data: f.data})
		}
	}
	slices.SortFunc(rules, func(a, b PolicyFile) int { return strings.Compare(a.Path, b.Path) })
	return rules
}
