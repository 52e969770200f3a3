package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/kinds"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// json looks into JSON files and edits them, as somebody with an editor would.
// Paths are dotted: changes.0.steps.1.op.
//
//	json set FILE PATH VALUE    VALUE is JSON, or else a string
//	json drop FILE PATH
//	json is FILE PATH VALUE
//	json same FILE OTHER PATH   (!: they differ)
//	json lines FILE             every line is an object
func (w *world) json(neg bool, args []string) {
	switch {
	case len(args) == 4 && args[0] == "set":
		w.rewrite(args[1], args[2], func(map[string]any) any { return valueOf(args[3]) })
	case len(args) == 3 && args[0] == "drop":
		w.rewrite(args[1], args[2], func(map[string]any) any { return nil })
	case len(args) == 4 && args[0] == "is":
		have, want := canonical(w.find(args[1], args[2])), canonical(valueOf(args[3]))
		if (have == want) == neg {
			w.ts.Fatalf("%s: %s is %s, want %s", args[1], args[2], have, want)
		}
	case len(args) == 4 && args[0] == "same":
		one, other := canonical(w.find(args[1], args[3])), canonical(w.find(args[2], args[3]))
		if (one == other) == neg {
			w.ts.Fatalf("%s: %s and %s", args[3], one, other)
		}
	case len(args) == 2 && args[0] == "lines":
		lines := strings.Split(strings.TrimSpace(w.ts.ReadFile(args[1])), "\n")
		for _, line := range lines {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				w.ts.Fatalf("%s: %q: %v", args[1], line, err)
			}
		}
	default:
		w.ts.Fatalf("json: %q is not understood", args)
	}
}

func valueOf(text string) any {
	var value any
	if decode([]byte(text), &value) != nil {
		return text
	}
	return value
}

func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func canonical(v any) string {
	data, err := resource.Canonical(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

func (w *world) find(file, path string) any {
	var here any
	w.ts.Check(decode([]byte(w.ts.ReadFile(file)), &here))
	for _, part := range strings.Split(path, ".") {
		here = w.below(file, path, here, part)
	}
	return here
}

func (w *world) below(file, path string, here any, part string) any {
	switch at := here.(type) {
	case map[string]any:
		return at[part]
	case []any:
		n, err := strconv.Atoi(part)
		if err == nil && n >= 0 && n < len(at) {
			return at[n]
		}
	}
	w.ts.Fatalf("%s: %s: nothing at %q", file, path, part)
	return nil
}

// rewrite changes one member of an object; nil removes it.
func (w *world) rewrite(file, path string, change func(map[string]any) any) {
	var root any
	w.ts.Check(decode([]byte(w.ts.ReadFile(file)), &root))
	here := root
	parts := strings.Split(path, ".")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		here = w.below(file, path, here, part)
	}
	object, ok := here.(map[string]any)
	if !ok {
		w.ts.Fatalf("%s: %s is in no object", file, path)
	}
	if value := change(object); value != nil {
		object[last] = value
	} else {
		delete(object, last)
	}
	data, err := json.MarshalIndent(root, "", "  ")
	w.ts.Check(err)
	w.ts.Check(os.WriteFile(w.ts.MkAbs(file), data, 0o600))
}

// stamp seals an edited plan file, and leaves the digest of its changes, which
// people sign, as it is stated, or as another file states it: stamp FILE [OTHER].
func (w *world) stamp(_ bool, args []string) {
	var p plan.Plan
	w.ts.Check(decode([]byte(w.ts.ReadFile(args[0])), &p))
	if len(args) > 1 {
		other, err := plan.Decode([]byte(w.ts.ReadFile(args[1])))
		w.ts.Check(err)
		p.ChangesDigest = other.ChangesDigest
	}
	p.Digest = ""
	bare, err := resource.Canonical(p)
	w.ts.Check(err)
	p.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(bare))
	data, err := p.Encode()
	w.ts.Check(err)
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[0]), data, 0o600))
}

// reseal gives an edited plan the digests that its new content has, as a forger
// with this tool's source would: reseal FILE.
func (w *world) reseal(_ bool, args []string) {
	var p plan.Plan
	w.ts.Check(decode([]byte(w.ts.ReadFile(args[0])), &p))
	moving := map[string][]string{}
	for name, traits := range kinds.Traits() {
		moving[name] = traits.Moving
	}
	w.ts.Check(p.Seal(moving))
	data, err := p.Encode()
	w.ts.Check(err)
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[0]), data, 0o600))
}
