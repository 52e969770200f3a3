package multisigsafe_test

import (
	"slices"
	"testing"
)

// What no Safe 1.4.1 can be brought to is put into what was read of one.
func TestMoreModulesThanAreReadAndAModuleGuardAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(nil)
	for field, c := range map[string]struct {
		value any
		need  string
	}{
		"moreModules": {true, "refuse unlisted-module"},
		"moduleGuard": {addressOf("evil").Hex(), "refuse unlisted-guard"},
		"guard":       {addressOf("evil").Hex(), "refuse unlisted-guard"},
		"proxyCode":   {"0x01", "refuse safe-code"},
	} {
		seen := w.observe(env)
		seen.Owned[0].Attrs["around"].(map[string]any)[field] = c.value
		found, err := w.kind.Check(w.declared(env), seen.Owned, seen.Facts)
		if err != nil || !slices.Equal(rules(found), []string{c.need}) {
			t.Errorf("%s: %v, %v, want %s", field, rules(found), err, c.need)
		}
	}
}
