package funding_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

// resolved is the step of one wallet, as apply hands it over.
func (s *scene) resolved(name string) kind.Resolved {
	s.t.Helper()
	p := s.plan()
	if len(p.steps[name]) != 1 {
		s.t.Fatalf("%s: no step: %s %v", name, p.deferred[name], p.rules())
	}
	return kind.Resolved{Step: p.steps[name][0], Intent: "intent-1", Environment: s.env}
}

func notAccepted(err error) bool {
	var refused *kind.NotAcceptedError
	return errors.As(err, &refused)
}

type prepared struct {
	Raw    hexutil.Bytes `json:"raw"`
	Hash   string        `json:"hash"`
	Nonce  uint64        `json:"nonce"`
	Amount string        `json:"amount"`
	From   string        `json:"from"`
	To     string        `json:"to"`
}

func TestPrepareDecidesTheAmountFromTheBalanceOfNow(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold(relayer, milli(80)).hold(outside, milli(500))
	r := s.resolved(relayer)
	s.hold(relayer, milli(400)) // somebody sent a little since the plan
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var tx prepared
	if err := json.Unmarshal(data, &tx); err != nil {
		t.Fatal(err)
	}
	if tx.Amount != milli(1600).String() || tx.To != strings.ToLower(addressOf(relayer).Hex()) || tx.From != strings.ToLower(addressOf("bank").Hex()) {
		t.Errorf("%+v", tx)
	}
	if s.fake.nonce != 0 {
		t.Error("prepare sent something")
	}
	outputs, err := s.kind.Do(t.Context(), r, data)
	if err != nil {
		t.Fatal(err)
	}
	spent := new(big.Int).Add(milli(1600), big.NewInt(26e9*21_000))
	for name, want := range map[string]string{"to": addressOf(relayer).Hex(), "amount": milli(1600).String(), "spent": spent.String(), "hash": tx.Hash, "nonce": "0", "block": "8"} {
		if outputs[name] != want {
			t.Errorf("output %s is %q, want %q", name, outputs[name], want)
		}
	}
	if s.fake.of(addressOf(relayer)).Cmp(milli(2000)) != 0 {
		t.Errorf("it holds %s", s.fake.of(addressOf(relayer)))
	}
}

func TestAWalletThatSomebodyFilledNeedsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.resolved(relayer)
	s.hold(relayer, milli(500))
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil || !data.IsNothing() {
		t.Errorf("%s %v", data, err)
	}
}

func TestPrepareRefusesWhateverSpeaksAgainstPayingNow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*scene, *kind.Resolved)
		says   string
	}{
		"a transaction in flight": {func(s *scene, _ *kind.Resolved) { s.fake.pending = 1 }, "1 transactions of bank"},
		"a fee beyond the plan's": {func(s *scene, _ *kind.Resolved) {
			s.fake.fees.Cap, s.fake.fees.Least = big.NewInt(5e11), big.NewInt(4e11)
		}, "the fee moved"},
		"code at a key's address": {func(s *scene, _ *kind.Resolved) { s.fake.code[addressOf(relayer)] = true }, "has code"},
		"a bank without money":    {func(s *scene, _ *kind.Resolved) { s.hold("bank", milli(1400)) }, "needs 3.00"},
		"a bank at its reserve":   {func(s *scene, _ *kind.Resolved) { s.hold("bank", milli(1000)) }, "reserve 1 AVAX"},
		"a pin that came since":   {func(s *scene, _ *kind.Resolved) { s.env.Pins[relayer] = addressOf("thief").Hex() }, "addresses.json pins " + addressOf("thief").Hex()},
		"another pin of the bank": {func(s *scene, _ *kind.Resolved) { s.env.Pins["bank"] = addressOf("thief").Hex() }, "addresses.json pins"},
		"pins, and none":          {func(s *scene, _ *kind.Resolved) { s.env.Addresses = "pinned" }, "is not pinned"},
		"another target":          {func(_ *scene, r *kind.Resolved) { r.Step.Params["target"] = milli(2500).String() }, "other levels"},
		"another ceiling":         {func(_ *scene, r *kind.Resolved) { r.Step.Params["ceiling"] = milli(2900).String() }, "its parameters say"},
		"another bank":            {func(_ *scene, r *kind.Resolved) { r.Step.Params["bank"] = relayer }, "declares no funding"},
		"another network":         {func(_ *scene, r *kind.Resolved) { r.Step.Params["network"] = "sepolia" }, "sepolia"},
		"another wallet":          {func(_ *scene, r *kind.Resolved) { r.Step.ID.Name = "nobody" }, "declares no such wallet"},
		"a parameter too many":    {func(_ *scene, r *kind.Resolved) { r.Step.Params["data"] = "0x00" }, "unknown field"},
		"the zero address":        {func(_ *scene, r *kind.Resolved) { r.Step.Params["to"] = "0x0000000000000000000000000000000000000000" }, "is no payment"},
		"the bank itself":         {func(_ *scene, r *kind.Resolved) { r.Step.Params["to"] = addressOf("bank").Hex() }, "is no payment"},
		"no spend":                {func(_ *scene, r *kind.Resolved) { r.Step.Spend = nil }, "no spend"},
		"a negative floor":        {func(_ *scene, r *kind.Resolved) { r.Step.Params["floor"] = "-1" }, "is not an amount"},
	} {
		s := newScene(t)
		r := s.resolved(relayer)
		r.Step.Params = r.Step.Params.Clone()
		test.change(s, &r)
		data, err := s.kind.Prepare(t.Context(), r)
		if err == nil || !notAccepted(err) || !strings.Contains(err.Error(), test.says) || data != nil {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestAStatedAddressIsPaidAndNoOther(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.resolved(outside)
	r.Step.Params = r.Step.Params.Clone()
	r.Step.Params["to"] = addressOf("thief").Hex()
	if _, err := s.kind.Prepare(t.Context(), r); err == nil || !strings.Contains(err.Error(), "the environment states the address "+addressOf(outside).Hex()) {
		t.Error(err)
	}
}

func TestTheFeeIsHeldBelowThePlansEvenWhenGasRises(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold(outside, milli(500))
	r := s.resolved(relayer)
	s.fake.fees.Cap = big.NewInt(3e11) // more than the plan's ceiling, but the next block needs less
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.kind.Do(t.Context(), r, data); err != nil {
		t.Fatal(err)
	}
}

func TestASignerOfAnotherAddressPaysNothing(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(context.Context) (funding.Signer, error){
		"a signer that says so": func(ctx context.Context) (funding.Signer, error) {
			return signer(ctx, config.Key{Name: "thief"}, addressOf("thief"))
		},
		"a signer that lies": func(ctx context.Context) (funding.Signer, error) {
			return signer(ctx, config.Key{Name: "thief"}, addressOf("bank"))
		},
		"no signer": func(context.Context) (funding.Signer, error) {
			return nil, errors.New("kms is away")
		},
	} {
		s := newScene(t)
		r := s.resolved(relayer)
		o := options(s.fake.place())
		o.Signer = func(ctx context.Context, _ config.Key, _ common.Address) (funding.Signer, error) { return wrong(ctx) }
		if data, err := newKind(t, o).Prepare(t.Context(), r); err == nil || data != nil {
			t.Errorf("%s: %s %v", name, data, err)
		}
	}
}

func TestBytesThatAreNotThisPaymentAreNeverSent(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	mine, theirs := s.resolved(relayer), s.resolved(outside)
	good, err := s.kind.Prepare(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.kind.Prepare(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(change func(map[string]any)) kind.Prepared {
		var object map[string]any
		if err := json.Unmarshal(good, &object); err != nil {
			t.Fatal(err)
		}
		change(object)
		data, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, data := range map[string]kind.Prepared{
		"another wallet's":  other,
		"another amount":    spoil(func(o map[string]any) { o["amount"] = "1" }),
		"another hash":      spoil(func(o map[string]any) { o["hash"] = "0x" + strings.Repeat("0", 64) }),
		"another nonce":     spoil(func(o map[string]any) { o["nonce"] = 4 }),
		"no bytes":          spoil(func(o map[string]any) { o["raw"] = "0x" }),
		"no JSON":           kind.Prepared("what"),
		"nothing, said so":  kind.Nothing(),
		"more than allowed": s.over(mine),
	} {
		if _, err := s.kind.Do(t.Context(), mine, data); !notAccepted(err) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		if happened, _, err := s.kind.Probe(t.Context(), mine, []kind.Prepared{data}); happened != kind.Unknown || err == nil {
			t.Errorf("%s: probe says %s, %v", name, happened, err)
		}
	}
	if s.fake.nonce != 0 {
		t.Error("something was sent")
	}
}

// over is a payment of the right parties above the ceiling.
func (s *scene) over(r kind.Resolved) kind.Prepared {
	s.t.Helper()
	sign, err := signer(s.t.Context(), config.Key{Name: "bank"}, addressOf("bank"))
	if err != nil {
		s.t.Fatal(err)
	}
	tx, err := sign.Sign(s.t.Context(), chain.Transfer{ChainID: 43113, To: addressOf(relayer), Value: milli(2001), Gas: 21_000, Fees: s.fake.fees})
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := json.Marshal(prepared{Raw: tx.Raw, Hash: tx.Hash.Hex(), Amount: milli(2001).String(), From: addressOf("bank").Hex(), To: addressOf(relayer).Hex()})
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func TestANonceThatSomebodyUsedProvesThatNothingWasPaid(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.resolved(relayer)
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	s.fake.nonce = 1
	if _, err := s.kind.Do(t.Context(), r, data); !notAccepted(err) {
		t.Errorf("%v", err)
	}
	if happened, _, err := s.kind.Probe(t.Context(), r, []kind.Prepared{data}); happened != kind.No || err != nil {
		t.Errorf("%s %v", happened, err)
	}
	// A new try is a new transaction of the next nonce.
	if data, err = s.kind.Prepare(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.kind.Do(t.Context(), r, data); err != nil {
		t.Error(err)
	}
}

func TestATransactionThatIsStuckIsUnknownAndNotPaidAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.resolved(relayer)
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	o := options(s.fake.place())
	o.Timeout = time.Millisecond
	o.Networks = func(string) (funding.Network, error) { return &stuck{s.fake}, nil }
	k := newKind(t, o)
	if happened, _, err := k.Probe(t.Context(), r, []kind.Prepared{data}); happened != kind.Unknown || err != nil {
		t.Errorf("%s %v", happened, err)
	}
	if _, err := k.Do(t.Context(), r, data); err == nil || notAccepted(err) {
		t.Errorf("%v, want doubt", err)
	}
}

// stuck is a network that has the transaction and never mines it.
type stuck struct{ *fake }

func (*stuck) Send(context.Context, []byte) error { return nil }

func (*stuck) Fate(context.Context, common.Address, uint64, common.Hash) (chain.Fate, chain.Receipt, error) {
	return chain.Waiting, chain.Receipt{}, nil
}

func TestAmountsNeverPassTheirBounds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	amount := func(most uint64) *big.Int {
		return new(big.Int).Mul(new(big.Int).SetUint64(random.Uint64N(most)), big.NewInt(1e12))
	}
	paid := 0
	for range 1500 {
		s := newScene(t)
		f := &s.env.Funding[0]
		f.Wallets = f.Wallets[1:]
		w := &f.Wallets[0]
		w.BurnPerDay = nil
		w.Floor = new(big.Int).Add(amount(1e6), big.NewInt(1))
		w.Target = new(big.Int).Add(w.Floor, new(big.Int).Add(amount(2e6), big.NewInt(1)))
		f.Reserve = amount(1e6)
		if f.CapTransaction = amount(4e6); random.IntN(4) == 0 {
			f.CapTransaction = nil
		}
		s.hold("bank", amount(6e6)).hold(relayer, amount(1e6))
		steps := s.plan().steps[relayer]
		if len(steps) == 0 {
			continue
		}
		r := kind.Resolved{Step: steps[0], Environment: s.env}
		// The world moves between plan and apply.
		s.hold("bank", amount(6e6)).hold(relayer, amount(1e6))
		s.fake.fees.Cap = new(big.Int).SetUint64(3e10 + random.Uint64N(2e11))
		wallet, bank := s.fake.of(addressOf(relayer)), s.fake.of(addressOf("bank"))
		data, err := s.kind.Prepare(t.Context(), r)
		if err != nil || data.IsNothing() {
			if s.fake.nonce != 0 || err != nil && !notAccepted(err) {
				t.Fatal(err)
			}
			continue
		}
		var tx prepared
		if err := json.Unmarshal(data, &tx); err != nil {
			t.Fatal(err)
		}
		value, _ := new(big.Int).SetString(tx.Amount, 10)
		ceiling, _ := new(big.Int).SetString(steps[0].Spend.Wei, 10)
		after := new(big.Int).Add(wallet, value)
		left := new(big.Int).Sub(bank, value)
		switch {
		case value.Sign() <= 0, value.Cmp(ceiling) > 0:
			t.Fatalf("pays %s, the ceiling is %s", value, ceiling)
		case f.CapTransaction != nil && value.Cmp(f.CapTransaction) >= 0:
			t.Fatalf("pays %s, fee apart, the cap is %s", value, f.CapTransaction)
		case after.Cmp(w.Target) > 0, after.Cmp(w.Floor) < 0:
			t.Fatalf("lifts %s to %s, between %s and %s was asked", wallet, after, w.Floor, w.Target)
		case left.Cmp(f.Reserve) < 0:
			t.Fatalf("leaves %s in the bank, the reserve is %s", left, f.Reserve)
		}
		if _, err := s.kind.Do(t.Context(), r, data); err != nil {
			t.Fatal(err)
		}
		if s.fake.of(addressOf("bank")).Cmp(f.Reserve) < 0 {
			t.Fatalf("the bank holds %s, its reserve is %s", s.fake.of(addressOf("bank")), f.Reserve)
		}
		paid++
	}
	if paid < 200 {
		t.Errorf("only %d payments were made: this shows little", paid)
	}
}

func TestARefusedTransferIsKnownAsNotAccepted(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := s.resolved(relayer)
	data, err := s.kind.Prepare(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	s.hold("bank", milli(1))
	if _, err := s.kind.Do(t.Context(), r, data); !notAccepted(err) {
		t.Errorf("%v", err)
	}
	s.fake.writes = kindtest.Dropped
	if _, err := s.kind.Do(t.Context(), r, data); err == nil || notAccepted(err) {
		t.Errorf("%v, want doubt", err)
	}
	if happened, _, err := s.kind.Probe(t.Context(), r, []kind.Prepared{data}); happened != kind.No || err != nil {
		t.Errorf("%s %v", happened, err)
	}
	s.fake.reads = kindtest.Dropped
	if happened, _, err := s.kind.Probe(t.Context(), r, []kind.Prepared{data}); happened != kind.Unknown || err == nil {
		t.Errorf("%s %v", happened, err)
	}
}
