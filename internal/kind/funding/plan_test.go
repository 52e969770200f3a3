package funding_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind/funding"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAWalletBelowItsFloorIsPaidByOneStepThatHoldsNoBalance(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold(relayer, milli(80)).hold(outside, milli(500))
	p := s.plan()
	got := p.steps[relayer]
	fee := new(big.Int).Lsh(big.NewInt(1), 51) // 31,500 gas at 51 gwei, up to a power of two
	want := []resource.Step{{
		Op: "transfer", ID: walletID(relayer), Lane: "fuji/bank",
		Params: resource.Attrs{
			"network": fuji, "bank": "bank", "from": addressOf("bank").Hex(), "to": addressOf(relayer).Hex(),
			"floor": milli(500).String(), "target": milli(2000).String(), "ceiling": milli(2000).String(),
		},
		Pre:         []resource.Precondition{{ID: walletID(relayer), Path: "balance.wei", Op: resource.AtMost, Value: new(big.Int).Sub(milli(500), big.NewInt(1)).String()}},
		Annotations: resource.Attrs{"say": []any{"balance 0.08 below floor 0.5 AVAX", "send ≤ 1.92 AVAX, then 2"}},
		Spend:       &resource.Spend{Network: fuji, From: "secret-key/us-west-2/bank", Wei: milli(2000).String(), Fee: fee.String()},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(p.steps) != 1 || len(p.findings) != 0 {
		t.Errorf("%d wallets paid, findings %v", len(p.steps), p.rules())
	}
	// What a plan covers by its digest does not change with the balance.
	again := newScene(t).hold(relayer, milli(81)).hold(outside, milli(500)).plan().steps[relayer]
	if diff := cmp.Diff(got[0].Params, again[0].Params); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got[0].Spend, again[0].Spend); diff != "" {
		t.Error(diff)
	}
}

func TestFromTheFloorUpNothingIsPaid(t *testing.T) {
	t.Parallel()
	for _, wei := range []*big.Int{milli(500), milli(501), milli(2000), milli(90_000)} {
		if p := newScene(t).hold(relayer, wei).hold(outside, milli(200)).plan(); len(p.steps) != 0 || len(p.findings) != 0 {
			t.Errorf("%s wei: %v, %v", wei, p.steps, p.rules())
		}
	}
}

func TestTheCapOnOneTransactionCountsItsFee(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold(outside, milli(500))
	s.env.Funding[0].CapTransaction = milli(1500)
	spend := s.plan().steps[relayer][0].Spend
	wei, _ := new(big.Int).SetString(spend.Wei, 10)
	fee, _ := new(big.Int).SetString(spend.Fee, 10)
	if sum := new(big.Int).Add(wei, fee); sum.Cmp(milli(1500)) != 0 {
		t.Errorf("%s and %s are %s, the cap is %s", wei, fee, sum, milli(1500))
	}
}

func TestFactsSayWhatThePlanRestsOn(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold(relayer, milli(80))
	s.readings[walletID(relayer)] = milli(100).String()
	p := s.plan()
	got := resource.FactsOf(p.seen.Facts, resource.ID{Kind: "network", Scope: fuji, Name: fuji})
	want := map[string]string{
		"block": "7:0x0000000000000000000000000000000000000000000000000000000000000007",
		"bank":  addressOf("bank").Hex(), "bank-balance": milli(100_000).String(), "bank-nonce": "0",
		"fee-per-transfer": new(big.Int).Lsh(big.NewInt(1), 51).String(), "tx-type": "1559",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = resource.FactsOf(p.seen.Facts, walletID(relayer))
	want = map[string]string{"last-reading": milli(100).String() + " 2026-11-20T12:00:00Z", "read-at": "2026-11-21T12:00:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestABankThatCannotPayAllIsRefusedWithHaveAndNeed(t *testing.T) {
	t.Parallel()
	s := newScene(t).hold("bank", milli(2500))
	p := s.plan()
	f := p.finding(t, "bank-short")
	if f.Severity != resource.Refuse || f.ID.Kind != "network" || f.ID.Name != fuji {
		t.Errorf("%+v", f)
	}
	contains(t, f.Reason, "bank bank "+addressOf("bank").Hex(), "balance 2.5 AVAX, needs 4.0045", "3 AVAX to send to 2 wallets", "0.004503 AVAX fees", "reserve 1 AVAX")
	contains(t, f.Hint, "send at least 1.5045", addressOf("bank").Hex(), "environments/staging/funding.cue:8")
	// Exactly enough is enough.
	fee := new(big.Int).Lsh(big.NewInt(1), 52)
	enough := new(big.Int).Add(milli(4000), fee)
	if p := newScene(t).hold("bank", enough).plan(); len(p.findings) != 0 || len(p.steps) != 2 {
		t.Errorf("%v", p.rules())
	}
	if p := newScene(t).hold("bank", new(big.Int).Sub(enough, big.NewInt(1))).plan(); len(p.findings) != 1 {
		t.Errorf("one wei short: %v", p.rules())
	}
}

func TestWhileATransactionOfTheBankIsInFlightNothingIsPaidAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fake.pending = 2
	p := s.plan()
	if diff := cmp.Diff([]string{"note in-flight fuji"}, p.rules()); diff != "" {
		t.Error(diff)
	}
	if len(p.steps) != 0 || len(p.deferred) != 2 {
		t.Errorf("%v", p.steps)
	}
	contains(t, p.deferred[relayer], "2 of the bank's transactions are in flight")
}

func TestAWalletThatLostMoreThanItsBurnIsAFindingAndNoCustomer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		last   *big.Int
		ago    time.Duration
		accept []config.Acknowledgement
		rules  []string
		paid   bool
	}{
		"within a day's burn and a day's grace": {milli(300), 24 * time.Hour, nil, []string{}, true},
		"one day's grace after a minute":        {milli(200), time.Minute, nil, []string{}, true},
		"a little more":                         {milli(301), 24 * time.Hour, nil, []string{"acknowledge burn-exceeded " + relayer}, false},
		"a clock that went back":                {milli(201), -time.Hour, nil, []string{"acknowledge burn-exceeded " + relayer}, false},
		"ten days":                              {milli(1200), 240 * time.Hour, nil, []string{}, true},
		"accepted by a reviewed line": {milli(900), time.Hour, []config.Acknowledgement{{Rule: "burn-exceeded", ID: walletID(relayer).String()}},
			[]string{"acknowledge burn-exceeded " + relayer}, true},
		"accepted until yesterday": {milli(900), time.Hour, []config.Acknowledgement{{Rule: "burn-exceeded", ID: walletID(relayer).String(), Expires: noon.Add(-24 * time.Hour)}},
			[]string{"acknowledge burn-exceeded " + relayer}, false},
		"accepted of another wallet": {milli(900), time.Hour, []config.Acknowledgement{{Rule: "burn-exceeded", ID: walletID(outside).String()}},
			[]string{"acknowledge burn-exceeded " + relayer}, false},
		"it gained": {milli(1), time.Hour, nil, []string{}, true},
	} {
		s := newScene(t).hold(relayer, milli(100)).hold(outside, milli(1000))
		s.readings[walletID(relayer)], s.readAt = test.last.String(), noon.Add(-test.ago)
		s.env.Governance.Acknowledged = test.accept
		p := s.plan()
		if diff := cmp.Diff(test.rules, p.rules()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if paid := len(p.steps[relayer]) > 0; paid != test.paid {
			t.Errorf("%s: paid %v, deferred %q", name, paid, p.deferred[relayer])
		}
	}
}

func TestAKeyWithoutAPinIsNotPaidWherePinsAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.env.Addresses = "pinned"
	p := s.plan()
	contains(t, p.deferred[relayer], relayer+" ("+addressOf(relayer).Hex()+") is not pinned in addresses.json")
	if len(p.steps[outside]) != 1 {
		t.Error("a stated address needs no pin")
	}
	s.env.Pins[relayer] = addressOf(relayer).Hex()
	if p := s.plan(); len(p.steps[relayer]) != 1 || len(p.findings) != 0 {
		t.Errorf("%v %v", p.deferred, p.rules())
	}
}

func TestAPinThatDiffersFromTheKeyIsRefusedInEveryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"pinned", "observed"} {
		for who, id := range map[string]string{relayer: relayer, "bank": fuji} {
			s := newScene(t).hold(relayer, milli(900)).hold(outside, milli(900)) // also where nothing is to be paid
			s.env.Addresses = mode
			s.env.Pins[relayer] = addressOf(relayer).Hex()
			s.env.Pins[who] = addressOf("thief").Hex()
			p := s.plan()
			if diff := cmp.Diff([]string{"refuse pin-mismatch " + id}, p.rules()); diff != "" {
				t.Errorf("%s: %s", who, diff)
			}
			contains(t, p.findings[0].Reason, addressOf(who).Hex(), addressOf("thief").Hex())
			if p = s.hold(relayer, milli(1)).plan(); len(p.steps[relayer]) != 0 {
				t.Errorf("%s: paid all the same", who)
			}
		}
	}
}

func TestTheAddressOfAKeyThatHasCodeIsNotPaidByItself(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.fake.code[addressOf(relayer)], s.fake.code[addressOf(outside)] = true, true
	p := s.plan()
	if diff := cmp.Diff([]string{"refuse recipient-has-code " + relayer}, p.rules()); diff != "" {
		t.Error(diff)
	}
	if len(p.steps[relayer]) != 0 || len(p.steps[outside]) != 1 {
		t.Error("the stated address was reviewed with its code, the key's was not")
	}
}

func TestOneAddressOfSeveralRolesIsFilledOnceToTheHighestTarget(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.env.Funding[0].Wallets[0].Address = addressOf(relayer).Hex() // outside, target 1
	p := s.plan()
	if len(p.steps) != 1 || len(p.steps[relayer]) != 1 {
		t.Fatalf("paid %v", p.steps)
	}
	if diff := cmp.Diff([]string{"note shared-address " + outside}, p.rules()); diff != "" {
		t.Error(diff)
	}
	// Between the floors only the one that is below its own is paid.
	s.hold(relayer, milli(300))
	if p := s.plan(); len(p.steps) != 1 || len(p.steps[relayer]) != 1 || len(p.findings) != 0 {
		t.Errorf("%v %v", p.steps, p.rules())
	}
	s.env.Funding[0].Wallets[0].Floor = milli(900)
	s.hold(relayer, milli(600))
	if p := s.plan(); len(p.steps) != 1 || len(p.steps[outside]) != 1 {
		t.Errorf("%v", p.steps)
	}
}

func TestAmountsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for rule, change := range map[string]func(*scene){
		"cap-below-floor":    func(s *scene) { s.env.Funding[0].CapTransaction = milli(500) },
		"target-below-floor": func(s *scene) { s.env.Funding[0].Wallets[1].Target = milli(400) },
		"fee-above-amount":   func(s *scene) { s.fake.fees.Cap, s.env.Funding[0].CapTransaction = big.NewInt(2e14), nil },
		"bank-pays-itself": func(s *scene) {
			s.env.Funding[0].Wallets[0].Address = addressOf("bank").Hex()
			s.env.Funding[0].Wallets[0].Floor = milli(900_000)
			s.env.Funding[0].Wallets[0].Target = milli(950_000)
		},
	} {
		s := newScene(t)
		change(s)
		if f := s.plan().finding(t, rule); f.Severity != resource.Refuse || f.Reason == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestAKeyThatDoesNotExistYetIsPaidInTheSamePlanOnceItsBankExists(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.lookup = func(ref resource.Ref) (string, bool) {
		if ref.ID.Name == relayer {
			return "", false
		}
		return lookup(ref)
	}
	p := s.plan()
	if len(p.seen.Owned) != 1 || len(p.steps[relayer]) != 1 {
		t.Fatalf("%v %v", p.seen.Owned, p.deferred)
	}
	if refs := p.steps[relayer][0].Params.Refs(); len(refs) != 1 || refs[0].ID.Name != relayer {
		t.Errorf("refs %v", refs)
	}
	s.lookup = func(resource.Ref) (string, bool) { return "", false }
	p = s.plan()
	if len(p.steps) != 0 || len(p.findings) != 0 {
		t.Errorf("%v %v", p.steps, p.rules())
	}
	contains(t, p.deferred[relayer], "the bank's key bank has no address yet")
}

func TestANetworkThatCannotBeReadIsUnreadAndTheOthersAreRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.env.Networks = append(s.env.Networks, config.Network{Name: "sepolia", ChainID: 11155111})
	s.env.Funding = append(s.env.Funding, config.Funding{Network: "sepolia", Bank: "bank", Wallets: []config.Wallet{{Name: relayer, Floor: milli(1), Target: milli(2)}}})
	p := s.plan()
	want := []resource.Unread{{Scope: "sepolia", Operation: "open", Cause: "sepolia: no network of this name"}}
	if diff := cmp.Diff(want, p.seen.Unread); diff != "" {
		t.Error(diff)
	}
	if len(p.seen.Owned) != 2 {
		t.Errorf("%d wallets read on the other network", len(p.seen.Owned))
	}
	s.lookup = func(resource.Ref) (string, bool) { return "0xnonsense", true }
	if p := s.plan(); len(p.seen.Unread) != 2 || p.seen.Unread[0].Operation != "addresses" {
		t.Errorf("%v", p.seen.Unread)
	}
	s.lookup = lookup
	s.fake.reads = kindtest.Dropped
	if p := s.plan(); len(p.seen.Unread) != 2 || p.seen.Unread[0].Scope != fuji || len(p.seen.Facts) != 0 || len(p.findings) != 0 {
		t.Errorf("%v", p.seen)
	}
}

func TestABankInAFileNeedsItsPin(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.env.Keys[0].Holder = "keystore"
	if _, err := s.kind.Declare(s.env); err == nil || !strings.Contains(err.Error(), "environments/staging/funding.cue:8") || !strings.Contains(err.Error(), "addresses.json") {
		t.Error(err)
	}
	s.env.Pins["bank"] = addressOf("bank").Hex()
	if p := s.plan(); len(p.steps) != 2 || p.steps[relayer][0].Spend.From != "keystore/local/bank" {
		t.Errorf("%v", p.steps)
	}
}

func TestDeclareNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*config.Environment){
		`no network of this name`:      func(e *config.Environment) { e.Networks = nil },
		`no key "bank" for the bank`:   func(e *config.Environment) { e.Keys = e.Keys[1:] },
		`no key "` + relayer:           func(e *config.Environment) { e.Keys = e.Keys[:1] },
		`floor and target are needed`:  func(e *config.Environment) { e.Funding[0].Wallets[0].Floor = nil },
		`funding of "fuji": no networ`: func(e *config.Environment) { e.Networks[0].Name = "other" },
	} {
		s := newScene(t)
		change(s.env)
		if _, err := s.kind.Declare(s.env); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := funding.New(funding.Options{}); err == nil {
		t.Error("made without networks")
	}
}
