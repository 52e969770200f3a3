package call_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// bySafe is a routing ISM that a Safe owns, and two jobs on it, one of which
// needs a module first.
func (w *world) bySafe(env *config.Environment, s config.Safe) (contractstest.Addresses, [2]call.Job) {
	w.t.Helper()
	at := w.hyperlane(common.HexToAddress(s.Address))
	make := w.build(at, "a", "b", "c")
	other := evm.MustMethod("set(uint32,address)").Call(at.RoutingISM, uint32(8), make.Address)
	return at, [2]call.Job{
		{ID: ismID("sepolia"), Terms: terms(env), Makes: []call.Make{make}, Calls: []evm.Call{repoint(at, make.Address)}, Op: "set", Gas: 200_000},
		{ID: ismID("holesky"), Terms: terms(env), Calls: []evm.Call{other}, Op: "set", Gas: 200_000},
	}
}

func (w *world) allFacts(env *config.Environment, s config.Safe, held ...string) []resource.Fact {
	facts := w.safeFacts(s, held...)
	for _, name := range []string{"sepolia", "holesky"} {
		facts = append(facts, w.facts(env, ismID(name), common.HexToAddress(s.Address))...)
	}
	return facts
}

func TestTheCallsOfOnePlanBecomeOneProposalThatTwoOwnersExecute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(serviced(w))
	env, account := environment(s), common.HexToAddress(s.Address)
	at, jobs := w.bySafe(env, s)
	facts := w.allFacts(env, s)
	first := plan(t, jobs[0], facts, call.Deploy, resource.Propose)
	second := plan(t, jobs[1], facts, resource.Propose)
	joined(first[1], second[0])
	w.do(env, first[0])
	outputs := w.do(env, first[1])
	if again := w.do(env, second[0]); again["safeTxHash"] != outputs["safeTxHash"] || len(w.book.records) != 1 {
		t.Fatalf("%v and %v: the plan's calls to one Safe are one proposal", outputs, again)
	}
	record := w.book.records[0]
	if !slices.Equal(record.Of, []resource.ID{jobs[0].ID}) || record.Nonce != 0 || record.ChainID != chainID || len(record.Calls) != 2 {
		t.Errorf("kept %+v", record)
	}
	_, tx, hashes, err := record.Batch()
	if err != nil {
		t.Fatal(err)
	}
	theirs := contractstest.SafeTransaction{Call: evm.Call{To: tx.To, Data: tx.Data}, Delegate: true}
	need, err := contractstest.SafeHash(t.Context(), w.chain.Client(), account, theirs, record.Nonce)
	if err != nil || hashes.SafeTx != need || outputs["safeTxHash"] != need.Hex() {
		t.Fatalf("%v, %s computed here, the Safe says %s (%v)", outputs, hashes.SafeTx, need, err)
	}
	w.isPosted(account, need)
	// The next plan knows both, and no look-alike of them.
	facts = w.allFacts(env, s)
	for _, job := range jobs {
		job.Makes = nil
		_, err := call.Steps(job, facts)
		var waits *resource.PendingError
		if !errors.As(err, &waits) || !strings.Contains(err.Error(), need.Hex()) {
			t.Errorf("%v, want pending as %s", err, need)
		}
	}
	if _, err := contractstest.ExecuteSafe(t.Context(), w.chain.Client(), keyOf("deployer"), account, theirs, keyOf("owner-1"), keyOf("stranger")); err != nil {
		t.Fatal(err)
	}
	if have := w.ism(at); have != jobs[0].Makes[0].Address {
		t.Errorf("the origin's module is %s, want %s", have, jobs[0].Makes[0].Address)
	}
	// What was executed waits no more, and the same would be a new proposal.
	if steps := plan(t, jobs[1], w.allFacts(env, s), resource.Propose); len(steps) == 1 {
		joined(steps[0])
		if next := w.do(env, steps[0]); next["safeNonce"] != "1" {
			t.Errorf("proposed at %v, want the Safe's nonce 1", next)
		}
	}
}

// isPosted wants the proposal at the service, signed by the delegate.
func (w *world) isPosted(account common.Address, hash common.Hash) {
	w.t.Helper()
	entries := w.service.Entries(account)
	if len(entries) != 1 || entries[0].Hash != hash || entries[0].Proposer != addressOf("delegate") || w.signed == 0 {
		w.t.Errorf("the service has %+v, want %s by the delegate", entries, hash)
	}
}

func TestAProposalsNonceIsBehindChainQueueAndOurOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(serviced(w))
	env, account := environment(s), common.HexToAddress(s.Address)
	raise := contractstest.SafeTransaction{Call: evm.Call{To: addressOf("nobody")}}
	if _, err := contractstest.ExecuteSafe(t.Context(), w.chain.Client(), keyOf("deployer"), account, raise, keyOf("owner-0"), keyOf("owner-1")); err != nil {
		t.Fatal(err)
	}
	_, jobs := w.bySafe(env, s)
	propose := func(job call.Job) string {
		job.Makes = nil
		steps := plan(t, job, w.allFacts(env, s), resource.Propose)
		joined(steps[0])
		return w.do(env, steps[0])["safeNonce"]
	}
	if have := propose(jobs[0]); have != "1" {
		t.Errorf("nonce %s, the chain is at 1", have)
	}
	if have := propose(jobs[1]); have != "2" {
		t.Errorf("nonce %s, ours waits at 1", have)
	}
	if _, err := w.service.Spoof("refund fields", account, contractstest.SafeMultiSend, safe.Tx{To: addressOf("x"), Nonce: 5}); err != nil {
		t.Fatal(err)
	}
	jobs[1].Calls = append(jobs[1].Calls, jobs[0].Calls...)
	if have := propose(jobs[1]); have != "6" {
		t.Errorf("nonce %s, the queue goes up to 5", have)
	}
	w.book.records = append(w.book.records, w.far(s, 900))
	jobs[1].Calls = append(jobs[1].Calls, jobs[0].Calls...)
	steps := plan(t, jobs[1], w.safeFactsOf(env, s), resource.Propose)
	joined(steps[0])
	_, err := w.maker.Prepare(t.Context(), resolved(env, steps[0]))
	refused(t, err, "900", "at most 500")
}

func TestWithoutAServiceANonceIsBehindWhatIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(nil)
	env := environment(s)
	_, jobs := w.bySafe(env, s)
	for i, job := range jobs {
		job.Makes = nil
		steps := plan(t, job, w.allFacts(env, s), resource.Propose)
		joined(steps[0])
		if have := w.do(env, steps[0])["safeNonce"]; have != strconv.Itoa(i) {
			t.Errorf("nonce %s, want %d", have, i)
		}
	}
}

// safeFactsOf leaves proposals out.
func (w *world) safeFactsOf(env *config.Environment, s config.Safe) []resource.Fact {
	return slices.DeleteFunc(w.allFacts(env, s), func(f resource.Fact) bool { return strings.HasPrefix(f.Name, "proposal ") })
}

// far is a record of a proposal with a nonce.
func (w *world) far(s config.Safe, nonce uint64) call.Record {
	w.t.Helper()
	c := evm.Call{To: addressOf("x"), Data: []byte{1, 2, 3, 4}}
	hashes, err := safe.HashesOf(chainID, common.HexToAddress(s.Address), safe.Tx{To: c.To, Data: c.Data, Nonce: nonce})
	if err != nil {
		w.t.Fatal(err)
	}
	return call.Record{
		Network: fuji, ChainID: chainID, Safe: s.Address, MultiSend: contractstest.SafeMultiSend.Hex(), Nonce: nonce, Calls: []evm.Wire{c.Wire()}, Hash: hashes.SafeTx.Hex(),
	}
}

func TestAProposalWhoseReplyWasLostIsTheSameAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world) func(*config.Safe){
		"posted": serviced, "kept": func(*world) func(*config.Safe) { return nil },
		"kept for a person to carry": func(w *world) func(*config.Safe) { return func(s *config.Safe) { s.Service = w.service.URL } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.safe(change(w))
			env := environment(s)
			_, jobs := w.bySafe(env, s)
			steps := plan(t, jobs[1], w.allFacts(env, s), resource.Propose)
			joined(steps[0])
			r := resolved(env, steps[0])
			prepared, err := w.maker.Prepare(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared}); happened != kind.No || err != nil || len(w.book.records) > 0 {
				t.Fatalf("%s, %v, %d kept: nothing happened yet", happened, err, len(w.book.records))
			}
			one, err := w.maker.Do(t.Context(), r, prepared)
			if err != nil {
				t.Fatal(err)
			}
			two, err := w.maker.Do(t.Context(), r, prepared)
			if err != nil || two["safeTxHash"] != one["safeTxHash"] || len(w.book.records) != 1 {
				t.Errorf("%v then %v, %v; %d are kept", one, two, err, len(w.book.records))
			}
			posted := 0
			if call.Posted(s) {
				posted = 1
			}
			if have := len(w.service.Entries(common.HexToAddress(s.Address))); have != posted {
				t.Errorf("%d at the service, want %d", have, posted)
			}
			happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared})
			if need := map[bool]kind.Happened{true: kind.No, false: kind.Yes}[call.Posted(s)]; happened != need || err != nil {
				t.Errorf("%s, %v, want %s", happened, err, need)
			}
		})
	}
}

func TestWhatAWaitingProposalNeedsIsMadeAndTheProposalStaysTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(nil)
	env := environment(s)
	at, jobs := w.bySafe(env, s)
	facts := w.allFacts(env, s)
	first := plan(t, jobs[0], facts, call.Deploy, resource.Propose)
	second := plan(t, jobs[1], facts, resource.Propose)
	joined(first[1], second[0])
	hash := w.do(env, second[0])["safeTxHash"] // and the deploy failed
	steps := plan(t, jobs[0], w.allFacts(env, s), call.Deploy, resource.Propose)
	joined(steps...)
	w.do(env, steps[0])
	if again := w.do(env, steps[1])["safeTxHash"]; again != hash || len(w.book.records) != 1 {
		t.Errorf("%s and %s: %d proposals, want the same one", hash, again, len(w.book.records))
	}
	if code, err := w.chain.Client().CodeAt(t.Context(), jobs[0].Makes[0].Address, nil); err != nil || len(code) == 0 || w.ism(at) == jobs[0].Makes[0].Address {
		t.Errorf("%d bytes of code, %v", len(code), err)
	}
}

func TestAProposalThatIsNotTheStepsIsNeverKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(serviced(w))
	env := environment(s)
	_, jobs := w.bySafe(env, s)
	step := plan(t, jobs[1], w.allFacts(env, s), resource.Propose)[0]
	joined(step)
	mine, err := w.maker.Prepare(t.Context(), resolved(env, step))
	if err != nil {
		t.Fatal(err)
	}
	text := string(mine)
	for name, forged := range map[string]string{
		"another nonce":   strings.Replace(text, `"nonce":0`, `"nonce":1`, 1),
		"another chain":   strings.Replace(text, `"chainId":43113`, `"chainId":1`, 1),
		"another network": strings.Replace(text, `"network":"fuji"`, `"network":"sepolia"`, 1),
		"another Safe":    strings.Replace(text, s.Address, addressOf("evil").Hex(), 1),
		"another batcher": strings.Replace(text, contractstest.SafeMultiSend.Hex(), addressOf("evil").Hex(), 1),
		"another call":    strings.Replace(text, `"data":"0x`, `"data":"0xab`, 1),
		"no record":       `[]`,
	} {
		if forged == text {
			t.Fatalf("%s: nothing was forged", name)
		}
		_, err := w.maker.Do(t.Context(), resolved(env, step), kind.Prepared(forged))
		refused(t, err)
	}
	if len(w.book.records) > 0 || len(w.service.Entries(common.HexToAddress(s.Address))) > 0 {
		t.Error("a forged proposal was kept or posted")
	}
}

func TestAStepForASafeOrADelegateThatIsNotDeclaredIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(serviced(w))
	env := environment(s)
	_, jobs := w.bySafe(env, s)
	for name, to := range map[string]string{"safe": addressOf("evil").Hex(), "safeName": "other", "delegate": "owner-1=" + addressOf("owner-1").Hex(), "network": "sepolia"} {
		step := plan(t, jobs[1], w.allFacts(env, s), resource.Propose)[0]
		joined(step)
		step.Params[name] = to
		_, err := w.maker.Prepare(t.Context(), resolved(env, step))
		refused(t, err)
	}
	step := plan(t, jobs[1], w.allFacts(env, s), resource.Propose)[0]
	step.Params[resource.BatchParam] = []any{map[string]any{"to": addressOf("evil").Hex(), "data": "0x12345678"}}
	_, err := w.maker.Prepare(t.Context(), resolved(env, step))
	refused(t, err, "its batch does not hold its calls")
	_, err = w.maker.Prepare(t.Context(), kind.Resolved{Step: step})
	refused(t, err, "no environment")
}

func TestOneCallMoreBetweenOursIsAnotherProposal(t *testing.T) {
	t.Parallel()
	wire := func(n byte) evm.Wire { return evm.Call{To: common.Address{n}, Data: []byte{n, n, n, n}}.Wire() }
	a, b, c := wire(1), wire(2), wire(3)
	whole := call.Proposed{Calls: []evm.Wire{a, b, c}}
	for _, calls := range [][]evm.Wire{{a}, {b}, {a, b}, {b, c}, {a, b, c}} {
		if !whole.Holds(calls) {
			t.Errorf("%v is held", calls)
		}
	}
	for _, calls := range [][]evm.Wire{{}, {a, c}, {b, a}, {c, c}, {a, b, c, c}} {
		if whole.Holds(calls) {
			t.Errorf("%v is not held", calls)
		}
	}
}

func FuzzFactsAndRecordsReadBackOrAreRefused(f *testing.F) {
	f.Add("safe governance 0x41675C099F32341bf84BFc5382aF534df5C7461a", `{"nonce":1,"calls":[{"to":"0x41675C099F32341bf84BFc5382aF534df5C7461a","data":"0x"}]}`,
		crypto.Keccak256Hash([]byte("x")).Hex())
	f.Add("nobody - 0x0000000000000000000000000000000000000000", `{}`, "0x")
	f.Fuzz(func(t *testing.T, owner, proposal, hash string) {
		if o, err := call.ParseOwner(owner); err == nil {
			if again, err := call.ParseOwner(o.String()); err != nil || again != o {
				t.Errorf("%q reads as %+v and then as %+v, %v", owner, o, again, err)
			}
		}
		id := call.SafeID(fuji, "governance")
		if list, err := call.Proposals([]resource.Fact{{ID: id, Name: "proposal " + hash, Value: proposal}}, id); err == nil {
			fact, err := call.ProposalFact(id, list[0])
			if err != nil || fact.Name != "proposal "+hash {
				t.Errorf("%q comes back as %+v, %v", hash, fact, err)
			}
		}
		var r call.Record
		if json.Unmarshal([]byte(proposal), &r) == nil {
			if _, tx, hashes, err := r.Batch(); err == nil && (hashes.SafeTx.Hex() != r.Hash || tx.Nonce != r.Nonce) {
				t.Errorf("%q is taken for %s", proposal, hashes.SafeTx)
			}
		}
	})
}
