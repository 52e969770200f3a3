package validatorset

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators"
)

// steps makes the modules that the wanted set lacks, and then has the one call
// made that points to them. Addresses and calldata follow from the path as it
// was read and the set as it is declared, and from nothing else.
func steps(before, after *kind.Object[Spec], facts []resource.Fact) ([]resource.Step, error) {
	if after == nil {
		return nil, fmt.Errorf("%s: routes are never removed", before.ID)
	}
	terms := after.Spec.Terms
	if terms == nil || len(terms.Names) != len(after.Spec.Members) {
		return nil, fmt.Errorf("%s: its terms do not name its members", after.ID)
	}
	want, err := wanted(after, resource.FactsByID(facts))
	switch {
	case err != nil:
		return nil, &resource.DeferredError{Reason: err.Error()}
	case before == nil || before.Spec.Path == nil:
		return nil, &resource.DeferredError{Reason: "the modules of its mailbox were not read"}
	}
	if f := refused(before.Spec.Path, after, resource.FactsByID(facts)); f != nil {
		return nil, &resource.DeferredError{Reason: "refused by " + f.Rule + ": " + f.Reason}
	}
	path, own := *before.Spec.Path, resource.FactsOf(facts, after.ID)
	repoint, err := ism.Rebuild(path, want, terms.Factories, func(a common.Address) bool { return own[factCode+a.Hex()] != "" })
	if err != nil {
		return nil, &resource.DeferredError{Reason: err.Error()}
	}
	about, err := resource.Encode(validators.SubjectOf(want, terms.names(), path, repoint))
	if err != nil {
		return nil, err
	}
	job := call.Job{
		ID: after.ID, Terms: terms.Terms, Calls: []evm.Call{repoint.Final}, Op: set, Subject: about, Gas: finalGas(repoint, want),
		Pre: []resource.Precondition{{ID: after.ID, Path: "ism", Op: resource.Absent}},
	}
	if before.Spec.ISM != "" {
		job.Pre = []resource.Precondition{{ID: after.ID, Path: "ism", Op: resource.Equals, Value: before.Spec.ISM}}
	}
	for _, d := range repoint.Deploys {
		job.Makes = append(job.Makes, call.Make{Call: d.Call, Address: d.Address, Gas: makeGas(len(d.Members))})
	}
	return call.Steps(job, facts)
}

// wanted is the declared set, or what it waits for. A member of whom nothing was
// read is in no set that is planned: nobody would have judged it.
func wanted(after *kind.Object[Spec], byID map[resource.ID][]resource.Fact) (ism.Set, error) {
	w := ism.Set{Type: ism.SetType(after.Spec.Type), Threshold: after.Spec.Threshold}
	for i, m := range after.Spec.Members {
		n := after.Spec.Terms.Names[i]
		if reason := unpinned(n, m.Literal); reason != "" {
			return w, errors.New(reason)
		}
		if !m.Known() || !common.IsHexAddress(m.Literal) {
			return w, fmt.Errorf("waits for %s", m)
		}
		address := common.HexToAddress(m.Literal)
		if facts := member(after.ID.Name, n.Name, byID); facts[FactAddress] != address.Hex() || facts[FactStanding] == "" {
			return w, fmt.Errorf("whether %s %s signs was not read", n.Name, address)
		}
		w.Members = append(w.Members, address)
	}
	return w, nil
}

func texts(list []common.Address) []string {
	out := make([]string, len(list))
	for i, a := range ism.Sorted(list) {
		out[i] = a.Hex()
	}
	return out
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
