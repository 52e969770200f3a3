package resource_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAnIDReadsAsItPrints(t *testing.T) {
	t.Parallel()
	for _, id := range []resource.ID{
		{Kind: "kms-key", Scope: "us-west-2", Name: "validator-0-signer-fuji"},
		{Kind: "validator-set", Scope: "fuji", Name: "sepolia/main"},
		{Kind: "network", Scope: "fuji", Name: "fuji"},
		{Kind: "k", Scope: "s", Name: "a#b <&> ü"},
	} {
		parsed, err := resource.ParseID(id.String())
		if err != nil || parsed != id {
			t.Errorf("%q reads as %v, %v", id.String(), parsed, err)
		}
		ref := resource.Ref{ID: id, Output: "address"}
		if again, err := resource.ParseRef(ref.String()); err != nil || again != ref {
			t.Errorf("%q reads as %v, %v", ref.String(), again, err)
		}
		data, err := json.Marshal(map[resource.ID]resource.ID{id: id})
		if err != nil {
			t.Fatal(err)
		}
		var back map[resource.ID]resource.ID
		if err := json.Unmarshal(data, &back); err != nil || back[id] != id {
			t.Errorf("%s reads as %v, %v", data, back, err)
		}
	}
}

func TestWhatIsNotAnIDIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "kms-key", "kms-key/us-west-2", "/us-west-2/n", "kms-key//n", "kms-key/us-west-2/", "//"} {
		if id, err := resource.ParseID(text); err == nil {
			t.Errorf("%q reads as %v", text, id)
		} else if !strings.Contains(err.Error(), "kind/scope/name") {
			t.Errorf("%q: error %v does not say the form", text, err)
		}
	}
	for _, text := range []string{"", "a/b/c", "a/b/c#", "#x", "a/b#x"} {
		if ref, err := resource.ParseRef(text); err == nil {
			t.Errorf("%q reads as %v", text, ref)
		}
	}
}

func TestTheZeroIDIsTheEmptyText(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(resource.Finding{Rule: "r"})
	if err != nil || !strings.Contains(string(data), `"id":""`) {
		t.Fatalf("%s, %v", data, err)
	}
	var back resource.Finding
	if err := json.Unmarshal(data, &back); err != nil || !back.ID.IsZero() {
		t.Errorf("%v, %v", back, err)
	}
}

// TestOrderIsTotal: sorting a shuffled list always gives the same list, and
// only equal things compare as equal.
func TestOrderIsTotal(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	words := []string{"a", "a/b", "b"}
	var ids []resource.ID
	var findings []resource.Finding
	for _, kind := range words {
		for _, scope := range words {
			id := resource.ID{Kind: kind, Scope: scope, Name: "n"}
			ids = append(ids, id)
			for _, severity := range []resource.Severity{resource.Note, resource.Refuse, resource.Acknowledge} {
				findings = append(findings, resource.Finding{Rule: kind, Severity: severity, ID: id, Reason: scope}, resource.Finding{Rule: kind, Severity: severity, ID: id, Reason: scope, Hint: "h"})
			}
		}
	}
	mustSortAlike(t, r, ids, resource.ID.Compare)
	mustSortAlike(t, r, findings, resource.Finding.Compare)
	slices.SortFunc(findings, resource.Finding.Compare)
	if findings[0].Severity != resource.Refuse || findings[len(findings)-1].Severity != resource.Note {
		t.Error("what refuses does not come first")
	}
	var facts []resource.Fact
	var unread []resource.Unread
	for i, word := range words {
		for _, other := range words {
			facts = append(facts, resource.Fact{ID: ids[i], Name: word, Value: other})
			unread = append(unread, resource.Unread{Scope: word, Operation: other, Cause: words[(i+1)%3]})
		}
	}
	mustSortAlike(t, r, facts, resource.Fact.Compare)
	mustSortAlike(t, r, unread, resource.Unread.Compare)
}

func mustSortAlike[T any](t *testing.T, r *rand.Rand, list []T, compare func(a, b T) int) {
	t.Helper()
	want := slices.SortedFunc(slices.Values(list), compare)
	for range 20 {
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if d := cmp.Diff(want, slices.SortedFunc(slices.Values(list), compare)); d != "" {
			t.Errorf("two sortings differ:\n%s", d)
		}
	}
	for i := range want {
		for j := range want {
			if (compare(want[i], want[j]) == 0) != cmp.Equal(want[i], want[j]) || compare(want[i], want[j]) != -compare(want[j], want[i]) {
				t.Errorf("%v and %v compare as %d and %d", want[i], want[j], compare(want[i], want[j]), compare(want[j], want[i]))
			}
		}
	}
}

func TestTwoResourcesWithOneIDAreRefused(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "k", Scope: "s", Name: "n"}
	if _, err := resource.NewSet(resource.Resource{ID: id}, resource.Resource{ID: id}); err == nil || err.Error() != "k/s/n: declared twice" {
		t.Errorf("error %v", err)
	}
}

func TestUnreadCoversItsScopeAndNothingElse(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: "bank"}
	for scope, want := range map[string]bool{
		"us-west-2": true, "kms-key": true, "kms-key/us-west-2": true, "kms-key/us-west-2/bank": true,
		"": false, "us-west-1": false, "kms": false, "bank": false, "kms-key/us-west-2/ban": false, "secret-key/us-west-2": false,
	} {
		if got := (resource.Unread{Scope: scope}).Covers(id); got != want {
			t.Errorf("%q covers: %t, want %t", scope, got, want)
		}
		if got := resource.Covering([]resource.Unread{{Scope: "elsewhere"}, {Scope: scope}})(id); got != want {
			t.Errorf("%q among others covers: %t, want %t", scope, got, want)
		}
	}
}

func TestDangerGrowsAndWhatNobodyClassifiedIsWorst(t *testing.T) {
	t.Parallel()
	order := []resource.Risk{resource.Protective, resource.Routine, resource.Sensitive, resource.Destructive, "whatever"}
	for i := 1; i < len(order); i++ {
		if order[i-1].Rank() >= order[i].Rank() {
			t.Errorf("%s is not below %s", order[i-1], order[i])
		}
	}
	if resource.Risk("").Rank() <= resource.Destructive.Rank() {
		t.Error("no risk at all passes as a risk")
	}
}

func TestFactsOfOneResource(t *testing.T) {
	t.Parallel()
	a, b := resource.ID{Kind: "k", Scope: "s", Name: "a"}, resource.ID{Kind: "k", Scope: "s", Name: "b"}
	facts := []resource.Fact{{ID: a, Name: "x", Value: "1"}, {ID: b, Name: "x", Value: "2"}, {ID: a, Name: "y", Value: "3"}}
	if d := cmp.Diff(map[string]string{"x": "1", "y": "3"}, resource.FactsOf(facts, a)); d != "" {
		t.Error(d)
	}
}
