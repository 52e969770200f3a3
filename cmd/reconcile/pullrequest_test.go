package main

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
	"github.com/crosschain-ops/reconcile/internal/plan"
)

const hubHead = "1111111111111111111111111111111111111111"

// hubWithRun is a forge with pull request 17 whose plan run left these files.
func hubWithRun(t *testing.T, files map[string][]byte) (*app, *forgetest.Server) {
	t.Helper()
	server := forgetest.Start(time.Now)
	t.Cleanup(server.Close)
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	for name, data := range files {
		entry, err := archive.Create(name)
		if err == nil {
			_, err = entry.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	server.Set(func(s *forgetest.State) {
		s.Accounts[hubToken] = forgetest.Bot()
		s.Pull(17, "ada", hubHead, forgetest.Repository)
		run := forge.Run{ID: 5, Number: 1, Event: "pull_request", Head: hubHead, Path: planWorkflow, Status: "completed", URL: "https://forge.example/run"}
		run.HeadRepository.Name = forgetest.Repository
		s.Runs = append(s.Runs, run)
		s.Artifacts[5] = []forgetest.Artifact{{Artifact: forge.Artifact{ID: 6, Name: "plan-trial"}, Zip: b.Bytes()}}
	})
	env := map[string]string{"GITHUB_API_URL": server.URL(), "GH_TOKEN": hubToken, "GITHUB_REPOSITORY": forgetest.Repository}
	return &app{out: io.Discard, err: io.Discard, getenv: func(name string) string { return env[name] }, now: time.Now, dir: t.TempDir()}, server
}

func sealedPlan(t *testing.T, env, commit string) []byte {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := &plan.Plan{Format: plan.Format, Tool: "reconcile", Environment: env, Created: at, Expires: at.Add(time.Hour)}
	p.Revision.Commit = commit
	if err := p.Seal(nil); err != nil {
		t.Fatal(err)
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestThePlansOfAPullRequestAreThoseOfItsHead(t *testing.T) {
	t.Parallel()
	a, _ := hubWithRun(t, map[string][]byte{
		"trial.plan.json": sealedPlan(t, "trial", hubHead), "harbour.plan.json": sealedPlan(t, "harbour", hubHead), "notes.txt": []byte("no plan"),
	})
	plans, err := a.planOfPullRequest(t.Context(), 17)
	if err != nil {
		t.Fatal(err)
	}
	if len(plans) != 2 || plans[0].Environment != "harbour" || plans[1].Environment != "trial" {
		t.Errorf("%d plans, want harbour and trial", len(plans))
	}
}

func TestWhatIsNotThePlanOfAPullRequestIsRefused(t *testing.T) {
	t.Parallel()
	good := map[string][]byte{"trial.plan.json": sealedPlan(t, "trial", hubHead)}
	for name, c := range map[string]struct {
		files  map[string][]byte
		change func(*forgetest.State)
		want   string
	}{
		"a fork":           {good, func(s *forgetest.State) { s.Pull(17, "mallory", hubHead, "mallory/environments") }, `its head is in "mallory/environments"`},
		"a run of a fork":  {good, func(s *forgetest.State) { s.Runs[0].HeadRepository.Name = "mallory/environments" }, "has not run for its head 1111111"},
		"another workflow": {good, func(s *forgetest.State) { s.Runs[0].Path = ".github/workflows/other.yml" }, "has not run for its head"},
		"still running":    {good, func(s *forgetest.State) { s.Runs[0].Status = "in_progress" }, "the plan run of 1111111 is in_progress"},
		"nothing left":     {good, func(s *forgetest.State) { s.Artifacts[5] = nil }, "left no plan"},
		"expired":          {good, func(s *forgetest.State) { s.Artifacts[5][0].Expired = true }, "it has expired"},
		"no pull request":  {good, func(s *forgetest.State) { delete(s.Pulls, 17) }, "404 Not Found"},
		"another commit":   {map[string][]byte{"trial.plan.json": sealedPlan(t, "trial", strings.Repeat("2", 40))}, nil, "is of commit 2222222, the pull request is at 1111111"},
		"two of one":       {map[string][]byte{"a.plan.json": good["trial.plan.json"], "b.plan.json": good["trial.plan.json"]}, nil, "is another plan of trial"},
		"no plan at all":   {map[string][]byte{"a.plan.json": []byte("{}")}, nil, "a.plan.json"},
		"outside":          {map[string][]byte{"../a.plan.json": good["trial.plan.json"]}, nil, "no plain file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, server := hubWithRun(t, c.files)
			if c.change != nil {
				server.Set(c.change)
			}
			plans, err := a.planOfPullRequest(t.Context(), 17)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d plans, %v, want %q", len(plans), err, c.want)
			}
		})
	}
}

func TestARemotesAddressNamesItsRepository(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://forge.example/acme/environments.git":       "acme/environments",
		"https://user:word@forge.example/acme/environments": "acme/environments",
		"git@forge.example:acme/environments.git":           "acme/environments",
		"ssh://git@forge.example:22/acme/environments.git/": "acme/environments",
		"https://forge.example/environments":                "",
		"https://forge.example/a/b/c":                       "",
		"/srv/git/acme/environments.git":                    "",
		"file:///srv/acme/environments":                     "",
		"":                                                  "",
	} {
		if have, _ := repositoryOf(remote); have != want {
			t.Errorf("%s: %q, want %q", remote, have, want)
		}
	}
}
