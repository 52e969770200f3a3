package forgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/forge"
)

// route answers one request of one account.
func (s *Server) route(w http.ResponseWriter, r *http.Request, account Account) {
	if r.URL.Path == "/graphql" && r.Method == http.MethodPost {
		s.graphql(w, r, account)
		return
	}
	rest, ours := strings.CutPrefix(r.URL.Path, "/repos/"+Repository+"/")
	if !ours {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	var body map[string]any
	if r.Method != http.MethodGet && json.NewDecoder(r.Body).Decode(&body) != nil {
		fail(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	parts := strings.Split(rest, "/")
	pattern := make([]string, len(parts))
	var numbers []int64
	for i, part := range parts {
		pattern[i] = part
		if n, err := strconv.ParseInt(part, 10, 64); err == nil && len(part) < 19 {
			pattern[i], numbers = "N", append(numbers, n)
		} else if len(part) == 40 {
			pattern[i] = "SHA"
		}
	}
	what := r.Method + " " + strings.Join(pattern, "/")
	need, known := permissions()[what]
	switch {
	case !known:
		fail(w, http.StatusNotFound, "Not Found")
	case !allowed(account, need):
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
	case r.Method != http.MethodGet && s.limited(w, r, account):
	case r.Method == http.MethodGet:
		s.Reads++
		s.read(w, r, what, parts, numbers)
	default:
		s.write(w, what, parts, numbers, body, account)
	}
}

// permissions says what each request needs, any of several.
func permissions() map[string][]string {
	return map[string][]string{
		"GET issues/N/comments":        {"issues:read", "pull-requests:read"},
		"POST issues/N/comments":       {"issues:write", "pull-requests:write"},
		"PATCH issues/comments/N":      {"issues:write", "pull-requests:write"},
		"GET issues":                   {"issues:read"},
		"POST issues":                  {"issues:write"},
		"PATCH issues/N":               {"issues:write"},
		"GET pulls/N":                  {"pull-requests:read"},
		"GET commits/SHA/pulls":        {"contents:read"},
		"POST statuses/SHA":            {"statuses:write"},
		"GET actions/runs":             {"actions:read"},
		"GET actions/runs/N/artifacts": {"actions:read"},
		"GET actions/artifacts/N/zip":  {"actions:read"},
	}
}

func allowed(account Account, need []string) bool {
	return slices.ContainsFunc(need, func(n string) bool {
		scope, right, _ := strings.Cut(n, ":")
		have := account.Scope[scope]
		return have == "write" || (have == "read" && right == "read")
	})
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, what string, parts []string, numbers []int64) {
	switch what {
	case "GET issues/N/comments":
		say(w, http.StatusOK, page(r, pick(s.Comments, func(c *Comment) bool { return int64(c.Number) == numbers[0] })))
	case "GET issues":
		label := r.URL.Query().Get("labels")
		say(w, http.StatusOK, page(r, pick(s.Issues, func(i *forge.Issue) bool {
			return i.State == "open" && slices.Contains(s.Labels[i.Number], label)
		})))
	case "GET pulls/N":
		if pull, ok := s.Pulls[int(numbers[0])]; ok {
			say(w, http.StatusOK, pull)
			return
		}
		fail(w, http.StatusNotFound, "Not Found")
	case "GET commits/SHA/pulls":
		var all []any
		for _, pull := range s.Pulls {
			if pull["head"].(map[string]any)["sha"] == parts[1] || pull["merge_commit_sha"] == parts[1] {
				all = append(all, pull)
			}
		}
		say(w, http.StatusOK, page(r, all))
	case "GET actions/runs":
		q := r.URL.Query()
		runs := pick(s.Runs, func(run forge.Run) bool { return run.Head == q.Get("head_sha") && run.Event == q.Get("event") })
		say(w, http.StatusOK, map[string]any{"total_count": len(runs), "workflow_runs": page(r, runs)})
	case "GET actions/runs/N/artifacts":
		var all []forge.Artifact
		for _, a := range s.Artifacts[numbers[0]] {
			all = append(all, a.Artifact)
		}
		say(w, http.StatusOK, map[string]any{"total_count": len(all), "artifacts": page(r, all)})
	case "GET actions/artifacts/N/zip":
		w.Header().Set("Location", fmt.Sprintf("%s/store/%d?sig=secret-of-the-store", s.http.URL, numbers[0]))
		w.WriteHeader(http.StatusFound)
	}
}

// store is where artifacts are kept; a request with a token is refused, as it is
// at the real one.
func (s *Server) store(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/store/")
	for _, run := range s.Artifacts {
		for _, a := range run {
			if fmt.Sprint(a.ID) == id && r.URL.Query().Get("sig") != "" && r.Header.Get("Authorization") == "" {
				_, _ = w.Write(a.Zip)
				return
			}
		}
	}
	fail(w, http.StatusBadRequest, "InvalidAuthenticationInfo")
}

// page cuts a list as the request asks: 30 a page, 100 at most.
func page[T any](r *http.Request, all []T) []T {
	size, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || size < 1 {
		size = 30
	}
	size = min(size, 100)
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || number < 1 {
		number = 1
	}
	from := min((number-1)*size, len(all))
	return append([]T{}, all[from:min(from+size, len(all))]...)
}

func pick[T any](all []T, wanted func(T) bool) []T {
	var some []T
	for _, one := range all {
		if wanted(one) {
			some = append(some, one)
		}
	}
	return some
}
