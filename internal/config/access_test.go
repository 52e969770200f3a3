package config_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// granted loads the base environment with this access.cue.
func granted(t *testing.T, edits, cue string) *config.Environment {
	t.Helper()
	return with(t, edits, map[string]string{"access.cue": "package staging\n\n" + cue + "\n"})
}

const roles = `access: {organization: "acme", trust: irsa: {provider: "oidc.example.org/id/1", namespace: "agents-{environment}"}}`

// rights are who may do what by IAM: principal, policy, actions, and on what;
// written down as a person would check it.
func rights(a *config.Access) []string {
	var lines []string
	of := func(who string, policies []string) {
		for _, name := range policies {
			i := slices.IndexFunc(a.Policies, func(p config.Policy) bool { return p.Name == name })
			if i < 0 {
				lines = append(lines, who+" | "+name)
				continue
			}
			for _, s := range a.Policies[i].Statements {
				on := append(slices.Clone(s.Keys), s.Resources...)
				for _, alias := range s.Aliases {
					on = append(on, "if "+alias)
				}
				lines = append(lines, who+" | "+name+" | "+strings.Join(s.Actions, " ")+" | "+strings.Join(on, " "))
			}
		}
	}
	for _, r := range a.Roles {
		of("role "+r.Name, r.Policies)
	}
	for _, u := range a.Users {
		of("user "+u.Name, u.Policies)
	}
	for _, g := range a.Groups {
		of("group "+g.Name+" of "+strings.Join(g.Members, " "), g.Policies)
	}
	return lines
}

// uses are who is expected to use which key.
func uses(env *config.Environment) []string {
	var lines []string
	for _, u := range env.Access.Uses {
		line := u.Key + ": " + strings.Join(u.Principals, " ")
		if u.By != config.ByIAM {
			line += " by " + u.By
		}
		if u.External {
			line += " external"
		}
		lines = append(lines, line)
	}
	return lines
}

func TestARoleHasItsOwnKeysAndBucketsAndNothingElse(t *testing.T) {
	t.Parallel()
	env := granted(t, "", roles)
	want := []string{
		"role staging-relayer | staging-relayer-signer | kms:GetPublicKey kms:Sign | relayer-signer-fuji relayer-signer-sepolia",
		"role staging-validator-0 | staging-validator-0-signer | kms:GetPublicKey kms:Sign | validator-0-attestation-fuji validator-0-attestation-sepolia validator-0-signer-fuji validator-0-signer-sepolia",
		"role staging-validator-0 | staging-validator-0-storage | s3:PutObject | arn:aws:s3:::acme-staging-validator-0-fuji/* arn:aws:s3:::acme-staging-validator-0-sepolia/*",
		"role staging-validator-1 | staging-validator-1-signer | kms:GetPublicKey kms:Sign | validator-1-attestation-fuji validator-1-attestation-sepolia validator-1-signer-fuji validator-1-signer-sepolia",
		"role staging-validator-1 | staging-validator-1-storage | s3:PutObject | arn:aws:s3:::acme-staging-validator-1-fuji/* arn:aws:s3:::acme-staging-validator-1-sepolia/*",
	}
	if diff := cmp.Diff(want, rights(env.Access)); diff != "" {
		t.Errorf("rights differ (-want +got):\n%s", diff)
	}
	const role = "arn:aws:iam::222233334444:role/reconcile/staging/"
	if diff := cmp.Diff([]string{
		"bank: ",
		"relayer-signer-fuji: " + role + "staging-relayer",
		"relayer-signer-sepolia: " + role + "staging-relayer",
		"validator-0-attestation-fuji: " + role + "staging-validator-0",
		"validator-0-attestation-sepolia: " + role + "staging-validator-0",
		"validator-0-signer-fuji: " + role + "staging-validator-0",
		"validator-0-signer-sepolia: " + role + "staging-validator-0",
		"validator-1-attestation-fuji: " + role + "staging-validator-1",
		"validator-1-attestation-sepolia: " + role + "staging-validator-1",
		"validator-1-signer-fuji: " + role + "staging-validator-1",
		"validator-1-signer-sepolia: " + role + "staging-validator-1",
	}, uses(env)); diff != "" {
		t.Errorf("uses differ (-want +got):\n%s", diff)
	}
	trust := []config.Trust{{Kind: config.TrustIRSA, Provider: "oidc.example.org/id/1", Namespace: "agents-staging", ServiceAccount: "validator-1"}}
	if last := env.Access.Roles[2]; !cmp.Equal(trust, last.Trust) || last.Boundary != "" || last.Agent != "validator" || last.Instance != 1 || last.Path != "/reconcile/staging/" {
		t.Errorf("the last role is %+v", last)
	}
	for _, key := range env.Keys {
		if diff := cmp.Diff(&config.KeyPolicy{Delegate: config.DelegateAll}, key.Policy); diff != "" {
			t.Errorf("policy of key %s differs (-want +got):\n%s", key.Name, diff)
		}
	}
	if len(env.Access.Users)+len(env.Access.Groups) != 0 {
		t.Errorf("users %v and groups %v beside roles", env.Access.Users, env.Access.Groups)
	}
}

func TestWithoutAccessNothingOfItIsManaged(t *testing.T) {
	t.Parallel()
	env := with(t, "", nil)
	bank, _ := env.Key("bank")
	if env.Access != nil || env.Tool != nil || bank.Policy != nil || bank.Protect {
		t.Errorf("access %v, tool %v, the bank's policy %v", env.Access, env.Tool, bank.Policy)
	}
}

func TestTheShapeOfTheSeedsIsOneUserInOneGroup(t *testing.T) {
	t.Parallel()
	env, _ := load(t, roots()[1], "production")
	group := "group production-signer of nomad-signer-production | "
	if diff := cmp.Diff([]string{
		group + "production-processor-signer | kms:GetPublicKey kms:Sign | processor-signer-ethereum processor-signer-evmos processor-signer-moonbeam",
		group + "production-processor-storage | s3:GetObject s3:PutObject | arn:aws:s3:::nomad-production-proofs/*",
		group + "production-processor-storage | s3:ListBucket | arn:aws:s3:::nomad-production-proofs",
		group + "production-relayer-signer | kms:GetPublicKey kms:Sign | relayer-signer-ethereum relayer-signer-evmos relayer-signer-moonbeam",
		group + "production-updater-signer | kms:GetPublicKey kms:Sign | updater-attestation-ethereum updater-attestation-evmos updater-attestation-moonbeam updater-signer-ethereum updater-signer-evmos updater-signer-moonbeam",
		group + "production-watcher-signer | kms:GetPublicKey kms:Sign | watcher-attestation-ethereum watcher-attestation-evmos watcher-attestation-moonbeam watcher-signer-ethereum watcher-signer-evmos watcher-signer-moonbeam",
	}, rights(env.Access)); diff != "" {
		t.Errorf("rights differ (-want +got):\n%s", diff)
	}
	key := env.Access.Users[0].AccessKey
	if key == nil || key.Secret != "nomad-signer-production-access-key" || key.MaxAge.Hours() != 90*24 || key.Overlap.Hours() != 7*24 || key.Region != "us-west-2" {
		t.Errorf("the user's access key is %+v", key)
	}
	for _, u := range env.Access.Uses {
		shared := slices.Equal(u.Principals, []string{"arn:aws:iam::333344445555:user/reconcile/production/nomad-signer-production"})
		if shared != (u.Agent != "") {
			t.Errorf("key %s of agent %q is used by %v", u.Key, u.Agent, u.Principals)
		}
	}
}

func TestLegacyNamesAreStatedAndTakenOver(t *testing.T) {
	t.Parallel()
	env := granted(t, "", `access: {shape: "groups", organization: "acme", user: {path: "/", adopt: true}, group: {name: "signers", adopt: true}
	agents: relayer: signerPolicy: {name: "{environment}-{agent}", path: "/", adopt: true, protect: true}}
tool: repository: "acme/environments"`)
	user, group := env.Access.Users[0], env.Access.Groups[0]
	if user.ARN("1") != "arn:aws:iam::1:user/acme-signer-staging" || !user.Adopt || user.Boundary != "" {
		t.Errorf("user is %+v: what is adopted is given no boundary", user)
	}
	if group.Name != "signers" || !group.Adopt || group.Path != "/reconcile/staging/" || !slices.Contains(group.Policies, "staging-relayer") {
		t.Errorf("group is %+v", group)
	}
	i := slices.IndexFunc(env.Access.Policies, func(p config.Policy) bool { return p.Name == "staging-relayer" })
	if p := env.Access.Policies[i]; p.ARN("1") != "arn:aws:iam::1:policy/staging-relayer" || !p.Adopt || !p.Protect {
		t.Errorf("policy is %+v", p)
	}
}

func TestAliasesAreExactOnesOfTheAgentsOwnKeys(t *testing.T) {
	t.Parallel()
	env := granted(t, "", `access: {shape: "users", organization: "acme", keys: "aliases", agents: validator: keys: "exact"}
keys: "relayer-signer-fuji": {region: "eu-west-1", alias: "alias/old"}
agents: validator: storage: "none"`)
	if diff := cmp.Diff([]string{
		"user staging-relayer | staging-relayer-signer | kms:GetPublicKey kms:Sign | arn:aws:kms:eu-west-1:222233334444:key/* arn:aws:kms:us-west-2:222233334444:key/* if alias/old if alias/staging-relayer-signer-sepolia",
		"user staging-validator-0 | staging-validator-0-signer | kms:GetPublicKey kms:Sign | validator-0-attestation-fuji validator-0-attestation-sepolia validator-0-signer-fuji validator-0-signer-sepolia",
		"user staging-validator-1 | staging-validator-1-signer | kms:GetPublicKey kms:Sign | validator-1-attestation-fuji validator-1-attestation-sepolia validator-1-signer-fuji validator-1-signer-sepolia",
	}, rights(env.Access)); diff != "" {
		t.Errorf("rights differ (-want +got):\n%s", diff)
	}
	for _, u := range env.Access.Users {
		if u.AccessKey != nil {
			t.Errorf("user %s has an access key that nobody asked for", u.Name)
		}
	}
}

func TestHexKeysAreReadAndFilesAreNobodys(t *testing.T) {
	t.Parallel()
	env := granted(t, `environment.cue | accounts: "kms" | accounts: "hex"`+"\n"+`agents.cue | keys: bank: use: "bank" | keys: bank: {use: "bank", holder: "keystore", path: "keys/bank.json"}`+"\n",
		roles+"\nagents: validator: storage: \"perInstance\"\nkeys: \"relayer-signer-fuji\": holder: \"kms\"")
	if diff := cmp.Diff([]string{
		"role staging-relayer | staging-relayer-signer | kms:GetPublicKey kms:Sign | relayer-signer-fuji",
		"role staging-relayer | staging-relayer-signer | secretsmanager:GetSecretValue | relayer-signer-sepolia",
		"role staging-validator-0 | staging-validator-0-signer | secretsmanager:GetSecretValue | validator-0-attestation-fuji validator-0-attestation-sepolia validator-0-signer-fuji validator-0-signer-sepolia",
		"role staging-validator-0 | staging-validator-0-storage | s3:PutObject | arn:aws:s3:::acme-staging-validator-0/fuji/* arn:aws:s3:::acme-staging-validator-0/sepolia/*",
	}, rights(env.Access)[:4]); diff != "" {
		t.Errorf("rights differ (-want +got):\n%s", diff)
	}
	for _, u := range env.Access.Uses {
		if u.Key == "bank" {
			t.Error("a key in a file has a use in AWS")
		}
	}
	for _, k := range env.Keys {
		if (k.Policy != nil) != (k.Holder == "kms") {
			t.Errorf("key %s of holder %s has policy %v", k.Name, k.Holder, k.Policy)
		}
	}
}

func TestKeyPoliciesNameThePrincipalsWhereTheyGrant(t *testing.T) {
	t.Parallel()
	env := granted(t, "", `access: {shape: "users", organization: "acme", grants: "keyPolicy", delegate: "admin"}`)
	for _, k := range env.Keys {
		want := &config.KeyPolicy{Delegate: config.DelegateAdmin}
		switch {
		case k.Use == "bank":
			want.Delegate = config.DelegateAll
		case k.Agent == "relayer":
			want.Signers = []string{"arn:aws:iam::222233334444:user/reconcile/staging/staging-relayer"}
		default:
			want.Signers = []string{fmt.Sprintf("arn:aws:iam::222233334444:user/reconcile/staging/staging-validator-%d", k.Instance)}
		}
		if diff := cmp.Diff(want, k.Policy); diff != "" {
			t.Errorf("policy of key %s differs (-want +got):\n%s", k.Name, diff)
		}
	}
	if lines := rights(env.Access); len(lines) != 2 || !strings.Contains(lines[0], "-storage | s3:PutObject") {
		t.Errorf("IAM grants %v, want storage only", lines)
	}
}

func TestASecretIsGrantedByIAMWhateverGrantsTheOthers(t *testing.T) {
	t.Parallel()
	env := granted(t, "", `access: {shape: "users", organization: "acme", grants: "keyPolicy"}
keys: "relayer-signer-fuji": holder: "hex"`)
	if got := rights(env.Access)[0]; got != "user staging-relayer | staging-relayer-signer | secretsmanager:GetSecretValue | relayer-signer-fuji" {
		t.Errorf("the first right is %s", got)
	}
	by := map[string]string{}
	for _, u := range env.Access.Uses {
		by[u.Key] = u.By
	}
	if by["relayer-signer-fuji"] != config.ByIAM || by["relayer-signer-sepolia"] != config.ByKeyPolicy {
		t.Errorf("rights are written in %v", by)
	}
}

func TestAnOutsideOperatorBringsItsOwnPrincipals(t *testing.T) {
	t.Parallel()
	const theirs = "arn:aws:iam::444455556666:role/validator"
	env := granted(t, `agents.cue | validator: instances: 2 | validator: {operator: "acme", operatedBy: "external"}`+"\n",
		strings.Replace(roles, "access: {", `access: {agents: validator: principals: ["`+theirs+`"], `, 1))
	if diff := cmp.Diff([]string{"role staging-relayer | staging-relayer-signer | kms:GetPublicKey kms:Sign | relayer-signer-fuji relayer-signer-sepolia"}, rights(env.Access)); diff != "" {
		t.Errorf("rights differ (-want +got):\n%s", diff)
	}
	key, _ := env.Key("validator-0-signer-fuji")
	if diff := cmp.Diff(&config.KeyPolicy{Delegate: config.DelegateAll, Signers: []string{theirs}}, key.Policy); diff != "" {
		t.Errorf("key policy differs (-want +got):\n%s", diff)
	}
	for _, b := range env.Access.Buckets {
		if !slices.Equal(b.Writers, []string{theirs}) {
			t.Errorf("writers of %s are %v", b.Name, b.Writers)
		}
	}
	if got := uses(env)[3]; got != "validator-0-attestation-fuji: "+theirs+" by keyPolicy external" {
		t.Errorf("use is %s", got)
	}
}

func TestAnOutsideOperatorsRoleTrustsItsAccountOnly(t *testing.T) {
	t.Parallel()
	env := granted(t, `agents.cue | relayer: {} | relayer: {operator: "acme", operatedBy: "external"}`+"\n",
		strings.Replace(roles, "access: {", `access: {agents: relayer: trust: account: {account: "444455556666", externalId: "acme-staging"}, `, 1))
	if diff := cmp.Diff([]config.Trust{{Kind: config.TrustAccount, Account: "444455556666", ExternalID: "acme-staging"}}, env.Access.Roles[0].Trust); diff != "" {
		t.Errorf("trust differs (-want +got):\n%s", diff)
	}
	if u := env.Access.Uses[1]; !u.External || u.By != config.ByIAM {
		t.Errorf("use is %+v", u)
	}
}

func TestASignerKeyIsUsedByTheAgentThatNamesIt(t *testing.T) {
	t.Parallel()
	env := granted(t, `agents.cue | relayer: {} | relayer: signerKey: "old-signer"`+"\n"+
		`agents.cue | keys: bank | keys: "old-signer": {use: "signer", alias: "alias/old"}`+"\\n"+`keys: bank`+"\n", roles)
	if got := uses(env)[1]; got != "old-signer: arn:aws:iam::222233334444:role/reconcile/staging/staging-relayer" {
		t.Errorf("use is %s", got)
	}
}

func TestAgentsOnNetworksOfTheirOwnMayShareOneSigner(t *testing.T) {
	t.Parallel()
	env := granted(t, `agents.cue | relayer: {} | east: {role: "relayer", networks: ["fuji"], signerKey: "old-signer"}\n\twest: {role: "relayer", networks: ["sepolia"], signerKey: "old-signer"}`+"\n"+
		`agents.cue | keys: bank | keys: "old-signer": {use: "signer", alias: "alias/old"}`+"\\n"+`keys: bank`+"\n",
		roles+"\naccess: agents: {east: grants: \"keyPolicy\", west: grants: \"keyPolicy\"}")
	const role = "arn:aws:iam::222233334444:role/reconcile/staging/staging-"
	if diff := cmp.Diff([]string{"old-signer: " + role + "east by keyPolicy", "old-signer: " + role + "west by keyPolicy"}, uses(env)[1:3]); diff != "" {
		t.Errorf("uses differ (-want +got):\n%s", diff)
	}
	if key, _ := env.Key("old-signer"); !slices.Equal(key.Policy.Signers, []string{role + "east", role + "west"}) || !slices.Equal(key.Networks, []string{"fuji", "sepolia"}) {
		t.Errorf("signers %v on %v", key.Policy.Signers, key.Networks)
	}
}

func TestBucketsFollowFromAgentsAndMayBeStated(t *testing.T) {
	t.Parallel()
	env := granted(t, "", roles+`
buckets: "validator-0-fuji": {bucket: "old-signatures", adopt: true, listing: false}
buckets: archive: {purpose: "proofs", region: "eu-west-1", writers: ["relayer"]}`)
	var got []string
	for _, b := range env.Access.Buckets {
		got = append(got, fmt.Sprint(b.ResourceID(), " ", b.Bucket, " ", b.Purpose, " ", b.Agent, b.Instance, " listing ", b.Listing, " adopt ", b.Adopt, " ", b.Source))
	}
	if diff := cmp.Diff([]string{
		"bucket/eu-west-1/archive acme-staging-archive proofs 0 listing false adopt false environments/staging/access.cue:5",
		"bucket/us-west-2/validator-0-fuji old-signatures checkpoints validator0 listing false adopt true environments/staging/access.cue:4",
		"bucket/us-west-2/validator-0-sepolia acme-staging-validator-0-sepolia checkpoints validator0 listing true adopt false environments/staging/agents.cue:4",
		"bucket/us-west-2/validator-1-fuji acme-staging-validator-1-fuji checkpoints validator1 listing true adopt false environments/staging/agents.cue:4",
		"bucket/us-west-2/validator-1-sepolia acme-staging-validator-1-sepolia checkpoints validator1 listing true adopt false environments/staging/agents.cue:4",
	}, got); diff != "" {
		t.Errorf("buckets differ (-want +got):\n%s", diff)
	}
	lines := strings.Join(rights(env.Access), "\n")
	for _, want := range []string{
		"role staging-relayer | staging-relayer-storage | s3:GetObject s3:PutObject | arn:aws:s3:::acme-staging-archive/*",
		"role staging-validator-0 | staging-validator-0-storage | s3:PutObject | arn:aws:s3:::acme-staging-validator-0-sepolia/* arn:aws:s3:::old-signatures/*",
	} {
		if !strings.Contains(lines, want) {
			t.Errorf("no line %s in\n%s", want, lines)
		}
	}
}

func TestTheToolsRolesAreAssumedByExactSubjects(t *testing.T) {
	t.Parallel()
	env := granted(t, "", roles+"\ntool: repository: \"acme/environments\"")
	want := &config.Tool{
		Repository:    "acme/environments",
		PlanSubjects:  []string{"repo:acme/environments:pull_request", "repo:acme/environments:ref:refs/heads/main"},
		ApplySubjects: []string{"repo:acme/environments:environment:staging"},
		WatchSubjects: []string{"repo:acme/environments:ref:refs/heads/main"},
		Source:        env.Tool.Source,
	}
	if diff := cmp.Diff(want, env.Tool); diff != "" {
		t.Errorf("tool differs (-want +got):\n%s", diff)
	}
	const boundary = "arn:aws:iam::222233334444:policy/reconcile-boundary-staging"
	if env.Access.Boundary != boundary || env.Access.Roles[0].Boundary != boundary {
		t.Errorf("boundary is %q, of a role %q", env.Access.Boundary, env.Access.Roles[0].Boundary)
	}
	env = granted(t, "", `tool: {repository: "acme/environments", ids: ["acme@1/environments@2"], environment: "prod-apply", watch: "watch"}`)
	if diff := cmp.Diff([][]string{
		{"repo:acme@1/environments@2:pull_request", "repo:acme@1/environments@2:ref:refs/heads/main"},
		{"repo:acme@1/environments@2:environment:prod-apply"},
		{"repo:acme@1/environments@2:environment:watch"},
	}, [][]string{env.Tool.PlanSubjects, env.Tool.ApplySubjects, env.Tool.WatchSubjects}); diff != "" {
		t.Errorf("subjects differ (-want +got):\n%s", diff)
	}
}

func TestWhatIsListedIsProtected(t *testing.T) {
	t.Parallel()
	env := granted(t, "", strings.Replace(roles, "access: {", `access: {users: ann: policies: ["extra"], groups: people: members: ["ann"], policies: extra: statements: [{actions: ["kms:Sign"], keys: ["bank"]}], `, 1)+`
protect: ["kms-key/us-west-2/bank", "iam-user/global/ann", "iam-group/global/people", "iam-role/global/staging-relayer", "iam-policy/global/extra", "bucket/us-west-2/validator-0-fuji"]`)
	var got []string
	for _, k := range env.Keys {
		if k.Protect {
			got = append(got, k.ResourceID().String())
		}
	}
	data, err := json.Marshal(env.Access)
	if err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(string(data), `"Protect":true`); len(got) != 1 || got[0] != "kms-key/us-west-2/bank" || count != 5 {
		t.Errorf("protected: %v and %d of access, want the bank and 5", got, count)
	}
	if diff := cmp.Diff([]string{"user ann | extra | kms:Sign | bank"}, rights(&config.Access{Users: env.Access.Users, Policies: env.Access.Policies})); diff != "" {
		t.Errorf("rights of ann differ (-want +got):\n%s", diff)
	}
}

func TestAKeyAdministratorSignsOnlyWhereTheSeedsAreTakenAtTheirWord(t *testing.T) {
	t.Parallel()
	env := granted(t, "", strings.Replace(roles, "access: {", `access: {keyAdmin: "keys", `, 1))
	last := env.Access.Policies[slices.IndexFunc(env.Access.Policies, func(p config.Policy) bool { return p.Name == "staging-kms-admin" })]
	if len(last.Statements[1].Keys) != len(env.Keys) {
		t.Errorf("administers %v", last.Statements[1].Keys)
	}
	for _, s := range last.Statements {
		for _, action := range s.Actions {
			for _, power := range []string{"Sign", "PutKeyPolicy", "Grant", "Alias", "Tag", "*", "Schedule"} {
				if strings.Contains(action, power) && !strings.HasPrefix(action, "kms:List") {
					t.Errorf("%s lets it sign, or become able to", action)
				}
			}
		}
	}
	env = granted(t, "", strings.Replace(roles, "access: {", `access: {keyAdmin: "seeds", `, 1))
	lines := strings.Join(rights(env.Access), "\n")
	if !strings.Contains(lines, "group kms-admin of kms-admin | kms-admin | kms:* | arn:aws:kms:*:222233334444:alias/* arn:aws:kms:*:222233334444:key/*") || !strings.Contains(lines, "kms:DeleteCustomKeyStore") {
		t.Errorf("the seeds' administrator has\n%s", lines)
	}
}

func TestARoleThatIsNoAgentsIsDeclaredWhole(t *testing.T) {
	t.Parallel()
	env := granted(t, "", strings.Replace(roles, "access: {", `access: {
		roles: "deploys": {
			trust: {github: {repository: "acme/contracts", environment: "staging"}, account: {account: "444455556666", externalId: "acme-1"}}
			policies: ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
			maxSession: "2h"
		}
		`, 1))
	i := slices.IndexFunc(env.Access.Roles, func(r config.Role) bool { return r.Name == "deploys" })
	if i < 0 {
		t.Fatal("it is not there")
	}
	have := env.Access.Roles[i]
	have.Source = resource.Source{}
	want := config.Role{
		Name: "deploys", Path: "/reconcile/staging/", Policies: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, MaxSession: 2 * time.Hour,
		Trust: []config.Trust{
			{Kind: config.TrustAccount, Account: "444455556666", ExternalID: "acme-1"},
			{Kind: config.TrustGitHub, Subjects: []string{"repo:acme/contracts:environment:staging"}},
		},
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}
