package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// guards are two validators of ours, whose keys are there.
const guards = `agents: validator: {instances: 2, networks: ["north"]}
funding: north: roles: validator: {floor: "0.1", target: "0.4"}
`

func TestADestinationAsksForWhatValidatorsHavePublished(t *testing.T) {
	t.Parallel()
	w := bringUp(t, oneOwner+guards, Contracts{}, "validator-0-attestation-north", "validator-0-signer-north", "validator-1-attestation-north", "validator-1-signer-north")
	m, err := w.Dispatch(t.Context(), "north", "east", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	both := []common.Address{w.address("validator-0-attestation-north"), w.address("validator-1-attestation-north")}
	slices.SortFunc(both, common.Address.Cmp)
	ism := w.static("east", both, 2)
	requireRefused := func(want string) {
		t.Helper()
		if v, err := w.verify(t.Context(), m, ism); err != nil || v.Accepted || !strings.Contains(v.Reason, want) || len(v.Signers) > 0 {
			t.Errorf("%+v (%v), need %q", v, err, want)
		}
	}
	requireRefused("0 signatures, needs 2: " + both[0].String() + " is not announced; " + both[1].String() + " is not announced")
	w.attest("validator-0")
	requireRefused("1 signatures, needs 2: " + w.address("validator-1-attestation-north").String() + " is not announced")
	w.attest("validator-1")
	if v, err := w.verify(t.Context(), m, ism); err != nil || !cmp.Equal(v, Verdict{Accepted: true, Signers: both}, cmpopts.EquateEmpty()) {
		t.Errorf("both: %+v (%v)", v, err)
	}
	// Another validator's signature is not taken for its own.
	folder := filepath.Join(w.env.Overlay.Checkpoints, "north")
	object := attestation.Location{Storage: attestation.File}.Objects().Checkpoint(0)
	data, err := os.ReadFile(filepath.Join(folder, "validator-0", object))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "validator-1", object), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	requireRefused("another checkpoint")
}

// static deploys a message-id ISM.
func (w *contracted) static(network string, members []common.Address, threshold uint8) common.Address {
	w.t.Helper()
	sender, err := contractstest.NewSender(w.t.Context(), w.client(network), hand(deploys, network))
	if err != nil {
		w.t.Fatal(err)
	}
	address, err := contractstest.Static(w.t.Context(), sender, w.contract(network, config.RoleMessageIDFactory), members, threshold)
	if err == nil {
		_, err = sender.Settle(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return address
}

// attest runs a validator once.
func (w *contracted) attest(instance string) {
	w.t.Helper()
	if err := w.Attest(w.t.Context(), instance, AttestOptions{Once: true, Progress: func(string) {}}); err != nil {
		w.t.Fatal(err)
	}
}
