package main

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// An observed address is held against everything that the repository states, and
// against the other keys.
func TestALiveKeyThatLooksLikeAnotherAddressIsRefused(t *testing.T) {
	t.Parallel()
	const (
		one   = "0x1234000000000000000000000000000000005678"
		twin  = "0x1234111111111111111111111111111111115678"
		other = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
	)
	relayer, watcher := config.Key{Name: "relayer", Region: "r"}, config.Key{Name: "watcher", Region: "r"}
	cold := config.KnownAddress{Address: one, Path: "funding.fuji.wallets.cold", Environment: "production"}
	for name, c := range map[string]struct {
		known []config.KnownAddress
		live  map[string]string
		want  string
	}{
		"like a recipient of a neighbour": {[]config.KnownAddress{cold}, map[string]string{"relayer": twin}, "kms-key/r/relayer " + twin + " " + one},
		"the stated address itself":       {[]config.KnownAddress{cold}, map[string]string{"relayer": one}, ""},
		"like nobody":                     {[]config.KnownAddress{cold}, map[string]string{"relayer": other}, ""},
		"like another key":                {nil, map[string]string{"relayer": one, "watcher": twin}, "kms-key/r/watcher " + twin + " " + one},
		"what is stated of others alone":  {[]config.KnownAddress{cold, {Address: twin, Environment: "staging"}}, map[string]string{"relayer": other}, ""},
	} {
		s := &session{env: &config.Environment{Name: "staging", Keys: []config.Key{relayer, watcher}, Known: c.known}}
		world := &observe.World{Owned: resource.Set{}}
		for key, address := range c.live {
			id := resource.ID{Kind: "kms-key", Scope: "r", Name: key}
			world.Owned[id] = resource.Resource{ID: id, Outputs: resource.Outputs{"address": address}}
		}
		got := ""
		for _, f := range s.lookAlikes(world) {
			words := strings.Fields(f.Reason)
			if f.Rule != config.RuleLookAlike || f.Severity != resource.Refuse {
				t.Errorf("%s: %+v", name, f)
			}
			got += f.ID.String() + " " + words[2] + " " + words[7]
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
