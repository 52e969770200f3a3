package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// Options say which environment, from where.
type Options struct {
	// Root is the folder that holds environments/; it may lie below the top of
	// its repository. Empty is the current folder.
	Root string
	// Rev is a revision of that repository, read without a checkout; empty is
	// the working tree.
	Rev string
	// Name of the environment.
	Name string
	// Overlay points the environment elsewhere; nil in real life.
	Overlay *Overlay
	// Evaluate hands the files to another process, which answers with the function
	// Evaluate of this package: CUE of a stranger may take any time and memory. nil
	// evaluates here.
	Evaluate func(request []byte) (answer []byte, err error)
	// Unpinned leaves addresses.json unread, for whoever is about to write it. The
	// Revision is then not that of any commit.
	Unpinned bool
	// Instead gives files other bytes than those of the tree, by their path, for
	// whoever is about to write them.
	Instead map[string][]byte
}

// Revision is what an environment was read from.
type Revision struct {
	// Commit is the full hash: of Rev, or of HEAD below the working tree. Empty
	// outside of a repository and before its first commit.
	Commit string
	// Dirty says that the environment's files, or what all environments share
	// (people.cue, policy/), differ from those at Commit. Other files of the
	// repository do not count.
	Dirty bool
	// Config is the digest of the environment's files, with addresses.json,
	// deployments, people.cue and policy/*.cue.
	Config string
	// Governance is the digest of what judges a plan: gates, funding limits,
	// endpoints, trusted ref, approvers, people and policies. Where contracts are and which members a
	// set has is what a plan is about, and not part of it.
	Governance string
}

// opened is what Options name, found.
type opened struct {
	tree   fs.FS
	repo   *repository
	commit *object.Commit // nil outside of a repository
	rev    bool
}

func open(o Options) (opened, error) {
	root := o.Root
	if root == "" {
		root = "."
	}
	repo, err := openRepository(root)
	if err != nil {
		return opened{}, err
	}
	if o.Rev != "" {
		commit, err := repo.commit(o.Rev)
		if err != nil {
			return opened{}, err
		}
		tree, err := repo.tree(commit)
		return opened{tree: tree, repo: repo, commit: commit, rev: true}, err
	}
	from := opened{tree: workingTree(root), repo: repo}
	if repo != nil {
		if head, err := repo.git.Head(); err == nil {
			if from.commit, err = repo.git.CommitObject(head.Hash()); err != nil {
				return opened{}, fmt.Errorf("%s: read HEAD: %w", root, err)
			}
		}
	}
	return from, nil
}

// Load reads one environment and checks it, against its neighbours too. Faults
// of its files come back together, as Errors. A neighbour that cannot be
// evaluated is not compared: its own Load says why, and compares the two once
// it is mended.
func Load(o Options) (*Environment, Revision, error) {
	from, err := open(o)
	if err != nil {
		return nil, Revision{}, err
	}
	if o.Unpinned {
		from.tree = withoutPins{from.tree, PinsFile(o.Name)}
	}
	if len(o.Instead) > 0 {
		from.tree = instead{from.tree, o.Instead}
	}
	files, err := readFolder(from.tree, o.Name)
	if err != nil {
		return nil, Revision{}, err
	}
	env, err := from.environment(o)
	if err != nil {
		return nil, Revision{}, err
	}
	revision := Revision{Config: digest(files), Dirty: !from.rev}
	if from.commit != nil {
		revision.Commit = from.commit.Hash.String()
		revision.Dirty = !from.rev && from.repo.dirty(from.commit, o.Name, files)
	}
	if revision.Governance, err = governanceDigest(env); err != nil {
		return nil, Revision{}, fmt.Errorf("%s: digest of governance: %w", o.Name, err)
	}
	if o.Overlay != nil {
		if err := o.Overlay.Apply(env); err != nil {
			return nil, Revision{}, err
		}
	}
	return env, revision, nil
}

// Environments lists the environments at o's revision, by name.
func Environments(o Options) ([]string, error) {
	from, err := open(o)
	if err != nil {
		return nil, err
	}
	return listFolder(from.tree)
}

// Resolve gives the full commit hash of a revision of o's repository.
func Resolve(o Options, rev string) (string, error) {
	o.Rev = rev
	from, err := open(o)
	if err != nil {
		return "", err
	}
	return from.commit.Hash.String(), nil
}

// ConfigDigestAt is Revision.Config of an environment at a revision, without
// evaluating anything: enough to see that a plan is superseded.
func ConfigDigestAt(o Options, rev, name string) (string, error) {
	o.Rev = rev
	from, err := open(o)
	if err != nil {
		return "", err
	}
	files, err := readFolder(from.tree, name)
	if err != nil {
		return "", err
	}
	return digest(files), nil
}

// loadOne reads, evaluates, lowers and checks an environment by itself. An
// overlay's deployment is used from the start, because addresses follow from it.
func loadOne(tree fs.FS, name string, overlay *Overlay) (*Environment, []file, error) {
	files, err := readFolder(tree, name)
	if err != nil {
		return nil, nil, err
	}
	d, err := evaluate(Folder+"/"+name, files)
	if err != nil {
		return nil, nil, err
	}
	env, err := lower(d, name, files, overlay)
	return env, files, err
}

// ReadOverlay is LoadOverlay of a file on disk.
func ReadOverlay(path string) (*Overlay, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	if info.Size() > maxOverlayBytes {
		return nil, fmt.Errorf("%s: overlay: has %d bytes, may have %d", path, info.Size(), maxOverlayBytes)
	}
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	return LoadOverlay(path, data)
}
