package resource_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

func id(name string) resource.ID { return resource.ID{Kind: "kms-key", Scope: "us-west-2", Name: name} }

// spec is a kind's own struct, with every shape that kinds use.
type spec struct {
	Alias   string            `json:"alias"`
	Address resource.Value    `json:"address"`
	Tags    map[string]string `json:"tags,omitempty"`
	Members []resource.Value  `json:"members"`
	Age     int64             `json:"age"`
	Adopt   bool              `json:"adopt,omitempty"`
}

func TestAKindsOwnStructSurvivesTheWayThroughAttrs(t *testing.T) {
	t.Parallel()
	want := spec{
		Alias: "alias/<staging>&co", Address: resource.RefTo(id("bank"), "address"), Tags: map[string]string{"reconcile:id": "x"},
		Members: []resource.Value{resource.Literal("0x01"), resource.RefTo(id("relayer"), "address"), resource.Literal("")}, Age: 9007199254740993, Adopt: true,
	}
	attrs, err := resource.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got spec
	if err := attrs.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-before +after)\n%s", d)
	}
	if len(attrs.Refs()) != 2 {
		t.Errorf("refs %v", attrs.Refs())
	}
}

func TestAFieldThatTheStructDoesNotHaveIsAnError(t *testing.T) {
	t.Parallel()
	if err := (resource.Attrs{"alias": "a", "aliass": "b"}).Decode(new(spec)); err == nil || !strings.Contains(err.Error(), "aliass") {
		t.Errorf("error %v", err)
	}
}

// randomValue makes any value that attributes can hold.
func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(7); {
	case n == 0:
		return r.IntN(2) == 0
	case n == 1:
		return json.Number(fmt.Sprint(r.Uint64()))
	case n == 2:
		return resource.Ref{ID: id(fmt.Sprintf("n%d", r.IntN(5))), Output: []string{"arn", "address"}[r.IntN(2)]}
	case n == 3 && depth > 0:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, depth-1)
		}
		return list
	case n == 4 && depth > 0:
		return map[string]any(randomAttrs(r, depth-1))
	case n == 5:
		return nil
	default:
		return []string{"", "115792089237316195423570985008687907853", "<&>\u2028", "ü", "$ref", "a/b/c#d"}[r.IntN(6)]
	}
}

func randomAttrs(r *rand.Rand, depth int) resource.Attrs {
	attrs := resource.Attrs{}
	for range r.IntN(5) {
		attrs[fmt.Sprintf("key%d", r.IntN(9))] = randomValue(r, depth)
	}
	return attrs
}

func TestAttrsSurviveTheirJSONForm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		attrs := randomAttrs(rand.New(rand.NewPCG(seed, 1)), 3)
		data, err := resource.Canonical(attrs)
		if err != nil {
			t.Fatal(err)
		}
		back, err := resource.ParseAttrs(data)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := cmp.Diff(attrs, back); d != "" {
			t.Fatalf("seed %d: (-before +after)\n%s", seed, d)
		}
		again, err := resource.Canonical(back)
		if err != nil || string(again) != string(data) {
			t.Fatalf("seed %d: %s became %s (%v)", seed, data, again, err)
		}
	}
}

func TestACloneSharesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		attrs := randomAttrs(r, 3)
		before, _ := resource.Canonical(attrs)
		spoil(map[string]any(attrs.Clone()))
		if after, _ := resource.Canonical(attrs); string(after) != string(before) {
			t.Fatalf("seed %d: %s became %s", seed, before, after)
		}
	}
	if resource.Attrs(nil).Clone() != nil {
		t.Error("a clone of nothing is something")
	}
}

func spoil(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, element := range v {
			spoil(element)
		}
		v["spoilt"] = true
	case []any:
		for i, element := range v {
			spoil(element)
			v[i] = "spoilt"
		}
	}
}

func TestResolveFillsInWhatIsKnownAndNamesTheRest(t *testing.T) {
	t.Parallel()
	known, unknown := resource.Ref{ID: id("a"), Output: "address"}, resource.Ref{ID: id("b"), Output: "address"}
	attrs := resource.Attrs{"to": known, "list": []any{unknown, map[string]any{"deep": known}}}
	got, missing := attrs.Resolve(func(r resource.Ref) (string, bool) { return "0x01", r == known })
	want := resource.Attrs{"to": "0x01", "list": []any{unknown, map[string]any{"deep": "0x01"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]resource.Ref{unknown}, missing); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]resource.Ref{known, unknown}, attrs.Refs()); d != "" {
		t.Errorf("the original was changed, or refs are not sorted and single: %s", d)
	}
}

func TestWhatIsNotAttributesIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `[]`, `"x"`, `1`, `{"a":1} {"b":2}`, `{"a":1}]`, `{"a":`, `{"$ref":"a/b/c#d"}`, `{"a":{"$ref":1}}`, `{"a":{"$ref":"a/b/c#d","more":1}}`, `{"a":[{"$ref":"a/b"}]}`,
	} {
		if attrs, err := resource.ParseAttrs([]byte(text)); err == nil {
			t.Errorf("%s reads as %v", text, attrs)
		}
	}
}

func TestAValueIsALiteralOrARef(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]resource.Value{
		`"0x01"`: resource.Literal("0x01"),
		` {"$ref":"kms-key/us-west-2/a#address"}`: resource.RefTo(id("a"), "address"),
		`""`: resource.Literal(""),
	} {
		got := resource.RefTo(id("old"), "arn")
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
		if got.Known() != (want.Ref == nil) {
			t.Errorf("%s: known %t", text, got.Known())
		}
	}
	if got := resource.RefTo(id("a"), "address").String(); got != "kms-key/us-west-2/a#address" {
		t.Errorf("prints %q", got)
	}
	for _, text := range []string{`1`, `[]`, `{}`, `{"$ref":"a"}`, `{"$ref":"a/b/c#d","x":"y"}`} {
		var v resource.Value
		if err := json.Unmarshal([]byte(text), &v); err == nil {
			t.Errorf("%s reads as %v", text, v)
		}
	}
}

// FuzzParseAttrs holds that what is read has one canonical form, and that this
// form reads as the same attributes.
func FuzzParseAttrs(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"a":1e999}`, `{"a":{"$ref":"a/b/c#d"}}`, `{"a":[1,{"b":null}]}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `{"$ref":"a/b/c#d"}`, `{"a":-0.0}`,
		"{\"a\":\"\xff\"}", `{"a":{"$ref":"a/b/<#d"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		attrs, err := resource.ParseAttrs(data)
		if err != nil {
			return
		}
		canonical, err := resource.Canonical(attrs)
		if err != nil {
			t.Fatalf("read, but cannot be written: %v", err)
		}
		back, err := resource.ParseAttrs(canonical)
		if err != nil {
			t.Fatalf("%s: %v", canonical, err)
		}
		if d := cmp.Diff(attrs, back); d != "" {
			t.Errorf("(-before +after)\n%s", d)
		}
		again, err := resource.Canonical(back)
		if err != nil || string(again) != string(canonical) {
			t.Errorf("%s became %s, %v", canonical, again, err)
		}
		attrs.Refs()
		if clone, err := resource.Canonical(attrs.Clone()); err != nil || string(clone) != string(canonical) {
			t.Errorf("the clone of %s is %s, %v", canonical, clone, err)
		}
	})
}

func TestPlainAttributesHaveOneFormMadeOrRead(t *testing.T) {
	t.Parallel()
	type document struct{ Version, Body string }
	made := resource.Attrs{"document": document{"z", "a"}, "list": []string{"b"}, "value": resource.RefTo(resource.ID{Kind: "k", Scope: "s", Name: "n"}, "arn"), "n": 7}
	plain, err := made.Plain()
	if err != nil {
		t.Fatal(err)
	}
	first, err := resource.Canonical(plain)
	if err != nil {
		t.Fatal(err)
	}
	read, err := resource.ParseAttrs(first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := resource.Canonical(read)
	if err != nil || string(first) != string(again) || string(first) != `{"document":{"Body":"a","Version":"z"},"list":["b"],"n":7,"value":{"$ref":"k/s/n#arn"}}` {
		t.Errorf("made %s\nread %s, %v", first, again, err)
	}
}
