package call

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Operations of steps. A kind that calls an owner's methods by a key chooses its
// own word for that; the others are these.
const (
	// Deploy makes a contract that anybody may make, at an address known before.
	Deploy = "deploy"
	// Execute signs a Safe transaction with owner keys that we hold, and sends it.
	Execute = "execute"
)

// Terms say who pays for what anybody may make on a network. They are declared,
// never compared, and part of a resource's desired attributes.
type Terms struct {
	Network string `json:"network"`
	// Stack of the network: on nitro, gas pays for L1 data too.
	Stack string `json:"stack,omitempty"`
	// Sender is a key of use owner, From its address.
	Sender string         `json:"sender,omitempty"`
	From   resource.Value `json:"from,omitzero"`
	// MultiSend is the MultiSendCallOnly contract that batches go through.
	MultiSend string `json:"multiSend,omitempty"`
}

// Make is a contract that must exist before the owner's calls.
type Make struct {
	Call    evm.Call
	Address common.Address
	// Gas that the call may take at most.
	Gas uint64
}

// Job is what one change of one resource needs done.
type Job struct {
	ID    resource.ID
	Terms Terms
	// Makes are made first, by the sender, in this order.
	Makes []Make
	// Calls are the owner's, Op the operation of a step that sends one of them, Gas
	// what each may take at most.
	Calls []evm.Call
	Op    string
	Gas   uint64
	// Pre must be true right before the owner's calls.
	Pre []resource.Precondition
	// Subject is what the owner's calls are about, in the kind's own words: its
	// Prepare proves it again right before. nil: nothing.
	Subject resource.Attrs
}

// params are the parameters of every step of this package.
type params struct {
	Network string `json:"network"`
	// Sender is the key that signs the transaction, From its address.
	Sender string `json:"sender,omitempty"`
	From   string `json:"from,omitempty"`
	// Gas is the most that the transaction may take.
	Gas string `json:"gas,omitempty"`
	// Calls of this step; Batch those of all steps that are done with it.
	Calls []evm.Wire `json:"calls"`
	Batch []evm.Wire `json:"batch,omitempty"`
	// Creates is the address at which there is code afterwards.
	Creates string `json:"creates,omitempty"`
	// Safe's name and address, and what a batch goes through.
	SafeName  string `json:"safeName,omitempty"`
	Safe      string `json:"safe,omitempty"`
	MultiSend string `json:"multiSend,omitempty"`
	// Signers are the owners that sign: "key=0x…"; Delegate is who proposes.
	Signers  []string `json:"signers,omitempty"`
	Delegate string   `json:"delegate,omitempty"`
	// Subject is the kind's own.
	Subject map[string]any `json:"subject,omitempty"`
}

// nitroGas multiplies gas limits on Arbitrum's chains, where the gas of a
// transaction includes what its data costs on L1.
const nitroGas = 16

// Steps says how a job is done, by whom its owner is. It returns a
// *resource.DeferredError where nothing can be sent, with the calls for whoever
// can, and a *resource.PendingError where the calls were proposed already.
func Steps(job Job, facts []resource.Fact) ([]resource.Step, error) {
	own := resource.FactsOf(facts, job.ID)
	owner, err := ParseOwner(own[FactOwner])
	if err != nil {
		return nil, &resource.DeferredError{Reason: "its owner was not read"}
	}
	p := planner{job: job, own: own, facts: facts}
	switch owner.Sort {
	case Held:
		return p.sent(owner)
	case Safe, Executed:
		return p.ofSafe(owner)
	default:
		return nil, &resource.DeferredError{Reason: "its owner is " + owner.Say() + ": nothing is sent; " + told(job)}
	}
}

// told prints the calls for whoever can make them.
func told(job Job) string {
	var lines []string
	for _, m := range job.Makes {
		w := m.Call.Wire()
		lines = append(lines, fmt.Sprintf("anybody: to %s data %s (makes %s)", w.To, w.Data, m.Address))
	}
	for _, c := range job.Calls {
		w := c.Wire()
		lines = append(lines, fmt.Sprintf("the owner: to %s data %s", w.To, w.Data))
	}
	return "calls to make on " + job.Terms.Network + ": " + strings.Join(lines, "; ")
}

type planner struct {
	job   Job
	own   map[string]string
	facts []resource.Fact
}

// lane is one sender's stream of nonces.
func lane(network, from string) string { return "nonce/" + network + "/" + from }

func (p planner) gas(limit uint64) uint64 {
	if p.job.Terms.Stack == "nitro" {
		return limit * nitroGas
	}
	return limit
}

// transaction is a step that sends one call.
func (p planner) transaction(op, sender, from string, c evm.Call, limit uint64) (resource.Step, error) {
	limit = p.gas(limit)
	cost, ok := ceiling(p.own, limit, len(c.Data))
	if !ok {
		return resource.Step{}, &resource.DeferredError{Reason: "what a transaction costs on " + p.job.Terms.Network + " was not read"}
	}
	attrs, err := resource.Encode(params{
		Network: p.job.Terms.Network, Sender: sender, From: from, Gas: strconv.FormatUint(limit, 10), Calls: []evm.Wire{c.Wire()},
	})
	return resource.Step{
		Op: op, ID: p.job.ID, Params: attrs, Lane: lane(p.job.Terms.Network, from),
		Spend: &resource.Spend{Network: p.job.Terms.Network, From: from, Wei: "0", Fee: cost.String()},
	}, err
}

// sender is who pays for what anybody may make.
func (p planner) sender() (name, from string, err error) {
	t := p.job.Terms
	switch {
	case t.Sender == "":
		return "", "", &resource.DeferredError{Reason: "nobody sends on " + t.Network + ": declare sender, a key of use owner"}
	case !t.From.Known():
		return "", "", &resource.DeferredError{Reason: "waits for " + t.From.String() + ", the address of its sender"}
	}
	return t.Sender, t.From.Literal, nil
}

func (p planner) makes() ([]resource.Step, error) {
	if len(p.job.Makes) == 0 {
		return nil, nil
	}
	name, from, err := p.sender()
	if err != nil {
		return nil, err
	}
	var steps []resource.Step
	for _, m := range p.job.Makes {
		step, err := p.transaction(Deploy, name, from, m.Call, m.Gas)
		if err != nil {
			return nil, err
		}
		step.Params["creates"] = m.Address.Hex()
		steps = append(steps, step)
	}
	return steps, nil
}

func (p planner) sent(owner Owner) ([]resource.Step, error) {
	steps, err := p.makes()
	if err != nil {
		return nil, err
	}
	for _, c := range p.job.Calls {
		step, err := p.transaction(p.job.Op, owner.Name, owner.Address.Hex(), c, p.job.Gas)
		if err != nil {
			return nil, err
		}
		step.Pre = p.job.Pre
		p.about(step)
		steps = append(steps, step)
	}
	return steps, nil
}

// about writes the subject of the owner's calls into their step.
func (p planner) about(step resource.Step) {
	if p.job.Subject != nil {
		step.Params["subject"] = map[string]any(p.job.Subject)
	}
}

func (p planner) wires() []evm.Wire {
	wires := make([]evm.Wire, len(p.job.Calls))
	for i, c := range p.job.Calls {
		wires[i] = c.Wire()
	}
	return wires
}

// joint is the step that the calls of one Safe share with the others' of the plan.
func (p planner) joint(op string, owner Owner) (resource.Step, error) {
	attrs, err := resource.Encode(params{
		Network: p.job.Terms.Network, SafeName: owner.Name, Safe: owner.Address.Hex(), MultiSend: p.job.Terms.MultiSend, Calls: p.wires(),
	})
	stream := "safe/" + p.job.Terms.Network + "/" + owner.Address.Hex()
	if err != nil {
		return resource.Step{}, err
	}
	if p.job.Subject != nil {
		attrs["subject"] = map[string]any(p.job.Subject)
	}
	return resource.Step{Op: op, ID: p.job.ID, Params: attrs, Lane: stream, Batch: stream, Pre: p.job.Pre}, nil
}

// ofSafe asks for what was read of the Safe: without that nobody knows what waits
// for its signatures already.
func (p planner) ofSafe(owner Owner) ([]resource.Step, error) {
	facts := resource.FactsOf(p.facts, SafeID(p.job.Terms.Network, owner.Name))
	switch {
	case facts[FactThreshold] == "":
		return nil, &resource.DeferredError{Reason: "its owner, " + owner.Say() + ", was not read"}
	case owner.Sort == Executed:
		return p.executed(owner)
	default:
		return p.proposed(owner)
	}
}

func (p planner) proposed(owner Owner) ([]resource.Step, error) {
	waiting, err := Proposals(p.facts, SafeID(p.job.Terms.Network, owner.Name))
	if err != nil {
		return nil, err
	}
	wires := p.wires()
	for _, w := range waiting {
		if w.Holds(wires) && len(p.job.Makes) > 0 {
			return p.behind(owner, w)
		}
		if w.Holds(wires) {
			return nil, &resource.PendingError{Reason: fmt.Sprintf("proposed to %s as %s, nonce %d: waits for its signatures", owner.Say(), w.Hash.Hex(), w.Nonce)}
		}
	}
	steps, err := p.makes()
	if err != nil {
		return nil, err
	}
	step, err := p.proposal(owner)
	return append(steps, step), err
}

func (p planner) proposal(owner Owner) (resource.Step, error) {
	step, err := p.joint(resource.Propose, owner)
	if err != nil {
		return step, err
	}
	if delegate := resource.FactsOf(p.facts, SafeID(p.job.Terms.Network, owner.Name))[FactDelegate]; delegate != "" {
		step.Params["delegate"] = delegate
	}
	return step, nil
}

// behind is a proposal that waits for signatures while what it needs is not made
// yet: that is made, and the very same is proposed again, alone, which changes
// nothing.
func (p planner) behind(owner Owner, waiting Proposed) ([]resource.Step, error) {
	steps, err := p.makes()
	if err != nil {
		return nil, err
	}
	step, err := p.proposal(owner)
	if err != nil {
		return nil, err
	}
	return append(steps, alone(step, waiting.Calls)), nil
}

// alone takes a step out of its batch: it is done with these calls and no others.
func alone(step resource.Step, calls []evm.Wire) resource.Step {
	list := make([]any, len(calls))
	for i, c := range calls {
		one := map[string]any{"to": c.To, "data": c.Data}
		if c.Value != "" {
			one["value"] = c.Value
		}
		list[i] = one
	}
	step.Batch, step.Params[resource.BatchParam] = "", list
	return step
}

// executed asks for enough owner keys that we hold; with fewer it is proposed.
// Each change is executed by itself, not joined with others: what must be true
// right before, and what must be made before, is then its own.
func (p planner) executed(owner Owner) ([]resource.Step, error) {
	safe := resource.FactsOf(p.facts, SafeID(p.job.Terms.Network, owner.Name))
	held, need := heldOf(safe), thresholdOf(safe)
	if len(held) < need {
		return p.proposed(owner)
	}
	name, from, err := p.sender()
	if err != nil {
		return nil, err
	}
	steps, err := p.makes()
	if err != nil {
		return nil, err
	}
	step, err := p.joint(Execute, owner)
	if err != nil {
		return nil, err
	}
	step = alone(step, p.wires())
	limit := p.gas(min(executeGas+p.job.Gas*uint64(len(p.job.Calls)), chain.MaxGas))
	cost, ok := ceiling(p.own, limit, p.signed(need))
	if !ok {
		return nil, &resource.DeferredError{Reason: "what a transaction costs on " + p.job.Terms.Network + " was not read"}
	}
	step.Params["sender"], step.Params["from"], step.Params["gas"] = name, from, strconv.FormatUint(limit, 10)
	step.Lane = lane(p.job.Terms.Network, from)
	signers := make([]any, need)
	for i := range signers {
		signers[i] = held[i]
	}
	step.Params["signers"] = signers
	step.Spend = &resource.Spend{Network: p.job.Terms.Network, From: from, Wei: "0", Fee: cost.String()}
	return append(steps, step), nil
}

// executeGas is what a Safe may take beside the calls that it makes: twenty calls
// to itself with a few signatures take about 1.2 million.
const executeGas = 2_000_000

// signed is about how many bytes a Safe's transaction has with its signatures:
// the ten fields, MultiSend's own words and what each call is packed in.
func (p planner) signed(owners int) int {
	bytes := 700 + 65*owners
	for _, c := range p.job.Calls {
		bytes += 100 + len(c.Data)
	}
	return bytes
}
