package view_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/internal/view"
)

func TestOutcomesAndKeysReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	done := []view.Outcome{
		{ID: keyID("validator-0-signer-fuji"), Result: "created", Detail: "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"},
		{ID: keyID("validator-1-signer-fuji"), Result: "unchanged"},
		{ID: resource.ID{Kind: "validator-set", Scope: "optimismsepolia", Name: "fuji"}, Result: "proposed", Detail: "Safe 0x5c1A0b4e2F6d7C8b9A0e1D2c3B4a5F6e7D8c9B0a"},
	}
	broken := append([]view.Outcome{
		{ID: resource.ID{Kind: "funding", Scope: "fuji", Name: "relayer-signer-fuji"}, Result: "skipped", Detail: "waits for kms-key/us-west-2/relayer-signer-fuji, which failed"},
		{ID: keyID("relayer-signer-fuji"), Result: "failed", Err: "kms-key/us-west-2/relayer-signer-fuji: create-key: AccessDeniedException: role apply-staging may not kms:CreateKey\n  hint: the role's policy is in docs/aws.md"},
		{ID: keyID("relayer-signer-sepolia"), Result: "unknown", Err: "kms-key/us-west-2/relayer-signer-sepolia: create-key: the connection was lost; 2 keys carry the intent, have 2, need 1"},
	}, done...)
	rows := []view.KeyRow{
		{Key: "bank", Alias: "alias/staging-bank", ARN: "arn:aws:kms:us-west-2:222233334444:key/1", Address: "0x31fE4aC1b2D3e4F5061728394a5b6C7D8e9F0a1b", Region: region, State: "enabled", Created: noon.Add(-41 * 24 * time.Hour), Networks: []string{"fuji", "sepolia"}},
		{Key: "relayer-signer-sepolia", Alias: "alias/staging-relayer-signer-sepolia", ARN: "arn:aws:kms:us-west-2:222233334444:key/2", Address: "0x94438a7De38d4548AE54DF5C6010c4EbC5239eAe", Region: region, State: "disabled", Created: noon.Add(-3 * time.Hour), Networks: []string{"sepolia"}},
		{Key: "validator-0-signer-fuji", Alias: "alias/staging-validator-0-signer-fuji", Region: region, State: "missing", Networks: []string{"fuji"}},
	}
	o := options()
	inCI := o
	inCI.CI = true
	failed := view.OutcomeOptions{Options: o}
	failed.Next = "reconcile apply staging.plan.json"
	live := func(o view.Options) func(io.Writer) error {
		return func(w io.Writer) error {
			for _, out := range append([]view.Outcome{{ID: keyID("validator-0-signer-fuji"), Op: "create-key", Result: "started"}}, broken...) {
				if err := view.Live(w, out, o); err != nil {
					return err
				}
			}
			return nil
		}
	}
	keys := func(format string, wide bool) func(io.Writer) error {
		return func(w io.Writer) error {
			return view.Keys(w, rows, view.KeysOptions{Options: o, Format: format, Wide: wide})
		}
	}
	archive := new(txtar.Archive)
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"all went well", func(w io.Writer) error {
			return view.Outcomes(w, done, view.OutcomeOptions{Options: o, Verified: "nothing left but 1 proposal"})
		}},
		{"some failed", func(w io.Writer) error { return view.Outcomes(w, broken, failed) }},
		{"live on a terminal", live(o)},
		{"live in a build log", live(inCI)},
		{"keys table", keys("table", false)},
		{"keys wide", keys("", true)},
		{"keys csv", keys("csv", false)},
		{"keys json", keys("json", false)},
	} {
		archive.Files = append(archive.Files, txtar.File{Name: part.name, Data: text(t, part.write)})
	}
	golden(t, "outcomes and keys read plainly", archive)
}

func TestKeysRefuseAFormatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	err := view.Keys(io.Discard, nil, view.KeysOptions{Format: "yaml"})
	if err == nil || err.Error() != `format "yaml": not table, json or csv` {
		t.Errorf("error is %v", err)
	}
}

func TestKeysAsJSONAreAListEvenWhenThereAreNone(t *testing.T) {
	t.Parallel()
	var list []map[string]any
	data := text(t, func(w io.Writer) error { return view.Keys(w, nil, view.KeysOptions{Format: "json"}) })
	if err := json.Unmarshal(data, &list); err != nil || list == nil {
		t.Errorf("%s: %v", data, err)
	}
}

func TestJSONIsThePlanFileByteForByte(t *testing.T) {
	t.Parallel()
	p := seal(t, mixedPlan())
	want, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, func(w io.Writer) error { return view.JSON(w, p) })
	if !bytes.Equal(got, want) {
		t.Error("the bytes differ from the plan file's")
	}
	if _, err := plan.Decode(got); err != nil {
		t.Errorf("the plan does not read back: %v", err)
	}
}

func TestAHintIsWholeAndOnOneLine(t *testing.T) {
	t.Parallel()
	long := "reconcile apply " + strings.Repeat("a", 300) + "\nrm -rf /"
	got := string(text(t, func(w io.Writer) error { return view.Hint(w, long, view.Options{Width: 60}) }))
	if want := "hint: reconcile apply " + strings.Repeat("a", 300) + `\u000arm -rf /` + "\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := text(t, func(w io.Writer) error { return view.Hint(w, "", view.Options{}) }); len(got) != 0 {
		t.Errorf("an empty hint prints %q", got)
	}
}

func TestNothingUnreadIsEverInSync(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*plan.Plan, *view.Options){
		"an unread network":   func(p *plan.Plan, _ *view.Options) { p.Unread = unreadPlan().Unread },
		"an unread kind":      func(p *plan.Plan, _ *view.Options) { p.Unread = []resource.Unread{{Scope: "kms-key"}} },
		"fewer read than all": func(_ *plan.Plan, o *view.Options) { o.Stats.NetworksRead = 6 },
		"a finding": func(p *plan.Plan, _ *view.Options) {
			p.Findings = []resource.Finding{{Rule: "r", Severity: resource.Note}}
		},
		"a partial plan":    func(p *plan.Plan, _ *view.Options) { p.Partial = true },
		"a proposal":        func(p *plan.Plan, _ *view.Options) { p.Pending = laterPlan().Pending },
		"a deferred change": func(p *plan.Plan, _ *view.Options) { p.Deferred = laterPlan().Deferred },
		"a change":          func(p *plan.Plan, _ *view.Options) { p.Changes = driftPlan().Changes },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, o := stagingPlan(), options()
			spoil(p, &o)
			for _, write := range []func(io.Writer, *plan.Plan, view.Options) error{view.Plan, view.Verify, markdown} {
				if got := string(text(t, func(w io.Writer) error { return write(w, p, o) })); strings.Contains(got, "in sync") {
					t.Errorf("it says:\n%s", got)
				}
			}
		})
	}
}

func TestACeilingIsNeverRoundedDownAndABalanceNeverUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ wei, balance, ceiling string }{
		{"1920000000000000000", "1.92 AVAX", "1.92 AVAX"},
		{"1", "<0.000001 AVAX", "0.000001 AVAX"},
		{"1234567890123456789", "1.234567 AVAX", "1.234568 AVAX"},
		{"999999999999999999", "0.999999 AVAX", "1 AVAX"},
		{"100000000000000000000000", "100000 AVAX", "100000 AVAX"},
	} {
		change := fund("fuji", "relayer-signer", plan.Update, c.wei, "")
		change.Steps[0].Annotations, change.Steps[0].Spend = nil, nil
		change.Fields[0].Before = map[string]any{"wei": c.wei}
		p := stagingPlan(change)
		p.Spend = []plan.Spend{{Network: "fuji", Wei: c.wei}}
		got := planText(t, p, wide())
		for _, want := range []string{"balance  " + c.balance + " → ", c.ceiling + " out at most"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s wei: no %q in:\n%s", c.wei, want, got)
			}
		}
	}
}

func TestMoneyWithoutAKnownCoinIsToldInWei(t *testing.T) {
	t.Parallel()
	p := stagingPlan(driftPlan().Changes...)
	p.Spend = []plan.Spend{{Network: "moonbase", Wei: "17", Fee: "not a number"}}
	got := planText(t, p, wide())
	for _, want := range []string{"17 wei on moonbase out at most", "not a number wei on moonbase fees at most"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestAWriterThatFailsIsReported(t *testing.T) {
	t.Parallel()
	p, o := seal(t, mixedPlan()), options()
	for name, write := range map[string]func(io.Writer) error{
		"Plan":     func(w io.Writer) error { return view.Plan(w, p, o) },
		"Verify":   func(w io.Writer) error { return view.Verify(w, p, o) },
		"Markdown": func(w io.Writer) error { return markdown(w, p, o) },
		"JSON":     func(w io.Writer) error { return view.JSON(w, p) },
		"Hint":     func(w io.Writer) error { return view.Hint(w, "x", o) },
		"Access":   func(w io.Writer) error { return view.Access(w, wholeAccess(), view.AccessOptions{Options: o}) },
		"Live":     func(w io.Writer) error { return view.Live(w, view.Outcome{}, o) },
		"Outcomes": func(w io.Writer) error { return view.Outcomes(w, nil, view.OutcomeOptions{Options: o}) },
		"table":    func(w io.Writer) error { return view.Keys(w, nil, view.KeysOptions{Options: o}) },
		"csv":      func(w io.Writer) error { return view.Keys(w, nil, view.KeysOptions{Format: "csv"}) },
		"json":     func(w io.Writer) error { return view.Keys(w, nil, view.KeysOptions{Format: "json"}) },
	} {
		if err := write(fullDisk{}); !errors.Is(err, errFull) {
			t.Errorf("%s: error is %v, want %v", name, err, errFull)
		}
	}
}

func TestOneInputGivesOneTextAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := seal(t, mixedPlan())
	before := fmt.Sprint(p.Encode())
	first := planText(t, p, options())
	for range 20 {
		if again := planText(t, p, options()); again != first {
			t.Fatalf("the text differs:\n%s\n%s", first, again)
		}
	}
	if fmt.Sprint(p.Encode()) != before {
		t.Error("printing changed the plan")
	}
}
