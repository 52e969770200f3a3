package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/chain"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/sandbox"
)

// contractsOf reads --contracts [--owner WHO] [--shape SHAPE].
func contractsOf(args []string) *sandbox.Contracts {
	if !slices.Contains(args, "--contracts") {
		return nil
	}
	c := &sandbox.Contracts{}
	for i, arg := range args[:len(args)-1] {
		switch arg {
		case "--owner":
			c.Owner = args[i+1]
		case "--shape":
			c.Shape = contractstest.Shape(args[i+1])
		}
	}
	return c
}

// attest lets instances of a validator announce themselves and sign all that has
// left every network: attest INSTANCE...
func (w *world) attest(_ bool, args []string) {
	for _, instance := range args {
		w.ts.Check(w.somebody().Attest(w.ctx(), instance, sandbox.AttestOptions{Once: true, Progress: func(line string) { w.ts.Logf("%s\n", line) }}))
	}
}

// dispatch sends a message: dispatch FROM TO.
func (w *world) dispatch(_ bool, args []string) {
	m, err := w.somebody().Dispatch(w.ctx(), args[0], args[1], []byte("hello"))
	w.ts.Check(err)
	w.message = m
}

// accepted asks the destination's own contracts about the message that was sent
// last, with what the validators have really published.
func (w *world) accepted(neg bool, _ []string) {
	v, err := w.somebody().Verify(w.ctx(), w.message)
	w.ts.Check(err)
	if v.Accepted == neg {
		w.ts.Fatalf("accepted is %v: %s", v.Accepted, v.Reason)
	}
}

// cosign has a Safe's pending proposals executed by its owners, who are the
// environment's own keys, past reconcile: cosign SAFE.
func (w *world) cosign(_ bool, args []string) {
	env := w.environment()
	for i := range env.Safes {
		env.Safes[i].Execute = true
	}
	store, err := w.bare().store()
	w.ts.Check(err)
	maker := w.hands(env, book{store})
	for _, s := range env.Safes {
		if s.Name != args[0] {
			continue
		}
		records, err := maker.Book.Records(w.ctx(), s.Network, common.HexToAddress(s.Address), 0)
		w.ts.Check(err)
		if len(records) == 0 {
			continue
		}
		w.ts.Check(w.execute(env, maker, s, records[len(records)-1]))
	}
}

// bare knows where the store is, and nothing else.
func (w *world) bare() *session {
	return &session{app: &app{dir: w.ts.MkAbs(".")}, env: w.environment()}
}

func (w *world) hands(env *config.Environment, b book) *call.Maker {
	return &call.Maker{
		Book: b,
		Networks: func(name string) (*chain.Network, error) {
			n, _ := env.Network(name)
			return chain.Open(n, n.RPC, chain.Options{})
		},
		Digest: func(_ context.Context, key config.Key, address common.Address) (chain.SignDigest, error) {
			return cloud.SecretSigner(w.session().SecretsManager(key.Region), key.Alias, address), nil
		},
	}
}

func (w *world) execute(env *config.Environment, maker *call.Maker, s config.Safe, r call.Record) error {
	var signers []any
	for _, name := range []string{"owner-1", "owner-2"} {
		signers = append(signers, name+"="+w.address(name).Hex())
	}
	sender := w.address("owner-0").Hex()
	params, err := resource.Encode(r)
	if err != nil {
		return err
	}
	step := resource.Step{Op: call.Execute, ID: s.ResourceID(), Params: resource.Attrs{
		"network": s.Network, "sender": "owner-0", "from": sender, "gas": "2000000", "calls": params["calls"], "batch": params["calls"],
		"safeName": s.Name, "safe": s.Address, "multiSend": r.MultiSend, "signers": signers,
	}, Spend: &resource.Spend{Network: s.Network, From: sender, Wei: "0", Fee: "1000000000000000000"}}
	resolved := kind.Resolved{Step: step, Intent: "cosign", Environment: env}
	prepared, err := maker.Prepare(w.ctx(), resolved)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Network, err)
	}
	_, err = maker.Do(w.ctx(), resolved, prepared)
	return err
}

// nomad deploys Nomad's contracts with the fault of August 2022, a recovery after
// one second and one key that may start it, and declares them as they should be:
// nomad HERE THERE.
func (w *world) nomad(_ bool, args []string) {
	env := w.environment()
	here, _ := env.Network(args[0])
	there, _ := env.Network(args[1])
	client, err := ethclient.DialContext(w.ctx(), here.RPC[0])
	w.ts.Check(err)
	defer client.Close()
	owner := w.key("owner-0")
	secret, err := w.session().SecretsManager(owner.Region).GetSecretValue(w.ctx(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(owner.Alias)})
	w.ts.Check(err)
	key, err := cloud.DecodeSecretKey([]byte(aws.ToString(secret.SecretString)))
	w.ts.Check(err)
	at, err := contractstest.Nomad(w.ctx(), client, key, contractstest.NomadOptions{
		Domain: here.DomainID, Remote: there.DomainID, Updater: common.Address{1}, RemoteUpdater: common.Address{2},
		Watchers: []common.Address{{3}}, OptimisticSeconds: 1800, RecoveryTimelock: 1, RecoveryManager: w.address("owner-1"),
	})
	w.ts.Check(err)
	text := fmt.Sprintf(`package reef

contracts: {
	replica: {
		network: %[1]q
		address: %[2]q
		through: "beacon"
		beacon:  %[3]q
		owner: contract: "router"
		parameters: optimisticSeconds: {read: "optimisticSeconds()(uint256)", want: 1800}
		invariants: {
			zeroRoot: {read: "acceptableRoot(bytes32)(bool)", args: [#zero], must: false, reason: "an unproven message has root zero"}
			zeroConfirmed: {read: "confirmAt(bytes32)(uint256)", args: [#zero], must: 0, reason: "it makes root zero acceptable"}
		}
	}
	router: {
		network: %[1]q
		address: %[4]q
		invariants: {
			recoveryTimelock: {read: "recoveryTimelock()(uint256)", must: ">= 86400", reason: "a day to see a recovery that nobody meant"}
			recoveryManager: {read: "recoveryManager()(address)", must: "code", reason: "one key could take everything over"}
		}
	}
	connections: {
		network: %[1]q
		address: %[5]q
		scans: watchers: {
			event: "WatcherPermissionSet(uint32 indexed,address,bool)"
			from:  %[6]d
			want: [[{domain: %[7]q}, {key: "owner-2"}]]
		}
	}
}

#zero: "0x0000000000000000000000000000000000000000000000000000000000000000"
`, here.Name, at.Replica.Hex(), at.ReplicaBeacon.Hex(), at.GovernanceRouter.Hex(), at.XAppConnectionManager.Hex(), at.FromBlock, there.Name)
	w.ts.Check(os.WriteFile(w.ts.MkAbs("environments/reef/nomad.cue"), []byte(text), 0o600))
}
