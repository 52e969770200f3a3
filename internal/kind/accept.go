package kind

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Accept says which lines of the configuration would declare what somebody made of
// a resource: have is live, want declared, with its refs filled in. An error says
// why there are none. Pure.
type Accept func(env *config.Environment, have, want resource.Resource) ([]config.Edit, error)

// AcceptQuorum declares the live members and threshold of what stands under a room
// of the environment by its name. A new member is its address, under others of its
// fields too: who it is, only a person can say.
func AcceptQuorum(room, members string, also ...string) Accept {
	return func(_ *config.Environment, have, want resource.Resource) ([]config.Edit, error) {
		was, errWant := texts(want.Attrs[members])
		is, errHave := texts(have.Attrs[members])
		if err := errors.Join(errWant, errHave); err != nil {
			return nil, err
		}
		list, err := keepList(was, is, func(address string) (any, error) {
			checked, err := checksummed(address)
			element := map[string]any{"address": checked}
			for _, field := range also {
				element[field] = checked
			}
			return element, err
		})
		if err != nil {
			return nil, err
		}
		threshold, err := strconv.Atoi(fmt.Sprint(have.Attrs["threshold"]))
		if err != nil || len(is) == 0 || threshold < 1 {
			return nil, fmt.Errorf("its %s and threshold read as %d and %v, which is no quorum", members, len(is), have.Attrs["threshold"])
		}
		path := []string{room, want.ID.Name}
		return []config.Edit{
			{Path: append(slices.Clone(path), members), Value: list}, {Path: append(slices.Clone(path), "threshold"), Value: threshold},
		}, nil
	}
}

// AcceptValues declares the live parameters and owner of a contract. Its code is
// read by a person, and its hash written by hand.
func AcceptValues(_ *config.Environment, have, want resource.Resource) ([]config.Edit, error) {
	path := []string{"contracts", want.ID.Name}
	var edits []config.Edit
	declared, _ := want.Attrs["parameters"].(map[string]any)
	live, _ := have.Attrs["parameters"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		value, read := live[name].(string)
		if !read || value == declared[name] {
			continue
		}
		if checked, err := checksummed(value); err == nil {
			value = checked
		}
		edits = append(edits, config.Edit{Path: append(slices.Clone(path), "parameters", name, "want"), Value: value})
	}
	if owner, stated := want.Attrs["owner"]; stated && owner != have.Attrs["owner"] {
		checked, err := checksummed(fmt.Sprint(have.Attrs["owner"]))
		if err != nil {
			return nil, fmt.Errorf("its owner: %w", err)
		}
		edits = append(edits, config.Edit{Path: append(slices.Clone(path), "owner"), Value: map[string]any{"address": checked}})
	}
	if len(edits) == 0 {
		return nil, errors.New("what differs is its code or a list of events: a person reads the new code, and writes its hash by hand")
	}
	return edits, nil
}

// AcceptGroup declares the live members and policies of a group.
func AcceptGroup(env *config.Environment, have, want resource.Resource) ([]config.Edit, error) {
	if inline, _ := have.Attrs["inline"].(map[string]any); len(inline) > 0 {
		return nil, errors.New("a document inside a group is never declared: make a policy of it, or let apply take it off")
	}
	declared := map[string]bool{}
	for _, p := range env.Access.Policies {
		declared[p.Name] = true
	}
	var edits []config.Edit
	for _, part := range []struct {
		name  string
		known func(name string) bool
	}{{"members", func(string) bool { return true }}, {"policies", func(name string) bool { return declared[name] }}} {
		if SameTexts(have.Attrs[part.name], want.Attrs[part.name]) {
			continue
		}
		arns, err := texts(have.Attrs[part.name])
		if err != nil {
			return nil, err
		}
		list := []any{}
		for _, arn := range slices.Sorted(slices.Values(arns)) {
			// What we declare has a name, anything else only its ARN.
			if name := arn[strings.LastIndex(arn, "/")+1:]; part.known(name) {
				arn = name
			}
			list = append(list, arn)
		}
		edits = append(edits, config.Edit{Path: []string{"access", "groups", want.ID.Name, part.name}, Value: list})
	}
	return edits, nil
}

// AcceptStatements declares the live statements of a policy. What is declared
// already stays as it is written; of others only those that allow actions on
// resources, without conditions, have a form.
func AcceptStatements(_ *config.Environment, have, want resource.Resource) ([]config.Edit, error) {
	live, ok := documentOf(have.Attrs["document"])
	declared, stated := documentOf(want.Attrs["document"])
	if !ok || !stated || live.Fault != "" {
		return nil, fmt.Errorf("the live document is not understood: %s", live.Fault)
	}
	var before, after []string
	byText := map[string]access.Statement{}
	for _, s := range declared.Statements {
		before = append(before, meaning(s))
	}
	for _, s := range live.Statements {
		after, byText[meaning(s)] = append(after, meaning(s)), s
	}
	list, err := keepList(before, after, func(text string) (any, error) { return written(byText[text]) })
	return []config.Edit{{Path: []string{"access", "policies", want.ID.Name, "statements"}, Value: list}}, err
}

// meaning is a statement without its name.
func meaning(s access.Statement) string {
	s.Sid = ""
	text, _ := resource.Canonical(s)
	return string(text)
}

func written(s access.Statement) (any, error) {
	if s.Effect != "Allow" || len(s.NotActions)+len(s.NotResources)+len(s.Conditions)+len(s.Principals)+len(s.NotPrincipals) > 0 {
		return nil, fmt.Errorf("a statement that denies, excepts or has conditions is never declared: %s", strings.TrimSpace(s.Effect+" "+strings.Join(s.Actions, ", ")))
	}
	actions, resources := []any{}, []any{}
	for _, action := range s.Actions {
		actions = append(actions, action)
	}
	for _, arn := range s.Resources.Texts() {
		resources = append(resources, arn)
	}
	return map[string]any{"actions": actions, "resources": resources}, nil
}

// keepList is a declared list that follows a live one: what is still there stays as
// it is written, in its place, and what is new comes after it. The case of letters
// does not matter, as in addresses.
func keepList(want, have []string, fresh func(text string) (any, error)) ([]any, error) {
	has := func(list []string, text string) bool {
		return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, text) })
	}
	list := []any{}
	for i, text := range want {
		if has(have, text) {
			list = append(list, config.Keep{Index: i})
		}
	}
	for _, text := range slices.Compact(slices.Sorted(slices.Values(have))) {
		if has(want, text) {
			continue
		}
		element, err := fresh(text)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, nil
}

// checksummed is an address as the configuration takes it (EIP-55).
func checksummed(text string) (string, error) {
	if !strings.HasPrefix(text, "0x") || !common.IsHexAddress(text) {
		return "", fmt.Errorf("%q is no address", text)
	}
	return common.HexToAddress(text).Hex(), nil
}

// texts are a list's texts; a ref that nobody filled in is refused.
func texts(list any) ([]string, error) {
	values, _ := list.([]any)
	all := make([]string, len(values))
	for i, v := range values {
		text, known := v.(string)
		if !known {
			return nil, fmt.Errorf("%v is not known yet", v)
		}
		all[i] = text
	}
	return all, nil
}
