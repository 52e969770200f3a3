//go:build soak

package main

import "testing"

func TestSoakTheToolsRolesCanMakeEveryEnvironmentOfThisRepository(t *testing.T) {
	makeEnvironments(t)
}
