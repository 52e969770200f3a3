package view_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func comment(t testing.TB, o view.CommentOptions, plans ...*plan.Plan) string {
	t.Helper()
	list := make([]view.CommentPlan, len(plans))
	for i, p := range plans {
		list[i] = view.CommentPlan{Plan: p, Options: options()}
	}
	return string(text(t, func(w io.Writer) error {
		_, err := view.Comment(w, list, o)
		return err
	}))
}

// markdown writes the comment of one plan.
func markdown(w io.Writer, p *plan.Plan, o view.Options) error {
	_, err := view.Comment(w, []view.CommentPlan{{Plan: p, Options: o}}, view.CommentOptions{})
	return err
}

func TestTheMarkerGivesBackWhatTheCommentIsOf(t *testing.T) {
	t.Parallel()
	one, two := seal(t, mixedPlan()), seal(t, stagingPlan())
	two.Environment = "production"
	want := []view.Marker{
		{Environment: "staging", Plan: one.Digest, Changes: one.ChangesDigest, Spec: one.Revision.Commit},
		{Environment: "production", Plan: two.Digest, Changes: two.ChangesDigest, Spec: two.Revision.Commit},
	}
	for n, plans := range [][]*plan.Plan{{one}, {one, two}} {
		body := comment(t, view.CommentOptions{}, plans...)
		for _, as := range []string{body, strings.ReplaceAll(body, "\n", "\r\n"), strings.SplitN(body, "\n", 2)[0]} {
			got, ok := view.ParseMarker(as)
			if diff := cmp.Diff(want[:n+1], got); !ok || diff != "" {
				t.Errorf("marker of %d plans: %v\n%s", n+1, ok, diff)
			}
		}
	}
}

func TestWhatIsNotOurMarkerIsNone(t *testing.T) {
	t.Parallel()
	body := comment(t, view.CommentOptions{}, seal(t, mixedPlan()))
	line, rest, _ := strings.Cut(body, "\n")
	for name, other := range map[string]string{
		"nothing":                 "",
		"prose":                   "a plan of staging",
		"not the first line":      "hello\n" + body,
		"a space before":          " " + body,
		"a quote":                 "> " + body,
		"another version":         strings.Replace(body, "v1", "v2", 1),
		"more on the line":        line + " and more\n" + rest,
		"two markers":             line + line + "\n" + rest,
		"an unknown field":        strings.Replace(body, `{"env"`, `{"x":1,"env"`, 1),
		"a field twice":           strings.Replace(body, `{"env"`, `{"env":"a","env"`, 1),
		"another order":           strings.Replace(body, `{"env":"staging",`, `{`, 1),
		"white space":             strings.Replace(body, `{"env"`, `{ "env"`, 1),
		"no digest":               strings.Replace(body, "sha256:", "sha256:x", 1),
		"an empty list":           "<!-- reconcile:v1 [] -->",
		"a list in a list":        "<!-- reconcile:v1 [[]] -->",
		"null":                    "<!-- reconcile:v1 null -->",
		"no end":                  strings.Replace(body, " -->", "", 1),
		"too many":                "<!-- reconcile:v1 [" + strings.Repeat(strings.TrimSuffix(strings.TrimPrefix(line, "<!-- reconcile:v1 "), " -->")+",", 60) + "] -->",
		"a very long line":        "<!-- reconcile:v1 " + strings.Repeat("[", 1<<20),
		"letters of another case": strings.Replace(body, "reconcile", "Reconcile", 1),
	} {
		if got, ok := view.ParseMarker(other); ok {
			t.Errorf("%s: taken for %v", name, got)
		}
	}
}

func FuzzAMarkerIsReadOnlyAsItIsWritten(f *testing.F) {
	body := comment(f, view.CommentOptions{}, seal(f, mixedPlan()), seal(f, stagingPlan()))
	f.Add(body)
	f.Add(strings.SplitN(body, "\n", 2)[0])
	for _, value := range hostile() {
		f.Add("<!-- reconcile:v1 " + value + " -->")
	}
	f.Fuzz(func(t *testing.T, body string) {
		markers, ok := view.ParseMarker(body)
		if !ok {
			return
		}
		for _, m := range markers {
			if m.Environment == "" || len(m.Plan) != 71 || len(m.Changes) != 71 {
				t.Errorf("%q is read as %v", body, m)
			}
		}
		if line, _, _ := strings.Cut(body, "\n"); strings.Count(line, "-->") != 1 || strings.Count(line, "<!--") != 1 {
			t.Errorf("%q is more than one comment", line)
		}
	})
}
