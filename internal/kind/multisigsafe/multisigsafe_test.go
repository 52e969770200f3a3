package multisigsafe_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/safe"
	"github.com/crosschain-ops/reconcile/internal/safeservice"
)

func TestASafeAsDeclaredHasNoFindingAndNothingToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(nil)
	w.wants(env, []string{})
	if !w.satisfied(env) {
		t.Error("it is as declared")
	}
	facts := resource.FactsOf(w.observe(env).Facts, call.SafeID(fuji, "governance"))
	held := "alice=" + addressOf("alice").Hex() + ",bob=" + addressOf("bob").Hex()
	if facts[call.FactHeld] != held || facts[call.FactThreshold] != "2" || facts["owners"] != "3" || !strings.HasPrefix(facts[call.FactOwner], "safe governance 0x") || facts[call.FactFee] == "" {
		t.Errorf("facts %v", facts)
	}
}

func TestWhatCouldActAroundTheOwnersIsRefused(t *testing.T) {
	t.Parallel()
	module, other := common.HexToAddress("0x00000000000000000000000000000000000000a1"), common.HexToAddress("0x00000000000000000000000000000000000000a2")
	for name, c := range map[string]struct {
		calls  []evm.Call // to the Safe itself; the address is filled in
		change func(*config.Safe)
		need   []string
		words  []string
	}{
		"two modules that nobody listed": {
			[]evm.Call{evm.MustMethod("enableModule(address)").Call(common.Address{}, module), evm.MustMethod("enableModule(address)").Call(common.Address{}, other)}, nil,
			[]string{"refuse unlisted-module"}, []string{module.Hex(), other.Hex()},
		},
		"a module that is listed": {
			[]evm.Call{evm.MustMethod("enableModule(address)").Call(common.Address{}, module)},
			func(s *config.Safe) { s.Modules = []string{strings.ToLower(module.Hex())} }, []string{}, nil,
		},
		"a module that is listed and not there": {nil, func(s *config.Safe) { s.Modules = []string{module.Hex()} }, []string{"note unlisted-module"}, []string{"not enabled"}},
		"a handler of somebody's": {
			[]evm.Call{evm.MustMethod("setFallbackHandler(address)").Call(common.Address{}, module)}, nil, []string{"refuse unlisted-handler"}, []string{module.Hex()},
		},
		"a handler that is listed": {
			[]evm.Call{evm.MustMethod("setFallbackHandler(address)").Call(common.Address{}, module)}, func(s *config.Safe) { s.Fallback = module.Hex() }, []string{}, nil,
		},
		"a guard that is declared and not there": {nil, func(s *config.Safe) { s.Guard = other.Hex() }, []string{"refuse unlisted-guard"}, []string{"guard is none, declared " + other.Hex()}},
		"another version":                        {nil, func(s *config.Safe) { s.Version = "1.3.0" }, []string{"refuse safe-version"}, []string{"is of version 1.4.1, declared 1.3.0"}},
		"the right version":                      {nil, func(s *config.Safe) { s.Version = "1.4.1" }, []string{}, nil},
		"no address yet":                         {nil, func(s *config.Safe) { s.Address = "" }, []string{"note not-deployed"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, c := range c.calls {
				c.To = w.at
				w.by(c)
			}
			w.wants(w.environment(c.change), c.need, c.words...)
		})
	}
}

func TestASafeWhoseCodeNobodyPublishedIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nearly := w.other(addressOf("nearly"))
	w.wants(w.environment(func(s *config.Safe) { s.Address = nearly.Hex() }), []string{"refuse safe-code"}, "is no published Safe:", addressOf("nearly").Hex())
	if _, err := contractstest.Send(t.Context(), w.chain.Client(), keyOf("deployer"), setup(addressOf("pretender"))); err != nil {
		t.Fatal(err)
	}
	w.wants(w.environment(func(s *config.Safe) { s.Address = addressOf("pretender").Hex() }), []string{"refuse safe-code"}, "is no published Safe proxy", "is no published Safe:")
}

func TestASafeThatIsTooOldOrNotThereIsUnreadWithTheReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.other(addressOf("old"))
	for address, words := range map[common.Address]string{
		old: "version 1.1.1", addressOf("nobody"): "no contract at its address", contractstest.SafeMultiSend: "VERSION",
	} {
		env := w.environment(func(s *config.Safe) { s.Address = address.Hex() })
		env.Safes = append(env.Safes, w.environment(func(s *config.Safe) { s.Name = "sound" }).Safes...)
		seen := w.kind.Observe(t.Context(), env, lookup)
		if len(seen.Unread) != 1 || seen.Unread[0].Scope != "safe/fuji/governance" || !strings.Contains(seen.Unread[0].Cause, words) {
			t.Errorf("unread %+v, want %q", seen.Unread, words)
		}
		if len(seen.Owned) != 1 || seen.Owned[0].ID.Name != "sound" {
			t.Errorf("%d were read: one that does not read hides no other", len(seen.Owned))
		}
	}
	w.network.Close()
	if err := w.chain.Close(); err != nil {
		t.Fatal(err)
	}
	if seen := w.kind.Observe(t.Context(), w.environment(nil), lookup); len(seen.Unread) != 1 || len(seen.Owned) > 0 {
		t.Errorf("%+v of a network that does not answer", seen)
	}
}

func TestOwnersAndThresholdAreBroughtToWhatIsDeclared(t *testing.T) {
	t.Parallel()
	address := func(names ...string) []config.Party {
		var list []config.Party
		for _, a := range addresses(names...) {
			list = append(list, config.Party{Address: a.Hex()})
		}
		return list
	}
	for name, change := range map[string]func(*config.Safe){
		"swap":                  func(s *config.Safe) { s.Owners[2] = config.Party{Key: "dave"} },
		"remove":                func(s *config.Safe) { s.Owners = s.Owners[:2] },
		"add and raise":         func(s *config.Safe) { s.Owners, s.Threshold = append(s.Owners, config.Party{Key: "dave"}), 3 },
		"threshold alone":       func(s *config.Safe) { s.Threshold = 3 },
		"down to one":           func(s *config.Safe) { s.Owners, s.Threshold = s.Owners[1:2], 1 },
		"everybody is replaced": func(s *config.Safe) { s.Owners, s.Threshold = address("x", "y"), 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			env := w.environment(func(s *config.Safe) { s.Execute = true; change(s) })
			if w.satisfied(env) {
				t.Fatal("nothing differs")
			}
			steps, err := w.steps(env)
			if err != nil || len(steps) != 1 || steps[0].Op != call.Execute {
				t.Fatalf("%v, %v, want one execution", steps, err)
			}
			if err := w.run(env, steps); err != nil {
				t.Fatal(err)
			}
			if !w.satisfied(env) {
				t.Errorf("it is %v", w.observe(env).Owned[0].Attrs)
			}
		})
	}
}

func TestAnOwnerChangeAsksForAPersonAndIsDestructiveHoweverItIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	traits := w.kind.Traits
	for _, op := range []string{resource.Propose, call.Execute, "set-owners"} {
		if traits.Risks[op] != resource.Destructive || !slices.Contains(traits.Person, op) {
			t.Errorf("%s has the risk %q and a person is asked %v", op, traits.Risks[op], traits.Person)
		}
	}
	env := w.environment(func(s *config.Safe) { s.Threshold = 3 })
	steps, err := w.steps(env)
	if err != nil || len(steps) != 1 || steps[0].Op != resource.Propose || len(steps[0].Pre) != 1 {
		t.Fatalf("%+v, %v, want one proposal that holds while the threshold is 2", steps, err)
	}
	if err := w.run(env, steps); err != nil {
		t.Fatal(err)
	}
	_, err = w.steps(env)
	if waits := (*resource.PendingError)(nil); !errors.As(err, &waits) {
		t.Errorf("%v, want it pending", err)
	}
	calls, _, _, err := w.book.records[0].Batch()
	if err != nil {
		t.Fatal(err)
	}
	w.by(calls[0])
	if !w.satisfied(env) || len(w.findings(env)) > 0 {
		t.Errorf("%v, %v", w.observe(env).Owned[0].Attrs, w.findings(env))
	}
}

func TestOwnersThatAreNotKnownOrNotPinnedWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(func(s *config.Safe) { s.Owners[2] = config.Party{Key: "unborn"} })
	_, err := w.steps(env)
	if put := (*resource.DeferredError)(nil); !errors.As(err, &put) || !strings.Contains(err.Error(), "unborn") {
		t.Errorf("%v, want it put off", err)
	}
	env = w.environment(func(s *config.Safe) { s.Owners[2] = config.Party{Key: "dave"} })
	env.Addresses = "pinned"
	env.Pins["alice"], env.Pins["bob"] = addressOf("alice").Hex(), addressOf("bob").Hex()
	w.wants(env, []string{"refuse unpinned-owner"}, "dave")
	_, err = w.steps(env)
	if put := (*resource.DeferredError)(nil); !errors.As(err, &put) || !strings.Contains(err.Error(), "pins of dave") {
		t.Errorf("%v, want it put off", err)
	}
	env.Pins["dave"] = addressOf("somebody").Hex()
	w.wants(env, []string{})
	if owners := w.declared(env)[0].Attrs["owners"].([]any); !slices.Contains(owners, any(addressOf("somebody").Hex())) {
		t.Errorf("owners %v: the pin was reviewed, and nothing else counts", owners)
	}
}

func TestARetiredNetworksSafesAreNeitherDeclaredNorRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(nil)
	env.Networks[0].State = config.Retired
	if seen := w.observe(env); len(w.declared(env)) > 0 || len(seen.Owned) > 0 || len(seen.Facts) > 0 {
		t.Errorf("%v, %v", w.declared(env), seen)
	}
}

// queued puts transactions into the service's queue.
func (w *world) queued(txs ...safe.Tx) {
	w.queue.list = nil
	for _, tx := range txs {
		w.queue.list = append(w.queue.list, safeservice.Proposal{Tx: tx})
	}
}

func serviced(s *config.Safe) { s.Service, s.Delegate = "https://safe.example", "dave" }

func TestWhatOthersProposedIsToldByItsEffectAndRefusedWhereItIsGrave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(serviced)
	env.Deployment = &config.Deployment{Networks: map[string]map[string]config.Deployed{fuji: {"mailbox": {Address: addressOf("mailbox").Hex()}}}}
	grave := func(c evm.Call) safe.Tx { return safe.Tx{To: c.To, Data: c.Data, Nonce: 3} }
	w.queued(safe.Tx{To: addressOf("mailbox"), Value: big.NewInt(5), Nonce: 2})
	w.wants(env, []string{"note foreign-proposal"}, "send 5 wei to "+addressOf("mailbox").Hex()+" (mailbox)", "nonce 2")
	for name, tx := range map[string]safe.Tx{
		"enableModule":       grave(w.itself("enableModule(address)", addressOf("evil"))),
		"setGuard":           grave(w.itself("setGuard(address)", addressOf("evil"))),
		"setFallbackHandler": grave(w.itself("setFallbackHandler(address)", addressOf("evil"))),
		"swapOwner":          grave(w.itself("swapOwner(address,address,address)", addressOf("alice"), addressOf("bob"), addressOf("evil"))),
		"changeThreshold":    grave(w.itself("changeThreshold(uint256)", big.NewInt(1))),
		"transferOwnership":  grave(evm.MustMethod("transferOwnership(address)").Call(addressOf("mailbox"), addressOf("evil"))),
		"an upgrade":         grave(evm.MustMethod("upgradeTo(address)").Call(addressOf("mailbox"), addressOf("evil"))),
		"the Safe itself":    grave(w.itself("somethingNew(uint256)", big.NewInt(1))),
		"a delegatecall":     {To: addressOf("evil"), Operation: safe.OperationDelegateCall, Data: []byte{1, 2, 3, 4}, Nonce: 3},
	} {
		w.queued(tx)
		if have := rules(w.findings(env)); !slices.Equal(have, []string{"refuse foreign-proposal"}) {
			t.Errorf("%s: %v, want it refused", name, have)
		}
	}
}

func TestLookAlikesOfAProposalAreNotRecognisedAndNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(func(s *config.Safe) { serviced(s); s.Threshold = 3 })
	raise := w.itself("changeThreshold(uint256)", big.NewInt(3))
	ours := safe.Tx{To: raise.To, Data: raise.Data}
	hashes, err := safe.HashesOf(chainID, w.at, ours)
	if err != nil {
		t.Fatal(err)
	}
	w.book.records = []call.Record{{
		Network: fuji, ChainID: chainID, Safe: w.at.Hex(), MultiSend: contractstest.SafeMultiSend.Hex(), Calls: []evm.Wire{raise.Wire()}, Hash: hashes.SafeTx.Hex(),
	}}
	more, err := safe.Batch(contractstest.SafeMultiSend, []evm.Call{raise, w.itself("enableModule(address)", addressOf("evil"))}, 0)
	if err != nil {
		t.Fatal(err)
	}
	delegated, refund, later := ours, ours, ours
	delegated.Operation = safe.OperationDelegateCall
	refund.GasPrice, refund.RefundReceiver = big.NewInt(1), addressOf("evil")
	later.Nonce = 9
	for words, tx := range map[string]safe.Tx{"operation is 1": delegated, "refund fields are set": refund, "it has one more call": more, "under another nonce": later} {
		w.queued(tx)
		w.wants(env, []string{"refuse look-alike"}, words)
		// Ours is not in the queue: nobody sees it, and it is proposed again.
		if steps, err := w.steps(env); err != nil || len(steps) != 1 || steps[0].Op != resource.Propose {
			t.Errorf("%s: %v, %v: a look-alike is taken for ours", words, steps, err)
		}
	}
	w.queued(ours, refund)
	w.wants(env, []string{"refuse look-alike"})
	_, err = w.steps(env)
	if waits := (*resource.PendingError)(nil); !errors.As(err, &waits) || !strings.Contains(err.Error(), hashes.SafeTx.Hex()) {
		t.Errorf("%v, want it pending as %s", err, hex.EncodeToString(hashes.SafeTx[:]))
	}
}

func TestAQueueThatIsNotReadHidesNothingOfOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(func(s *config.Safe) { serviced(s); s.Threshold = 3 })
	steps, err := w.steps(env)
	if err != nil {
		t.Fatal(err)
	}
	steps[0].Params[resource.BatchParam] = steps[0].Params[resource.CallsParam]
	env.Safes[0].Service, env.Safes[0].Delegate = "", ""
	delete(steps[0].Params, "delegate")
	if err := w.run(env, steps); err != nil {
		t.Fatal(err)
	}
	serviced(&env.Safes[0])
	w.queue.broken = true
	w.wants(env, []string{"acknowledge queue-unread"})
	_, err = w.steps(env)
	if waits := (*resource.PendingError)(nil); !errors.As(err, &waits) {
		t.Errorf("%v, want it pending: what cannot be asked for is taken to wait", err)
	}
}

func TestAFactOfAStrangerThatDoesNotReadIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(nil)
	seen := w.observe(env)
	seen.Facts = append(seen.Facts, resource.Fact{ID: call.SafeID(fuji, "governance"), Name: "foreign 0x01", Value: "{"})
	found, err := w.kind.Check(w.declared(env), seen.Owned, seen.Facts)
	if err != nil || !slices.Equal(rules(found), []string{"refuse foreign-proposal"}) {
		t.Errorf("%v, %v", rules(found), err)
	}
}

func TestAWatchedSafeIsNeverWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.environment(func(s *config.Safe) { s.Managed, s.Threshold = false, 3 })
	if w.declared(env)[0].Mode != resource.Observed || w.observe(env).Owned[0].Mode != resource.Observed {
		t.Error("it is not marked as watched")
	}
	before := w.observe(env).Owned[0]
	if _, err := w.kind.Steps(&before, nil, nil); err == nil || !strings.Contains(err.Error(), "never removed") {
		t.Errorf("%v: a Safe cannot be removed", err)
	}
	narrowed := w.kind.Read(t.Context(), env, []resource.ID{{Kind: "safe", Scope: fuji, Name: "other"}}, lookup)
	if len(narrowed.Owned)+len(narrowed.Unread) > 0 {
		t.Errorf("%+v was not asked for", narrowed)
	}
}
