package view

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// plainValue prints one attribute as a reader wants it: text bare, a ref as what
// it stands for, money in its coin, anything else as canonical JSON.
func plainValue(v any, coin *Coin, exact bool) string {
	switch v := v.(type) {
	case nil:
		return "(absent)"
	case string:
		if v == "" {
			return `""`
		}
		return v
	case resource.Ref:
		return refText(v)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, element := range v {
			parts[i] = plainValue(element, coin, exact)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if text, ok := moneyText(v, coin, exact); ok {
		return text
	}
	data, err := resource.Canonical(v)
	if err != nil {
		return "(unprintable: " + err.Error() + ")"
	}
	return string(data)
}

// refText prints an output that does not exist yet as its source.
func refText(r resource.Ref) string { return "(" + r.Output + " of " + r.ID.String() + ")" }

// object returns the members of a JSON object, whichever Go type holds it.
func object(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case resource.Attrs:
		return v, v != nil
	case map[string]any:
		return v, v != nil
	default:
		return nil, false
	}
}

// moneyText prints an object that holds nothing but amounts of wei.
func moneyText(v any, coin *Coin, exact bool) (string, bool) {
	members, ok := object(v)
	if !ok || coin == nil || len(members) == 0 {
		return "", false
	}
	var parts []string
	for _, name := range []string{"wei", "floor", "target"} {
		value, has := members[name]
		if !has {
			continue
		}
		text, isText := value.(string)
		if !isText || strings.Trim(text, "0123456789") != "" || text == "" {
			return "", false
		}
		shown := amount(text, coin.Decimals, false, exact) + " " + coin.Symbol
		if name != "wei" {
			shown = name + " " + shown
		}
		parts = append(parts, shown)
	}
	return strings.Join(parts, ", "), len(parts) == len(members)
}

// field is one line of a change: what happens to one attribute.
type field struct {
	path string
	// sign is '+' added, '-' removed, '~' changed, '=' counted, ' ' said.
	sign rune
	// before and after are set for '~', text otherwise.
	before, after, text string
	// prose is a text that is wrapped and never cut; deep stands below another.
	prose, deep bool
}

// compareValues lists what differs between two values of one attribute:
// objects by member, lists by element, order only where nothing else differs.
func compareValues(path string, before, after any, coin *Coin, exact bool) []field {
	_, moneyBefore := moneyText(before, coin, exact)
	_, moneyAfter := moneyText(after, coin, exact)
	old, oldIsObject := object(before)
	now, nowIsObject := object(after)
	money := moneyBefore || moneyAfter
	switch {
	case same(before, after):
		return nil
	case !money && (oldIsObject || before == nil) && (nowIsObject || after == nil) && len(old)+len(now) > 0:
		return compareObjects(path, old, now, coin, exact)
	case isList(before, after):
		return compareLists(path, before, after, coin, exact)
	case before == nil:
		return []field{{path: path, sign: '+', text: plainValue(after, coin, exact)}}
	case after == nil:
		return []field{{path: path, sign: '-', text: plainValue(before, coin, exact)}}
	default:
		return []field{{path: path, sign: '~', before: plainValue(before, coin, exact), after: plainValue(after, coin, exact)}}
	}
}

func compareObjects(path string, old, now map[string]any, coin *Coin, exact bool) []field {
	names := map[string]bool{}
	for name := range old {
		names[name] = true
	}
	for name := range now {
		names[name] = true
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fields = append(fields, compareValues(path+"."+name, old[name], now[name], coin, exact)...)
	}
	if len(fields) == 0 {
		return []field{{path: path, sign: '~', before: plainValue(old, coin, exact), after: plainValue(now, coin, exact)}}
	}
	return fields
}

func isList(before, after any) bool {
	_, old := before.([]any)
	_, now := after.([]any)
	return (old || now) && (old || before == nil) && (now || after == nil)
}

func compareLists(path string, before, after any, coin *Coin, exact bool) []field {
	old, _ := before.([]any)
	now, _ := after.([]any)
	left := map[string]int{}
	for _, element := range old {
		left[canonical(element)]++
	}
	var added, removed []field
	for _, element := range now {
		if key := canonical(element); left[key] > 0 {
			left[key]--
			continue
		}
		added = append(added, field{sign: '+', text: plainValue(element, coin, exact)})
	}
	for _, element := range old {
		if key := canonical(element); left[key] > 0 {
			left[key]--
			removed = append(removed, field{sign: '-', text: plainValue(element, coin, exact)})
		}
	}
	if len(added)+len(removed) == 0 {
		text := plainValue(after, coin, exact)
		if before == nil || after == nil {
			return []field{{path: path, sign: '~', before: plainValue(before, coin, exact), after: text}}
		}
		return []field{{path: path, sign: '~', before: plainValue(before, coin, exact), after: text + " (other order)"}}
	}
	head := field{path: path, sign: '=', before: number(len(old)), after: number(len(now))}
	if before == nil && len(added) == 1 || after == nil && len(removed) == 1 {
		only := append(added, removed...)[0]
		only.path = path
		return []field{only}
	}
	return append(append([]field{head}, removed...), added...)
}

func canonical(v any) string {
	data, err := resource.Canonical(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func same(a, b any) bool {
	if (a == nil) != (b == nil) {
		return false
	}
	return canonical(a) == canonical(b)
}
