package forge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
)

const marker = "<!-- reconcile:v1 "

func TestACommentIsFoundByItsMarkerAndByWhoWroteIt(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) {
		s.Accounts["mallory"] = forgetest.Account{User: forge.User{ID: 66, Login: "github-actions[bot]"}, Scope: map[string]string{"issues": "write"}}
	})
	self, err := w.client.Self(t.Context())
	w.must(err)
	if self != w.self {
		t.Fatalf("%+v, want %+v", self, w.self)
	}
	mallory := w.as("mallory")
	forged, err := mallory.CreateComment(t.Context(), 1, marker+"mine -->", marker, 66)
	w.must(err)
	for i := range 230 {
		_, err := mallory.CreateComment(t.Context(), 1, fmt.Sprint("chatter ", i), marker, 66)
		w.must(err)
	}
	_, err = w.client.CreateComment(t.Context(), 2, marker+"elsewhere -->", marker, self.ID)
	w.must(err)
	_, err = w.client.CreateComment(t.Context(), 1, "quoted: "+marker+"-->", marker, self.ID)
	w.must(err)
	ours, err := w.client.CreateComment(t.Context(), 1, marker+"ours -->", marker, self.ID)
	w.must(err)
	own, err := w.client.OwnComments(t.Context(), 1, marker, self.ID)
	w.must(err)
	if len(own) != 1 || own[0].ID != ours.ID || own[0].ID == forged.ID {
		t.Fatalf("found %+v, want the one comment %d behind 232 others", own, ours.ID)
	}
}

func TestACommentIsEditedAndFoldedAway(t *testing.T) {
	t.Parallel()
	w := start(t)
	c, err := w.client.CreateComment(t.Context(), 1, marker+"1 -->", marker, w.self.ID)
	w.must(err)
	w.must(w.client.EditComment(t.Context(), c.ID, marker+"2 -->"))
	other, err := w.client.CreateComment(t.Context(), 1, marker+"other -->", marker, w.self.ID)
	w.must(err)
	w.must(w.client.MinimizeComment(t.Context(), c.Node))
	open, err := w.client.Open(t.Context(), []string{c.Node, "IC_0", other.Node})
	w.must(err)
	if !slices.Equal(open, []string{other.Node}) {
		t.Errorf("open are %v, want %s alone", open, other.Node)
	}
	w.server.Set(func(s *forgetest.State) {
		if len(s.Comments) != 2 || s.Comments[0].Body != marker+"2 -->" || s.Comments[0].Minimized != "OUTDATED" {
			t.Errorf("%+v", s.Comments[0])
		}
		for i := 1; i < len(s.Writes); i++ {
			if gap := s.Writes[i].At.Sub(s.Writes[i-1].At); gap < time.Second {
				t.Errorf("write %d comes %s after the one before, at least a second is asked", i, gap)
			}
		}
	})
	w.refused(w.client.MinimizeComment(t.Context(), "IC_0"), "Could not resolve")
}

func TestAForgeThatFailedAfterItWroteIsNotWrittenTwice(t *testing.T) {
	t.Parallel()
	for name, how := range map[string][]int{
		"the reply is lost":                 {0},
		"it never arrived":                  {500},
		"and the question's reply, too":     {0, 503, 503},
		"neither arrives, nor the question": {500, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.breaks(how...)
			c, err := w.client.CreateComment(t.Context(), 1, marker+"x -->", marker, w.self.ID)
			w.must(err)
			w.breaks(how...)
			issue, err := w.client.OpenIssue(t.Context(), "staging", marker+"y -->", "reconcile", marker, w.self.ID)
			w.must(err)
			w.server.Set(func(s *forgetest.State) {
				if len(s.Comments) != 1 || len(s.Issues) != 1 || s.Comments[0].ID != c.ID || s.Issues[0].Number != issue.Number {
					t.Errorf("%d comments, %d issues, want one of each and their ids", len(s.Comments), len(s.Issues))
				}
			})
		})
	}
}

func TestLimitsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how  int
		want time.Duration
	}{
		"secondary, with the time": {-1, 7 * time.Second},
		"secondary, without":       {-2, time.Minute},
		"primary":                  {-3, 41 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.server.Set(func(s *forgetest.State) { s.RetryAfter = 7 })
			w.breaks(c.how)
			_, err := w.client.CreateComment(t.Context(), 1, marker+"x -->", marker, w.self.ID)
			w.must(err)
			if len(w.clock.slept) != 1 || w.clock.slept[0] != c.want {
				t.Errorf("slept %v, want %s", w.clock.slept, c.want)
			}
		})
	}
}

func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) { s.RetryAfter = 3600 })
	w.breaks(-1)
	_, err := w.client.OwnComments(t.Context(), 1, marker, w.self.ID)
	w.refused(err, "secondary rate limit")
	if len(w.clock.slept) != 0 {
		t.Errorf("slept %v for an hour that is not waited for", w.clock.slept)
	}
	w.breaks(500, 500, 500, 500, 500, 500)
	_, err = w.client.OwnComments(t.Context(), 1, marker, w.self.ID)
	w.refused(err, "500 Internal Server Error")
	if len(w.clock.slept) != 4 {
		t.Errorf("slept %v, want 4 times", w.clock.slept)
	}
}

func TestEightyWritesAMinuteAreTheMost(t *testing.T) {
	t.Parallel()
	w := start(t)
	for i := range 100 {
		_, err := w.client.CreateComment(t.Context(), 1, fmt.Sprint(i), marker, w.self.ID)
		w.must(err)
	}
	if most := slices.Max(w.clock.slept); most > time.Second {
		t.Errorf("had to wait %s: the limit was reached", most)
	}
}

func TestWhatTheForgeRefusesIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.server.Set(func(s *forgetest.State) {
		s.Accounts["reader"] = forgetest.Account{User: forge.User{ID: 5, Login: "reader"}, Scope: map[string]string{"issues": "read"}}
	})
	_, err := w.as("stranger").OwnComments(t.Context(), 1, marker, 5)
	w.refused(err, "401 Unauthorized: Bad credentials")
	_, err = w.as("reader").CreateComment(t.Context(), 1, marker, marker, 5)
	w.refused(err, "403 Forbidden: Resource not accessible by integration")
	w.refused(w.as("reader").MinimizeComment(t.Context(), "IC_1"), "Resource not accessible")
	_, err = w.client.CreateComment(t.Context(), 1, strings.Repeat("é", forge.MaxBodyChars+1), marker, 5)
	w.refused(err, "has 65537 characters, at most 65536 are taken")
	_, err = w.client.CreateComment(t.Context(), 1, strings.Repeat("é", forge.MaxBodyChars), marker, 5)
	w.must(err)
	if len(w.clock.slept) > 0 {
		t.Errorf("slept %v over answers that will not change", w.clock.slept)
	}
}

func TestATokenIsNeverPrintedAndNeverSentInTheClear(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%s", "%#v", "%+v", "%q", "%x"} {
		if text := fmt.Sprintf(format, forge.Options{Token: token}); strings.Contains(text, "ghs_") || strings.Contains(text, "6768735f") {
			t.Errorf("%s prints %s", format, text)
		}
	}
	for _, api := range []string{"http://forge.example", "ftp://127.0.0.1", "https://u:p@forge.example", "https://forge.example?x=1", "forge.example", "https://"} {
		if _, err := forge.New(forge.Options{API: api, Repository: forgetest.Repository, Token: token}); err == nil {
			t.Errorf("%s is taken", api)
		}
	}
	for _, repository := range []string{"", "acme", "acme/x/y", "acme/..", "../x", "acme/x?y", "acme/%2e"} {
		if _, err := forge.New(forge.Options{Repository: repository, Token: token}); err == nil {
			t.Errorf("repository %q is taken", repository)
		}
	}
	for _, bad := range []forge.Token{"", "a b", "a\nb", "é"} {
		if _, err := forge.New(forge.Options{Repository: forgetest.Repository, Token: bad}); err == nil {
			t.Errorf("a token of %d bytes is taken", len(bad))
		}
	}
}
