package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	cuejson "cuelang.org/go/encoding/json"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// maxDepth bounds the nesting of a plan: the evaluator recurses over it.
const maxDepth = 200

// definition is where a plan, or one change, stands in here.
const definition = "#plan"

// maxShown is how many differences one finding tells.
const maxShown = 3

// readPlan takes out what a plan made again would have otherwise, and what this
// package said itself.
func readPlan(file []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.UseNumber()
	var data map[string]any
	if err := dec.Decode(&data); err != nil {
		return nil, err
	}
	for _, name := range notGiven() {
		delete(data, name)
	}
	if findings, ok := data["findings"].([]any); ok {
		data["findings"] = slices.DeleteFunc(findings, func(f any) bool {
			object, _ := f.(map[string]any)
			name, _ := object["rule"].(string)
			return Own(name)
		})
	}
	if tooDeep(data, maxDepth) {
		return nil, fmt.Errorf("nests deeper than %d", maxDepth)
	}
	return data, nil
}

func tooDeep(v any, left int) bool {
	if left == 0 {
		return true
	}
	deep := func(inside any) bool { return tooDeep(inside, left-1) }
	switch v := v.(type) {
	case map[string]any:
		for _, inside := range v {
			if deep(inside) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, deep)
	}
	return false
}

// closed makes a value of a part of the plan to which nothing can be added: a rule
// constrains what is there, so that what it asks for and is missing violates it.
func (c compiled) closed(data any) (cue.Value, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return cue.Value{}, err
	}
	expression, err := cuejson.Extract("plan", text)
	if err != nil {
		return cue.Value{}, err
	}
	file := c.ctx.BuildFile(&ast.File{Decls: []ast.Decl{&ast.Field{Label: ast.NewIdent(definition), Value: expression}}})
	value := file.LookupPath(cue.ParsePath(definition))
	return value, value.Err()
}

// judge holds the plan against every rule: first as a whole, then change by change,
// so that only one of them is in the evaluator's memory.
func (c compiled) judge(data map[string]any) ([]Outcome, error) {
	outcomes := make([]Outcome, len(c.rules))
	for i, r := range c.rules {
		outcomes[i] = Outcome{Name: r.name, Source: r.source, Severity: r.severity, Selected: -1}
		if r.must.Exists() {
			outcomes[i].Selected = 0
		}
	}
	if slices.ContainsFunc(c.rules, func(r rule) bool { return r.plan.Exists() }) {
		value, err := c.closed(data)
		if err != nil {
			return nil, err
		}
		for i, r := range c.rules {
			if r.plan.Exists() {
				r.hold(&outcomes[i], resource.ID{}, r.plan, value, data)
			}
		}
	}
	changes, _ := data["changes"].([]any)
	for n, raw := range changes {
		change, _ := raw.(map[string]any)
		text, _ := change["id"].(string)
		id, err := resource.ParseID(text)
		if err != nil {
			return nil, fmt.Errorf("changes[%d]: %w", n, err)
		}
		if err := c.judgeChange(outcomes, id, change); err != nil {
			return nil, fmt.Errorf("changes[%d]: %w", n, err)
		}
	}
	return outcomes, nil
}

func (c compiled) judgeChange(outcomes []Outcome, id resource.ID, change map[string]any) error {
	var value cue.Value
	for i, r := range c.rules {
		if !r.must.Exists() || !r.likely(change) {
			continue
		}
		if !value.Exists() {
			var err error
			if value, err = c.closed(change); err != nil {
				return err
			}
		}
		o := &outcomes[i]
		if r.where.Exists() {
			m := r.match(r.where, value)
			if m.broken != "" {
				o.find(resource.Refuse, id, "the rule cannot be evaluated: "+m.broken)
			}
			if m.broken != "" || len(m.against) > 0 {
				continue
			}
		}
		o.Selected++
		r.hold(o, id, r.must, value, change)
	}
	return nil
}

// hold finds what of a value is not as a rule says.
func (r rule) hold(o *Outcome, id resource.ID, constraint, value cue.Value, data any) {
	switch m := r.match(constraint, value); {
	case m.broken != "":
		o.find(resource.Refuse, id, "the rule cannot be evaluated: "+m.broken)
	case len(m.against) > 0:
		o.find(r.severity, id, r.message+": "+told(m.against, constraint, data))
	}
}

func (o *Outcome) find(severity resource.Severity, id resource.ID, reason string) {
	o.Findings = append(o.Findings, resource.Finding{Rule: Prefix + o.Name, Severity: severity, ID: id, Reason: reason, Hint: place(o.Source)})
}

// likely compares the plain strings of where (action: "delete") without the
// evaluator: most changes are of another sort, and a plan may hold 10,000.
func (r rule) likely(change map[string]any) bool {
	for name, want := range r.plain {
		if have, ok := change[name].(string); !ok || have != want {
			return false
		}
	}
	return true
}

// match is what came of a constraint and a value: nothing, what speaks against it,
// or why nobody can tell.
type match struct {
	against []errors.Error
	broken  string
}

func (r rule) match(constraint, value cue.Value) match {
	unified := value.Unify(constraint)
	err := unified.Validate(cue.Concrete(true))
	if err == nil && r.helped {
		err = unhelped(unified)
	}
	if err == nil {
		return match{}
	}
	var m match
	for _, e := range errors.Errors(err) {
		if !disagrees(e) {
			return match{broken: shorten(plainly(e), 200)}
		}
		m.against = append(m.against, e)
	}
	return m
}

// noneOf is how CUE sums up alternatives that all disagree.
const noneOf = "%d errors in empty disjunction"

// disagrees reports CUE's ways to say that a value is not what was asked for.
// Whatever else it says (a field that is not there, a division by zero, no value
// yet) is about the rule, and nobody knows what the rule would say.
func disagrees(e errors.Error) bool {
	format, _ := e.Msg()
	return slices.ContainsFunc([]string{
		"conflicting values", "invalid value", "field not allowed", "incompatible list lengths",
		"field is required but not present", noneOf,
	}, func(begin string) bool { return strings.HasPrefix(format, begin) })
}

// plainly is CUE's own sentence, with the path below the plan or change.
func plainly(e errors.Error) string {
	format, args := e.Msg()
	text := strings.TrimSuffix(fmt.Sprintf(format, args...), ":")
	if path := below(e.Path()); len(path) > 0 {
		return strings.Join(path, ".") + ": " + text
	}
	return text
}

// unhelped looks for a hidden field or a definition without a value: CUE does not
// ask for one, and what it holds would not be held.
func unhelped(v cue.Value) error {
	switch v.IncompleteKind() {
	case cue.ListKind:
		items, err := v.List()
		if err != nil {
			return err
		}
		for items.Next() {
			if err := unhelped(items.Value()); err != nil {
				return err
			}
		}
	case cue.StructKind:
		fields, err := v.Fields(cue.Hidden(true), cue.Definitions(true))
		if err != nil {
			return err
		}
		for fields.Next() {
			if fields.Selector().LabelType() != cue.StringLabel {
				if err := fields.Value().Validate(cue.Concrete(true)); err != nil {
					return err
				}
			}
			if err := unhelped(fields.Value()); err != nil {
				return err
			}
		}
	}
	return nil
}

// told says what differs: path, have, want.
func told(against []errors.Error, constraint cue.Value, data any) string {
	var lines []string
	for _, e := range against {
		if format, _ := e.Msg(); strings.HasPrefix(format, noneOf) && len(against) > 1 {
			continue // what each of them says follows
		}
		line := shorten(differs(e, constraint, data), 240)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if more := len(lines) - maxShown; more > 0 {
		lines = append(lines[:maxShown], strconv.Itoa(more)+" more")
	}
	return strings.Join(lines, "; ")
}

// differs is one difference: path, have, want. Where CUE says what it compared, that
// is it: a bound may come from somewhere else in the plan.
func differs(e errors.Error, constraint cue.Value, data any) string {
	path := below(e.Path())
	at := strings.Join(path, ".")
	format, args := e.Msg()
	value := func(i int) string { return shorten(fmt.Sprint(args[i]), 80) }
	switch {
	case len(path) == 0:
		return plainly(e)
	case strings.HasPrefix(format, "invalid value %v (out of bound %s)") && len(args) == 2:
		return at + " is " + value(0) + ", must be " + value(1)
	case strings.HasPrefix(format, "invalid value %s (does not satisfy %s)") && len(args) >= 2:
		return at + " is " + value(0) + ", must satisfy " + value(1)
	}
	if want, ok := wanted(constraint, path); ok {
		return at + " is " + had(data, path) + ", must be " + want
	}
	return plainly(e)
}

// below is the path within the plan or the change.
func below(path []string) []string {
	if len(path) > 0 && path[0] == definition {
		return path[1:]
	}
	return path
}

// wanted is what a rule asks for at a path of the data.
func wanted(constraint cue.Value, path []string) (string, bool) {
	v := constraint
	for _, step := range path {
		next := v.LookupPath(cue.MakePath(cue.Str(unquoted(step))))
		if i, err := strconv.Atoi(step); err == nil && v.IncompleteKind() == cue.ListKind {
			if next = v.LookupPath(cue.MakePath(cue.Index(i))); !next.Exists() {
				next = v.LookupPath(cue.MakePath(cue.AnyIndex))
			}
		}
		if v = next; !v.Exists() {
			return "", false
		}
	}
	return shorten(fmt.Sprint(v), 80), len(path) > 0
}

// had is what the plan holds there.
func had(data any, path []string) string {
	for _, step := range path {
		switch at := data.(type) {
		case map[string]any:
			inside, ok := at[unquoted(step)]
			if !ok {
				return "missing"
			}
			data = inside
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return "missing"
			}
			data = at[i]
		default:
			return "missing"
		}
	}
	text, err := json.Marshal(data)
	if err != nil {
		return "unknown"
	}
	return shorten(string(text), 80)
}

func unquoted(step string) string {
	if text, err := strconv.Unquote(step); err == nil {
		return text
	}
	return step
}
