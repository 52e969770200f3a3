package view_test

import (
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The IAM of these tests.
const account = "222233334444"

func iam(kind, name string) resource.ID {
	return resource.ID{Kind: "iam-" + kind, Scope: "global", Name: name}
}

func roleARN(name string) string {
	return "arn:aws:iam::" + account + ":role/reconcile/staging/" + name
}

func keyARN(n int) string {
	return fmt.Sprintf("arn:aws:kms:us-west-2:%s:key/%08d-1111-2222-3333-444455556666", account, n)
}

// list makes the lists of attributes.
func list[T any](elements ...T) []any {
	anys := make([]any, len(elements))
	for i, element := range elements {
		anys[i] = element
	}
	return anys
}

type members = map[string]any

func document(statements ...members) members {
	return members{"Version": "2012-10-17", "Statement": list(statements...)}
}

func allow(actions ...string) members { return members{"Effect": "Allow", "Action": list(actions...)} }

func deny(actions ...string) members { return members{"Effect": "Deny", "Action": list(actions...)} }

// with adds an element to a statement.
func with(statement members, name string, value any) members {
	statement[name] = value
	return statement
}

func arnOf(id resource.ID) resource.Ref { return resource.Ref{ID: id, Output: "arn"} }

func mark(id resource.ID, more members) resource.Attrs {
	attrs := resource.Attrs{"path": "/reconcile/staging/", "tags": members{"reconcile:environment": "staging", "reconcile:id": id.String()}}
	for name, value := range more {
		attrs[name] = value
	}
	return attrs
}

func createRole(name, serviceAccount string, policies ...string) plan.Change {
	provider := "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
	trust := document(members{
		"Effect": "Allow", "Action": list("sts:AssumeRoleWithWebIdentity"),
		"Principal": members{"Federated": list("arn:aws:iam::" + account + ":oidc-provider/" + provider)},
		"Condition": members{"StringEquals": members{provider + ":aud": list("sts.amazonaws.com"), provider + ":sub": list("system:serviceaccount:agents:" + serviceAccount)}},
	})
	id := iam("role", name)
	return created(plan.Change{ID: id, Risk: resource.Sensitive, Why: from("agents.cue", 31), After: mark(id, members{
		"trust": trust, "policies": list(policies...), "boundary": "arn:aws:iam::" + account + ":policy/reconcile-boundary-staging", "maxSession": "1h",
	})}, "create-role")
}

func createPolicy(name string, statements ...members) plan.Change {
	id := iam("policy", name)
	return created(plan.Change{ID: id, Risk: resource.Sensitive, Why: from("agents.cue", 31), After: mark(id, members{
		"description": "made by reconcile for " + name, "document": document(statements...),
	})}, "create-policy")
}

func signs(keys ...string) members {
	var refs []any
	for _, key := range keys {
		refs = append(refs, arnOf(keyID(key)))
	}
	return with(allow("kms:GetPublicKey", "kms:Sign"), "Resource", refs)
}

func createBucket(name string) plan.Change {
	id := resource.ID{Kind: "bucket", Scope: region, Name: name}
	arn := "arn:aws:s3:::acme-staging-" + name
	return created(plan.Change{ID: id, Risk: resource.Sensitive, Why: from("buckets.cue", 9), After: resource.Attrs{
		"bucket": "acme-staging-" + name, "encryption": "AES256", "versioning": true, "ownership": "BucketOwnerEnforced",
		"publicAccess": members{"blockPublicAcls": true, "ignorePublicAcls": true, "blockPublicPolicy": false, "restrictPublicBuckets": false},
		"policy": document(
			with(with(allow("s3:GetObject"), "Principal", "*"), "Resource", list(arn+"/*")),
			with(with(with(deny("s3:PutObject"), "Principal", "*"), "Resource", list(arn+"/*")), "Condition", members{"Bool": members{"aws:SecureTransport": list("false")}}),
		),
		"tags": members{"reconcile:id": id.String()},
	}}, "create-bucket", "put-policy")
}

// firstAccess is staging before anything exists: 60 keys, 27 roles, 54
// policies and 24 buckets.
func firstAccess() *plan.Plan {
	changes := []plan.Change{}
	for _, network := range networks() {
		changes = append(changes, createKey("relayer", "", "signer", network, 45))
		for instance := range 3 {
			for _, use := range []string{"attestation", "signer"} {
				changes = append(changes, createKey("validator", fmt.Sprint(instance), use, network, 31))
			}
			name := fmt.Sprintf("validator-%d-%s", instance, network)
			changes = append(changes,
				createBucket(name),
				createPolicy("staging-"+name+"-signer", signs(fmt.Sprintf("validator-%d-attestation-%s", instance, network), fmt.Sprintf("validator-%d-signer-%s", instance, network))),
				createPolicy("staging-"+name+"-checkpoints", with(allow("s3:PutObject", "s3:GetObject"), "Resource", list("arn:aws:s3:::acme-staging-"+name+"/*"))),
				createRole("staging-"+name, name, "staging-"+name+"-signer", "staging-"+name+"-checkpoints"))
		}
	}
	for _, agent := range []string{"relayer", "watcher", "processor"} {
		var keys []string
		for _, network := range networks() {
			keys = append(keys, agent+"-signer-"+network)
		}
		changes = append(changes, createPolicy("staging-"+agent+"-signer", signs(keys...)), createPolicy("staging-"+agent+"-reader", with(allow("s3:GetObject", "s3:ListBucket"), "Resource", list("*"))),
			createRole("staging-"+agent, agent, "staging-"+agent+"-signer", "staging-"+agent+"-reader"))
	}
	for _, generic := range []string{"bank", "owner", "beneficiary", "deployer"} {
		changes = append(changes, created(plan.Change{ID: keyID(generic), Risk: resource.Routine, After: resource.Attrs{"alias": "alias/staging-" + generic}, Why: from("keys.cue", 5)}, "create-key", "create-alias"))
	}
	p := stagingPlan(changes...)
	p.Summary.Unchanged = 0
	return p
}

// changedAccess is a day on which access moves in every way.
func changedAccess() *plan.Plan {
	signer, root := keyID("relayer-signer-fuji"), "arn:aws:iam::"+account+":root"
	keys := []any{}
	p := stagingPlan()
	p.Resolved = map[string]string{}
	for i, network := range networks() {
		keys = append(keys, keyARN(i))
		p.Resolved[keyID("relayer-signer-"+network).String()+"#arn"] = keyARN(i)
	}
	live := func(attrs resource.Attrs) *plan.State { return &plan.State{Attrs: attrs} }
	update := func(id resource.ID, fields ...plan.FieldChange) plan.Change {
		after := resource.Attrs{}
		for _, f := range fields {
			after[f.Path] = f.After
		}
		return plan.Change{ID: id, Action: plan.Update, Risk: resource.Sensitive, Cause: plan.FromConfig, Why: from("agents.cue", 45), Before: live(nil), After: after, Fields: fields, Steps: []resource.Step{{Op: "put", ID: id}}}
	}
	alias := func(patterns ...string) members {
		return members{"ForAnyValue:StringLike": members{"kms:ResourceAliases": list(patterns...)}}
	}
	p.Changes = []plan.Change{
		update(iam("policy", "staging-relayer-signer"), plan.FieldChange{
			Path:   "document",
			Before: document(with(with(allow("kms:sign", "kms:GetPublicKey"), "Resource", keys[1:]), "Sid", "Sign")),
			After:  document(with(with(allow("kms:GetPublicKey", "kms:Sign"), "Resource", append(keys[:len(keys):len(keys)], arnOf(keyID("relayer-signer-moonbase")))), "Sid", "Sign")),
		}),
		update(iam("policy", "staging-processor-signer"), plan.FieldChange{
			Path:   "document",
			Before: document(with(with(allow("kms:*"), "Resource", "*"), "Condition", alias("alias/staging-processor*")), with(deny("kms:ScheduleKeyDeletion"), "Resource", "*")),
			After:  document(with(with(allow("kms:GetPublicKey", "kms:Sign"), "Resource", "*"), "Condition", alias("alias/staging-processor-signer-*"))),
		}),
		update(signer, plan.FieldChange{
			Path:   "policy",
			Before: document(with(with(with(allow("kms:*"), "Principal", members{"AWS": root}), "Resource", "*"), "Sid", "Delegate")),
			After: document(
				with(with(allow("kms:*"), "Principal", members{"AWS": root}), "Resource", "*"),
				with(with(allow("kms:Sign", "kms:GetPublicKey"), "Principal", members{"AWS": list(roleARN("staging-relayer"), "arn:aws:iam::333344445555:user/dsrv")}), "Resource", "*"),
			),
		}),
		update(iam("role", "staging-relayer"),
			plan.FieldChange{Path: "policies", Before: list("staging-relayer-signer"), After: list("arn:aws:iam::aws:policy/AdministratorAccess", "staging-relayer-signer")},
			plan.FieldChange{Path: "inline", Before: members{"debug": document(with(allow("s3:*"), "Resource", "*"))}}),
		update(iam("group", "kms-admin"), plan.FieldChange{Path: "members", Before: list("alice", "bob"), After: list("bob", "carol")}),
		update(resource.ID{Kind: "bucket", Scope: region, Name: "proofs"},
			plan.FieldChange{Path: "policy", After: document(with(with(allow("s3:GetObject"), "Principal", "*"), "Resource", list("arn:aws:s3:::acme-staging-proofs/*")))},
			plan.FieldChange{Path: "publicAccess", Before: members{"blockPublicAcls": true, "ignorePublicAcls": true, "blockPublicPolicy": true, "restrictPublicBuckets": true}, After: members{"blockPublicAcls": true, "ignorePublicAcls": true, "blockPublicPolicy": false, "restrictPublicBuckets": false}}),
	}
	p.Requires.Risk, p.Requires.Approvals = resource.Sensitive, 1
	return p
}

// lineOf is the first line that holds a text, or nothing.
func lineOf(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}
