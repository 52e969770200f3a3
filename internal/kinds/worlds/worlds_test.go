// Package worlds_test lives through random worlds: an account in memory, a random
// environment, and turns in which people edit the configuration and strangers
// work behind our back. All kinds of access together must mend it, write nothing
// of anybody else, and keep everybody signing at every single call.
package worlds_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// world is one random account under one random configuration.
type world struct {
	t      testing.TB
	seed   uint64
	r      *rand.Rand
	root   string
	fake   *cloudtest.Fake
	look   *onlooker
	drift  *drifter
	op     *operator
	wanted deployment
	// story is what was done, for the reader of a failure.
	story []string
	// taken are the ARNs of what was adopted.
	taken  map[string]bool
	writes int
	// calm worlds have no trouble with single calls.
	calm bool
}

// pair is a principal that is expected to sign with a key.
type pair struct{ principal, key string }

func newWorld(t testing.TB, seed uint64, parallel int) *world {
	t.Helper()
	fake := cloudtest.NewFake(account)
	w := &world{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 3)), root: t.TempDir(), fake: fake, look: &onlooker{fake: fake.Aside()}, taken: map[string]bool{}}
	w.drift = &drifter{r: w.r, fake: fake.Aside(), look: &onlooker{fake: fake.Aside()}}
	w.drift.settle()
	w.op = &operator{t: t, fake: fake, parallel: parallel, refused: map[string]int{}}
	for w.op.env == nil {
		w.wanted = someDeployment(w.r)
		w.op.env, _ = w.wanted.load(t, w.root)
	}
	if maybe(w.r, 3) {
		w.inherit()
	}
	if maybe(w.r, 4) {
		fake.IAM().Lag(1 + w.r.IntN(2))
	}
	return w
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf("seed %d: "+format+"\n\t%s\n%s", append(append([]any{w.seed}, args...), strings.Join(w.story, "\n\t"), w.wanted.cue())...)
}

// live runs one world to its end, and gives what the account means then.
func (w *world) live(turns int) (end string) {
	defer func() {
		if broken := recover(); broken != nil {
			w.fail("%v\n%s", broken, debug.Stack())
		}
	}()
	w.converge()
	for range turns {
		if w.t.Failed() {
			return ""
		}
		w.turn()
		w.converge()
	}
	if w.t.Failed() {
		return ""
	}
	w.tell("a person looks")
	for _, undo := range w.drift.undo {
		undo()
	}
	w.drift.undo = nil
	w.drift.retire(w.op.env)
	w.converge()
	w.wordsAreTakenOut()
	rest := w.converge()
	if len(rest) > 0 && !w.t.Failed() {
		w.fail("a person did all that was asked for, and still: %v", rest)
	}
	w.signersAreExactlyThoseExpected()
	return w.look.end()
}

// wordsAreTakenOut ends adoptions: whoever is ours gets the boundary.
func (w *world) wordsAreTakenOut() {
	for name, a := range w.wanted.agents {
		a.adopted = true
		w.wanted.agents[name] = a
	}
	var err error
	if w.op.env, err = w.wanted.load(w.t, w.root); err != nil {
		w.fail("without adoptions: %v", err)
	}
}

func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf(format, args...))
}

// turn is what happens between two plans.
func (w *world) turn() {
	for range 1 + w.r.IntN(3) {
		switch w.r.IntN(6) {
		case 0, 1:
			next, what := w.wanted.clone(), ""
			for range 1 + w.r.IntN(3) {
				what += next.edit(w.r) + ", "
			}
			if env, err := next.load(w.t, w.root); err == nil {
				w.wanted, w.op.env = next, env
				w.tell("edit: %s", what)
			}
		case 2:
			w.tell("drift: %s", w.drift.squat(pick(w.r, roles()...)))
		default:
			w.tell("drift: %s", w.drift.drift())
		}
	}
}

// expected lists who should sign, with the keys that are there.
func (w *world) expected(keys []access.Key) []pair {
	arns := map[resource.ID][]string{}
	for _, k := range keys {
		arns[k.ID] = append(arns[k.ID], k.ARN)
	}
	var pairs []pair
	for _, use := range w.op.env.Access.Uses {
		key, _ := w.op.env.Key(use.Key)
		for _, arn := range arns[key.ResourceID()] {
			for _, principal := range use.Principals {
				pairs = append(pairs, pair{principal, arn})
			}
		}
	}
	return pairs
}

// see gives who of those expected to sign can.
func (w *world) see(operation string) map[pair]bool {
	now := w.look.look(operation)
	ix := now.Inquire()
	able := map[pair]bool{}
	for _, p := range w.expected(now.Keys) {
		able[p] = signs(ix, p.principal, p.key)
	}
	return able
}

// rounds is how many plans it may take until nothing is left to do.
const rounds = 6

// converge plans and applies until nothing is left, and gives what is left for a
// person.
func (w *world) converge() []string {
	w.t.Helper()
	for round := 0; !w.t.Failed(); round++ {
		w.catchUp()
		d := w.op.draft()
		if round == 0 {
			if again := w.op.draft(); again.Digest != d.Digest || again.ChangesDigest != d.ChangesDigest {
				w.fail("the same world gave another plan:\n%s\n%s", lines(d), lines(again))
			}
		}
		if len(d.Changes) == 0 {
			return w.left(d)
		}
		if round == rounds {
			w.fail("after %d rounds there is still something to do:\n%s", rounds, lines(d))
			return nil
		}
		w.tell("plan: %s", strings.Join(lines(d), "; "))
		w.perform(d)
	}
	return nil
}

// catchUp waits until IAM shows the present: what somebody did a moment ago is
// planned for the next time.
func (w *world) catchUp() {
	for range 3 {
		must(cloud.NewDirectory(w.fake.IAM(), instantly(), nil).All(context.Background()))
	}
}

func lines(d draft) []string {
	var list []string
	for _, c := range d.Changes {
		var ops []string
		for _, s := range c.Steps {
			ops = append(ops, s.Op)
		}
		list = append(list, fmt.Sprintf("%s %s(%s)", c.Action, c.ID, strings.Join(ops, " ")))
	}
	for _, l := range d.Deferred {
		list = append(list, fmt.Sprintf("deferred %s: %s", l.ID, l.Reason))
	}
	for _, f := range d.refused {
		list = append(list, fmt.Sprintf("refused %s %s", f.Rule, f.ID))
	}
	for _, u := range d.Unread {
		list = append(list, fmt.Sprintf("unread %v", u))
	}
	return list
}

// left is what a plan without changes still says.
func (w *world) left(d draft) []string {
	var list []string
	for _, l := range d.Deferred {
		list = append(list, l.ID.String()+" "+l.Reason)
	}
	for _, f := range d.refused {
		list = append(list, f.ID.String()+" "+f.Rule+" "+f.Reason)
	}
	for _, u := range d.Unread {
		list = append(list, "unread "+u.Scope+" "+u.Cause)
	}
	if len(list) > 0 {
		w.tell("left: %s", strings.Join(list, "; "))
	}
	if len(d.refused)+len(d.Deferred)+len(d.Unread) == 0 && !d.Partial {
		w.op.previous = d.desired
	}
	return list
}

// perform applies one plan, looked at after every single write.
func (w *world) perform(d draft) {
	before := w.look.objects()
	running := w.see("")
	w.fake.AfterWrite(func(operation string) {
		w.writes++
		able := w.see(operation)
		for p, could := range running {
			if could && !able[p] {
				w.fail("after %s, %s cannot sign with %s any more", operation, p.principal, p.key)
				running[p] = false
			}
		}
	})
	for _, c := range d.Changes {
		if c.Before != nil && c.Steps[0].Op == kind.AdoptOp {
			w.taken[c.Before.Outputs["arn"]] = true
		}
	}
	heal, trouble := w.trouble()
	outcomes := w.op.apply(d)
	heal()
	w.fake.AfterWrite(nil)
	whole := !d.Partial && len(d.Deferred) == 0 && len(d.Unread) == 0
	for _, o := range outcomes {
		switch o.Result {
		case apply.Failed, apply.Skipped, apply.Unknown:
			whole = false
			if trouble != "" {
				w.tell("%s: %s %s: %v", o.ID, o.Result, o.Detail, o.Err)
				continue
			}
			w.fail("%s: %s %s: %v", o.ID, o.Result, o.Detail, o.Err)
		}
	}
	w.nothingElseIsWritten(before)
	if whole {
		w.op.previous = d.desired
	}
}

// trouble makes some of the writes to come go wrong, now and then.
func (w *world) trouble() (heal func(), what string) {
	if !maybe(w.r, 6) || w.calm {
		return func() {}, ""
	}
	fault, skip := pick(w.r, cloudtest.Denied, cloudtest.Throttled, cloudtest.Dropped, cloudtest.Lost), w.r.IntN(6)
	var seen atomic.Int64
	w.tell("trouble: %s after %d writes", fault, skip)
	return w.fake.Break(fault, 1+w.r.IntN(2), func(operation string) bool {
		return cloudtest.Writes(operation) && seen.Add(1) > int64(skip)
	}), string(fault)
}

// nothingElseIsWritten compares what we never made.
func (w *world) nothingElseIsWritten(before map[string]string) {
	after, made := w.look.objects(), w.op.made.all()
	for _, arn := range slices.Sorted(maps.Keys(before)) {
		if !made[arn] && !w.taken[arn] && after[arn] != before[arn] {
			w.fail("%s is nobody's that we know, and was written:\n%s\n%s", arn, before[arn], after[arn])
		}
	}
}

// signersAreExactlyThoseExpected asks the account who can sign.
func (w *world) signersAreExactlyThoseExpected() {
	now := w.look.look("")
	want := map[pair]bool{}
	for _, p := range w.expected(now.Keys) {
		want[p] = true
	}
	tolerated := func(principal string) bool {
		name := principal[strings.LastIndexByte(principal, '/')+1:]
		return slices.Contains([]string{"root-admin"}, name) || name == "kms-admin" && w.op.env.Access.KeyAdmin == "seeds"
	}
	declared := map[resource.ID]bool{}
	for _, key := range w.op.env.Keys {
		declared[key.ResourceID()] = true
	}
	ix := now.Inquire()
	for _, k := range now.Keys {
		if !declared[k.ID] {
			continue
		}
		for _, h := range ix.Who("kms:Sign", k.ARN) {
			p := pair{h.Principal, k.ARN}
			if !want[p] && !tolerated(h.Principal) {
				w.fail("%s can sign with %s and nobody expects it: %s", h.Principal, k.ID, h.Decision.Reason)
			}
		}
	}
	for p := range want {
		if !signs(ix, p.principal, p.key) {
			w.fail("%s should sign with %s and cannot", p.principal, p.key)
		}
	}
}

func TestRandomWorldsConvergeAndNobodyLosesAccess(t *testing.T) {
	t.Parallel()
	explore(t, 0, 40, 2)
}

// TestTheEndDoesNotDependOnWhoComesFirst: one step at a time or many at once.
func TestTheEndDoesNotDependOnWhoComesFirst(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		var ends []string
		for _, parallel := range []int{1, 16} {
			w := newWorld(t, 1000+seed, parallel)
			w.calm = true
			ends = append(ends, w.live(2))
		}
		if d := cmp.Diff(strings.Split(ends[0], "\n"), strings.Split(ends[1], "\n")); d != "" {
			t.Errorf("seed %d: %s", 1000+seed, d)
		}
	}
}

// explore lives through worlds, each told by its seed; SEED=n lives through one,
// and WORLDS=n through so many.
func explore(t *testing.T, from, count uint64, turns int) {
	t.Helper()
	if text := os.Getenv("SEED"); text != "" {
		from, count = must(strconv.ParseUint(text, 10, 64)), 1
	}
	if text := os.Getenv("WORLDS"); text != "" {
		count = must(strconv.ParseUint(text, 10, 64))
	}
	refused, writes := map[string]int{}, 0
	for seed := from; seed < from+count; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed, []int{1, 4, 16}[seed%3])
			w.live(turns)
			for rule, n := range w.op.refused {
				refused[rule] += n
			}
			writes += w.writes
		})
	}
	t.Logf("%d writes looked at; refused %v", writes, refused)
}
