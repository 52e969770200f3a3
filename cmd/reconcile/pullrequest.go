package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

// planWorkflow is the file of the workflow that plans pull requests, and
// planArtifacts how the names of what it leaves begin.
const (
	planWorkflow  = ".github/workflows/plan.yml"
	planArtifacts = "plan-"
)

// planOfPullRequest downloads the plans that the newest plan run of a pull
// request's head left, by environment: what the forge says, to be judged like any file.
// The token is read from GITHUB_TOKEN, GH_TOKEN or the file that
// RECONCILE_FORGE_TOKEN_FILE names; the repository is GITHUB_REPOSITORY or the one
// that git calls origin.
func (a *app) planOfPullRequest(ctx context.Context, number int) ([]*plan.Plan, error) {
	client, err := a.forgeOfPerson(ctx)
	if err != nil {
		return nil, err
	}
	pull, err := client.PullRequest(ctx, number)
	if err != nil {
		return nil, err
	}
	if pull.Fork(client.Repository()) {
		return nil, fmt.Errorf("pull request %d: its head is in %q: what a fork changes is not planned", number, cmp.Or(pull.HeadRepository, "a repository that is gone"))
	}
	run, err := client.NewestRun(ctx, planWorkflow, pull.Head)
	switch {
	case err != nil:
		return nil, err
	case run == nil:
		return nil, withHint(fmt.Errorf("pull request %d: %s has not run for its head %s", number, planWorkflow, short(pull.Head)), "wait for the run to begin, or plan yourself: reconcile plan ENV --rev %s --out FILE", short(pull.Head))
	case run.Status != "completed":
		return nil, withHint(fmt.Errorf("pull request %d: the plan run of %s is %s", number, short(pull.Head), run.Status), "wait for it: %s", run.URL)
	}
	plans, err := downloadPlans(ctx, client, run.ID, pull.Head)
	if err != nil {
		return nil, fmt.Errorf("pull request %d: %w", number, err)
	}
	fmt.Fprintf(a.err, "pull request %d by %s at %s, planned by %s\n", number, a.escape(pull.Author.Login), short(pull.Head), a.escape(run.URL))
	return plans, nil
}

// forgeOfPerson is the forge as somebody at his own machine, or a job.
func (a *app) forgeOfPerson(ctx context.Context) (*forge.Client, error) {
	repository, err := a.forgeRepository(ctx)
	if err != nil {
		return nil, err
	}
	f := forgeFlags{repository: repository, tokenEnv: "GITHUB_TOKEN", tokenFile: a.getenv("RECONCILE_FORGE_TOKEN_FILE")}
	if a.getenv("GITHUB_TOKEN") == "" && a.getenv("GH_TOKEN") != "" {
		f.tokenEnv = "GH_TOKEN"
	}
	client, err := a.forgeClient(f)
	return client, withHint(err, "GH_TOKEN with a token that may read pull requests and actions, or RECONCILE_FORGE_TOKEN_FILE=FILE")
}

// planLimits bound an artifact: plans compress well.
func planLimits() forge.Limits {
	return forge.Limits{Zip: 64 << 20, File: plan.MaxFileBytes, Total: plan.MaxFileBytes, Files: 20}
}

func downloadPlans(ctx context.Context, client *forge.Client, run int64, head string) ([]*plan.Plan, error) {
	artifacts, err := client.Artifacts(ctx, run, planArtifacts)
	if err != nil {
		return nil, err
	}
	var plans []*plan.Plan
	for _, artifact := range artifacts {
		files, err := client.Download(ctx, artifact, planLimits())
		if err != nil {
			return nil, err
		}
		for name, data := range files {
			if !strings.HasSuffix(name, planSuffix) {
				continue
			}
			p, err := plan.Decode(data)
			if err != nil {
				return nil, fmt.Errorf("artifact %s: %s: %w", artifact.Name, name, err)
			}
			if p.Revision.Commit != head {
				return nil, fmt.Errorf("artifact %s: %s: is of commit %s, the pull request is at %s", artifact.Name, name, short(p.Revision.Commit), short(head))
			}
			if slices.ContainsFunc(plans, func(o *plan.Plan) bool { return o.Environment == p.Environment }) {
				return nil, fmt.Errorf("artifact %s: %s: is another plan of %s", artifact.Name, name, p.Environment)
			}
			plans = append(plans, p)
		}
	}
	if len(plans) == 0 {
		return nil, fmt.Errorf("its plan run left no plan in artifacts %s*", planArtifacts)
	}
	slices.SortFunc(plans, func(a, b *plan.Plan) int { return strings.Compare(a.Environment, b.Environment) })
	return plans, nil
}

// forgeRepository is owner/name of the repository at the forge.
func (a *app) forgeRepository(ctx context.Context) (string, error) {
	if name := a.getenv("GITHUB_REPOSITORY"); name != "" {
		return name, nil
	}
	out, err := exec.CommandContext(ctx, "git", "-C", a.dir, "remote", "get-url", "origin").Output()
	if err != nil {
		return "", withHint(errors.New("which repository of the forge is not known: git knows no remote origin"), "GITHUB_REPOSITORY=owner/name")
	}
	name, ok := repositoryOf(strings.TrimSpace(string(out)))
	if !ok {
		return "", withHint(errors.New("which repository of the forge is not known: the remote origin names none"), "GITHUB_REPOSITORY=owner/name")
	}
	return name, nil
}

// repositoryOf reads owner/name from the address of a remote: a URL, or ssh's
// user@host:owner/name.git.
func repositoryOf(remote string) (string, bool) {
	if at, err := url.Parse(remote); err == nil && slices.Contains([]string{"https", "ssh", "git"}, at.Scheme) {
		remote = at.Path
	} else if _, rest, ok := strings.Cut(remote, ":"); ok && !strings.Contains(remote, "://") {
		remote = rest
	} else {
		return "", false
	}
	owner, name := path.Split(strings.TrimSuffix(strings.Trim(remote, "/"), ".git"))
	owner = strings.TrimSuffix(owner, "/")
	if owner == "" || name == "" || strings.Contains(owner, "/") {
		return "", false
	}
	return owner + "/" + name, true
}
