package cloudtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// What follows is for every policy that names principals: trust, key and bucket
// policies. The state is locked already.

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	principalARN   = regexp.MustCompile(`^arn:aws:(iam|sts)::([0-9]{12}):(root|user/.+|role/.+|assumed-role/.+|federated-user/.+)$`)
)

// invalidPrincipal names the first principal of a document that AWS would not
// take, as AWS names it, and is empty when all are good. A user or role of this
// account must exist, and be known already (Lag); those of other accounts are
// taken to exist (IAM User Guide, "AWS JSON policy elements: Principal").
func (f *Fake) invalidPrincipal(document string) string {
	list, err := statements(document)
	if err != nil {
		return "none"
	}
	for _, s := range list {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			if wrong := f.invalidIn(s[element]); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func (f *Fake) invalidIn(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == `"*"` {
		return ""
	}
	var byType map[string]json.RawMessage
	if err := json.Unmarshal(raw, &byType); err != nil {
		return string(raw)
	}
	for kind, value := range byType {
		names, ok := textList(value)
		if !ok {
			return string(value)
		}
		for _, name := range names {
			if !f.goodPrincipal(kind, name) {
				return fmt.Sprintf("%q:%q", strings.ToUpper(kind), name)
			}
		}
	}
	return ""
}

func (f *Fake) goodPrincipal(kind, name string) bool {
	switch kind {
	case "Service":
		return strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".amazonaws.com.cn")
	case "Federated", "CanonicalUser":
		return name != ""
	case "AWS":
	default:
		return false
	}
	if name == "*" || accountPattern.MatchString(name) {
		return true
	}
	if parts := principalARN.FindStringSubmatch(name); parts != nil {
		// A wildcard cannot match part of a name (same page).
		if strings.ContainsAny(name, "*?") {
			return false
		}
		if parts[1] == "sts" || parts[2] != f.account || parts[3] == "root" {
			return true
		}
	}
	for _, sort := range []string{userSort, roleSort} {
		for _, e := range f.iam.now.entities[sort] {
			if name != e.id && name != f.iam.now.arn(e) {
				continue
			}
			if e.unseen > 0 {
				e.unseen--
				return false
			}
			return true
		}
	}
	return false
}

// renamePrincipal follows a user or role that moved, or is gone and leaves its
// unique id, through the policies that name it.
func (f *Fake) renamePrincipal(from, to string) {
	for _, role := range f.iam.now.entities[roleSort] {
		role.trust = withPrincipal(role.trust, from, to)
	}
	for _, r := range f.regions {
		for _, key := range r.keys {
			key.policy = withPrincipal(key.policy, from, to)
		}
	}
	for _, bucket := range f.s3.own {
		bucket.policy = withPrincipal(bucket.policy, from, to)
	}
}

// withPrincipal is the document with one principal by another name; a document
// that does not name it stays as it is, byte for byte.
func withPrincipal(document, from, to string) string {
	var parsed map[string]any
	if from == to || !strings.Contains(document, from) || json.Unmarshal([]byte(document), &parsed) != nil {
		return document
	}
	list, ok := parsed["Statement"].([]any)
	if !ok {
		list = []any{parsed["Statement"]}
	}
	changed := false
	for _, one := range list {
		statement, _ := one.(map[string]any)
		for _, element := range []string{"Principal", "NotPrincipal"} {
			byType, _ := statement[element].(map[string]any)
			switch names := byType["AWS"].(type) {
			case string:
				if names == from {
					byType["AWS"], changed = to, true
				}
			case []any:
				for i := range names {
					if names[i] == from {
						names[i], changed = to, true
					}
				}
			}
		}
	}
	if !changed {
		return document
	}
	text, err := json.Marshal(parsed)
	if err != nil {
		return document
	}
	return string(text)
}
