package access_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
)

func TestWhoHasAPolicyIsListedInOrderAndBoundariesAreTold(t *testing.T) {
	t.Parallel()
	entity := func(name, boundary string, attached ...string) access.Entity {
		return access.Entity{Name: name, Boundary: boundary, Attached: attached}
	}
	d := access.Directory{
		Users:  []access.User{{Entity: entity("bob", "p")}, {Entity: entity("alice", "q", "p", "q")}},
		Groups: []access.Group{{Entity: entity("ops", "", "p")}},
		Roles:  []access.Role{{Entity: entity("relayer", "", "p")}, {Entity: entity("idle", "")}},
	}
	have := d.Attachments()
	if text := fmt.Sprint(have["p"]); text != "[group/ops role/relayer user/alice user/bob (boundary)]" {
		t.Errorf("p: %s", text)
	}
	if text := fmt.Sprint(have["q"]); text != "[user/alice user/alice (boundary)]" || len(have) != 2 {
		t.Errorf("q: %s of %d", text, len(have))
	}
	if by := have["p"][3]; by.Kind != "user" || !by.Bounds || by.Name != "bob" {
		t.Errorf("%+v", by)
	}
}

func TestNamesInIAMHaveNoCase(t *testing.T) {
	t.Parallel()
	d := &access.Directory{
		Users: []access.User{{Entity: access.Entity{Name: "Ada", ARN: "u"}}}, Groups: []access.Group{{Entity: access.Entity{Name: "Ops", ARN: "g"}}},
		Roles: []access.Role{{Entity: access.Entity{Name: "Relayer", ARN: "r"}}}, Policies: []access.Policy{{ARN: "arn:P"}},
	}
	if u, g, r := d.User("ada"), d.Group("OPS"), d.Role("relayer"); u == nil || g == nil || r == nil || u.ARN+g.ARN+r.ARN != "ugr" {
		t.Errorf("%v %v %v", u, g, r)
	}
	if d.User("ad") != nil || d.Group("ada") != nil || d.Role("") != nil || d.Policy("arn:p") != nil || d.Policy("arn:P") == nil {
		t.Error("another name is another object")
	}
}

func TestANameIsTakenOnceForEachKind(t *testing.T) {
	t.Parallel()
	d := &access.Directory{
		Users: []access.User{{Entity: access.Entity{Name: "one", ARN: "u"}}}, Groups: []access.Group{{Entity: access.Entity{Name: "one", ARN: "g"}}},
		Roles:    []access.Role{{Entity: access.Entity{Name: "one", ARN: "r"}}},
		Policies: []access.Policy{{Name: "ReadOnlyAccess", ARN: "arn:aws:iam::aws:policy/ReadOnlyAccess"}, {Name: "one", ARN: "p"}},
	}
	for kind, want := range map[string]string{"user": "u", "group": "g", "role": "r", "policy": "p", "key": ""} {
		if have := d.Taken(kind, "ONE"); have != want || d.Taken(kind, "ReadOnlyAccess") != "" {
			t.Errorf("%s: %q", kind, have)
		}
	}
}

func TestVersionsAreOrderedByAge(t *testing.T) {
	t.Parallel()
	versions := []string{"v10", "v1", "v9", "v2"}
	slices.SortFunc(versions, access.CompareVersions)
	if text := fmt.Sprint(versions); text != "[v1 v2 v9 v10]" {
		t.Error(text)
	}
}

func TestADigestIsTheMeaningOfADocument(t *testing.T) {
	t.Parallel()
	one := access.Read(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:sign","kms:Verify"],"Resource":"*"}}`)
	same := access.Read(`{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Action":["kms:Verify","kms:Sign"],"Resource":["*"]}]}`)
	other := access.Read(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["kms:sign","kms:Verify"],"Resource":"*"}}`)
	if one.Digest() != same.Digest() || one.Digest() == other.Digest() || len(one.Digest()) != 71 {
		t.Errorf("%s %s %s", one.Digest(), same.Digest(), other.Digest())
	}
	if have := access.Read("what is this").Digest(); have != "" {
		t.Errorf("what is not understood is like nothing: %s", have)
	}
}
