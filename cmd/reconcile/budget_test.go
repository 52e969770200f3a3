package main

import (
	"testing"
)

func pages(n int) int { return (n + 99) / 100 }

// budget is what a warm plan may ask of AWS: who we are, the pages of aliases,
// of what is marked and of secrets, and every key once.
func (s shape) budget() int {
	tagged := s.keys() + s.secrets
	return 1 + pages(s.keys()) + pages(tagged) + pages(s.secrets) + s.keys()
}

// withinNetworks wants at most ⌈addresses/100⌉ + 2 requests to each network and
// extra ones where wallets are low, in batches of at most 100.
func (l *large) withinNetworks(t *testing.T, extra func(network string) int) {
	t.Helper()
	if len(l.requests) != l.networks {
		t.Errorf("%d networks were asked, want %d", len(l.requests), l.networks)
	}
	for name, n := range l.requests {
		if most := pages(l.wallets()) + 2 + extra(name); n > most {
			t.Errorf("%s: %d HTTP requests for %d addresses, at most %d", name, n, l.wallets(), most)
		}
	}
	if l.longest > 100 {
		t.Errorf("a batch of %d elements, at most 100", l.longest)
	}
}

func none(string) int { return 0 }

// sizes of the environments whose calls are counted.
var counted = map[string]shape{
	"15 keys and 3 secrets on 2 networks":       {networks: 2, validators: 3, secrets: 3},
	"405 keys and 100 secrets on 4 networks":    {networks: 4, validators: 50, secrets: 100},
	"1,006 keys and 150 secrets on 15 networks": {networks: 15, validators: 33, secrets: 150},
}

func TestAWarmPlanAsksForPagesAndForEveryKeyOnce(t *testing.T) {
	t.Parallel()
	for name, size := range counted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLarge(t, size)
			l.fill(t, false)
			if p := l.plan(t); !p.Empty() || p.Summary.Unchanged != size.keys()+size.secrets+size.networks*size.wallets() {
				t.Fatalf("%d changes, %d unchanged: the world is as declared", len(p.Changes), p.Summary.Unchanged)
			}
			if have := l.awsCalls(); have > size.budget() {
				t.Errorf("%d calls to AWS, at most %d: %s", have, size.budget(), l.describeCalls())
			}
			l.withinNetworks(t, none)
		})
	}
}

func TestAGatedPlanDerivesEveryAddressForOneCallMorePerKey(t *testing.T) {
	t.Parallel()
	for name, size := range counted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			size.gated = true
			l := newLarge(t, size)
			l.fill(t, false)
			if p := l.plan(t); !p.Empty() {
				t.Fatalf("%d changes: the world is as declared", len(p.Changes))
			}
			if have, most := l.awsCalls(), size.budget()+size.keys(); have > most {
				t.Errorf("%d calls to AWS, at most %d: %s", have, most, l.describeCalls())
			}
			if l.calls["kms.GetPublicKey"] != size.keys() {
				t.Errorf("%d public keys were read, want all %d", l.calls["kms.GetPublicKey"], size.keys())
			}
			l.withinNetworks(t, none)
		})
	}
}

// A key without the tag that holds its address differs from what is declared;
// the list of tags lags, so the key itself is asked before it is planned.
func TestAColdPlanReadsPublicKeysAndAsksAgainForWhatDiffers(t *testing.T) {
	t.Parallel()
	size := shape{networks: 2, validators: 20, secrets: 3}
	l := newLarge(t, size)
	l.fill(t, true)
	if p := l.plan(t); len(p.Changes) != size.keys() {
		t.Fatalf("%d changes, want the address tags of %d keys", len(p.Changes), size.keys())
	}
	if have, most := l.awsCalls()-l.calls["kms.ListResourceTags"], size.budget()+size.keys(); have > most {
		t.Errorf("%d calls to AWS, at most %d: %s", have, most, l.describeCalls())
	}
	if l.calls["kms.ListResourceTags"] != size.keys() {
		t.Errorf("the tags of %d keys were asked for again, want %d that differ", l.calls["kms.ListResourceTags"], size.keys())
	}
}

// Whether a wallet that is to be paid has code is read in batches of its own.
func TestWalletsBelowTheirFloorCostOneRequestMorePerHundred(t *testing.T) {
	t.Parallel()
	size := shape{networks: 3, validators: 20}
	l := newLarge(t, size)
	l.fill(t, false)
	l.poor["n1"] = 3
	if p := l.plan(t); len(p.Changes) != 3 {
		t.Fatalf("%d changes, want 3 wallets filled", len(p.Changes))
	}
	if have := l.awsCalls(); have > size.budget() {
		t.Errorf("%d calls to AWS, at most %d: %s", have, size.budget(), l.describeCalls())
	}
	l.withinNetworks(t, func(network string) int { return pages(l.poor[network]) })
}

func TestAnEnvironmentWithoutSecretsAsksNothingOfSecretsManager(t *testing.T) {
	t.Parallel()
	l := newLarge(t, shape{networks: 2, validators: 1})
	l.fill(t, false)
	l.plan(t)
	if l.calls["secretsmanager.ListSecrets"] != 0 {
		t.Errorf("no secret is declared and none is marked: %s", l.describeCalls())
	}
}
