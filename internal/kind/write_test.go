package kind_test

import (
	"context"
	"errors"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// scribe answers every call alike.
type scribe struct {
	made  resource.Outputs
	yes   bool
	err   error
	calls int
}

func (s *scribe) Perform(context.Context, string) (resource.Outputs, bool, error) {
	s.calls++
	return s.made, s.yes, s.err
}

func (s *scribe) Performed(context.Context, string) (resource.Outputs, bool, error) {
	s.calls++
	return s.made, s.yes, s.err
}

func TestAStepThatIsOneCallSaysWhatIsProved(t *testing.T) {
	t.Parallel()
	broken, made := errors.New("broken"), resource.Outputs{"arn": "x"}
	for name, test := range map[string]struct {
		by          scribe
		wrong       error
		notAccepted bool
		happened    kind.Happened
		calls       int
		fails       bool
	}{
		"done":                         {by: scribe{made: made, yes: true}, happened: kind.Yes, calls: 2},
		"not seen":                     {by: scribe{}, happened: kind.No, calls: 2},
		"refused":                      {by: scribe{yes: true, err: broken}, notAccepted: true, happened: kind.Unknown, calls: 2, fails: true},
		"accepted, and nobody can see": {by: scribe{err: broken}, happened: kind.Unknown, calls: 2, fails: true},
		"there is no call to make":     {wrong: broken, notAccepted: true, happened: kind.Unknown, fails: true},
	} {
		by := test.by
		if name == "done" {
			by.yes = false // Perform: not refused
		}
		_, err := kind.DoWrite(t.Context(), &by, "call", test.wrong)
		if refused := (*kind.NotAcceptedError)(nil); errors.As(err, &refused) != test.notAccepted || (err != nil) != test.fails || err != nil && !errors.Is(err, broken) {
			t.Errorf("%s: do: %v", name, err)
		}
		by.yes = test.by.yes
		happened, outputs, err := kind.ProbeWrite(t.Context(), &by, "call", test.wrong)
		if happened != test.happened || (err != nil) != test.fails || by.calls != test.calls || len(outputs) != len(test.by.made) {
			t.Errorf("%s: probe: %s %v %v after %d calls", name, happened, outputs, err, by.calls)
		}
	}
}

func TestWhoseAnIAMObjectIsByItsPathAndItsTags(t *testing.T) {
	t.Parallel()
	env := &config.Environment{Name: "staging", Access: &config.Access{Path: "/reconcile/staging/"}}
	for path, want := range map[string]string{
		"/reconcile/staging/": "staging", "/reconcile/staging/below/": "staging", "/reconcile/production/": "/reconcile/production/",
		"/reconcile/staging2/": "/reconcile/staging2/", "/": "", "/elsewhere/reconcile/staging/": "",
	} {
		if have := kind.PathMark(env, path); have != want || kind.InPath(env, path) != (want == "staging") {
			t.Errorf("%s: %q", path, have)
		}
	}
	for _, other := range []*config.Environment{{Name: "staging"}, {Name: "staging", Access: &config.Access{}}} {
		if kind.InPath(other, "/") || kind.InPath(other, "/reconcile/staging/") {
			t.Error("without a path of ours nothing lies in it")
		}
	}
	id := config.UserID("ada")
	for _, test := range []struct {
		tags map[string]string
		want bool
	}{
		{kind.MarkTags("staging", id), true}, {kind.MarkTags("production", id), false}, {kind.MarkTags("staging", config.UserID("bob")), false},
		{nil, false}, {map[string]string{kind.TagEnvironment: "staging"}, false},
	} {
		if kind.Marked(test.tags, "staging", id) != test.want {
			t.Errorf("%v: %t", test.tags, !test.want)
		}
	}
}

func TestPoliciesAreNamedByRefOrByARN(t *testing.T) {
	t.Parallel()
	env := &config.Environment{Access: &config.Access{Policies: []config.Policy{{Name: "signer"}}}}
	values, err := kind.PolicyValues(env, []string{"signer", "arn:aws:iam::aws:policy/ReadOnlyAccess", "signer"})
	if err != nil || len(values) != 2 || values[0].String() != "arn:aws:iam::aws:policy/ReadOnlyAccess" || values[1].String() != "iam-policy/global/signer#arn" || values[1].Known() {
		t.Errorf("%v %v", values, err)
	}
	if none, err := kind.PolicyValues(env, nil); none == nil || len(none) != 0 || err != nil {
		t.Errorf("no policies are an empty list: %v %v", none, err)
	}
	if _, err := kind.PolicyValues(env, []string{"nobody"}); err == nil {
		t.Error("a policy that nobody declares is named")
	}
}
