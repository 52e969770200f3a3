package policy

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"github.com/crosschain-ops/reconcile/internal/cuefile"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// folder is what rules are built as; no position names it.
const folder = "policy"

// compiled are the rules of all files.
type compiled struct {
	ctx   *cue.Context
	rules []rule
}

// rule is one of them. Plan, where and must are left out by not existing.
type rule struct {
	name     string
	source   resource.Source
	message  string
	severity resource.Severity
	plan     cue.Value
	where    cue.Value
	must     cue.Value
	// plain are the strings that where asks for at the top of a change.
	plain map[string]string
	// helped says that the files have hidden fields or definitions, which CUE does
	// not ask to have a value.
	helped bool
}

var (
	ruleName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	sentence = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,400}$`)
)

const maxRuleName = 52

// compiling gathers faults on the way.
type compiling struct {
	faults Errors
	home   resource.Source
}

func (c *compiling) fault(at resource.Source, hint, format string, args ...any) {
	if at.File == "" {
		at = c.home
	}
	c.faults = append(c.faults, cuefile.Fault{Pos: at, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *compiling) err() error {
	if len(c.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(c.faults, func(a, b cuefile.Fault) int {
		return cmp.Or(strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), strings.Compare(a.Msg, b.Msg))
	})
	c.faults = slices.Compact(c.faults)
	return c.faults
}

// compile parses the files, which are read as one, and checks the form of each
// rule.
func compile(files []File) (compiled, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	c := compiling{home: resource.Source{File: files[0].Path}}
	syntax, faults := cuefile.Parse(files, cuefile.Rules{What: "a policy"})
	if c.faults = faults; len(faults) > 0 {
		return compiled{}, c.err()
	}
	out := compiled{ctx: cuecontext.New()}
	instance := build.NewContext().NewInstance(folder, func(token.Pos, string) *build.Instance { return nil })
	for _, f := range syntax {
		if err := instance.AddSyntax(f); err != nil {
			c.translate(err)
		}
	}
	if err := instance.Complete(); err != nil {
		c.translate(err)
	}
	if len(c.faults) > 0 {
		return compiled{}, c.err()
	}
	value := out.ctx.BuildInstance(instance)
	if err := value.Validate(); err != nil {
		c.contradictions(err)
	}
	if len(c.faults) > 0 {
		return compiled{}, c.err()
	}
	out.rules = c.rules(value, helped(syntax))
	return out, c.err()
}

// helped reports whether any label is hidden or a definition.
func helped(syntax []*ast.File) (found bool) {
	for _, f := range syntax {
		ast.Walk(f, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				if label, ok := field.Label.(*ast.Ident); ok && (strings.HasPrefix(label.Name, "_") || strings.HasPrefix(label.Name, "#")) {
					found = true
				}
			}
			return !found
		}, nil)
	}
	return found
}

// translate tells errors of CUE itself at the user's position.
func (c *compiling) translate(err error) {
	for _, e := range errors.Errors(err) {
		at := c.home
		for _, pos := range append([]token.Pos{e.Position()}, errors.Positions(e)...) {
			if place := cuefile.Source(pos); place.File != "" {
				at = place
				break
			}
		}
		format, args := e.Msg()
		text := strings.TrimSuffix(fmt.Sprintf(format, args...), ":")
		if path := strings.Join(e.Path(), "."); path != "" {
			text = path + ": " + text
		}
		c.fault(at, "", "%s", shorten(text, 300))
	}
}

// contradictions tells what the files say against themselves. What a hidden field
// says is left to the evaluation: it may count changes, and there are none yet.
func (c *compiling) contradictions(err error) {
	for _, e := range errors.Errors(err) {
		hidden := slices.ContainsFunc(e.Path(), func(step string) bool { return strings.HasPrefix(step, "_") || strings.HasPrefix(step, "#") })
		if !hidden || !disagrees(e) {
			c.translate(e)
		}
	}
}

// fieldsOf lists the fields that a struct states or admits, also where it holds an
// error.
func fieldsOf(v cue.Value) (names []string, values []cue.Value, ok bool) {
	all, err := v.Fields(cue.Optional(true), cue.Patterns(true))
	if err != nil {
		return nil, nil, false
	}
	for all.Next() {
		if selector := all.Selector(); selector.ConstraintType() != cue.PatternConstraint && selector.LabelType() == cue.StringLabel {
			names, values = append(names, selector.Unquoted()), append(values, all.Value())
		}
	}
	return names, values, true
}

func (c *compiling) rules(value cue.Value, helped bool) []rule {
	names, values, _ := fieldsOf(value)
	var rules []rule
	for i, name := range names {
		at := cuefile.Source(values[i].Pos())
		if name != "rules" {
			c.fault(at, "write rules: \"<name>\": {message, must}; what rules share goes under a name that begins with _ or #", "%s: unknown field", name)
			continue
		}
		each, bodies, ok := fieldsOf(values[i])
		if !ok {
			c.fault(at, "", "rules: is not a struct of rules by name")
		}
		for j, name := range each {
			r := rule{name: name, source: cuefile.Source(bodies[j].Pos()), severity: resource.Refuse, helped: helped, plain: map[string]string{}}
			c.rule(&r, bodies[j])
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b rule) int { return strings.Compare(a.name, b.name) })
	return rules
}

// rule reads one: a message, a severity, and what the plan or its changes must be.
func (c *compiling) rule(r *rule, value cue.Value) {
	here := func(hint, format string, args ...any) {
		c.fault(r.source, hint, "rules."+r.name+": "+format, args...)
	}
	if !ruleName.MatchString(r.name) || len(r.name) > maxRuleName {
		here("", "%q is not a name of a rule: lower-case letters, digits and hyphens, at most %d", r.name, maxRuleName)
	}
	if Prefix+r.name == RuleUnreadable || Prefix+r.name == RuleLockout {
		here("choose another name", "is what this tool itself says of rules")
	}
	names, values, ok := fieldsOf(value)
	if !ok {
		here("", "is not a rule: {message, severity, plan, where, must}")
		return
	}
	for i, name := range names {
		c.part(r, name, values[i])
	}
	switch {
	case r.message == "":
		here("write message: \"…\", a sentence for whoever violates the rule", "has no message")
	case !r.plan.Exists() && !r.must.Exists():
		here("write must: {…} for changes, or plan: {…}", "says neither plan nor must: it asks for nothing")
	case r.where.Exists() && !r.must.Exists():
		here("write must: {…}", "says where and no must: of the changes that it selects nothing is asked")
	}
}

// part reads one field of a rule.
func (c *compiling) part(r *rule, name string, v cue.Value) {
	at, path := cuefile.Source(v.Pos()), "rules."+r.name+"."+name
	switch name {
	case "message":
		text, err := v.String()
		if r.message = text; err != nil || !sentence.MatchString(text) {
			r.message = "?"
			c.fault(at, "", "%s: is not a sentence of at most 400 characters", path)
		}
	case "severity":
		text, err := v.String()
		if r.severity = resource.Severity(text); err != nil || !slices.Contains([]resource.Severity{resource.Refuse, resource.Acknowledge, resource.Note}, r.severity) {
			c.fault(at, "", "%s: is not refuse, acknowledge or note", path)
		}
	case "plan":
		r.plan = v
		c.known(path, v, given(reflect.TypeFor[plan.Plan]()))
	case "where":
		r.where = v
		c.known(path, v, given(reflect.TypeFor[plan.Change]()))
		r.plain = plain(v)
	case "must":
		r.must = v
		c.known(path, v, given(reflect.TypeFor[plan.Change]()))
	default:
		c.fault(at, "known: message, must, plan, severity, where", "%s: unknown field", path)
	}
}

// plain are the fields of a constraint that can be nothing but one string. A
// default is none: it gives way to another value.
func plain(v cue.Value) map[string]string {
	strings := map[string]string{}
	names, values, ok := fieldsOf(v)
	if _, preferred := v.Default(); !ok || preferred {
		return strings
	}
	for i, name := range names {
		if !v.LookupPath(cue.MakePath(cue.Str(name))).Exists() {
			continue // optional
		}
		text, err := values[i].String()
		if _, preferred := values[i].Default(); err == nil && !preferred {
			strings[name] = text
		}
	}
	return strings
}

// known refuses a misspelt field at the top of a constraint: where it selects, it
// would select nothing, in silence.
func (c *compiling) known(path string, v cue.Value, names []string) {
	stated, values, _ := fieldsOf(v) // what is no plain struct is left to the evaluation
	for i, name := range stated {
		if !slices.Contains(names, name) {
			c.fault(cuefile.Source(values[i].Pos()), "known: "+strings.Join(names, ", "), "%s.%s: rules are given no such field", path, name)
		}
	}
}

// notGiven are what moves from one plan to the next, or rests on the rules.
func notGiven() []string { return []string{"digest", "changesDigest", "created", "expires"} }

// given are the names in JSON of what rules are given of a struct, sorted.
func given(t reflect.Type) []string {
	names := map[string]bool{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names[name] = true
	}
	if t == reflect.TypeFor[plan.Plan]() {
		for _, name := range notGiven() {
			delete(names, name)
		}
	}
	return slices.Sorted(maps.Keys(names))
}
