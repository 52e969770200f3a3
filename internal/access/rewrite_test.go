package access_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// rewritten says the same in other words: another order, other names, other
// case, a list for a text and twice what was once.
func rewritten(r *rand.Rand, d access.Document) string {
	type object = map[string]any
	oneOrMany := func(list []string) any {
		list = slices.Clone(list)
		if r.IntN(2) == 0 {
			list = append(list, list[r.IntN(len(list))])
		}
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if compact := slices.Compact(slices.Sorted(slices.Values(list))); len(compact) == 1 && r.IntN(2) == 0 {
			return compact[0]
		}
		return list
	}
	var statements []object
	for _, s := range d.Statements {
		o := object{"Effect": s.Effect}
		if r.IntN(2) == 0 {
			o["Sid"] = fmt.Sprintf("S%d", r.IntN(99))
		}
		set := func(name string, list []string) {
			if list != nil {
				o[name] = oneOrMany(list)
			}
		}
		recase := func(list []string) []string {
			if list == nil {
				return nil
			}
			out := slices.Clone(list)
			for i := range out {
				if r.IntN(2) == 0 {
					out[i] = strings.ToUpper(out[i])
				}
			}
			return out
		}
		set("Action", recase(s.Actions))
		set("NotAction", recase(s.NotActions))
		if s.Resources != nil {
			set("Resource", s.Resources.Texts())
		}
		if s.NotResources != nil {
			set("NotResource", s.NotResources.Texts())
		}
		for name, byType := range map[string]map[string]access.Values{"Principal": s.Principals, "NotPrincipal": s.NotPrincipals} {
			if byType == nil {
				continue
			}
			texts := byType["AWS"].Texts()
			if len(texts) == 1 && texts[0] == "*" && r.IntN(2) == 0 {
				o[name] = "*"
			} else {
				o[name] = object{"AWS": oneOrMany(texts)}
			}
		}
		if s.Conditions != nil {
			conditions := object{}
			for operator, byKey := range s.Conditions {
				keys := object{}
				for key, values := range byKey {
					keys[key] = oneOrMany(values.Texts())
				}
				conditions[operator] = keys
			}
			o["Condition"] = conditions
		}
		statements = append(statements, o)
		if r.IntN(4) == 0 {
			statements = append(statements, o)
		}
	}
	r.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
	whole := object{"Version": d.Version, "Statement": statements}
	if len(statements) == 1 {
		whole["Statement"] = statements[0]
	}
	data, _ := json.Marshal(whole)
	if r.IntN(2) == 0 {
		return url.PathEscape(string(data)) // as IAM returns it
	}
	return string(data)
}
