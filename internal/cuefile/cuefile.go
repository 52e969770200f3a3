// Package cuefile reads the syntax of CUE files that strangers wrote: nesting is
// bounded, and nothing in them reaches another file or the network. What they say
// is for whoever asked.
package cuefile

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// File is one file; its path is what positions name.
type File struct {
	Path string
	Data []byte
}

// Fault is what is wrong with a file.
type Fault struct {
	// Pos is where. Line 0 means the file as a whole.
	Pos  resource.Source
	Msg  string
	Hint string
}

// Rules say what files may hold.
type Rules struct {
	// What they are, for messages: "an environment".
	What string
	// Imports are admitted beside Standard.
	Imports []string
}

// Standard lists the packages of CUE itself that may be imported: pure, and
// without a way to reach a file or the network.
func Standard() []string { return []string{"list", "math", "strconv", "strings"} }

// Parse reads the syntax of files and refuses what reaches outside of them: foreign
// imports, and attributes, by which CUE embeds files and takes tags.
func Parse(files []File, rules Rules) (syntax []*ast.File, faults []Fault) {
	for _, f := range files {
		if line := tooDeep(f); line > 0 {
			faults = append(faults, Fault{Pos: resource.Source{File: f.Path, Line: line}, Msg: fmt.Sprintf("nests deeper than %d", maxDepth)})
			continue
		}
		parsed, err := parser.ParseFile(f.Path, f.Data)
		for _, e := range errors.Errors(err) {
			format, args := e.Msg()
			faults = append(faults, Fault{Pos: Source(e.Position()), Msg: fmt.Sprintf(format, args...)})
		}
		if err != nil {
			continue
		}
		for spec := range parsed.ImportSpecs() {
			if imported := strings.Trim(spec.Path.Value, `"`); !slices.Contains(append(Standard(), rules.Imports...), imported) {
				faults = append(faults, Fault{
					Pos: Source(spec.Pos()), Msg: fmt.Sprintf("import %q: %s imports nothing from outside", imported, rules.What),
					Hint: "write the values here; only " + strings.Join(Standard(), ", ") + " can be imported",
				})
			}
		}
		ast.Walk(parsed, func(n ast.Node) bool {
			if attribute, ok := n.(*ast.Attribute); ok {
				faults = append(faults, Fault{Pos: Source(attribute.Pos()), Msg: fmt.Sprintf("attribute %s: attributes have no meaning in %s", attribute.Text, rules.What)})
			}
			return true
		}, nil)
		syntax = append(syntax, parsed)
	}
	return syntax, faults
}

// Source is a position as the user knows it; zero where there is none.
func Source(pos token.Pos) resource.Source {
	if !pos.IsValid() {
		return resource.Source{}
	}
	return resource.Source{File: pos.Filename(), Line: pos.Line()}
}
