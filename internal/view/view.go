// Package view turns plans, findings and outcomes into what people read: text
// for a terminal, markdown for a comment, tables, CSV. It is pure: it writes to
// an io.Writer and is told width, colour and time. Every value from outside
// passes the one escaping function of its sink (escape.go).
package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Stats says what a run cost and reached. Zero values are left out of the text.
type Stats struct {
	AWSCalls, RPCCalls int
	Duration           time.Duration
	// NetworksRead and NetworksAll count networks; NetworksAll zero means that
	// the plan itself is counted.
	NetworksRead, NetworksAll int
}

// Options is how and for whom to print.
type Options struct {
	// Width of the terminal in columns; 0 means 120, less than 40 means 40.
	Width int
	// Color adds ANSI colours, which carry nothing that the text does not.
	Color bool
	// Verbose prints every change by itself, every value whole, every step.
	Verbose bool
	// CI escapes for a build log instead of a terminal.
	CI bool
	// Now is the instant that ages and expiry are told against; the zero time
	// means that they are not told.
	Now   time.Time
	Stats Stats
	// Stale says why the plan can no longer be applied, for example that the
	// branch moved on; empty when it can.
	Stale string
	// Foreign names the format of a plan that this version reads and would not
	// make, for example "reconcile.plan/0"; empty for its own.
	Foreign string
	// Banner are further things to know before reading on, each a sentence.
	Banner []string
	// Traits of the kinds, by name: verbs, symbols, moving and sensitive
	// attributes are taken from them.
	Traits map[string]resource.Traits
	// Coins maps a network to its native token.
	Coins map[string]Coin
	// Explain says in words what calldata sent to an address of a network does; nil
	// where nobody can tell. Its words are escaped as all from outside are.
	Explain func(network, to, data string) string
	// Monthly is what the changes add to the bill, for example "+$48.00/month".
	Monthly string
	// Quorum is who may approve, and who did.
	Quorum Quorum
	// Next is the command to type next, without "hint:"; empty prints none.
	Next string
	// Artifact says where the whole plan is found, for the markdown footer.
	Artifact string
}

// defaultWidth is used where nobody knows the terminal.
const (
	defaultWidth = 120
	leastWidth   = 40
)

func (o Options) width() int {
	if o.Width == 0 {
		return defaultWidth
	}
	return max(o.Width, leastWidth)
}

// clean is the escaping function of the text sinks.
func (o Options) clean(s string) string {
	if o.CI {
		return CILog(s)
	}
	return Terminal(s)
}

// JSON writes the plan file's own bytes.
func JSON(w io.Writer, p *plan.Plan) error { return p.Write(w) }

// Hint writes the line that says what to type or edit next; an empty text
// writes nothing. The text is never cut: it is there to be copied.
func Hint(w io.Writer, text string, o Options) error {
	if text == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s %s\n", o.paint(cyan, "hint:"), o.clean(text))
	return err
}

// Prose prints one sentence, on a terminal broken at its blanks: words stay whole, so
// that a digest or a path can be copied.
func Prose(w io.Writer, text string, o Options) error {
	lines := []string{o.clean(text)}
	if o.Width > 0 {
		lines = wrap(strings.Fields(lines[0]), " ", o.Width, "  ")
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// The colours, as SGR parameters (ECMA-48).
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (o Options) paint(style, text string) string {
	if !o.Color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
