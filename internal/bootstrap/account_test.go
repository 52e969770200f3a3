package bootstrap_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	number   = "111122223333"
	inIAM    = "arn:aws:iam::" + number + ":"
	ownPath  = "/reconcile/harbour/"
	boundary = inIAM + "policy/reconcile-boundary-harbour"
	admin    = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// harbour is an environment with everything that may be declared in one: agents
// with roles, a user with a static key, a group, and legacy objects taken over.
func harbour() *config.Environment {
	return &config.Environment{
		Name: "harbour", AWS: config.AWS{Account: number, Region: "eu-west-1"},
		Store: config.Store{Kind: "s3", Bucket: "acme-harbour-journal", Prefix: "harbour/", Region: "eu-west-1"},
		Keys: []config.Key{
			{Name: "bank", Use: "bank", Holder: "kms", Alias: "alias/harbour-bank", Region: "eu-west-1"},
			{Name: "relayer-signer-fuji", Use: "signer", Holder: "kms", Alias: "alias/harbour-relayer-signer-fuji", Region: "eu-west-1"},
			{Name: "validator-0-attestation-fuji", Use: "attestation", Holder: "kms", Alias: "alias/harbour-validator-0-attestation-fuji", Region: "us-east-1"},
			{Name: "old", Use: "signer", Holder: "kms", Alias: "alias/legacy-key", Region: "us-east-1", Adopt: true},
			{Name: "hexbank", Use: "bank", Holder: "hex", Alias: "alias/harbour-hexbank", Region: "eu-west-1"},
			{Name: "hexed", Use: "signer", Holder: "hex", Alias: "alias/harbour-hexed", Region: "eu-west-1"},
		},
		Access: &config.Access{
			Path: ownPath, Boundary: boundary,
			Users: []config.User{
				{Name: "boat", Path: ownPath, Boundary: boundary, AccessKey: &config.AccessKey{Secret: "boat-access-key", Region: "eu-west-1"}},
				{Name: "legacy", Path: "/", Adopt: true},
			},
			Groups:   []config.Group{{Name: "crew", Path: ownPath, Members: []string{"boat"}, Policies: []string{"crew-signer"}}},
			Roles:    []config.Role{{Name: "relayer", Path: ownPath, Boundary: boundary, Policies: []string{"relayer-signer"}}, {Name: "legacy-role", Path: "/", Adopt: true}},
			Policies: []config.Policy{{Name: "relayer-signer", Path: ownPath}, {Name: "crew-signer", Path: ownPath}, {Name: "legacy-policy", Path: "/", Adopt: true}},
			Buckets:  []config.Bucket{{Name: "proofs", Bucket: "acme-harbour-proofs", Region: "eu-west-1"}, {Name: "v", Bucket: "acme-harbour-validator-0-fuji", Agent: "validator"}},
		},
		Tool: &config.Tool{
			Repository:   "acme/environments",
			PlanSubjects: []string{"repo:acme/environments:pull_request"}, ApplySubjects: []string{"repo:acme/environments:environment:harbour"},
			WatchSubjects: []string{"repo:acme/environments:ref:refs/heads/main"},
		},
	}
}

// object is one thing in the account with what conditions look at.
type object struct {
	// name is how the tables call it.
	name, arn, mark, boundary, spec string
}

// standing is a whole account: harbour as bootstrapped and applied, another
// environment (marina), and an application that has nothing to do with either.
type standing struct {
	*access.World
	set     *bootstrap.Set
	objects []object
}

func newStanding(t *testing.T) *standing {
	t.Helper()
	set, err := bootstrap.Make(harbour(), kinds.Actions())
	if err != nil {
		t.Fatal(err)
	}
	s := &standing{set: set, World: &access.World{Account: number, Environment: "harbour", Directory: *bootstrapped(set)}}
	s.people()
	s.keys(t)
	s.elsewhere()
	return s
}

func (s *standing) add(o object) { s.objects = append(s.objects, o) }

func everything() access.Document {
	return access.Document{Version: access.Version, Statements: []access.Statement{{Effect: access.Allow, Actions: []string{"*"}, Resources: access.Literals("*")}}}
}

func (s *standing) user(name, path, mark, limit string, attached ...string) {
	e := access.Entity{ARN: inIAM + "user" + path + name, Name: name, Path: path, Boundary: limit, Attached: attached, Tags: marks(mark)}
	s.Directory.Users = append(s.Directory.Users, access.User{Entity: e})
	s.add(object{name: "user " + name, arn: e.ARN, mark: mark, boundary: limit})
}

func (s *standing) role(name, path, mark, limit string, attached ...string) {
	e := access.Entity{ARN: inIAM + "role" + path + name, Name: name, Path: path, Boundary: limit, Attached: attached, Tags: marks(mark)}
	trust := access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Actions: []string{"sts:AssumeRole"}, Principals: map[string]access.Values{"Service": access.Literals("ecs-tasks.amazonaws.com")},
	}}}
	s.Directory.Roles = append(s.Directory.Roles, access.Role{Entity: e, Trust: trust})
	s.add(object{name: "role " + name, arn: e.ARN, mark: mark, boundary: limit})
}

func (s *standing) policy(name, path string, document access.Document) {
	arn := inIAM + "policy" + path + name
	s.Directory.Policies = append(s.Directory.Policies, access.Policy{ARN: arn, Name: name, Path: path, Document: document})
	s.add(object{name: "policy " + name, arn: arn})
}

func marks(environment string) map[string]string {
	if environment == "" {
		return nil
	}
	return map[string]string{"reconcile:environment": environment}
}

// people are the users, roles, groups and policies beside the tool's own.
func (s *standing) people() {
	s.Directory.Policies = append(s.Directory.Policies, access.Policy{ARN: admin, Name: "AdministratorAccess", Document: everything()})
	for _, r := range s.set.Roles {
		s.add(object{name: "role " + r.Name, arn: r.ARN})
	}
	s.add(object{name: "policy reconcile-apply-harbour", arn: s.set.Roles[1].Policies[0].ARN})
	s.add(object{name: "boundary", arn: boundary})
	s.add(object{name: "identity provider", arn: s.set.Provider})
	s.user("boat", ownPath, "harbour", boundary)
	// minted stands for whatever apply makes: any policy may be attached to it.
	s.user("minted", ownPath, "harbour", boundary, inIAM+"policy"+ownPath+"crew-signer")
	s.user("legacy", "/", "harbour", "", admin)
	s.user("stranger", "/", "", "", admin)
	s.role("relayer", ownPath, "harbour", boundary, inIAM+"policy"+ownPath+"relayer-signer")
	s.role("legacy-role", "/", "harbour", "", admin)
	s.role("stranger-role", "/", "", "", admin)
	s.role("marina-relayer", "/reconcile/marina/", "marina", inIAM+"policy/reconcile-boundary-marina")
	crew := access.Entity{ARN: inIAM + "group" + ownPath + "crew", Name: "crew", Path: ownPath, Attached: []string{inIAM + "policy" + ownPath + "crew-signer"}}
	admins := access.Entity{ARN: inIAM + "group/admins", Name: "admins", Path: "/", Attached: []string{admin}}
	s.Directory.Groups = []access.Group{{Entity: crew, Members: []string{"boat"}}, {Entity: admins}}
	s.add(object{name: "group crew", arn: crew.ARN})
	s.add(object{name: "group admins", arn: admins.ARN})
	// What apply may write holds the worst that it could write.
	s.policy("relayer-signer", ownPath, everything())
	s.policy("crew-signer", ownPath, everything())
	s.policy("legacy-policy", "/", access.Document{Version: access.Version})
	s.policy("stranger-policy", "/", access.Document{Version: access.Version})
	s.policy("marina-signer", "/reconcile/marina/", access.Document{Version: access.Version})
}

// keys are KMS keys. The policies of two were written by somebody who meant the
// tool well, or ill: they name its roles.
func (s *standing) keys(t *testing.T) {
	t.Helper()
	add := func(name, region, alias, mark, spec string, signers ...string) {
		k := access.Key{
			ID: resource.ID{Kind: "kms-key", Scope: region, Name: name}, ARN: "arn:aws:kms:" + region + ":" + number + ":key/" + name,
			Tags: marks(mark), Policy: access.NewKeyPolicy(number, true, access.Literals(signers...)),
		}
		if len(signers) > 0 {
			k.Policy.Statements[1].Actions = []string{"kms:*"}
		}
		if alias != "" {
			k.Aliases = []string{"alias/" + alias}
		}
		s.Keys = append(s.Keys, k)
		s.add(object{name: "key " + name, arn: k.ARN, mark: mark, spec: spec})
	}
	roles := []string{}
	for _, r := range s.set.Roles {
		roles = append(roles, r.ARN)
	}
	const curve = "ECC_SECG_P256K1"
	add("bank", "eu-west-1", "harbour-bank", "harbour", curve)
	add("relayer", "eu-west-1", "harbour-relayer-signer-fuji", "harbour", curve, roles...)
	add("attestation", "us-east-1", "harbour-validator-0-attestation-fuji", "harbour", curve, roles...)
	add("to-adopt", "us-east-1", "legacy-key", "", curve)
	add("marina", "eu-west-1", "marina-validator-0-attestation-fuji", "marina", curve)
	add("unmarked-agent", "eu-west-1", "production-validator-0", "", curve)
	add("application-data", "eu-west-1", "application", "", "SYMMETRIC_DEFAULT")
	add("nameless-data", "eu-west-1", "", "", "SYMMETRIC_DEFAULT")
	add("fresh", "eu-west-1", "", "harbour", curve)
	add("nameless", "eu-west-1", "", "", curve)
}

// elsewhere are aliases, secrets and buckets.
func (s *standing) elsewhere() {
	for _, alias := range []string{"eu-west-1:harbour-bank", "us-east-1:harbour-bank", "eu-west-1:marina-bank"} {
		region, name, _ := strings.Cut(alias, ":")
		s.add(object{name: "alias " + alias, arn: "arn:aws:kms:" + region + ":" + number + ":alias/" + name})
	}
	for name, mark := range map[string]string{"harbour-hexbank": "harbour", "harbour-hexed": "harbour", "boat-access-key": "harbour", "marina-hexed": "marina", "database-password": ""} {
		s.add(object{name: "secret " + name, arn: "arn:aws:secretsmanager:eu-west-1:" + number + ":secret:" + name + "-AbCdEf", mark: mark})
	}
	for name, policy := range map[string]access.Document{
		"acme-harbour-proofs": {}, "acme-harbour-journal": s.set.Store.Policy, "acme-marina-proofs": {}, "acme-application": s.forTheTool("arn:aws:s3:::acme-application"),
	} {
		arn := "arn:aws:s3:::" + name
		s.Buckets = append(s.Buckets, access.Bucket{ID: resource.ID{Kind: "bucket", Scope: "eu-west-1", Name: name}, ARN: arn, Policy: policy})
		s.add(object{name: "bucket " + name, arn: arn})
	}
	s.add(object{name: "object acme-harbour-journal/harbour/lease.json", arn: "arn:aws:s3:::acme-harbour-journal/harbour/lease.json"})
	s.add(object{name: "object acme-harbour-journal/harbour/stop.json", arn: "arn:aws:s3:::acme-harbour-journal/harbour/stop.json"})
	s.add(object{name: "object acme-harbour-journal/harbour/journal/1.json", arn: "arn:aws:s3:::acme-harbour-journal/harbour/journal/1.json"})
	s.add(object{name: "object acme-harbour-proofs/proof", arn: "arn:aws:s3:::acme-harbour-proofs/proof"})
	s.add(object{name: "object acme-application/anything", arn: "arn:aws:s3:::acme-application/anything"})
	s.add(object{name: "*", arn: "*"})
	slices.SortStableFunc(s.objects, func(a, b object) int { return strings.Compare(a.name, b.name) })
}

// forTheTool is a policy by which somebody gives the tool's roles a bucket.
func (s *standing) forTheTool(bucket string) access.Document {
	who := access.Values{}
	for _, r := range s.set.Roles {
		who = append(who, resource.Literal(r.ARN))
	}
	return access.Document{Version: access.Version, Statements: []access.Statement{{
		Effect: access.Allow, Actions: []string{"s3:*"}, Resources: access.Literals(bucket, bucket+"/*"), Principals: map[string]access.Values{"AWS": who},
	}}}
}

func (s *standing) named(t *testing.T, name string) object {
	t.Helper()
	i := slices.IndexFunc(s.objects, func(o object) bool { return o.name == name })
	if i < 0 {
		t.Fatalf("no %s in the account", name)
	}
	return s.objects[i]
}

// roleOf is the ARN of one of the tool's roles: plan, apply or watch.
func (s *standing) roleOf(which string) string {
	return inIAM + "role" + bootstrap.Path + "reconcile-" + which + "-harbour"
}

// wish is what an attacker chooses in a request: condition keys, each with the
// values to try; nil is a request without the key.
type wish map[string][][]string

// wishes are all choices that conditions of ours look at, by action.
func wishes(action string) wish {
	service, verb, _ := strings.Cut(action, ":")
	w := wish{}
	tags := strings.Contains(verb, "Tag") || slices.Contains([]string{"CreateKey", "CreateSecret", "CreateUser", "CreateRole", "CreatePolicy"}, verb)
	if tags {
		w["aws:RequestTag/reconcile:environment"] = [][]string{nil, {"harbour"}, {"marina"}}
		w["aws:TagKeys"] = [][]string{{"reconcile:environment"}, {"team"}}
	}
	switch {
	case verb == "CreateKey":
		w["kms:KeySpec"] = [][]string{{"ECC_SECG_P256K1"}, {"SYMMETRIC_DEFAULT"}}
		w["kms:BypassPolicyLockoutSafetyCheck"] = [][]string{{"false"}, {"true"}}
	case verb == "PutKeyPolicy":
		w["kms:BypassPolicyLockoutSafetyCheck"] = [][]string{{"false"}, {"true"}}
	case service == "iam" && (strings.HasPrefix(verb, "Attach") || strings.HasPrefix(verb, "Detach")):
		w["iam:PolicyARN"] = [][]string{{inIAM + "policy" + ownPath + "crew-signer"}, {admin}, {inIAM + "policy/stranger-policy"}}
	case action == "s3:PutObject":
		w["s3:if-none-match"], w["s3:if-match"] = [][]string{nil, {"*"}}, [][]string{nil, {"etag"}}
	}
	if slices.Contains([]string{"CreateUser", "CreateRole", "PutUserPermissionsBoundary", "PutRolePermissionsBoundary"}, verb) {
		w["iam:PermissionsBoundary"] = [][]string{nil, {boundary}, {inIAM + "policy/stranger-policy"}}
	}
	return w
}

// tries are all contexts that choices give, on top of what the object itself says.
func tries(o object, action string, chosen map[string][]string) []map[string][]string {
	base := map[string][]string{"aws:SecureTransport": {"true"}}
	if !strings.Contains(o.arn, ":kms:") {
		base["aws:ResourceTag/reconcile:environment"] = value(o.mark)
	}
	base["iam:PermissionsBoundary"], base["kms:KeySpec"] = value(o.boundary), value(o.spec)
	list := []map[string][]string{base}
	for _, key := range slices.Sorted(maps.Keys(wishes(action))) {
		var next []map[string][]string
		for _, c := range list {
			for _, v := range wishes(action)[key] {
				if fixed, is := chosen[key]; is && !slices.Equal(fixed, v) {
					continue
				}
				with := maps.Clone(c)
				with[key] = v
				next = append(next, with)
			}
		}
		list = next
	}
	return list
}

func value(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// can reports whether somebody can do the action on the object by any choice of
// what a request may say. What cannot be told counts as a yes.
func (s *standing) can(who, action string, o object, chosen map[string][]string) bool {
	verdict := s.ask(who, action, o, chosen)
	return verdict == access.Allowed || verdict == access.Unknown
}

// ask is the best answer that any choice gets.
func (s *standing) ask(who, action string, o object, chosen map[string][]string) access.Verdict {
	best := access.NotAllowed
	if !concerns(action, o) {
		return best
	}
	for _, c := range tries(o, action, chosen) {
		switch d := s.Decide(access.Request{Principal: who, Action: action, Resource: o.arn, Context: c}); d.Verdict {
		case access.Allowed:
			return access.Allowed
		case access.Unknown:
			best = access.Unknown
		}
	}
	return best
}

// concerns reports whether an action may be about an object at all.
func concerns(action string, o object) bool {
	service, verb, _ := strings.Cut(action, ":")
	sort, _, _ := strings.Cut(o.name, " ")
	switch {
	case o.arn == "*" || action == "kms:CreateKey":
		return o.arn == "*" && service != "sts"
	case service == "s3":
		return sort == map[bool]string{true: "object", false: "bucket"}[strings.Contains(verb, "Object") || strings.Contains(verb, "Governance")]
	}
	if service == "iam" {
		return sort == aboutIAM(verb) || sort == "boundary" && aboutIAM(verb) == "policy"
	}
	return slices.Contains(map[string][]string{"kms": {"key", "alias"}, "secretsmanager": {"secret"}, "sts": {"role"}}[service], sort)
}

// aboutIAM is the sort of object that an action of IAM is about.
func aboutIAM(verb string) string {
	for _, part := range [][2]string{
		{"Group", "group"}, {"Role", "role"}, {"User", "user"}, {"AccessKey", "user"}, {"LoginProfile", "user"}, {"OpenID", "identity"}, {"Policy", "policy"},
	} {
		if strings.Contains(verb, part[0]) {
			return part[1]
		}
	}
	return ""
}

// rebuild gives the tool's roles what another configuration gives them.
func (s *standing) rebuild(t *testing.T, env *config.Environment) {
	t.Helper()
	set, err := bootstrap.Make(env, kinds.Actions())
	if err != nil {
		t.Fatal(err)
	}
	s.set = set
	d := bootstrapped(set)
	s.Directory.Roles = slices.DeleteFunc(s.Directory.Roles, func(r access.Role) bool { return strings.HasPrefix(r.Name, "reconcile-") })
	s.Directory.Policies = slices.DeleteFunc(s.Directory.Policies, func(p access.Policy) bool { return strings.HasPrefix(p.Name, "reconcile-") })
	s.Directory.Roles = append(s.Directory.Roles, d.Roles...)
	s.Directory.Policies = append(s.Directory.Policies, d.Policies...)
}

// keepOnly takes statements out of the apply role's policies.
func (s *standing) keepOnly(keep func(access.Statement) bool) {
	for i, p := range s.Directory.Policies {
		if strings.HasPrefix(p.Name, "reconcile-apply-harbour") {
			s.Directory.Policies[i].Document.Statements = slices.DeleteFunc(slices.Clone(p.Document.Statements), func(st access.Statement) bool { return !keep(st) })
		}
	}
}
