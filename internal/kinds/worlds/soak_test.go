//go:build soak

package worlds_test

import "testing"

func TestSoakThousandsOfRandomWorldsConvergeAndNobodyLosesAccess(t *testing.T) {
	explore(t, 1<<20, 3000, 4)
}
