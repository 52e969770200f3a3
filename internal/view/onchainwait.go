package view

import (
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// proposal is what a pending change waits for: its reason, read back.
type proposal struct {
	safe                 resource.ID
	address, hash, nonce string
}

// proposalOf reads the reason of a pending change as internal/call writes it; nil
// for any other.
func proposalOf(id resource.ID, reason string) *proposal {
	rest, ours := strings.CutPrefix(reason, "proposed to Safe ")
	rest, waits := strings.CutSuffix(rest, ": waits for its signatures")
	parts := strings.Split(rest, " ")
	if !ours || !waits || len(parts) != 6 || parts[2] != "as" || parts[4] != "nonce" {
		return nil
	}
	p := proposal{safe: resource.ID{Kind: kindSafe, Scope: id.Scope, Name: parts[0]}, address: parts[1], nonce: parts[5]}
	var comma bool
	p.hash, comma = strings.CutSuffix(parts[3], ",")
	if !comma || !isAddress(p.address) || !isHex(p.hash, hashDigits) || p.nonce == "" || strings.Trim(p.nonce, "0123456789") != "" {
		return nil
	}
	return &p
}

// printed is a call that somebody else must make.
type printed struct {
	who, creates string
	wire
}

// printedOf reads the calls out of the reason of a deferred change; what is no
// such list stays a sentence.
func printedOf(reason string) (lead, network string, calls []printed) {
	lead, list, found := strings.Cut(reason, "; calls to make on ")
	network, list, listed := strings.Cut(list, ": ")
	if !found || !listed || network == "" || strings.Contains(network, " ") {
		return reason, "", nil
	}
	for text := range strings.SplitSeq(list, "; ") {
		var p printed
		who, rest, ok := strings.Cut(text, ": to ")
		to, data, okTo := strings.Cut(rest, " data ")
		if data, p.creates, _ = strings.Cut(data, " (makes "); p.creates != "" {
			p.creates = strings.TrimSuffix(p.creates, ")")
		}
		p.who, p.wire = who, wire{To: to, Data: data}
		if !ok || !okTo || !isAddress(to) || !isHex(data, -1) || (p.creates != "" && !isAddress(p.creates)) || (who != "anybody" && who != "the owner") {
			return reason, "", nil
		}
		calls = append(calls, p)
	}
	return lead, network, calls
}

// mostData is up to how many digits of calldata are printed: whoever makes a
// call needs all of it, and only sets of more members than there are have more.
const mostData = 8192

func wholeData(data string) string {
	if len(data) > mostData {
		return data[:mostData] + "… (" + sizeOf(data) + ": whole in the plan file)"
	}
	return data
}

// sayPrinted is what one printed call does, in a line.
func (v *viewer) sayPrinted(network string, p printed) string {
	if p.creates != "" {
		return p.who + ", makes " + p.creates + ": to " + v.target(network, p.wire)
	}
	return p.who + ": to " + v.target(network, p.wire)
}

// about is what a line that waits is headed by.
func (w waiting) about() []resource.ID {
	if w.proposal != nil {
		return []resource.ID{w.proposal.safe}
	}
	return w.ids
}

// verifyNext is the command that shows what a Safe's signers will see.
func (v *viewer) verifyNext(p proposal) string {
	return "reconcile safe verify " + v.p.Environment + " " + p.hash
}

// waitsFor says what a proposal waits for.
func (v *viewer) waitsFor(p proposal) string {
	return "nonce " + p.nonce + ", " + v.mustSign(p.safe)
}

// kindsAndNames lists resources kind by kind, as headlines do.
func (v *viewer) kindsAndNames(ids []resource.ID) string {
	byKind := map[string][]resource.ID{}
	for _, id := range ids {
		byKind[id.Kind] = append(byKind[id.Kind], id)
	}
	var parts []string
	for _, kind := range sortedKeys(byKind) {
		names := v.namesOf(byKind[kind])
		if len(names) > shownNames {
			names = append(names[:shownNames:shownNames], "and "+count(len(names)-shownNames, "more name"))
		}
		text := strings.Join(names, ", ")
		if !v.o.Verbose {
			text = kind + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// later lists what cannot be planned yet, then what waits for others to sign.
func (t *text) later() {
	list := t.waitings()
	titled := false
	for i, w := range list {
		if w.word == waitsWord && !titled {
			titled = true
			t.blank()
			t.seg(bold, "waiting for others").seg("", ": proposed already").end()
		} else if i == 0 {
			t.blank()
		}
		t.wait(w)
	}
}

func (t *text) wait(w waiting) {
	word := w.word
	if len(w.ids) > 1 {
		word += " " + number(len(w.ids))
	}
	if p := w.proposal; p != nil {
		t.headline(piece{yellow, "»"}, t.kindText(p.safe), t.namesOf(w.about()), []piece{{"", word}})
		t.prose("", indentation, t.kindsAndNames(w.ids))
		t.prose("", indentation, "proposed to Safe "+literalName(p.safe.Name)+" "+p.address+", "+t.waitsFor(*p))
		t.lines.hint(indentation, t.verifyNext(*p))
		return
	}
	t.headline(piece{faint, "…"}, t.kindText(w.ids[0]), t.namesOf(w.ids), []piece{{"", word}})
	if len(w.calls) == 0 {
		t.prose("", indentation, w.reason)
		return
	}
	t.prose("", indentation, w.reason+"; "+count(len(w.calls), "call")+" to make on "+w.network+":")
	for i, p := range w.calls {
		t.prose("", indentation, number(i+1)+". "+t.sayPrinted(w.network, p))
		// Never broken: whoever makes the call copies it.
		t.seg("", wholeData(p.Data)).end()
	}
}

// The words for what is in no step of this plan.
const (
	laterWord = "later"
	waitsWord = "waits"
)
