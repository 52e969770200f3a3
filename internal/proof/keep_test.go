package proof_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/proof"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	member   = "0x52908400098527886E0F7030069857D2E4169EE7"
	stranger = "0x8617E340B3D01FA5F11F6F4F5B2Ae5E1f4d2aC36"
	bucket   = "arn:aws:s3:::quay-harbour-validator"
)

func setID(destination, origin string) resource.ID {
	return resource.ID{Kind: "validator-set", Scope: destination, Name: origin}
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// world is two destinations of fuji that ask others to sign, and a key of fuji
// that left a week ago.
func world(t *testing.T) (proof.Chains, proof.Held) {
	t.Helper()
	set := func(id resource.ID, members string) resource.Resource {
		return resource.Resource{ID: id, Attrs: attrs(t, `{"type":"message-id","threshold":1,"members":[`+members+`],"ism":"0x03","path":{"set":{}}}`)}
	}
	observed, err := resource.NewSet(set(setID("sepolia", "fuji"), `"`+stranger+`"`), set(setID("mumbai", "fuji"), `"`+stranger+`"`))
	if err != nil {
		t.Fatal(err)
	}
	safe := resource.ID{Kind: "safe", Scope: "sepolia", Name: "governance"}
	declared := resource.Set{safe: {ID: safe}}
	observed[safe] = resource.Resource{ID: safe, Attrs: attrs(t, `{"owners":["`+stranger+`"],"threshold":1}`)}
	for id := range observed {
		declared[id] = resource.Resource{ID: id}
	}
	return proof.Chains{
			Declared: declared, Previous: declared, Observed: observed, Retired: map[string]bool{}, Domains: map[string]uint32{"fuji": 43113, "sepolia": 11155111},
			Departures: map[string]proof.Departure{"fuji": {Grace: 24 * time.Hour, Since: noon().Add(-7 * 24 * time.Hour)}},
			Route:      "0x13ad7ec9", Repoints: []string{"0xe8ed9200"}, Now: noon(),
		},
		proof.Held{Key: keyID(), Address: member, Networks: []string{"fuji"}, Attests: true, Known: true}
}

func TestAKeyIsKeptWhileItsAddressStandsSomewhereOrMay(t *testing.T) {
	t.Parallel()
	governance := resource.ID{Kind: "safe", Scope: "sepolia", Name: "governance"}
	home := resource.ID{Kind: "contract", Scope: "sepolia", Name: "replica"}
	routeOf := func(domain string) resource.Fact {
		return resource.Fact{ID: governance, Name: "proposal 0xaa", Value: `{"nonce":3,"calls":[{"to":"0x01","data":"0x13ad7ec9` + strings.Repeat("0", 64-len(domain)) + domain + strings.Repeat("0", 64) + `"}]}`}
	}
	for name, c := range map[string]struct {
		with func(*proof.Chains, *proof.Held)
		want string // part of the first reason; empty: free to go
	}{
		"nothing names it": {func(*proof.Chains, *proof.Held) {}, ""},
		"one set still asks": {func(c *proof.Chains, _ *proof.Held) {
			c.Observed[setID("mumbai", "fuji")].Attrs["members"] = []any{stranger, strings.ToLower(member)}
		}, "0x529084…169EE7 still stands in validator-set/mumbai/fuji: it may still be asked to sign"},
		"a set was not read": {func(c *proof.Chains, _ *proof.Held) { c.Unread = []resource.Unread{{Scope: "mumbai"}} }, "it may stand in validator-set/mumbai/fuji, which was not read"},
		"a set of another origin was not read": {func(c *proof.Chains, k *proof.Held) {
			id := setID("mumbai", "sepolia")
			c.Declared[id] = resource.Resource{ID: id}
		}, ""},
		"a set of another origin was not read, and no configuration knows the key": {func(c *proof.Chains, k *proof.Held) {
			id := setID("mumbai", "sepolia")
			c.Declared[id], k.Known = resource.Resource{ID: id}, false
		}, "validator-set/mumbai/sepolia"},
		"a set left the configuration with it": {func(c *proof.Chains, _ *proof.Held) {
			id := setID("arbitrum", "fuji")
			c.Previous = resource.Set{id: {ID: id}}
		}, "validator-set/arbitrum/fuji, which is not declared any more"},
		"that set's network is retired": {func(c *proof.Chains, _ *proof.Held) {
			id := setID("arbitrum", "fuji")
			c.Previous, c.Retired = resource.Set{id: {ID: id}}, map[string]bool{"arbitrum": true}
		}, ""},
		"nobody can tell whom a module asks": {func(c *proof.Chains, _ *proof.Held) {
			delete(c.Observed[setID("mumbai", "fuji")].Attrs, "ism")
		}, "does not tell whom it asks to sign"},
		"nothing is delivered there": {func(c *proof.Chains, _ *proof.Held) {
			delete(c.Observed[setID("mumbai", "fuji")].Attrs, "ism")
			c.Observed[setID("mumbai", "fuji")].Attrs["path"] = map[string]any{"absent": true}
		}, ""},
		"it owns a Safe": {func(c *proof.Chains, k *proof.Held) {
			c.Observed[governance].Attrs["owners"] = []any{member}
			k.Attests = false
		}, "still stands in safe/sepolia/governance"},
		"it is an updater": {func(c *proof.Chains, k *proof.Held) {
			c.Observed[home] = resource.Resource{ID: home, Attrs: resource.Attrs{"parameters": map[string]any{"updater": member}}}
			k.Attests = false
		}, "still stands in contract/sepolia/replica"},
		"it is a watcher by the events of a contract": {func(c *proof.Chains, k *proof.Held) {
			c.Observed[home] = resource.Resource{ID: home, Attrs: resource.Attrs{"scans": map[string]any{"watchers": []any{[]any{"1", member}}}}}
		}, "still stands in contract/sepolia/replica"},
		"an unread contract names it in the configuration": {func(c *proof.Chains, k *proof.Held) {
			c.Previous = resource.Set{home: {ID: home, Attrs: resource.Attrs{"parameters": map[string]any{"updater": resource.Ref{ID: keyID(), Output: "address"}}}}}
			k.Attests = false
		}, "contract/sepolia/replica"},
		"it owns what must change": {func(c *proof.Chains, k *proof.Held) {
			c.Facts = []resource.Fact{{ID: setID("mumbai", "fuji"), Name: "owner", Value: "key owner-0 " + member}}
		}, "still stands in validator-set/mumbai/fuji"},
		"a proposal names it": {func(c *proof.Chains, k *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "proposal 0xaa", Value: `{"nonce":3,"calls":[{"to":"0x01","data":"0x12345678000000000000000000000000` + member[2:] + `"}]}`}}
			k.Attests = false
		}, "proposal 0xaa of safe/sepolia/governance can still be executed and names its address"},
		"a proposal sets the module of its origin":     {func(c *proof.Chains, _ *proof.Held) { c.Facts = []resource.Fact{routeOf("a869")} }, "changes who is asked to sign"},
		"a proposal sets the module of another origin": {func(c *proof.Chains, _ *proof.Held) { c.Facts = []resource.Fact{routeOf("aa36a7")} }, ""},
		"a proposal changes all origins": {func(c *proof.Chains, _ *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "proposal 0xaa", Value: `{"nonce":3,"calls":[{"to":"0x01","data":"0xe8ed9200"}]}`}}
		}, "changes who is asked to sign"},
		"a proposal does something else": {func(c *proof.Chains, _ *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "proposal 0xaa", Value: `{"nonce":3,"calls":[{"to":"0x01","data":"0x99999999"}]}`}}
		}, ""},
		"a proposal cannot be read": {func(c *proof.Chains, _ *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "proposal 0xaa", Value: `{`}}
		}, "holds a proposal that cannot be read"},
		"somebody else's proposal waits": {func(c *proof.Chains, _ *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "foreign 0xbb", Value: `{"nonce":3,"effects":["unknown method"]}`}}
		}, "proposal 0xbb of safe/sepolia/governance can still be executed and is not ours"},
		"the queue of a Safe was not read": {func(c *proof.Chains, _ *proof.Held) {
			c.Facts = []resource.Fact{{ID: governance, Name: "queue", Value: "unread"}}
		}, "has a queue that was not read"},
		"its own address was not read": {func(_ *proof.Chains, k *proof.Held) { k.Address = "" }, "was not read, so it may stand in any set"},
		"it pays":                      {func(_ *proof.Chains, k *proof.Held) { k.Pays = []string{"fuji"} }, "is the bank of fuji"},
		"messages may be in flight": {func(c *proof.Chains, _ *proof.Held) {
			c.Departures["fuji"] = proof.Departure{Grace: 24 * time.Hour, Since: noon().Add(-24*time.Hour + time.Second)}
		}, "messages from fuji may be in flight until 2026-03-01 12:00 UTC: its set is in force since 2026-02-28 12:00 UTC, grace 24h"},
		"the grace has just ended": {func(c *proof.Chains, _ *proof.Held) {
			c.Departures["fuji"] = proof.Departure{Grace: 24 * time.Hour, Since: noon().Add(-24 * time.Hour)}
		}, ""},
		"nobody knows since when": {func(c *proof.Chains, _ *proof.Held) {
			c.Departures["fuji"] = proof.Departure{Grace: 24 * time.Hour}
		}, "begins with the next apply"},
		"another origin's grace": {func(c *proof.Chains, _ *proof.Held) {
			c.Departures["sepolia"] = proof.Departure{Grace: 24 * time.Hour}
		}, ""},
		"a key that attests nothing has no grace": {func(c *proof.Chains, k *proof.Held) {
			c.Departures["fuji"], k.Attests = proof.Departure{Grace: 24 * time.Hour}, false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chains, key := world(t)
			c.with(&chains, &key)
			got := proof.Stand(chains).Why(key)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("is kept: %q", got)
			case c.want != "" && (len(got) == 0 || !strings.Contains(got[0], c.want)):
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func removal(t *testing.T, kind, name string, outputs resource.Outputs, waits ...resource.ID) plan.Change {
	t.Helper()
	return plan.Change{
		ID: global(kind, name), Action: plan.Delete, Before: &plan.State{Attrs: attrs(t, `{"name":"`+name+`"}`), Outputs: outputs},
		Steps: []resource.Step{{Op: "delete-" + kind}}, Waits: waits,
	}
}

func TestAMemberLeavesWithAllThatItHasOrNotAtAll(t *testing.T) {
	t.Parallel()
	role := removal(t, "iam-role", "harbour-relayer", resource.Outputs{"arn": roleARN})
	policy := removal(t, "iam-policy", "old", resource.Outputs{"arn": oldARN}, role.ID)
	other := removal(t, "iam-policy", "elsewhere", resource.Outputs{"arn": newARN})
	waits := removal(t, "iam-group", "afterwards", nil, policy.ID)
	in := input(t, running(t), resource.Set{keyID(): delegated(t)}, role, policy, other, waits)
	bearer := proof.Bearer{Key: keyID(), Why: []string{"0x52… still stands in validator-set/sepolia/fuji", "more", "more"}, Ran: []string{roleARN}}

	got := proof.Keep(in, []proof.Bearer{bearer})
	if len(got.Changes) != 1 || got.Changes[0].ID != other.ID {
		t.Errorf("left in the plan: %v", got.Changes)
	}
	reason := "relayer-signer-fuji: 0x52… still stands in validator-set/sepolia/fuji, and 2 more reasons"
	want := []plan.Deferred{{ID: role.ID, Reason: reason}, {ID: policy.ID, Reason: reason}, {ID: waits.ID, Reason: "waits for " + policy.ID.String() + ": " + reason}}
	if !slices.Equal(got.Deferred, want) {
		t.Errorf("put off:\n%v\nwant\n%v", got.Deferred, want)
	}
	if found := rules(got.Findings); !slices.Equal(found, []string{"key-in-use iam-policy/global/old", "key-in-use iam-role/global/harbour-relayer"}) || got.Findings[0].Severity != resource.Acknowledge {
		t.Errorf("found %v", got.Findings)
	}

	bearer.Why = nil
	if got := proof.Keep(in, []proof.Bearer{bearer}); len(got.Changes) != 4 || len(got.Deferred)+len(got.Findings) > 0 {
		t.Errorf("it has left, and still: %+v", got)
	}
}

func TestWhoTakesAKeyOverLetsTheOldOneGo(t *testing.T) {
	t.Parallel()
	live := running(t)
	const next = "arn:aws:iam::" + account + ":role/reconcile/harbour/next"
	live.Roles = append(live.Roles, access.Role{Entity: access.Entity{ARN: next, Name: "next", Path: "/reconcile/harbour/", Attached: []string{oldARN}}, Trust: read(t, trust())})
	in := input(t, live, resource.Set{keyID(): delegated(t)}, removal(t, "iam-role", "harbour-relayer", resource.Outputs{"arn": roleARN}))
	bearer := proof.Bearer{Key: keyID(), Why: []string{"stands"}, Runs: []string{next}, Ran: []string{roleARN}}
	if got := proof.Keep(in, []proof.Bearer{bearer}); len(got.Deferred) > 0 {
		t.Errorf("another role runs it: %v", got.Deferred)
	}
	bearer.Runs = []string{next + "-that-is-not-there"}
	if got := proof.Keep(in, []proof.Bearer{bearer}); len(got.Deferred) != 1 {
		t.Errorf("nobody else can: %+v", got)
	}
}

func TestTheWayToARightIsKeptWithIt(t *testing.T) {
	t.Parallel()
	const user = "arn:aws:iam::" + account + ":user/validator-2"
	live := running(t)
	live.Users = []access.User{{Entity: access.Entity{ARN: user, Name: "validator-2", Path: "/", Attached: []string{oldARN}}}}
	bearer := proof.Bearer{Key: keyID(), Why: []string{"stands"}, Ran: []string{user, roleARN}}
	trusts := roleChange(t, `"`+oldARN+`"`, `"`+oldARN+`"`)
	trusts.Fields = []plan.FieldChange{{Path: "trust"}}
	for name, c := range map[string]struct {
		change plan.Change
		runs   []string
		want   int
	}{
		"its access key":                        {removal(t, "access-key", "validator-2", nil), nil, 1},
		"the access key of somebody else":       {removal(t, "access-key", "person", nil), nil, 0},
		"its access key, and a role runs it":    {removal(t, "access-key", "validator-2", nil), []string{roleARN}, 0},
		"who may assume its role":               {trusts, nil, 1},
		"who may assume a role that goes on":    {trusts, []string{roleARN}, 0},
		"who may assume it, and a user runs it": {trusts, []string{user}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bearer
			b.Runs = c.runs
			if got := proof.Keep(input(t, live, resource.Set{keyID(): delegated(t)}, c.change), []proof.Bearer{b}); len(got.Deferred) != c.want {
				t.Errorf("put off %v, want %d", got.Deferred, c.want)
			}
		})
	}
}

func TestWhereAMemberPublishesIsKeptWithIt(t *testing.T) {
	t.Parallel()
	writes := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["` + roleARN + `"]},"Action":["s3:PutObject"],"Resource":["` + bucket + `/*"]}]}`
	id := resource.ID{Kind: "bucket", Scope: "us-west-2", Name: "validator"}
	was := attrs(t, `{"bucket":"quay-harbour-validator","policy":`+writes+`}`)
	none := attrs(t, `{"bucket":"quay-harbour-validator","policy":{"Version":"2012-10-17","Statement":[]}}`)
	closing := plan.Change{ID: id, Action: plan.Update, Before: &plan.State{Attrs: was}, After: none, Steps: []resource.Step{{Op: "narrow-policy"}}, Fields: []plan.FieldChange{{Path: "policy"}}}
	observed := resource.Set{keyID(): delegated(t), id: {ID: id, Attrs: was}}
	bearer := proof.Bearer{Key: keyID(), Why: []string{"stands"}, Ran: []string{roleARN}, Writes: map[string][]string{roleARN: {bucket + "/x"}}}
	if got := proof.Keep(input(t, running(t), observed, closing), []proof.Bearer{bearer}); len(got.Deferred) != 1 || got.Deferred[0].ID != id {
		t.Errorf("put off %v", got.Deferred)
	}
	if got := proof.Keep(input(t, nil, observed, closing), []proof.Bearer{bearer}); len(got.Deferred) != 1 {
		t.Errorf("IAM was not read, and still: %v", got.Deferred)
	}
	bearer.Writes = nil
	if got := proof.Keep(input(t, running(t), observed, closing), []proof.Bearer{bearer}); len(got.Deferred) != 0 {
		t.Errorf("it publishes elsewhere: %v", got.Deferred)
	}
}

func TestAKeyInUseIsNotRetired(t *testing.T) {
	t.Parallel()
	bearer := proof.Bearer{Key: keyID(), Why: []string{"stands"}}
	for _, op := range []string{"disable-key", "retire-key", "schedule-deletion", "tag-key"} {
		c := plan.Change{ID: keyID(), Action: plan.Update, Before: &plan.State{Outputs: resource.Outputs{"arn": keyARN}}, Steps: []resource.Step{{Op: op}}}
		got := proof.Keep(input(t, running(t), resource.Set{keyID(): delegated(t)}, c), []proof.Bearer{bearer})
		if refused := len(got.Findings) == 1 && got.Findings[0].Severity == resource.Refuse; refused != (op != "tag-key") || len(got.Changes) != 1 {
			t.Errorf("%s: %+v", op, got)
		}
	}
}

// A key that nobody knows any more, and one that was not read, keep those who
// may still run them.
func TestWhatIsNotKnownIsKept(t *testing.T) {
	t.Parallel()
	role := removal(t, "iam-role", "harbour-relayer", resource.Outputs{"arn": roleARN})
	in := input(t, running(t), resource.Set{keyID(): delegated(t)}, role)
	in.Managed = []string{oldARN, roleARN}
	if got := proof.Keep(in, []proof.Bearer{{Key: keyID(), Why: []string{"stands"}, Anyone: true}}); len(got.Deferred) != 1 {
		t.Errorf("an undeclared key: %+v", got)
	}
	in = input(t, running(t), resource.Set{}, role)
	if got := proof.Keep(in, []proof.Bearer{{Key: keyID(), Why: []string{"was not read"}, Ran: []string{roleARN}}}); len(got.Deferred) != 1 {
		t.Errorf("an unread key: %+v", got)
	}
}
