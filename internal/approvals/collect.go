package approvals

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// usualRemote is what git itself calls the place that a repository was cloned from.
const usualRemote = "origin"

// maxListed is how many entries of a tree are looked at, approvals or not.
const maxListed = 10 * approve.MaxApprovals

// Repository keeps approvals as refs: one ref for each set of changes, whose tree
// has a file for each approval. Refs of the remote where there is one, else of
// the repository itself.
type Repository struct {
	// Dir lies in the repository.
	Dir string
	// Remote is the name of a remote; empty is "origin", and that one need not be there.
	Remote string
	// Ask lets git ask for a password on the terminal.
	Ask bool
}

// opened is a repository and the remote to use.
type opened struct {
	git
	remote string
}

// openAside is open for reading: what is fetched goes to a folder that close
// removes, so that nothing of it stays.
func (r Repository) openAside(ctx context.Context) (o *opened, close func(), err error) {
	if o, err = r.open(ctx); err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "reconcile-approvals-")
	if err != nil {
		return nil, nil, fmt.Errorf("approvals: %w", err)
	}
	close = func() { _ = os.RemoveAll(folder) }
	objects, err := o.line(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	if err == nil && strings.ContainsAny(objects, ":\"\n;") {
		err = fmt.Errorf("approvals: the repository lies in a folder that git cannot name twice: %q", objects)
	}
	if err != nil {
		close()
		return nil, nil, err
	}
	o.env = append(o.env, "GIT_OBJECT_DIRECTORY="+folder, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+objects)
	return o, close, nil
}

// open finds the repository and its remote.
func (r Repository) open(ctx context.Context) (*opened, error) {
	g := git{dir: r.Dir}
	if g.dir == "" {
		g.dir = "."
	}
	if !r.Ask {
		g.env = append(g.env, "GIT_TERMINAL_PROMPT=0")
	}
	remote, err := r.remote(ctx, g)
	return &opened{git: g, remote: remote}, err
}

// remote is the name of the remote to use; empty where there is none.
func (r Repository) remote(ctx context.Context, g git) (string, error) {
	name := cmp.Or(r.Remote, usualRemote)
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(name) {
		return "", fmt.Errorf("approvals: remote %q is no name of a remote", name)
	}
	known, err := g.line(ctx, "remote")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(known) {
		if strings.TrimSpace(line) == name {
			return name, nil
		}
	}
	if name != usualRemote {
		return "", fmt.Errorf("approvals: the repository has no remote %q\nhint: git remote add %s URL", name, name)
	}
	return "", nil
}

// Collect reads the approvals of one set of changes: of environment, with the
// plan's ChangesDigest. It leaves nothing behind in the repository. What lies
// there and is no approval is told in Ignored; an error says that the place itself
// could not be read.
func (r Repository) Collect(ctx context.Context, environment, changes string) (Collected, error) {
	ref, err := Ref(environment, changes)
	if err != nil {
		return Collected{}, err
	}
	o, close, err := r.openAside(ctx)
	if err != nil {
		return Collected{}, err
	}
	defer close()
	c := Collected{Places: []string{o.place(ref)}}
	for range tries {
		tip, err := o.tip(ctx, ref)
		if err != nil || tip == "" {
			return c, err
		}
		switch entries, err := o.list(ctx, tip, &c); {
		case errors.Is(err, errGone):
			continue
		case err != nil:
			return c, err
		default:
			return c, o.read(ctx, entries, &c, o.place(ref))
		}
	}
	return c, fmt.Errorf("approvals: %s: somebody keeps moving it\nhint: --approval FILE takes approvals from files", o.place(ref))
}

// place is a ref as people find it.
func (o *opened) place(ref string) string {
	if o.remote == "" {
		return ref
	}
	return o.remote + " " + ref
}

// tries is how often a ref that moves meanwhile is read again.
const tries = 8

// errGone says that what a ref pointed at is there no more.
var errGone = errors.New("moved meanwhile")

// tip is the object that the ref points at, fetched; empty where there is no such ref.
func (o *opened) tip(ctx context.Context, ref string) (string, error) {
	if o.remote == "" {
		out, err := o.line(ctx, "for-each-ref", "--format=%(objectname) %(refname)", ref)
		return named(out, ref), err
	}
	out, err := o.line(ctx, "ls-remote", "--quiet", "--", o.remote, ref)
	if err != nil {
		return "", err
	}
	tip := named(strings.ReplaceAll(out, "\t", " "), ref)
	if tip == "" {
		return "", nil
	}
	if _, err := o.line(ctx, "cat-file", "-e", tip); err == nil {
		return tip, nil
	}
	_, err = o.line(ctx, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-prune", "--no-filter",
		"--refmap=", "--", o.remote, ref)
	return tip, err
}

// named finds the object of a ref in lines of "<object> <ref>".
func named(lines, ref string) string {
	for line := range strings.Lines(lines) {
		if object, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == ref && regexp.MustCompile(`^[0-9a-f]{40,64}$`).MatchString(object) {
			return object
		}
	}
	return ""
}

// entry is a file of a tree.
type entry struct{ name, object string }

// list gives the files of the tree at tip that may be approvals, at most
// approve.MaxApprovals, and tells what else lies there.
func (o *opened) list(ctx context.Context, tip string, c *Collected) ([]entry, error) {
	kind, err := o.line(ctx, "cat-file", "-t", tip)
	if err != nil {
		return nil, errGone
	}
	if kind != "commit" {
		c.ignore("the ref is a %s and no commit", kind)
		return nil, nil
	}
	var entries []entry
	seen := 0
	err = o.each(ctx, func(record string) error {
		if seen++; seen > maxListed {
			return errMany
		}
		e, reason := parseEntry(record)
		switch {
		case reason != "":
			c.ignore("%q %s", e.name, reason)
		case len(entries) == approve.MaxApprovals:
			return errMany
		default:
			entries = append(entries, e)
		}
		return nil
	}, "ls-tree", "-z", "-l", "--full-tree", tip)
	if errors.Is(err, errMany) || errors.Is(err, bufio.ErrTooLong) {
		c.ignore("there is more than the %d approvals that are read", len(entries))
		err = nil
	}
	return entries, err
}

// maxIgnored bounds what is told of junk.
const maxIgnored = 20

// ignore tells of one thing that is no approval, and of the rest that there is more.
func (c *Collected) ignore(format string, args ...any) {
	switch len(c.Ignored) {
	case maxIgnored:
		c.Ignored = append(c.Ignored, "and more")
	case maxIgnored + 1:
	default:
		c.Ignored = append(c.Ignored, fmt.Sprintf(format, args...))
	}
}

// parseEntry reads "<mode> <type> <object> <size>\t<name>", git's long form, and
// says why the entry is no approval.
func parseEntry(record string) (e entry, reason string) {
	facts, name, _ := strings.Cut(record, "\t")
	f := strings.Fields(facts)
	if len(f) != 4 {
		return entry{name: name}, "is not listed as files are"
	}
	e = entry{name: name, object: f[2]}
	size, err := strconv.ParseInt(f[3], 10, 64)
	switch {
	case f[0] != "100644" || f[1] != "blob" || err != nil:
		return e, "is no plain file"
	case !regexp.MustCompile(`^[0-9a-f]{32}\.json$`).MatchString(name):
		return e, "has not the name of an approval"
	case size > approve.MaxApprovalBytes:
		return e, fmt.Sprintf("has %d bytes, an approval has at most %d", size, approve.MaxApprovalBytes)
	}
	return e, ""
}

// read reads the files that may be approvals.
func (o *opened) read(ctx context.Context, entries []entry, c *Collected, place string) error {
	if len(entries) == 0 {
		return nil
	}
	var objects strings.Builder
	for _, e := range entries {
		objects.WriteString(e.object + "\n")
	}
	out, err := o.run(ctx, []byte(objects.String()), "cat-file", "--batch")
	if err != nil {
		return err
	}
	rest := bufio.NewReader(bytes.NewReader(out))
	for _, e := range entries {
		data, err := nextBlob(rest, e.object)
		if err != nil {
			return fmt.Errorf("approvals: %s: %s: %w", place, e.name, err)
		}
		signed, err := approve.ParseSigned(data)
		if err != nil {
			c.ignore("%q: %v", e.name, err)
			continue
		}
		signed.Origin = place
		c.Signed = append(c.Signed, signed)
	}
	return nil
}

// nextBlob reads one answer of git cat-file --batch: a line "<object> blob
// <size>", the bytes, a line's end.
func nextBlob(r *bufio.Reader, object string) ([]byte, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	f := strings.Fields(head)
	if len(f) != 3 || f[0] != object || f[1] != "blob" {
		return nil, fmt.Errorf("git answers %q", strings.TrimSpace(head))
	}
	size, err := strconv.Atoi(f[2])
	if err != nil || size < 0 || size > approve.MaxApprovalBytes {
		return nil, fmt.Errorf("git answers %q", strings.TrimSpace(head))
	}
	data := make([]byte, size+1)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, err
	}
	return data[:size], nil
}
