package approvals

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// Publish adds an approval to those of one set of changes and says where it is
// now. Nothing is overwritten: when somebody else was faster, it is added to
// theirs. id is the statement's.
func (r Repository) Publish(ctx context.Context, environment, changes, id string, signed approve.Signed) (place string, err error) {
	ref, err := Ref(environment, changes)
	if err != nil {
		return "", err
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
		return "", fmt.Errorf("approvals: id %q is not 128 bits in hex", id)
	}
	data, err := signed.Encode()
	if err != nil {
		return "", err
	}
	// A push may update what the user's settings make of the remote's refs, so the
	// objects are made where they stay.
	o, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	if err := o.add(ctx, ref, id, data); err != nil {
		return "", withFile(fmt.Errorf("approvals: %s: %w", o.place(ref), err))
	}
	return o.place(ref), nil
}

// withFile says what always works.
func withFile(err error) error {
	return fmt.Errorf("%w\nhint: --out FILE writes the approval to a file, and apply takes it with --approval FILE", err)
}

// add puts the approval on top of what the ref holds, again and again while
// others are faster.
func (o *opened) add(ctx context.Context, ref, id string, data []byte) error {
	for range tries {
		tip, err := o.tip(ctx, ref)
		if err != nil {
			return err
		}
		commit, err := o.commit(ctx, tip, id, data)
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return err
		}
		failed := o.move(ctx, ref, tip, commit)
		if failed == nil {
			return nil
		}
		now, err := o.tip(ctx, ref)
		switch {
		case err != nil:
			return errors.Join(failed, err)
		case now == commit:
			return nil
		case now == tip:
			return failed
		}
	}
	return errors.New("somebody else is always faster")
}

// commit makes the commit that holds what tip holds and the approval.
func (o *opened) commit(ctx context.Context, tip, id string, data []byte) (string, error) {
	var entries []entry
	if tip != "" {
		var junk Collected
		var err error
		if entries, err = o.list(ctx, tip, &junk); err != nil {
			return "", err
		}
	}
	if len(entries) >= approve.MaxApprovals {
		return "", fmt.Errorf("holds %d approvals already, and no more are read", len(entries))
	}
	blob, err := o.run(ctx, data, "hash-object", "-w", "-t", "blob", "--no-filters", "--stdin")
	if err != nil {
		return "", err
	}
	var tree strings.Builder
	for _, e := range append(entries, entry{id + ".json", strings.TrimSpace(string(blob))}) {
		fmt.Fprintf(&tree, "100644 blob %s\t%s\n", e.object, e.name)
	}
	made, err := o.run(ctx, []byte(tree.String()), "mktree")
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", "-m", "approval " + id}
	if tip != "" {
		args = append(args, "-p", tip)
	}
	// Who approved is in the signature; the commit is nobody's.
	as := git{dir: o.dir, env: append([]string{
		"GIT_AUTHOR_NAME=reconcile", "GIT_AUTHOR_EMAIL=reconcile@localhost", "GIT_COMMITTER_NAME=reconcile", "GIT_COMMITTER_EMAIL=reconcile@localhost",
	}, o.env...)}
	return as.line(ctx, append(args, strings.TrimSpace(string(made)))...)
}

// move lets the ref point at the commit if it still points at tip.
func (o *opened) move(ctx context.Context, ref, tip, commit string) error {
	if o.remote == "" {
		_, err := o.line(ctx, "update-ref", "--no-deref", ref, commit, tip)
		return err
	}
	_, err := o.line(ctx, "push", "--quiet", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no", "--", o.remote, commit+":"+ref)
	return err
}
