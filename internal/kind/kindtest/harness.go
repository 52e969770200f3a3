// Package kindtest is the conformance suite that every kind of resource must
// pass, against its in-memory fake and against the real protocol (emulator,
// chain), so that the fake cannot lie.
package kindtest

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Fault is a way in which a call to the outside goes wrong.
type Fault string

// The faults. Denied and Throttled are answers: the call had no effect and the
// reply proves it. Dropped is a request that never arrived: no effect, and the
// caller cannot know. Lost is an effect whose reply never came back.
const (
	Denied    Fault = "denied"
	Throttled Fault = "throttled"
	Dropped   Fault = "dropped"
	Lost      Fault = "lost"
)

// Harness builds worlds for one kind on one backend.
type Harness struct {
	// New makes a fresh, empty world: nothing that the environment declares is
	// there yet. Cleaning up is New's business (t.Cleanup).
	New func(t *testing.T) *World
	// Recode decodes attributes into the kind's spec and encodes them again:
	// kindtest.Recode[Spec].
	Recode func(resource.Attrs) (resource.Attrs, error)
}

// World is one backend holding what one environment declares, seen through one
// kind. All functions are required, but Foreign for kinds without ownership
// (money has none) and Smaller for kinds that remove nothing.
type World struct {
	Kind kind.Kind
	// Environment declares at least two resources of the kind.
	Environment *config.Environment
	// Smaller declares one resource less. Kinds with Traits.DeleteOff must then
	// leave the object alone, others must remove it.
	Smaller *config.Environment
	// Lookup resolves outputs of other kinds; nil when the kind needs none.
	Lookup kind.Lookup
	// Effects counts what was ever made here and can not be made undone: keys,
	// secrets, mined payments. A run with a lost reply must count what a clean
	// run counts.
	Effects func(t *testing.T) int
	// Halves says that an effect takes several calls which cannot be told apart
	// from none when the first one's reply is lost: Probe may then say no, and the
	// same step is done again.
	Halves bool
	// Drift lists changes behind our back by name ("a tag is retyped"). Each
	// must lead to a change that mends it.
	Drift map[string]func(t *testing.T)
	// Foreign puts an object in place that has the name of the returned resource
	// and not our mark, and returns a function that prints all of the object.
	Foreign func(t *testing.T) (resource.ID, func() string)
	// Reads makes every reading call fail until heal is called. It is asked for
	// Denied, Throttled and Dropped.
	Reads func(t *testing.T, fault Fault) (heal func())
	// Writes makes every writing call fail until heal is called; with Lost only
	// the first one, and it does take effect.
	Writes func(t *testing.T, fault Fault) (heal func())
	// Canaries lists the secrets that exist in this world by now (private keys,
	// tokens). None may appear in anything a kind returns. Nil: there are none.
	Canaries func() []string
}

// Recode decodes attributes into a spec and encodes it again.
func Recode[S any](attrs resource.Attrs) (resource.Attrs, error) {
	var spec S
	if err := attrs.Decode(&spec); err != nil {
		return nil, err
	}
	return resource.Encode(spec)
}

// Run puts the kind through the whole suite. Every subtest has a world of its
// own and they run one after the other within the harness.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"an empty world converges and the second diff is empty", converges},
		{"declare, steps and check are pure", isPure},
		{"attributes survive encoding and absent stays absent", survivesEncoding},
		{"a narrowed read sees what the whole read sees", readsNarrowed},
		{"drift is mended", mendsDrift},
		{"what is not ours is never written", sparesForeign},
		{"what is no longer declared is left alone or removed as the traits say", forgets},
		{"unread is never absent", unreadIsNotAbsent},
		{"a refused write proves that nothing happened", refusedWrites},
		{"a request that never arrived does not count as done", droppedWrites},
		{"a lost reply is found again and nothing is made twice", lostReplies},
		{"what was prepared and never done did not happen", preparedOnly},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, h) })
	}
}
