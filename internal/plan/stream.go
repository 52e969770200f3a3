package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// writeJSON writes the canonical JSON of a struct, the same bytes as
// resource.Canonical, but one element of its lists at a time: a plan of 10,000
// changes is never in memory as one text. Indented, it is what encoding/json
// writes with an indent of two spaces.
func writeJSON(w io.Writer, v any, indented bool) error {
	s := stream{w: w, indented: indented}
	object := reflect.Indirect(reflect.ValueOf(v))
	if object.Kind() != reflect.Struct {
		return fmt.Errorf("%T is written whole, not in parts", v)
	}
	s.write("{")
	separator := ""
	for i := range object.NumField() {
		name, options, _ := strings.Cut(object.Type().Field(i).Tag.Get("json"), ",")
		field := object.Field(i)
		switch options {
		case "":
		case "omitempty":
			if field.Kind() != reflect.Slice {
				return fmt.Errorf("%T: omitempty of %s is not known here", v, name)
			}
			if field.Len() == 0 {
				continue
			}
		default:
			return fmt.Errorf("%T: option %q of %s is not known here", v, options, name)
		}
		s.write(separator)
		s.line(1)
		s.write(`"` + name + `":`)
		if indented {
			s.write(" ")
		}
		s.field(field)
		separator = ","
	}
	s.line(0)
	s.write("}")
	return s.err
}

// stream remembers the first error, after which it writes nothing.
type stream struct {
	w        io.Writer
	indented bool
	err      error
}

func (s *stream) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

// line begins a line of some depth.
func (s *stream) line(depth int) {
	if s.indented {
		s.write("\n" + strings.Repeat("  ", depth))
	}
}

// field writes lists by their elements and anything else whole.
func (s *stream) field(field reflect.Value) {
	if field.Kind() != reflect.Slice || field.IsNil() || field.Type().Elem().Kind() == reflect.Uint8 {
		s.value(field, 1)
		return
	}
	s.write("[")
	for i := range field.Len() {
		if i > 0 {
			s.write(",")
		}
		s.line(2)
		s.value(field.Index(i), 2)
	}
	if field.Len() > 0 {
		s.line(1)
	}
	s.write("]")
}

func (s *stream) value(value reflect.Value, depth int) {
	if s.err != nil {
		return
	}
	var data []byte
	if data, s.err = resource.Canonical(value.Interface()); s.err != nil {
		return
	}
	if s.indented {
		var pretty bytes.Buffer
		if s.err = json.Indent(&pretty, data, strings.Repeat("  ", depth), "  "); s.err != nil {
			return
		}
		data = pretty.Bytes()
	}
	_, s.err = s.w.Write(data)
}

// misspelt looks for texts that were not UTF-8. No write that it sees ends
// within an escape.
type misspelt struct{ found bool }

func (m *misspelt) Write(data []byte) (int, error) {
	m.found = m.found || bytes.Contains(data, []byte(`\ufffd`))
	return len(data), nil
}
