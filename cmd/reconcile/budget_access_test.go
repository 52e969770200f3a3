package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// directoryPage is the largest page of GetAccountAuthorizationDetails (IAM API
// reference).
const directoryPage = 1000

func upwards(n, page int) int { return (n + page - 1) / page }

// calls are exactly those that a warm plan makes where access is managed, by
// operation. The account has so many entities in IAM.
func (s shape) calls(entities int) map[string]int {
	calls := map[string]int{
		"sts.GetCallerIdentity": 1,
		"kms.ListAliases":       upwards(s.keys()+1, 100), // one is AWS's own
		"tagging.GetResources":  upwards(s.keys()+s.secrets+s.buckets()+s.accessKeys(), 100),
		"kms.DescribeKey":       s.keys(),
		"kms.GetKeyPolicy":      s.keys(),
		"kms.ListGrants":        s.keys(),
		"s3.ListBuckets":        1,

		"iam.GetAccountAuthorizationDetails": upwards(entities, directoryPage),
	}
	for _, part := range []string{"GetBucketTagging", "GetBucketPolicy", "GetPublicAccessBlock", "GetBucketOwnershipControls", "GetBucketVersioning", "GetBucketEncryption"} {
		calls["s3."+part] = s.buckets()
	}
	if s.gated {
		calls["kms.GetPublicKey"] = s.keys()
	}
	calls["secretsmanager.ListSecrets"] = upwards(s.secrets+s.accessKeys(), 100)
	if s.sessions {
		calls["iam.GetRole"] = s.agents()
	}
	if s.access == "users" {
		calls["iam.ListAccessKeys"] = s.agents()
		calls["secretsmanager.DescribeSecret"] = s.agents()
	}
	maps.DeleteFunc(calls, func(_ string, n int) bool { return n == 0 })
	return calls
}

// accessKeys is how many secrets hold an access key.
func (s shape) accessKeys() int {
	if s.access == "users" {
		return s.agents()
	}
	return 0
}

// unwritten wants no call that writes.
func (l *large) unwritten(t *testing.T) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(l.calls)) {
		if cloudtest.Writes(name) {
			t.Errorf("a plan wrote: %d %s", l.calls[name], name)
		}
	}
}

// within plans a world that is as declared, and wants exactly the calls.
func (l *large) within(t *testing.T) {
	t.Helper()
	l.fill(t, false)
	entities := l.inIAM(t)
	p := l.plan(t)
	for _, c := range p.Changes {
		t.Errorf("%s %s: the world is as declared", c.Action, c.ID)
	}
	for _, f := range p.Findings {
		if f.Severity != resource.Note && f.Rule != "no-anchor" {
			t.Errorf("%s %s: %s", f.Rule, f.ID, f.Reason)
		}
	}
	if diff := cmp.Diff(l.shape.calls(entities), l.calls); diff != "" {
		t.Errorf("calls of a plan: need (-), have (+):\n%s", diff)
	}
	l.unwritten(t)
	l.withinNetworks(t, none)
}

// admitted are the environments with access whose calls are counted.
var admitted = map[string]shape{
	"100 keys, a role for each agent":                                {networks: 3, validators: 16, access: "roles"},
	"100 keys, gated":                                                {networks: 3, validators: 16, access: "roles", gated: true},
	"100 keys, a user with a key for each agent":                     {networks: 3, validators: 16, access: "users"},
	"100 keys, roles that say how long a session lasts":              {networks: 3, validators: 16, access: "roles", sessions: true},
	"1,006 keys and 150 secrets":                                     {networks: 15, validators: 33, secrets: 150, access: "roles"},
	"1,006 keys, gated":                                              {networks: 15, validators: 33, access: "roles", gated: true},
	"1,051 keys on 150 networks":                                     {networks: 150, validators: 3, access: "roles"},
	"100 keys beside 1,000 users, groups, roles and policies":        {networks: 3, validators: 16, access: "roles", strangers: 1000},
	"100 keys beside 3,000, of an account that hands out 1,000 each": {networks: 3, validators: 16, access: "roles", strangers: 3000},
}

func TestAPlanWithAccessAsksExactlyWhatIsPromised(t *testing.T) {
	t.Parallel()
	for name, size := range admitted {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLarge(t, size)
			l.within(t)
			if size.strangers > 0 {
				l.asksNobody(t)
			}
		})
	}
}

// asksNobody wants IAM read in pages alone.
func (l *large) asksNobody(t *testing.T) {
	t.Helper()
	for name, n := range l.calls {
		if strings.HasPrefix(name, "iam.") && name != "iam.GetAccountAuthorizationDetails" {
			t.Errorf("%d %s: no entity is asked for by itself", n, name)
		}
	}
}

func TestAccessSaysTheSameOfTheSameWorldInTheSameBytes(t *testing.T) {
	t.Parallel()
	l := newLarge(t, shape{networks: 3, validators: 16, access: "roles", strangers: 200})
	l.fill(t, false)
	first, _ := l.reconcile(t, "access", largeName, "--format", "json")
	if n := strings.Count(first, `"certain": true`); n < l.keys()-1 {
		t.Errorf("%d signers that are certain, need one of each of %d keys but the bank's", n, l.keys())
	}
	l.unwritten(t)
	for range 2 {
		if again, _ := l.reconcile(t, "access", largeName, "--format", "json"); again != first {
			t.Errorf("the same world, and other bytes:\n%s", cmp.Diff(first, again))
		}
	}
}
