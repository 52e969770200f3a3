package kind_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/kind"
)

func TestAMarkStandsForItsOwnKindOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tags map[string]string
		want string
	}{
		"ours":                            {map[string]string{kind.TagEnvironment: "staging", kind.TagID: "secret-key/us-west-2/bank"}, "secret-key/us-west-2/bank"},
		"another environment's":           {map[string]string{kind.TagEnvironment: "production", kind.TagID: "secret-key/us-west-2/bank"}, ""},
		"an id that cannot be":            {map[string]string{kind.TagEnvironment: "staging", kind.TagID: "kms-key/us-west-2/bank"}, "secret-key/us-west-2/object"},
		"no id at all":                    {map[string]string{kind.TagEnvironment: "staging"}, "secret-key/us-west-2/object"},
		"a mark in another region's name": {map[string]string{kind.TagEnvironment: "staging", kind.TagID: "secret-key/eu-west-1/bank"}, "secret-key/us-west-2/object"},
	} {
		id, ok := kind.MarkedFor(c.tags, "staging", "secret-key", "us-west-2", "object")
		if got := id.String(); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %s, %t, want %q", name, got, ok, c.want)
		}
	}
}
