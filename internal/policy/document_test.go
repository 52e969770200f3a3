package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/policy"
)

// TestTheRulesOfTheDocumentDoWhatItSays runs the example of docs/environment.md.
func TestTheRulesOfTheDocumentDoWhatItSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "environment.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### policy\n")
	_, section, _ = strings.Cut(section, "\n    package policy")
	var b strings.Builder
	b.WriteString("    package policy")
	for line := range strings.Lines(section) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "    ") && b.Len() > 100 {
			break
		}
		b.WriteString(line)
	}
	document := rules(b.String())
	plan := string(planFile(t))
	falling := "policy/thresholds-only-rise validator-set/fuji/optimism: after.threshold is 2, must be >=3"
	for name, c := range map[string]struct {
		plan string
		want []string
	}{
		"as it is":          {plan, []string{falling, "policy/one-origin-at-a-time"}},
		"elsewhere":         {strings.Replace(plan, `"production"`, `"staging"`, 1), []string{falling}},
		"one origin":        {strings.ReplaceAll(plan, `"validator-set/optimism"`, `"validator-set/ethereum"`), []string{falling}},
		"a rise":            {strings.Replace(plan, `"threshold": 2, "members"`, `"threshold": 3, "members"`, 1), []string{"policy/one-origin-at-a-time"}},
		"a set that is new": {strings.Replace(plan, `"action": "update"`, `"action": "create"`, 2), []string{"policy/one-origin-at-a-time"}},
	} {
		found, err := policy.Check(document, []byte(c.plan), nil)
		if err != nil || len(found) != len(c.want) {
			t.Errorf("%s: %v, %v, want %v", name, found, err, c.want)
			continue
		}
		for i, f := range found {
			told := f.Rule
			if !f.ID.IsZero() {
				told += " " + f.ID.String() + strings.TrimPrefix(f.Reason, "fewer validators than before must sign")
			}
			if told != c.want[i] {
				t.Errorf("%s: finds %s, want %s", name, told, c.want[i])
			}
		}
	}
}
