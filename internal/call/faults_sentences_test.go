package call_test

import (
	"encoding/json"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

func TestWhenTheBaseFeeRisesTheStuckTransactionAndItsReplacementAreOneEffect(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.wire.sent = func() { p.base = raw(t, first).Fees.Cap.Uint64() * 3 / 2; p.run() }
	p.do(first, "stuck")
	p.notYet(first)
	p.r.Earlier = []kind.Prepared{first}
	second := p.prepare()
	if a, b := raw(t, first), raw(t, second); a.Nonce != b.Nonce || b.Fees.Cap.Uint64() < p.base {
		t.Errorf("nonce %d, then %d with a cap of %s at a base fee of %d", a.Nonce, b.Nonce, b.Fees.Cap, p.base)
	}
	p.do(second, "done")
	p.effects(1)
	p.making.Lock()
	p.base = 1 // the first would be cheap enough now
	p.making.Unlock()
	p.resend(first, second)
	p.probe(kind.Yes, first, second)
	p.effects(1)
}

func TestABaseFeeBeyondWhatThePlanAllowsEndsInNothing(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.wire.sent = func() { p.base = raw(t, first).Fees.Cap.Uint64() * 100; p.run() }
	p.do(first, "stuck")
	p.r.Earlier = []kind.Prepared{first}
	_, err := p.maker.Prepare(t.Context(), p.r)
	refused(t, err, "the fee moved")
	p.notYet(first)
	p.effects(0)
}

func TestWhatTheNodeDoesNotTakeAtTheBaseFeeOfNowIsMadeAnewAndHasOneEffect(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.base = raw(t, first).Fees.Cap.Uint64() * 3 / 2
	p.mine(1)
	p.do(first, "refused")
	p.probe(kind.No, first)
	second := p.prepare()
	p.run()
	p.do(second, "done")
	p.resend(first, second)
	p.effects(1)
}

func TestATransactionBehindAGapWaitsAndHasOneEffectOnceTheGapIsFilled(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	behind := p.forge(p.prepare(), func(tx *chain.Transaction) { tx.Nonce = 1 })
	p.run()
	p.do(behind, "stuck")
	p.probe(kind.Unknown, behind)
	p.effects(0)
	p.somebody(0, 100)
	p.do(behind, "done")
	p.resend(behind)
	p.probe(kind.Yes, behind)
	p.effects(1)
}

func TestATransactionThatSomebodyWithTheSameKeyReplacedNeverComes(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.wire.sent = func() { p.somebody(0, 6); p.run() }
	p.do(first, "stuck")
	p.mine(3)
	p.probe(kind.No, first)
	p.r.Earlier = []kind.Prepared{first}
	second := p.prepare() // its nonce is the first one's, whatever is known meanwhile
	err := p.do(second, "refused")
	refused(t, err, "replaced")
	p.resend(first, second)
	p.effects(0)
	p.r.Earlier = nil
	p.do(p.prepare(), "done")
	p.resend(first, second)
	p.effects(1)
}

func TestATransactionThatThePoolDroppedIsSentAgainAtItsNonce(t *testing.T) {
	t.Parallel()
	for name, hardfork := range map[string]string{"base fee": "", "legacy": "berlin"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dropped(t, hardfork)
		})
	}
}

func dropped(t *testing.T, hardfork string) {
	p := newPit(t, hardfork, 1)
	first := p.prepare()
	p.wire.sent = func() { p.tell("anvil_dropTransaction", hashIn(t, first)); p.run() }
	p.do(first, "stuck")
	p.probe(kind.No, first)
	p.effects(0)
	p.r.Earlier = []kind.Prepared{first}
	second := p.prepare()
	a, b := raw(t, first), raw(t, second)
	if a.Nonce != b.Nonce {
		t.Errorf("nonce %d, then %d: a peer may still have the first", a.Nonce, b.Nonce)
	}
	if least := new(big.Int).Mul(a.Fees.Ceiling(100), big.NewInt(11)); new(big.Int).Mul(b.Fees.Ceiling(100), big.NewInt(10)).Cmp(least) < 0 {
		t.Errorf("fees %+v, then %+v: no node takes it in the place of the first", a.Fees, b.Fees)
	}
	p.do(second, "done")
	p.resend(first, second)
	p.probe(kind.Yes, first, second)
	p.effects(1)
}

func TestABlockThatIsTakenBackBeforeItsConfirmationsIsNoSuccess(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 3)
	p.mine(5)
	first := p.prepare()
	p.wire.sent = func() { p.mine(1) }
	var once sync.Once
	p.wire.set(func(method string, answer map[string]json.RawMessage) {
		if method == "eth_getTransactionReceipt" && string(answer["result"]) != "null" {
			once.Do(func() { p.tell("anvil_reorg", 1, []any{}); p.run() }) // it was seen, and is gone
		}
	}, false)
	p.do(first, "stuck")
	p.effects(0)
	p.probe(kind.No, first)
	p.r.Earlier = []kind.Prepared{first}
	second := p.prepare()
	p.do(second, "done")
	p.resend(first, second)
	p.effects(1)
}

func TestWhatAReorganisationTookBackAfterAllIsNotThereAndComesOnce(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	var snapshot hexutil.Big
	if err := p.anvil.Client().CallContext(t.Context(), &snapshot, "evm_snapshot"); err != nil {
		t.Fatal(err)
	}
	p.wire.sent = func() { p.mine(3) }
	p.do(first, "done")
	p.effects(1)
	p.tell("evm_revert", &snapshot)
	p.effects(0)
	p.probe(kind.No, first)
	p.wire.sent = func() { p.mine(3) }
	p.do(first, "done")
	p.resend(first)
	p.probe(kind.Yes, first)
	p.effects(1)
}

func TestANodeOfAnotherChainIsSentNothing(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	signed := p.signed
	p.wire.set(saying("eth_chainId", `"0x1"`), false)
	p.network = p.open(chain.Options{Transport: p.wire}, p.anvil.URL())
	if prepared, err := p.maker.Prepare(t.Context(), p.r); err == nil || p.signed != signed {
		t.Errorf("%s, %d signatures: signed for a chain that is another", prepared, p.signed-signed)
	}
	p.do(first, "refused")
	p.probe(kind.Unknown, first)
	p.mine(3)
	p.effects(0)
}

func TestANodeThatShowsMoneyWhichIsNotThereLeadsToNothing(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.tell("anvil_setBalance", addressOf("owner-0"), "0x1")
	p.wire.set(saying("eth_getBalance", `"0xde0b6b3a7640000"`), false)
	p.do(first, "refused")
	p.mine(3)
	p.probe(kind.No, first)
	p.effects(0)
}

func TestWhileANodeKeepsWhatItSaysThatItRefusedNothingElseIsSent(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	p.wire.set(func(method string, answer map[string]json.RawMessage) {
		if method == "eth_sendRawTransaction" {
			delete(answer, "result")
			answer["error"] = json.RawMessage(`{"code":-32000,"message":"insufficient funds for gas * price + value"}`)
		}
	}, false)
	p.do(first, "refused")
	p.probe(kind.Unknown, first)
	_, err := p.maker.Prepare(t.Context(), p.r)
	refused(t, err, "in flight")
	p.mine(3)
	p.probe(kind.Yes, first)
	p.effects(1)
}

func TestOneHostsReceiptOfABlockThatIsNotThereIsNoSuccessWhereTwoMustAgree(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	p.network = p.open(chain.Options{Agree: true}, p.beside(p.wire), p.anvil.URL())
	p.maker.Timeout = 300 * time.Millisecond // nothing is mined, so whoever waits waits in vain
	first := p.prepare()
	p.wire.set(func(method string, answer map[string]json.RawMessage) {
		saying("eth_blockNumber", `"0xffff"`)(method, answer)
		saying("eth_getTransactionReceipt", `{"transactionHash":"`+hashIn(t, first).Hex()+`","status":"0x1","blockNumber":"0x1","blockHash":"`+hashIn(t, first).Hex()+`","gasUsed":"0x5208","effectiveGasPrice":"0x1"}`)(method, answer)
	}, false)
	p.do(first, "unknown")
	p.probe(kind.Unknown, first)
	p.effects(0)
	p.wire.set(nil, false)
	p.maker.Timeout = 30 * time.Second
	p.mine(3)
	p.probe(kind.Yes, first)
	p.do(first, "done")
	p.effects(1)
}

func TestABatchThatIsCutShortIsNoAnswer(t *testing.T) {
	t.Parallel()
	p := newPit(t, "", 1)
	first := p.prepare()
	signed := p.signed
	p.wire.set(nil, true)
	if prepared, err := p.maker.Prepare(t.Context(), p.r); err == nil || p.signed != signed {
		t.Errorf("%s, %d signatures: made of an answer of which a part is missing", prepared, p.signed-signed)
	}
	p.maker.Timeout = 300 * time.Millisecond
	p.do(first, "unknown") // it has arrived, and nobody says so
	p.probe(kind.Unknown, first)
	p.wire.set(nil, false)
	p.maker.Timeout = 30 * time.Second
	p.probe(kind.Unknown, first)
	p.mine(3)
	p.probe(kind.Yes, first)
	p.do(first, "done")
	p.resend(first)
	p.effects(1)
}

func TestACallIsMadeOnALegacyChain(t *testing.T) {
	t.Parallel()
	p := newPit(t, "berlin", 1)
	first := p.prepare()
	if fees := raw(t, first).Fees; fees.Type != chain.TypeLegacy || fees.Price.Sign() <= 0 {
		t.Errorf("%+v on a chain without a base fee", fees)
	}
	p.run()
	p.do(first, "done")
	p.resend(first)
	p.probe(kind.Yes, first)
	p.effects(1)
}
