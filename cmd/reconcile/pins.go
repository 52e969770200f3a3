package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/apply"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// pinsOf is addresses.json at one commit in the gate's words. What an overlay pins
// stands for keys of a sandbox, whatever the commit says, and is left out.
func (s *session) pinsOf(env *config.Environment) map[string]string {
	pins := map[string]string{}
	for key, address := range env.Pins {
		if o := s.env.Overlay; o == nil || o.Pins[key] == "" {
			pins[key] = config.Pin{ARN: env.PinnedARNs[key], Address: address}.String()
		}
	}
	return pins
}

// offerPins prints what addresses.json lacks after keys were made: as a patch,
// where the environment pins addresses at all.
func (s *session) offerPins(outcomes []apply.Outcome) error {
	made := map[resource.ID]resource.Outputs{}
	for _, o := range outcomes {
		made[o.ID] = o.Outputs
	}
	file, err := s.app.readPins(s.env.Name)
	if err != nil || !file.there && s.env.Addresses != "pinned" {
		return err
	}
	next := maps.Clone(file.pins)
	for _, key := range s.env.Keys {
		o := made[key.ResourceID()]
		if pin := (config.Pin{ARN: o["arn"], Address: o["address"]}); pin.ARN != "" && pin.Address != "" && next[key.Name] == (config.Pin{}) {
			next[key.Name] = pin
		}
	}
	patch := file.patch(next)
	if len(patch) == 0 {
		return nil
	}
	added := slices.DeleteFunc(slices.Sorted(maps.Keys(next)), func(key string) bool { return file.pins[key] != config.Pin{} })
	fmt.Fprintf(s.app.out, "\nnot pinned yet: %s\n", strings.Join(added, ", "))
	s.app.printPatch(patch)
	fmt.Fprintln(s.app.out, "hint: reconcile addresses "+s.env.Name+" --write, then commit "+file.name+" by itself")
	return nil
}

// lookAlikes refuses live keys whose address begins and ends like another that is
// known: of an address that enters a set or is paid people see no more than that.
func (s *session) lookAlikes(world *observe.World) []resource.Finding {
	keys := map[string]resource.ID{}
	known := slices.Clone(s.env.Known)
	for _, key := range s.env.Keys {
		id := key.ResourceID()
		if address := world.Owned[id].Outputs["address"]; address != "" {
			keys[address] = id
			known = append(known, config.KnownAddress{Address: address, Path: "key " + key.Name, Environment: s.env.Name, Source: key.Source})
		}
	}
	var found []resource.Finding
	for _, pair := range config.LookAlikes(known) {
		here, there := pair[1], pair[0]
		id, live := keys[here.Address]
		if !live {
			here, there = there, here
			id, live = keys[here.Address]
		}
		if live {
			found = append(found, resource.Finding{
				Rule: config.RuleLookAlike, Severity: resource.Refuse, ID: id,
				Reason: fmt.Sprintf("its address %s begins and ends like %s (%s), and is another", here.Address, there.Address, there),
				Hint:   "find out which of the two is right; where both are, make one of them anew",
			})
		}
	}
	return found
}
