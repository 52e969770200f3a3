package approve_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func digest(of string) string { return "sha256:" + strings.Repeat(of, 64) }

// thePlan asks for two approvals and was written by Eve.
func thePlan() *plan.Plan {
	return &plan.Plan{
		Format: plan.Format, Environment: "production", Digest: digest("a"), ChangesDigest: digest("b"),
		Created: noon().Add(-time.Hour), Expires: noon().Add(23 * time.Hour),
		Revision: plan.Revision{Authors: []string{"eve@ops.example"}},
		Requires: plan.Requires{Approvals: 2},
	}
}

func statement(number int) approve.Statement {
	return approve.NewStatement(thePlan(), fmt.Sprintf("%032x", number), false)
}

// approvers is a line a name.
func approvers(t testing.TB, lines ...string) []byte {
	t.Helper()
	if _, err := approve.ParseSigners([]byte(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// office is the rules of most tests: Alice, Bob, Eve, and Carol, who is not among people.
type office struct {
	alice, bob, carol, eve ssh.Signer
	rules                  approve.Rules
}

func newOffice(t testing.TB) office {
	t.Helper()
	o := office{alice: ed(t, 10), bob: ed(t, 11), carol: ed(t, 12), eve: ed(t, 13)}
	o.rules = approve.Rules{
		Approvers: approvers(t,
			"alice@ops.example "+public(o.alice), "bob@ops.example "+public(o.bob),
			"carol@ops.example "+public(o.carol), "eve@ops.example "+public(o.eve)),
		People: []approve.Person{
			{Name: "Alice", Keys: []string{public(o.alice)}, Emails: []string{"alice@ops.example"}, Forge: "alice-gh"},
			{Name: "Bob", Keys: []string{public(o.bob)}, Emails: []string{"bob@ops.example", "bob@home.example"}, Forge: "bob-gh"},
			{Name: "Eve", Keys: []string{public(o.eve)}, Emails: []string{"eve@ops.example"}},
		},
	}
	return o
}

func (o office) ballot(signed ...approve.Signed) approve.Ballot {
	return approve.Ballot{Plan: thePlan(), Signed: signed, Now: noon()}
}

// who lists the people that count, with a space between.
func who(t approve.Tally) string {
	var names []string
	for _, a := range t.Approvals {
		names = append(names, a.Person)
	}
	return strings.Join(names, " ")
}
