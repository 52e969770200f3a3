package sandbox

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

func TestABankHoldsPlentyAndAKeyThatIsThereHoldsWhatIsSaid(t *testing.T) {
	t.Parallel()
	env := &config.Environment{
		Name:     "tiny",
		Networks: []config.Network{{Name: "coarse", Decimals: 0}, {Name: "fine", Decimals: 18}},
		Keys: []config.Key{
			{Name: "bank", Networks: []string{"coarse", "fine"}}, {Name: "idle", Networks: []string{"fine"}}, {Name: "relayer", Networks: []string{"coarse", "fine"}},
		},
		Funding: []config.Funding{
			{Network: "coarse", Bank: "bank", Reserve: big.NewInt(400), Wallets: []config.Wallet{{Target: big.NewInt(500)}, {Target: big.NewInt(600)}}},
			{Network: "fine", Bank: "bank", Reserve: big.NewInt(1)},
		},
	}
	purses, err := fillPurses(env, map[string]string{"relayer": "3"}, false)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, p := range purses {
		for network, wei := range p.holds {
			have[p.key.Name+" on "+network] = wei.String()
		}
	}
	want := map[string]string{
		"bank on coarse": "15000", // ten times reserve and targets, which is more than 10,000 coins
		"bank on fine":   "10000000000000000000000", "relayer on coarse": "3", "relayer on fine": "3000000000000000000",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("purses (-want +have):\n%s", diff)
	}
	for with, want := range map[string]string{"nobody=1": `no key "nobody" among 3`, "relayer=0.5": `"0.5" has more than 0 decimals`, "relayer=some": "is not an amount"} {
		name, coins, _ := strings.Cut(with, "=")
		if _, err := fillPurses(env, map[string]string{name: coins}, false); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, need %q", with, err, want)
		}
	}
}
