package ism

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

// Bounds of what is read of one origin's tree, and of one set.
const (
	MaxDepth   = 8
	MaxModules = 256
	MaxMembers = 1024
)

// SetType is what the members of a set sign.
type SetType string

// What members sign: the message's id with a checkpoint, a root with a proof, or
// either of them, which upstream makes an aggregation of 1 of 2 of.
const (
	MessageID  SetType = "message-id"
	MerkleRoot SetType = "merkle-root"
	Either     SetType = "either"
)

// Set is who signs and how many of them must.
type Set struct {
	Type      SetType          `json:"type"`
	Members   []common.Address `json:"members"`
	Threshold int              `json:"threshold"`
}

// Equal compares type, threshold and members; their order is of no meaning.
func (s Set) Equal(other Set) bool {
	return s.Type == other.Type && s.sameSigners(other)
}

func (s Set) sameSigners(other Set) bool {
	return s.Threshold == other.Threshold && slices.Equal(Sorted(s.Members), Sorted(other.Members))
}

// Has reports whether the address is a member.
func (s Set) Has(member common.Address) bool { return slices.Contains(s.Members, member) }

// MaxThreshold is what the contracts' uint8 holds.
const MaxThreshold = 255

// Check refuses what is no set at all: whatever is declared, none of it is ever
// written.
func (s Set) Check() error {
	n := len(s.Members)
	switch {
	case s.Type != MessageID && s.Type != MerkleRoot && s.Type != Either:
		return fmt.Errorf("%.40q is no type of set: %s, %s or %s", string(s.Type), MessageID, MerkleRoot, Either)
	case n > MaxMembers:
		return fmt.Errorf("it has %d members, at most %d", n, MaxMembers)
	case s.Threshold < 1:
		return fmt.Errorf("threshold %d: nobody would have to sign; need at least 1", s.Threshold)
	case s.Threshold > n:
		return fmt.Errorf("threshold %d of %d members can never be reached", s.Threshold, n)
	case s.Threshold > MaxThreshold:
		return fmt.Errorf("threshold %d, at most %d", s.Threshold, MaxThreshold)
	}
	sorted := Sorted(s.Members)
	if sorted[0] == (common.Address{}) {
		return fmt.Errorf("the zero address is a member: a signature that recovers to nobody would count")
	}
	for i := range sorted[1:] {
		if sorted[i] == sorted[i+1] {
			return fmt.Errorf("%s is a member twice: its one signature would count twice", sorted[i].Hex())
		}
	}
	return nil
}

// Floor is the least that an environment asks of a set. The zero value asks for
// nothing.
type Floor struct {
	// Members is the least number of them.
	Members int
	// The threshold is at least the share Num/Den of the members, rounded up.
	Num, Den int
}

// DefaultFloor is at least three members, two thirds of whom must sign.
func DefaultFloor() Floor { return Floor{Members: 3, Num: 2, Den: 3} }

// Threshold is the least threshold of n members.
func (f Floor) Threshold(n int) int {
	if f.Den <= 0 {
		return 0
	}
	return (n*f.Num + f.Den - 1) / f.Den
}

// Check says what a set lacks; such a set needs a written reason.
func (f Floor) Check(s Set) error {
	n := len(s.Members)
	switch least := f.Threshold(n); {
	case n < f.Members:
		return fmt.Errorf("%d members, the environment's floor is %d", n, f.Members)
	case s.Threshold < least:
		return fmt.Errorf("threshold %d of %d members, the environment's floor is %d (%d/%d of the members, rounded up)", s.Threshold, n, least, f.Num, f.Den)
	}
	return nil
}

// Member is one of a set with those on whom it depends. Empty is not known, and
// never shared.
type Member struct {
	Address                   common.Address
	Operator, Account, Region string
}

// Concentrated is one party that holds too many members of a set.
type Concentrated struct {
	// Of is operator, account or region; Name the party's own.
	Of, Name string
	// Members that it holds, sorted.
	Members []common.Address
	// Forge is how many members sign whatever they like: the threshold. Halt is how
	// many stop every message by not signing: n − threshold + 1.
	Forge, Halt int
}

// Forges reports that the party alone can sign any message: such a set is refused.
func (c Concentrated) Forges() bool { return len(c.Members) >= c.Forge }

// Halts reports that without the party no message is delivered.
func (c Concentrated) Halts() bool { return len(c.Members) >= c.Halt }

// String says who can do what, with have and need.
func (c Concentrated) String() string {
	if c.Forges() {
		return fmt.Sprintf("%s %s holds %d members and %d sign any message: it alone can forge", c.Of, c.Name, len(c.Members), c.Forge)
	}
	return fmt.Sprintf("%s %s holds %d members, and without %d no message is signed: it alone can halt", c.Of, c.Name, len(c.Members), c.Halt)
}

// Concentration lists every operator, account and region that can forge or halt
// by itself.
func Concentration(members []Member, threshold int) []Concentrated {
	var all []Concentrated
	for _, of := range []struct {
		name string
		get  func(Member) string
	}{
		{"operator", func(m Member) string { return m.Operator }},
		{"account", func(m Member) string { return m.Account }},
		{"region", func(m Member) string { return m.Region }},
	} {
		held := map[string][]common.Address{}
		for _, m := range members {
			if name := of.get(m); name != "" {
				held[name] = append(held[name], m.Address)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(held)) {
			c := Concentrated{Of: of.name, Name: name, Members: Sorted(held[name]), Forge: threshold, Halt: len(members) - threshold + 1}
			if c.Forges() || c.Halts() {
				all = append(all, c)
			}
		}
	}
	return all
}

// Quorum counts those of a set who are known to sign.
type Quorum struct {
	// Have is the number of live members, Need the threshold.
	Have, Need int
	// Silent are the members not known to sign, sorted.
	Silent []common.Address
}

// Met reports that messages are signed. Nobody is needed for a threshold of 0,
// and that is no quorum.
func (q Quorum) Met() bool { return q.Need > 0 && q.Have >= q.Need }

// Quorum counts the set's live members. One that is not in the map is not live,
// and one that is a member twice counts once.
func (s Set) Quorum(live map[common.Address]bool) Quorum {
	q := Quorum{Need: s.Threshold}
	for _, m := range slices.Compact(Sorted(s.Members)) {
		if live[m] {
			q.Have++
		} else {
			q.Silent = append(q.Silent, m)
		}
	}
	return q
}

// SafeToRepoint reports whether messages are signed once a destination asks for
// this set: asked before each repoint, of those who are live at that moment.
// What was in force before has no say: a bridge that stands must be mendable.
func SafeToRepoint(to Set, live map[common.Address]bool) (Quorum, bool) {
	q := to.Quorum(live)
	return q, q.Met()
}
