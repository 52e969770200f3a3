package safe_test

import (
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

func TestTheSlotsAreThoseOfTheirNames(t *testing.T) {
	t.Parallel()
	for name, slot := range map[string]string{
		"guard_manager.guard.address": safe.GuardSlot, "module_manager.module_guard.address": safe.ModuleGuardSlot, "fallback_manager.handler.address": safe.FallbackSlot,
	} {
		if have := crypto.Keccak256Hash([]byte(name)).Hex(); have != slot {
			t.Errorf("%s: %s, need %s", name, slot, have)
		}
	}
}

func TestARealSafeIsReadWithWhatIsBehindIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys, owners := people(t, 3)
	at := w.make(owners, 2, 1)
	fresh := w.read(at)
	if diff := cmp.Diff(safe.State{
		Proxy: fresh.Proxy, Version: "1.4.1", Singleton: contractstest.SafeSingleton, Owners: owners, Threshold: 2,
		Modules: []common.Address{}, FallbackHandler: contractstest.SafeFallbackHandler,
	}, fresh); diff != "" {
		t.Error(diff)
	}
	for what, hash := range map[string]common.Hash{
		"1.4.1 proxy": fresh.Proxy, "1.4.1 Safe": evm.CodeHash(w.ask([]evm.Question{fresh.SingletonQuestion()})[0].Data),
		"1.4.1 SafeL2": evm.CodeHash(w.state.GetCode(contractstest.SafeL2Singleton)), "1.4.1 MultiSendCallOnly": evm.CodeHash(w.state.GetCode(multiSend)),
		"1.4.1 CompatibilityFallbackHandler": evm.CodeHash(w.state.GetCode(contractstest.SafeFallbackHandler)),
	} {
		if version, kind, ok := safe.Published(hash); !ok || version+" "+kind != what {
			t.Errorf("%s is published as %s %s (%v)", what, version, kind, ok)
		}
	}
	// Modules and guards are found, and more of them than are read.
	module := func(i int) common.Address { return common.Address{0xee, byte(i)} }
	var calls []evm.Call
	for i := range 50 {
		calls = append(calls, evm.MustMethod("enableModule(address)").Call(at, module(i)))
	}
	run := func(calls ...evm.Call) {
		t.Helper()
		tx, err := safe.Batch(multiSend, calls, w.read(at).Nonce)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.execute(at, tx, keys[:2]...); err != nil {
			t.Fatal(err)
		}
	}
	run(calls...)
	if s := w.read(at); len(s.Modules) != 50 || s.MoreModules || s.Modules[0] != module(49) || s.Nonce != 1 {
		t.Errorf("%d modules, more %v, nonce %d", len(s.Modules), s.MoreModules, s.Nonce)
	}
	run(evm.MustMethod("enableModule(address)").Call(at, module(50)), evm.MustMethod("setFallbackHandler(address)").Call(at, common.Address{}))
	if s := w.read(at); len(s.Modules) != 50 || !s.MoreModules || s.FallbackHandler != (common.Address{}) {
		t.Errorf("%d modules, more %v, fallback handler %s", len(s.Modules), s.MoreModules, s.FallbackHandler)
	}
	w.state.SetState(at, common.HexToHash(safe.GuardSlot), common.BytesToHash(module(1).Bytes()))
	w.state.SetState(at, common.HexToHash(safe.ModuleGuardSlot), common.BytesToHash(module(2).Bytes()))
	if s := w.read(at); s.Guard != module(1) || s.ModuleGuard != module(2) {
		t.Errorf("guards %s and %s", s.Guard, s.ModuleGuard)
	}
}

// answers are those of a plain Safe, each of which a test may spoil.
func answers(t testing.TB) []evm.Result {
	t.Helper()
	w := newWorld(t)
	_, owners := people(t, 3)
	return w.ask(safe.Questions(w.make(owners, 2, 1)))
}

func output(t testing.TB, types string, values ...any) evm.Result {
	t.Helper()
	data, err := evm.MustMethod("f(" + types + ")").Pack(values...)
	if err != nil {
		t.Fatal(err)
	}
	return evm.Result{Data: data[4:]}
}

func TestASafeThatContradictsItselfIsNotRead(t *testing.T) {
	t.Parallel()
	good := answers(t)
	huge := new(big.Int).Lsh(big.NewInt(1), 64)
	a, b := common.Address{0xa}, common.Address{0xb}
	owners := func(all ...common.Address) evm.Result { return output(t, "address[]", all) }
	modules := func(next common.Address, all ...common.Address) evm.Result {
		return output(t, "address[],address", all, next)
	}
	word := func(b byte) evm.Result { return evm.Result{Data: append([]byte{b}, make([]byte, 31)...)} }
	for name, c := range map[string]struct {
		at   int
		r    evm.Result
		want string
	}{
		"no code":             {0, evm.Result{}, "there is no contract"},
		"version reverts":     {1, evm.Result{Reverted: true}, "VERSION(): reverts"},
		"version is empty":    {1, output(t, "string", ""), "is no version"},
		"version is a line":   {1, output(t, "string", "1.4.1\n\x1b[2J"), `"1.4.1\n\x1b[2J" is no version`},
		"no owner":            {2, owners(), "there is no owner"},
		"sentinel owner":      {2, owners(a, b, safe.Sentinel()), "head of the list"},
		"owner twice":         {2, owners(a, b, a), "an owner twice"},
		"fewer than needed":   {2, owners(a), "threshold 2 of 1 owners"},
		"no threshold":        {3, output(t, "uint256", big.NewInt(0)), "threshold 0 of 3 owners"},
		"threshold is huge":   {3, output(t, "uint256", huge), "is too large"},
		"nonce is huge":       {4, output(t, "uint256", huge), "is too large"},
		"module twice":        {5, modules(safe.Sentinel(), a, a), "which cannot be"},
		"module is zero":      {5, modules(safe.Sentinel(), common.Address{}), "which cannot be"},
		"module is sentinel":  {5, modules(a, safe.Sentinel()), "which cannot be"},
		"modules without end": {5, modules(common.Address{}), "never set up"},
		"too many modules":    {5, modules(safe.Sentinel(), make([]common.Address, 51)...), "51 modules in a page of 50"},
		"singleton":           {6, word(1), "singleton: the word"},
		"guard":               {7, word(1), "guard: the word"},
		"module guard":        {8, evm.Result{Data: []byte{1}}, "module guard: the word"},
		"fallback handler":    {9, evm.Result{Reverted: true}, "fallback handler: the word"},
	} {
		results := slices.Clone(good)
		results[c.at] = c.r
		if s, err := safe.Read(results); err == nil || !strings.Contains(err.Error(), c.want) || s.Version != "" {
			t.Errorf("%s: %+v, %v; need %q", name, s, err, c.want)
		}
	}
	if _, err := safe.Read(good[:9]); err == nil {
		t.Error("a list cut short is read")
	}
	if _, err := safe.Read(good); err != nil {
		t.Error(err)
	}
}

func TestThePublishedContractsAreTheMeasure(t *testing.T) {
	t.Parallel()
	seen := map[common.Hash]bool{}
	for _, c := range safe.Contracts() {
		if seen[c.CodeHash] || safe.CheckVersion(c.Version) != nil || (len(c.Addresses) == 0) != (c.Kind == safe.KindProxy) {
			t.Errorf("%+v", c)
		}
		seen[c.CodeHash] = true
	}
	if _, _, ok := safe.Published(evm.CodeHash(nil)); ok {
		t.Error("no code at all is published")
	}
	for at, kind := range map[common.Address]string{
		contractstest.SafeSingleton: safe.KindSafe, contractstest.SafeL2Singleton: safe.KindSafeL2, multiSend: safe.KindMultiSend, contractstest.SafeFallbackHandler: safe.KindHandler,
	} {
		found := slices.ContainsFunc(safe.Contracts(), func(c safe.Contract) bool {
			return c.Kind == kind && c.Version == "1.4.1" && slices.Contains(c.Addresses, at)
		})
		if !found {
			t.Errorf("%s is not where %s 1.4.1 lies", at, kind)
		}
	}
}

func TestSignaturesStandInTheOrderOfTheirSigners(t *testing.T) {
	t.Parallel()
	keys, owners := people(t, 5)
	hash := common.Hash{1}
	by := sign(t, hash, keys...)
	joined, err := safe.Signatures(hash, by)
	if err != nil || len(joined) != 5*65 {
		t.Fatalf("%d bytes, %v", len(joined), err)
	}
	slices.SortFunc(owners, common.Address.Cmp)
	for i, owner := range owners {
		signature := joined[65*i : 65*i+65]
		if signature[64] != 27 && signature[64] != 28 {
			t.Errorf("v is %d", signature[64])
		}
		signature[64] -= 27
		key, err := crypto.SigToPub(hash[:], signature)
		if err != nil || crypto.PubkeyToAddress(*key) != owner {
			t.Errorf("%d is not by %s: %v", i, owner, err)
		}
	}
	lifted := by[owners[0]]
	lifted[64] += 27
	if one, err := safe.Signatures(hash, map[common.Address][65]byte{owners[0]: lifted}); err != nil || one[64] != lifted[64] {
		t.Errorf("27 and 28 are not taken: %v", err)
	}
	if _, err := safe.Signatures(hash, map[common.Address][65]byte{owners[0]: by[owners[1]]}); err == nil || !strings.Contains(err.Error(), "recovers to "+owners[1].Hex()) {
		t.Errorf("another's signature: %v", err)
	}
	for _, v := range []byte{2, 26, 29, 31, 255} {
		odd := by[owners[0]]
		odd[64] = v
		if _, err := safe.Signatures(hash, map[common.Address][65]byte{owners[0]: odd}); err == nil {
			t.Errorf("v %d is taken", v)
		}
	}
}

func TestOnlyTheSafesOwnWordIsSuccess(t *testing.T) {
	t.Parallel()
	at, hash := common.Address{1}, common.Hash{2}
	success, failure := crypto.Keccak256Hash([]byte("ExecutionSuccess(bytes32,uint256)")), crypto.Keccak256Hash([]byte("ExecutionFailure(bytes32,uint256)"))
	word := make([]byte, 32)
	now := func(of common.Hash, topic common.Hash, by common.Address) *types.Log {
		return &types.Log{Address: by, Topics: []common.Hash{topic, of}, Data: word}
	}
	old := &types.Log{Address: at, Topics: []common.Hash{success}, Data: append(hash.Bytes(), word...)}
	for name, c := range map[string]struct {
		logs []*types.Log
		want string
	}{
		"1.4.1":     {[]*types.Log{nil, {Address: at}, now(hash, success, at)}, ""},
		"1.3.0":     {[]*types.Log{old}, ""},
		"failure":   {[]*types.Log{now(hash, failure, at)}, "failed inside"},
		"another's": {[]*types.Log{now(common.Hash{3}, success, at)}, "none of 1 logs"},
		"elsewhere": {[]*types.Log{now(hash, success, common.Address{2})}, "none of 1 logs"},
		"odd":       {[]*types.Log{{Address: at, Topics: []common.Hash{success, hash}}, {Address: at, Topics: []common.Hash{success}, Data: hash.Bytes()}}, "none of 2 logs"},
		"none":      {nil, "none of 0 logs"},
	} {
		err := safe.Succeeded(at, hash, c.logs)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, need %q", name, err, c.want)
		}
	}
}

func TestAFailureInsideIsNoSuccess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keys, owners := people(t, 1)
	at := w.make(owners, 1, 1)
	// The Safe has no coin to send; with gas of its own the transaction goes on.
	hash, logs, err := w.execute(at, safe.Tx{To: common.Address{7}, Value: big.NewInt(1), SafeTxGas: big.NewInt(50_000)}, keys...)
	if err != nil {
		t.Fatal(err)
	}
	if err := safe.Succeeded(at, hash, logs); err == nil || !strings.Contains(err.Error(), "its nonce is used") {
		t.Error(err)
	}
	if n := w.read(at).Nonce; n != 1 {
		t.Errorf("nonce %d", n)
	}
}

func TestTheKindOfAnOwnerIsSeenInItsAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, owners := people(t, 3)
	at, router := w.make(owners, 2, 1), common.Address{0x1c}
	none := evm.Result{Reverted: true}
	with := func(code []byte, delay, owner evm.Result) []evm.Result {
		return []evm.Result{{Data: code}, none, none, none, delay, owner}
	}
	code := []byte{0x60, 0x80}
	impostor := w.ask(safe.OwnerQuestions(at))
	impostor[3] = output(t, "uint256", big.NewInt(0))
	for name, c := range map[string]struct {
		results []evm.Result
		want    safe.OwnerKind
	}{
		"a key":                 {w.ask(safe.OwnerQuestions(common.Address{0x77})), safe.OwnerEOA},
		"a key with a delegate": {with(append([]byte{0xef, 1, 0}, make([]byte, 20)...), none, none), safe.OwnerEOA},
		"a Safe":                {w.ask(safe.OwnerQuestions(at)), safe.OwnerSafe},
		"a broken Safe":         {impostor, safe.OwnerContract},
		"a timelock":            {with(code, output(t, "uint256", big.NewInt(60)), none), safe.OwnerTimelock},
		"an account from afar":  {with(code, none, output(t, "address", router)), safe.OwnerICA},
		"somebody's contract":   {with(code, none, output(t, "address", owners[0])), safe.OwnerContract},
		"nobody's contract":     {with(code, none, output(t, "address", common.Address{})), safe.OwnerContract},
		"MultiSendCallOnly":     {w.ask(safe.OwnerQuestions(multiSend)), safe.OwnerContract},
	} {
		if have, err := safe.KindOfOwner(c.results, router, common.Address{}); err != nil || have != c.want {
			t.Errorf("%s is %q (%v), need %q", name, have, err, c.want)
		}
	}
	if kind, err := safe.KindOfOwner(nil); err == nil {
		t.Errorf("no answer at all is %s", kind)
	}
	if kind, err := safe.KindOfOwner(with(nil, none, none)[1:]); err == nil {
		t.Errorf("too few answers are %s", kind)
	}
}

func TestAnExecutionWithoutDataOrSignaturesIsStillWellFormed(t *testing.T) {
	t.Parallel()
	c, err := safe.Exec(self, safe.Tx{To: ism}, nil)
	if err != nil || c.To != self {
		t.Fatalf("%+v, %v", c, err)
	}
	m := evm.MustMethod("execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)")
	if args, ok := m.Arguments(c.Data); !ok || args[0] != ism {
		t.Errorf("%v (%v)", args, ok)
	}
}
