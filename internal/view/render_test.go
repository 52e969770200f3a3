package view_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	source "github.com/yuin/goldmark/text"

	"github.com/crosschain-ops/reconcile/internal/view"
)

// forge reads markdown as forges do: GitHub-flavoured, and with footnotes.
func forge() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote))
}

// page is what a forge made of a comment: its blocks in order, what is wrong with
// them, and the text that stands outside of code.
type page struct {
	blocks []string
	faults []string
	prose  string
	// open counts the details that are not closed.
	open int
}

// readPage parses markdown and looks for every element that no template makes. Only
// artifact may be a link.
func readPage(markdown, artifact string) page {
	data := []byte(markdown)
	var p page
	var prose strings.Builder
	inCode := false
	fault := func(format string, args ...any) { p.faults = append(p.faults, fmt.Sprintf(format, args...)) }
	_ = ast.Walk(forge().Parser().Parse(source.NewReader(data)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		if n.Type() == ast.TypeBlock {
			p.blocks = append(p.blocks, n.Kind().String())
			prose.WriteByte('\n')
		}
		switch n := n.(type) {
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.Blockquote, *ast.ThematicBreak, *ast.FencedCodeBlock,
			*extast.Table, *extast.TableHeader, *extast.TableRow, *extast.TableCell:
			if n.Kind() == ast.KindFencedCodeBlock {
				return ast.WalkSkipChildren, nil
			}
		case *ast.Heading:
			if n.Level < 3 {
				fault("a heading of level %d", n.Level)
			}
		case *ast.List:
			if n.IsOrdered() {
				fault("an ordered list")
			}
		case *ast.ListItem:
			if _, nested := n.Parent().Parent().(*ast.ListItem); nested {
				fault("a list in a list")
			}
		case *ast.Text:
			if !inCode {
				prose.Write(n.Segment.Value(data))
			}
			if n.HardLineBreak() {
				fault("a hard line break")
			}
		case *ast.Emphasis:
			if n.Level != 2 {
				fault("emphasis of level %d", n.Level)
			}
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.RawHTML:
			tag := string(n.Segments.Value(data))
			if tag != "<code>" && tag != "</code>" {
				fault("the tag %q", tag)
			}
			inCode = tag == "<code>"
		case *ast.HTMLBlock:
			block := string(n.Lines().Value(data))
			p.open += strings.Count(block, "<details") - strings.Count(block, "</details>")
			if checkHTML(block, fault); p.open < 0 || p.open > 1 {
				fault("%d open details", p.open)
			}
		case *ast.AutoLink:
			if string(n.URL(data)) != artifact {
				fault("a link to %q", n.URL(data))
			}
		default:
			fault("the element %s", n.Kind())
		}
		return ast.WalkContinue, nil
	})
	if p.prose = prose.String(); p.open != 0 {
		fault("details that stay open")
	}
	return p
}

// checkHTML knows the blocks of HTML that a comment holds.
func checkHTML(block string, fault func(string, ...any)) {
	known := regexp.MustCompile(`\A(<!-- reconcile:v1 [^<>]* -->\n|<details( open)?><summary><code>[^<>]*</code></summary>\n|</details>\n?)\z`)
	if !known.MatchString(block) || strings.HasPrefix(block, "<!--") && strings.Count(block, "--") > 2 {
		fault("the block of HTML %q", block)
	}
}

// living is what a forge looks for in the text it has rendered.
var living = regexp.MustCompile(`@|#\d|(?i)gh-\d|://|(?i)www\.|[0-9a-fA-F]{7}|:[+\w-]+:|\$`)

func (p page) check(t *testing.T, of string) {
	t.Helper()
	for _, fault := range p.faults {
		t.Errorf("%s makes %s", of, fault)
	}
	if found := living.FindString(p.prose); found != "" {
		t.Errorf("%s leaves %q to the forge, in:\n%s", of, found, p.prose)
	}
}

// FuzzAValueMakesNoElement puts a value wherever one may stand and compares what a
// forge sees with what it sees of a harmless word.
func FuzzAValueMakesNoElement(f *testing.F) {
	for _, value := range append(hostile(), markdownTricks()...) {
		f.Add(value)
	}
	frame := func(x string) string {
		t, c := view.MarkdownText(x), view.MarkdownCode(x)
		return "### staging: " + t + " · plan " + c + "\n\n- **" + t + "**\n- " + t + "\n- next: " + c + "\n- " + c + "\n\n" +
			"> [!CAUTION]\n> - **refused** " + c + " " + t + ": " + t + " (" + t + ")\n> - " + t + "\n\n" +
			"| what | change |\n|---|---|\n| " + c + " " + t + " " + c + " | " + t + "; **" + t + "** · " + c + " |\n\n" +
			"x: " + t + "\n"
	}
	want := strings.Join(readPage(frame("word"), "").blocks, " ")
	f.Fuzz(func(t *testing.T, value string) {
		got := readPage(frame(value), "")
		got.check(t, fmt.Sprintf("%q", value))
		if blocks := strings.Join(got.blocks, " "); blocks != want {
			t.Errorf("%q changes the page:\n%s\nit should be\n%s\n%s", value, blocks, want, frame(value))
		}
	})
}

// markdownTricks are values that forges give a meaning.
func markdownTricks() []string {
	return []string{
		"fixes #1", "closes org/repo#2", "- [ ] do", "[ ] do", "* x", "- x", "+ x", "1. x", "2) x", "> quote", "# head", "===", "---", "| a | b |",
		"$x^2$", "$`x`$", "$$x$$", "`$x$`", ":tada:", "a:tada:b", ":+1", "[^1]", "[^1]: note", "[a]: https://evil.example", "[a][b]", "![a][b]",
		"a\\|b", "\\", "\\\\|", "a\\`b", "`a`@b.example", "``", "`` ` ``", "a`b@c.example", "x@y.example|z", "mailto:a@b.example", "xmpp:a@b", "ftp://x", "HTTP://X",
		"<!-- reconcile:v1 {}", "<!--", "<![CDATA[", "<?x?>", "<!X>", "</code>", "<code>", "&#64;octocat", "&commat;octocat", "~~x~~", "__x__", "***x***", "_a_b_",
		"  ", "x  ", " x", "\tx", "0", "0.", "12345678", "deadbeefcafe", "a<b@c>d", "~", "!", "![", "](", "ordinary words, with commas; and (brackets).",
	}
}

// FuzzACommentHoldsOnlyWhatItsTemplateMakes is the same for whole plans.
func FuzzACommentHoldsOnlyWhatItsTemplateMakes(f *testing.F) {
	for _, value := range append(hostile(), markdownTricks()...) {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 500 {
			t.Skip("longer than what is worth the time")
		}
		plain := view.CommentPlan{Plan: poisoned(value), Options: poisonedOptions(value)}
		idle := view.CommentPlan{Plan: stagingPlan(), Options: options()}
		idle.Plan.Environment = value
		for n, plans := range [][]view.CommentPlan{{plain}, {plain, idle, plain}} {
			var b bytes.Buffer
			if _, err := view.Comment(&b, plans, view.CommentOptions{}); err != nil {
				t.Fatal(err)
			}
			readPage(b.String(), value).check(t, fmt.Sprintf("%q in comment %d", value, n))
			if _, ok := view.ParseMarker(b.String()); ok {
				t.Errorf("%q: a plan without digests has a marker", value)
			}
		}
	})
}

func TestNoValueIsLongEnoughToKeepACommentFromBeingWritten(t *testing.T) {
	t.Parallel()
	for _, one := range []string{"\x00", "`", "{", "@`", "-", " ", "漢", "a-", "|", "\u202e", "\U000e0041"} {
		x := strings.Repeat(one, 450)
		var b bytes.Buffer
		if _, err := view.Comment(&b, []view.CommentPlan{{Plan: poisoned(x), Options: poisonedOptions(x)}}, view.CommentOptions{}); err != nil {
			t.Errorf("many %q: %v", one, err)
		}
		readPage(b.String(), "").check(t, fmt.Sprintf("many %q", one))
	}
}
