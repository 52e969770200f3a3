package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// addressFlags are the flags of the verb addresses.
type addressFlags struct {
	write, check bool
	replace      []string
}

func newAddresses(a *app) *cobra.Command {
	var f addressFlags
	cmd := &cobra.Command{
		Use:   "addresses ENV",
		Short: "print, check or write the pins of an environment's keys",
		Long: `addresses reads every key of the environment, derives its address from its
public key, and prints what environments/ENV/addresses.json lacks as a patch. The
address of a hex key is that of its tag, since nobody but the signer reads the
key; a key in a file is pinned by hand.

With --write the file is written. An entry that is there is never changed unless
--replace names its key: a key that is not the pinned one is an incident first.
Entries of keys that are no longer declared go. --check changes nothing and exits
2 where the file differs from what the keys say, 3 where an entry is another.

The file is reviewed and committed like any other: a plan shows each entry that
was added, changed or removed since the last applied commit.`,
		Example: `  reconcile addresses staging
  reconcile addresses staging --write
  reconcile addresses production --check
  reconcile addresses staging --write --replace relayer-signer-fuji
  reconcile addresses staging | git apply`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.addresses(cmd.Context(), args[0], f) },
	}
	cmd.Flags().BoolVar(&f.write, "write", false, "write environments/ENV/addresses.json")
	cmd.Flags().BoolVar(&f.check, "check", false, "exit 2 where the file is not what the keys say")
	cmd.Flags().StringArrayVar(&f.replace, "replace", nil, "change the entry of this key (repeatable)")
	cmd.MarkFlagsMutuallyExclusive("write", "check")
	return cmd
}

func (a *app) addresses(ctx context.Context, name string, f addressFlags) error {
	// Whoever pins believes no tag, and is not stopped by the pins that are there.
	a.applying, a.unpinned = true, true
	s, err := a.open(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	for _, key := range f.replace {
		if _, ok := s.env.Key(key); !ok {
			return withHint(fmt.Errorf("--replace %q: no such key in %s", key, name), "reconcile keys %s", name)
		}
	}
	file, err := a.readPins(name)
	if err != nil {
		return err
	}
	live, err := s.livePins(ctx)
	if err != nil {
		return err
	}
	p := s.repin(file, live, f.replace)
	patch := file.patch(p.next)
	a.printPatch(patch)
	p.tell(s)
	if len(p.refused) > 0 {
		return exit(exitRefused)
	}
	if f.write && len(patch) > 0 {
		if err := file.write(p.next); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "wrote %s: review it, and commit it by itself\n", file.name)
	}
	switch {
	case f.check && len(patch) > 0:
		return exit(exitChanges)
	case len(live.unread) > 0:
		return exit(exitUnread)
	case len(patch) == 0:
		fmt.Fprintf(a.err, "%s: %s says what the keys say · %s\n", name, file.name, count(len(p.next), "pin"))
	case !f.write && !f.check:
		a.printHint("reconcile addresses " + name + " --write")
	}
	return nil
}

// livePins is what the keys say of themselves.
type livePins struct {
	pins map[string]config.Pin
	// unpinnable says why a key has no pin, by key; refused are those of them whom
	// nobody should pin.
	unpinnable, refused map[string]string
	unread              []resource.Unread
}

// livePins reads the keys. What a kind refuses of a key (two of one name, an
// alias that was moved, material from outside) is not pinned.
func (s *session) livePins(ctx context.Context) (livePins, error) {
	live := livePins{pins: map[string]config.Pin{}, unpinnable: map[string]string{}, refused: map[string]string{}}
	kinds := slices.DeleteFunc(slices.Clone(s.kinds), s.notKeys)
	desired, err := observe.Declare(s.env, kinds)
	if err != nil {
		return live, err
	}
	world, err := observe.All(ctx, s.env, kinds, desired, s.progress.kind)
	if err != nil {
		return live, err
	}
	live.unread = world.Unread
	refused := map[resource.ID]string{}
	for _, k := range kinds {
		found, err := k.Check(ofKind(desired, k.Name), ofKind(world.Owned, k.Name), world.Facts)
		if err != nil {
			return live, fmt.Errorf("%s: check: %w", k.Name, err)
		}
		for _, f := range found {
			if f.Severity == resource.Refuse {
				refused[f.ID] = f.Rule + ": " + f.Reason
			}
		}
	}
	for _, key := range s.env.Keys {
		s.livePin(&live, key, world, refused[key.ResourceID()])
	}
	return live, nil
}

func (s *session) livePin(live *livePins, key config.Key, world *observe.World, refused string) {
	id := key.ResourceID()
	owned, ours := world.Owned[id]
	_, foreign := world.Foreign[id]
	unread := slices.ContainsFunc(live.unread, func(u resource.Unread) bool { return u.Covers(id) })
	switch pin := (config.Pin{ARN: owned.Outputs["arn"], Address: owned.Outputs["address"]}); {
	case s.env.Overlay != nil && s.env.Overlay.Pins[key.Name] != "":
		live.unpinnable[key.Name] = "is pinned by the overlay"
	case key.Holder == "keystore":
		live.unpinnable[key.Name] = "is in a file: its address is written by hand"
	case unread:
		live.unpinnable[key.Name] = "was not read"
	case refused != "":
		live.refused[key.Name] = refused
	case !ours && foreign:
		live.unpinnable[key.Name] = "is not ours"
	case !ours:
		live.unpinnable[key.Name] = "is not there yet"
	case pin.Address == "":
		live.unpinnable[key.Name] = "says no address: it is " + owned.Outputs["state"]
	default:
		live.pins[key.Name] = pin
	}
}

// repinning is the file as it should be, and how it comes to it.
type repinning struct {
	next map[string]config.Pin
	// added, completed (an ARN where there was none), replaced and removed are keys.
	added, completed, replaced, removed []string
	// refused says by key why nothing is written.
	refused map[string]string
	// silent says why a key says nothing that its entry, or the lack of one, could be
	// held against: keys by reason.
	silent map[string][]string
}

// repin joins the file with what the keys say. An entry that is another is
// changed only where it is named.
func (s *session) repin(file pinsFile, live livePins, replace []string) repinning {
	p := repinning{next: maps.Clone(file.pins), refused: maps.Clone(live.refused), silent: map[string][]string{}}
	for _, key := range slices.Sorted(maps.Keys(file.pins)) {
		if _, declared := s.env.Key(key); !declared {
			delete(p.next, key)
			p.removed = append(p.removed, key)
		}
	}
	for _, key := range s.env.Keys {
		now, pinned := file.pins[key.Name]
		is, known := live.pins[key.Name]
		switch reason := live.unpinnable[key.Name]; {
		case reason != "" && !pinned:
			p.silent["not pinned, "+reason] = append(p.silent["not pinned, "+reason], key.Name)
			continue
		case reason != "":
			p.silent["not compared, "+reason] = append(p.silent["not compared, "+reason], key.Name)
			continue
		case !known || now == is:
			continue
		case !pinned:
			p.added = append(p.added, key.Name)
		case now == (config.Pin{Address: is.Address}):
			p.completed = append(p.completed, key.Name)
		case slices.Contains(replace, key.Name):
			p.replaced = append(p.replaced, key.Name)
		default:
			p.refused[key.Name] = "is pinned as " + now.String() + ", the live key is " + is.String()
			continue
		}
		p.next[key.Name] = is
	}
	return p
}

// tell says on standard error what the patch is about, and what is missing in it.
func (p repinning) tell(s *session) {
	say := func(line string) { fmt.Fprintln(s.app.err, s.app.escape(line)) }
	for _, part := range []struct {
		verb string
		keys []string
	}{{"added", p.added}, {"ARN added", p.completed}, {"replaced", p.replaced}, {"removed, no longer declared", p.removed}} {
		if len(part.keys) > 0 {
			say(part.verb + ": " + strings.Join(part.keys, ", "))
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(p.silent)) {
		say(reason + ": " + strings.Join(p.silent[reason], ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(p.refused)) {
		say(s.env.Name + ": key " + key + ": refused: " + p.refused[key])
	}
	if len(p.refused) > 0 {
		s.app.printHint("find out who changed the key or the pin; nothing is written until then, or until --replace KEY says that it is meant")
	}
}

func (a *app) printHint(hint string) { fmt.Fprintln(a.err, "  hint: "+a.escape(hint)) }

func (a *app) printPatch(patch []byte) {
	if !a.terminal {
		_, _ = a.out.Write(patch)
		return
	}
	for line := range strings.Lines(string(patch)) {
		fmt.Fprintln(a.out, a.escape(strings.TrimSuffix(line, "\n")))
	}
}

// pinsFile is addresses.json of the working tree.
type pinsFile struct {
	// name is relative to the folder that holds environments, path where it is.
	name, path string
	there      bool
	data       []byte
	pins       map[string]config.Pin
}

// readPins reads the file as it is now; where there is none it pins nothing.
func (a *app) readPins(environment string) (pinsFile, error) {
	f := pinsFile{name: config.PinsFile(environment), pins: map[string]config.Pin{}}
	f.path = filepath.Join(a.dir, filepath.FromSlash(f.name))
	info, err := os.Lstat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file (links are not followed)")
	}
	if err == nil {
		f.data, err = os.ReadFile(f.path)
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", f.name, err)
	}
	f.there = true
	f.pins, err = config.ParsePins(f.name, f.data)
	return f, err
}

// patch is a unified diff, which git apply takes; empty where nothing changes. A
// file that is not there is not made to say nothing, and an older form that says
// the same is no difference.
func (f pinsFile) patch(next map[string]config.Pin) []byte {
	if maps.Equal(f.pins, next) {
		return nil
	}
	before, after := "a/"+f.name, "b/"+f.name
	if !f.there {
		before = "/dev/null"
	}
	patch := diff.Diff(before, f.data, after, config.FormatPins(next))
	// Its first line repeats the names, and git would read it as its own.
	_, patch, _ = bytes.Cut(patch, []byte("\n"))
	return patch
}

// write puts the file in place whole, unless somebody wrote it meanwhile.
func (f pinsFile) write(next map[string]config.Pin) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: write: %w", f.name, err)
		}
	}()
	temporary, err := os.CreateTemp(filepath.Dir(f.path), ".addresses-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // gone where it was renamed
	_, err = temporary.Write(config.FormatPins(next))
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	now, err := os.ReadFile(f.path)
	if f.there && err != nil || !f.there && !errors.Is(err, fs.ErrNotExist) || !bytes.Equal(now, f.data) {
		return errors.New("it was changed while the keys were read: run it again")
	}
	return os.Rename(temporary.Name(), f.path)
}
