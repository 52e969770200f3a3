package validatorset_test

import (
	"crypto/ecdsa"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/validators/validatorstest"
)

// delivers reports whether fuji verifies a message of sepolia with the signatures
// of those who sign, as a relayer would put them together: by the chain's own word.
func (s *scene) delivers(m contractstest.Message, signing []string) (bool, string) {
	s.t.Helper()
	client := s.Chains["fuji"].Client()
	at := s.route("fuji", "sepolia")
	values, err := contractstest.Read(s.t.Context(), client, at, "validatorsAndThreshold(bytes)(address[],uint8)", m.Bytes)
	if err != nil {
		s.t.Fatal(err)
	}
	members, threshold := values[0].([]common.Address), int(values[1].(uint8))
	var keys []*ecdsa.PrivateKey
	for _, name := range signing {
		if key := validatorstest.AttestationKey(name, "sepolia"); len(keys) < threshold && slices.Contains(members, validatorstest.Address(key)) {
			keys = append(keys, validatorstest.Key(key))
		}
	}
	what := fmt.Sprintf("%d of %d sign, module %s", len(keys), threshold, at)
	signatures, err := m.Checkpoint.Signatures(keys...)
	if err != nil {
		s.t.Fatal(err)
	}
	ok, err := contractstest.Verify(s.t.Context(), client, s.Contracts["fuji"].DefaultISM, m.Checkpoint.MessageIDMetadata(signatures), m.Bytes)
	return err == nil && ok, what
}

// TestNoRotationEverPassesThroughFewerSignersThanAreAsked plays random rotations:
// sets of any size and threshold, of validators of whom some sign and some do
// not. Whatever is planned, after every single transaction the chain itself
// verifies a message with what the signing validators sign.
func TestNoRotationEverPassesThroughFewerSignersThanAreAsked(t *testing.T) {
	t.Parallel()
	s := start(t, validatorstest.Options{})
	random := rand.New(rand.NewPCG(4, 2))
	all := []string{"validator-0", "validator-1", "validator-2", "validator-3", "validator-4", "validator-5"}
	s.Announce("sepolia", all...)
	inForce := []string{"validator-0"}
	applied, refused := 0, 0
	for round := range 24 {
		set := some(random, all, 1+random.IntN(len(all)))
		threshold := 1 + random.IntN(len(set))
		s.Declare("sepolia", threshold, set...).Reason = "a rehearsal"
		m := s.Dispatch("sepolia", "fuji", fmt.Sprint("message ", round))
		// Whoever is asked now goes on signing; of the others some sign.
		var signing []string
		for _, name := range all {
			if slices.Contains(inForce, name) || random.IntN(3) > 0 {
				signing = append(signing, name)
			}
		}
		s.Attest("sepolia", signing...)
		must := func(when string) {
			t.Helper()
			if ok, what := s.delivers(m, signing); !ok {
				t.Fatalf("round %d, %s: the chain does not verify: %s; signing %v, declared %d of %v", round, when, what, signing, threshold, set)
			}
		}
		must("before")
		p := s.plan()
		if len(p.same) > 0 {
			continue
		}
		silent := slices.DeleteFunc(slices.Clone(set), func(name string) bool { return slices.Contains(signing, name) })
		if short := len(set)-len(silent) < threshold; short != slices.Contains(p.refusals(), "not-enough-live "+there) {
			t.Fatalf("round %d: %d of %d are silent, need %d, refused %v", round, len(silent), len(set), threshold, p.refusals())
		}
		// What the gate would refuse is tried all the same: the steps have a belt of
		// their own.
		moved := len(p.steps[there]) > 0
		for _, step := range p.steps[there] {
			if _, err := s.do(step); err != nil {
				moved = false
			}
			must("after " + step.Op)
		}
		gate := slices.ContainsFunc(p.findings, func(f resource.Finding) bool { return f.Severity == resource.Refuse })
		if moved == gate || gate != (len(silent) > 0) {
			t.Fatalf("round %d: silent %v, the gate refuses %v, and the steps went: %v", round, silent, p.refusals(), moved)
		}
		if refused++; moved {
			inForce, applied, refused = set, applied+1, refused-1
		}
		must("after all")
	}
	if applied < 5 || refused < 5 {
		t.Errorf("%d rotations were applied and %d refused: too few to show anything", applied, refused)
	}
}

func some(random *rand.Rand, all []string, n int) []string {
	list := slices.Clone(all)
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:n]
}
