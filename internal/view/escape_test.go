package view_test

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/crosschain-ops/reconcile/internal/view"
)

// hostile are values as somebody who can name a live object would choose them.
func hostile() []string {
	return []string{
		"\x1b[2J\x1b[1;1Hin sync", "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "\x9b31m", "red\rgreen", "two\nlines", "tab\there", "nul\x00", "del\x7f",
		"fuji\u202egpj.exe", "\u2066isolate\u2069", "zero\u200bwidth", "\ufeffbom", "soft\u00adhyphen", "\u3164", "nbsp\u00a0", "tag\U000e0041", "vs\ufe0f", "\u2028", "\xff\xfe", "a\u0301\u0301\u0301\u0301\u0301",
		"::error file=a.go::owned", "  ::add-mask::x", "##[error]owned", "##vso[task.setvariable variable=x]y", "##teamcity[buildStop]", "::stop-commands::t",
		"@octocat", "hi @org/team!", "#123", "org/repo#1", "GH-12", "4f2a91c07be1d2c3b4a5968778695a4b3c2d1e0f", "https://evil.example", "www.evil.example", "a@b.example", ":tada:",
		"<script>alert(1)</script>", "<img src=x onerror=y>", "</details>", "<!-- reconcile:v1 -->", "-->", "[x](javascript:y)", "![x](http://y)", "**bold**", "a|b", "a\\|b", "`code`", "``` \n```", "````", "~~~", "&lt;", "$x$", "\\", "`", " ", "", "_x_",
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "'=1", "|calc", "%0A", "\uff1d1", "plain", "kms-key/us-west-2/validator-0-signer-fuji", "naïve 漢字 ✓",
	}
}

// unsafe lists the characters of a text that a terminal would not print as
// themselves. It is written apart from what it tests: by ranges, not by tables.
func unsafe(s string) []rune {
	var found []rune
	for i, r := range s {
		bad := r < 0x20 || (r >= 0x7f && r < 0xa1) || r == 0xad || r == 0x61c || r == 0x180e ||
			(r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202f) || (r >= 0x2060 && r <= 0x206f) ||
			r == 0xfeff || (r >= 0xfff9 && r <= 0xfffb) || (r >= 0xfe00 && r <= 0xfe0f) || (r >= 0xe0000 && r <= 0xe0fff) ||
			r == 0x3164 || r == 0x115f || r == 0x1160 || r == 0xffa0 || r == 0x2800 || r == 0x3000 || r == 0x2007
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(s[i:])
			bad = size == 1
		}
		if bad {
			found = append(found, r)
		}
	}
	return found
}

func TestATerminalSeesNoControlByteAndNoHiddenCharacter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"\x1b[31mred":         `\u001b[31mred`,
		"a\nb":                `a\u000ab`,
		"fuji\u202egpj":       `fuji\u202egpj`,
		"\xffx":               `\xffx`,
		"tag\U000e0041":       `tag\U000e0041`,
		"naïve 漢字 ✓":          "naïve 漢字 ✓",
		"plain/name-0":        "plain/name-0",
		"nbsp\u00a0here":      `nbsp\u00a0here`,
		"a\u0301\u0301\u0301": "a\u0301\u0301" + `\u0301`,
	} {
		if got := view.Terminal(value); got != want {
			t.Errorf("Terminal(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestABuildLogObeysNothing(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"::error::x":          `\u003a\u003aerror::x`,
		"a ::error::x":        `a \u003a\u003aerror::x`,
		"arn:aws:s3:::bucket": "arn:aws:s3:::bucket",
		"arn:aws:iam::1:u":    "arn:aws:iam::1:u",
		"##[group]x":          `#\u0023[group]x`,
		"##vso[x]":            `#\u0023vso[x]`,
		"## title":            "## title",
	} {
		if got := view.CILog(value); got != want {
			t.Errorf("CILog(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestMarkdownLinksNobodyAndEndsNothing(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"ask @octocat, please": "ask `@octocat`, please",
		"see #123":             "see `#123`",
		"<b>x</b>":             `\<b\>x\</b\>`,
		"a|b":                  `a\|b`,
		"bank 0.4 AVAX":        "bank 0.4 AVAX",
		"two\nlines":           `two` + "`" + `\u000alines` + "`",
	} {
		got := view.MarkdownText(value)
		if value == "two\nlines" {
			want = "<code>two&#92;u000alines</code>"
		}
		if got != want {
			t.Errorf("MarkdownText(%q) = %q, want %q", value, got, want)
		}
	}
	for value, want := range map[string]string{
		"validator-0": "`validator-0`",
		"a|b":         "<code>a&#124;b</code>",
		"a`b":         "<code>a&#96;b</code>",
		"@octocat":    "`@octocat`",
		"":            "<code></code>",
	} {
		if got := view.MarkdownCode(value); got != want {
			t.Errorf("MarkdownCode(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestASpreadsheetCalculatesNothing(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": `\u0009=1`, " =1": "' =1", "0x31fE": "0x31fE", "fuji": "fuji", "": "",
	} {
		if got := view.CSV(value); got != want {
			t.Errorf("CSV(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestALabelIsShortAndPlain(t *testing.T) {
	t.Parallel()
	if got, want := view.Label("staging: drift, 2\n\u202e"), "staging:_drift__2__"; got != want {
		t.Errorf("Label = %q, want %q", got, want)
	}
	if got := view.Label(strings.Repeat("x", 80)); len(got) != 50 {
		t.Errorf("a label of 80 letters has %d left, want 50", len(got))
	}
}

func FuzzTextSinksLetNothingThrough(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for name, sink := range map[string]func(string) string{"Terminal": view.Terminal, "CILog": view.CILog, "MarkdownText": view.MarkdownText, "MarkdownCode": view.MarkdownCode, "CSV": view.CSV, "Label": view.Label} {
			if found := unsafe(sink(value)); len(found) > 0 {
				t.Errorf("%s(%q) lets %q through", name, value, found)
			}
		}
		if once := view.Terminal(value); view.Terminal(once) != once {
			t.Errorf("Terminal changes %q when it is escaped again", once)
		}
	})
}

func FuzzABuildLogNeverStartsACommand(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	command := regexp.MustCompile(`^\s*::|\s::|##[^ #]`)
	f.Fuzz(func(t *testing.T, value string) {
		// GitHub trims a line before it looks, and wrapping may put any word first.
		if got := view.CILog(value); command.MatchString(got) {
			t.Errorf("CILog(%q) = %q holds a command", value, got)
		}
	})
}

// outsideCode removes code spans and code elements: what is left is what a
// forge looks for mentions in.
func outsideCode(t *testing.T, s string) string {
	t.Helper()
	s = regexp.MustCompile(`<code>[^<>]*</code>`).ReplaceAllString(s, "")
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '`')
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := strings.IndexByte(s[at+1:], '`')
		if end < 0 {
			t.Fatalf("a code span is open in %q", s)
		}
		b.WriteString(s[:at])
		s = s[at+1+end+1:]
	}
}

func FuzzMarkdownMentionsNobody(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	active := regexp.MustCompile(`@|#|://|(?i)www\.|(?i)gh-\d|[0-9a-fA-F]{7}|:[a-z]+:`)
	bare := regexp.MustCompile(`(^|[^\\])[<>|*_~$\[\]!&]`)
	f.Fuzz(func(t *testing.T, value string) {
		for name, got := range map[string]string{"text": view.MarkdownText(value), "code": view.MarkdownCode(value)} {
			if strings.ContainsAny(got, "\r\n") {
				t.Errorf("%s of %q spans lines: %q", name, value, got)
			}
			// An entity is not a letter more than a code element.
			rest := outsideCode(t, got)
			if found := active.FindString(rest); found != "" {
				t.Errorf("%s of %q leaves %q active: %q", name, value, found, got)
			}
			if found := bare.FindString(rest); found != "" {
				t.Errorf("%s of %q leaves %q bare: %q", name, value, found, got)
			}
			for _, span := range regexp.MustCompile("`[^`]*`").FindAllString(got, -1) {
				if strings.ContainsAny(span, "|\\") {
					t.Errorf("%s of %q has a pipe or a backslash in a span: %q", name, value, got)
				}
			}
		}
	})
}

func FuzzCSVRoundTripsAndStartsNoFormula(f *testing.F) {
	for _, value := range hostile() {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var b bytes.Buffer
		row := view.KeyRow{Key: value, Alias: value, ARN: value, Address: value, Region: value, State: value, Networks: []string{value}}
		if err := view.Keys(&b, []view.KeyRow{row}, view.KeysOptions{Format: "csv"}); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if len(records) != 2 || len(records[1]) != 8 {
			t.Fatalf("%q makes %d records of %d cells, want 2 of 8", value, len(records), len(records[len(records)-1]))
		}
		for _, cell := range records[1] {
			start := strings.TrimLeftFunc(cell, unicode.IsSpace)
			if start != "" && strings.ContainsRune("=+-@", []rune(start)[0]) {
				t.Errorf("%q becomes the formula %q", value, cell)
			}
		}
	})
}
