package view

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// pins reports the change of addresses.json, each field of which is a key and
// "<arn> <address>" before and after.
func pins(c plan.Change) bool {
	return c.ID.Kind == plan.GovernanceKind && c.ID.Name == "addresses"
}

// pinLines tells pins whole, since an address that is cut is no evidence: the
// address beside its key, the ARN on a line of its own. What changed or goes comes
// before what is new.
func pinLines(c plan.Change) []field {
	fields := slices.Clone(c.Fields)
	slices.SortStableFunc(fields, func(a, b plan.FieldChange) int {
		return cmp.Compare(isNew(a), isNew(b))
	})
	var lines []field
	for _, f := range fields {
		path := f.Path
		for _, side := range []struct {
			sign  rune
			value any
		}{{'-', f.Before}, {'+', f.After}} {
			pin, stated := side.value.(string)
			if !stated {
				continue
			}
			at := strings.LastIndexByte(pin, ' ')
			lines = append(lines, field{path: path, sign: side.sign, text: pin[at+1:]})
			if path = ""; at > 0 {
				lines = append(lines, field{sign: ' ', text: string(side.sign) + " " + pin[:at]})
			}
		}
	}
	return lines
}

func isNew(f plan.FieldChange) int {
	if f.Before == nil {
		return 1
	}
	return 0
}

// digested reports the change that stands for all rules, of which the plan holds a
// digest alone.
func digested(c plan.Change) bool {
	return c.ID.Kind == plan.GovernanceKind && len(c.Fields) == 1 && c.Fields[0].Path == plan.GovernanceKind
}

// ruleLines say where the words of the rules are read: a digest is nothing to agree
// to. The command is there only where the file's names are no more than names, since
// somebody will paste it.
func (v *viewer) ruleLines() []field {
	lines := []field{{sign: ' ', text: "gates, limits, endpoints, approvers, people or policies: read what changes in them"}}
	r, environment := v.p.Revision, v.p.Environment
	plain := regexp.MustCompile(`^[0-9a-f]{40,64}( [0-9a-f]{40,64})? [a-z0-9-]+$`)
	between := r.Applied
	if !r.Dirty {
		between += " " + r.Commit
	}
	if !plain.MatchString(between + " " + environment) {
		return lines
	}
	between = shortCommit(r.Applied)
	if !r.Dirty {
		between += " " + shortCommit(r.Commit)
	}
	return append(lines, field{sign: ' ', text: "git diff " + between + " -- environments/" + environment + " environments/people.cue policy"})
}
