package multisigsafe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Rules of the findings.
const (
	RuleCode     = "safe-code"
	RuleVersion  = "safe-version"
	RuleModule   = "unlisted-module"
	RuleGuard    = "unlisted-guard"
	RuleFallback = "unlisted-handler"
	RuleForeign  = "foreign-proposal"
	RuleLike     = "look-alike"
	RuleQueue    = "queue-unread"
	RulePinned   = "unpinned-owner"
	RuleAbsent   = "not-deployed"
)

// check judges what could act around the owners of each declared Safe, and what
// waits for their signatures.
func check(desired, observed []kind.Object[Spec], facts []resource.Fact) []resource.Finding {
	live, byID := kind.Specs(observed), resource.FactsByID(facts)
	var found []resource.Finding
	for _, want := range desired {
		have, read := live[want.ID]
		if !read || want.Spec.Terms == nil || have.Around == nil {
			continue
		}
		j := judge{id: want.ID, want: want.Spec, have: have}
		if list := want.Spec.Terms.Unpinned; len(list) > 0 {
			j.find(RulePinned, resource.Refuse, "pin it in a commit of its own", "keys without an address in addresses.json are no owners yet: %s", strings.Join(list, ", "))
		}
		j.code()
		j.around()
		j.waiting(resource.FactsOf(byID[want.ID], want.ID))
		found = append(found, kind.Merged(j.found)...)
	}
	for _, f := range facts {
		if f.Name == factAbsent && f.ID.Kind == Name {
			found = append(found, resource.Finding{Rule: RuleAbsent, Severity: resource.Note, ID: f.ID, Reason: "it has no address: the deployment does not have it, and nothing is looked at"})
		}
	}
	return found
}

type judge struct {
	id         resource.ID
	want, have Spec
	found      []resource.Finding
}

func (j *judge) find(rule string, severity resource.Severity, hint, format string, args ...any) {
	j.found = append(j.found, resource.Finding{Rule: rule, Severity: severity, ID: j.id, Reason: fmt.Sprintf(format, args...), Hint: hint})
}

// code: what a Safe says of itself is worth something only if its code and that
// of its singleton are published.
func (j *judge) code() {
	a := j.have.Around
	if _, what, ok := safe.Published(common.HexToHash(a.Proxy)); !ok || what != safe.KindProxy {
		j.find(RuleCode, resource.Refuse, "", "its own code (hash %s) is no published Safe proxy: nothing that it says can be believed", a.Proxy)
	}
	version, what, ok := safe.Published(common.HexToHash(a.Code))
	if !ok || (what != safe.KindSafe && what != safe.KindSafeL2) {
		j.find(RuleCode, resource.Refuse, "", "its singleton %s (code hash %s) is no published Safe: nothing that it says can be believed", a.Singleton, a.Code)
		return
	}
	if j.want.Version != "" && version != j.want.Version {
		j.find(RuleVersion, resource.Refuse, "", "its code is of version %s, declared %s", version, j.want.Version)
	}
}

func (j *judge) around() {
	a, t := j.have.Around, j.want.Terms
	for _, m := range a.Modules {
		if !listed(t.Modules, m) {
			j.find(RuleModule, resource.Refuse, "a module acts without any owner: take it out, or list it under modules", "module %s is enabled and not listed", m)
		}
	}
	if a.MoreModules {
		j.find(RuleModule, resource.Refuse, "", "has more modules than are read")
	}
	for _, m := range t.Modules {
		if !listed(a.Modules, m) {
			j.find(RuleModule, resource.Note, "", "module %s is listed and not enabled", m)
		}
	}
	if !strings.EqualFold(a.Guard, t.Guard) {
		j.find(RuleGuard, resource.Refuse, "a guard can stop every transaction of the Safe", "guard is %s, declared %s", none(a.Guard), none(t.Guard))
	}
	if a.ModuleGuard != "" {
		j.find(RuleGuard, resource.Refuse, "", "module guard is %s, declared none", a.ModuleGuard)
	}
	if a.Fallback != "" && !strings.EqualFold(a.Fallback, t.Fallback) && !safe.PublishedHandler(common.HexToAddress(a.Fallback)) {
		j.find(RuleFallback, resource.Refuse, "a handler answers in the Safe's name", "fallback handler is %s, declared %s", a.Fallback, none(t.Fallback))
	}
}

func listed(list []string, address string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, address) })
}

func none(address string) string { return cmp.Or(address, "none") }

// waiting tells every transaction that is not ours. One that could change who
// acts for the Safe is refused: whoever signs in a hurry signs that.
func (j *judge) waiting(facts map[string]string) {
	if facts[factQueue] == "unread" {
		j.find(RuleQueue, resource.Acknowledge, "", "the queue of its service was not read: what else waits for its owners is not known")
	}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		hash, is := strings.CutPrefix(name, factForeign)
		if !is {
			continue
		}
		var f foreign
		err := json.Unmarshal([]byte(facts[name]), &f)
		does := strings.Join(f.Effects, "; ")
		switch {
		case err != nil:
			j.find(RuleForeign, resource.Refuse, "", "what is known of %s does not read", hash)
		case f.Like != "":
			j.find(RuleLike, resource.Refuse, "tell its owners to reject it", "a transaction that looks like a proposal of ours waits (nonce %d, %s): %s; it would: %s", f.Nonce, hash, f.Like, does)
		case slices.ContainsFunc(f.Dangers, Grave):
			j.find(RuleForeign, resource.Refuse, "ask its owners what it is", "a transaction that is not ours waits (nonce %d, %s), %s: %s", f.Nonce, hash, strings.Join(f.Dangers, ", "), does)
		default:
			j.find(RuleForeign, resource.Note, "", "a transaction that is not ours waits (nonce %d, %s): %s", f.Nonce, hash, does)
		}
	}
}

// Grave dangers change who acts for the Safe, what it is or owns, or run foreign
// code as the Safe.
func Grave(danger string) bool {
	return slices.ContainsFunc([]string{"module", "guard", "owner", "handler", "delegatecall", "upgrade", "the safe itself"}, func(word string) bool { return strings.Contains(danger, word) })
}
