package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// repository is a git repository and where the root of the environments lies
// in it: empty at its top, examples/nomad below it.
type repository struct {
	git    *git.Repository
	prefix string
}

// openRepository finds the repository that holds root. A root outside of any
// repository gives nil: its working tree can still be read.
func openRepository(root string) (*repository, error) {
	absolute, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if absolute, err = filepath.EvalSymlinks(absolute); err != nil {
		return nil, err
	}
	r, err := git.PlainOpenWithOptions(absolute, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: open git repository: %w", root, err)
	}
	worktree, err := r.Worktree()
	if errors.Is(err, git.ErrIsBareRepository) {
		return &repository{git: r}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: open git repository: %w", root, err)
	}
	top, err := filepath.EvalSymlinks(worktree.Filesystem.Root())
	if err != nil {
		return nil, err
	}
	prefix, err := filepath.Rel(top, absolute)
	if err != nil {
		return nil, err
	}
	if prefix = filepath.ToSlash(prefix); prefix == "." {
		prefix = ""
	}
	return &repository{git: r, prefix: prefix}, nil
}

// commit resolves a revision: a branch, a tag, a commit, HEAD~1.
func (r *repository) commit(rev string) (*object.Commit, error) {
	if r == nil {
		return nil, fmt.Errorf("revision %q: not in a git repository", rev)
	}
	hash, err := r.git.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return nil, fmt.Errorf("revision %q: %w", rev, err)
	}
	commit, err := r.git.CommitObject(*hash)
	if err != nil {
		return nil, fmt.Errorf("revision %q: %w", rev, err)
	}
	return commit, nil
}

// tree is the root of the environments at a commit.
func (r *repository) tree(commit *object.Commit) (fs.FS, error) {
	tree, err := commit.Tree()
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", commit.Hash, err)
	}
	if r.prefix != "" {
		if tree, err = tree.Tree(r.prefix); err != nil {
			return nil, fmt.Errorf("commit %s: %s: %w", commit.Hash, r.prefix, err)
		}
	}
	return treeFS{tree}, nil
}

// treeFS is a git tree as fs.FS, read without a checkout.
type treeFS struct{ tree *object.Tree }

// Open opens a file or folder of the tree.
func (t treeFS) Open(name string) (fs.File, error) {
	fail := func(err error) (fs.File, error) { return nil, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	if name == "." {
		return &treeFile{info: entryInfo{name: ".", mode: fs.ModeDir | 0o555}, tree: t.tree}, nil
	}
	entry, err := t.tree.FindEntry(name)
	if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) {
		return fail(fs.ErrNotExist)
	}
	if err != nil {
		return fail(err)
	}
	if entry.Mode == filemode.Dir {
		below, err := t.tree.Tree(name)
		if err != nil {
			return fail(err)
		}
		return &treeFile{info: entryInfo{name: path.Base(name), mode: fs.ModeDir | 0o555}, tree: below}, nil
	}
	blob, err := t.tree.TreeEntryFile(entry)
	if err != nil {
		return fail(err)
	}
	reader, err := blob.Reader()
	if err != nil {
		return fail(err)
	}
	return &treeFile{info: entryInfo{name: path.Base(name), mode: modeOf(entry.Mode), size: blob.Size}, reader: reader}, nil
}

func modeOf(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Regular, filemode.Executable, filemode.Deprecated:
		return 0o444
	case filemode.Dir:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink
	default:
		return fs.ModeIrregular
	}
}

// treeFile is one open file or folder of a treeFS.
type treeFile struct {
	info   entryInfo
	tree   *object.Tree
	reader io.ReadCloser
	offset int
}

// Stat describes the file.
func (f *treeFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Read reads a file; a folder has nothing to read.
func (f *treeFile) Read(p []byte) (int, error) {
	if f.reader == nil {
		return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: fs.ErrInvalid}
	}
	return f.reader.Read(p)
}

// Close ends the reading.
func (f *treeFile) Close() error {
	if f.reader == nil {
		return nil
	}
	return f.reader.Close()
}

// ReadDir lists a folder, as fs.ReadDirFile says.
func (f *treeFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.tree == nil {
		return nil, &fs.PathError{Op: "readdir", Path: f.info.name, Err: fs.ErrInvalid}
	}
	rest := f.tree.Entries[f.offset:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 && n < len(rest) {
		rest = rest[:n]
	}
	f.offset += len(rest)
	entries := make([]fs.DirEntry, 0, len(rest))
	for _, e := range rest {
		entries = append(entries, treeEntry{f.tree, entryInfo{name: e.Name, mode: modeOf(e.Mode)}})
	}
	return entries, nil
}

// treeEntry is one line of a folder. Its size is looked up when it is asked for: a
// stranger's folder may list a million files of which none counts.
type treeEntry struct {
	tree *object.Tree
	info entryInfo
}

// Name is the base name.
func (e treeEntry) Name() string { return e.info.name }

// IsDir reports a folder.
func (e treeEntry) IsDir() bool { return e.info.IsDir() }

// Type is what Info says of the mode.
func (e treeEntry) Type() fs.FileMode { return e.info.mode.Type() }

// Info describes the file, its size included.
func (e treeEntry) Info() (fs.FileInfo, error) {
	info := e.info
	if !info.mode.IsRegular() {
		return info, nil
	}
	size, err := e.tree.Size(info.name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: info.name, Err: err}
	}
	info.size = size
	return info, nil
}

// entryInfo is fs.FileInfo of a tree's entry. Git keeps no times.
type entryInfo struct {
	name string
	mode fs.FileMode
	size int64
}

// Name is the base name.
func (i entryInfo) Name() string { return i.name }

// Size is in bytes, 0 for a folder.
func (i entryInfo) Size() int64 { return i.size }

// Mode is read-only, as git objects are.
func (i entryInfo) Mode() fs.FileMode { return i.mode }

// ModTime is unknown to git.
func (i entryInfo) ModTime() time.Time { return time.Time{} }

// IsDir reports a folder.
func (i entryInfo) IsDir() bool { return i.mode.IsDir() }

// Sys has nothing underneath.
func (i entryInfo) Sys() any { return nil }

// dirty reports whether the files read differ from those at the commit.
func (r *repository) dirty(commit *object.Commit, name string, files []file) bool {
	tree, err := r.tree(commit)
	if err != nil {
		return true
	}
	committed, err := readFolder(tree, name)
	if err != nil {
		return true
	}
	return !slices.EqualFunc(files, committed, func(a, b file) bool { return a.path == b.path && bytes.Equal(a.data, b.data) })
}

// workingTree is the root's folder as it is on disk.
func workingTree(root string) fs.FS { return os.DirFS(root) }
