package view_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The chain side of the world of these tests: who signs for fuji, who owns what.
const (
	memberOne   = "0x03c842db86A6A3E524D4a6615390c1Ea8E2b9541"
	memberTwo   = "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"
	memberThree = "0x94438a7De38d4548AE54DF5C6010c4EbC5239eAe"
	memberFour  = "0xB3AC35d3988bCA8C2fFD195b1c6bee18536B317b"
	ownerKey    = "0x8Ba1f109551bD432803012645Ac136ddd64DBA72"
	governance  = "0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a"
	routingISM  = "0x1500000000000000000000000000000000000001"
	factory     = "0xFac0000000000000000000000000000000000001"
	newISM      = "0x6d1F4a2b3C5d6E7f8091a2B3c4D5e6F708192c4a"
	oldISM      = "0x0Ad1000000000000000000000000000000000001"
	multiSend   = "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"
	timelock    = "0x71e0000000000000000000000000000000000010"
	proposalOne = "0x8f2d1c0b9a8f7e6d5c4b3a29181716151413121110f0e0d0c0b0a09080706050"
)

// explain is a decoder for these tests: it knows one method.
func explain(_, to, data string) string {
	if !strings.HasPrefix(data, "0xfd3b9e6c") {
		return ""
	}
	return to + " (routing ISM): set the ISM of domain 43113 to 0x" + data[len(data)-40:]
}

func setCall(to string) map[string]any {
	return map[string]any{"to": to, "data": "0xfd3b9e6c" + fmt.Sprintf("%064x", 43113) + strings.Repeat("0", 24) + strings.ToLower(newISM[2:])}
}

func deployCall() map[string]any {
	data := "0xaabbccdd" + fmt.Sprintf("%064x%064x%064x", 64, 2, 3)
	for _, m := range []string{memberOne, memberTwo, memberThree} {
		data += strings.Repeat("0", 24) + strings.ToLower(m[2:])
	}
	return map[string]any{"to": factory, "data": data}
}

func setID(destination string) resource.ID {
	return resource.ID{Kind: "validator-set", Scope: destination, Name: "fuji"}
}

// set is one side of a change of a set: its members and threshold.
type set struct {
	threshold string
	members   []string
}

func (s set) list() []any {
	list := []any{}
	for _, m := range s.members {
		list = append(list, m)
	}
	return list
}

// leg is the change of one destination, made by an owner key that we hold.
func leg(destination string, was, is set) plan.Change {
	id := setID(destination)
	c := plan.Change{
		ID: id, Group: "validator-set/fuji", Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig, Why: from("validators.cue", 12),
		Before: &plan.State{Attrs: resource.Attrs{
			"type": "message-id", "threshold": json.Number(was.threshold), "members": was.list(), "ism": oldISM,
			"path": map[string]any{"mailbox": "a tree that nobody wants to see"},
		}},
		After: resource.Attrs{"type": "message-id", "threshold": json.Number(is.threshold), "members": is.list(), "terms": map[string]any{
			"network": destination, "names": names(is.members), "factories": map[string]any{"messageId": "terms that nobody wants to see"},
		}},
	}
	if was.threshold != is.threshold {
		c.Fields = append(c.Fields, plan.FieldChange{Path: "threshold", Before: json.Number(was.threshold), After: json.Number(is.threshold)})
	}
	if fmt.Sprint(was.members) != fmt.Sprint(is.members) {
		c.Fields = append(c.Fields, plan.FieldChange{Path: "members", Before: was.list(), After: is.list()})
	}
	fee := &resource.Spend{Network: destination, From: ownerKey, Wei: "0", Fee: "472000000000001"}
	c.Steps = []resource.Step{
		{Op: "deploy", ID: id, Lane: "nonce/" + destination, Spend: fee, Params: sentParams(destination, "236000", deployCall(), newISM)},
		{
			Op: "set", ID: id, Lane: "nonce/" + destination, Spend: fee, Params: sentParams(destination, "150000", setCall(routingISM), ""),
			Pre: []resource.Precondition{{ID: id, Path: "ism", Op: resource.Equals, Value: oldISM}},
		},
	}
	about(c.Steps[1], is)
	return c
}

func sentParams(network, gas string, call map[string]any, creates string) resource.Attrs {
	params := resource.Attrs{"network": network, "sender": "owner", "from": ownerKey, "gas": gas, "calls": []any{call}}
	if creates != "" {
		params["creates"] = creates
	}
	return params
}

func about(s resource.Step, is set) {
	s.Params["subject"] = map[string]any{"members": is.list(), "threshold": json.Number(is.threshold), "ism": newISM}
}

func names(members []string) []any {
	known := map[string][2]string{
		memberOne: {"validator-0", "ops"}, memberTwo: {"validator-1", "ops"}, memberThree: {"dsrv", "DSRV"}, memberFour: {"p2p", "P2P Validator"},
	}
	list := []any{}
	for _, m := range members {
		list = append(list, map[string]any{"name": known[m][0], "operator": known[m][1]})
	}
	return list
}

// bySafe hands the last call of a leg to the Safe that owns what is called.
func bySafe(c plan.Change) plan.Change {
	last := &c.Steps[len(c.Steps)-1]
	stream := "safe/" + c.ID.Scope + "/" + governance
	params := resource.Attrs{
		"network": c.ID.Scope, "safeName": "governance", "safe": governance, "multiSend": multiSend,
		"calls": last.Params["calls"], "delegate": "proposer=" + ownerKey,
	}
	if subject, ok := last.Params["subject"]; ok {
		params["subject"] = subject
	}
	*last = resource.Step{Op: resource.Propose, ID: c.ID, Lane: stream, Batch: stream, Pre: last.Pre, Params: params}
	c.Action = plan.Propose
	return c
}

func two() set   { return set{"1", []string{memberOne, memberTwo}} }
func three() set { return set{"2", []string{memberOne, memberTwo, memberThree}} }

func destinations() []string {
	var list []string
	for _, n := range networks() {
		if n != "fuji" {
			list = append(list, n)
		}
	}
	return list
}

// thresholdLeg raises a set to 2 of 3; on optimismsepolia a Safe decides.
func thresholdLeg(destination string) plan.Change {
	c := leg(destination, two(), three())
	if destination == "optimismsepolia" {
		return bySafe(c)
	}
	return c
}

// withSigners adds what is known of members and Safes.
func withSigners(p *plan.Plan) *plan.Plan {
	add := func(kind, scope, name, fact, value string) {
		p.Facts = append(p.Facts, resource.Fact{ID: resource.ID{Kind: kind, Scope: scope, Name: name}, Name: fact, Value: value})
	}
	for name, address := range map[string]string{"validator-0": memberOne, "validator-1": memberTwo, "dsrv": memberThree, "p2p": memberFour} {
		add("validator", "fuji", name, "address", address)
		add("validator", "fuji", name, "standing", "live")
	}
	for _, network := range networks() {
		add("safe", network, "governance", "threshold", "2")
		add("safe", network, "governance", "owners", "3")
	}
	return p
}

func standing(p *plan.Plan, name, state string) *plan.Plan {
	for i, f := range p.Facts {
		if f.ID.Name == name && f.Name == "standing" {
			p.Facts[i].Value = state
		}
	}
	return p
}

func thresholdPlan() *plan.Plan {
	var changes []plan.Change
	for _, d := range destinations() {
		changes = append(changes, thresholdLeg(d))
	}
	return spend(withSigners(stagingPlan(changes...)))
}

// rotationPlan swaps a member everywhere. One destination is behind the others
// and has fewer members; one was not read.
func rotationPlan() *plan.Plan {
	is := set{"2", []string{memberOne, memberTwo, memberFour}}
	var changes []plan.Change
	for _, d := range destinations() {
		switch d {
		case "sepolia":
			changes = append(changes, leg(d, two(), is))
		case "celosepolia":
		default:
			changes = append(changes, leg(d, three(), is))
		}
	}
	p := spend(withSigners(stagingPlan(changes...)))
	p.Unread = []resource.Unread{{Scope: setID("celosepolia").String(), Operation: "read the modules of its mailbox", Cause: "2 of 2 endpoints time out"}}
	return p
}

// unprovenPlan is a rotation to a member that does not sign: it waits, and a
// wallet is filled meanwhile.
func unprovenPlan() *plan.Plan {
	p := rotationPlan()
	changes := p.Changes
	q := spend(standing(standing(withSigners(stagingPlan(fund("fuji", "relayer-signer", plan.Update, "1920000000000000000", "balance 0.08 AVAX below floor 0.5, top up to 2"))), "p2p", "behind"), "validator-1", "unreachable"))
	q.Unread = p.Unread
	for _, c := range changes {
		const member = "new member p2p " + memberFour + " is behind, need live: it must be announced on fuji and have signed near the tip"
		q.Deferred = append(q.Deferred, plan.Deferred{ID: c.ID, Reason: "refused by unproven-member: " + member})
		q.Findings = append(q.Findings,
			resource.Finding{Rule: "unproven-member", Severity: resource.Refuse, Own: true, ID: c.ID, Hint: "reconcile validators shows each one", Reason: member},
			resource.Finding{Rule: "not-enough-live", Severity: resource.Refuse, Own: true, ID: c.ID, Hint: "reconcile validators shows each one", Reason: "live 1 of 3, need 2: messages from fuji would stand still; silent: p2p (behind), validator-1 (unreachable)"})
	}
	return q
}

func proposedReason(hash string) string {
	return "proposed to Safe governance " + governance + " as " + hash + ", nonce 12: waits for its signatures"
}

// pendingSetPlan has nothing left to do but to sign: one proposal on each
// network, and two changes in that of sepolia.
func pendingSetPlan() *plan.Plan {
	p := withSigners(stagingPlan())
	for i, d := range destinations() {
		hash := proposalOne[:64] + fmt.Sprintf("%02x", i)
		p.Pending = append(p.Pending, plan.Pending{ID: setID(d), Reason: proposedReason(hash)})
		if d == "sepolia" {
			p.Pending = append(p.Pending, plan.Pending{ID: resource.ID{Kind: "contract", Scope: d, Name: "home"}, Reason: proposedReason(hash)})
		}
	}
	return p
}

// parameterPlan gives a contract another updater, whose key was made before.
func parameterPlan() *plan.Plan {
	id := resource.ID{Kind: "contract", Scope: "sepolia", Name: "home"}
	key := resource.Ref{ID: keyID("updater-sepolia"), Output: "address"}
	before := map[string]any{"updater": memberOne, "optimisticSeconds": "1800", "recoveryManager": memberTwo}
	after := map[string]any{"updater": memberThree, "optimisticSeconds": "1800", "recoveryManager": memberFour}
	c := plan.Change{
		ID: id, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig, Why: from("contracts.cue", 7),
		Before: &plan.State{Attrs: resource.Attrs{"parameters": before}},
		After: resource.Attrs{
			"parameters": map[string]any{"updater": key, "optimisticSeconds": "1800", "recoveryManager": memberFour},
			"terms": map[string]any{"network": "sepolia", "ways": map[string]any{
				"updater":         map[string]any{"read": "updater()(address)", "write": "setUpdater(address)", "risk": "sensitive"},
				"recoveryManager": map[string]any{"read": "recoveryManager()(address)"},
			}},
		},
		Fields: []plan.FieldChange{{Path: "parameters", Before: before, After: after}},
		Steps: []resource.Step{{
			Op: "write", ID: id, Lane: "nonce/sepolia", Spend: &resource.Spend{Network: "sepolia", From: ownerKey, Wei: "0", Fee: "1000000000000000"},
			Params: sentParams("sepolia", "500000", map[string]any{"to": routingISM, "data": "0x9d54f419" + strings.Repeat("0", 24) + strings.ToLower(memberThree[2:])}, ""),
		}},
	}
	p := spend(stagingPlan(c))
	p.Resolved = map[string]string{key.String(): memberThree}
	p.Findings = []resource.Finding{
		{Rule: "invariant-acceptableroot", Severity: resource.Refuse, ID: resource.ID{Kind: "contract", Scope: "sepolia", Name: "replica-fuji"}, Reason: `acceptableRoot(0x0000000000000000000000000000000000000000000000000000000000000000) is "true", must be false: a message that was never sent would be proven`},
		{Rule: "parameter-recoverymanager", Severity: resource.Refuse, ID: id, Reason: `recoveryManager()(address) is "` + memberTwo + `", must be "` + memberFour + `", and nothing is declared that writes it`},
	}
	return p
}

// ownersPlan swaps an owner of a Safe and raises its threshold; the Safe owns a
// set, whose change goes into the same transaction.
func ownersPlan() *plan.Plan {
	id := resource.ID{Kind: "safe", Scope: "optimismsepolia", Name: "governance"}
	swap := map[string]any{"to": governance, "data": "0xe318b52b" + strings.Repeat("0", 24) + strings.ToLower(memberOne[2:]) + strings.Repeat("0", 24) + strings.ToLower(memberTwo[2:]) + strings.Repeat("0", 24) + strings.ToLower(memberFour[2:])}
	raise := map[string]any{"to": governance, "data": "0x694e80c3" + fmt.Sprintf("%064x", 3)}
	before, after := []any{memberOne, memberTwo, memberThree}, []any{memberThree, memberOne, memberFour}
	c := plan.Change{
		ID: id, Group: "safe/governance", Action: plan.Propose, Risk: resource.Destructive, Person: true, Cause: plan.FromConfig, Why: from("safes.cue", 3),
		Before: &plan.State{Attrs: resource.Attrs{"owners": before, "threshold": json.Number("2"), "order": before, "around": map[string]any{"singleton": "of no interest"}}},
		After:  resource.Attrs{"owners": after, "threshold": json.Number("3"), "terms": map[string]any{"address": governance}},
		Fields: []plan.FieldChange{{Path: "owners", Before: before, After: after}, {Path: "threshold", Before: json.Number("2"), After: json.Number("3")}},
		Steps: []resource.Step{{
			Op: resource.Propose, ID: id, Lane: "safe/optimismsepolia/" + governance, Batch: "safe/optimismsepolia/" + governance,
			Params: resource.Attrs{"network": "optimismsepolia", "safeName": "governance", "safe": governance, "multiSend": multiSend, "calls": []any{swap, raise}},
			Pre:    []resource.Precondition{{ID: id, Path: "threshold", Op: resource.Equals, Value: "2"}},
		}},
	}
	p := spend(withSigners(stagingPlan(c, thresholdLeg("optimismsepolia"))))
	p.Resolved = map[string]string{keyID("alice-owner").String() + "#address": memberTwo, keyID("bob-owner").String() + "#address": memberFour}
	return p
}

func deferredReason() string {
	deploy, call := deployCall(), setCall(routingISM)
	return fmt.Sprintf("its owner is a timelock, %s: nothing is sent; calls to make on sepolia: anybody: to %s data %s (makes %s); the owner: to %s data %s",
		timelock, deploy["to"], deploy["data"], newISM, call["to"], call["data"])
}

// timelockPlan has a set that a timelock must change.
func timelockPlan() *plan.Plan {
	p := withSigners(stagingPlan())
	p.Deferred = []plan.Deferred{
		{ID: setID("sepolia"), Reason: deferredReason()},
		{ID: setID("basesepolia"), Reason: "waits for " + keyID("validator-0-attestation-fuji").String() + "#address"},
	}
	return p
}
