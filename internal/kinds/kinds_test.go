package kinds_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
)

// TestEveryActionOfEveryKindHasAScope: what a kind asks of AWS, one of the
// tool's own roles may do, and on no more than it must.
func TestEveryActionOfEveryKindHasAScope(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../..", "../../examples/nomad"} {
		for _, name := range []string{"staging", "production"} {
			env, _, err := config.Load(config.Options{Root: root, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if env.Tool == nil {
				continue
			}
			set, err := bootstrap.Make(env, kinds.Actions())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(set.Roles) != 3 {
				t.Errorf("%s: %d roles", name, len(set.Roles))
			}
		}
	}
}
