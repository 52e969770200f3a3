package chain_test

import (
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest"
)

func wallets(n int) ([]chain.Wallet, map[common.Address]*big.Int) {
	list := make([]chain.Wallet, n)
	alloc := map[common.Address]*big.Int{addressOf("bank"): coins(100)}
	for i := range list {
		list[i].Address = common.BigToAddress(big.NewInt(int64(1_000_000 + i)))
		alloc[list[i].Address] = big.NewInt(int64(10 + i))
	}
	return list, alloc
}

func TestASurveyOfNAddressesTakesAtMostOneRequestPerHundredAndTwoMore(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(300)
	c := geth(t, chaintest.Options{Alloc: alloc, Code: map[common.Address][]byte{chaintest.Multicall3: {0x00}}})
	for _, stack := range []string{"other", "op"} {
		for _, genesis := range []string{"", c.GenesisHash().Hex()} {
			for _, n := range []int{0, 1, 94, 99, 100, 101, 200, 250, 300} {
				proxy := tap(t, c.URL(), nil)
				network := declared()
				network.Stack, network.Genesis = stack, genesis
				client := open(t, network, proxy.url)
				survey, err := client.Survey(t.Context(), bankQuery(list[:n]...))
				if err != nil {
					t.Fatal(err)
				}
				requests, longest := proxy.count()
				if budget := (n+99)/100 + 2; requests > budget || requests != client.Requests() {
					t.Errorf("%d addresses on stack %s: %d requests (%d counted), budget %d", n, stack, requests, client.Requests(), budget)
				}
				if longest > 100 {
					t.Errorf("%d addresses: a batch of %d elements", n, longest)
				}
				for i, w := range list[:n] {
					if got := survey.Balances[w.Address]; got == nil || got.Cmp(big.NewInt(int64(10+i))) != 0 {
						t.Fatalf("%s holds %v, want %d", w.Address, got, 10+i)
					}
				}
			}
		}
	}
}

func TestCodesAreReadOnlyOfWalletsThatAreToBePaid(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(50)
	c := geth(t, chaintest.Options{Alloc: alloc, Code: map[common.Address][]byte{list[3].Address: {0x00}, list[9].Address: {0x00}}})
	for i := range list {
		list[i].Floor = big.NewInt(15) // the first five are below
	}
	proxy := tap(t, c.URL(), nil)
	client := open(t, declared(), proxy.url)
	survey, err := client.Survey(t.Context(), bankQuery(list...))
	if err != nil {
		t.Fatal(err)
	}
	if requests, _ := proxy.count(); requests != 3 {
		t.Errorf("%d requests, want 3", requests)
	}
	if len(survey.Code) != 5 || !survey.Code[list[3].Address] || survey.Code[list[0].Address] {
		t.Errorf("codes %v, want five, of which the fourth has code", survey.Code)
	}
}

func TestReadsArePinnedToTheBlockThatWasNamed(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	var once bool
	// Money arrives after the head was read and before the balances are.
	proxy := tap(t, c.URL(), func(_ http.ResponseWriter, body []byte) bool {
		if strings.Contains(string(body), "eth_getBalance") && !once {
			once = true
			if err := c.Fund(t.Context(), alice, coins(1)); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	client := open(t, declared(), proxy.url)
	survey, err := client.Survey(t.Context(), bankQuery(chain.Wallet{Address: alice}))
	if err != nil {
		t.Fatal(err)
	}
	if survey.Block.Number != 1 || survey.Block.Hash == (common.Hash{}) || survey.Balances[alice].Sign() != 0 {
		t.Errorf("block %d %s, balance %s: want the first block and nothing", survey.Block.Number, survey.Block.Hash, survey.Balances[alice])
	}
}

func TestABatchSizeOfTheNetworkIsKept(t *testing.T) {
	t.Parallel()
	list, alloc := wallets(25)
	c := geth(t, chaintest.Options{Alloc: alloc})
	proxy := tap(t, c.URL(), nil)
	network := declared()
	network.BatchSize = 10
	client := open(t, network, proxy.url)
	if _, err := client.Survey(t.Context(), bankQuery(list...)); err != nil {
		t.Fatal(err)
	}
	if requests, longest := proxy.count(); longest > 10 || requests != 2 {
		t.Errorf("%d requests, the longest of %d elements, want 2 of at most 10", requests, longest)
	}
	if client.Elements() != 7+2+1 {
		t.Errorf("%d elements counted, want 10", client.Elements())
	}
}

func TestABankWithTransactionsInFlightIsSeen(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	client := open(t, declared(), c.URL())
	stuck := transferOf(t, client, 0, alice, ether)
	stuck.Fees.Tip = big.NewInt(1) // the pool takes it, no block does
	if err := client.Send(t.Context(), signed(t, stuck).Raw); err != nil {
		t.Fatal(err)
	}
	survey, err := client.Survey(t.Context(), bankQuery())
	if err != nil {
		t.Fatal(err)
	}
	if survey.Bank.Nonce != 0 || survey.Bank.Pending != 1 {
		t.Errorf("nonce %d, pending %d, want 0 and 1", survey.Bank.Nonce, survey.Bank.Pending)
	}
}

func TestAnotherChainBehindAnEndpointIsAnErrorThatNamesBothIDs(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{ChainID: 44787})
	network := declared()
	network.Name, network.ChainID = "celosepolia", 11142220
	right := geth(t, chaintest.Options{ChainID: 11142220})
	host := strings.TrimPrefix(c.URL(), "http://")
	for name, call := range map[string]func(*chain.Network) error{
		"survey": func(n *chain.Network) error { _, err := n.Survey(t.Context(), chain.Query{}); return err },
		"estimate": func(n *chain.Network) error {
			_, err := n.EstimateTransfer(t.Context(), alice, alice, ether)
			return err
		},
		"await": func(n *chain.Network) error { _, err := n.Await(t.Context(), common.Hash{1}); return err },
		"fate":  func(n *chain.Network) error { _, _, err := n.Fate(t.Context(), alice, 0, common.Hash{1}); return err },
		"send":  func(n *chain.Network) error { return n.Send(t.Context(), []byte{1}) },
	} {
		// A second endpoint of the right chain does not make the declaration right.
		err := call(open(t, network, c.URL(), right.URL()))
		want := fmt.Sprintf("celosepolia: endpoint %s: chain id is 44787, declared 11142220", host)
		if name == "send" && err != nil {
			// Sending goes on to the next endpoint; nothing was sent to the wrong one.
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", name, err, want)
		}
	}
}

func TestAnotherGenesisIsAnError(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	network := declared()
	network.Genesis = common.Hash{7}.Hex()
	_, err := open(t, network, c.URL()).Survey(t.Context(), chain.Query{})
	if err == nil || !strings.Contains(err.Error(), "genesis is "+c.GenesisHash().Hex()+", declared "+network.Genesis) {
		t.Error(err)
	}
}

func TestAnEndpointThatIsDownIsFollowedByTheNext(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	refusing := tap(t, c.URL(), func(w http.ResponseWriter, _ []byte) bool {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return true
	})
	forbidding := tap(t, c.URL(), func(w http.ResponseWriter, _ []byte) bool {
		http.Error(w, "no", http.StatusForbidden)
		return true
	})
	client := open(t, declared(), "http://127.0.0.1:1/", refusing.url, forbidding.url, c.URL())
	for range 2 {
		if _, err := client.Survey(t.Context(), bankQuery()); err != nil {
			t.Fatal(err)
		}
	}
	// The second survey went to the one that answered.
	if requests, _ := refusing.count(); requests != 1 {
		t.Errorf("%d requests to an endpoint that is down, want 1", requests)
	}
}

func TestAnEndpointThatRecoversIsAskedAgain(t *testing.T) {
	t.Parallel()
	c := geth(t, chaintest.Options{})
	failures := 2
	flaky := tap(t, c.URL(), func(w http.ResponseWriter, _ []byte) bool {
		if failures == 0 {
			return false
		}
		failures--
		http.Error(w, "busy", http.StatusTooManyRequests)
		return true
	})
	if _, err := open(t, declared(), flaky.url).Survey(t.Context(), bankQuery()); err != nil {
		t.Fatal(err)
	}
}

func TestWhenNoEndpointAnswersEachOnesReasonIsTold(t *testing.T) {
	t.Parallel()
	busy := tap(t, "", func(w http.ResponseWriter, _ []byte) bool {
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return true
	})
	client := open(t, declared(), "http://127.0.0.1:1/", busy.url)
	_, err := client.Survey(t.Context(), chain.Query{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"fuji: no endpoint answered: ", "endpoint 127.0.0.1:1: eth_chainId: ", "connection refused", "HTTP status 503 Service Unavailable"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if requests, _ := busy.count(); requests != 3 {
		t.Errorf("asked %d times, want 3", requests)
	}
}
