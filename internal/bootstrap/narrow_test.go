package bootstrap_test

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// subject is a resource of harbour and what its kind's actions are about.
type subject struct {
	id      resource.ID
	arn     string
	params  resource.Attrs
	objects []string
}

func subjects() []subject {
	key := "arn:aws:kms:eu-west-1:" + number + ":key/relayer"
	return []subject{
		{resource.ID{Kind: "kms-key", Scope: "eu-west-1", Name: "relayer-signer-fuji"}, key, resource.Attrs{"alias": "alias/harbour-bank"}, []string{"key relayer", "alias eu-west-1:harbour-bank"}},
		{resource.ID{Kind: "secret-key", Scope: "eu-west-1", Name: "hexed"}, "", nil, []string{"secret harbour-hexed"}},
		{config.UserID("boat"), inIAM + "user" + ownPath + "boat", nil, []string{"user boat"}},
		{config.UserID("boat"), inIAM + "user" + ownPath + "boat", resource.Attrs{"group": "crew"}, []string{"user boat", "group crew"}},
		{config.GroupID("crew"), inIAM + "group" + ownPath + "crew", nil, []string{"group crew"}},
		{config.RoleID("relayer"), "", nil, []string{"role relayer"}},
		{config.PolicyID("legacy-policy"), inIAM + "policy/legacy-policy", nil, []string{"policy legacy-policy"}},
		{resource.ID{Kind: "access-key", Scope: "global", Name: "boat"}, "", nil, []string{"user boat", "secret boat-access-key"}},
		{resource.ID{Kind: "bucket", Scope: "eu-west-1", Name: "proofs"}, "arn:aws:s3:::acme-harbour-proofs", nil, []string{"bucket acme-harbour-proofs"}},
		{resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer-signer"}, "", nil, []string{"key bank", "secret harbour-hexbank"}},
	}
}

// narrowed is the standing account with a user who has the session's policy and
// nothing else: what a session may do is what both it and the role may.
func narrowed(t *testing.T, work ...bootstrap.Work) (*standing, bootstrap.Narrowed) {
	t.Helper()
	n, err := bootstrap.Narrow(harbour(), kinds.ActionsByKind(), work)
	if err != nil {
		t.Fatal(err)
	}
	s := newStanding(t)
	for i := range s.Keys {
		s.Keys[i].Policy = access.NewKeyPolicy(number, true, nil)
		if s.Keys[i].Tags != nil {
			s.Keys[i].Tags["reconcile:id"] = "kms-key/eu-west-1/" + strings.Replace(s.Keys[i].ID.Name, "relayer", "relayer-signer-fuji", 1)
		}
	}
	s.Directory.Users = append(s.Directory.Users, access.User{Entity: access.Entity{
		ARN: session, Name: "session", Inline: map[string]access.Document{"session": access.Read(n.Policy)},
	}})
	return s, n
}

const session = inIAM + "user/session"

// given reports whether the session's policy allows an action. What the policy of
// a secret says is not read, so that there the statement itself is looked for.
func (s *standing) given(n bootstrap.Narrowed, action string, o object) bool {
	if !strings.HasPrefix(o.name, "secret ") {
		return s.ask(session, action, o, nil) == access.Allowed
	}
	return concerns(action, o) && slices.ContainsFunc(access.Read(n.Policy).Statements, func(st access.Statement) bool {
		return slices.Contains(st.Actions, action) && slices.ContainsFunc(st.Resources.Texts(), func(pattern string) bool {
			matched, err := path.Match(pattern, o.arn)
			return matched && err == nil
		})
	})
}

func TestANarrowedSessionMayDoEachStepOfItsPlan(t *testing.T) {
	t.Parallel()
	for _, sub := range subjects() {
		for _, a := range kinds.ActionsByKind()[sub.id.Kind] {
			for _, op := range a.Ops {
				s, n := narrowed(t, bootstrap.Work{ID: sub.id, Op: op, ARN: sub.arn, Params: sub.params})
				if !n.ByObject {
					t.Errorf("%s %s does not fit", op, sub.id)
				}
				done := false
				for _, name := range append(sub.objects, "*") {
					done = done || s.given(n, a.Name, s.named(t, name)) && s.can(s.roleOf("apply"), a.Name, s.named(t, name), nil)
				}
				inGroup := strings.Contains(a.Name, "RemoveUserFromGroup") && sub.params == nil && sub.id.Kind == "iam-user"
				if !done && !inGroup && a.Name != "s3:PutObject" && !strings.Contains(a.Name, "UserToGroup") {
					t.Errorf("%s %s: may not %s", op, sub.id, a.Name)
				}
			}
		}
	}
}

// TestANarrowedSessionMayDoNothingElse: not to another key, not to other
// principals, never anything that the role itself may not.
func TestANarrowedSessionMayDoNothingElse(t *testing.T) {
	t.Parallel()
	for _, sub := range subjects() {
		ops := map[string]bool{}
		for _, a := range kinds.ActionsByKind()[sub.id.Kind] {
			for _, op := range a.Ops {
				ops[op] = true
			}
		}
		var work []bootstrap.Work
		for op := range ops {
			work = append(work, bootstrap.Work{ID: sub.id, Op: op, ARN: sub.arn, Params: sub.params})
		}
		s, n := narrowed(t, work...)
		for _, action := range acts() {
			for _, o := range s.objects {
				own := slices.Contains(sub.objects, o.name) || o.arn == "*" || strings.HasPrefix(o.name, "object acme-harbour-journal") ||
					strings.HasPrefix(o.name, "alias ") && sub.id.Kind == "kms-key" || sub.id.Kind == "funding" && action == "kms:Sign"
				if !harmless(action) && !own && s.given(n, action, o) {
					t.Errorf("plan of %s: %s on %s", sub.id, action, o.name)
				}
			}
		}
	}
}

// TestANewKeyIsHeldByItsMark: before it exists it has no ARN. Other keys of the
// region carry other marks.
func TestANewKeyIsHeldByItsMark(t *testing.T) {
	t.Parallel()
	id := resource.ID{Kind: "kms-key", Scope: "eu-west-1", Name: "relayer-signer-fuji"}
	s, n := narrowed(t, bootstrap.Work{ID: id, Op: "create-key"}, bootstrap.Work{ID: id, Op: "create-alias", Params: resource.Attrs{"alias": "alias/harbour-relayer-signer-fuji"}}, bootstrap.Work{ID: id, Op: "put-policy"})
	for name, may := range map[string]bool{"key relayer": true, "key bank": false, "key attestation": false, "key marina": false} {
		if have := s.ask(session, "kms:PutKeyPolicy", s.named(t, name), nil) == access.Allowed; have != may {
			t.Errorf("kms:PutKeyPolicy on %s: %t\n%s", name, have, n.Policy)
		}
	}
	if s.ask(session, "kms:CreateKey", s.named(t, "*"), nil) != access.Allowed || s.ask(session, "kms:EnableKey", s.named(t, "key relayer"), nil) == access.Allowed {
		t.Error(n.Policy)
	}
}

func TestALargePlanIsHeldToItsActions(t *testing.T) {
	t.Parallel()
	var work []bootstrap.Work
	for i := range 60 {
		id := config.RoleID(fmt.Sprintf("relayer-%d", i))
		work = append(work, bootstrap.Work{ID: id, Op: "create-role"}, bootstrap.Work{ID: id, Op: "attach-policy"})
	}
	s, n := narrowed(t, work...)
	if n.ByObject || len(n.Policy) > 2048 || !json.Valid([]byte(n.Policy)) {
		t.Fatalf("%d characters by object: %t", len(n.Policy), n.ByObject)
	}
	if s.ask(session, "iam:CreateRole", s.named(t, "role relayer"), nil) != access.Allowed || s.ask(session, "kms:PutKeyPolicy", s.named(t, "key relayer"), nil) == access.Allowed {
		t.Error(n.Policy)
	}
	// The largest plan there can be: every operation of every kind.
	for _, sub := range subjects() {
		for _, a := range kinds.ActionsByKind()[sub.id.Kind] {
			for _, op := range a.Ops {
				work = append(work, bootstrap.Work{ID: sub.id, Op: op})
			}
		}
	}
	if n, err := bootstrap.Narrow(harbour(), kinds.ActionsByKind(), work); err != nil || len(n.Policy) > 2048 {
		t.Errorf("%d characters: %v", len(n.Policy), err)
	}
	if _, err := bootstrap.Narrow(harbour(), kinds.ActionsByKind(), []bootstrap.Work{{ID: resource.ID{Kind: "moon", Scope: "sky", Name: "full"}}}); err == nil {
		t.Error("a kind that nobody knows is narrowed to nothing in silence")
	}
}
