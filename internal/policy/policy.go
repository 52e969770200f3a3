// Package policy holds plans against the rules that users write in CUE
// (policy/*.cue of their repository). A violated rule is a finding like any other.
// Everything is a function of bytes: rules of strangers can be judged in a process
// without files, network or environment.
package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/cuefile"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Prefix begins the rule of every finding of this package: policy/<name>.
const Prefix = "policy/"

// RuleUnreadable says that no rule could be read, so that none could be held.
const RuleUnreadable = Prefix + "unreadable"

// RuleLockout says that rules, once in force, could never be taken away again.
const RuleLockout = Prefix + "lockout"

// File is one file of rules; its path is what findings name.
type File = cuefile.File

// Own reports a rule whose findings only this package makes.
func Own(rule string) bool { return strings.HasPrefix(rule, Prefix) }

// Outcome is what one rule says of one plan.
type Outcome struct {
	Name string
	// Source is where the rule stands.
	Source   resource.Source
	Severity resource.Severity
	// Selected is how many changes the rule is about; -1: it is about the plan as a
	// whole.
	Selected int
	Findings []resource.Finding
}

// Elsewhere hands a request to another process, which answers with the function
// Answer of this package: CUE of a stranger may take any time and memory. nil
// judges here.
type Elsewhere func(request []byte) (answer []byte, err error)

// Compile reads rules without judging anything. Faults come back together, as
// Errors.
func Compile(files []File, elsewhere Elsewhere) error {
	_, err := Judge(files, nil, elsewhere)
	return err
}

// Check holds a plan (its file, as plan.Encode writes it) against all rules, and
// gives the findings in order. Rules that cannot be read or evaluated refuse, with
// their place. The error is about the plan's bytes, or about going elsewhere.
func Check(files []File, plan []byte, elsewhere Elsewhere) ([]resource.Finding, error) {
	outcomes, err := Judge(files, plan, elsewhere)
	var faults Errors
	if errors.As(err, &faults) {
		return []resource.Finding{faults.Finding()}, nil
	}
	if err != nil {
		return nil, err
	}
	var found []resource.Finding
	for _, o := range outcomes {
		found = append(found, o.Findings...)
	}
	slices.SortFunc(found, resource.Finding.Compare)
	return found, nil
}

// Judge is Check rule by rule, sorted by name. Faults of the files are Errors.
// Without a plan the rules are only read.
func Judge(files []File, plan []byte, elsewhere Elsewhere) ([]Outcome, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if elsewhere != nil {
		return ask(files, plan, elsewhere)
	}
	c, err := compile(files)
	if err != nil || len(plan) == 0 {
		return nil, err
	}
	data, err := readPlan(plan)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	outcomes, err := c.judge(data)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return outcomes, nil
}

// Errors are the faults of rules, sorted by file and line.
type Errors []cuefile.Fault

// Error prints one fault after the other, each with its place.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = place(e.Pos) + ": " + e.Msg
		if e.Hint != "" {
			lines[i] += "\n  hint: " + e.Hint
		}
	}
	return strings.Join(lines, "\n")
}

// Finding refuses with the first of them: rules that cannot be read hold nothing.
func (es Errors) Finding() resource.Finding {
	return resource.Finding{
		Rule: RuleUnreadable, Severity: resource.Refuse,
		Reason: "the rules cannot be read: " + shorten(es[0].Msg, 300), Hint: place(es[0].Pos),
	}
}

// place is file:line, or the file alone.
func place(at resource.Source) string {
	if at.Line == 0 {
		return at.File
	}
	return at.String()
}

// shorten keeps a value readable in one line.
func shorten(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
