package main

import "testing"

func TestAnEnvironmentIsReadWithItsOwnProfile(t *testing.T) {
	t.Parallel()
	a := &app{getenv: func(name string) string {
		return map[string]string{"RECONCILE_AWS_PROFILE_TRIAL": "trial-read", "RECONCILE_AWS_PROFILE_REEF_TWO": "reef"}[name]
	}}
	for environment, want := range map[string]string{"trial": "trial-read", "reef-two": "reef", "harbour": ""} {
		if have := a.profileOf(environment); have != want {
			t.Errorf("%s is read with profile %q, want %q", environment, have, want)
		}
	}
}
