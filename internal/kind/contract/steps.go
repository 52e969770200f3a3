package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// writeGas is the most that writing one parameter may take: setters of storage
// words take some tens of thousands, those that call on through a proxy twice that.
const writeGas = 500_000

// differing lists the parameters that are written and are not as wanted, by name.
func differing(want, have Spec) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want.Parameters)) {
		if want.Terms == nil || want.Terms.Ways[name].Write == "" {
			continue
		}
		value, read := have.Parameters[name]
		if w := want.Parameters[name]; !read || !w.Known() || !same(w.Literal, value.Literal) {
			names = append(names, name)
		}
	}
	return names
}

// steps writes what differs, one call for each parameter, in order of their names.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	later := func(format string, args ...any) error {
		return &resource.DeferredError{Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case after == nil:
		return nil, later("contracts are never removed")
	case before == nil:
		return nil, later("it was not read")
	case before.Spec.CodeHash == None:
		return nil, later("there is no code at %s", after.Spec.Address)
	}
	names := differing(after.Spec, before.Spec)
	if len(names) == 0 {
		return nil, later("nothing of it is written")
	}
	var calls []evm.Call
	for _, name := range names {
		c, err := callOf(after.Spec, before.Spec, name, resource.FactsOf(facts, after.ID))
		if err != nil {
			return nil, later("parameter %s: %s", name, err)
		}
		calls = append(calls, c)
	}
	job := call.Job{ID: after.ID, Terms: after.Spec.Terms.Terms, Gas: writeGas}
	owner, _ := call.ParseOwner(resource.FactsOf(facts, after.ID)[call.FactOwner])
	if owner.Sort != call.Held {
		job.Calls, job.Op, job.Pre = calls, write, claims(after.ID, before.Spec, names, after.Spec.Terms.Ways)
		list, err := call.Steps(job, facts)
		return weighed(list, after.Spec.Terms.Ways, names), err
	}
	// Each transaction claims what it changes itself: those before it are done then.
	var list []resource.Step
	for i, name := range names {
		job.Calls, job.Op = calls[i:i+1], opOf(after.Spec.Terms.Ways[name])
		job.Pre = claims(after.ID, before.Spec, names[i:i+1], after.Spec.Terms.Ways)
		one, err := call.Steps(job, facts)
		if err != nil {
			return nil, err
		}
		list = append(list, one...)
	}
	return list, nil
}

// claims are what must still be so right before: the code, also that in force unless
// a parameter of the contract is just that, and the values that the plan shows.
func claims(id resource.ID, before Spec, names []string, ways map[string]Way) []resource.Precondition {
	pre := []resource.Precondition{{ID: id, Path: "codeHash", Op: resource.CodeHash, Value: before.CodeHash}}
	replaced := false
	for _, w := range ways {
		replaced = replaced || w.Write != "" && opOf(w) == upgrade
	}
	if before.ImplementationHash != "" && !replaced {
		pre = append(pre, resource.Precondition{ID: id, Path: "implementationHash", Op: resource.CodeHash, Value: before.ImplementationHash})
	}
	for _, name := range names {
		pre = append(pre, resource.Precondition{ID: id, Path: "parameters." + name, Op: resource.Equals, Value: before.Parameters[name].Literal})
	}
	return pre
}

// weighed gives the steps of a Safe the risk of what they call: that it is others
// who sign makes it no lighter.
func weighed(list []resource.Step, ways map[string]Way, names []string) []resource.Step {
	for i := range list {
		for _, name := range names {
			if op := opOf(ways[name]); op != write {
				list[i].Risk, list[i].Person = resource.Destructive, list[i].Person || op == upgrade
			}
		}
	}
	return list
}

// opOf is the operation of a write by the governance's word for its risk, and by its
// name where that says that code is replaced.
func opOf(w Way) string {
	switch {
	case upgrades(w.Write):
		return upgrade
	case w.Risk == resource.Sensitive:
		return write
	default:
		return surrender
	}
}

// upgrades tells methods that replace code, by their names in EIP-1967 proxies,
// OpenZeppelin Contracts 5 and Nomad's beacon controller.
func upgrades(signature string) bool {
	name, _, _ := strings.Cut(strings.ToLower(signature), "(")
	for _, prefix := range []string{"upgrade", "setimplementation", "setbeacon", "setcode", "setlogic"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// callOf is the call that writes one parameter.
func callOf(want, have Spec, name string, facts map[string]string) (evm.Call, error) {
	way, wanted := want.Terms.Ways[name], want.Parameters[name]
	if why := have.Unreadable["parameters."+name]; why != "" {
		return evm.Call{}, fmt.Errorf("what it is now cannot be read: %s", why)
	}
	if config.Delegates(way.Write) || way.Risk == "" {
		return evm.Call{}, fmt.Errorf("%s is no method that may be written by", way.Write)
	}
	for _, key := range way.Keys {
		switch pin := want.Terms.Pins[key]; {
		case pin == PinMissing:
			return evm.Call{}, fmt.Errorf("the address of key %s is not pinned in addresses.json", key)
		case pin != "" && facts[factKey+key] != "" && !same(pin, facts[factKey+key]):
			return evm.Call{}, fmt.Errorf("key %s has the address %s, addresses.json pins %s", key, facts[factKey+key], pin)
		}
	}
	method, err := evm.ParseMethod(way.Write)
	if err != nil {
		return evm.Call{}, err
	}
	texts := make([]string, len(way.Args))
	for i, a := range way.Args {
		v := a.Value
		if a.Wanted {
			v = wanted
		}
		if !v.Known() {
			return evm.Call{}, fmt.Errorf("waits for %s", v)
		}
		texts[i] = v.Literal
	}
	data, err := method.PackTexts(texts)
	if err != nil {
		return evm.Call{}, err
	}
	return evm.Call{To: common.HexToAddress(want.Address), Data: data}, nil
}
