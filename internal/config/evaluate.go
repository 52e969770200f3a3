package config

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/crosschain-ops/reconcile/internal/cuefile"
	"github.com/crosschain-ops/reconcile/internal/resource"
	"github.com/crosschain-ops/reconcile/schema"
)

// SchemaPath is the import path under which an environment may import the
// embedded schema. Nothing needs to: plain fields are enough.
const SchemaPath = "github.com/crosschain-ops/reconcile/schema"

// document is an environment's files, or people.cue, evaluated.
type document struct {
	folder string
	// ctx is what every value of this evaluation was made with.
	ctx *cue.Context
	// user is what the files say by themselves; its positions are the user's.
	user cue.Value
	// home is the position of what is missing at the top.
	home resource.Source
	raw  rawEnvironment
	sets sets
}

// sets are the ready-made agents and roles of the schema.
type sets struct {
	Roles map[string]rawAgent
	Sets  map[string]map[string]rawAgent
}

// evaluate unifies an environment's files with the schema and decodes the
// result. All faults come back together as Errors.
func evaluate(folder string, files []file) (*document, error) {
	d, vocabulary, unified, err := unify(folder, home(folder, files), ownFiles(files), "#Environment")
	if err != nil {
		return nil, err
	}
	if err := decode(unified, &d.raw); err != nil {
		return nil, fmt.Errorf("%s: decode: %w", folder, err)
	}
	if err := decode(vocabulary.LookupPath(cue.ParsePath("#Roles")), &d.sets.Roles); err != nil {
		return nil, fmt.Errorf("schema: roles: %w", err)
	}
	if err := decode(vocabulary.LookupPath(cue.ParsePath("#AgentSets")), &d.sets.Sets); err != nil {
		return nil, fmt.Errorf("schema: agent sets: %w", err)
	}
	return d, nil
}

// unify parses the files of one folder and unifies what they say with a
// definition of the schema. It gives the schema and the result, or all faults.
func unify(folder string, home resource.Source, files []file, name string) (d *document, vocabulary, unified cue.Value, err error) {
	var faults faults
	fail := func(err error) (*document, cue.Value, cue.Value, error) { return nil, cue.Value{}, cue.Value{}, err }
	syntax := parse(files, &faults)
	if err := faults.err(); err != nil {
		return fail(err)
	}
	ctx := cuecontext.New()
	builder := build.NewContext()
	vocabulary, vocabularyInstance, err := buildSchema(ctx, builder)
	if err != nil {
		return fail(err)
	}
	d = &document{folder: folder, ctx: ctx, home: home}
	instance := builder.NewInstance(folder, func(_ token.Pos, importPath string) *build.Instance {
		if importPath == SchemaPath {
			return vocabularyInstance
		}
		return nil
	})
	for _, f := range syntax {
		if err := instance.AddSyntax(f); err != nil {
			d.translate(err, &faults)
		}
	}
	if err := instance.Complete(); err != nil {
		d.translate(err, &faults)
	}
	if err := faults.err(); err != nil {
		return fail(err)
	}
	d.user = ctx.BuildInstance(instance)
	if err := d.user.Err(); err != nil {
		// Without a single field the files did not compile; what they lack is
		// not worth telling.
		if fields, none := d.user.Fields(cue.Patterns(true)); none != nil || !fields.Next() {
			d.translate(err, &faults)
			return fail(faults.err())
		}
	}
	definition := vocabulary.LookupPath(cue.ParsePath(name))
	unified = definition.Unify(d.user)
	if err := unified.Validate(cue.Concrete(true), cue.Final()); err != nil {
		d.explain(definition, err, &faults)
		return fail(faults.err())
	}
	return d, vocabulary, unified, nil
}

// decode goes by way of JSON, so that a field of the schema that Go does not
// know is an error and never dropped.
func decode(v cue.Value, into any) error {
	data, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func buildSchema(ctx *cue.Context, builder *build.Context) (cue.Value, *build.Instance, error) {
	instance := builder.NewInstance("schema", nil)
	instance.ImportPath = SchemaPath
	names, err := fs.Glob(schema.Files, "*.cue")
	if err != nil {
		return cue.Value{}, nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(schema.Files, name)
		if err != nil {
			return cue.Value{}, nil, err
		}
		syntax, err := parser.ParseFile(path.Join("schema", name), data)
		if err != nil {
			return cue.Value{}, nil, fmt.Errorf("schema: %w", err)
		}
		if err := instance.AddSyntax(syntax); err != nil {
			return cue.Value{}, nil, fmt.Errorf("schema: %w", err)
		}
	}
	if err := instance.Complete(); err != nil {
		return cue.Value{}, nil, fmt.Errorf("schema: %w", err)
	}
	value := ctx.BuildInstance(instance)
	if err := value.Err(); err != nil {
		return cue.Value{}, nil, fmt.Errorf("schema: %w", err)
	}
	return value, instance, nil
}

// parse reads the syntax of the CUE files among these.
func parse(files []file, faults *faults) []*ast.File {
	var given []cuefile.File
	for _, f := range files {
		if strings.HasSuffix(f.path, ".cue") {
			given = append(given, cuefile.File{Path: f.path, Data: f.data})
		}
	}
	syntax, found := cuefile.Parse(given, cuefile.Rules{What: "an environment", Imports: []string{SchemaPath}})
	for _, f := range found {
		faults.add(f.Pos, "", f.Hint, "%s", f.Msg)
	}
	return syntax
}

// home is where a missing top-level field is reported.
func home(folder string, files []file) resource.Source {
	if f := find(files, "environment.cue"); f != nil {
		return resource.Source{File: f.path, Line: 1}
	}
	for _, f := range files {
		if own(f.path) && strings.HasSuffix(f.path, ".cue") {
			return resource.Source{File: f.path, Line: 1}
		}
	}
	return resource.Source{File: folder}
}

func source(pos token.Pos) resource.Source { return cuefile.Source(pos) }

// translate turns errors of CUE itself into ours, at the user's position.
func (d *document) translate(err error, faults *faults) {
	for _, e := range errors.Errors(err) {
		var places []resource.Source
		for _, pos := range append([]token.Pos{e.Position()}, errors.Positions(e)...) {
			if place := source(pos); strings.HasPrefix(place.File, d.folder+"/") && !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
		at, hint := d.home, ""
		if len(places) > 0 {
			at = places[0]
		}
		if len(places) > 1 {
			hint = "the other one: " + places[1].String()
		}
		format, args := e.Msg()
		message := strings.TrimSuffix(fmt.Sprintf(format, args...), ":")
		faults.add(at, pathText(e.Path()), hint, "%s", shortenTo(message, 300))
	}
}

// pathText is the path of a value as the user would write it.
func pathText(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case i == 0 && strings.HasPrefix(step, "#"):
		case strings.Trim(step, "0123456789") == "":
			b.WriteString("[" + step + "]")
		case b.Len() > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}

// at is the position of a value, or of the nearest thing that holds it.
func (d *document) at(p cue.Path) resource.Source {
	selectors := p.Selectors()
	for n := len(selectors); n > 0; n-- {
		v := d.user.LookupPath(cue.MakePath(selectors[:n]...))
		if v.Exists() {
			if s := source(v.Pos()); strings.HasPrefix(s.File, d.folder+"/") {
				return s
			}
		}
	}
	return d.home
}

// in makes a path of labels and list indexes.
func in(steps ...any) cue.Path {
	selectors := make([]cue.Selector, 0, len(steps))
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			selectors = append(selectors, cue.Str(step))
		case int:
			selectors = append(selectors, cue.Index(step))
		}
	}
	return cue.MakePath(selectors...)
}
