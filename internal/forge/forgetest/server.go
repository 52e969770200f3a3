// Package forgetest is a GitHub for tests: it answers what internal/forge asks,
// keeps what was written, and enforces GitHub's limits and permissions, so that
// a client that would be refused there is refused here.
package forgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/crosschain-ops/reconcile/internal/forge"
)

// Repository is what the server holds.
const Repository = "acme/environments"

// Limits of GitHub: a body's characters, writes per minute. GitHub REST API, "Rate
// limits" (80 content-generating requests a minute).
const (
	bodyChars       = 65_536
	writesPerMinute = 80
)

// Account is whom a token is of and what it may do: "issues", "pull-requests",
// "statuses", "actions" and "contents", each read or write.
type Account struct {
	User  forge.User
	Scope map[string]string
}

// Write is one request that changed something.
type Write struct {
	Method, Path, Login string
	At                  time.Time
}

// Server is one repository. Its state is read and changed with Set.
type Server struct {
	http *httptest.Server

	mu sync.Mutex
	State
}

// State is all that the server knows.
type State struct {
	Now      func() time.Time
	Accounts map[string]Account
	// Comments of every issue and pull request, minimised ones with their reason.
	Comments  []*Comment
	Issues    []*forge.Issue
	Labels    map[int][]string
	Pulls     map[int]map[string]any
	Runs      []forge.Run
	Artifacts map[int64][]Artifact
	Statuses  []Status
	Writes    []Write
	// Broken answers come first, one a request: a status, 0 for a lost reply (done,
	// then 502), -1 for the secondary limit with a Retry-After, -2 without one,
	// -3 for the primary limit.
	Broken []int
	// RetryAfter is what the secondary limit says, in seconds.
	RetryAfter int
	// Reads counts the requests that change nothing.
	Reads int
	last  int64
}

// Comment as it is kept.
type Comment struct {
	forge.Comment
	Number    int
	Minimized string
	Edits     int
}

// Artifact is a zip file of a run.
type Artifact struct {
	forge.Artifact
	Zip []byte
}

// Status is one that was set.
type Status struct {
	Commit string
	forge.Status
}

// Start starts a server without accounts, whose clock is now.
func Start(now func() time.Time) *Server {
	s := &Server{State: State{Now: now, Accounts: map[string]Account{}, Labels: map[int][]string{}, Pulls: map[int]map[string]any{}, Artifacts: map[int64][]Artifact{}, RetryAfter: 1, last: 100}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Close stops it.
func (s *Server) Close() { s.http.Close() }

// URL is what GITHUB_API_URL says.
func (s *Server) URL() string { return s.http.URL }

// Set changes or looks at what the server knows.
func (s *Server) Set(change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.State)
}

// Bot is the account that a workflow's own token is of, with every permission.
func Bot() Account {
	return Account{User: forge.User{ID: 41898282, Login: "github-actions[bot]"}, Scope: map[string]string{"issues": "write", "pull-requests": "write", "statuses": "write", "actions": "read", "contents": "read"}}
}

// Pull adds a pull request of a branch of the repository, or of a fork.
func (st *State) Pull(number int, author, head, headRepository string) {
	st.Pulls[number] = map[string]any{
		"number": number, "state": "open", "merged": false, "merge_commit_sha": nil,
		"user": map[string]any{"id": 7, "login": author},
		"head": map[string]any{"sha": head, "ref": "change", "repo": map[string]any{"full_name": headRepository}},
		"base": map[string]any{"sha": strings.Repeat("0", 40), "ref": "main", "repo": map[string]any{"full_name": Repository}},
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/store/") {
		s.store(w, r)
		return
	}
	account, known := s.Accounts[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known {
		fail(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	if s.broken(w) {
		return
	}
	lost := len(s.Broken) > 0 && s.Broken[0] == 0
	if lost {
		s.Broken = s.Broken[1:]
	}
	recorder := httptest.NewRecorder()
	s.route(recorder, r, account)
	if lost {
		fail(w, http.StatusBadGateway, "Server Error")
		return
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

// broken answers what a test asked for instead.
func (s *Server) broken(w http.ResponseWriter) bool {
	if len(s.Broken) == 0 || s.Broken[0] == 0 {
		return false
	}
	how := s.Broken[0]
	s.Broken = s.Broken[1:]
	switch how {
	case -1:
		w.Header().Set("Retry-After", fmt.Sprint(s.RetryAfter))
		fail(w, http.StatusForbidden, "You have exceeded a secondary rate limit.")
	case -2:
		fail(w, http.StatusForbidden, "You have exceeded a secondary rate limit.")
	case -3:
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(s.Now().Add(40*time.Second).Unix()))
		fail(w, http.StatusForbidden, "API rate limit exceeded")
	default:
		fail(w, how, "Server Error")
	}
	return true
}

// limited enforces the secondary limit on writes.
func (s *Server) limited(w http.ResponseWriter, r *http.Request, account Account) bool {
	recent := 0
	for _, write := range s.Writes {
		if s.Now().Sub(write.At) < time.Minute {
			recent++
		}
	}
	if recent >= writesPerMinute {
		w.Header().Set("Retry-After", "60")
		fail(w, http.StatusForbidden, "You have exceeded a secondary rate limit.")
		return true
	}
	s.Writes = append(s.Writes, Write{r.Method, r.URL.Path, account.User.Login, s.Now()})
	return false
}

func (s *Server) id() int64 { s.last++; return s.last }

func fail(w http.ResponseWriter, status int, message string) {
	say(w, status, map[string]any{"message": message})
}

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// tooLong answers as GitHub does to a body above its limit.
func tooLong(w http.ResponseWriter, body string) bool {
	if len([]rune(body)) <= bodyChars {
		return false
	}
	say(w, http.StatusUnprocessableEntity, map[string]any{"message": "Validation Failed", "errors": []any{map[string]any{"message": "body is too long (maximum is 65536 characters)"}}})
	return true
}
