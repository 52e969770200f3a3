package kind_test

import (
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

func TestACallerIsKnownByItsOwnNameOnly(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string][2]string{
		"arn:aws:iam::111122223333:user/alice":                             {"iam-user", "alice"},
		"arn:aws:iam::111122223333:user/reconcile/staging/alice":           {"iam-user", "alice"},
		"arn:aws:sts::111122223333:assumed-role/reconcile-apply/alice":     {"iam-role", "reconcile-apply"},
		"arn:aws:iam::111122223333:role/reconcile/staging/reconcile-apply": {"iam-role", "reconcile-apply"},
		"arn:aws:iam::111122223333:root":                                   {},
		"arn:aws:sts::111122223333:federated-user/alice":                   {},
		"":      {},
		"alice": {},
	} {
		for _, sort := range []string{"iam-user", "iam-role", "iam-group"} {
			for _, name := range []string{"alice", "reconcile-apply", "reconcile", "staging", "111122223333", ""} {
				if got := kind.RunsAs(caller, sort, name); got != (want[0] == sort && want[1] == name && name != "") {
					t.Errorf("%q runs as %s %q: %t", caller, sort, name, got)
				}
			}
		}
	}
}

func TestListsAreTheSameInAnyOrderAndNothingElseIs(t *testing.T) {
	t.Parallel()
	ref := map[string]any{"$ref": "iam-policy/global/a#arn"}
	for _, test := range []struct {
		a, b any
		same bool
	}{
		{[]any{"x", "y"}, []any{"y", "x"}, true},
		{[]any{"x", "x"}, []any{"x"}, true},
		{[]any{}, []any{}, true},
		{[]any{ref}, []any{ref}, true},
		{[]any{ref}, []any{"arn:aws:iam::111122223333:policy/a"}, false},
		{[]any{"x"}, []any{"x", "y"}, false},
		{[]any{"x"}, []any{}, false},
		{"x", []any{"x"}, false},
	} {
		if kind.SameTexts(test.a, test.b) != test.same || kind.SameTexts(test.b, test.a) != test.same {
			t.Errorf("%v and %v are the same: want %t", test.a, test.b, test.same)
		}
	}
}

func TestWhatDeniesOrCannotBeReadIsNoMereGift(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`:                                                        false,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"kms:Sign","Resource":"*"}]}`:   true,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Whatever":"it is"}]}`:                                     true,
		`%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Deny%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D`: true,
	} {
		if kind.Denies(access.Read(text)) != want {
			t.Errorf("%s denies: want %t", text, want)
		}
	}
}
