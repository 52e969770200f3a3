package bootstrap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// The marks between which the document's table is not written by hand.
const (
	tableBegins = "<!-- computed: UPDATE=1 go test ./internal/bootstrap -->\n"
	tableEnds   = "<!-- end of what is computed -->"
)

// TestTheThreatModelSaysWhatAStolenRoleCanDo compares docs/threat-model.md with
// what the evaluator of policies says of the standing account.
func TestTheThreatModelSaysWhatAStolenRoleCanDo(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "threat-model.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	have, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", path)
	}
	want := powers(t)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+tableBegins+want+tableEnds+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}

// powers is the table: each action that changes or opens something, and on which
// objects of the standing account each role can do it.
func powers(t *testing.T) string {
	t.Helper()
	s := newStanding(t)
	var b strings.Builder
	b.WriteString("| action | plan | apply | watch |\n|---|---|---|---|\n")
	var nobody []string
	for _, action := range acts() {
		if harmless(action) {
			continue
		}
		row, any := "| `"+action+"` |", false
		for _, which := range []string{"plan", "apply", "watch"} {
			var on []string
			for _, o := range s.objects {
				if s.can(s.roleOf(which), action, o, nil) {
					on = append(on, o.name)
				}
			}
			any = any || len(on) > 0
			row += " " + brief(on) + " |"
		}
		if any {
			b.WriteString(row + "\n")
		} else {
			nobody = append(nobody, "`"+action+"`")
		}
	}
	b.WriteString("| all that reads but no secret and no object | yes | yes | yes |\n")
	fmt.Fprintf(&b, "\nNone of the three, on anything: %s.\n", strings.Join(nobody, ", "))
	b.WriteString("\nWays to come to sign with a key that the role may not sign with, found by `internal/access`:\n\n| key | plan | apply | watch |\n|---|---|---|---|\n")
	keys, ways := map[string][]string{}, []string{}
	for _, k := range s.Keys {
		row, paths := "", s.Become(k.ARN)
		for _, which := range []string{"plan", "apply", "watch"} {
			row += " " + way(s, paths, which) + " |"
		}
		if keys[row] == nil {
			ways = append(ways, row)
		}
		keys[row] = append(keys[row], k.ID.Name)
	}
	for _, row := range ways {
		b.WriteString("| " + strings.Join(keys[row], ", ") + " |" + row + "\n")
	}
	return b.String()
}

func brief(names []string) string {
	switch {
	case len(names) == 0:
		return "no"
	case slices.Equal(names, []string{"*"}):
		return "a new one"
	}
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "*" }), ", ")
}

func way(s *standing, paths []access.Path, which string) string {
	for _, p := range paths {
		if p.Principal != s.roleOf(which) {
			continue
		}
		var hops []string
		for _, h := range p.Hops {
			sure := ""
			if !h.Sure {
				sure = ", not sure"
			}
			hops = append(hops, fmt.Sprintf("`%s` on %s%s", strings.Join(h.Actions, "`, `"), s.called(h.Target), sure))
		}
		return strings.Join(hops, ", then ")
	}
	return "none"
}

// called is an object's name by its ARN.
func (s *standing) called(arn string) string {
	if i := slices.IndexFunc(s.objects, func(o object) bool { return o.arn == arn }); i >= 0 {
		return s.objects[i].name
	}
	return arn
}
