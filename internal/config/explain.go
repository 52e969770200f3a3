package config

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
)

// explain says in sentences why the files do not satisfy the schema. CUE's
// own errors hide one another (a nested fault hides an unknown field at the
// top) and print patterns, so the values are walked beside the definition:
// each field by itself. What CUE alone found is added at the end.
func (d *document) explain(definition cue.Value, err error, faults *faults) {
	e := explainer{doc: d, faults: faults}
	if own := d.user.Validate(); own != nil {
		d.translate(own, faults)
	}
	for _, f := range faults.list {
		e.told = append(e.told, f.Path)
	}
	e.object(definition, d.user, cue.Path{})
	for _, f := range errors.Errors(err) {
		if path := pathText(f.Path()); !e.covered(path) {
			d.translate(f, faults)
		}
	}
	if len(faults.list) == 0 {
		d.translate(err, faults)
	}
}

// explainer walks the user's values beside the definition they must satisfy.
type explainer struct {
	doc    *document
	faults *faults
	// told are the paths already reported.
	told []string
}

func (e *explainer) fault(at cue.Path, hint, format string, args ...any) {
	path := at.String()
	if slices.Contains(e.told, path) {
		return
	}
	e.told = append(e.told, path)
	e.faults.add(e.doc.at(at), path, hint, format, args...)
}

// covered reports whether a fault at, above or below the path is told.
func (e *explainer) covered(path string) bool {
	return slices.ContainsFunc(e.told, func(told string) bool {
		return told == path || within(told, path) || within(path, told)
	})
}

func within(inner, outer string) bool {
	return outer == "" || strings.HasPrefix(inner, outer+".") || strings.HasPrefix(inner, outer+"[")
}

// fields are what a definition admits in an object.
type fields struct {
	named    map[string]cue.Value
	required []string
	// key is the pattern that names of entries must match; of their values.
	key, entry cue.Value
}

func fieldsOf(definition cue.Value) fields {
	f := fields{named: map[string]cue.Value{}}
	all, err := definition.Fields(cue.Optional(true), cue.Patterns(true))
	if err != nil {
		return f
	}
	for all.Next() {
		selector := all.Selector()
		if selector.ConstraintType() == cue.PatternConstraint {
			f.key, f.entry = selector.Pattern(), all.Value()
			continue
		}
		name := selector.Unquoted()
		f.named[name] = all.Value()
		if selector.ConstraintType() == cue.RequiredConstraint {
			f.required = append(f.required, name)
		}
	}
	return f
}

// object checks the fields of one object: unknown, missing, and each by itself.
func (e *explainer) object(definition, user cue.Value, path cue.Path) {
	admitted := fieldsOf(definition)
	// With patterns asked for, a struct that holds an error is iterated too.
	stated, err := user.Fields(cue.Patterns(true))
	if err != nil {
		return
	}
	present := map[string]bool{}
	var hints []string
	for stated.Next() {
		if stated.Selector().Type() != cue.StringLabel {
			continue
		}
		name := stated.Selector().Unquoted()
		present[name] = true
		at := path.Append(cue.Str(name))
		if field, known := admitted.named[name]; known {
			e.value(field, stated.Value(), at, attribute(field, "says"))
			continue
		}
		if !admitted.entry.Exists() {
			known := make([]string, 0, len(admitted.named))
			for field := range admitted.named {
				known = append(known, field)
			}
			hint := meant(name, known)
			hints = append(hints, hint)
			e.fault(at, hint, "unknown field")
			continue
		}
		if admitted.key.Exists() && admitted.key.Unify(e.doc.ctx.Encode(name)).Validate() != nil {
			e.fault(at, "", "%q is not %s", name, attribute(admitted.entry, "keys"))
			continue
		}
		e.value(admitted.entry, stated.Value(), at, attribute(admitted.entry, "says"))
	}
	for _, name := range admitted.required {
		if present[name] || slices.Contains(hints, didYouMean(name)) {
			continue // there, or there by another spelling
		}
		hint := ""
		if says := attribute(admitted.named[name], "says"); says != "" {
			hint = "write " + says
		}
		e.fault(path.Append(cue.Str(name)), hint, "is missing")
	}
}

// value checks one value, whatever its shape.
func (e *explainer) value(definition, user cue.Value, path cue.Path, says string) {
	if user.Err() != nil {
		// The files contradict themselves here or below, which is told already;
		// the fields beside the contradiction still count.
		if below, ok := arm(definition, cue.StructKind); ok {
			e.object(below, user, path)
		}
		return
	}
	switch kind := user.IncompleteKind(); kind {
	case cue.StructKind:
		if below, ok := arm(definition, cue.StructKind); ok {
			e.object(below, user, path)
			return
		}
		e.fault(path, "", "a struct is not %s", cmpSays(says, definition))
	case cue.ListKind:
		below, ok := arm(definition, cue.ListKind)
		if !ok {
			e.fault(path, "", "a list is not %s", cmpSays(says, definition))
			return
		}
		each := attribute(definition, "each")
		element := below.LookupPath(cue.MakePath(cue.AnyIndex))
		items, err := user.List()
		for i := 0; err == nil && items.Next(); i++ {
			e.value(element, items.Value(), path.Append(cue.Index(i)), each)
		}
	default:
		e.leaf(definition, user, path, says)
	}
}

// leaf checks a string, number or boolean.
func (e *explainer) leaf(definition, user cue.Value, path cue.Path, says string) {
	text := shorten(fmt.Sprint(user))
	if !user.IsConcrete() {
		e.fault(path, "", "has no value: %s is not %s", text, cmpSays(says, definition))
		return
	}
	if definition.Unify(user).Validate(cue.Concrete(true)) == nil {
		return
	}
	want, have := definition.IncompleteKind(), user.Kind()
	switch {
	case want&have != 0 || says == "":
		e.fault(path, "", "%s is not %s", text, cmpSays(says, definition))
	case want == cue.StringKind && have&cue.NumberKind != 0:
		e.fault(path, fmt.Sprintf("write \"%s\"", text), "%s is not a string", text)
	case want == cue.StringKind || want == cue.IntKind || want == cue.BoolKind:
		e.fault(path, "write "+says, "%s is not %s", text, kindName(want))
	default:
		e.fault(path, "", "%s is not %s", text, says)
	}
}

// arm finds the alternative of a definition that has the given kind.
func arm(definition cue.Value, kind cue.Kind) (cue.Value, bool) {
	if definition.IncompleteKind() == kind {
		return definition, true
	}
	if op, args := cue.Dereference(definition).Expr(); op == cue.OrOp {
		for _, argument := range args {
			if found, ok := arm(argument, kind); ok {
				return found, true
			}
		}
	}
	return cue.Value{}, false
}

// attribute is the text of @name("…") on a field of the schema.
func attribute(v cue.Value, name string) string {
	a := v.Attribute(name)
	if a.Err() != nil {
		return ""
	}
	text, err := a.String(0)
	if err != nil {
		return ""
	}
	return text
}

// cmpSays is the sentence of a field, or the kind of its value.
func cmpSays(says string, definition cue.Value) string {
	if says != "" {
		return says
	}
	return kindName(definition.IncompleteKind())
}

func kindName(kind cue.Kind) string {
	switch kind {
	case cue.IntKind:
		return "an integer"
	case cue.StringKind:
		return "a string"
	case cue.BoolKind:
		return "true or false"
	case cue.StructKind:
		return "a struct"
	case cue.ListKind:
		return "a list"
	default:
		return "what belongs here"
	}
}

// shorten keeps a value readable in one line.
func shorten(text string) string { return shortenTo(text, 80) }

func shortenTo(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
