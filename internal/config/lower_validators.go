package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"

	"github.com/crosschain-ops/reconcile/internal/ism"
)

// maxMembers is the most that a threshold of one byte can count (uint8 in the
// multisig factories of Hyperlane core 12).
const maxMembers = 255

// maxGrace bounds how long a member that left is kept.
const maxGrace = 90 * 24 * time.Hour

// validatorSets lowers the sets, by origin.
func (c *chaining) validatorSets() {
	instances := c.instances()
	for _, origin := range slices.Sorted(maps.Keys(c.doc.raw.ValidatorSets)) {
		at := in("validatorSets", origin)
		if !c.alive(at, origin) {
			continue
		}
		s := setting{chaining: c, at: at, raw: c.doc.raw.ValidatorSets[origin], instances: instances}
		s.out = ValidatorSet{
			Origin: origin, Type: s.raw.Type, Managed: s.raw.Managed, Threshold: s.raw.Threshold, Reason: s.raw.Reason, Source: c.doc.at(at),
		}
		s.destinations()
		s.members()
		s.unproven()
		s.size()
		c.env.ValidatorSets = append(c.env.ValidatorSets, s.out)
	}
}

// running is one running instance of an agent.
type running struct {
	agent    Agent
	instance int
}

// instances lists the running instances by name, as their keys are named.
func (c *chaining) instances() map[string]running {
	all := map[string]running{}
	for _, agent := range c.env.Agents {
		for instance := range agent.Instances {
			all[baseName(agent.Name, instance, c.agents[agent.Name])] = running{agent, instance}
		}
	}
	return all
}

// setting lowers one validator set.
type setting struct {
	*chaining
	at        cue.Path
	raw       rawValidatorSet
	out       ValidatorSet
	instances map[string]running
}

// field is a path below the set.
func (s *setting) field(steps ...any) cue.Path {
	return cue.MakePath(slices.Concat(s.at.Selectors(), in(steps...).Selectors())...)
}

// destinations are those stated, or where the environment's routes lead.
func (s *setting) destinations() {
	raw := s.raw.Destinations
	switch {
	case raw == nil:
		for _, route := range s.env.Routes {
			if route.From == s.out.Origin && !s.retired(route.To) {
				s.out.Destinations = append(s.out.Destinations, route.To)
			}
		}
	case raw.All:
		s.out.Destinations = slices.DeleteFunc(s.aliveNames(), func(name string) bool { return name == s.out.Origin })
	default:
		s.out.Destinations = s.networkList(s.field("destinations"), raw.List)
		for i, name := range raw.List {
			at := s.field("destinations", i)
			if name == s.out.Origin {
				s.fault(at, "take it out", "%s is the origin itself", name)
			} else if s.retired(name) {
				s.fault(at, "take it out", "network %s is retired, and not read", name)
			}
		}
	}
	slices.Sort(s.out.Destinations)
	if len(s.out.Destinations) == 0 {
		s.fault(s.field("destinations"), "destinations: \"all\", or routes of the environment", "is empty: no route of the environment leaves %s", s.out.Origin)
	}
}

// members lowers the members and refuses one that stands twice: it would count
// for two.
func (s *setting) members() {
	names, keys, addresses := map[string]int{}, map[string]int{}, map[string]int{}
	again := func(at cue.Path, seen map[string]int, value, what string, i int) {
		if first, twice := seen[strings.ToLower(value)]; twice && value != "" {
			s.fault(at, "", "%s is also that of members[%d]: one member counts once", what, first)
		} else if value != "" {
			seen[strings.ToLower(value)] = i
		}
	}
	if len(s.raw.Members) > maxMembers {
		return // told by size
	}
	for i, raw := range s.raw.Members {
		at := s.field("members", i)
		before := len(s.list)
		var m Member
		switch {
		case (raw.Agent == "") == (raw.Address == ""):
			s.fault(at, "write {agent: \"validator-0\"}, or {address: \"0x…\", alias: \"…\"}", "a member is an agent's instance or an address, one of them")
		case raw.Agent != "":
			m = s.ours(at, raw)
		default:
			m = s.theirs(at, raw)
		}
		if m.Source = s.doc.at(at); len(s.list) > before {
			continue
		}
		again(at, keys, m.Key, "key "+m.Key, i)
		again(at, addresses, m.Address, "address "+m.Address, i)
		if len(s.list) == before {
			again(at, names, m.Name, "the name "+m.Name, i)
		}
		s.out.Members = append(s.out.Members, m)
	}
}

// ours is a member by the instance of an agent: its attestation key on the origin.
func (s *setting) ours(at cue.Path, raw rawMember) Member {
	m := Member{Name: raw.Agent}
	if raw != (rawMember{Agent: raw.Agent}) {
		s.fault(at, "leave only agent", "is an agent's instance, which says alias, operator, account and region by itself")
	}
	at = at.Append(cue.Str("agent"))
	who, known := s.instances[raw.Agent]
	if !known {
		s.fault(at, meant(raw.Agent, slices.Collect(maps.Keys(s.instances))), "no running instance %q in this environment", raw.Agent)
		return m
	}
	if who.agent.Role != "validator" {
		s.fault(at, "", "%s is %s %s, and validators attest", raw.Agent, article(who.agent.Role), who.agent.Role)
		return m
	}
	for _, key := range s.env.Keys {
		if key.Agent != who.agent.Name || key.Instance != who.instance || key.Use != useAttestation || !slices.Contains(key.Networks, s.out.Origin) {
			continue
		}
		m.Key, m.Operator = key.Name, key.Operator
		if key.Holder != "keystore" {
			m.Account, m.Region = s.env.AWS.Account, key.Region
		}
		m.Location = s.location(raw.Agent, who.agent)
		return m
	}
	if !slices.Contains(who.agent.Networks, s.out.Origin) {
		s.fault(at, "add "+s.out.Origin+" to its networks", "%s does not work on %s", raw.Agent, s.out.Origin)
	} else {
		s.fault(at, "attestation: \"perNetwork\" gives it one", "%s has no attestation key", raw.Agent)
	}
	return m
}

// location is where the instance must announce its checkpoints for the origin, in
// the grammar of Hyperlane's agents: s3://bucket/region, with a folder after it.
func (s *setting) location(instance string, agent Agent) string {
	if s.env.Access == nil {
		return ""
	}
	name, folder := instance+"-"+s.out.Origin, ""
	switch agent.Storage {
	case storagePerInstance:
		name, folder = instance, "/"+s.out.Origin
	case storagePerNetwork:
	default:
		return ""
	}
	for _, b := range s.env.Access.Buckets {
		if b.Name == name {
			return "s3://" + b.Bucket + "/" + b.Region + folder
		}
	}
	return ""
}

// theirs is a member by its address.
func (s *setting) theirs(at cue.Path, raw rawMember) Member {
	s.address(at.Append(cue.Str("address")), raw.Address)
	if raw.Alias == "" && raw.Operator == "" {
		s.fault(at, "write alias: \"…\" or operator: \"…\"", "%s says neither alias nor operator: nobody knows whose it is", raw.Address)
	}
	for name, pinned := range s.env.Pins {
		if strings.EqualFold(pinned, raw.Address) {
			s.fault(at.Append(cue.Str("address")), "name the instance: {agent: \"…\"}", "%s is the address of key %s", raw.Address, name)
		}
	}
	return Member{Name: cmp.Or(raw.Alias, raw.Operator), Address: raw.Address, Operator: raw.Operator, Account: raw.Account, Region: raw.Region}
}

// unproven lowers the members that are accepted unseen.
func (s *setting) unproven() {
	var names []string
	for _, m := range s.out.Members {
		names = append(names, m.Name)
	}
	seen := map[string]bool{}
	for i, raw := range s.raw.Unproven {
		at := s.field("unproven", i)
		if len(s.out.Members) == len(s.raw.Members) && !slices.Contains(names, raw.Member) {
			s.fault(at.Append(cue.Str("member")), meant(raw.Member, names), "no member %q in this set", raw.Member)
		}
		if seen[raw.Member] {
			s.fault(at.Append(cue.Str("member")), "", "%s is listed twice", raw.Member)
		}
		seen[raw.Member] = true
		s.out.Unproven = append(s.out.Unproven, Exception{Member: raw.Member, Reason: raw.Reason, Expires: s.day(at.Append(cue.Str("expires")), raw.Expires)})
	}
}

// size holds the number of members and the threshold against what a contract
// admits, and against the environment's floor.
func (s *setting) size() {
	n, t, floor := len(s.raw.Members), s.raw.Threshold, s.env.Floor
	grace, err := time.ParseDuration(s.raw.Grace)
	if err != nil || grace > maxGrace {
		s.fault(s.field("grace"), "", "%q is not a duration of at most 2160h", s.raw.Grace)
	}
	s.out.Grace = grace
	switch {
	case n == 0:
		s.fault(s.field("members"), "", "is empty, a set has 1 member at least")
		return
	case n > maxMembers:
		s.fault(s.field("members"), "", "has %d members, may have %d", n, maxMembers)
		return
	case t > n:
		s.fault(s.field("threshold"), "", "is %d of %d members: it could never be reached", t, n)
		return
	}
	need := floor.Threshold(max(n, floor.Members))
	below := n < floor.Members || t < need
	switch {
	case below && s.raw.Managed && s.raw.Reason == "":
		s.fault(s.at, "add members, or say why: reason: \"…\"", "has threshold %d of %d members, the floor of this environment is %d of %d (%d/%d of the members, %d at least)",
			t, n, need, max(n, floor.Members), floor.Num, floor.Den, floor.Members)
	case s.raw.Reason != "" && !(s.raw.Managed && (below || s.held())):
		s.fault(s.field("reason"), "take it out", "has nothing to explain: threshold %d of %d members is not below the floor of %d of %d, and no one party holds enough to forge or to halt", t, n, need, max(n, floor.Members))
	}
}

// held reports that one operator, account or region holds enough members to
// forge a message, or to halt the origin.
func (s *setting) held() bool {
	members := make([]ism.Member, len(s.out.Members))
	for i, m := range s.out.Members {
		members[i] = ism.Member{Operator: m.Operator, Account: m.Account, Region: m.Region}
	}
	return len(ism.Concentration(members, s.out.Threshold)) > 0
}
