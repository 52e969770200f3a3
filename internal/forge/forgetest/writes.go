package forgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/forge"
)

func text(body map[string]any, name string) string { s, _ := body[name].(string); return s }

func (s *Server) write(w http.ResponseWriter, what string, parts []string, numbers []int64, body map[string]any, account Account) {
	if tooLong(w, text(body, "body")) {
		return
	}
	switch what {
	case "POST issues/N/comments":
		id := s.id()
		c := &Comment{Number: int(numbers[0]), Comment: forge.Comment{
			ID: id, Node: fmt.Sprintf("IC_%d", id), URL: fmt.Sprintf("%s/%d#issuecomment-%d", s.http.URL, numbers[0], id), Body: text(body, "body"), Author: account.User, Made: s.Now().UTC(),
		}}
		s.Comments = append(s.Comments, c)
		say(w, http.StatusCreated, c)
	case "PATCH issues/comments/N":
		i := slices.IndexFunc(s.Comments, func(c *Comment) bool { return c.ID == numbers[0] })
		if i < 0 {
			fail(w, http.StatusNotFound, "Not Found")
			return
		}
		s.Comments[i].Body = text(body, "body")
		s.Comments[i].Edits++
		say(w, http.StatusOK, s.Comments[i])
	case "POST issues":
		s.last++
		issue := &forge.Issue{Number: int(s.last), URL: fmt.Sprintf("%s/issues/%d", s.http.URL, s.last), Title: text(body, "title"), Body: text(body, "body"), State: "open", Author: account.User}
		labels, _ := body["labels"].([]any)
		for _, label := range labels {
			s.Labels[issue.Number] = append(s.Labels[issue.Number], fmt.Sprint(label))
		}
		s.Issues = append(s.Issues, issue)
		say(w, http.StatusCreated, issue)
	case "PATCH issues/N":
		s.edit(w, int(numbers[0]), body)
	case "POST statuses/SHA":
		s.status(w, parts[1], body)
	}
}

func (s *Server) edit(w http.ResponseWriter, number int, body map[string]any) {
	i := slices.IndexFunc(s.Issues, func(i *forge.Issue) bool { return i.Number == number })
	if i < 0 {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	issue := s.Issues[i]
	for name, field := range map[string]*string{"title": &issue.Title, "body": &issue.Body, "state": &issue.State} {
		if value, given := body[name]; given {
			*field = fmt.Sprint(value)
		}
	}
	say(w, http.StatusOK, issue)
}

func (s *Server) status(w http.ResponseWriter, commit string, body map[string]any) {
	status := forge.Status{State: text(body, "state"), Context: text(body, "context"), Description: text(body, "description"), URL: text(body, "target_url")}
	known := []string{forge.Success, forge.Pending, forge.Failure, "error"}
	if len([]rune(status.Description)) > 140 || !slices.Contains(known, status.State) {
		fail(w, http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	s.Statuses = append(s.Statuses, Status{commit, status})
	say(w, http.StatusCreated, body)
}

// nodes are comments by their ids, null where there is none.
func (s *Server) nodes(ids any) []any {
	list, _ := ids.([]any)
	found := make([]any, len(list))
	for i, id := range list {
		for _, c := range s.Comments {
			if c.Node == id {
				found[i] = map[string]any{"id": c.Node, "isMinimized": c.Minimized != ""}
			}
		}
	}
	return found
}

// graphql answers the sentences that the client knows.
func (s *Server) graphql(w http.ResponseWriter, r *http.Request, account Account) {
	var ask struct {
		Query     string
		Variables map[string]any
	}
	if json.NewDecoder(r.Body).Decode(&ask) != nil {
		fail(w, http.StatusBadRequest, "Problems parsing JSON")
		return
	}
	switch {
	case strings.HasPrefix(ask.Query, "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on IssueComment { id isMinimized } } }"):
		s.Reads++
		say(w, http.StatusOK, map[string]any{"data": map[string]any{"nodes": s.nodes(ask.Variables["ids"])}})
	case strings.HasPrefix(ask.Query, "query { viewer { login databaseId } }"):
		s.Reads++
		say(w, http.StatusOK, map[string]any{"data": map[string]any{"viewer": map[string]any{"login": account.User.Login, "databaseId": account.User.ID}}})
	case strings.HasPrefix(ask.Query, "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED})"):
		if !allowed(account, []string{"issues:write", "pull-requests:write"}) {
			say(w, http.StatusOK, map[string]any{"data": nil, "errors": []any{map[string]any{"message": "Resource not accessible by integration"}}})
			return
		}
		if s.limited(w, r, account) {
			return
		}
		i := slices.IndexFunc(s.Comments, func(c *Comment) bool { return c.Node == ask.Variables["id"] })
		if i < 0 {
			say(w, http.StatusOK, map[string]any{"data": nil, "errors": []any{map[string]any{"message": "Could not resolve to a node"}}})
			return
		}
		s.Comments[i].Minimized = "OUTDATED"
		say(w, http.StatusOK, map[string]any{"data": map[string]any{"minimizeComment": map[string]any{"minimizedComment": map[string]any{"isMinimized": true}}}})
	default:
		say(w, http.StatusOK, map[string]any{"errors": []any{map[string]any{"message": "Parse error"}}})
	}
}
