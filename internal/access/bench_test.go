package access_test

import (
	"fmt"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// city is an account of 1,000 IAM entities around some keys: 60 agents with a
// role each that share the keys, people in groups, roles of services, five who
// administer IAM.
func city(keys int) (*access.World, []access.Expectation) {
	agents := make([]string, 60)
	for i := range agents {
		agents[i] = fmt.Sprintf("agent%02d", i)
	}
	w, expect := fleet(agents...)
	for i := len(w.Keys); i < keys; i++ {
		of := i % len(agents)
		id := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: fmt.Sprintf("%s-signer-n%d", agents[of], i)}
		key := access.Key{ID: id, ARN: fmt.Sprintf("arn:aws:kms:us-west-2:%s:key/%d", account, i), Aliases: []string{"alias/staging-" + id.Name}, Policy: doc(delegates)}
		w.Keys = append(w.Keys, key)
		statement := &w.Directory.Policies[of].Document.Statements[0]
		statement.Resources = append(statement.Resources, access.Literals(key.ARN)...)
		expect = append(expect, access.Expectation{Key: id, KeyARN: key.ARN, Alias: key.Aliases[0], Agent: agents[of], Principals: expect[of].Principals})
	}
	for g := range 40 {
		name := fmt.Sprintf("team%02d", g)
		w.Directory.Groups = append(w.Directory.Groups, access.Group{Entity: access.Entity{ARN: "arn:aws:iam::" + account + ":group/" + name, Name: name, Inline: map[string]access.Document{
			"own": doc(may("*", "s3:*", "ec2:Describe*"), may("arn:aws:kms:*:111122223333:key/other", "kms:*"), signByAlias),
		}}})
	}
	for u := range 600 {
		e := access.Entity{ARN: user(fmt.Sprintf("person%03d", u)), Name: fmt.Sprintf("person%03d", u)}
		if u < 5 {
			e.Inline = map[string]access.Document{"own": doc(may("*", "iam:*", "sts:AssumeRole"))}
		}
		w.Directory.Users = append(w.Directory.Users, access.User{Entity: e, Groups: []string{fmt.Sprintf("team%02d", u%40)}})
	}
	for r := range 300 {
		name := fmt.Sprintf("service%03d", r)
		w.Directory.Roles = append(w.Directory.Roles, access.Role{
			Entity: access.Entity{ARN: role(name), Name: name, Inline: map[string]access.Document{"own": doc(may("*", "s3:GetObject", "sts:AssumeRole", "logs:*"))}},
			Trust:  trust(`{"Service":"lambda.amazonaws.com","AWS":"` + account + `"}`),
		})
	}
	return w, expect
}

// sizes are numbers of keys.
func sizes() []int { return []int{60, 1000, 10_000} }

// BenchmarkJudge judges a whole account of 1,000 entities, paths to become able
// included.
func BenchmarkJudge(b *testing.B) {
	for _, keys := range sizes() {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			w, expect := city(keys)
			for b.Loop() {
				access.Judge(w, expect)
			}
		})
	}
}

// BenchmarkTable asks for each key what the verb access asks.
func BenchmarkTable(b *testing.B) {
	for _, keys := range sizes() {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			w, _ := city(keys)
			for b.Loop() {
				q := w.Inquire()
				for i := range w.Keys {
					q.Who("kms:Sign", w.Keys[i].ARN)
					q.Become(w.Keys[i].ARN)
				}
			}
		})
	}
}

// BenchmarkInquire makes an account ready for questions.
func BenchmarkInquire(b *testing.B) {
	for _, keys := range sizes() {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			w, _ := city(keys)
			for b.Loop() {
				w.Inquire()
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	w := setting{identity: []string{signByAlias}, aliases: []string{"alias/staging-relayer-signer"}}.build()
	ask := access.Request{Principal: user("alice"), Action: "kms:Sign", Resource: keyARN}
	for b.Loop() {
		w.Decide(ask)
	}
}
