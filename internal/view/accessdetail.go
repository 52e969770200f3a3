package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// keysText names keys: an agent with the number of its keys, a few keys and
// those of nobody by their names. Which of an agent's keys they are is told
// where whole is asked for.
func (t *accessText) keysText(keys []KeyAccess, whole bool) string {
	if len(keys) == t.all && len(keys) > 1 && t.agents(keys) > 1 {
		return "all " + count(len(keys), "key")
	}
	var texts []string
	byAgent := map[string][]resource.ID{}
	var agents []string
	for _, k := range keys {
		if byAgent[k.Agent] == nil {
			agents = append(agents, k.Agent)
		}
		byAgent[k.Agent] = append(byAgent[k.Agent], k.ID)
	}
	for _, agent := range agents {
		ids := byAgent[agent]
		list := strings.Join(t.namesOf(ids), ", ")
		counted := agent + ": " + number(len(ids)) + " of " + count(t.keys[agent], "key")
		switch {
		case agent == "" || len(ids) == 1:
			texts = append(texts, list)
		case len(ids) == t.keys[agent]:
			texts = append(texts, agent+": "+count(len(ids), "key"))
		case whole || len(ids) <= shownNetworks || t.viewer.o.Verbose:
			texts = append(texts, counted+", "+list)
		default:
			texts = append(texts, counted)
		}
	}
	return strings.Join(texts, "; ")
}

func (t *accessText) agents(keys []KeyAccess) int {
	agents := map[string]bool{}
	for _, k := range keys {
		agents[k.Agent] = true
	}
	return len(agents)
}

// remark is what is to be said of one principal of a key.
type remark struct {
	sign       piece
	text, hint string
}

// exceptions are the remarks on what is not as declared.
func (t *accessText) exceptions(k KeyAccess) []remark {
	var list []remark
	for _, s := range k.plain() {
		if k.state(s) != stateDeclared {
			list = append(list, t.signer(k, s))
		}
	}
	for _, m := range k.Missing {
		list = append(list, t.missing(k, m))
	}
	return list
}

// remarks tells, below a group, what is not as declared and why.
func (t *accessText) remarks(g accessGroup) {
	first := t.exceptions(g.keys[0])
	for _, k := range g.keys[1:] {
		if !slices.Equal(first, t.exceptions(k)) {
			t.prose("", indentation, "each alike, for example "+t.names.short(g.keys[0].ID)+":")
			break
		}
	}
	for _, r := range first {
		t.remark(r)
	}
}

func (t *accessText) remark(r remark) {
	t.item(indentation, r.sign, r.text)
	t.lines.hint(indentation+"  ", r.hint)
}

// signer says of one principal that can sign what gives it the right.
func (t *accessText) signer(k KeyAccess, s Signer) remark {
	if len(s.Through) > shownHolders && !t.viewer.o.Verbose {
		s.Through = append(s.Through[:shownHolders:shownHolders], "and "+count(len(s.Through)-shownHolders, "other way"))
	}
	return remark{sign: signerSign(k.state(s)), text: t.holder(s.Principal, s.Name) + " " + signerText(k, s)}
}

func (t *accessText) missing(k KeyAccess, m MissingSigner) remark {
	text := t.holder(m.Principal, m.Name) + " is declared and cannot: " + k.way(cmp.Or(m.Reason, "no reason was given"))
	return remark{piece{red, "-"}, text, m.Hint}
}

// ascent is one principal with the ways in which it could become able to sign.
type ascent struct {
	who     string
	certain bool
	keys    []KeyAccess
	ways    []string
}

// ascents gathers who could become able to sign, and the administrators, who
// can or could with all.
func (t *accessText) ascents() (list []*ascent, admins []*ascent) {
	at := map[string]*ascent{}
	enter := func(k KeyAccess, arn, name string, admin, certain bool) *ascent {
		who := t.holder(arn, name)
		key := arn + "\x00" + map[bool]string{true: "admin"}[admin]
		a := at[key]
		if a == nil {
			a = &ascent{who: who}
			at[key] = a
			if admin {
				admins = append(admins, a)
			} else {
				list = append(list, a)
			}
		}
		a.certain = a.certain || certain
		if len(a.keys) == 0 || a.keys[len(a.keys)-1].ID != k.ID {
			a.keys = append(a.keys, k)
		}
		return a
	}
	for _, k := range t.r.Keys {
		for _, s := range k.Signers {
			if k.state(s) == stateAdmin {
				enter(k, s.Principal, s.Name, true, true)
			}
		}
		for _, b := range k.CanBecome {
			a := enter(k, b.Principal, b.Name, b.Admin, b.Certain)
			if way := k.way(b.Path); way != "" && !slices.Contains(a.ways, way) {
				a.ways = append(a.ways, way)
			}
		}
	}
	return list, admins
}

// way is a path in words that are the same for all keys.
func (k KeyAccess) way(path string) string {
	words := strings.Fields(path)
	for i, word := range words {
		bare := strings.TrimRight(word, ",;")
		tail := k.ARN[strings.LastIndexByte(k.ARN, '/')+1:]
		if bare != "" && (bare == k.ARN || bare == tail || bare == k.Alias || bare == k.ID.Name || bare == k.ID.String() || "alias/"+bare == k.Alias) {
			words[i] = "the key" + word[len(bare):]
		}
	}
	return strings.Join(words, " ")
}

// shownWays is up to how many ways of one principal are told.
const shownWays = 2

// becoming lists who cannot sign today and could give himself the right.
func (t *accessText) becoming() {
	list, admins := t.ascents()
	if len(list)+len(admins) == 0 {
		return
	}
	t.blank()
	t.seg(bold, "could become able to sign").end()
	for _, a := range list {
		sign := piece{yellow, "!"}
		if !a.certain {
			sign.text = "?"
		}
		ways := a.ways
		if len(ways) > shownWays && !t.viewer.o.Verbose {
			ways = append(ways[:shownWays:shownWays], "and "+count(len(a.ways)-shownWays, "other way"))
		}
		text := a.who + " with " + t.keysText(a.keys, false)
		if len(ways) > 0 {
			text += ": " + strings.Join(ways, "; ")
		}
		t.item(indentation, sign, text)
	}
	if len(admins) == 0 {
		return
	}
	var names []string
	most := 0
	for _, a := range admins {
		names, most = append(names, a.who), max(most, len(a.keys))
	}
	text := count(len(names), "administrator") + ", who can or could sign with up to " + count(most, "key") + ": "
	if len(names) > shownHolders+1 && !t.viewer.o.Verbose {
		names = append(names[:shownHolders:shownHolders], "and "+number(len(names)-shownHolders)+" more (--verbose)")
	}
	t.item(indentation, piece{yellow, "!"}, text+strings.Join(names, ", "))
}

// key tells all of one key.
func (t *accessText) key(k KeyAccess) {
	sign, style, verdict := k.verdict()
	t.seg(style, sign).seg("", " ").seg(bold, k.ID.String()).seg("", "  ").seg(style, verdict).end()
	for _, text := range []string{k.Alias, k.ARN} {
		if text != "" {
			t.seg("", indentation).seg("", text).end()
		}
	}
	t.section("can sign", len(k.Signers))
	for _, s := range k.Signers {
		t.remark(t.signer(k, s))
		t.arn(s.Principal)
	}
	if len(k.Missing) > 0 {
		t.section("cannot sign, and should", len(k.Missing))
	}
	for _, m := range k.Missing {
		t.remark(t.missing(k, m))
		t.arn(m.Principal)
	}
	t.section("could become able to sign", len(k.CanBecome))
	for _, b := range k.CanBecome {
		t.become(b, k.way(b.Path))
	}
}

func (t *accessText) become(b Becoming, way string) {
	sign, text := piece{yellow, "!"}, t.holder(b.Principal, b.Name)
	if !b.Certain {
		sign.text = "?"
	}
	if b.Admin {
		text += ", an administrator"
	}
	if way != "" {
		text += ": " + way
	}
	t.item(indentation, sign, text)
	t.arn(b.Principal)
}

// arn is whole: it is there to be copied.
func (t *accessText) arn(principal string) {
	if _, path := splitPrincipal(principal); path != principal {
		t.seg("", indentation+"  ").seg(faint, principal).end()
	}
}

func (t *accessText) section(title string, n int) {
	if n == 0 {
		title += ": nobody"
	}
	t.seg(bold, "  "+title).end()
}

// principals tells what one name can do with which keys. A user and a role may
// share a name: each is told by itself.
func (t *accessText) principals() {
	var arns []string
	note := func(arn string) {
		if !slices.Contains(arns, arn) {
			arns = append(arns, arn)
		}
	}
	for _, k := range t.r.Keys {
		for _, s := range k.Signers {
			note(s.Principal)
		}
		for _, m := range k.Missing {
			note(m.Principal)
		}
		for _, b := range k.CanBecome {
			note(b.Principal)
		}
	}
	for _, arn := range arns {
		t.principal(arn)
	}
}

// principal folds the keys by what is said of them.
func (t *accessText) principal(arn string) {
	t.seg(bold, t.holder(arn, "")).end()
	t.arn(arn)
	type saying struct {
		sign piece
		text string
		keys []KeyAccess
	}
	var list []*saying
	at := map[string]*saying{}
	say := func(k KeyAccess, sign piece, text string) {
		a := at[sign.text+text]
		if a == nil {
			a = &saying{sign: sign, text: text}
			at[sign.text+text] = a
			list = append(list, a)
		}
		a.keys = append(a.keys, k)
	}
	for _, k := range t.r.Keys {
		for _, s := range k.Signers {
			if s.Principal == arn {
				say(k, signerSign(k.state(s)), signerText(k, s))
			}
		}
		for _, m := range k.Missing {
			if m.Principal == arn {
				say(k, piece{red, "-"}, "cannot sign, and is declared to: "+k.way(m.Reason))
			}
		}
		for _, b := range k.CanBecome {
			if b.Principal == arn {
				say(k, piece{yellow, map[bool]string{true: "!", false: "?"}[b.Certain]}, "could become able to sign: "+k.way(b.Path))
			}
		}
	}
	for _, s := range list {
		t.item(indentation, s.sign, t.keysText(s.keys, true)+": "+s.text)
	}
}

// signerSign and signerText say what stands of a signer.
func signerSign(state string) piece {
	return map[string]piece{
		stateDeclared: {green, "✓"}, stateUnexpected: {red, "+"}, stateAdmin: {yellow, "+"}, stateUnclear: {yellow, "?"}, stateFree: {"", "·"},
	}[state]
}

func signerText(k KeyAccess, s Signer) string {
	text := map[string]string{
		stateDeclared: "can sign, as declared", stateUnexpected: "can sign, and is not declared", stateAdmin: "can sign, as an administrator",
		stateUnclear: "may or may not be able to sign", stateFree: "can sign",
	}[k.state(s)]
	if s.Doubt != "" {
		text += ": " + k.way(s.Doubt)
	}
	if len(s.Through) > 0 {
		text += ", through " + k.way(strings.Join(s.Through, "; "))
	}
	return text
}

// reservations says what the answer does not rest on.
func (t *accessText) reservations() {
	t.blank()
	for _, u := range t.r.Unread {
		t.mark(yellow, "?", "not read: "+u.Scope+": "+u.Operation+": "+u.Cause)
	}
	if len(t.r.NotRead) > 0 {
		t.prose(faint, "", "never read, and could take rights away or give them elsewhere: "+strings.Join(t.r.NotRead, ", "))
	}
}
