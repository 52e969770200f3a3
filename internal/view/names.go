package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func number(n int) string { return strconv.Itoa(n) }

// count prints a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, y := strings.CutSuffix(noun, "y"); y && !strings.HasSuffix(stem, "e") && !strings.HasSuffix(stem, "a") {
		return number(n) + " " + stem + "ies"
	}
	return number(n) + " " + noun + "s"
}

// naming is what names are told apart by: the plan's home region and environment,
// which go without saying, and the networks it knows.
type naming struct {
	region, environment string
	networks            map[string]bool
}

func namingOf(p *plan.Plan, o Options) naming {
	n := naming{region: p.Identity.Region, environment: p.Environment, networks: map[string]bool{}}
	for network := range p.Identity.Chains {
		n.networks[network] = true
	}
	for network := range o.Coins {
		n.networks[network] = true
	}
	return n
}

// globalScope is that of what belongs to the account and to no region.
const globalScope = "global"

// unsaid reports scopes that go without saying: the home region, the whole
// account, and the environment.
func (n naming) unsaid(scope string) bool {
	return scope == n.region || scope == globalScope || scope == n.environment
}

// short is a name without its kind and without the home region.
func (n naming) short(id resource.ID) string {
	if n.unsaid(id.Scope) {
		return id.Name
	}
	return id.Scope + "/" + id.Name
}

// shape is a set of names as a product: one set of texts per place of the
// name, the network last. {validator}{0,1,2}{signer}{fuji,sepolia} is six names.
type shape struct {
	scope  string
	places [][]string
	// network says that the last place holds networks, doubled that the name
	// repeats the network of its scope.
	network, doubled bool
}

func (n naming) shapeOf(id resource.ID) shape {
	s := shape{scope: id.Scope}
	name, network := id.Name, ""
	if n.networks[id.Scope] {
		s.scope = ""
		network = id.Scope
		name, s.doubled = strings.CutSuffix(name, "-"+network)
	} else if at := strings.LastIndexByte(name, '-'); at > 0 && n.networks[name[at+1:]] {
		name, network = name[:at], name[at+1:]
	}
	if n.unsaid(id.Scope) {
		s.scope = ""
	}
	for _, place := range placesOf(name) {
		s.places = append(s.places, []string{place})
	}
	if network != "" {
		s.network = true
		s.places = append(s.places, []string{network})
	}
	return s
}

// mostPlaces bounds the work on names that nobody would write.
const mostPlaces = 12

func placesOf(name string) []string {
	if strings.Count(name, "-") >= mostPlaces {
		return []string{name}
	}
	return strings.Split(name, "-")
}

// key identifies a shape by everything but one place.
func (s shape) key(without int) string {
	var b strings.Builder
	b.WriteString(s.scope + "\x00" + strconv.FormatBool(s.network) + strconv.FormatBool(s.doubled) + "\x00" + number(len(s.places)))
	for i, place := range s.places {
		if i != without {
			b.WriteString("\x00" + strings.Join(place, "\x01"))
		}
	}
	return b.String()
}

// shapes folds names into as few products as their places allow. Every name is
// in exactly one of them, and no other name is.
func (n naming) shapes(ids []resource.ID) []shape {
	all := make([]shape, len(ids))
	longest := 0
	for i, id := range ids {
		all[i] = n.shapeOf(id)
		longest = max(longest, len(all[i].places))
	}
	for from := range longest {
		// The last place first: networks are what most names differ in.
		all = mergeAt(all, from+1)
	}
	slices.SortStableFunc(all, func(a, b shape) int {
		return cmp.Or(strings.Compare(a.scope, b.scope), slices.CompareFunc(a.places, b.places, func(x, y []string) int {
			return natural(x[0], y[0])
		}))
	})
	return all
}

// mergeAt joins the shapes that are equal in all but the place counted from
// the end.
func mergeAt(all []shape, fromEnd int) []shape {
	at := map[string]int{}
	var merged []shape
	for _, s := range all {
		place := len(s.places) - fromEnd
		if place < 0 {
			merged = append(merged, s)
			continue
		}
		key := s.key(place)
		if i, ok := at[key]; ok {
			joined := append(slices.Clone(merged[i].places[place]), s.places[place]...)
			slices.SortFunc(joined, natural)
			merged[i].places = slices.Clone(merged[i].places)
			merged[i].places[place] = slices.Compact(joined)
			continue
		}
		at[key] = len(merged)
		merged = append(merged, s)
	}
	return merged
}

// natural orders numbers by value and everything else by its bytes.
func natural(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 32)
	y, errY := strconv.ParseUint(b, 10, 32)
	if errX == nil && errY == nil {
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// text prints a shape: validator-{0,1,2}-signer on all 8 networks.
func (n naming) text(s shape) string {
	places, on := s.places, ""
	if s.network {
		networks := places[len(places)-1]
		places = places[:len(places)-1]
		on = " on " + n.networkText(networks)
	}
	parts := make([]string, len(places))
	for i, place := range places {
		parts[i] = n.placeText(place)
	}
	text := strings.Join(parts, "-") + on
	if s.scope != "" {
		text = s.scope + "/" + text
	}
	return text
}

// inside prints a shape inside of a sentence, where "on" has another meaning:
// validator-{0,1,2}-signer-{all 8 networks}.
func (n naming) inside(s shape) string {
	parts := make([]string, len(s.places))
	for i, place := range s.places {
		parts[i] = n.placeText(place)
	}
	text := strings.Join(parts, "-")
	if s.scope != "" {
		text = s.scope + "/" + text
	}
	return text
}

// leg names one change of a block: its network alone if that tells it from the
// others.
func (n naming) leg(s shape, byNetwork bool) string {
	if !s.network {
		return n.text(s)
	}
	networks := strings.TrimPrefix(n.networkText(s.places[len(s.places)-1]), "on ")
	if byNetwork {
		return networks
	}
	s.places, s.network = s.places[:len(s.places)-1], false
	return n.text(s) + " " + networks
}

// shownNetworks is up to how many networks are named before they are counted.
const shownNetworks = 3

func (n naming) networkText(networks []string) string {
	switch {
	case len(networks) <= shownNetworks:
		return strings.Join(networks, ", ")
	case len(networks) == len(n.networks):
		return "all " + count(len(networks), "network")
	default:
		return count(len(networks), "network")
	}
}

// mostListed is up to how many networks of a folded block are named below it.
const mostListed = 24

// listed names the networks of a folded block where its headline only counts
// some of all networks.
func (n naming) listed(ids []resource.ID) (field, bool) {
	shapes := n.shapes(ids)
	if len(shapes) != 1 || !shapes[0].network {
		return field{}, false
	}
	networks := shapes[0].places[len(shapes[0].places)-1]
	if len(networks) <= shownNetworks || len(networks) == len(n.networks) || len(networks) > mostListed {
		return field{}, false
	}
	return field{path: "on", sign: ' ', text: strings.Join(networks, ", ")}, true
}

// shownChoices is up to how many choices of a place are listed.
const shownChoices = 6

func (n naming) placeText(choices []string) string {
	if len(choices) == 1 {
		return choices[0]
	}
	if len(choices) > shownNetworks && len(choices) <= mostListed && !slices.ContainsFunc(choices, func(c string) bool { return !n.networks[c] }) {
		if len(choices) == len(n.networks) {
			return "{" + n.networkText(choices) + "}"
		}
		return "{" + strings.Join(choices, ",") + "}"
	}
	if first, last, ok := run(choices); ok && len(choices) > shownChoices/2 {
		return "{" + first + ".." + last + "}"
	}
	if len(choices) > shownChoices {
		return "{" + strings.Join(choices[:shownChoices/2], ",") + ", " + number(len(choices)-shownChoices/2) + " more}"
	}
	return "{" + strings.Join(choices, ",") + "}"
}

// run reports whether choices are consecutive numbers.
func run(choices []string) (first, last string, ok bool) {
	for i, choice := range choices {
		value, err := strconv.Atoi(choice)
		if err != nil || strconv.Itoa(value) != choice {
			return "", "", false
		}
		if before, err := strconv.Atoi(choices[max(0, i-1)]); i > 0 && (err != nil || value != before+1) {
			return "", "", false
		}
	}
	return choices[0], choices[len(choices)-1], true
}
