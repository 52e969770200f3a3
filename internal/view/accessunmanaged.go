package view

import (
	"slices"
	"strings"
)

// Unmanaged is a user, group, role or policy of the account that the environment
// does not declare. It is told of and never touched.
type Unmanaged struct {
	// Kind is user, group, role or policy.
	Kind string `json:"kind"`
	Name string `json:"name"`
	Path string `json:"path"`
	ARN  string `json:"arn"`
	// Signs names the keys that it can sign with, as the report says; of a group
	// or policy those that it lets somebody sign with.
	Signs []string `json:"signs"`
	// CanBecome names the keys that a user or role could become able to sign with.
	CanBecome []string `json:"canBecome"`
}

// powers fills in what each undeclared object can do with the keys, and puts
// those first that can do something.
func (r AccessReport) powers() AccessReport {
	if r.Unmanaged == nil {
		return r
	}
	list := make([]Unmanaged, len(r.Unmanaged))
	for i, u := range r.Unmanaged {
		u.Signs, u.CanBecome = []string{}, []string{}
		for _, k := range r.Keys {
			if slices.ContainsFunc(k.Signers, u.behind) {
				u.Signs = append(u.Signs, k.ID.String())
			}
			if slices.ContainsFunc(k.CanBecome, func(b Becoming) bool { return b.Principal == u.ARN }) {
				u.CanBecome = append(u.CanBecome, k.ID.String())
			}
		}
		list[i] = u
	}
	slices.SortStableFunc(list, func(a, b Unmanaged) int { return a.rank() - b.rank() })
	r.Unmanaged = list
	return r
}

// behind reports whether it is the signer, or gives the signer its right.
func (u Unmanaged) behind(s Signer) bool {
	gives := func(through string) bool { return slices.Contains(strings.Split(through, ", "), u.Kind+" "+u.Name) }
	return s.Principal == u.ARN || (u.Kind == "group" || u.Kind == "policy") && slices.ContainsFunc(s.Through, gives)
}

// rank is 0 where it can sign, 1 where it could become able to, 2 otherwise.
func (u Unmanaged) rank() int {
	switch {
	case len(u.Signs) > 0:
		return 0
	case len(u.CanBecome) > 0:
		return 1
	default:
		return 2
	}
}

// strangers lists what the environment does not declare, one line each.
func (t *accessText) strangers() {
	t.seg(bold, "not declared here, and never touched: "+number(len(t.r.Unmanaged))).end()
	for _, u := range t.r.Unmanaged {
		sign, can := piece{yellow, "!"}, []string{}
		if len(u.Signs) > 0 {
			word := "can sign with "
			if u.Kind == "group" || u.Kind == "policy" {
				word = "lets sign with "
			}
			can = append(can, word+t.keysText(t.keysOf(u.Signs), false))
		}
		if len(u.CanBecome) > 0 {
			can = append(can, "could become able to sign with "+t.keysText(t.keysOf(u.CanBecome), false))
		}
		if u.rank() == 2 {
			sign, can = piece{faint, "·"}, []string{"nothing with these keys"}
		}
		t.item(indentation, sign, u.Kind+" "+literalName(u.Name)+" at "+literalName(u.Path)+": "+strings.Join(can, "; "))
	}
}

// keysOf finds keys by their ids.
func (t *accessText) keysOf(ids []string) []KeyAccess {
	return slices.DeleteFunc(slices.Clone(t.r.Keys), func(k KeyAccess) bool { return !slices.Contains(ids, k.ID.String()) })
}
