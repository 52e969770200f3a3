package architecture

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/crosschain-ops/reconcile"

// source is one Go file that is not a test.
type source struct {
	// file and pkg are relative to the module's root, with slashes.
	file, pkg string
	tree      *ast.File
	fset      *token.FileSet
	lines     int
}

// imports lists the paths that the file imports.
func (s source) imports() []string {
	var all []string
	for _, spec := range s.tree.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			all = append(all, name)
		}
	}
	return all
}

// ours lists the imported packages of this module, relative to its root.
func (s source) ours() []string {
	var all []string
	for _, name := range s.imports() {
		if rest, ok := strings.CutPrefix(name, module+"/"); ok {
			all = append(all, rest)
		}
	}
	return all
}

// at is file:line of a node.
func (s source) at(n ast.Node) string {
	return s.file + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// used lists the selectors pkg.Name that the file uses of an imported package.
func (s source) used(of string) map[string]ast.Node {
	local := ""
	for _, spec := range s.tree.Imports {
		if spec.Path.Value == strconv.Quote(of) {
			local = path.Base(of)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	found := map[string]ast.Node{}
	if local == "" {
		return found
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == local && x.Obj == nil {
				found[selector.Sel.Name] = selector
			}
		}
		return true
	})
	return found
}

// root is the module's root.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("the module's root is not two folders up: %v", err)
	}
	return dir
}

// sources parses every Go file of the module that is not a test.
func sources(t *testing.T) []source {
	t.Helper()
	top := root(t)
	var all []source
	for _, part := range []string{"cmd", "internal", "schema"} {
		err := filepath.WalkDir(filepath.Join(top, part), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
				return filepath.SkipDir
			case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			data, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, name, data, parser.ParseComments)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(top, name)
			if err != nil {
				return err
			}
			file := filepath.ToSlash(relative)
			all = append(all, source{file: file, pkg: path.Dir(file), tree: tree, fset: fset, lines: strings.Count(string(data), "\n")})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found: the rules would hold of nothing", len(all))
	}
	return all
}

// dependencies lists all packages that a package reaches, tests left out.
func dependencies(t *testing.T, pkg string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", "./"+pkg)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("go list %s: %v: %s", pkg, err, failed.Stderr)
		}
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// packages lists the packages of the module, each once, in order.
func packages(all []source) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.pkg)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
