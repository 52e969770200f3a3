package sandbox

import (
	"crypto/ecdsa"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
)

// watched is a validator set that somebody else keeps, for each origin of lagoon.
const watched = `validatorSets: [=~"north|east|west"]: {managed: false, threshold: 1, members: [{address: "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", alias: "elsewhere"}]}
validatorSets: {north: {type: "merkle-root", destinations: "all"}, east: {type: "either", destinations: "all"}, west: {type: "message-id", destinations: ["north"]}}
`

func TestAMessageIsInTheTreeAndTheDestinationTakesItByItsThrowAwayValidator(t *testing.T) {
	t.Parallel()
	w := bringUp(t, oneOwner+watched, Contracts{Shape: contractstest.ShapeAggregation})
	for i, way := range [][2]string{{"north", "east"}, {"north", "west"}, {"east", "north"}, {"west", "north"}} {
		m, err := w.Dispatch(t.Context(), way[0], way[1], []byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		leaves, err := contractstest.Leaves(t.Context(), w.client(way[0]), w.contract(way[0], config.RoleMerkleTreeHook))
		if err != nil || int(m.Index) != len(leaves)-1 || leaves[m.Index] != m.ID {
			t.Errorf("%v: leaf %d of %v is not %s (%v)", way, m.Index, leaves, m.ID, err)
		}
		found, err := w.Message(t.Context(), way[0], m.ID)
		if diff := cmp.Diff(m, found, cmp.AllowUnexported(Message{})); diff != "" || err != nil {
			t.Errorf("%v: found (-sent +found) %s %v", way, diff, err)
		}
		v, err := w.Verify(t.Context(), found)
		if want := (Verdict{Accepted: true, Signers: []common.Address{throwAway(way[0]).Address}}); err != nil || !cmp.Equal(v, want) {
			t.Errorf("%v: %+v (%v)", way, v, err)
		}
		found.Bytes = slices.Concat(found.Bytes, []byte("more"))
		if v, err := w.Verify(t.Context(), found); err != nil || v.Accepted || v.Reason == "" {
			t.Errorf("%v, another message: %+v (%v)", way, v, err)
		}
	}
	m, err := w.Dispatch(t.Context(), "west", "east", []byte("to where nobody takes it"))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := w.Verify(t.Context(), m); err != nil || v.Accepted || !strings.Contains(v.Reason, "No ISM found for origin") {
		t.Errorf("%+v (%v)", v, err)
	}
	requireUnknownRefused(t, w)
}

// requireUnknownRefused asks for what is not there.
func requireUnknownRefused(t *testing.T, w *contracted) {
	t.Helper()
	_, none := w.Message(t.Context(), "west", common.Hash{1})
	_, nowhere := w.Dispatch(t.Context(), "south", "west", nil)
	_, whither := w.Dispatch(t.Context(), "west", "south", nil)
	w.env.Deployment = nil
	_, bare := w.Dispatch(t.Context(), "west", "north", nil)
	for _, c := range []struct {
		err  error
		want string
	}{{none, "no message 0x01"}, {nowhere, `no network "south" among 3`}, {whither, `no network "south" among 3`}, {bare, "hint: sandbox up lagoon --contracts"}} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, need %q", c.err, c.want)
		}
	}
}

func TestAPausedIsmTakesNothing(t *testing.T) {
	t.Parallel()
	w := bringUp(t, oneOwner, Contracts{Shape: contractstest.ShapeAggregation})
	m, err := w.Dispatch(t.Context(), "north", "east", []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	top := w.read("east", w.contract("east", config.RoleMailbox), "defaultIsm()(address)").(common.Address)
	for _, module := range w.read("east", top, "modulesAndThreshold(bytes)(address[],uint8)", []byte{}).([]common.Address) {
		if w.read("east", module, "moduleType()(uint8)") != uint8(6) {
			continue
		}
		if w.read("east", module, "owner()(address)") != w.address("owner") {
			t.Fatal("the pausable ISM is not the owner's")
		}
		if _, err := contractstest.Send(t.Context(), w.client("east"), w.private("owner"), evm.MustMethod("pause()").Call(module)); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := w.Verify(t.Context(), m); err != nil || v.Accepted || !strings.Contains(v.Reason, "paused") {
		t.Errorf("%+v (%v)", v, err)
	}
}

// private is a key in a secret.
func (w *contracted) private(name string) *ecdsa.PrivateKey {
	w.t.Helper()
	key, err := w.key(name)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.session.SecretsManager(key.Region).GetSecretValue(w.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(key.Alias)})
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := cloud.DecodeSecretKey([]byte(aws.ToString(out.SecretString)))
	if err != nil {
		w.t.Fatal(err)
	}
	return private
}
