package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// workflows reads every workflow and action, by its path.
func workflows(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{".github/workflows/*.yml", ".github/workflows/*.yaml", ".github/actions/*/action.yml"} {
		files, err := filepath.Glob(filepath.Join(root(t), filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root(t), file)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.ToSlash(name)] = string(text)
		}
	}
	return all
}

func TestNoJobHoldsMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	all := workflows(t)
	if len(all) < 6 {
		t.Fatalf("only %d workflows and actions found", len(all))
	}
	for name, text := range all {
		for _, complaint := range judge(name, text) {
			t.Errorf("%s: %s", name, complaint)
		}
	}
}

// TestAWorkflowThatGivesAwayMoreIsRefused edits the real files as somebody might
// in a pull request, and demands that each edit is named.
func TestAWorkflowThatGivesAwayMoreIsRefused(t *testing.T) {
	t.Parallel()
	all := workflows(t)
	for _, c := range weakened() {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			name := ".github/workflows/" + c.file
			text := all[name]
			if n := strings.Count(text, c.old); n == 0 {
				t.Fatalf("%s does not hold %q", name, c.old)
			}
			complaints := strings.Join(judge(name, strings.Replace(text, c.old, c.fresh, 1)), "\n")
			if !strings.Contains(complaints, c.want) {
				t.Errorf("%s: %q in place of %q is not refused with %q, but with %q", name, c.fresh, c.old, c.want, complaints)
			}
		})
	}
}

type weakening struct{ file, old, fresh, want string }

func weakened() []weakening {
	const pinned = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
	return []weakening{
		{"plan.yml", pinned, "actions/checkout@v6", "is not pinned by a commit"},
		{"plan.yml", pinned, "actions/checkout@de0fac2", "is not pinned by a commit"},
		{"plan.yml", pinned, "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "does not say its version"},
		{"plan.yml", pinned, "stranger/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v1", "nobody has looked at"},
		{"plan.yml", pinned, "./.github/actions/reconcile # v1", "is code of the checkout"},
		{"plan.yml", pinned, "docker://alpine # v1", "is not pinned by a commit"},
		{"plan.yml", "  pull_request:\n", "  pull_request_target:\n", "starts by pull_request_target"},
		{"plan.yml", "  pull_request:\n", "  pull_request:\n  workflow_run:\n    workflows: [ci]\n", "starts by workflow_run"},
		{"plan.yml", "on:\n  pull_request:\n", "on: [pull_request, issue_comment]\n", "starts by issue_comment"},
		{"plan.yml", "permissions: {}", "permissions: write-all", "must begin with permissions: {}"},
		{"plan.yml", "permissions: {}\n", "", "must begin with permissions: {}"},
		{"plan.yml", "    permissions:\n      contents: read\n    steps:", "    steps:", "vet: does not list its own permissions"},
		{"plan.yml", "    permissions:\n      contents: read\n    steps:", "    permissions: read-all\n    steps:", "vet: does not list its own permissions"},
		{"plan.yml", "      contents: read\n      id-token: write", "      contents: write\n      id-token: write", "plan: may write contents and become a role"},
		{"plan.yml", "      statuses: write", "      statuses: write\n      id-token: write", "comment: may write pull-requests and become a role"},
		{"plan.yml", "      statuses: write", "      statuses: write\n      actions: write", "comment: has actions: write, which no job needs"},
		{"plan.yml", " && github.event.pull_request.head.repo.full_name == github.repository", "", "plan: runs for a fork with more than reading"},
		{"plan.yml", "== github.repository", "== github.repository || true", "plan: runs for a fork with more than reading"},
		{"plan.yml", "== github.repository", "== github.repository && true || true", "plan: runs for a fork with more than reading"},
		{"plan.yml", "    needs: plan\n", "", "comment: runs for a fork with more than reading"},
		{"plan.yml", "!cancelled() && needs.plan.result != 'skipped'", "always()", "comment: runs for a fork with more than reading"},
		{"plan.yml", "reconcile vet", "reconcile plan staging", "vet: runs \"reconcile plan staging\" for a fork"},
		{"plan.yml", "reconcile vet", "make vet", "vet: runs \"make vet\", which is no call of the tool"},
		{"plan.yml", "reconcile vet", "./reconcile vet", "which is no call of the tool"},
		{"plan.yml", "- run: reconcile vet", "- run: reconcile vet\n        shell: perl {0}", "chooses its shell"},
		{"plan.yml", "- run: reconcile vet", "- run: reconcile vet\n        working-directory: ..", "runs elsewhere"},
		{"plan.yml", "reconcile vet", "reconcile vet && reconcile vet", "is more than one command"},
		{"plan.yml", "reconcile vet", "reconcile vet; id", "is more than one command"},
		{"plan.yml", "reconcile vet", "reconcile vet | cat", "is more than one command"},
		{"plan.yml", "reconcile vet", "reconcile vet $(id)", "is more than one command"},
		{"plan.yml", "run: reconcile vet", "run: |\n          reconcile vet\n          id", "is more than one command"},
		{"plan.yml", `plan "$ENVIRONMENT" --cause`, `plan "${{ github.event.pull_request.title }}" --cause`, "pastes an expression into a shell"},
		{"plan.yml", "matrix.environment }}\n      - uses", "matrix.environment }}\n          PATH: .\n      - uses", "sets PATH"},
		{"plan.yml", "          persist-credentials: false\n", "", "leaves the token in the checkout"},
		{"plan.yml", "          fetch-depth: 0\n", "", "without its history"},
		{"plan.yml", "    timeout-minutes: 10\n", "", "has no timeout"},
		{"plan.yml", "$RUNNER_TEMP/plans", "plans", "comment: reads a plan from the checkout"},
		{"plan.yml", `--out "$RUNNER_TEMP/$ENVIRONMENT.plan.json"`, `--out staging.plan.json`, "plan: writes a plan into the checkout"},
		{"plan.yml", "${{ vars.RECONCILE_SHA256 }}", `""`, "is not compared with a digest that the repository sets"},
		{"plan.yml", "    runs-on: ubuntu-24.04", "    runs-on: self-hosted", "runs on self-hosted"},
		{"apply-environment.yml", "    timeout-minutes: 10\n    permissions: {}\n", "    timeout-minutes: 10\n    permissions:\n      id-token: write\n", "gate: waits for people with rights"},
		{"apply-environment.yml", "    environment: ${{ inputs.environment }}\n", "    environment: ${{ inputs.environment }}\n    concurrency: one\n", "gate: waits for people and holds others up"},
		{"apply-environment.yml", "permissions: {}\n\njobs", "permissions: {}\nconcurrency: one\n\njobs", "holds others up while people are waited for"},
		{"apply-environment.yml", "    needs: gate\n", "    needs: plan\n", "apply: does not wait for the gate"},
		{"apply-environment.yml", "    environment: ${{ inputs.environment }}-apply\n", "", "apply: becomes the apply role outside of its environment"},
		{"apply-environment.yml", "    concurrency:\n      group: reconcile-apply-${{ inputs.environment }}\n      cancel-in-progress: false\n", "", "apply: may run beside another"},
		{"apply-environment.yml", "cancel-in-progress: false", "cancel-in-progress: true", "apply: may be cancelled by another"},
		{"apply-environment.yml", "--strict ", "", "a refused plan does not stop"},
		{"apply-environment.yml", "    if: needs.plan.outputs.changes != '0'\n    environment", "    if: always()\n    environment", "gate: does not follow its plan"},
		{"apply-environment.yml", "ref: ${{ github.sha }}", "ref: main", "is not of the merged commit"},
		{"apply.yml", "    needs: staging\n", "    needs: development\n", "production does not wait for staging"},
		{"apply.yml", "    needs: development\n", "", "staging does not wait for development"},
		{"apply.yml", "    branches: [main]", "    branches: ['**']", "starts by push of another branch than main"},
		{"verify.yml", "      issues: write", "      issues: write\n      id-token: write", "issue: may write issues and become a role"},
		{"ci.yml", "      contents: read", "      contents: read\n      id-token: write", "test: builds what it checks out and has id-token"},
		{"ci.yml", "run: make test", "run: make test\n        env:\n          TOKEN: ${{ secrets.TOKEN }}", "test: hands a secret"},
	}
}

// TestOurOwnActionIsPinnedToItself compares the commit by which workflows name our
// action with the action as it is.
func TestOurOwnActionIsPinnedToItself(t *testing.T) {
	t.Parallel()
	const file = ".github/actions/reconcile/action.yml"
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = root(t)
		out, err := cmd.Output()
		return string(out), err
	}
	if shallow, err := git("rev-parse", "--is-shallow-repository"); err != nil || strings.TrimSpace(shallow) == "true" {
		t.Skip("this is no checkout with its history")
	}
	now := workflows(t)[file]
	found := 0
	for name, text := range workflows(t) {
		for line := range strings.Lines(text) {
			_, pin, ours := strings.Cut(line, "uses: "+ownAction+"@")
			if !ours {
				continue
			}
			found++
			commit, _, _ := strings.Cut(strings.TrimSpace(pin), " ")
			if then, err := git("show", commit+":"+file); err != nil || then != now {
				t.Errorf("%s: %s@%s is not the action as it is: commit the action first, then its commit", name, ownAction, commit)
			}
		}
	}
	if found == 0 {
		t.Error("no workflow uses the action")
	}
}
