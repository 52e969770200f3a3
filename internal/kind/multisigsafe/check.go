package multisigsafe

import (
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
		j.code()
		j.around()
		j.waiting(resource.FactsOf(byID[want.ID], want.ID))
		found = append(found, j.found...)
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
	if a.Fallback != "" && !strings.EqualFold(a.Fallback, t.Fallback) && !publishedHandler(a.Fallback) {
		j.find(RuleFallback, resource.Refuse, "a handler answers in the Safe's name", "fallback handler is %s, declared %s", a.Fallback, none(t.Fallback))
	}
}

func publishedHandler(address string) bool {
	return slices.ContainsFunc(safe.Contracts(), func(c safe.Contract) bool {
		return c.Kind == safe.KindHandler && slices.Contains(c.Addresses, common.HexToAddress(address))
	})
}

func listed(list []string, address string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, address) })
}

func none(address string) string {
	if address == "" {
		return "none"
	}
	return address
}

// waiting tells every transaction that is not ours. One that could change who
// acts for the Safe is refused: whoever signs in a hurry signs that.
func (j *judge) waiting(facts map[string]string) {
	if facts[factQueue] == "unread" {
		j.find(RuleQueue, resource.Acknowledge, "", "the queue of its service was not read: what else waits for its owners is not known")
	}
	others, err := foreigners(facts)
	if err != nil {
		j.find(RuleForeign, resource.Refuse, "", "%s", err)
		return
	}
	for _, hash := range slices.Sorted(maps.Keys(others)) {
		f := others[hash]
		does := strings.Join(f.Effects, "; ")
		switch {
		case f.Like != "":
			j.find(RuleLike, resource.Refuse, "tell its owners to reject it", "a transaction that looks like a proposal of ours waits (nonce %d, %s): %s; it would: %s", f.Nonce, hash, f.Like, does)
		case slices.ContainsFunc(f.Dangers, grave):
			j.find(RuleForeign, resource.Refuse, "ask its owners what it is", "a transaction that is not ours waits (nonce %d, %s), %s: %s", f.Nonce, hash, strings.Join(f.Dangers, ", "), does)
		default:
			j.find(RuleForeign, resource.Note, "", "a transaction that is not ours waits (nonce %d, %s): %s", f.Nonce, hash, does)
		}
	}
}

// grave dangers change who acts for the Safe, or run foreign code as the Safe.
func grave(danger string) bool {
	return slices.ContainsFunc([]string{"module", "guard", "owner", "handler", "delegatecall"}, func(word string) bool { return strings.Contains(danger, word) })
}
