package kindtest

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind"
)

// CallLog gathers what a kind called in all the worlds of a test, as
// "service.Operation".
type CallLog struct {
	mu    sync.Mutex
	calls map[string]bool
}

// Add takes over the calls that one world counted.
func (l *CallLog) Add(calls map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls == nil {
		l.calls = map[string]bool{}
	}
	for operation := range calls {
		l.calls[operation] = true
	}
}

// Require fails unless what was called is what the kind declares: an action that
// is not declared would be denied to the tool's own roles, and one that is never
// called is power for nothing. Asking who one is needs no permission and does
// not count. Renamed gives IAM's name of an operation where it differs
// ("s3.HeadBucket" is s3:ListBucket), or none where IAM asks for no action;
// beside lists actions that AWS asks for within another call, such as tags given
// with a create.
func (l *CallLog) Require(t *testing.T, k kind.Kind, renamed map[string]string, beside ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	called := map[string]bool{}
	for operation := range l.calls {
		name, ok := renamed[operation]
		if !ok {
			name = strings.Replace(strings.Replace(operation, "tagging.", "tag.", 1), ".", ":", 1)
		}
		if name != "" && name != "sts:GetCallerIdentity" {
			called[name] = true
		}
	}
	for _, name := range beside {
		called[name] = true
	}
	declared := map[string]bool{}
	for _, action := range k.Actions {
		declared[action.Name] = true
		for _, op := range action.Ops {
			if _, known := k.Traits.Risks[op]; !known {
				t.Errorf("%s is said to be for %q, which is no operation of %s", action.Name, op, k.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(called)) {
		if !declared[name] {
			t.Errorf("%s calls %s and does not declare it", k.Name, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if !called[name] {
			t.Errorf("%s declares %s and never calls it", k.Name, name)
		}
	}
}
