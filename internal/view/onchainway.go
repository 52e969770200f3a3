package view

import (
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// way is how the calls of one change are made.
type way struct {
	// sent transactions, and by which keys.
	sent int
	keys string
	// act and rest are what is done with a Safe, around its address.
	act, safe, rest string
}

func (w way) alike(other way) bool {
	w.safe, other.safe = "", ""
	return w == other
}

func (v *viewer) wayOf(c plan.Change) way {
	var w way
	var keys []string
	for _, s := range c.Steps {
		t, ok := transactionOf(s)
		switch {
		case !ok:
		case t.Safe != "":
			w.act, w.rest = v.actOf(t)
			w.safe = t.Safe
		default:
			w.sent++
			if key := "key " + literalName(t.Sender); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	w.keys = strings.Join(keys, " and ")
	return w
}

// actOf is what a step does with a Safe.
func (v *viewer) actOf(t transaction) (act, rest string) {
	safe := "Safe " + literalName(t.SafeName)
	if t.proposed() {
		return "proposed to " + safe, "(" + v.mustSign(safeID(t)) + ")"
	}
	var keys []string
	for _, signer := range t.Signers {
		key, _, _ := strings.Cut(signer, "=")
		keys = append(keys, literalName(key))
	}
	return "executed as " + safe, "with its owner keys " + strings.Join(keys, " and ") + ", held here"
}

func safeID(t transaction) resource.ID {
	return resource.ID{Kind: kindSafe, Scope: t.Network, Name: t.SafeName}
}

// text says a way that so many changes share; safe is empty where the Safe has
// another address for each.
func (w way) text(changes int, safe string) string {
	var parts []string
	if w.sent > 0 {
		each := ""
		if changes > 1 {
			each = " each"
		}
		parts = append(parts, count(w.sent, "transaction")+each+" by "+w.keys+", held here")
	}
	switch {
	case w.act == "":
	case safe == "":
		parts = append(parts, w.act+", at another address on each, "+strings.TrimSuffix(strings.TrimPrefix(w.rest, "("), ")"))
	default:
		parts = append(parts, w.act+" "+safe+" "+w.rest)
	}
	if len(parts) == 0 {
		return "nothing is sent"
	}
	return strings.Join(parts, ", then ")
}

// ways says how the calls of a block are made: once where all are made alike,
// otherwise each way with its networks.
func (v *viewer) ways(b block) []field {
	type group struct {
		way
		changes []plan.Change
	}
	var groups []*group
	for _, c := range b.changes {
		w := v.wayOf(c)
		i := slices.IndexFunc(groups, func(g *group) bool { return g.alike(w) })
		if i < 0 {
			i, groups = len(groups), append(groups, &group{way: w})
		}
		if groups[i].safe != w.safe {
			groups[i].safe += " " // more than one
		}
		groups[i].changes = append(groups[i].changes, c)
	}
	var lines []field
	for _, g := range groups {
		safe := g.safe
		if strings.HasSuffix(safe, " ") {
			safe = ""
		}
		text := g.text(len(g.changes), safe)
		path := "how"
		if n := len(g.changes); len(b.changes) > 1 {
			var on []string
			for _, c := range g.changes {
				on = append(on, c.ID.Scope)
			}
			slices.Sort(on)
			on = slices.Compact(on)
			path = on[0]
			if n > 1 && len(on) > 1 {
				path = count(len(on), "network")
				text = listed(on) + text
			}
		}
		lines = append(lines, field{path: path, sign: ' ', text: text})
	}
	return lines
}

// listed names networks as far as that is of use to a reader.
func listed(networks []string) string {
	if len(networks) > mostListed {
		return ""
	}
	return strings.Join(networks, ", ") + ": "
}
