package view

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// AccessReport is who can use the keys of one environment, as far as it was
// read. The lists are printed in the order in which they are given.
type AccessReport struct {
	Environment string       `json:"environment"`
	Account     string       `json:"account"`
	Region      string       `json:"region"`
	Keys        []KeyAccess  `json:"keys"`
	Totals      AccessTotals `json:"totals"`
	// Unmanaged is what the environment does not declare, by kind and name; nil:
	// nobody asked for it. What it can do is filled in here.
	Unmanaged []Unmanaged `json:"unmanaged,omitzero"`
	// NotRead names, in words, what could change the answer and is not read:
	// service control policies, session policies, the IAM of other accounts.
	NotRead []string `json:"notRead"`
	// Unread is what should have been read this time and was not.
	Unread []resource.Unread `json:"unread"`
}

// KeyAccess is who can use one key.
type KeyAccess struct {
	ID    resource.ID `json:"-"`
	Key   string      `json:"key"`
	Alias string      `json:"alias"`
	ARN   string      `json:"arn"`
	// Agent and Instance say whose key it is; Agent is empty for generic keys.
	Agent    string `json:"agent"`
	Instance int    `json:"instance"`
	// Managed says that the configuration declares who uses the key. Where it
	// does not, nobody is expected or unexpected.
	Managed bool     `json:"managed"`
	Signers []Signer `json:"signers"`
	// Missing are the principals that are declared to use the key and cannot.
	Missing []MissingSigner `json:"missing"`
	// CanBecome are those who cannot sign now and could give themselves the right.
	CanBecome []Becoming `json:"canBecome"`
}

// Signer is a principal that can sign with a key.
type Signer struct {
	// Principal is an ARN, an account id, or "*" for everyone.
	Principal string `json:"principal"`
	// Name is what people call it; empty: taken from the ARN.
	Name string `json:"name"`
	// Through says what gives the right: "policy staging-relayer-signer",
	// "group admins, policy kms-admin", "key policy", "grant 1a2b".
	Through []string `json:"through"`
	// Certain is false where something was not read or not understood; Doubt says
	// what.
	Certain bool   `json:"certain"`
	Doubt   string `json:"doubt,omitempty"`
	// Expected says that the configuration declares this principal for this key.
	Expected bool `json:"expected"`
	// Admin says that the right is part of a wildcard over all of KMS or AWS.
	Admin bool `json:"admin,omitempty"`
}

// MissingSigner is a principal that is declared to use a key and cannot.
type MissingSigner struct {
	Principal string `json:"principal"`
	Name      string `json:"name"`
	// Reason is what stands in the way, Hint what to type or edit.
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

// Becoming is a principal that could give itself a right that it has not.
type Becoming struct {
	Principal string `json:"principal"`
	Name      string `json:"name"`
	// Path says how, in words: "kms:PutKeyPolicy", "iam:AttachUserPolicy on
	// itself".
	Path    string `json:"path"`
	Certain bool   `json:"certain"`
	// Admin says that it may do anything in the account: all such principals are
	// one line.
	Admin bool `json:"admin,omitempty"`
}

// AccessTotals counts all of the account's IAM; Unmanaged are those among them
// that the environment does not declare.
type AccessTotals struct {
	Users     int `json:"users"`
	Groups    int `json:"groups"`
	Roles     int `json:"roles"`
	Policies  int `json:"policies"`
	Unmanaged int `json:"unmanaged"`
}

// AccessOptions is how to print access.
type AccessOptions struct {
	Options
	// Format is table or json.
	Format string
	// Key narrows to one key, by name, resource id, alias or ARN, and tells all of
	// it. Principal narrows to one principal, by name or ARN.
	Key, Principal string
}

// Access writes who can sign with which key, and who could become able to. A
// key or a principal that is asked for and does not occur is an error; a
// principal that occurs nowhere can do nothing, but a mistyped one looks alike.
func Access(w io.Writer, r AccessReport, o AccessOptions) error {
	of := r.Keys
	r, err := r.powers().narrow(o)
	if err != nil {
		return err
	}
	switch o.Format {
	case "", "table":
		return accessTable(w, r, of, o)
	case "json":
		return accessJSON(w, r)
	default:
		return fmt.Errorf("format %q: not table or json", o.Format)
	}
}

// narrow keeps what was asked for.
func (r AccessReport) narrow(o AccessOptions) (AccessReport, error) {
	if o.Key != "" {
		r.Keys = slices.DeleteFunc(slices.Clone(r.Keys), func(k KeyAccess) bool { return !k.is(o.Key) })
		if len(r.Keys) == 0 {
			return r, fmt.Errorf("access: no key %q in %s\n  hint: reconcile keys %s lists them", o.Key, r.Environment, r.Environment)
		}
	}
	if o.Principal == "" {
		return r, nil
	}
	found := false
	r.Keys = slices.Clone(r.Keys)
	for i, k := range r.Keys {
		k.Signers = slices.DeleteFunc(slices.Clone(k.Signers), func(s Signer) bool { return !isPrincipal(o.Principal, s.Principal, s.Name) })
		k.Missing = slices.DeleteFunc(slices.Clone(k.Missing), func(m MissingSigner) bool { return !isPrincipal(o.Principal, m.Principal, m.Name) })
		k.CanBecome = slices.DeleteFunc(slices.Clone(k.CanBecome), func(b Becoming) bool { return !isPrincipal(o.Principal, b.Principal, b.Name) })
		r.Keys[i] = k
		found = found || len(k.Signers)+len(k.Missing)+len(k.CanBecome) > 0
	}
	if !found {
		return r, fmt.Errorf("access: %q can use no key of %s, and could not become able to, as far as was read", o.Principal, r.Environment)
	}
	r.Keys = slices.DeleteFunc(r.Keys, func(k KeyAccess) bool { return len(k.Signers)+len(k.Missing)+len(k.CanBecome) == 0 })
	return r, nil
}

func (k KeyAccess) is(wanted string) bool {
	return wanted == k.ID.Name || wanted == k.ID.String() || wanted == k.Alias || wanted == k.ARN || "alias/"+wanted == k.Alias
}

// isPrincipal compares with the whole ARN, with its resource with or without its
// path (role/deploy/ci, role/ci), or with the name alone.
func isPrincipal(wanted, arn, name string) bool {
	_, path := splitPrincipal(arn)
	last := path[strings.LastIndexByte(path, '/')+1:]
	return wanted == arn || wanted == name || wanted == path || wanted == last || wanted == kindOf(path)+"/"+last
}

// splitPrincipal gives the account and the resource of an IAM or STS ARN;
// whatever else it is given is the resource.
func splitPrincipal(arn string) (account, path string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return "", arn
	}
	return parts[4], parts[5]
}

func accessJSON(w io.Writer, r AccessReport) error {
	keys := make([]KeyAccess, len(r.Keys))
	for i, k := range r.Keys {
		k.Key = k.ID.String()
		k.Signers, k.Missing, k.CanBecome = append([]Signer{}, k.Signers...), append([]MissingSigner{}, k.Missing...), append([]Becoming{}, k.CanBecome...)
		for n := range k.Signers {
			k.Signers[n].Through = append([]string{}, k.Signers[n].Through...)
		}
		keys[i] = k
	}
	r.Keys, r.NotRead, r.Unread = keys, append([]string{}, r.NotRead...), append([]resource.Unread{}, r.Unread...)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("access: encode: %w", err)
	}
	_, err = w.Write(append(ascii(data), '\n'))
	return err
}
