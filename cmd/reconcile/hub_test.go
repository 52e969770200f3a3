package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
)

// hubVerbs are a forge in scripts:
//
//	hub start                      a forge with one repository, and a job's environment
//	hub pull N AUTHOR [REPOSITORY] pull request N of the commit that is checked out
//	hub merge N                    it is merged
//	hub run N FILE...              the plan workflow ran for it and left these files
//	hub breaks STATUS...           what the next requests are answered (forgetest.State.Broken)
//	hub stranger N FILE            somebody else writes a comment
//	hub comments N ALL OPEN        how many there are, and how many nobody folded away
//	hub comment N FILE             the newest comment, into a file
//	hub edited N TIMES             how often the newest was edited
//	hub status CONTEXT STATE TEXT  the newest status of this name (TEXT is a pattern)
//	hub issues OPEN CLOSED
//	hub issue FILE                 the newest issue, title and text, into a file
//	hub writes N                   how many requests changed anything, ever
func hubVerbs() map[string]func(*world, bool, []string) {
	var running sync.Map
	return map[string]func(*world, bool, []string){"hub": func(w *world, _ bool, args []string) {
		if args[0] == "start" {
			running.Store(w, w.startHub())
			return
		}
		server, ok := running.Load(w)
		if !ok {
			w.ts.Fatalf("hub start comes first")
		}
		do, known := hubWords()[args[0]]
		if !known {
			w.ts.Fatalf("hub: no word %q", args[0])
		}
		server.(*forgetest.Server).Set(func(s *forgetest.State) { do(w, s, args[1:]) })
	}}
}

func hubWords() map[string]func(*world, *forgetest.State, []string) {
	return map[string]func(*world, *forgetest.State, []string){
		"pull": (*world).hubPull, "merge": (*world).hubMerge, "run": (*world).hubRun, "breaks": (*world).hubBreaks, "stranger": (*world).hubStranger,
		"comments": (*world).hubComments, "comment": (*world).hubComment, "edited": (*world).hubEdited, "status": (*world).hubStatus,
		"issues": (*world).hubIssues, "issue": (*world).hubIssue,
		"writes": func(w *world, s *forgetest.State, args []string) { w.is("writes", len(s.Writes), args[0]) },
	}
}

const hubToken = "ghs_token-of-the-job"

func (w *world) startHub() *forgetest.Server {
	server := forgetest.Start(time.Now)
	w.ts.Defer(server.Close)
	server.Set(func(s *forgetest.State) { s.Accounts[hubToken] = forgetest.Bot() })
	for _, set := range [][2]string{
		{"GITHUB_API_URL", server.URL()}, {"GITHUB_REPOSITORY", forgetest.Repository}, {"GITHUB_TOKEN", hubToken},
		{"GITHUB_SERVER_URL", "https://forge.example"}, {"GITHUB_RUN_ID", "4711"}, {"GITHUB_ACTIONS", "true"},
	} {
		w.ts.Setenv(set[0], set[1])
	}
	return server
}

func (w *world) number(text string) int {
	n, err := strconv.Atoi(text)
	w.ts.Check(err)
	return n
}

func (w *world) head() string {
	w.must("git", "rev-parse", "HEAD")
	return strings.TrimSpace(w.ts.ReadFile("stdout"))
}

func (w *world) hubPull(s *forgetest.State, args []string) {
	repository := forgetest.Repository
	if len(args) > 2 {
		repository = args[2]
	}
	s.Pull(w.number(args[0]), args[1], w.head(), repository)
	event := filepath.Join(w.work, ".event.json")
	text := fmt.Sprintf(`{"action":"synchronize","number":%s,"pull_request":{"number":%s,"user":{"login":%q}}}`, args[0], args[0], args[1])
	w.ts.Check(os.WriteFile(event, []byte(text), 0o600))
	w.ts.Setenv("GITHUB_EVENT_PATH", event)
}

func (w *world) hubMerge(s *forgetest.State, args []string) {
	pull := s.Pulls[w.number(args[0])]
	pull["merged"], pull["state"], pull["merge_commit_sha"] = true, "closed", w.head()
}

func (w *world) hubRun(s *forgetest.State, args []string) {
	pull := s.Pulls[w.number(args[0])]
	run := forge.Run{ID: int64(1000 + len(s.Runs)), Number: len(s.Runs) + 1, Event: "pull_request", Path: planWorkflow, Status: "completed", URL: "https://forge.example/run"}
	run.Head = pull["head"].(map[string]any)["sha"].(string)
	run.HeadRepository.Name = forgetest.Repository
	s.Runs = append(s.Runs, run)
	for _, file := range args[1:] {
		var b bytes.Buffer
		archive := zip.NewWriter(&b)
		entry, err := archive.Create(filepath.Base(file))
		w.ts.Check(err)
		_, err = entry.Write([]byte(w.ts.ReadFile(file)))
		w.ts.Check(err)
		w.ts.Check(archive.Close())
		artifact := forge.Artifact{ID: run.ID*100 + int64(len(s.Artifacts[run.ID])), Name: planArtifacts + strings.TrimSuffix(filepath.Base(file), ".plan.json")}
		s.Artifacts[run.ID] = append(s.Artifacts[run.ID], forgetest.Artifact{Artifact: artifact, Zip: b.Bytes()})
	}
}

func (w *world) hubBreaks(s *forgetest.State, args []string) {
	for _, status := range args {
		s.Broken = append(s.Broken, w.number(status))
	}
}

func (w *world) hubStranger(s *forgetest.State, args []string) {
	s.Comments = append(s.Comments, &forgetest.Comment{Number: w.number(args[0]), Comment: forge.Comment{
		ID: 66, Node: "IC_66", Body: w.ts.ReadFile(args[1]), Author: forge.User{ID: 66, Login: "github-actions[bot]"},
	}})
}

// commentsOf are those of one pull request, strangers' left out.
func (w *world) commentsOf(s *forgetest.State, number string) []*forgetest.Comment {
	var own []*forgetest.Comment
	for _, c := range s.Comments {
		if c.Number == w.number(number) && c.Author.ID == forgetest.Bot().User.ID {
			own = append(own, c)
		}
	}
	return own
}

func (w *world) newestComment(s *forgetest.State, number string) *forgetest.Comment {
	own := w.commentsOf(s, number)
	if len(own) == 0 {
		w.ts.Fatalf("%s has no comment of ours", number)
	}
	return own[len(own)-1]
}

func (w *world) hubComments(s *forgetest.State, args []string) {
	own := w.commentsOf(s, args[0])
	folded := slices.DeleteFunc(slices.Clone(own), func(c *forgetest.Comment) bool { return c.Minimized == "" })
	w.is("comments of "+args[0], len(own), args[1])
	w.is("comments that nobody folded away", len(own)-len(folded), args[2])
}

func (w *world) hubComment(s *forgetest.State, args []string) {
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[1]), []byte(w.newestComment(s, args[0]).Body), 0o600))
}

func (w *world) hubEdited(s *forgetest.State, args []string) {
	w.is("edits", w.newestComment(s, args[0]).Edits, args[1])
}

func (w *world) hubStatus(s *forgetest.State, args []string) {
	for _, status := range slices.Backward(s.Statuses) {
		if status.Context == args[0] {
			w.is(args[0], status.State, args[1])
			if !regexp.MustCompile(args[2]).MatchString(status.Description) {
				w.ts.Fatalf("%s: %q does not match %q", args[0], status.Description, args[2])
			}
			return
		}
	}
	w.ts.Fatalf("no status %q", args[0])
}

func (w *world) hubIssues(s *forgetest.State, args []string) {
	open := 0
	for _, issue := range s.Issues {
		if issue.State == "open" {
			open++
		}
	}
	w.is("open issues", open, args[0])
	w.is("closed issues", len(s.Issues)-open, args[1])
}

func (w *world) hubIssue(s *forgetest.State, args []string) {
	if len(s.Issues) == 0 {
		w.ts.Fatalf("there is no issue")
	}
	issue := s.Issues[len(s.Issues)-1]
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[0]), []byte(issue.Title+"\n"+issue.Body), 0o600))
}
