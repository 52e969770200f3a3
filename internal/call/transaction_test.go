package call_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// byKey is a routing ISM of owner-0, and the job of repointing it.
func (w *world) byKey(env *config.Environment) (contractstest.Addresses, call.Job, []resource.Fact) {
	w.t.Helper()
	at := w.hyperlane(addressOf("owner-0"))
	make := w.build(at, "a", "b", "c")
	id := ismID("sepolia")
	job := call.Job{ID: id, Terms: terms(env), Makes: []call.Make{make}, Calls: []evm.Call{repoint(at, make.Address)}, Op: "set", Gas: 200_000}
	return at, job, w.facts(env, id, addressOf("owner-0"))
}

func terms(env *config.Environment) call.Terms {
	t := call.TermsOf(env, fuji)
	t.From = resource.Literal(addressOf(env.Sender).Hex())
	return t
}

func TestAnOwnersKeyDeploysWhatIsNotThereAndThenCallsForIt(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	at, job, facts := w.byKey(env)
	steps := plan(t, job, facts, call.Deploy, "set")
	if steps[0].Lane == "" || steps[0].Lane != steps[1].Lane {
		t.Errorf("lanes %q and %q: one sender has one stream of nonces", steps[0].Lane, steps[1].Lane)
	}
	made := w.do(env, steps[0])
	if there := job.Makes[0].Address.Hex(); made["created"] != there || made["spent"] == "" || made["nonce"] == "" {
		t.Errorf("outputs %v, want the address %s and what it took", made, there)
	}
	prepared, err := w.maker.Prepare(t.Context(), resolved(env, steps[0]))
	if err != nil || !prepared.IsNothing() {
		t.Errorf("%s, %v: what is there already is not made again", prepared, err)
	}
	if w.ism(at) == job.Makes[0].Address {
		t.Fatal("repointed before its step")
	}
	w.do(env, steps[1])
	if have := w.ism(at); have != job.Makes[0].Address {
		t.Errorf("the origin's module is %s, want %s", have, job.Makes[0].Address)
	}
}

func TestAProbeFindsWhatWasMinedAndNotWhatWasNeverSent(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	_, job, facts := w.byKey(env)
	r := resolved(env, plan(t, job, facts, call.Deploy, "set")[0])
	prepared, err := w.maker.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared}); happened != kind.No || err != nil {
		t.Errorf("%s, %v: it was never sent", happened, err)
	}
	done, err := w.maker.Do(t.Context(), r, prepared)
	if err != nil {
		t.Fatal(err)
	}
	happened, outputs, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared})
	if happened != kind.Yes || err != nil || outputs["hash"] != done["hash"] || outputs["created"] == "" {
		t.Errorf("%s, %v, %v, want yes and %v", happened, outputs, err, done)
	}
	again, err := w.maker.Do(t.Context(), r, prepared)
	if err != nil || again["hash"] != done["hash"] {
		t.Errorf("%v, %v: the same bytes are one transaction", again, err)
	}
}

func TestAReplacedTransactionDidNotHappen(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	at, job, facts := w.byKey(env)
	r := resolved(env, plan(t, job, facts, call.Deploy, "set")[0])
	prepared, err := w.maker.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody with the same key uses the nonce for something else.
	other := w.build(at, "x", "y", "z")
	if _, err := contractstest.Send(t.Context(), w.chain.Client(), keyOf("owner-0"), other.Call); err != nil {
		t.Fatal(err)
	}
	w.chain.Mine(2)
	if happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared}); happened != kind.No || err != nil {
		t.Errorf("%s, %v: its nonce is used by another", happened, err)
	}
	_, err = w.maker.Do(t.Context(), r, prepared)
	refused(t, err, "replaced")
}

func TestACallThatWouldRevertIsRefusedBeforeAnythingIsSigned(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	_, job, facts := w.byKey(env)
	at := w.hyperlane(addressOf("somebody"))
	job.Makes, job.Calls = nil, []evm.Call{repoint(at, addressOf("old"))}
	_, err := w.maker.Prepare(t.Context(), resolved(env, plan(t, job, facts, "set")[0]))
	refused(t, err, "would revert", "Ownable: caller is not the owner")
	if w.signed != 0 {
		t.Errorf("%d signatures were made", w.signed)
	}
}

func TestNothingIsSentWhileSomebodysTransactionIsInFlight(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	_, job, facts := w.byKey(env)
	step := plan(t, job, facts, call.Deploy, "set")[0]
	w.park("owner-0")
	_, err := w.maker.Prepare(t.Context(), resolved(env, step))
	refused(t, err, "in flight")
	if w.signed != 0 {
		t.Errorf("%d signatures were made", w.signed)
	}
}

// park leaves a transaction of a key in the pool that no block takes.
func (w *world) park(name string) common.Hash {
	w.t.Helper()
	nonce, err := w.chain.Client().NonceAt(w.t.Context(), addressOf(name), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	to := addressOf("nobody")
	tx, err := types.SignNewTx(keyOf(name), types.LatestSignerForChainID(w.chain.ChainID()), &types.DynamicFeeTx{
		ChainID: w.chain.ChainID(), Nonce: nonce, To: &to, Value: big.NewInt(1), Gas: 21_000,
		GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(params.GWei),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.chain.Client().SendTransaction(w.t.Context(), tx); err != nil {
		w.t.Fatal(err)
	}
	return tx.Hash()
}

// stuck is a step of which a transaction was sent that offers too little.
func (w *world) stuck(env *config.Environment, change func(*resource.Step)) (kind.Resolved, kind.Prepared) {
	w.t.Helper()
	_, job, facts := w.byKey(env)
	step := plan(w.t, job, facts, call.Deploy, "set")[0]
	if change != nil {
		change(&step)
	}
	r := resolved(env, step)
	prepared, err := w.maker.Prepare(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return r, w.forge(prepared, func(tx *chain.Transaction) { tx.Fees.Tip = big.NewInt(1) })
}

// forge signs prepared bytes anew, changed, with the key of owner-0.
func (w *world) forge(prepared kind.Prepared, change func(*chain.Transaction)) kind.Prepared {
	w.t.Helper()
	var record map[string]any
	if err := json.Unmarshal(prepared, &record); err != nil {
		w.t.Fatal(err)
	}
	_, tx, _, err := chain.ReadTransaction(common.FromHex(record["raw"].(string)))
	if err != nil {
		w.t.Fatal(err)
	}
	change(&tx)
	digest, err := w.digest(w.t.Context(), config.Key{Name: "owner-0"}, addressOf("owner-0"))
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := chain.NewCallSigner(addressOf("owner-0"), digest, func(evm.Call) error { return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := signer.Sign(w.t.Context(), tx)
	if err != nil {
		w.t.Fatal(err)
	}
	record["raw"], record["hash"], record["nonce"] = hexutil.Encode(signed.Raw), signed.Hash.Hex(), tx.Nonce
	data, err := json.Marshal(record)
	if err != nil {
		w.t.Fatal(err)
	}
	return kind.Prepared(data)
}

// live makes blocks until the test ends.
func (w *world) live() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			w.chain.Mine(1)
			time.Sleep(time.Millisecond)
		}
	}()
	w.t.Cleanup(func() { cancel(); <-done })
}

func raw(t *testing.T, prepared kind.Prepared) chain.Transaction {
	t.Helper()
	var record struct{ Raw hexutil.Bytes }
	if err := json.Unmarshal(prepared, &record); err != nil {
		t.Fatal(err)
	}
	_, tx, _, err := chain.ReadTransaction(record.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestAStuckTransactionIsReplacedAtItsNonceWithMoreOfBothFees(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	r, first := w.stuck(env, nil)
	w.network = w.open(chain.Options{Stuck: time.Nanosecond, StuckBlocks: 2})
	w.live()
	_, err := w.maker.Do(t.Context(), r, first)
	if late := (*kind.StuckError)(nil); !errors.As(err, &late) {
		t.Fatalf("%v, want to be told that it is stuck", err)
	}
	if happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{first}); happened != kind.Unknown || err != nil {
		t.Errorf("%s, %v: it may still be mined", happened, err)
	}
	r.Earlier = []kind.Prepared{first}
	second, err := w.maker.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	old, now := raw(t, first), raw(t, second)
	tenth := func(wei *big.Int) *big.Int {
		return new(big.Int).Quo(new(big.Int).Mul(wei, big.NewInt(11)), big.NewInt(10))
	}
	if now.Nonce != old.Nonce || now.Fees.Tip.Cmp(tenth(old.Fees.Tip)) < 0 || now.Fees.Cap.Cmp(tenth(old.Fees.Cap)) < 0 {
		t.Errorf("nonce %d, tip %s, cap %s after nonce %d, tip %s, cap %s", now.Nonce, now.Fees.Tip, now.Fees.Cap, old.Nonce, old.Fees.Tip, old.Fees.Cap)
	}
	outputs, err := w.maker.Do(t.Context(), r, second)
	if err != nil {
		t.Fatal(err)
	}
	happened, found, err := w.maker.Probe(t.Context(), r, []kind.Prepared{first, second})
	if happened != kind.Yes || err != nil || found["hash"] != outputs["hash"] {
		t.Errorf("%s, %v, %v, want %v", happened, found, err, outputs)
	}
}

func TestAReplacementNeverCostsMoreThanThePlanAllows(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	r, first := w.stuck(env, nil)
	r.Earlier = []kind.Prepared{first}
	for range 30 {
		next, err := w.maker.Prepare(t.Context(), r)
		if err != nil {
			refused(t, err, "the fee moved", r.Step.Spend.Fee)
			return
		}
		tx := raw(t, next)
		cost := new(big.Int).Mul(tx.Fees.Cap, new(big.Int).SetUint64(tx.Gas))
		if allowed, _ := new(big.Int).SetString(r.Step.Spend.Fee, 10); cost.Cmp(allowed) > 0 {
			t.Fatalf("it may cost %s, the plan allows %s", cost, allowed)
		}
		r.Earlier = append(r.Earlier, next)
	}
	t.Error("thirty replacements, each an eighth dearer, and never too dear")
}

func TestAFeeOrGasAboveThePlansIsRefused(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	_, job, facts := w.byKey(env)
	for name, change := range map[string]func(*resource.Step){
		"the fee moved": func(s *resource.Step) {
			s.Spend = &resource.Spend{Network: fuji, From: s.Spend.From, Wei: "0", Fee: "1"}
		},
		"the plan allows": func(s *resource.Step) { s.Params["gas"] = "50000" },
	} {
		step := plan(t, job, facts, call.Deploy, "set")[0]
		change(&step)
		_, err := w.maker.Prepare(t.Context(), resolved(env, step))
		refused(t, err, name)
	}
	if w.signed != 0 {
		t.Errorf("%d signatures were made", w.signed)
	}
}

func TestPreparedBytesOfAnotherStepOrChainAreNeverSent(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	at, job, facts := w.byKey(env)
	steps := plan(t, job, facts, call.Deploy, "set")
	mine, err := w.maker.Prepare(t.Context(), resolved(env, steps[0]))
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string, value any) kind.Prepared {
		var record map[string]any
		if err := json.Unmarshal(mine, &record); err != nil {
			t.Fatal(err)
		}
		record[name] = value
		data, _ := json.Marshal(record)
		return data
	}
	for name, prepared := range map[string]kind.Prepared{
		"other calldata":     w.forge(mine, func(tx *chain.Transaction) { tx.Data = repoint(at, addressOf("evil")).Data }),
		"another contract":   w.forge(mine, func(tx *chain.Transaction) { tx.To = at.RoutingISM }),
		"a value":            w.forge(mine, func(tx *chain.Transaction) { tx.Value = big.NewInt(1) }),
		"another chain":      w.forge(mine, func(tx *chain.Transaction) { tx.ChainID++ }),
		"more gas":           w.forge(mine, func(tx *chain.Transaction) { tx.Gas = 500_000 }),
		"another nonce":      field("nonce", 77),
		"another hash":       field("hash", common.Hash{1}.Hex()),
		"another sender":     field("from", addressOf("bank").Hex()),
		"a Safe's":           field("safeTxHash", common.Hash{1}.Hex()),
		"no transaction":     kind.Prepared(`{"raw":"0x02"}`),
		"nothing of a shape": kind.Prepared(`[]`),
	} {
		for what, r := range map[string]kind.Resolved{"Do": resolved(env, steps[0])} {
			_, err := w.maker.Do(t.Context(), r, prepared)
			refused(t, err)
			if happened, _, err := w.maker.Probe(t.Context(), r, []kind.Prepared{prepared}); happened != kind.Unknown || err == nil {
				t.Errorf("%s, %s: probe says %s, %v", name, what, happened, err)
			}
		}
	}
	_, err = w.maker.Do(t.Context(), resolved(env, steps[1]), mine)
	refused(t, err, "not this step's")
	if nonce, _ := w.chain.Client().NonceAt(t.Context(), addressOf("owner-0"), nil); nonce != 0 {
		t.Errorf("%d transactions were sent", nonce)
	}
}

func TestOnlyAnOwnersKeyThatIsDeclaredSigns(t *testing.T) {
	t.Parallel()
	w, env := newWorld(t), environment()
	_, job, facts := w.byKey(env)
	pinned := environment()
	pinned.Pins["owner-0"] = addressOf("somebody").Hex()
	for words, r := range map[string]kind.Resolved{
		`no key "bank" of use owner`:      changed(env, job, facts, t, "sender", "bank"),
		`no key "nobody" of use owner`:    changed(env, job, facts, t, "sender", "nobody"),
		`no key "validator" of use owner`: changed(env, job, facts, t, "sender", "validator"),
		`no network "sepolia"`:            changed(env, job, facts, t, "network", "sepolia"),
		`states no fee`:                   changed(env, job, facts, t, "from", addressOf("owner-1").Hex()),
		`is no number`:                    changed(env, job, facts, t, "gas", "many"),
		`2 calls in one transaction`:      changed(env, job, facts, t, "calls", []any{map[string]any{"to": addressOf("a").Hex(), "data": "0x12345678"}, map[string]any{"to": addressOf("a").Hex(), "data": "0x12345678"}}),
		`holds no calls`:                  changed(env, job, facts, t, "calls", []any{}),
		`unknown field`:                   changed(env, job, facts, t, "callz", []any{}),
		`pins`:                            changed(pinned, job, facts, t, "gas", "400000"),
	} {
		_, err := w.maker.Prepare(t.Context(), r)
		refused(t, err, words)
	}
	if w.signed != 0 {
		t.Errorf("%d signatures were made", w.signed)
	}
}

func changed(env *config.Environment, job call.Job, facts []resource.Fact, t *testing.T, name string, to any) kind.Resolved {
	step := plan(t, job, facts, call.Deploy, "set")[0]
	step.Params[name] = to
	return resolved(env, step)
}

func TestWhoseCallItIsDecidesHowItIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.safe(nil)
	env := environment(s)
	undeclared := environment()
	at := w.hyperlane(addressOf("deployer"))
	for name, c := range map[string]struct {
		env   *config.Environment
		owner common.Address
		words string
	}{
		"a Safe that nobody declared": {undeclared, common.HexToAddress(s.Address), "a Safe that is not declared"},
		"somebody's account":          {env, addressOf("somebody"), "an account whose key is not held here"},
		"a bank's account":            {env, addressOf("bank"), "an account whose key is not held here"},
		"another contract":            {env, at.Mailbox, "a contract of unknown kind"},
		"nobody":                      {env, common.Address{}, "nobody"},
	} {
		id := ismID("sepolia")
		job := call.Job{ID: id, Terms: terms(env), Calls: []evm.Call{repoint(at, addressOf("old"))}, Op: "set", Gas: 200_000}
		steps, err := call.Steps(job, w.facts(c.env, id, c.owner))
		var put *resource.DeferredError
		if !errors.As(err, &put) || len(steps) > 0 {
			t.Errorf("%s: %v, %v, want it put off", name, steps, err)
			continue
		}
		for _, word := range []string{c.words, "nothing is sent", at.RoutingISM.Hex(), hexutil.Encode(job.Calls[0].Data)} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q lacks %q", name, err, word)
			}
		}
	}
}
