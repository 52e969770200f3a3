package iamrole_test

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// asker is somebody who wants to be the role: how it names itself, what it does
// and what AWS knows of the moment.
type asker struct {
	sort, name, action string
	context            map[string]string
}

// admits answers by the few rules that our trusts are made of: the exact
// principal, the exact action, and every condition. Anything else is a failure
// of the test, so that no new form slips through.
func admits(t *testing.T, d access.Document, who asker) bool {
	t.Helper()
	for _, s := range d.Statements {
		if s.Effect != access.Allow || len(s.NotPrincipals)+len(s.NotActions)+len(s.Resources)+len(s.NotResources) != 0 {
			t.Fatalf("a statement of a form that nobody reviewed: %+v", s)
		}
		holds := slices.Contains(s.Principals[who.sort].Texts(), who.name) && slices.Contains(s.Actions, who.action)
		for operator, byKey := range s.Conditions {
			for key, values := range byKey {
				have, there := who.context[key]
				match := func(want string) bool { return want == have }
				switch operator {
				case "StringEquals":
				case "ArnLike":
					match = func(want string) bool { ok, _ := path.Match(want, strings.ReplaceAll(have, "/", "|")); return ok }
				default:
					t.Fatalf("operator %s", operator)
				}
				holds = holds && there && slices.ContainsFunc(values.Texts(), match)
			}
		}
		if holds {
			return true
		}
	}
	return false
}

// trusting is the trust document of one role, as AWS would read it.
func trusting(t *testing.T, ways ...config.Trust) (access.Document, error) {
	t.Helper()
	env := environment(zero)
	env.Access.Roles[0].Trust = ways
	declared, err := newBench(t).kind.Declare(env)
	if err != nil {
		return access.Document{}, err
	}
	text, err := resource.Canonical(declared[0].Attrs["trust"])
	must(t, err)
	d, err := access.Parse(string(text))
	must(t, err)
	return d, nil
}

const (
	byToken = "sts:AssumeRoleWithWebIdentity"
	byKey   = "sts:AssumeRole"
	oidc    = "arn:aws:iam::" + account + ":oidc-provider/"
	github  = "token.actions.githubusercontent.com"
)

// with is a context in which one key has another value, or none.
func with(context map[string]string, key, value string) map[string]string {
	changed := map[string]string{key: value}
	for k, v := range context {
		if _, set := changed[k]; !set {
			changed[k] = v
		}
	}
	if value == "" {
		delete(changed, key)
	}
	return changed
}

func TestEachWayInAdmitsExactlyWhomItNames(t *testing.T) {
	t.Parallel()
	pod := map[string]string{provider + ":sub": "system:serviceaccount:hyperlane:validator-0", provider + ":aud": "sts.amazonaws.com"}
	task := map[string]string{"aws:SourceAccount": account, "aws:SourceArn": "arn:aws:ecs:us-west-2:" + account + ":cluster/main"}
	job := map[string]string{github + ":sub": "repo:org/infra:environment:production", github + ":aud": "sts.amazonaws.com"}
	partner := map[string]string{"sts:ExternalId": "shared-7f3a"}
	const other = "444455556666"
	for _, test := range []struct {
		name string
		way  config.Trust
		who  asker
		not  map[string]asker
	}{
		{
			"a service account of a cluster",
			config.Trust{Kind: config.TrustIRSA, Provider: provider, Namespace: "hyperlane", ServiceAccount: "validator-0"},
			asker{"Federated", oidc + provider, byToken, pod},
			map[string]asker{
				"another service account": {"Federated", oidc + provider, byToken, with(pod, provider+":sub", "system:serviceaccount:hyperlane:validator-00")},
				"another namespace":       {"Federated", oidc + provider, byToken, with(pod, provider+":sub", "system:serviceaccount:default:validator-0")},
				"another audience":        {"Federated", oidc + provider, byToken, with(pod, provider+":aud", "kubernetes")},
				"a token without subject": {"Federated", oidc + provider, byToken, with(pod, provider+":sub", "")},
				"another cluster":         {"Federated", oidc + provider + "2", byToken, pod},
				"an account":              {"AWS", oidc + provider, byToken, pod},
				"without a token":         {"Federated", oidc + provider, byKey, pod},
			},
		},
		{
			"a task of ECS", config.Trust{Kind: config.TrustECS},
			asker{"Service", "ecs-tasks.amazonaws.com", byKey, task},
			map[string]asker{
				"a task of another account": {"Service", "ecs-tasks.amazonaws.com", byKey, with(task, "aws:SourceAccount", other)},
				"of another region":         {"Service", "ecs-tasks.amazonaws.com", byKey, with(task, "aws:SourceArn", "arn:aws:ecs:us-east-1:"+account+":cluster/main")},
				"that says not where from":  {"Service", "ecs-tasks.amazonaws.com", byKey, with(task, "aws:SourceArn", "")},
				"another service":           {"Service", "ec2.amazonaws.com", byKey, task},
			},
		},
		{
			"a principal of another account",
			config.Trust{Kind: config.TrustAccount, Account: other, Principal: "arn:aws:iam::" + other + ":role/operators/relayer", ExternalID: "shared-7f3a"},
			asker{"AWS", "arn:aws:iam::" + other + ":role/operators/relayer", byKey, partner},
			map[string]asker{
				"with another external id": {"AWS", "arn:aws:iam::" + other + ":role/operators/relayer", byKey, with(partner, "sts:ExternalId", "shared-7f3b")},
				"with none":                {"AWS", "arn:aws:iam::" + other + ":role/operators/relayer", byKey, nil},
				"the account itself":       {"AWS", "arn:aws:iam::" + other + ":root", byKey, partner},
				"another role":             {"AWS", "arn:aws:iam::" + other + ":role/relayer", byKey, partner},
			},
		},
		{
			"another account as a whole", config.Trust{Kind: config.TrustAccount, Account: other, ExternalID: "shared-7f3a"},
			asker{"AWS", "arn:aws:iam::" + other + ":root", byKey, partner},
			map[string]asker{"our own": {"AWS", "arn:aws:iam::" + account + ":root", byKey, partner}},
		},
		{
			"a job of a repository",
			config.Trust{Kind: config.TrustGitHub, Subjects: []string{"repo:org/infra:ref:refs/heads/main", "repo:org/infra:environment:production"}},
			asker{"Federated", oidc + github, byToken, job},
			map[string]asker{
				"a job of a pull request":   {"Federated", oidc + github, byToken, with(job, github+":sub", "repo:org/infra:pull_request")},
				"of another repository":     {"Federated", oidc + github, byToken, with(job, github+":sub", "repo:other/infra:environment:production")},
				"for another audience":      {"Federated", oidc + github, byToken, with(job, github+":aud", "https://github.com/org")},
				"of another token provider": {"Federated", oidc + "gitlab.com", byToken, job},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := trusting(t, test.way)
			must(t, err)
			if len(d.Statements) != 1 || !admits(t, d, test.who) {
				t.Errorf("%+v does not admit %+v", d, test.who)
			}
			for name, who := range test.not {
				if admits(t, d, who) {
					t.Errorf("it admits %s: %+v", name, who)
				}
			}
		})
	}
}

func TestATrustThatCouldMeanMoreThanItSaysIsRefused(t *testing.T) {
	t.Parallel()
	irsa := config.Trust{Kind: config.TrustIRSA, Provider: provider, Namespace: "hyperlane", ServiceAccount: "validator-0"}
	partner := config.Trust{Kind: config.TrustAccount, Account: "444455556666", ExternalID: "shared-7f3a"}
	job := config.Trust{Kind: config.TrustGitHub, Subjects: []string{"repo:org/infra:environment:production"}}
	change := func(way config.Trust, edit func(*config.Trust)) []config.Trust {
		way.Subjects = slices.Clone(way.Subjects)
		edit(&way)
		return []config.Trust{way}
	}
	for want, ways := range map[string][]config.Trust{
		"trust: nobody is admitted, need at least one way in":             nil,
		`way 1 (saml): not one of irsa, ecs, account, github`:             {{Kind: "saml"}},
		`way 2 (irsa): the namespace "hyper*" holds a wildcard`:           append([]config.Trust{irsa}, change(irsa, func(w *config.Trust) { w.Namespace = "hyper*" })...),
		`way 1 (irsa): the service account "*" holds a wildcard`:          change(irsa, func(w *config.Trust) { w.ServiceAccount = "*" }),
		`way 1 (irsa): the service account "v?" holds a wildcard`:         change(irsa, func(w *config.Trust) { w.ServiceAccount = "v?" }),
		`way 1 (irsa): the provider "*" holds a wildcard`:                 change(irsa, func(w *config.Trust) { w.Provider = "*" }),
		`way 1 (irsa): the service account is missing`:                    change(irsa, func(w *config.Trust) { w.ServiceAccount = "" }),
		`way 1 (account): the external id is missing`:                     change(partner, func(w *config.Trust) { w.ExternalID = "" }),
		`way 1 (account): the external id "shared-*" holds a wildcard`:    change(partner, func(w *config.Trust) { w.ExternalID = "shared-*" }),
		`way 1 (account): the external id "${aws:username}" holds a wild`: change(partner, func(w *config.Trust) { w.ExternalID = "${aws:username}" }),
		`way 1 (account): the account is missing`:                         change(partner, func(w *config.Trust) { w.Account = "" }),
		`way 1 (account): the principal "*" holds a wildcard`:             change(partner, func(w *config.Trust) { w.Principal = "*" }),
		`principal arn:aws:iam::777788889999:root is not of account 4444`: change(partner, func(w *config.Trust) { w.Principal = "arn:aws:iam::777788889999:root" }),
		`way 1 (github): the subject "repo:org/infra:*" holds a wildcard`: change(job, func(w *config.Trust) { w.Subjects = append(w.Subjects, "repo:org/infra:*") }),
		`way 1 (github): no subject is named`:                             {{Kind: config.TrustGitHub}},
		`way 1 (ecs): the account "*" holds a wildcard`:                   {{Kind: config.TrustECS, Account: "*"}},
	} {
		_, err := trusting(t, ways...)
		if err == nil || !strings.HasPrefix(err.Error(), "iam-role/global/"+zero+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestATrustIsMendedByWhatItMeans(t *testing.T) {
	t.Parallel()
	two := []config.Trust{{Kind: config.TrustECS}, {Kind: config.TrustAccount, Account: "444455556666", ExternalID: "shared-7f3a"}}
	text := func(ways ...config.Trust) string {
		d, err := trusting(t, ways...)
		must(t, err)
		plain, err := d.Text()
		must(t, err)
		return plain
	}
	var shuffled map[string]any
	must(t, json.Unmarshal([]byte(text(two[1], two[0])), &shuffled))
	for _, one := range shuffled["Statement"].([]any) {
		one.(map[string]any)["Sid"] = fmt.Sprintf("Way%p", &one)[:4]
		one.(map[string]any)["Action"] = "sts:assumerole"
	}
	same, err := json.Marshal(shuffled)
	must(t, err)
	shuffled["Statement"] = append(shuffled["Statement"].([]any), map[string]any{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"})
	braked, err := json.Marshal(shuffled)
	must(t, err)
	for _, test := range []struct {
		name, live string
		ops        []string
		risk       resource.Risk
	}{
		{"in another order and spelling", string(same), []string{}, ""},
		{"with a stranger besides", text(append(slices.Clone(two), config.Trust{Kind: config.TrustGitHub, Subjects: []string{"repo:x/y:pull_request"}})...), []string{"narrow-trust"}, resource.Protective},
		{"with one way missing", text(two[0]), []string{"write-trust"}, resource.Sensitive},
		{"with a brake on it", string(braked), []string{"lift-trust"}, resource.Sensitive},
		{"of somebody else's making", another, []string{"write-trust"}, resource.Sensitive},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := made(t, zero)
			b.env.Access.Roles[0].Trust = two
			b.trust(t, zero, test.live)
			if d := b.live(zero).Attrs["trust"]; d == nil {
				t.Fatal("no trust was read")
			}
			steps, _ := b.planOf(zero)
			risk, person := worst(steps)
			if diff := cmp.Diff(test.ops, ops(steps)); diff != "" || risk != test.risk || person != slices.Contains(test.ops, "lift-trust") {
				t.Errorf("risk %s, steps (-want +got):\n%s", risk, diff)
			}
			b.do(steps...)
			if steps, _ := b.planOf(zero); len(steps) != 0 {
				t.Errorf("still %v", ops(steps))
			}
		})
	}
}

func TestATrustIsSentAgainUntilIAMKnowsWhomItNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, zero, one)
	b.do(b.create(one)...)
	b.fake.IAM().Lag(2)
	b.do(b.create(zero)...)
	live := b.live(zero).Outputs["arn"]
	b.env.Access.Roles[1].Trust = []config.Trust{{Kind: config.TrustAccount, Account: account, Principal: live, ExternalID: "chained"}}
	b.fake.Forget()
	steps, _ := b.plan(one)
	b.do(steps...)
	if n := b.fake.Calls()["iam.UpdateAssumeRolePolicy"]; n != 3 {
		t.Errorf("sent %d times", n)
	}
	// One that never was ends with AWS's own words, and proves that nothing happened.
	b.env.Access.Roles[1].Trust[0].Principal = "arn:aws:iam::" + account + ":role/never"
	steps, _ = b.plan(one)
	resolved, prepared := b.attempt(steps[0], "intent")
	if _, err := b.kind.Do(t.Context(), resolved, prepared); !asNotAccepted(err) || !strings.Contains(err.Error(), "iam:UpdateAssumeRolePolicy on role "+one+": MalformedPolicyDocument") {
		t.Errorf("error %v", err)
	}
}

func TestALongerSessionGivesAndAShorterOneTakes(t *testing.T) {
	t.Parallel()
	for want, length := range map[string]time.Duration{"lengthen-session": 3 * time.Hour, "shorten-session": time.Hour} {
		b := made(t, zero, one)
		b.env.Access.Roles[1].MaxSession = length
		b.fake.Forget()
		steps, _ := b.plan(one)
		if !slices.Equal(ops(steps), []string{want}) || b.fake.Calls()["iam.GetRole"] != 1 {
			t.Errorf("%v with %v", ops(steps), b.fake.Calls())
		}
		b.do(steps...)
		if live := b.live(one); fmt.Sprint(live.Attrs["maxSession"]) != fmt.Sprint(length.Seconds()) {
			t.Errorf("it is %v", live.Attrs["maxSession"])
		}
	}
}
