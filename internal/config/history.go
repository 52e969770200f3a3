package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Bounds on a history that nobody reviewed: commits on a side, and bytes of one
// commit (its message, and its signature).
const (
	maxCommits     = 500_000
	maxCommitBytes = 1 << 20
)

// sshArmour begins a signature that an SSH key made (gpg.format = ssh).
const sshArmour = "-----BEGIN SSH SIGNATURE-----"

// Commit is one commit of a history, as far as it says who had a hand in what.
type Commit struct {
	Hash string
	// Emails are all that its author, committer and Co-authored-by lines name, lower
	// case and sorted.
	Emails []string
	// Signature is the armoured SSH signature; empty where there is none, or one of
	// another kind. Payload are the bytes that git signed: the commit without it.
	Signature, Payload []byte
	// Changes says that the environment's own files, or those that all environments
	// share (people, policies), are as in none of the commit's parents. A merge
	// that takes one side whole changes nothing.
	Changes bool
}

// History lists the commits that one revision reaches and another does not, newest
// first as git walks them; since empty means from the beginning. The environment
// is Options.Name. It fails where the repository does not hold them all, as a
// shallow clone.
func History(o Options, since, to string) ([]Commit, error) {
	o.Rev = to
	from, err := open(o)
	if err != nil {
		return nil, err
	}
	repo, tip := from.repo, from.commit
	known := map[plumbing.Hash]bool{}
	if since != "" {
		base, err := repo.commit(since)
		if err != nil {
			return nil, err
		}
		if err := repo.walk(base.Hash, known, func(*object.Commit) error { return nil }); err != nil {
			return nil, fmt.Errorf("history of %s: %w", since, err)
		}
	}
	w := historian{repo: repo, paths: judgedPaths(repo.prefix, o.Name), seen: map[plumbing.Hash]footprint{}}
	var commits []Commit
	err = repo.walk(tip.Hash, known, func(c *object.Commit) error {
		one, err := w.read(c)
		if err != nil {
			return fmt.Errorf("commit %s: %w", c.Hash, err)
		}
		commits = append(commits, one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", to, err)
	}
	return commits, nil
}

// errFound ends a walk.
var errFound = errors.New("found")

// Holds reports whether a revision reaches a commit, given by its full hash. It may
// fail where the repository does not hold the whole history, as a shallow clone.
func Holds(o Options, rev, commit string) (bool, error) {
	o.Rev = rev
	from, err := open(o)
	if err != nil {
		return false, err
	}
	repo, tip := from.repo, from.commit
	err = repo.walk(tip.Hash, map[plumbing.Hash]bool{}, func(c *object.Commit) error {
		if c.Hash.String() == commit {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// walk visits each commit that is reached and was not seen, once, and marks it seen.
func (r *repository) walk(from plumbing.Hash, seen map[plumbing.Hash]bool, visit func(*object.Commit) error) error {
	todo := []plumbing.Hash{from}
	for len(todo) > 0 {
		hash := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[hash] {
			continue
		}
		if seen[hash] = true; len(seen) > maxCommits {
			return fmt.Errorf("has more than %d commits", maxCommits)
		}
		c, err := r.git.CommitObject(hash)
		if err != nil {
			return missing(hash, err)
		}
		if err := visit(c); err != nil {
			return err
		}
		todo = append(todo, c.ParentHashes...)
	}
	return nil
}

// missing names a commit that a shallow clone does not hold.
func missing(hash plumbing.Hash, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("commit %s is not in this clone: fetch the whole history (git fetch --unshallow)", hash)
	}
	return fmt.Errorf("commit %s: %w", hash, err)
}

// judgedPaths are what readFolder reads of an environment, from the repository's top:
// its folder, the people and the policies.
func judgedPaths(prefix, name string) [3]string {
	return [3]string{path.Join(prefix, Folder, name), path.Join(prefix, peopleFile), path.Join(prefix, PolicyFolder)}
}

// footprint is what lies at the judged paths of a tree, by hash; zero: nothing.
type footprint [3]object.TreeEntry

// historian reads commits and remembers their trees.
type historian struct {
	repo  *repository
	paths [3]string
	seen  map[plumbing.Hash]footprint
}

func (h *historian) read(c *object.Commit) (Commit, error) {
	raw, err := h.repo.raw(c.Hash)
	if err != nil {
		return Commit{}, err
	}
	emails, signature, payload := readCommit(raw)
	one := Commit{Hash: c.Hash.String(), Emails: emails, Signature: signature, Payload: payload}
	one.Changes, err = h.changes(c)
	return one, err
}

// changes compares with every parent; a first commit with nothing.
func (h *historian) changes(c *object.Commit) (bool, error) {
	here, err := h.footprint(c.TreeHash)
	if err != nil {
		return false, err
	}
	if len(c.ParentHashes) == 0 {
		return here != footprint{}, nil
	}
	for _, hash := range c.ParentHashes {
		parent, err := h.repo.git.CommitObject(hash)
		if err != nil {
			return false, missing(hash, err)
		}
		there, err := h.footprint(parent.TreeHash)
		if err != nil || there == here {
			return false, err
		}
	}
	return true, nil
}

func (h *historian) footprint(hash plumbing.Hash) (footprint, error) {
	if f, ok := h.seen[hash]; ok {
		return f, nil
	}
	var f footprint
	tree, err := h.repo.git.TreeObject(hash)
	if err != nil {
		return f, fmt.Errorf("tree %s: %w", hash, err)
	}
	for i, name := range h.paths {
		entry, err := tree.FindEntry(name)
		switch {
		case err == nil:
			f[i] = *entry
		case errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound):
		default:
			return f, fmt.Errorf("tree %s: %s: %w", hash, name, err)
		}
	}
	h.seen[hash] = f
	return f, nil
}

// raw is a commit's bytes.
func (r *repository) raw(hash plumbing.Hash) (data []byte, err error) {
	o, err := r.git.Storer.EncodedObject(plumbing.CommitObject, hash)
	if err != nil {
		return nil, err
	}
	if o.Size() > maxCommitBytes {
		return nil, fmt.Errorf("has %d bytes, may have %d", o.Size(), maxCommitBytes)
	}
	reader, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return io.ReadAll(reader)
}

// readCommit reads who a commit names, and takes its signature out as git does when
// it verifies: the header gpgsig with the lines that continue it, and gpgsig-sha256.
// git, Documentation/gitformat-signature.txt, "Commit signatures".
func readCommit(raw []byte) (emails []string, signature, payload []byte) {
	head, message, _ := bytes.Cut(raw, []byte("\n\n"))
	var signatures [][]byte
	last := ""
	for line := range bytes.Lines(raw[:min(len(head)+1, len(raw))]) {
		key, value, _ := bytes.Cut(line, []byte(" "))
		if continued := len(key) == 0; !continued {
			last = string(bytes.TrimSuffix(key, []byte("\n")))
			if last == "gpgsig" {
				signatures = append(signatures, nil)
			}
			if last == "author" || last == "committer" {
				emails = append(emails, bracketed(string(value))...)
			}
		}
		switch last {
		case "gpgsig":
			signatures[len(signatures)-1] = append(signatures[len(signatures)-1], value...)
		case "gpgsig-sha256":
		default:
			payload = append(payload, line...)
		}
	}
	payload = append(payload, raw[min(len(head)+1, len(raw)):]...)
	emails = append(emails, coAuthors(string(message))...)
	if len(signatures) == 1 && bytes.HasPrefix(signatures[0], []byte(sshArmour)) {
		signature = signatures[0]
	}
	return tidy(emails), signature, payload
}

// bracketed lists all that stands between < and >: a name may hold another address,
// and programs differ in which they take.
func bracketed(text string) []string {
	var all []string
	for {
		_, after, found := strings.Cut(text, "<")
		if !found {
			return all
		}
		email, _, _ := strings.Cut(after, ">")
		all, text = append(all, email), after
	}
}

// coAuthors reads the Co-authored-by trailers of a commit message, which may go on
// over lines that begin with a space.
func coAuthors(message string) []string {
	var emails []string
	ours := false
	for line := range strings.Lines(message) {
		if strings.TrimLeft(line, " \t") != line {
			if ours {
				emails = append(emails, bracketed(line)...)
			}
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if ours = ok && strings.EqualFold(strings.TrimSpace(key), "co-authored-by"); ours {
			emails = append(emails, bracketed(value)...)
		}
	}
	return emails
}

func tidy(emails []string) []string {
	for i, email := range emails {
		emails[i] = strings.ToLower(strings.TrimSpace(email))
	}
	slices.Sort(emails)
	return slices.DeleteFunc(slices.Compact(emails), func(email string) bool { return email == "" })
}
