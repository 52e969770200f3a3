package validatorset

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// subject is what a repoint is about: its Prepare asks these members once more.
type subject struct {
	Members   []string `json:"members"`
	Threshold int      `json:"threshold"`
	ISM       string   `json:"ism"`
}

// steps makes the modules that the wanted set lacks, and then has the one call
// made that points to them. Addresses and calldata follow from the path as it
// was read and the set as it is declared, and from nothing else.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if after == nil {
		return nil, fmt.Errorf("%s: routes are never removed", before.ID)
	}
	want, waits := wanted(after.Spec)
	switch {
	case waits != "":
		return nil, &resource.DeferredError{Reason: "waits for " + waits}
	case before == nil || before.Spec.Path == nil:
		return nil, &resource.DeferredError{Reason: "the modules of its mailbox were not read"}
	case after.Spec.Terms == nil:
		return nil, fmt.Errorf("%s: states no terms", after.ID)
	}
	repoint, err := ism.Rebuild(*before.Spec.Path, want, after.Spec.Terms.Factories, deployedIn(resource.FactsOf(facts, after.ID)))
	if err != nil {
		return nil, &resource.DeferredError{Reason: err.Error()}
	}
	about, err := resource.Encode(subject{Members: texts(want.Members), Threshold: want.Threshold, ISM: target(repoint)})
	if err != nil {
		return nil, err
	}
	job := call.Job{
		ID: after.ID, Terms: after.Spec.Terms.Terms, Calls: []evm.Call{repoint.Final}, Op: set, Subject: about, Gas: finalGas(repoint, want),
	}
	if before.Spec.ISM != "" {
		job.Pre = []resource.Precondition{{ID: after.ID, Path: "ism", Op: resource.Equals, Value: before.Spec.ISM}}
	}
	for _, d := range repoint.Deploys {
		job.Makes = append(job.Makes, call.Make{Call: d.Call, Address: d.Address, Gas: makeGas(len(d.Members))})
	}
	return call.Steps(job, facts)
}

// wanted is the declared set, or the ref that nobody can answer yet.
func wanted(s Spec) (ism.Set, string) {
	w := ism.Set{Type: ism.SetType(s.Type), Threshold: s.Threshold}
	for _, m := range s.Members {
		if !m.Known() || !common.IsHexAddress(m.Literal) {
			return w, m.String()
		}
		w.Members = append(w.Members, common.HexToAddress(m.Literal))
	}
	return w, ""
}

// target is the module that the set will be asked for by.
func target(r ism.Repoint) string {
	if len(r.Modules) == 0 {
		return r.Final.To.Hex() // a module that stores its members stays where it is
	}
	return r.Modules[len(r.Modules)-1].Hex()
}

func texts(list []common.Address) []string {
	out := make([]string, len(list))
	for i, a := range ism.Sorted(list) {
		out[i] = a.Hex()
	}
	return out
}

// factCode with an address says that there is code at it.
const factCode = "code "

func deployedIn(facts map[string]string) func(common.Address) bool {
	return func(a common.Address) bool { return facts[factCode+a.Hex()] != "" }
}

// Gas that calls may take at most. A static module of three members costs about
// 115,000 (measured), and 200 per byte of its code (32 bytes a member) with
// calldata and hashing besides; a route about 40,000; a member in storage 22,100
// and as much to take out (EIP-2929, EIP-3529).
func makeGas(members int) uint64 { return 200_000 + 12_000*uint64(max(members, 0)) } //nolint:gosec // bounded by ism

func finalGas(r ism.Repoint, want ism.Set) uint64 {
	if r.OwnedBy == ism.HeldByStorage {
		return 150_000 + 50_000*uint64(len(want.Members))
	}
	return 150_000
}

// Where says how a destination comes to a set: routing 0x… → 0x….
func Where(p *ism.Path) string {
	if p == nil {
		return ""
	}
	var parts []string
	for _, n := range p.Trail {
		parts = append(parts, n.Type.String()+" "+n.Address.Hex())
	}
	return strings.Join(parts, " → ")
}
