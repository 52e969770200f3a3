package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func newAccept(a *app) *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "accept ENV ID",
		Short: "write the CUE that keeps what somebody changed outside git",
		Long: `accept reads one resource as it is and changes the environment's CUE files so
that they declare just that: the other way out of drift beside apply. It prints
the change; with --write it makes it, for a commit and a review as any other.
The changed files must pass vet first, and nothing of the resource may differ
from them.

Members and threshold of a validator set, owners and threshold of a Safe, the
parameters and the owner of a contract, members and policies of a group, and
the statements of a policy can be kept, where they are written out. What cannot
is said by name. The live world is not changed.`,
		Example: `  reconcile plan staging --cause drift
  reconcile accept staging iam-group/global/operators
  reconcile accept staging validator-set/fuji/sepolia --write`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.accept(cmd.Context(), args[0], args[1], write)
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "change the files")
	return cmd
}

func (a *app) accept(ctx context.Context, name, of string, write bool) error {
	id, err := resource.ParseID(of)
	if err != nil {
		return withHint(err, "reconcile plan %s --cause drift --verbose lists the ids", name)
	}
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	d, err := s.drifting(ctx, id)
	if err != nil || len(d.fields) == 0 {
		if err == nil {
			fmt.Fprintf(a.out, "%s: %s is as it is declared: there is nothing to accept\n", name, id)
		}
		return err
	}
	rewrites, err := s.keeping(d)
	if err != nil {
		return fmt.Errorf("%s: accept: %w", id, err)
	}
	follow, err := s.checkKept(d, rewrites)
	if err != nil {
		return fmt.Errorf("%s: accept: nothing was written: %w", id, err)
	}
	for _, r := range rewrites {
		if _, err := a.out.Write([]byte(view.Terminal(r.Path) + "\n" + lineDiff(string(r.Before), string(r.After)))); err != nil {
			return err
		}
		if !write {
			continue
		}
		if err := replaceFile(filepath.Join(a.dir, filepath.FromSlash(r.Path)), r.After); err != nil {
			return fmt.Errorf("%s: accept: %w", id, err)
		}
	}
	for _, other := range follow {
		fmt.Fprintf(a.out, "the same lines declare %s, which will have to follow\n", view.Terminal(other.String()))
	}
	next := fmt.Sprintf("commit it; reconcile plan %s --only %s shows nothing", name, id)
	if !write {
		next = fmt.Sprintf("reconcile accept %s %s --write", name, id)
	}
	return view.Hint(a.out, next, a.viewOptions())
}

// drift is one resource as it is and as it is declared, refs filled in.
type drift struct {
	kind       kind.Kind
	have, want resource.Resource
	fields     []plan.FieldChange
	lookup     func(resource.Ref) (string, bool)
	desired    resource.Set
}

// drifting reads the world and finds what differs in one resource.
func (s *session) drifting(ctx context.Context, id resource.ID) (drift, error) {
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return drift{}, err
	}
	want, declared := desired[id]
	i := slices.IndexFunc(s.kinds, func(k kind.Kind) bool { return k.Name == id.Kind })
	if !declared || i < 0 {
		return drift{}, withHint(fmt.Errorf("%s: accept: the configuration does not declare it", id), "what carries our mark and is undeclared is removed by apply, or declared by hand")
	}
	world, err := observe.All(ctx, s.env, s.kinds, desired, s.progress.kind)
	if err != nil {
		return drift{}, err
	}
	have, there := world.Owned[id]
	if resource.Covering(world.Unread)(id) {
		return drift{}, fmt.Errorf("%s: accept: could not be read: what is not known cannot be kept", id)
	}
	if !there {
		return drift{}, withHint(fmt.Errorf("%s: accept: it is not there any more", id), "take it out of the configuration, or let apply make it again")
	}
	d := drift{kind: s.kinds[i], have: have, lookup: world.Lookup, desired: desired}
	d.fields = plan.Compare(d.kind.Traits, have.Attrs, want.Attrs, d.lookup)
	want.Attrs, _ = want.Attrs.Resolve(d.lookup)
	d.want = want
	return d, nil
}

// keeping are the files that declare what is there.
func (s *session) keeping(d drift) ([]config.Rewrite, error) {
	if d.kind.Accept == nil {
		var paths []string
		for _, f := range d.fields {
			paths = append(paths, f.Path)
		}
		return nil, withHint(fmt.Errorf("%s of %s cannot be kept: no line of the configuration states it by itself", strings.Join(paths, ", "), d.kind.Name),
			"let apply undo it, or change by hand what it is made of: %s", sourcesOf(d.want))
	}
	edits, err := d.kind.Accept(s.env, d.have, d.want)
	if err != nil {
		return nil, withHint(err, "let apply undo it, or change %s by hand", sourcesOf(d.want))
	}
	rewrites, err := config.Rewritten(s.options, edits)
	if err != nil {
		return nil, withHint(err, "change it by hand: it follows from %s", sourcesOf(d.want))
	}
	if len(rewrites) == 0 {
		return nil, errors.New("no line that could be changed makes a difference")
	}
	return rewrites, nil
}

func sourcesOf(r resource.Resource) string {
	if len(r.Why) == 0 {
		return "the configuration"
	}
	return r.Why[0].String()
}

// checkKept vets the changed files as if they were there, and looks whether
// anything still differs. follow are other resources that the same lines declare.
func (s *session) checkKept(d drift, rewrites []config.Rewrite) (follow []resource.ID, err error) {
	options := s.options
	options.Instead = map[string][]byte{}
	for _, r := range rewrites {
		options.Instead[r.Path] = r.After
	}
	env, _, err := config.Load(options)
	if err != nil {
		return nil, fmt.Errorf("the files would not pass vet: %w", err)
	}
	desired, err := observe.Declare(env, s.kinds)
	if err != nil {
		return nil, err
	}
	if left := plan.Compare(d.kind.Traits, d.have.Attrs, desired[d.want.ID].Attrs, d.lookup); len(left) > 0 {
		return nil, fmt.Errorf("%s would still differ: it has no form in the configuration", left[0].Path)
	}
	traits := traitsOf(s.kinds)
	for _, id := range desired.IDs() {
		was, _ := d.desired[id].Attrs.Resolve(d.lookup)
		if id != d.want.ID && len(plan.Compare(traits[id.Kind], was, desired[id].Attrs, d.lookup)) > 0 {
			follow = append(follow, id)
		}
	}
	return follow, nil
}

// replaceFile writes a whole file or none of it, with the mode that it had.
func replaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temporary := path + ".part"
	if err := os.WriteFile(temporary, data, info.Mode().Perm()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// lineDiff is what differs between two texts, by lines, with two lines around.
func lineDiff(before, after string) string {
	const around = 2
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	head := 0
	for head < len(was) && head < len(is) && was[head] == is[head] {
		head++
	}
	tail := 0
	for tail < len(was)-head && tail < len(is)-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	var out strings.Builder
	write := func(sign string, lines []string) {
		for _, line := range lines {
			out.WriteString(strings.TrimRight(sign+view.Terminal(strings.ReplaceAll(line, "\t", "    ")), " ") + "\n")
		}
	}
	write("  ", was[max(0, head-around):head])
	write("- ", was[head:len(was)-tail])
	write("+ ", is[head:len(is)-tail])
	write("  ", was[len(was)-tail:min(len(was), len(was)-tail+around)])
	return out.String()
}
