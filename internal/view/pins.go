package view

import (
	"cmp"
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
