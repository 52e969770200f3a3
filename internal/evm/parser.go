package evm

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
)

// What a signature is read by, from where the reader stands.
var (
	leadingName   = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*`)
	leadingType   = regexp.MustCompile(`^[a-z0-9]+`)
	leadingArrays = regexp.MustCompile(`^(\[([1-9][0-9]{0,3})?\]){0,4}`)
)

// The parser reads signatures itself: go-ethereum's panics on some texts, and
// knows no lists of lists of tuples.
type parser struct {
	rest  string
	depth int
}

// maxDepth of tuples in each other, and maxTypes in one list.
const (
	maxDepth = 4
	maxTypes = 32
)

func (p *parser) name() (string, error) {
	if len(p.rest) > 400 {
		return "", errors.New("it is longer than 400 characters")
	}
	name := leadingName.FindString(p.rest)
	p.rest = p.rest[len(name):]
	if name == "" {
		return "", errors.New("it does not begin with a name")
	}
	return name, nil
}

// arguments reads "(a,b)".
func (p *parser) arguments() (abi.Arguments, error) {
	types, err := p.list()
	if err != nil {
		return nil, err
	}
	args := make(abi.Arguments, len(types))
	for i, t := range types {
		made, err := abi.NewType(t.Type, "", t.Components)
		if err != nil {
			return nil, fmt.Errorf("type %q: %w", t.Type, err)
		}
		args[i] = abi.Argument{Type: made}
	}
	return args, nil
}

func (p *parser) list() ([]abi.ArgumentMarshaling, error) {
	if !p.take("(") {
		return nil, errors.New("a list of types in parentheses is missing")
	}
	if p.take(")") {
		return nil, nil
	}
	var types []abi.ArgumentMarshaling
	for {
		t, err := p.one(len(types))
		if err != nil {
			return nil, err
		}
		types = append(types, t)
		switch {
		case len(types) > maxTypes:
			return nil, fmt.Errorf("it has more than %d types in one list", maxTypes)
		case p.take(","):
		case p.take(")"):
			return types, nil
		default:
			return nil, errors.New("its parentheses do not match")
		}
	}
}

// one reads a type: elementary or a tuple, and the lists made of it.
func (p *parser) one(at int) (abi.ArgumentMarshaling, error) {
	out := abi.ArgumentMarshaling{Name: "a" + strconv.Itoa(at)}
	if strings.HasPrefix(p.rest, "(") {
		if p.depth++; p.depth > maxDepth {
			return out, fmt.Errorf("it has tuples more than %d deep", maxDepth)
		}
		inner, err := p.list()
		p.depth--
		if err != nil {
			return out, err
		}
		if len(inner) == 0 {
			return out, errors.New("it has an empty tuple")
		}
		out.Type, out.Components = "tuple", inner
	} else {
		word := leadingType.FindString(p.rest)
		if !elementary(word) {
			return out, fmt.Errorf("%q is no type", word)
		}
		p.rest, out.Type = p.rest[len(word):], word
	}
	suffix := leadingArrays.FindString(p.rest)
	p.rest, out.Type = p.rest[len(suffix):], out.Type+suffix
	return out, nil
}

// elementary types of the contract ABI (Solidity documentation, ABI
// specification); function and fixed-point types are no value of ours.
func elementary(word string) bool {
	switch word {
	case "address", "bool", "string", "bytes":
		return true
	}
	for prefix, valid := range map[string]func(int) bool{
		"uint":  func(n int) bool { return n >= 8 && n <= 256 && n%8 == 0 },
		"int":   func(n int) bool { return n >= 8 && n <= 256 && n%8 == 0 },
		"bytes": func(n int) bool { return n >= 1 && n <= 32 },
	} {
		digits, ok := strings.CutPrefix(word, prefix)
		size, err := strconv.Atoi(digits)
		if ok && err == nil && digits == strconv.Itoa(size) && valid(size) {
			return true
		}
	}
	return false
}

func (p *parser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}
