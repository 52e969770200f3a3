package view

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// accessText writes access for people.
type accessText struct {
	*lines
	viewer
	r AccessReport
	// keys counts the keys of each agent and all those of the environment,
	// whatever was asked for, so that a group can say "all".
	keys map[string]int
	all  int
}

// accessTable writes the groups of keys with who can sign, then who could
// become able to, then what was not read. One key or one principal is told whole.
func accessTable(w io.Writer, r AccessReport, of []KeyAccess, o AccessOptions) error {
	t := &accessText{lines: &lines{o: o.Options}, r: r, keys: map[string]int{}, all: len(of)}
	t.viewer.o = o.Options
	t.names = naming{region: r.Region, networks: map[string]bool{}}
	for network := range o.Coins {
		t.names.networks[network] = true
	}
	for _, k := range of {
		t.keys[k.Agent]++
	}
	t.r.Keys = slices.Clone(r.Keys)
	for i, k := range t.r.Keys {
		if k.ARN == "" {
			// Of a key that is not there nothing can be told, and nothing need be.
			t.r.Keys[i].Signers, t.r.Keys[i].Missing, t.r.Keys[i].CanBecome = nil, nil, nil
		}
	}
	switch {
	case o.Principal != "":
		t.principals()
	case o.Key != "":
		for _, k := range r.Keys {
			t.key(k)
		}
	case r.Unmanaged != nil:
		t.head()
		t.strangers()
	default:
		t.head()
		t.groups()
		t.summary()
		t.becoming()
	}
	t.reservations()
	return t.flush(w)
}

func (t *accessText) head() {
	n := t.r.Totals
	parts := []string{t.r.Environment, strings.TrimSpace("account " + t.r.Account + " " + t.r.Region), count(len(t.r.Keys), "key"),
		strings.Join([]string{count(n.Users, "user"), count(n.Groups, "group"), count(n.Roles, "role"), count(n.Policies, "policy")}, ", ")}
	if n.Unmanaged > 0 {
		parts = append(parts, number(n.Unmanaged)+" of them not declared here")
	}
	t.list(bold, " · ", parts)
	t.blank()
}

// holder says a principal as people say it: staging-relayer (role).
func (t *accessText) holder(arn, name string) string {
	account, path := splitPrincipal(arn)
	kind, own, named := strings.Cut(path, "/")
	switch {
	case arn == "*":
		return everyone
	case rootOf(item{"AWS", resource.Literal(arn)}) != "":
		return "account " + rootOf(item{"AWS", resource.Literal(arn)}) + " (its IAM decides)"
	case path == arn || !named:
		return literalName(cmp.Or(name, arn))
	}
	if kind == "assumed-role" {
		kind = "session"
	} else {
		own = own[strings.LastIndexByte(own, '/')+1:]
	}
	if account != t.r.Account {
		kind += " of " + account
	}
	return literalName(cmp.Or(name, own)) + " (" + kind + ")"
}

// accessGroup is keys whose signers are the same, or the same but for the
// names that they have in common with their keys.
type accessGroup struct {
	keys []KeyAccess
}

// grouped folds the keys of each agent.
func (t *accessText) grouped() []accessGroup {
	at := map[string]int{}
	var groups []accessGroup
	for _, k := range t.r.Keys {
		key := k.Agent + "\x00" + t.standing(k)
		if t.viewer.o.Verbose || k.Agent == "" && !k.settled() {
			key += "\x00" + k.ID.String()
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, accessGroup{})
		}
		groups[i].keys = append(groups[i].keys, k)
	}
	return groups
}

// settled reports whether there is nothing to say of a key but who signs.
func (k KeyAccess) settled() bool {
	return len(k.Missing) == 0 && !slices.ContainsFunc(k.Signers, func(s Signer) bool { return k.state(s) != stateDeclared && k.state(s) != stateAdmin })
}

// standing is equal for keys of which the same is to be said.
func (t *accessText) standing(k KeyAccess) string {
	own := t.ownWords(k.ID)
	normal := func(text string) string {
		if k.ARN != "" {
			text = strings.ReplaceAll(text, k.ARN, "\x04")
		}
		if rest, ok := strings.CutPrefix(text, t.r.Environment+"-"); ok {
			return "\x03" + own.normal(rest)
		}
		return own.normal(text)
	}
	parts := []string{Terminal(k.ARN)[:min(1, len(k.ARN))], map[bool]string{true: "managed"}[k.Managed]}
	for _, s := range k.Signers {
		if state := k.state(s); state != stateAdmin {
			_, path := splitPrincipal(s.Principal)
			parts = append(parts, state, strings.TrimSuffix(s.Principal, path), kindOf(path), normal(t.named(s.Principal, s.Name)))
			if state != stateDeclared {
				parts = append(parts, normal(s.Doubt), normal(strings.Join(s.Through, "\x01")))
			}
		}
	}
	for _, m := range k.Missing {
		parts = append(parts, "missing", normal(t.named(m.Principal, m.Name)), normal(m.Reason), normal(m.Hint))
	}
	return strings.Join(parts, "\x00")
}

// named is the bare name of a principal.
func (t *accessText) named(arn, name string) string {
	_, path := splitPrincipal(arn)
	return cmp.Or(name, path[strings.LastIndexByte(path, '/')+1:])
}

func kindOf(path string) string { kind, _, _ := strings.Cut(path, "/"); return kind }

// What is said of a signer.
const (
	stateDeclared   = "declared"
	stateUnexpected = "unexpected"
	stateAdmin      = "administrator"
	stateUnclear    = "cannot tell"
	stateFree       = "nobody is declared"
)

func (k KeyAccess) state(s Signer) string {
	switch {
	case !s.Certain:
		return stateUnclear
	case s.Expected:
		return stateDeclared
	case s.Principal == "*":
		return stateUnexpected
	case s.Admin:
		return stateAdmin
	case !k.Managed:
		return stateFree
	default:
		return stateUnexpected
	}
}

// verdict sums up a key: its sign, its style and what is said.
func (k KeyAccess) verdict() (sign, style, text string) {
	n := map[string]int{}
	for _, s := range k.Signers {
		n[k.state(s)]++
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{len(k.Missing), "missing"}, {n[stateUnexpected], stateUnexpected}, {n[stateUnclear], stateUnclear}} {
		if part.n > 0 {
			parts = append(parts, number(part.n)+" "+part.word)
		}
	}
	text = strings.Join(parts, ", ")
	switch {
	case len(k.Missing) > 0 || n[stateUnexpected] > 0:
		return "!", red, text
	case n[stateUnclear] > 0:
		return "?", yellow, text
	case k.ARN == "":
		return "…", faint, "not there yet"
	case !k.Managed:
		return "·", faint, stateFree
	default:
		return "✓", green, "as declared"
	}
}

// groups is the table: keys, who can sign, and whether that is as declared.
func (t *accessText) groups() {
	groups := t.grouped()
	var rows [][3]string
	widths := [3]int{}
	for _, g := range groups {
		_, _, verdict := g.keys[0].verdict()
		row := [3]string{t.keysText(g.keys, false), t.who(g), verdict}
		for i := range row {
			row[i] = t.lines.o.clean(row[i])
			widths[i] = max(widths[i], columns(row[i]))
		}
		rows = append(rows, row)
	}
	stacked := widths[0]+widths[1]+widths[2]+6 > t.lines.o.width()
	for i, g := range groups {
		sign, style, _ := g.keys[0].verdict()
		t.row(piece{style, sign}, rows[i], widths, stacked)
		t.remarks(g)
	}
}

// summary counts the keys by what is said of them.
func (t *accessText) summary() {
	n := map[string]int{}
	for _, k := range t.r.Keys {
		sign, _, text := k.verdict()
		switch {
		case len(k.Missing) > 0:
			text = "that their own agent cannot use"
		case sign == "!":
			text = "that somebody undeclared can use"
		case sign == "?":
			text = "of which it cannot be told"
		}
		n[text]++
	}
	var parts []string
	for _, text := range []string{"as declared", "that their own agent cannot use", "that somebody undeclared can use", "of which it cannot be told", stateFree, "not there yet"} {
		if n[text] > 0 {
			parts = append(parts, number(n[text])+" "+strings.Replace(text, stateFree, "for which nobody is declared", 1))
		}
	}
	t.blank()
	if len(t.r.Keys) == 0 {
		t.list(bold, ", ", []string{"no keys in KMS"})
		return
	}
	t.list(bold, ", ", append([]string{}, count(len(t.r.Keys), "key")+": "+strings.Join(parts, ", ")))
}

// row is one line of the table, or two where the terminal is too narrow.
func (t *accessText) row(sign piece, cells [3]string, widths [3]int, stacked bool) {
	t.seg(sign.style, sign.text).seg("", " ")
	if !stacked {
		t.seg(bold, pad(cells[0], widths[0])).seg("", "  "+pad(cells[1], widths[1])+"  ").seg(sign.style, cells[2]).end()
		return
	}
	if state := cells[2]; columns(cells[0])+columns(state)+4 <= t.lines.o.width() {
		t.seg(bold, cells[0]).seg("", "  ").seg(sign.style, state).end()
	} else {
		t.seg(bold, cutMiddle(cells[0], t.room())).end()
		t.seg("", indentation).seg(sign.style, cut(state, t.room())).end()
	}
	t.prose("", indentation, cells[1])
}

// shownHolders is up to how many principals stand in one line.
const shownHolders = 4

// plain are the signers that are named in the table: administrators can always,
// and have a line of their own.
func (k KeyAccess) plain() []Signer {
	return slices.DeleteFunc(slices.Clone(k.Signers), func(s Signer) bool { return k.state(s) == stateAdmin })
}

// who says who can sign with the keys of a group; where each key has another
// principal that is named alike, all of them as one product of names.
func (t *accessText) who(g accessGroup) string {
	var words []string
	for i, first := range g.keys[0].plain() {
		var ids []resource.ID
		for _, k := range g.keys {
			s := k.plain()[i]
			if id := (resource.ID{Scope: globalScope, Name: t.named(s.Principal, s.Name)}); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) < 2 {
			words = append(words, t.holder(first.Principal, first.Name))
			continue
		}
		var names []string
		for _, s := range t.names.shapes(ids) {
			names = append(names, literalShape(t.names.inside(s)))
		}
		_, path := splitPrincipal(first.Principal)
		words = append(words, "each its own of "+strings.Join(names, ", ")+" ("+kindOf(path)+"s)")
	}
	if len(words) == 0 {
		return "nobody"
	}
	if len(words) > shownHolders+1 && !t.viewer.o.Verbose {
		words = append(words[:shownHolders:shownHolders], "and "+number(len(words)-shownHolders)+" more")
	}
	return strings.Join(words, ", ")
}

// literalShape is literalName for products of names.
func literalShape(text string) string {
	if bare := strings.NewReplacer("{", "", "}", "", ",", "", " ", "").Replace(text); literalName(bare) == bare {
		return text
	}
	return quoted(text)
}
