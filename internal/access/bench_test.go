package access_test

import (
	"fmt"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// city is an account of 1,000 IAM entities around 60 keys: an agent for each
// key, people in groups, roles of services, five who administer IAM.
func city() (*access.World, []access.Expectation) {
	agents := make([]string, 60)
	for i := range agents {
		agents[i] = fmt.Sprintf("agent%02d", i)
	}
	w, expect := fleet(agents...)
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

// BenchmarkJudge judges a whole account, paths to become able included.
func BenchmarkJudge(b *testing.B) {
	w, expect := city()
	b.ReportMetric(float64(len(w.Directory.Users)+len(w.Directory.Roles)+len(w.Directory.Groups)), "entities")
	for b.Loop() {
		access.Judge(w, expect)
	}
}

func BenchmarkWho(b *testing.B) {
	w, _ := city()
	for b.Loop() {
		for i := range w.Keys {
			w.Who("kms:Sign", w.Keys[i].ARN)
		}
	}
}

func BenchmarkBecome(b *testing.B) {
	w, _ := city()
	for b.Loop() {
		w.Become(w.Keys[0].ARN)
	}
}

func BenchmarkDecide(b *testing.B) {
	w := setting{identity: []string{signByAlias}, aliases: []string{"alias/staging-relayer-signer"}}.build()
	ask := access.Request{Principal: user("alice"), Action: "kms:Sign", Resource: keyARN}
	for b.Loop() {
		w.Decide(ask)
	}
}
