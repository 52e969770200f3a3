package view

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// viewer answers what a plan says, for every sink alike.
type viewer struct {
	p     *plan.Plan
	o     Options
	names naming
	// known maps ARNs to the resources that the plan knows them of.
	known map[string]resource.ID
	// addresses names those that the plan knows, facts are what it was told of
	// contracts and their owners.
	addresses map[string]string
	facts     map[resource.ID]map[string]string
}

func newViewer(p *plan.Plan, o Options) *viewer {
	return &viewer{p: p, o: o, names: namingOf(p, o), known: knownARNs(p), addresses: addressesOf(p), facts: factsOf(p)}
}

// word is what is said for an action: the kind's own word where it has one.
func (v *viewer) word(c plan.Change) string {
	return cmp.Or(v.o.Traits[c.ID.Kind].Verbs[string(c.Action)], string(c.Action))
}

// blockWord is the word for a block, with how many it stands for. A block of
// contracts may hold changes that are made and changes that are proposed.
func (v *viewer) blockWord(b block) string {
	counts := map[string]int{}
	words := v.blockWords(b)
	for _, c := range b.changes {
		counts[v.changeWord(c)]++
	}
	if len(b.changes) > 1 {
		for i, word := range words {
			words[i] = word + " " + number(counts[word])
		}
	}
	return strings.Join(words, ", ")
}

// blockWords are the words for a block's changes, each once.
func (v *viewer) blockWords(b block) []string {
	var words []string
	for _, c := range b.changes {
		if word := v.changeWord(c); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

func (v *viewer) changeWord(c plan.Change) string {
	word := v.word(c)
	if drifted(c) {
		word = driftWord(c, word)
	}
	return word
}

// blockSymbol is that of what is made; of what is only proposed where all is.
func (v *viewer) blockSymbol(b block) string {
	for _, c := range b.changes {
		if c.Action != plan.Propose {
			return v.symbol(c)
		}
	}
	return v.symbol(b.first())
}

func (v *viewer) symbol(c plan.Change) string {
	if c.Person {
		return "!"
	}
	if own := v.o.Traits[c.ID.Kind].Symbol; own != "" && c.Action != plan.Delete {
		return own
	}
	switch c.Action {
	case plan.Create:
		return "+"
	case plan.Delete:
		return "-"
	case plan.Propose:
		return "»"
	default:
		return "~"
	}
}

func symbolStyle(symbol string) string {
	switch symbol {
	case "+":
		return green
	case "-", "!":
		return red
	default:
		return yellow
	}
}

func riskStyle(r resource.Risk) string {
	switch r {
	case resource.Protective, resource.Routine:
		return ""
	case resource.Sensitive:
		return yellow
	default:
		return red
	}
}

func riskText(r resource.Risk) string { return cmp.Or(string(r), "unclassified") }

// coin is the native token of the network that a resource lives on.
func (v *viewer) coin(id resource.ID) *Coin {
	if c, ok := v.o.Coins[id.Scope]; ok {
		return &c
	}
	return nil
}

// source prints where a block was asked for, files of the environment bare.
func (v *viewer) source(b block) string {
	lines := map[string][]string{}
	var order []string
	for _, c := range b.changes {
		for _, why := range c.Why {
			file := strings.TrimPrefix(why.File, "environments/"+v.p.Environment+"/")
			if _, ok := lines[file]; !ok {
				order = append(order, file)
			}
			if line := number(why.Line); !slices.Contains(lines[file], line) {
				lines[file] = append(lines[file], line)
			}
		}
	}
	var parts []string
	for _, file := range order {
		list := lines[file]
		slices.SortFunc(list, natural)
		if len(list) > shownLines {
			list = append(list[:shownLines:shownLines], "…")
		}
		parts = append(parts, file+":"+strings.Join(list, ","))
	}
	return strings.Join(parts, " ")
}

const shownLines = 3

// drifted reports whether the world moved rather than the configuration.
func drifted(c plan.Change) bool { return c.Cause == plan.FromDrift }

// split parts the changes by who made the difference.
func (v *viewer) split() (configured, drift []plan.Change) {
	for _, c := range v.p.Changes {
		if drifted(c) {
			drift = append(drift, c)
			continue
		}
		configured = append(configured, c)
	}
	return configured, drift
}

// counts says how many of what, in the order of the actions.
func (v *viewer) counts() []string {
	byWord := map[string]int{}
	words := map[plan.Action][]string{}
	for _, c := range v.p.Changes {
		word := v.word(c)
		if byWord[string(c.Action)+"\x00"+word]++; !slices.Contains(words[c.Action], word) {
			words[c.Action] = append(words[c.Action], word)
		}
	}
	var parts []string
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Replace, plan.Delete, plan.Propose} {
		// The plain word first, so that "create" stands before "top up".
		slices.SortFunc(words[action], func(a, b string) int {
			return cmp.Or(cmp.Compare(rankPlain(a, action), rankPlain(b, action)), strings.Compare(a, b))
		})
		for _, word := range words[action] {
			parts = append(parts, word+" "+number(byWord[string(action)+"\x00"+word]))
		}
	}
	return parts
}

func rankPlain(word string, action plan.Action) int {
	if word == string(action) {
		return 0
	}
	return 1
}

// sum adds up amounts per coin; what has no known coin is told in wei.
type sum struct {
	units map[Coin]*big.Int
	wei   []string
}

func (s *sum) add(coin Coin, known bool, network, wei string) {
	n, ok := new(big.Int).SetString(wei, 10)
	switch {
	case wei == "" || ok && n.Sign() == 0:
	case !known || !ok:
		s.wei = append(s.wei, wei+" wei on "+network)
	default:
		if s.units == nil {
			s.units = map[Coin]*big.Int{}
		}
		if s.units[coin] == nil {
			s.units[coin] = new(big.Int)
		}
		s.units[coin].Add(s.units[coin], n)
	}
}

func (s *sum) text(exact bool) string {
	var parts []string
	for coin, n := range s.units {
		parts = append(parts, amount(n.String(), coin.Decimals, true, exact)+" "+coin.Symbol)
	}
	slices.SortFunc(parts, func(a, b string) int {
		return cmp.Or(strings.Compare(a[strings.LastIndexByte(a, ' '):], b[strings.LastIndexByte(b, ' '):]), strings.Compare(a, b))
	})
	return strings.Join(append(parts, s.wei...), " + ")
}

// spend says what may leave the banks, at most: values and fees apart.
func (v *viewer) spend() (out, fees string) {
	var values, costs sum
	for _, s := range v.p.Spend {
		coin, known := v.o.Coins[s.Network]
		values.add(coin, known, s.Network, s.Wei)
		costs.add(coin, known, s.Network, s.Fee)
	}
	if out = values.text(v.o.Verbose); out != "" {
		out += " out at most"
	}
	if fees = costs.text(v.o.Verbose); fees != "" {
		fees += " fees at most"
	}
	return out, fees
}

// spends says what a block's own steps may move.
func (v *viewer) spends(b block) (value, fee string) {
	var out, fees sum
	for _, c := range b.changes {
		for _, s := range c.Steps {
			if s.Spend == nil {
				continue
			}
			coin, known := v.o.Coins[s.Spend.Network]
			out.add(coin, known, s.Spend.Network, s.Spend.Wei)
			fees.add(coin, known, s.Spend.Network, s.Spend.Fee)
		}
	}
	return out.text(v.o.Verbose), fees.text(v.o.Verbose)
}

// networks counts what was read of all networks.
func (v *viewer) networks() (read, all int) {
	if v.o.Stats.NetworksAll > 0 {
		return v.o.Stats.NetworksRead, v.o.Stats.NetworksAll
	}
	unread := map[string]bool{}
	for _, u := range v.p.Unread {
		if v.names.networks[u.Scope] {
			unread[u.Scope] = true
		}
	}
	known := map[string]bool{}
	for network := range v.p.Identity.Chains {
		known[network] = true
	}
	for network := range unread {
		known[network] = true
	}
	return len(known) - len(unread), len(known)
}

// unreadLeft reports whether anything at all was not read.
func (v *viewer) unreadLeft() bool {
	read, all := v.networks()
	return len(v.p.Unread) > 0 || read < all
}

// resources counts all that the environment has, as far as it was read.
func (v *viewer) resources() int {
	s := v.p.Summary
	return s.Unchanged + len(v.p.Changes) + len(v.p.Deferred) + len(v.p.Pending)
}

// persons counts the changes that ask for a person everywhere.
func (v *viewer) persons() int {
	n := 0
	for _, c := range v.p.Changes {
		if c.Person {
			n++
		}
	}
	return n
}

// says collects what the kind wrote for the reader of a change: the annotation
// "say" of its steps, a text or a list of texts. Where there is one, the
// attributes that move by themselves are not shown beside it.
func says(c plan.Change) []string {
	var texts []string
	for _, s := range c.Steps {
		switch say := s.Annotations["say"].(type) {
		case string:
			texts = append(texts, say)
		case []any:
			for _, element := range say {
				if text, ok := element.(string); ok {
					texts = append(texts, text)
				}
			}
		}
	}
	return texts
}

// shortCommit is as much of a commit as people say aloud.
func shortCommit(commit string) string {
	const said = 7
	if len(commit) <= said {
		return cmp.Or(commit, "no commit")
	}
	return commit[:said]
}

// shortDigest keeps both ends of a digest.
func shortDigest(digest string) string {
	const kept = 4
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) <= 2*kept {
		return digest
	}
	return "sha256:" + hex[:kept] + "…" + hex[len(hex)-kept:]
}
