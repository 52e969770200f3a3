package cuefile

import (
	"strings"

	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// maxDepth bounds nesting: brackets that are open, and operators and colons in
// a row. The parser and evaluator recurse over it without a bound of their own,
// and 100,000 nested fields, 200 kB, keep them busy for minutes. Environments
// written by people nest 12 deep.
const maxDepth = 100

// tooDeep finds the line at which a file nests deeper than maxDepth, 0 when it
// nowhere does. It looks at tokens only and needs no valid syntax.
func tooDeep(f File) int {
	handle := token.NewFile(f.Path, -1, len(f.Data))
	var s scanner.Scanner
	s.Init(handle, f.Data, func(token.Pos, string, []any) {}, 0)
	type level struct {
		chain         int
		interpolation bool
	}
	levels := []level{{}}
	total, interpolating := 0, false
	for {
		pos, tok, lit := s.Scan()
		top := &levels[len(levels)-1]
		switch tok {
		case token.EOF:
			return 0
		case token.COMMA:
			total -= top.chain
			top.chain = 0
		case token.INTERPOLATION:
			interpolating = strings.HasSuffix(lit, "(")
		case token.LBRACE, token.LBRACK, token.LPAREN:
			levels = append(levels, level{interpolation: interpolating && tok == token.LPAREN})
			total, interpolating = total+1, false
		case token.RBRACE, token.RBRACK, token.RPAREN:
			if len(levels) == 1 {
				continue // the parser says what is wrong
			}
			if top.interpolation && tok == token.RPAREN {
				interpolating = strings.HasSuffix(s.ResumeInterpolation(), "(")
			}
			total -= top.chain + 1
			levels = levels[:len(levels)-1]
		default:
			if tok.IsOperator() {
				top.chain++
				total++
			}
		}
		if total > maxDepth {
			return pos.Line()
		}
	}
}
