package view

import (
	"io"
	"strings"
)

// accessTable writes access for people.
func accessTable(w io.Writer, r AccessReport, o AccessOptions) error {
	l := lines{o: o.Options}
	for _, k := range r.Keys {
		var who []string
		for _, s := range k.Signers {
			_, path := splitPrincipal(s.Principal)
			who = append(who, path)
		}
		l.list("", "  ", []string{k.ID.String(), strings.Join(who, ", ")})
	}
	return l.flush(w)
}
