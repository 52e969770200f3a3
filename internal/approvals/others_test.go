package approvals_test

import (
	"slices"
	"strings"
	"testing"
)

func TestApprovalsOfOtherChangesAreNamedAndNotTaken(t *testing.T) {
	t.Parallel()
	other := "sha256:" + strings.Repeat("cd", 32)
	alice, _, _ := shared(t)
	for _, c := range []clone{alice, alone(t)} {
		publish(t, c, 1)
		if found, err := c.repository().Others(t.Context(), environment, changes); err != nil || len(found) > 0 {
			t.Errorf("others %v, %v", found, err)
		}
		if _, err := c.repository().Publish(t.Context(), environment, other, id(2), signed(2)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.repository().Publish(t.Context(), "elsewhere", other, id(3), signed(3)); err != nil {
			t.Fatal(err)
		}
		found, err := c.repository().Others(t.Context(), environment, changes)
		if err != nil || !slices.Equal(found, []string{other}) {
			t.Errorf("others %v, %v, want %s", found, err, other)
		}
		if have := statements(collect(t, c)); !slices.Equal(have, []string{"statement " + id(1)}) {
			t.Errorf("collected %v", have)
		}
	}
}
