package plan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// leavesOf gives, for each leaf of a plan's file, the plan in which that leaf
// alone is another, sealed. What Seal takes from elsewhere is not asked.
func leavesOf(t *testing.T, p *plan.Plan) map[string]*plan.Plan {
	t.Helper()
	data := encoded(t, p)
	moved := map[string]*plan.Plan{}
	var paths []string
	eachLeaf(parse(t, data), "", func(path string, _ any) any { paths = append(paths, path); return nil })
	for _, path := range paths {
		if path == "digest" || path == "changesDigest" {
			continue
		}
		tree := eachLeaf(parse(t, data), "", func(at string, leaf any) any {
			if at == path {
				return another(leaf)
			}
			return nil
		})
		edited, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		other := new(plan.Plan)
		if err := json.Unmarshal(edited, other); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := other.Seal(testMoving()); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		moved[path] = other
	}
	return moved
}

func parse(t *testing.T, data []byte) any {
	t.Helper()
	var tree any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// eachLeaf visits leaves in order and puts what visit gives, if anything, in
// their place.
func eachLeaf(tree any, path string, visit func(path string, leaf any) any) any {
	join := func(part string) string { return strings.TrimPrefix(path+"."+part, ".") }
	switch v := tree.(type) {
	case nil:
		return nil
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = eachLeaf(v[key], join(key), visit)
		}
	case []any:
		for i := range v {
			v[i] = eachLeaf(v[i], join(strconv.Itoa(i)), visit)
		}
	default:
		if other := visit(path, v); other != nil {
			return other
		}
	}
	return tree
}

// another value of the same sort.
func another(leaf any) any {
	switch v := leaf.(type) {
	case bool:
		return !v
	case json.Number:
		return json.Number("1" + v.String())
	default:
		text := fmt.Sprint(v)
		if strings.HasPrefix(text, "2026-") {
			return "2025" + text[4:]
		}
		return text + "x"
	}
}

// general is a path with its indexes as N.
func general(path string) string {
	return regexp.MustCompile(`(^|\.)[0-9]+(\.|$)`).ReplaceAllString(path, "${1}N${2}")
}

// derived parts are counted by Seal itself.
func derived(path string) bool {
	return strings.HasPrefix(path, "summary.") && path != "summary.unchanged"
}
