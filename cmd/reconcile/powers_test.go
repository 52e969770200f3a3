package main

import (
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

// Two keys made for this test, which sign nothing.
const (
	keyOfAda = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHNOwGHcjXrag6zvyklyoEIdqaqSJgJAMslNLz6T/uHC"
	keyOfBob = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDDjVM2xxu97++5yzkJd6d7Hlf5I2CQDMnWz6ZP7JGO3"
	adas     = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
	bobs     = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
	others   = "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69"
)

// held is an environment in which Ada holds everything that one can hold.
func held() *config.Environment {
	env := &config.Environment{
		Name: "staging", AWS: config.AWS{Account: "222233334444", Region: "us-west-2"},
		Networks: []config.Network{{Name: "fuji", Symbol: "AVAX", Decimals: 18}},
		Keys: []config.Key{
			{Name: "treasurer", Use: "owner", Operator: "ada", Region: "us-west-2", Holder: "kms"},
			{Name: "validator-0-attestation-fuji", Agent: "validator", Operator: "ada", Use: "attestation"},
			{Name: "validator-1-attestation-fuji", Agent: "validator", Operator: "core", Use: "attestation", Policy: &config.KeyPolicy{Signers: []string{"arn:aws:iam::222233334444:user/ada"}}},
		},
		Safes: []config.Safe{
			{Name: "council", Network: "fuji", Address: others, Threshold: 2, Owners: []config.Party{{Address: strings.ToLower(adas)}, {Key: "treasurer"}, {Address: bobs}}},
			{Name: "foreign", Network: "fuji", Threshold: 1, Owners: []config.Party{{Address: bobs}}},
		},
		Contracts: []config.Contract{
			{Name: "home", Network: "fuji", Owner: &config.Party{Safe: "council"}, Parameters: []config.Parameter{{Name: "updater", Want: config.Want{Key: "treasurer"}}, {Name: "delay", Want: config.Want{Literal: "7"}}}},
			{Name: "mine", Network: "fuji", Owner: &config.Party{Address: adas}, Scans: []config.Scan{{Name: "watchers", Want: [][]config.Want{{{Literal: bobs}}, {{Literal: adas}}}}}},
		},
		ValidatorSets: []config.ValidatorSet{{Origin: "fuji", Threshold: 2, Members: []config.Member{
			{Name: "validator-0", Key: "validator-0-attestation-fuji", Operator: "ada"}, {Name: "ada-too", Address: adas}, {Name: "bob", Address: bobs, Operator: "bob"},
		}}},
		Funding: []config.Funding{{Network: "fuji", Wallets: []config.Wallet{{Name: "cold", Address: adas, Target: big.NewInt(2e18)}, {Name: "treasurer", Target: big.NewInt(1)}}}},
		Tool:    &config.Tool{Repository: "acme/environments"},
		Access: &config.Access{
			Users:    []config.User{{Name: "ada", Path: "/", Policies: []string{"look", "arn:aws:iam::aws:policy/ReadOnlyAccess"}, AccessKey: &config.AccessKey{Secret: "ada-key"}}, {Name: "bob", Path: "/"}},
			Groups:   []config.Group{{Name: "signers", Members: []string{"ada"}, Policies: []string{"sign"}}},
			Roles:    []config.Role{{Name: "keeper", Path: "/reconcile/staging/", Agent: "validator", Operator: "core", Policies: []string{"sign"}, Trust: []config.Trust{{Principal: "arn:aws:iam::222233334444:user/ada"}}}},
			Policies: []config.Policy{{Name: "sign", Statements: []config.Statement{{Actions: []string{"kms:Sign"}, Keys: []string{"treasurer"}}}}, {Name: "look", Statements: []config.Statement{{Actions: []string{"s3:ListBucket"}, Resources: []string{"*"}}}}},
			Buckets:  []config.Bucket{{Name: "proofs", Bucket: "acme-proofs", Writers: []string{"arn:aws:iam::222233334444:user/ada"}}},
			Uses:     []config.KeyUse{{Key: "treasurer", By: config.ByIAM, Principals: []string{"arn:aws:iam::222233334444:user/ada"}}},
		},
		Governance: config.Governance{
			Requirements: map[resource.Risk]config.Requirement{resource.Routine: {Auto: true}, resource.Sensitive: {Approvals: 1}, resource.Destructive: {Approvals: 2}},
			Approvers:    []byte("ada " + keyOfAda + "\nbob " + keyOfBob + "\n"),
		},
	}
	env.Governance.People = []config.Person{
		{Name: "ada", Keys: []string{keyOfAda}, Forge: "ada-l", Addresses: []string{adas}, Principals: []string{bootstrap.ApplyRoleARN("222233334444", "staging"), "user/ada", "user/stranger"}},
		{Name: "bob", Keys: []string{keyOfBob}, Addresses: []string{bobs}},
	}
	return env
}

func powersOf(env *config.Environment, name string) *powers {
	p := &powers{env: env, person: config.Person{Name: name}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, one := range env.Governance.People {
		if one.Name == name {
			p.person = one
		}
	}
	p.declared()
	return p
}

func TestEveryPowerOfAPersonIsFound(t *testing.T) {
	t.Parallel()
	p := powersOf(held(), "ada")
	var got []string
	for _, one := range p.found {
		got = append(got, one.Kind+" | "+one.Where+" | "+one.What)
	}
	want := []string{
		"approver | environments/staging/approvers | approves sensitive (1 of 2), destructive (2 of 2)",
		"operator | key treasurer | runs it, and signs with treasurer",
		"operator | agent validator | runs it, and signs with validator-0-attestation-fuji",
		"safe-owner | safe/fuji/council " + others + " | 2 of 3 owners, 2 must sign: by " + strings.ToLower(adas) + ", key treasurer",
		"contract-owner | contract/fuji/home | owns it through Safe council: 2 of 3 owners, 2 must sign",
		"contract-role | contract/fuji/home | is its updater: by key treasurer",
		"contract-owner | contract/fuji/mine | owns it: by " + adas,
		"contract-role | contract/fuji/mine | is one of its watchers: by " + adas,
		"validator | validator set fuji | 2 of 3 members, 2 must sign: validator-0, ada-too",
		"recipient | funding/fuji/cold | " + adas + " is kept filled to 2 AVAX",
		"iam | " + bootstrap.ApplyRoleARN("222233334444", "staging") + " | is the tool's own apply role",
		"iam | user/ada | is declared",
		"iam | user/ada | signs in with a static key, in secret ada-key",
		"iam | user/ada | is in group signers",
		"iam | user/ada | policy arn:aws:iam::aws:policy/ReadOnlyAccess",
		"iam | user/ada | s3:ListBucket on * (policy look)",
		"iam | user/ada | kms:Sign on key treasurer (policy sign)",
		"trust | role keeper | user/ada may become it, for agent validator, run by core",
		"iam | user/ada as keeper | kms:Sign on key treasurer (policy sign)",
		"key-policy | key validator-1-attestation-fuji | user/ada signs with it, by its own policy",
		"bucket | bucket acme-proofs | user/ada writes to it, by its own policy",
		"iam | key treasurer | user/ada is expected to sign with it",
		"forge | acme/environments | login ada-l: who may merge and run workflows there is the forge's own",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = nil
	for _, b := range p.breaks {
		got = append(got, b.What, resourceCount(b.Have, b.Need))
	}
	if d := cmp.Diff([]string{
		"approvals of destructive changes", "1/2", "owners of safe/fuji/council " + others, "1/2", "owner of contract/fuji/mine", "0/1", "validators of fuji", "1/2",
	}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"staging: user/stranger " + undeclared}, p.unread); d != "" {
		t.Error(d)
	}
}

func resourceCount(have, need int) string {
	return big.NewInt(int64(have)).String() + "/" + big.NewInt(int64(need)).String()
}

func TestWhoHoldsLittleBreaksLittle(t *testing.T) {
	t.Parallel()
	env := held()
	env.Governance.Requirements[resource.Destructive] = config.Requirement{Approvals: 1}
	env.Safes[0].Owners = append(env.Safes[0].Owners, config.Party{Address: others})
	p := powersOf(env, "bob")
	var kinds []string
	for _, one := range p.found {
		kinds = append(kinds, one.Kind)
	}
	if d := cmp.Diff([]string{"approver", "safe-owner", "safe-owner", "contract-owner", "contract-role", "validator"}, kinds); d != "" {
		t.Errorf("%s\n%+v", d, p.found)
	}
	if len(p.breaks) != 1 || p.breaks[0].What != "owners of safe/fuji/foreign" {
		t.Errorf("breaks %+v", p.breaks)
	}
	nobody := powersOf(env, "eve")
	if len(nobody.found)+len(nobody.breaks) != 0 {
		t.Errorf("%+v %+v", nobody.found, nobody.breaks)
	}
}

// A key that is revoked, or an approver who is in no environment's people, is what
// approve says of it; whom an authority certifies nobody knows here.
func TestApproversAreThoseWhoseSignatureCounts(t *testing.T) {
	t.Parallel()
	env := held()
	env.Governance.Revoked = []byte(keyOfAda + "\n")
	if got := approversOf(env, time.Unix(0, 0)); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("%v", got)
	}
	p := powersOf(env, "ada")
	if slices.ContainsFunc(p.found, func(one view.Power) bool { return one.Kind == "approver" }) {
		t.Error("a revoked key approves")
	}
	if len(p.breaks) == 0 || p.breaks[0].What != "approvals of destructive changes" || p.breaks[0].Have != 1 {
		t.Errorf("a quorum that is not reached anyway is told: %+v", p.breaks)
	}
	env = held()
	env.Governance.Approvers = append(env.Governance.Approvers, "*@example.org cert-authority "+keyOfBob+"\n"...)
	if p := powersOf(env, "ada"); !slices.ContainsFunc(p.unread, func(line string) bool { return strings.Contains(line, "certificate authority") }) {
		t.Errorf("unread %v", p.unread)
	}
}

func TestAPrincipalIsMeantByItsARNOrByItsName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stated, arn string
		want        bool
	}{
		{"user/ada", "arn:aws:iam::1:user/ada", true},
		{"user/ada", "arn:aws:iam::1:user/reconcile/staging/ada", true},
		{"user/staging/ada", "arn:aws:iam::1:user/reconcile/staging/ada", true},
		{"user/ada", "arn:aws:iam::1:role/ada", false},
		{"user/ada", "arn:aws:iam::1:user/canada", false},
		{"role/ada", "arn:aws:iam::1:user/role/ada", false},
		{"arn:aws:iam::1:user/ada", "arn:aws:iam::1:user/ada", true},
		{"arn:aws:iam::1:user/ada", "arn:aws:iam::2:user/ada", false},
	} {
		if got := sameIAM(c.stated, c.arn); got != c.want {
			t.Errorf("%s is %s: %t", c.stated, c.arn, got)
		}
	}
}
