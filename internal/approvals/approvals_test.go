package approvals_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/approvals"
	"github.com/crosschain-ops/reconcile/internal/approve"
)

func TestAnApprovalThatOnePublishesIsCollectedByAnother(t *testing.T) {
	t.Parallel()
	alice, bob, remote := shared(t)
	publish(t, alice, 1)
	publish(t, bob, 2)
	carol := clone{t: t, dir: filepath.Join(t.TempDir(), "carol")}
	alice.git("clone", "-q", "--no-local", remote.dir, carol.dir)
	carol.git("config", "--add", "remote.origin.fetch", "+refs/reconcile/*:refs/reconcile/*")
	before := carol.trace()
	found := collect(t, carol)
	if d := cmp.Diff([]string{"statement " + id(1), "statement " + id(2)}, statements(found)); d != "" {
		t.Error(d)
	}
	if want := "origin " + theRef(t); found.Signed[0].Origin != want || len(found.Ignored) > 0 || !slices.Equal(found.Places, []string{want}) {
		t.Errorf("found %+v, want all of it from %s", found, want)
	}
	if d := cmp.Diff(before, carol.trace()); d != "" {
		t.Errorf("something stayed in the repository:\n%s", d)
	}
	publish(t, carol, 3)
	if d := cmp.Diff(3, len(collect(t, carol).Signed)); d != "" {
		t.Error(d)
	}
	for _, c := range []clone{alice, bob, carol} {
		c.git("fsck", "--connectivity-only")
		if status := c.git("status", "--porcelain"); status != "" {
			t.Errorf("the working tree has changed: %s", status)
		}
	}
}

func TestWithoutARemoteApprovalsStayInTheRepository(t *testing.T) {
	t.Parallel()
	c := alone(t)
	if found := collect(t, c); len(found.Signed) > 0 {
		t.Fatalf("found %v before anybody signed", statements(found))
	}
	publish(t, c, 1)
	publish(t, c, 2)
	if d := cmp.Diff([]string{"statement " + id(1), "statement " + id(2)}, statements(collect(t, c))); d != "" {
		t.Error(d)
	}
	if status := c.git("status", "--porcelain"); status != "" {
		t.Errorf("the working tree has changed: %s", status)
	}
}

func TestApproversWhoRaceAllGetIn(t *testing.T) {
	t.Parallel()
	alice, bob, remote := shared(t)
	lonely := alone(t)
	for _, race := range []struct {
		racers []clone
		at     clone
	}{{[]clone{alice, bob}, remote}, {[]clone{lonely, lonely}, lonely}} {
		var racing sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			racing.Go(func() {
				_, errs[i] = race.racers[i%2].repository().Publish(t.Context(), environment, changes, id(i), signed(i))
			})
		}
		racing.Wait()
		for _, err := range errs {
			must(t, err)
		}
		if found := collect(t, race.racers[1]); len(found.Signed) != len(errs) {
			t.Errorf("found %v, want %d", statements(found), len(errs))
		}
		if commits := race.at.git("rev-list", "--count", theRef(t)); commits != "4" {
			t.Errorf("the ref has %s commits, want one an approval", commits)
		}
	}
}

func TestJunkIsToldAndHarmsNoApproval(t *testing.T) {
	t.Parallel()
	alice, _, remote := shared(t)
	nine, _ := signed(9).Encode()
	remote.plant(
		remote.approval(1),
		remote.blob(id(2)+".json", "not an approval"),
		remote.blob(id(3)+".json", strings.Repeat("x", 9<<10)),
		remote.blob("README.md", "hello"),
		strings.Replace(remote.approval(4), "100644", "100755", 1),
		strings.Replace(remote.approval(5), "100644", "120000", 1),
		"160000 commit "+remote.git("rev-parse", "main")+"\t"+id(6)+".json",
		"040000 tree "+remote.git("rev-parse", "main^{tree}")+"\t"+id(7)+".json",
		remote.blob(id(8)+".json", string(nine)+"\n"),
	)
	found := collect(t, alice)
	if d := cmp.Diff([]string{"statement " + id(1)}, statements(found)); d != "" {
		t.Error(d)
	}
	told := strings.Join(found.Ignored, "\n")
	for _, want := range []string{
		id(3) + `.json" has 9216 bytes, an approval has at most 8192`, `"README.md" has not the name of an approval`,
		id(4) + `.json" is no plain file`, id(5) + `.json" is no plain file`, id(6) + `.json" is no plain file`, id(7) + `.json" is no plain file`,
		id(2) + `.json": approval: `, id(8) + `.json": approval: not in its one form`,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("does not tell %q:\n%s", want, told)
		}
	}
	// The next approval leaves the junk behind.
	publish(t, alice, 10)
	if names := remote.git("ls-tree", "--name-only", theRef(t)); !strings.Contains(names, id(10)) || strings.Contains(names, "README") || strings.Contains(names, id(3)) {
		t.Errorf("the ref holds %q", names)
	}
}

func TestNoMoreThanAHundredAreRead(t *testing.T) {
	t.Parallel()
	alice, _, remote := shared(t)
	var lines []string
	for n := range approve.MaxApprovals + 5 {
		lines = append(lines, remote.approval(n))
	}
	remote.plant(lines...)
	found := collect(t, alice)
	if len(found.Signed) != approve.MaxApprovals || !strings.Contains(strings.Join(found.Ignored, ""), "more than the 100") {
		t.Errorf("read %d, told %q", len(found.Signed), found.Ignored)
	}
	_, err := alice.repository().Publish(t.Context(), environment, changes, id(999), signed(999))
	if err == nil || !strings.Contains(err.Error(), "holds 100 approvals already") || !strings.Contains(err.Error(), "hint: --out FILE") {
		t.Errorf("one more: %v", err)
	}
}

func TestAHugeTreeIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	alice, _, remote := shared(t)
	_, blob, _ := strings.Cut(remote.blob("x", "junk"), "blob ")
	object, _, _ := strings.Cut(blob, "\t")
	lines := []string{remote.approval(1)}
	for n := range 20_000 {
		lines = append(lines, "100644 blob "+object+"\tjunk-"+id(n))
	}
	remote.plant(lines...)
	found := collect(t, alice)
	if len(found.Signed) != 1 || len(found.Ignored) > 25 || !slices.Contains(found.Ignored, "and more") {
		t.Errorf("found %v and told %d things", statements(found), len(found.Ignored))
	}
	// Approvals that stand behind all of that are not reached.
	lines = []string{remote.approval(1)}
	for n := range 20_000 {
		lines = append(lines, "100644 blob "+object+"\t"+fmt.Sprintf("%010d", n))
	}
	remote.plant(append(lines, strings.Replace(remote.approval(2), id(2), strings.Repeat("f", 32), 1))...)
	if found := collect(t, alice); len(found.Signed) > 1 {
		t.Errorf("found %v behind 20,000 entries", statements(found))
	}
}

func TestARefThatIsNoCommitHoldsNoApproval(t *testing.T) {
	t.Parallel()
	alice, _, remote := shared(t)
	remote.git("update-ref", theRef(t), remote.gitWith("hello", "hash-object", "-w", "--stdin"))
	if found := collect(t, alice); len(found.Signed) > 0 || !slices.Equal(found.Ignored, []string{"the ref is a blob and no commit"}) {
		t.Errorf("found %+v", found)
	}
	if _, err := alice.repository().Publish(t.Context(), environment, changes, id(1), signed(1)); err == nil || !strings.Contains(err.Error(), "hint: --out FILE") {
		t.Errorf("publishing over it: %v", err)
	}
}

func TestARemoteThatRefusesIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	alice, _, remote := shared(t)
	remote.git("config", "transfer.hideRefs", "refs/reconcile")
	_, err := alice.repository().Publish(t.Context(), environment, changes, id(1), signed(1))
	if err == nil || !strings.Contains(err.Error(), "origin "+theRef(t)) || !strings.Contains(err.Error(), "--out FILE") || strings.Contains(err.Error(), "faster") {
		t.Errorf("error %v", err)
	}
}

func TestHooksOfTheApproverDoNotRun(t *testing.T) {
	t.Parallel()
	alice, _, _ := shared(t)
	for _, c := range []clone{alice, alone(t)} {
		ran := filepath.Join(c.dir, "ran")
		for _, hook := range []string{"pre-push", "reference-transaction", "post-update"} {
			must(t, os.WriteFile(filepath.Join(c.dir, ".git", "hooks", hook), []byte("#!/bin/sh\ntouch "+ran+"\nexit 1\n"), 0o755))
		}
		publish(t, c, 1)
		if _, err := os.Stat(ran); err == nil {
			t.Error("a hook ran")
		}
	}
}

func TestNoNameIsReadAsAnotherRef(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ environment, changes string }{
		{"", changes}, {"../heads", changes}, {"a/b", changes}, {"-staging", changes}, {"staging\n", changes}, {"Staging", changes}, {"a..b", changes},
		{environment, ""}, {environment, "sha256:" + strings.Repeat("AB", 32)}, {environment, strings.Repeat("ab", 32)},
		{environment, changes + "/x"}, {environment, changes + "\n"}, {environment, "sha256:" + strings.Repeat("ab", 31)},
	} {
		if ref, err := approvals.Ref(c.environment, c.changes); err == nil {
			t.Errorf("%q %q is %s", c.environment, c.changes, ref)
		}
	}
	c := alone(t)
	for _, remote := range []string{"--upload-pack=touch", "ext::sh -c x", "https://example.org/x", "a b", "gone"} {
		r := approvals.Repository{Dir: c.dir, Remote: remote}
		if _, err := r.Collect(t.Context(), environment, changes); err == nil || !strings.Contains(err.Error(), "remote") {
			t.Errorf("remote %q: %v", remote, err)
		}
	}
	if _, err := c.repository().Publish(t.Context(), environment, changes, "../../x", signed(1)); err == nil {
		t.Error("an id that is a path was taken")
	}
}

func TestAFileGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alice.approval")
	must(t, approvals.WriteFile(path, signed(1)))
	back, err := approvals.ReadFile(path)
	must(t, err)
	want := signed(1)
	want.Origin = path
	if d := cmp.Diff(want, back); d != "" {
		t.Error(d)
	}
	if err := approvals.WriteFile(path, signed(2)); err == nil {
		t.Error("another approval was written over it")
	}
	must(t, os.WriteFile(path, []byte(strings.Repeat("x", 9<<10)), 0o600))
	if _, err := approvals.ReadFile(path); err == nil || !strings.Contains(err.Error(), path+": approval: is longer than 8192 bytes") {
		t.Errorf("9 KiB: %v", err)
	}
}

func TestTheRepositoryIsTheOneOfTheFolderWhateverGitIsTold(t *testing.T) {
	c, other := alone(t), alone(t)
	publish(t, c, 1)
	t.Setenv("GIT_DIR", filepath.Join(other.dir, ".git"))
	if have := statements(collect(t, c)); len(have) != 1 {
		t.Errorf("found %v", have)
	}
}
