package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/crosschain-ops/reconcile/internal/cuefile"
)

// Edit gives one field of an environment's files another value.
type Edit struct {
	// Path from the top of the environment: safes, council, threshold.
	Path []string
	// Value is a string, an int, a bool, a list of those, of maps of strings to those,
	// and of Keep. In a list, a text that stands there already stays as it is written.
	Value any
}

// Keep stands in a list for the declared element at an index, as it is written.
type Keep struct{ Index int }

// Rewrite is one file as it is and as it would be.
type Rewrite struct {
	Path          string
	Before, After []byte
}

// Rewritten makes edits in the files of the working tree and returns those that
// change; it writes nothing. A field must stand there once, as a literal: what is
// reckoned, a default, or stated twice is refused with its place.
func Rewritten(o Options, edits []Edit) ([]Rewrite, error) {
	o.Rev = ""
	from, err := open(o)
	if err != nil {
		return nil, err
	}
	files, err := readFolder(from.tree, o.Name)
	if err != nil {
		return nil, err
	}
	type open struct {
		file   file
		syntax *ast.File
	}
	var sources []open
	for _, f := range files {
		if !own(f.path) || !strings.HasSuffix(f.path, ".cue") {
			continue
		}
		// The bounds of what strangers write hold here too.
		if _, faults := cuefile.Parse([]cuefile.File{{Path: f.path, Data: f.data}}, cuefile.Rules{What: "an environment"}); len(faults) > 0 {
			return nil, fmt.Errorf("%s: %s", f.path, faults[0].Msg)
		}
		syntax, err := parser.ParseFile(f.path, f.data, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		sources = append(sources, open{f, syntax})
	}
	for _, e := range edits {
		var found []*ast.Field
		for _, s := range sources {
			found = append(found, fieldsAt(s.syntax.Decls, e.Path)...)
		}
		if err := e.into(found); err != nil {
			return nil, err
		}
	}
	var changed []Rewrite
	for _, s := range sources {
		after, err := format.Node(s.syntax)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.file.path, err)
		}
		// A file that nobody edited is left as it is, however it is formatted.
		if before, err := format.Source(s.file.data); err == nil && !bytes.Equal(before, after) {
			changed = append(changed, Rewrite{Path: s.file.path, Before: s.file.data, After: after})
		}
	}
	return changed, nil
}

// fieldsAt finds the fields that state a path, however it is written: a: b: c, or
// in braces. What a comprehension makes is not stated.
func fieldsAt(decls []ast.Decl, path []string) []*ast.Field {
	var found []*ast.Field
	for _, d := range decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		label, _, err := ast.LabelName(field.Label)
		if err != nil || label != path[0] {
			continue
		}
		if len(path) == 1 {
			found = append(found, field)
		} else if inside, ok := field.Value.(*ast.StructLit); ok {
			found = append(found, fieldsAt(inside.Elts, path[1:])...)
		}
	}
	return found
}

// into writes the value where the field stands.
func (e Edit) into(found []*ast.Field) error {
	path := strings.Join(e.Path, ".")
	if len(found) == 0 {
		return fmt.Errorf("%s: stands in no file of the environment by itself: it is a default, or made of something else", path)
	}
	at := cuefile.Source(found[0].Value.Pos())
	if len(found) > 1 {
		return fmt.Errorf("%s: %s: is stated at %s too", at, path, cuefile.Source(found[1].Value.Pos()))
	}
	value, err := rewritten(found[0].Value, e.Value)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", at, path, err)
	}
	found[0].Value = value
	return nil
}

// rewritten is a value in place of a literal one, with its comments.
func rewritten(old ast.Expr, value any) (ast.Expr, error) {
	list, many := value.([]any)
	was, isList := old.(*ast.ListLit)
	switch {
	case many && isList:
		return old, relist(was, list)
	case many || isList:
		return nil, fmt.Errorf("is reckoned there, and no list that is written out")
	}
	switch old.(type) {
	case *ast.BasicLit, *ast.StructLit, *ast.UnaryExpr:
	default:
		return nil, fmt.Errorf("is reckoned there, and no value that is written out")
	}
	if text, ok := value.(string); ok {
		// A number stays a number, true and false stay what they are.
		if was, ok := old.(*ast.BasicLit); ok && was.Kind != token.STRING {
			if _, err := strconv.ParseInt(text, 10, 64); err == nil && was.Kind == token.INT {
				value = raw(text)
			} else if (was.Kind == token.TRUE || was.Kind == token.FALSE) && (text == "true" || text == "false") {
				value = raw(text)
			}
		}
	}
	fresh, err := parser.ParseExpr("", rendered(value))
	if err != nil {
		return nil, err
	}
	if basic, ok := old.(*ast.BasicLit); ok {
		if next, ok := fresh.(*ast.BasicLit); ok {
			basic.Kind, basic.Value = next.Kind, next.Value
			return basic, nil
		}
	}
	ast.SetRelPos(fresh, token.Blank)
	return fresh, nil
}

// relist writes elements into a list, those that stay as they are written.
func relist(was *ast.ListLit, list []any) error {
	broken := len(was.Elts) > 0 && was.Elts[0].Pos().IsNewline()
	var elements []ast.Expr
	for _, element := range list {
		if keep, ok := element.(Keep); ok {
			if keep.Index >= len(was.Elts) {
				return fmt.Errorf("has %d elements written out, element %d stays", len(was.Elts), keep.Index)
			}
			elements = append(elements, was.Elts[keep.Index])
			continue
		}
		if i := slices.IndexFunc(was.Elts, func(e ast.Expr) bool { return spells(e, element) }); i >= 0 {
			elements = append(elements, was.Elts[i])
			continue
		}
		fresh, err := parser.ParseExpr("", rendered(element))
		if err != nil {
			return err
		}
		if ast.SetRelPos(fresh, token.Blank); broken {
			ast.SetRelPos(fresh, token.Newline)
		}
		elements = append(elements, fresh)
	}
	for _, e := range was.Elts {
		if _, open := e.(*ast.Ellipsis); open {
			return fmt.Errorf("is an open list: somebody else writes into it too")
		}
		if _, made := e.(*ast.Comprehension); made {
			return fmt.Errorf("is reckoned there, and no list that is written out")
		}
	}
	was.Elts = elements
	// Of a list that nobody scanned, commas are written.
	was.Lbrack = was.Lbrack.WithScanned(false)
	return nil
}

// spells reports a text that is written out already.
func spells(e ast.Expr, element any) bool {
	text, ok := element.(string)
	basic, written := e.(*ast.BasicLit)
	if !ok || !written || basic.Kind != token.STRING {
		return false
	}
	is, err := literal.Unquote(basic.Value)
	return err == nil && is == text
}

// raw is text that is CUE already.
type raw string

// rendered is a value as CUE.
func rendered(value any) string {
	switch v := value.(type) {
	case raw:
		return string(v)
	case string:
		return literal.String.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = rendered(one)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, cmp.Compare[string])
		for i, key := range keys {
			label := key
			if !ast.IsValidIdent(key) {
				label = literal.Label.Quote(key)
			}
			keys[i] = label + ": " + rendered(v[key])
		}
		return "{" + strings.Join(keys, ", ") + "}"
	default:
		return fmt.Sprint(v)
	}
}

// instead gives files of a tree other bytes.
type instead struct {
	fs.FS
	files map[string][]byte
}

// ReadFile reads the other bytes where there are.
func (t instead) ReadFile(name string) ([]byte, error) {
	if data, ok := t.files[name]; ok {
		return data, nil
	}
	return fs.ReadFile(t.FS, name)
}

// ReadDir, Lstat and ReadLink are those of the tree.
func (t instead) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }
func (t instead) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(t.FS, name) }
func (t instead) ReadLink(name string) (string, error)       { return fs.ReadLink(t.FS, name) }
