package kind_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

type pier struct{ kind.Principal }

// stand is a live user of ours, legacy by its path, with the boundary that it
// has, and what a search says of it.
func stand(boundary string, declared kind.Principal, limit string) (*kind.Object[pier], []resource.Fact) {
	env := &config.Environment{Name: "pier", Access: &config.Access{Path: "/reconcile/pier/", Boundary: limit}}
	id := config.UserID("old")
	search := kind.PrincipalSearch{Kind: "iam-user", Environment: env, Declared: map[resource.ID]kind.Principal{id: declared}}
	found, facts := search.Find([]access.Entity{{ARN: "arn:aws:iam::111122223333:user/old", Name: "old", Path: "/", Boundary: boundary, Tags: kind.MarkTags("pier", id)}})
	return &kind.Object[pier]{ID: id, Spec: pier{found[0].Spec}}, facts
}

func TestNothingIsAttachedToAnAdoptedPrincipalBeforeItCarriesTheBoundary(t *testing.T) {
	t.Parallel()
	const limit = "arn:aws:iam::111122223333:policy/reconcile-boundary-pier"
	policy := []resource.Value{resource.Literal("arn:aws:iam::111122223333:policy/signer")}
	for name, test := range map[string]struct {
		has, declares, limit string
		policies             []resource.Value
		ops                  string
	}{
		"it waits for the boundary":                       {limit: limit, policies: policy, ops: "deferred"},
		"another boundary is not ours":                    {has: "arn:aws:iam::111122223333:policy/theirs", limit: limit, policies: policy, ops: "deferred"},
		"once it is declared the boundary comes first":    {declares: limit, limit: limit, policies: policy, ops: "put-boundary attach-policy"},
		"with the boundary it is attached":                {has: limit, limit: limit, policies: policy, ops: "attach-policy"},
		"without anything to attach nothing waits":        {limit: limit},
		"an environment without the boundary attaches":    {policies: policy, ops: "attach-policy"},
		"what is declared and there asks for no boundary": {has: limit, declares: limit, limit: limit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := kind.Principal{Mark: "pier", Name: "old", Path: "/", Boundary: test.declares, Policies: test.policies, Adopt: test.declares == ""}
			before, facts := stand(test.has, want, test.limit)
			steps, err := kind.PrincipalForm[pier]{Noun: "user"}.Steps(before, &kind.Object[pier]{ID: before.ID, Spec: pier{want}}, facts)
			var ops []string
			for _, s := range steps {
				ops = append(ops, s.Op)
			}
			if later := (*kind.DeferredError)(nil); errors.As(err, &later) {
				ops = []string{"deferred"}
				if !strings.Contains(later.Reason, limit+": take adopt: true out") {
					t.Errorf("the reason is %q", later.Reason)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(ops, " "); got != test.ops {
				t.Errorf("steps are %q, want %q", got, test.ops)
			}
		})
	}
}
