package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The kinds whose resources name addresses on chains.
const (
	kindSet      = "validator-set"
	kindContract = "contract"
	kindSafe     = "safe"
)

// Facts of a Safe: recognised proposals that can still be executed, whose value
// holds the calls; what others proposed, whose value tells the effects; and
// whether its queue was read.
const (
	factProposal = "proposal "
	factForeign  = "foreign "
	factQueue    = "queue"
)

// Chains is what was read of contracts, and what is known of the time before.
type Chains struct {
	// Declared and Previous are what the configuration and the last applied one
	// declare; Observed what was read.
	Declared, Previous, Observed resource.Set
	Facts                        []resource.Fact
	Unread                       []resource.Unread
	// Retired networks are not read, and nobody asks anything of them.
	Retired map[string]bool
	// Departures say of each origin when its set changed.
	Departures map[string]Departure
	// Domains are the networks' ids in messages.
	Domains map[string]uint32
	// Route is the selector (0x and eight digits) of the call that sets the module
	// of a domain, its first argument; Repoints those of the other calls that
	// change who is asked to sign.
	Route    string
	Repoints []string
	Now      time.Time
}

// Departure is how an origin's set was last changed.
type Departure struct {
	// Grace is how long who left goes on signing for messages in flight.
	Grace time.Duration
	// Since is when every destination was known to have the set that it has now.
	// Zero: nobody knows, and the grace has not begun.
	Since time.Time
}

// Held is a key whose address may stand somewhere.
type Held struct {
	Key resource.ID
	// Address in any letter case; empty: not read, so that it may stand anywhere.
	Address string
	// Networks that it is used on; empty: not known.
	Networks []string
	// Attests: it signs what validators or updaters sign. Known: a configuration
	// declares it, or the last applied one did.
	Attests, Known bool
	// Pays are networks whose bank it is.
	Pays []string
}

// Standings answers for many keys where their addresses stand.
type Standings struct {
	c Chains
	// named are the resources in which an address stands.
	named map[string][]resource.ID
	// missing are the resources that were not read, with the reason.
	missing map[resource.ID]string
	pending []pendingCall
}

type pendingCall struct {
	id   resource.ID
	hash string
	// data is the calldata of a call of ours, empty for somebody else's.
	data string
}

// Stand reads through all that names addresses.
func Stand(c Chains) *Standings {
	s := &Standings{c: c, named: map[string][]resource.ID{}, missing: map[resource.ID]string{}}
	unread := resource.Covering(c.Unread)
	for _, id := range c.Observed.IDs() {
		if onChain(id) {
			s.see(id, c.Observed[id].Attrs)
		}
	}
	for _, f := range c.Facts {
		if onChain(f.ID) {
			s.hear(f)
		}
	}
	for _, set := range []resource.Set{c.Declared, c.Previous} {
		for id := range set {
			_, read := c.Observed[id]
			switch {
			case !onChain(id) || c.Retired[id.Scope] || id.Kind == kindSet && c.Retired[id.Name]:
			case unread(id):
				s.missing[id] = "was not read"
			case !read && c.Declared[id].ID.IsZero():
				s.missing[id] = "is not declared any more and was not read"
			case !read:
				s.missing[id] = "was not read"
			}
		}
	}
	return s
}

// NamesKeys reports the kinds whose resources name addresses on chains.
func NamesKeys(kind string) bool {
	return kind == kindSet || kind == kindContract || kind == kindSafe
}

func onChain(id resource.ID) bool { return NamesKeys(id.Kind) }

// see notes the addresses in what was read of a resource, and whether something
// in it could not be.
func (s *Standings) see(id resource.ID, attrs resource.Attrs) {
	plain, err := attrs.Plain()
	if err != nil {
		s.missing[id] = "cannot be understood"
		return
	}
	for address := range addresses(map[string]any(plain)) {
		s.named[address] = append(s.named[address], id)
	}
	path, walked := plain["path"].(map[string]any)
	unreadable, _ := plain["unreadable"].(map[string]any)
	switch {
	case id.Kind == kindSet && (plain["ism"] == nil || plain["ism"] == "") && !(walked && path["absent"] == true):
		s.missing[id] = "does not tell whom it asks to sign"
	case id.Kind == kindContract && len(unreadable) > 0:
		s.missing[id] = "was not read whole"
	}
}

// hear notes what is known of a resource besides.
func (s *Standings) hear(f resource.Fact) {
	if hash, proposed := strings.CutPrefix(f.Name, factProposal); proposed {
		s.propose(f, hash)
		return
	}
	if hash, foreign := strings.CutPrefix(f.Name, factForeign); foreign {
		s.pending = append(s.pending, pendingCall{id: f.ID, hash: hash})
	}
	if f.Name == factQueue {
		s.missing[f.ID] = "has a queue that was not read"
	}
	for address := range addresses(f.Value) {
		if !slices.Contains(s.named[address], f.ID) {
			s.named[address] = append(s.named[address], f.ID)
		}
	}
}

func (s *Standings) propose(f resource.Fact, hash string) {
	var p struct {
		Calls []struct {
			Data string `json:"data"`
		} `json:"calls"`
	}
	if json.Unmarshal([]byte(f.Value), &p) != nil || len(p.Calls) == 0 {
		s.missing[f.ID] = "holds a proposal that cannot be read"
		return
	}
	for _, c := range p.Calls {
		s.pending = append(s.pending, pendingCall{id: f.ID, hash: hash, data: strings.ToLower(c.Data)})
	}
}

// addresses are all of 0x and forty digits in a value, in lower case.
func addresses(v any) map[string]bool {
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			addressesIn(v, found)
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(v)
	return found
}

func addressesIn(text string, found map[string]bool) {
	text = strings.ToLower(text)
	for {
		at := strings.Index(text, "0x")
		if at < 0 {
			return
		}
		text = text[at+2:]
		digits := len(text) - len(strings.TrimLeft(text, "0123456789abcdef"))
		if digits == 40 {
			found["0x"+text[:40]] = true
		}
		text = text[digits:]
	}
}

// Why says where the key's address stands, or may stand; nothing where it is
// free to go.
func (s *Standings) Why(k Held) []string {
	var why []string
	for _, network := range k.Pays {
		why = append(why, "is the bank of "+network)
	}
	address := strings.ToLower(k.Address)
	if address == "" {
		return append(why, "its address was not read, so it may stand in any set")
	}
	for _, id := range s.named[address] {
		if id.Kind == kindSet {
			why = append(why, fmt.Sprintf("%s still stands in %s: it may still be asked to sign", short(k.Address), id))
			continue
		}
		why = append(why, fmt.Sprintf("%s still stands in %s", short(k.Address), id))
	}
	for _, id := range sortedIDs(s.missing) {
		if s.mayName(id, k, address) {
			why = append(why, fmt.Sprintf("it may stand in %s, which %s", id, s.missing[id]))
		}
	}
	for _, c := range s.pending {
		if reason := s.brings(c, k, address); reason != "" {
			why = append(why, fmt.Sprintf("proposal %s of %s can still be executed and %s", c.hash, c.id, reason))
		}
	}
	if len(why) == 0 {
		why = s.grace(k)
	}
	return why
}

func sortedIDs(m map[resource.ID]string) []resource.ID {
	return slices.SortedFunc(maps.Keys(m), resource.ID.Compare)
}

// mayName reports whether a resource that was not read can name the key: it
// names it by one of the configurations, no configuration knows the key, or
// the key is of the sort that such a resource asks.
func (s *Standings) mayName(id resource.ID, k Held, address string) bool {
	for _, set := range []resource.Set{s.c.Declared, s.c.Previous} {
		attrs := set[id].Attrs
		if slices.ContainsFunc(attrs.Refs(), func(r resource.Ref) bool { return r.ID == k.Key }) || addresses(map[string]any(attrs))[address] {
			return true
		}
	}
	on := func(network string) bool { return len(k.Networks) == 0 || slices.Contains(k.Networks, network) }
	switch id.Kind {
	case kindSet:
		return !k.Known || k.Attests && on(id.Name)
	case kindContract:
		return !k.Known || k.Attests && on(id.Scope)
	default:
		return !k.Known || k.Attests // what was proposed to it is not known either
	}
}

// brings says what a call that may still be made does to the key.
func (s *Standings) brings(c pendingCall, k Held, address string) string {
	const selector, repoints = 10, "changes who is asked to sign" // 0x and four bytes
	switch {
	case strings.Contains(c.data, strings.TrimPrefix(address, "0x")):
		return "names its address"
	case !k.Attests:
		return ""
	case c.data == "":
		return "is not ours: it may change who is asked to sign"
	case len(c.data) < selector:
		return ""
	case slices.Contains(s.c.Repoints, c.data[:selector]):
		return repoints
	case c.data[:selector] != s.c.Route:
		return ""
	}
	domain, err := strconv.ParseUint(c.data[selector:min(len(c.data), selector+64)], 16, 32)
	others := err == nil && len(k.Networks) > 0 && !slices.ContainsFunc(k.Networks, func(n string) bool {
		d, known := s.c.Domains[n]
		return !known || uint64(d) == domain
	})
	if others {
		return ""
	}
	return repoints
}

// grace tells how long a key that stands nowhere is kept all the same.
func (s *Standings) grace(k Held) []string {
	if !k.Attests {
		return nil
	}
	var why []string
	for _, origin := range slices.Sorted(maps.Keys(s.c.Departures)) {
		d := s.c.Departures[origin]
		if d.Grace <= 0 || s.c.Retired[origin] || len(k.Networks) > 0 && !slices.Contains(k.Networks, origin) {
			continue
		}
		switch end := d.Since.Add(d.Grace); {
		case d.Since.IsZero():
			why = append(why, fmt.Sprintf("the grace of %s for messages in flight from %s begins with the next apply: nobody recorded since when its set is in force", d.Grace, origin))
		case s.c.Now.Before(end):
			why = append(why, fmt.Sprintf("messages from %s may be in flight until %s: its set is in force since %s, grace %s",
				origin, end.UTC().Format("2006-01-02 15:04 UTC"), d.Since.UTC().Format("2006-01-02 15:04 UTC"), d.Grace))
		}
	}
	return why
}

// short is an address that people can tell from others.
func short(address string) string {
	if len(address) != 42 {
		return address
	}
	return address[:8] + "…" + address[36:]
}
