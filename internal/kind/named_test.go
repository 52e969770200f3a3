package kind_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func idOf(name string) resource.ID { return resource.ID{Kind: "box", Scope: "here", Name: name} }

func marked(name string) kind.Live {
	return kind.Live{Scope: "here", Tags: kind.MarkTags("staging", idOf(name))}
}

// filed tells what was found in one line.
func filed(n kind.Named, live map[string]kind.Live) string {
	n.Kind, n.Environment = "box", "staging"
	found, facts := n.File(live)
	var words []string
	for _, f := range found {
		whose := "not ours"
		if f.Ours {
			whose = "ours"
		}
		words = append(words, f.ID.Name+" is "+f.Name+", "+whose)
	}
	for _, f := range facts {
		words = append(words, f.Name+" "+f.ID.Name+": "+f.Value)
	}
	return strings.Join(words, "; ")
}

func TestALiveObjectStandsForTheIDOfItsMark(t *testing.T) {
	t.Parallel()
	declared := map[resource.ID]string{idOf("a"): "box-a", idOf("b"): "box-b"}
	elsewhere := kind.Live{Scope: "there", Tags: marked("a").Tags}
	for name, c := range map[string]struct {
		live map[string]kind.Live
		only []resource.ID
		want string
	}{
		"as declared":           {live: map[string]kind.Live{"box-a": marked("a"), "box-b": marked("b")}, want: "a is box-a, ours; b is box-b, ours"},
		"not there":             {},
		"no mark":               {live: map[string]kind.Live{"box-a": {Scope: "here"}, "other": {Scope: "here"}}, want: "a is box-a, not ours"},
		"of another name":       {live: map[string]kind.Live{"box-old": marked("a")}, want: "a is box-old, ours"},
		"not declared any more": {live: map[string]kind.Live{"box-c": marked("c")}, want: "c is box-c, ours"},
		"two for one id":        {live: map[string]kind.Live{"a-copy": marked("a"), "box-a": marked("a")}, want: "a is box-a, ours; duplicate a: a-copy box-a"},
		"two, none declared":    {live: map[string]kind.Live{"y": marked("a"), "x": marked("a")}, want: "a is x, ours; duplicate a: x y"},
		"the mark of another":   {live: map[string]kind.Live{"box-a": marked("b")}, want: "b is box-a, ours; a is box-a, not ours"},
		"marked for elsewhere":  {live: map[string]kind.Live{"box-a": elsewhere}, want: "box-a is box-a, ours; a is box-a, not ours"},
		"asked for one":         {live: map[string]kind.Live{"box-a": marked("a"), "box-b": {Scope: "here"}, "x": marked("a")}, only: []resource.ID{idOf("b")}, want: "b is box-b, not ours"},
		"asked for none":        {live: map[string]kind.Live{"box-a": marked("a")}, only: []resource.ID{}},
	} {
		if have := filed(kind.Named{Declared: declared, Only: c.only}, c.live); have != c.want {
			t.Errorf("%s: have %q\nwant %q", name, have, c.want)
		}
	}
}

func TestEachDeclaredResourceIsJudgedBesideItsOwnLiveOneAndItsOwnFacts(t *testing.T) {
	t.Parallel()
	var desired, observed []kind.Object[string]
	var facts []resource.Fact
	for _, name := range []string{"a", "b", "c"} {
		desired = append(desired, kind.Object[string]{ID: idOf(name), Spec: "want " + name})
		facts = append(facts, resource.Fact{ID: idOf(name), Name: "of", Value: name})
	}
	for _, name := range []string{"c", "x", "a"} {
		observed = append(observed, kind.Object[string]{ID: idOf(name), Spec: "have " + name})
	}
	judge := func(have, want *kind.Object[string], about []resource.Fact) []resource.Finding {
		reason := want.Spec + " nothing"
		if have != nil {
			reason = want.Spec + " " + have.Spec
		}
		for _, f := range about {
			reason += " " + f.Value
		}
		return []resource.Finding{{Reason: reason}}
	}
	var have []string
	for _, f := range kind.CheckEach(judge)(desired, observed, facts) {
		have = append(have, f.Reason)
	}
	if want := []string{"want a have a a", "want b nothing b", "want c have c c"}; !slices.Equal(have, want) {
		t.Errorf("judged %q", have)
	}
}

func TestOnlyWhatIsOursOrAdoptedIsWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		have   string
		adopt  bool
		adopts bool
		why    string
	}{
		{have: "staging"}, {have: "staging", adopt: true}, {adopt: true, adopts: true},
		{why: "the box does not carry our mark"},
		{have: "production x", adopt: true, why: "the box carries the mark of production x"},
	} {
		adopts, err := kind.Standing("box", c.have, "staging", c.adopt)
		later := (*kind.DeferredError)(nil)
		if adopts != c.adopts || (err == nil) != (c.why == "") || err != nil && (!errors.As(err, &later) || later.Reason != c.why) {
			t.Errorf("%+v: adopts %v, %v", c, adopts, err)
		}
	}
}

func TestAStepIsOnlyDoneOnWhatCarriesItsMark(t *testing.T) {
	t.Parallel()
	env := &config.Environment{Name: "staging"}
	for name, c := range map[string]struct {
		op   string
		tags map[string]string
		good bool
	}{
		"ours":                    {"tag", marked("a").Tags, true},
		"ours, adopted again":     {kind.AdoptOp, marked("a").Tags, true},
		"nobody's":                {"tag", map[string]string{"team": "bridge"}, false},
		"nobody's, adopted":       {kind.AdoptOp, map[string]string{"team": "bridge"}, true},
		"another's of ours":       {"tag", marked("b").Tags, false},
		"somebody's":              {"tag", kind.MarkTags("production", idOf("a")), false},
		"somebody's, adopted":     {kind.AdoptOp, kind.MarkTags("production", idOf("a")), false},
		"half a mark, adopted":    {kind.AdoptOp, map[string]string{kind.TagID: "x"}, false},
		"the other half, adopted": {kind.AdoptOp, map[string]string{kind.TagEnvironment: "production"}, false},
	} {
		err := kind.Guard(kind.Resolved{Step: resource.Step{Op: c.op, ID: idOf("a")}, Environment: env}, "box 1")(c.tags)
		if (err == nil) != c.good || err != nil && !strings.HasPrefix(err.Error(), "box 1 carries the mark \""+kind.MarkOf(c.tags, "", false)+"\", need that of staging box/here/a") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParametersArePlainAndKeepTheirRefs(t *testing.T) {
	t.Parallel()
	ref := resource.RefTo(config.UserID("ada"), "arn")
	param := kind.Param(map[string]any{"who": ref})
	if refs := (resource.Attrs{"p": param}).Refs(); len(refs) != 1 || refs[0] != *ref.Ref {
		t.Errorf("refs %v of %#v", refs, param)
	}
	if have := kind.ParamText(struct {
		B bool `json:"b"`
		A int  `json:"a"`
	}{true, 1}); have != `{"a":1,"b":true}` {
		t.Errorf("text %s", have)
	}
	if have := kind.Param(func() {}); have != nil {
		t.Errorf("a function has the form %v", have)
	}
}

func TestOnlyPrincipalsThatAreMadeHereAreRefs(t *testing.T) {
	t.Parallel()
	user := config.User{Name: "ada", Path: "/reconcile/staging/"}
	env := &config.Environment{AWS: config.AWS{Account: "111122223333"}, Access: &config.Access{Users: []config.User{user}}}
	const other = "arn:aws:iam::444455556666:role/processor"
	have := kind.PrincipalValues(env, []string{other, user.ARN("111122223333")})
	want := access.Values{resource.Literal(other), resource.RefTo(config.UserID("ada"), "arn")}
	if !slices.EqualFunc(have, want, func(a, b resource.Value) bool { return a.String() == b.String() }) {
		t.Errorf("values %v, want %v", have, want)
	}
}

func TestTagsWithoutAValueAreLeftOutAndOthersAreNotTouched(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		tags := map[string]string{}
		for _, name := range []string{"agent", "role", "use"} {
			tags[name] = strings.Repeat("v", random.IntN(2))
		}
		filled := kind.Filled(maps.Clone(tags))
		for name, value := range tags {
			if have, there := filled[name]; there != (value != "") || have != value {
				t.Fatalf("%v of %v", filled, tags)
			}
		}
		protected := kind.Protected(filled, true)
		if protected[kind.TagProtect] != "true" || len(protected) != len(filled)+1 || !maps.Equal(kind.Protected(filled, false), filled) {
			t.Fatalf("protected %v of %v", protected, filled)
		}
	}
}
