package worlds_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
)

const (
	account = "111122223333"
	outside = "444455556666"
	oregon  = "us-west-2"
	envName = "harbour"
	ourPath = "/reconcile/" + envName + "/"
)

// deployment is what a world declares, before it is CUE.
type deployment struct {
	accounts string
	networks []string
	agents   map[string]agent
	access   rights
	// adopted maps keys that were there before us to their aliases.
	adopted map[string]string
}

// agent is one agent with its access.
type agent struct {
	role, signer string
	instances    int
	// treasury: it signs with a declared key that outlives its own name.
	treasury bool
	// external is how an outside operator comes in: principals, role, user; empty:
	// we run it.
	external string
	// stated is the name of its user or role, where that is stated.
	stated string
	// shape, keys and grants differ from those of all, where they say something.
	shape, keys, grants string
	// signerPolicy is a stated name.
	signerPolicy string
	// adopts: its user or role is one that was there before us; adopted: it is ours
	// since, and the word is taken out.
	adopts, adopted bool
}

// rights is what holds for all agents.
type rights struct {
	shape, keys, grants, delegate, keyAdmin string
	tool, accessKey                         bool
	// auditors are users of a declared group with a declared policy.
	auditors []string
}

func networkNames() []string { return []string{"amoy", "fuji", "sepolia"} }

func roles() []string {
	return []string{"kathy", "processor", "relayer", "updater", "validator", "watcher"}
}

// pick gives one of several.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// maybe is true once in n times.
func maybe(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func someDeployment(r *rand.Rand) deployment {
	d := deployment{accounts: "kms", agents: map[string]agent{}}
	if maybe(r, 10) {
		d.accounts = "hex"
	}
	d.networks = slices.Clone(networkNames()[:1+r.IntN(2)])
	d.access = rights{
		shape: pick(r, "roles", "users", "groups"), keys: pick(r, "exact", "exact", "aliases"), grants: pick(r, "iam", "iam", "keyPolicy"),
		delegate: pick(r, "all", "all", "admin"), keyAdmin: pick(r, "", "", "keys", "seeds"), tool: maybe(r, 2), accessKey: maybe(r, 3),
	}
	if maybe(r, 3) {
		d.access.auditors = []string{"alice"}
	}
	for range 1 + r.IntN(3) {
		d.hire(r)
	}
	return d
}

// hire adds an agent.
func (d *deployment) hire(r *rand.Rand) {
	role := pick(r, roles()...)
	a := agent{role: role, instances: 1, treasury: maybe(r, 4)}
	if role == "validator" {
		a.instances = 1 + r.IntN(2)
	}
	if maybe(r, 4) {
		a.signer = "shared"
	}
	if maybe(r, 5) {
		a.external = pick(r, "principals", "role", "user")
	}
	if maybe(r, 4) {
		a.shape = pick(r, "roles", "users", "groups")
	}
	if maybe(r, 5) {
		a.keys = pick(r, "exact", "aliases")
	}
	if maybe(r, 5) {
		a.grants = pick(r, "iam", "keyPolicy")
	}
	if maybe(r, 4) {
		a.stated = "{environment}-desk-{instance}"
	}
	d.agents[role] = a
}

func (d deployment) clone() deployment {
	d.networks, d.agents, d.access.auditors, d.adopted = slices.Clone(d.networks), maps.Clone(d.agents), slices.Clone(d.access.auditors), maps.Clone(d.adopted)
	return d
}

// legacyName is the name of a user or role that was there before us.
func legacyName(agent string) string { return "legacy-" + agent }

// shapeOf is the shape that an agent has in the end.
func (d deployment) shapeOf(a agent) string {
	switch {
	case a.external == "principals":
		return ""
	case a.external == "role":
		return "roles"
	case a.external == "user":
		return "users"
	case a.shape != "":
		return a.shape
	default:
		return d.access.shape
	}
}

func (d deployment) grantsOf(a agent) string {
	if d.accounts == "hex" {
		return "iam"
	}
	if a.external == "principals" {
		return "keyPolicy"
	}
	if a.grants != "" {
		return a.grants
	}
	return d.access.grants
}

// cue writes the deployment as an operator would; what the vocabulary refuses in
// combination is left out.
func (d deployment) cue() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("package %s\nname: %q\npurpose: \"a random world\"\nclass: \"testnet\"\naccounts: %q\noperator: \"core\"", envName, envName, d.accounts)
	line("aws: {account: %q, region: %q}", account, oregon)
	line("gates: {protective: \"auto\", routine: \"auto\", sensitive: \"auto\", destructive: \"auto\", belts: {updateShare: 100, deleteShare: 100}}")
	for i, n := range d.networks {
		line("networks: %s: {chainId: %d, domainId: %d, class: \"testnet\", nativeToken: symbol: \"ETH\", rpc: [\"https://rpc.example.org\"], confirmations: 1}", n, 100+i, 100+i)
	}
	line("keys: bank: use: \"bank\"")
	for _, n := range d.networks {
		line("funding: %s: {caps: {transaction: \"1\", plan: \"2\", day: \"3\"}, roles: relayer: {floor: \"0.1\", target: \"0.2\"}}", n)
		for _, role := range roles() {
			if role != "relayer" {
				line("funding: %s: roles: %s: \"none\"", n, role)
			}
		}
	}
	shapes, anyIAM, treasury := map[string]bool{}, false, false
	for _, name := range slices.Sorted(maps.Keys(d.agents)) {
		a := d.agents[name]
		// A key that nobody else signs with: two at once would race for nonces.
		a.treasury = a.treasury && !treasury && a.instances == 1
		shapes[d.shapeOf(a)] = true
		anyIAM = anyIAM || d.grantsOf(a) == "iam"
		treasury = treasury || a.treasury
		d.writeAgent(line, name, a)
	}
	if treasury {
		line("keys: treasury: {use: \"signer\", networks: [%q]}", d.networks[0])
	}
	for _, name := range slices.Sorted(maps.Keys(d.adopted)) {
		line("keys: %q: {alias: %q, adopt: true}", name, d.adopted[name])
	}
	d.writeAccess(line, shapes, anyIAM)
	return b.String()
}

func (d deployment) writeAgent(line func(string, ...any), name string, a agent) {
	line("agents: %q: {role: %q, instances: %d}", name, a.role, a.instances)
	if a.signer != "" && !a.treasury {
		line("agents: %q: signer: %q", name, a.signer)
	}
	if a.treasury {
		line("agents: %q: signerKey: \"treasury\"", name)
	}
	state := func(format string, args ...any) { line("access: agents: %q: "+format, append([]any{name}, args...)...) }
	if a.external != "" {
		line("agents: %q: {operatedBy: \"external\", operator: \"acme\"}", name)
	}
	shape := d.shapeOf(a)
	switch a.external {
	case "principals":
		state("principals: [\"arn:aws:iam::%s:role/acme-%s\"]", outside, a.role)
		return
	case "role":
		state("trust: account: {account: %q, externalId: \"harbour-acme\", principal: \"arn:aws:iam::%s:role/acme\"}", outside, outside)
	}
	if shape != d.access.shape || a.external == "user" {
		state("shape: %q", shape)
	}
	if a.adopts && (shape == "users" || shape == "roles") {
		state("{name: %q, path: \"/\"}", legacyName(name))
		if !a.adopted {
			state("adopt: true")
		}
	} else if a.stated != "" && shape != "groups" {
		name := a.stated
		if a.instances == 1 {
			name = strings.ReplaceAll(name, "{instance}", "x")
		}
		state("name: %q", strings.ReplaceAll(name, "desk", a.role))
	}
	if a.signerPolicy != "" {
		state("signerPolicy: name: %q", a.signerPolicy)
	}
	if a.keys != "" && d.grantsOf(a) == "iam" && d.accounts == "kms" {
		state("keys: %q", a.keys)
	}
	if a.grants != "" && d.accounts == "kms" {
		state("grants: %q", a.grants)
	}
}

func (d deployment) writeAccess(line func(string, ...any), shapes map[string]bool, anyIAM bool) {
	x := d.access
	line("access: {shape: %q, organization: \"acme\"}", x.shape)
	if d.accounts == "kms" {
		line("access: grants: %q", x.grants)
		if x.grants == "iam" {
			line("access: keys: %q", x.keys)
		}
		if x.keyAdmin != "" {
			line("access: keyAdmin: %q", x.keyAdmin)
		}
		if !anyIAM && x.delegate == "admin" {
			line("access: delegate: \"admin\"")
		}
	}
	if shapes["roles"] {
		line("access: trust: ecs: {}")
	}
	if x.accessKey && (shapes["users"] || shapes["groups"]) {
		line("access: accessKey: {}")
	}
	if x.tool {
		line("tool: repository: \"acme/environments\"")
	}
	if len(x.auditors) > 0 {
		service := map[string]string{"kms": "kms:DescribeKey", "hex": "secretsmanager:DescribeSecret"}[d.accounts]
		line("access: policies: audit: statements: [{actions: [%q], keys: [\"bank\"]}]", service)
		var quoted []string
		for _, name := range x.auditors {
			line("access: users: %q: {}", name)
			quoted = append(quoted, fmt.Sprintf("%q", name))
		}
		line("access: groups: auditors: {members: [%s], policies: [\"audit\"]}", strings.Join(quoted, ", "))
	}
}

// load lowers the deployment; ok is false where it makes no sense.
func (d deployment) load(t testing.TB, root string) (env *config.Environment, err error) {
	t.Helper()
	folder := filepath.Join(root, config.Folder, envName)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "all.cue"), []byte(d.cue()), 0o600); err != nil {
		t.Fatal(err)
	}
	env, _, err = config.Load(config.Options{Root: root, Name: envName})
	return env, err
}

// edit changes the configuration in one way, and says how.
func (d *deployment) edit(r *rand.Rand) string {
	names := slices.Sorted(maps.Keys(d.agents))
	name := pick(r, names...)
	a := d.agents[name]
	defer func() {
		if _, still := d.agents[name]; still {
			d.agents[name] = a
		}
	}()
	switch r.IntN(16) {
	case 0:
		d.hire(r)
		a = d.agents[name]
		return "an agent is hired"
	case 1:
		if len(names) > 1 {
			delete(d.agents, name)
		}
		return "an agent is let go"
	case 2:
		delete(d.agents, name)
		d.agents[name+"b"] = a
		return "an agent is renamed"
	case 3:
		d.networks = networkNames()[:min(len(d.networks)+1, 3)]
		return "a network is added"
	case 4:
		d.access.shape = pick(r, "roles", "users", "groups")
		return "the shape is changed"
	case 5:
		a.shape = pick(r, "", "roles", "users", "groups")
		return "one agent's shape is changed"
	case 6:
		d.access.grants = pick(r, "iam", "keyPolicy")
		return "grants are changed"
	case 7:
		a.grants = pick(r, "", "iam", "keyPolicy")
		return "one agent's grants are changed"
	case 8:
		d.access.keys, a.keys = pick(r, "exact", "aliases"), ""
		return "exact keys or aliases"
	case 9:
		d.access.delegate = pick(r, "all", "admin")
		d.access.keyAdmin = pick(r, "", "keys", "seeds")
		return "delegation and key administrator"
	case 10:
		a.signerPolicy = pick(r, "", name+"-right", name+"-right-2")
		return "a policy is renamed"
	case 11:
		d.access.auditors = pick(r, nil, []string{"alice"}, []string{"alice", "bob"}, []string{"bob"})
		return "members are changed"
	case 12:
		a.stated = pick(r, "", "{environment}-desk-{instance}", "{environment}-seat-{instance}")
		return "a principal's name is stated"
	case 13:
		d.access.tool, d.access.accessKey = !d.access.tool, maybe(r, 2)
		return "the tool's boundary"
	case 14:
		a.external = pick(r, "", "principals", "role", "user")
		return "somebody else runs it"
	default:
		a.treasury = !a.treasury
		return "a shared key"
	}
}
