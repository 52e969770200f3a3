package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/policy"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// TestPlainWordsSelectAsPatternsDo: plain strings are compared without the
// evaluator, and that must make no difference.
func TestPlainWordsSelectAsPatternsDo(t *testing.T) {
	t.Parallel()
	actions, risks := []string{"create", "update", "delete"}, []string{"routine", "sensitive"}
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		pick := func(from []string) string { return from[random.IntN(len(from))] }
		var changes []map[string]any
		for i := range 8 {
			c := map[string]any{"id": fmt.Sprintf("kind/scope/%d", i), "action": pick(actions), "risk": pick(risks), "after": nil}
			if random.IntN(2) == 0 {
				c["group"] = pick(actions)
			}
			changes = append(changes, c)
		}
		plan, err := json.Marshal(map[string]any{"changes": changes})
		if err != nil {
			t.Fatal(err)
		}
		action, risk, group := pick(actions), pick(risks), pick(actions)
		find := func(where string) []resource.Finding {
			found, err := policy.Check(rules(`rules: one: {message: "x", where: {`+where+`}, must: after: 1}`), plan, nil)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		word := find(fmt.Sprintf(`action: %q, risk: %q, group: %q`, action, risk, group))
		pattern := find(fmt.Sprintf(`action: =~"^%s$", risk: =~"^%s$", group: =~"^%s$"`, action, risk, group))
		if diff := cmp.Diff(pattern, word); diff != "" {
			t.Fatalf("seed %d: (-pattern +word)\n%s", seed, diff)
		}
		wanted := slices.DeleteFunc(slices.Clone(changes), func(c map[string]any) bool {
			return c["action"] != action || c["risk"] != risk || c["group"] != group
		})
		if len(word) != len(wanted) {
			t.Fatalf("seed %d: %d selected, want %d", seed, len(word), len(wanted))
		}
	}
}

// TestARuleIsViolatedByWhateverItAsksForAndIsNotThere, wherever it asks.
func TestARuleIsViolatedByWhateverItAsksForAndIsNotThere(t *testing.T) {
	t.Parallel()
	for _, must := range []string{
		`group: "x"`, `group: string`, `group!: _`, `before: attrs: _`, `after: missing: _`, `after: tags: missing: "x"`,
		`after: tags: {team: "bridge", owner: *"bridge" | string}`, `steps: [...{missing: _}]`, `steps: [_]`, `steps: [_, _, _, ...]`,
		`if after.region != "us-west-2" {group: "x"}, after: region: string`, `fields: [_, ...]`, `person: true`, `why: [{line: >4, file: _}]`,
		`after: close({region: _})`, `action: !="create"`, `after: {[string]: string}`, `after: {[=~"^t"]: owner: _}`,
	} {
		text := `rules: one: {message: "x", where: id: =~"^bucket/", must: {` + must + `}}`
		found, err := policy.Check(rules(text), planFile(t), nil)
		if err != nil || len(found) != 1 || found[0].Severity != resource.Refuse || strings.Contains(found[0].Reason, "evaluated") {
			t.Errorf("%s: %v, %v", must, found, err)
		}
	}
}

func FuzzRules(f *testing.F) {
	for _, text := range []string{
		`rules: one: {message: "x", must: action: "create"}`,
		`rules: one: {message: "x", must: one, plan: rules.one.plan}`,
		`rules: one: {message: "x", must: {a: b, b: a}}`,
		`rules: [string]: {message: "x", must: _}` + "\nrules: a: {}",
		`rules: one: {message: rules.one.message, must: _}`,
		`_a: {_a}, rules: _a`, `rules: rules`, `rules: null`, `rules: {[...]}`, `#a: #a & {b: #a}, rules: one: {message: "x", must: #a}`,
		`rules: one: {message: "x", plan: {changes: [for c in changes {c & {x: changes}}]}}`,
		`for k, v in rules {rules: "\(k)-x": v}, rules: a: {message: "x", must: _}`,
		`rules: "a": {message: "\(1/0)", must: _}`, "rules: \"\\u0000\": {}", `import "list"` + "\n" + `rules: one: {message: "x", plan: changes: list.Repeat([1], 3)}`,
		`rules: one: {message: "x", must: error("no")}`, `rules: one: {message: "x", must: close({})}`, `rules: one: _|_`,
	} {
		f.Add(text)
	}
	plan := planFile(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 500 {
			return // how long evaluation may take is for whoever judges elsewhere
		}
		files := rules(text)
		broken := policy.Compile(files, nil)
		found, err := policy.Check(files, plan, nil)
		if err != nil {
			t.Fatalf("a good plan is an error: %v", err)
		}
		if broken != nil && (len(found) != 1 || found[0].Rule != policy.RuleUnreadable) {
			t.Fatalf("rules that cannot be read find %v", found)
		}
		for _, f := range found {
			if !policy.Own(f.Rule) || f.Reason == "" || f.Hint == "" || !slices.Contains([]resource.Severity{resource.Refuse, resource.Acknowledge, resource.Note}, f.Severity) {
				t.Fatalf("%+v is no finding", f)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	var changes []map[string]any
	for i := range 10_000 {
		changes = append(changes, map[string]any{
			"id": fmt.Sprintf("kind/scope/%d", i), "action": []string{"create", "update"}[i%2], "risk": "routine", "before": nil,
			"after": map[string]any{"tags": map[string]any{"a": "b", "c": "d"}, "policy": strings.Repeat("x", 300)},
			"steps": []any{map[string]any{"op": "x", "params": map[string]any{"a": "b"}}},
		})
	}
	plan, err := json.Marshal(map[string]any{"changes": changes})
	if err != nil {
		b.Fatal(err)
	}
	files := rules(`
_limit: 20000
rules: {
	one: {message: "x", where: action: "update", must: after: tags: a: "b"}
	two: {message: "x", must: steps: [...{op: "x"}]}
	three: {message: "x", where: {id: =~"^other/"}, must: action: "create"}
	four: {message: "x", plan: {changes: [...], _n: len(changes) & <_limit}}
}`)
	for b.Loop() {
		if found, err := policy.Check(files, plan, nil); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
}
