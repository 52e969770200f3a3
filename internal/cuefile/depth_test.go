package cuefile

import (
	"strings"
	"testing"
)

func TestOrdinaryFilesAreNotTooDeep(t *testing.T) {
	t.Parallel()
	for text, deep := range map[string]bool{
		`a: {b: [1, 2, {c: "x{{{{[[[["}]}`:                                false,
		strings.Repeat("a: b: c: 1\n", 1000):                              false,
		strings.Repeat(`a: "\(b + "\(c)")"`+"\n", 1000):                   false,
		strings.Repeat("a: b: ", 60) + "1":                                true,
		"a: " + strings.Repeat("(", 200) + strings.Repeat(")", 200):       true,
		"}" + strings.Repeat("a:{", 200):                                  true,
		"a: 1" + strings.Repeat(" + 1", 200):                              true,
		strings.Repeat("a:\n", 200):                                       true,
		`a: "\(` + strings.Repeat(`"\(`, 200) + strings.Repeat(`)"`, 201): true,
	} {
		if line := tooDeep(File{Path: "x.cue", Data: []byte(text)}); line > 0 != deep {
			t.Errorf("%.60s: too deep at line %d, want %v", text, line, deep)
		}
	}
}
