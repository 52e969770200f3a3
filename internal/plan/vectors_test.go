package plan_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// vectorPlans are the plans of testdata/vectors: random worlds, one with something
// in every part, and one with texts and numbers that encoders spell differently.
func vectorPlans(t *testing.T) []*plan.Plan {
	t.Helper()
	plans := []*plan.Plan{exemplar(t), oddities(t)}
	for seed := uint64(0); len(plans) < 24; seed++ {
		in := randomWorld(seed).input()
		if d := diff(t, in); len(d.Changes) > 2 {
			plans = append(plans, sealed(t, in, d))
		}
	}
	return plans
}

func oddities(t *testing.T) *plan.Plan {
	t.Helper()
	p := exemplar(t)
	p.Changes[0].Fields = []plan.FieldChange{
		{Path: "html", Before: "<a href='x'>&</a>", After: "\u2028\u2029\u0000\u001f\u007f\u0085"},
		{Path: "text", Before: "\xff not UTF-8", After: "é e\u0301 \U0001F511 \ufeff \ufffd"},
		{Path: "number", Before: uint64(1) << 63, After: int64(-1) << 63},
		{Path: "wei", Before: "115792089237316195423570985008687907853269984665640564039457584007913129639935", After: "0"},
		{Path: "deep", Before: map[string]any{"b": []any{true, nil, map[string]any{"": ""}}, "a": "\\\"/"}, After: nil},
	}
	p.Identity.Chains = map[string]uint64{"zz": 1<<53 + 1, "a": 1, "B": 18446744073709551615, "é": 7}
	p.Resolved = map[string]string{"k/s/n#z": "1", "k/s/n#a": "2", "k/s/N#a": "3"}
	if err := p.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	return p
}

// vectors are the plan files, joined, and the digests that they must have.
func vectors(t *testing.T) (files []byte, digests string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(paths) < 24 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data...)
	}
	data, err := os.ReadFile("testdata/vectors/digests.txt")
	if err != nil {
		t.Fatal(err)
	}
	return files, string(data)
}

// TestVectorsArePlansMadeToday holds that a plan made by this version has the bytes
// and the digests that are kept; UPDATE=1 writes them anew, which loses every
// approval that was given.
func TestVectorsArePlansMadeToday(t *testing.T) {
	t.Parallel()
	var files []byte
	for i, p := range vectorPlans(t) {
		data := encoded(t, p)
		files = append(files, data...)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(fmt.Sprintf("testdata/vectors/%02d.json", i+1), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/vectors/digests.txt", printed(t, build(t), files), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := vectors(t)
	if d := cmp.Diff(string(kept), string(files)); d != "" {
		t.Errorf("plans have other bytes (-kept +now):\n%s", d)
	}
}

// TestDigestsAreTheSameOnEveryMachine runs the printer on this machine, on one of
// 32 bits, in WebAssembly by node, and on arm64 where an emulator is at hand
// (tools/setup.sh qemu, or a qemu-aarch64 of the machine's own).
func TestDigestsAreTheSameOnEveryMachine(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles four programs")
	}
	files, digests := vectors(t)
	for _, m := range []struct {
		name   string
		target []string
		runner func() []string
	}{
		{"here", nil, here},
		{"386", []string{"GOOS=linux", "GOARCH=386"}, func() []string { return only(runtime.GOOS == "linux" && runtime.GOARCH == "amd64") }},
		{"wasm", []string{"GOOS=wasip1", "GOARCH=wasm"}, node},
		{"arm64", []string{"GOOS=linux", "GOARCH=arm64"}, arm64},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			program := build(t, m.target...)
			runner := m.runner()
			if runner == nil {
				t.Skip("compiled, and nothing here runs it")
			}
			command := append(runner, program)
			if have := string(printed(t, command[0], files, command[1:]...)); have != digests {
				t.Errorf("other digests:\n%s", cmp.Diff(digests, have))
			}
		})
	}
}

func here() []string { return []string{} }

func only(runs bool) []string {
	if runs {
		return []string{}
	}
	return nil
}

func node() []string {
	if path, err := exec.LookPath("node"); err == nil {
		return []string{path, "--no-warnings", "testdata/printer/wasi.mjs"}
	}
	return nil
}

func arm64() []string {
	if runtime.GOOS == "linux" && runtime.GOARCH == "arm64" {
		return []string{}
	}
	for _, name := range []string{"../../.cache/qemu/qemu-aarch64-static", "qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}
		}
	}
	return nil
}

// build compiles the printer for a machine.
func build(t *testing.T, target ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "printer")
	cmd := exec.Command("go", "build", "-o", program, "./testdata/printer")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), target...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", target, err, out)
	}
	return program
}

func printed(t *testing.T, program string, files []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = bytes.NewReader(files)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", program, err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryPartOfAPlanIsDecidedOrNot mutates every leaf of a plan that a reader
// could, and demands that the changes digest covers just what is listed as decided:
// a new field must be put on one side or the other.
func TestEveryPartOfAPlanIsDecidedOrNot(t *testing.T) {
	t.Parallel()
	full := exemplar(t)
	full.Overlay = &plan.Overlay{Name: "o.json", Digest: "sha256:1"}
	full.Cause, full.Only, full.Elsewhere = plan.FromConfig, []string{"key"}, 1
	full.Deferred = []plan.Deferred{{ID: full.Changes[0].ID, Reason: "waits"}}
	full.Pending = []plan.Pending{{ID: full.Changes[0].ID, Reason: "waits"}}
	full.Changes[0].Group, full.Changes[0].Waits = "g", []resource.ID{full.Changes[1].ID}
	full.Changes[0].Before.Outputs = resource.Outputs{"arn": "x"}
	full.Changes[0].Steps[0].Needs = []resource.Ref{{ID: full.Changes[1].ID, Output: "o"}}
	full.Changes[0].Steps[0].Pre = []resource.Precondition{{ID: full.Changes[0].ID, Path: "tags", Op: resource.Equals, Value: "v"}}
	if err := full.Seal(testMoving()); err != nil {
		t.Fatal(err)
	}
	decided := []string{
		"environment", "identity", "overlay", "partial", "revision.governance", "unread.N.scope",
		"changes.N.id", "changes.N.action", "changes.N.risk", "changes.N.fields", "changes.N.waits", "changes.N.steps.N.op", "changes.N.steps.N.id", "changes.N.steps.N.params",
		"findings.N.rule", "findings.N.severity", "findings.N.id", "spend.N.network", "spend.N.wei",
	}
	leaves := leavesOf(t, full)
	if len(leaves) < 70 {
		t.Fatalf("%d leaves only", len(leaves))
	}
	for path, moved := range leaves {
		want := slices.ContainsFunc(decided, func(prefix string) bool {
			return general(path) == general(prefix) || strings.HasPrefix(general(path), general(prefix)+".")
		})
		if strings.HasPrefix(path, "changes.1.fields.0.before.") {
			want = false // a balance that was read
		}
		if have := moved.ChangesDigest != full.ChangesDigest; have != want {
			t.Errorf("%s: moves the changes digest %t, must %t", path, have, want)
		}
		if moved.Digest == full.Digest && !derived(path) {
			t.Errorf("%s: is not in the digest", path)
		}
	}
}
