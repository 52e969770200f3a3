package call_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

func TestAKeysCallsAndASafesAreMadeOnEveryBackend(t *testing.T) {
	t.Parallel()
	for name, start := range chaintest.Backends() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, start)
			s := w.safe(executing)
			env := environment(s)

			at, job, facts := w.byKey(env)
			var last kind.Resolved
			for _, step := range plan(t, job, facts, call.Deploy, "set") {
				w.do(env, step)
				last = resolved(env, step)
			}
			if have := w.ism(at); have != job.Makes[0].Address {
				t.Errorf("a key repointed to %s, want %s", have, job.Makes[0].Address)
			}
			// Made again, it is another transaction: nothing but its nonce tells.
			prepared, err := w.maker.Prepare(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			if happened, _, err := w.maker.Probe(t.Context(), last, []kind.Prepared{prepared}); happened != kind.No || err != nil {
				t.Errorf("%s, %v: it was never sent", happened, err)
			}

			owned, jobs := w.bySafe(env, s)
			for _, step := range plan(t, jobs[0], w.allFacts(env, s, "owner-0", "owner-1"), call.Deploy, call.Execute) {
				w.do(env, step)
			}
			if have := w.ism(owned); have != jobs[0].Makes[0].Address || w.nonceOf(s) != 1 {
				t.Errorf("a Safe repointed to %s, want %s; its nonce is %d", have, jobs[0].Makes[0].Address, w.nonceOf(s))
			}
		})
	}
}
