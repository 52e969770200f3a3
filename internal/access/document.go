// Package access says who may do what in one AWS account, from what was read of
// IAM, key policies, bucket policies and grants. It is pure: nothing is asked
// of AWS, and what was not read or is not understood is never "allowed".
package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The two effects of a statement.
const (
	Allow = "Allow"
	Deny  = "Deny"
)

// Version is the policy language version that all our documents have (IAM User
// Guide, "IAM JSON policy elements: Version").
const Version = "2012-10-17"

// Document is one policy document: of a policy, a role's trust, a key or a
// bucket. Its JSON is what AWS reads, with every "string or list" as a list; a
// resource or principal that does not exist yet stands in it as a ref.
type Document struct {
	Version    string      `json:"Version,omitempty"`
	ID         string      `json:"Id,omitempty"`
	Statements []Statement `json:"Statement,omitempty"`
	// Fault says why the live document could not be understood; such a document
	// allows nothing, and everything that it might allow or deny is unknown.
	Fault string `json:"Fault,omitempty"`
}

// Statement is one statement of a document. Everyone ("*") as a principal is
// {"AWS": ["*"]}, which AWS treats alike (IAM User Guide, "Principal").
type Statement struct {
	Sid           string                       `json:"Sid,omitempty"`
	Effect        string                       `json:"Effect"`
	Principals    map[string]Values            `json:"Principal,omitempty"`
	NotPrincipals map[string]Values            `json:"NotPrincipal,omitempty"`
	Actions       []string                     `json:"Action,omitempty"`
	NotActions    []string                     `json:"NotAction,omitempty"`
	Resources     Values                       `json:"Resource,omitempty"`
	NotResources  Values                       `json:"NotResource,omitempty"`
	Conditions    map[string]map[string]Values `json:"Condition,omitempty"`
}

// Values is a list of texts, some of which may not be known yet.
type Values []resource.Value

// Literals makes known values.
func Literals(texts ...string) Values {
	values := make(Values, len(texts))
	for i, text := range texts {
		values[i] = resource.Literal(text)
	}
	return values
}

// Texts gives the values' texts, refs as they print.
func (v Values) Texts() []string {
	texts := make([]string, len(v))
	for i, value := range v {
		texts[i] = value.String()
	}
	return texts
}

// UnmarshalJSON reads one value or a list of them; booleans and numbers, which
// conditions may hold, become their text.
func (v *Values) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if !bytes.HasPrefix(data, []byte("[")) {
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	values := make(Values, len(raw))
	for i, one := range raw {
		text := string(bytes.TrimSpace(one))
		if text == "true" || text == "false" || text != "" && strings.Trim(text, "-0123456789.") == "" {
			values[i] = resource.Literal(text)
			continue
		}
		if err := json.Unmarshal(one, &values[i]); err != nil {
			return fmt.Errorf("%s is no text", text)
		}
	}
	*v = values
	return nil
}

// rawDocument and rawStatement are what people write and AWS returns.
type rawDocument struct {
	Version   string
	ID        string `json:"Id"`
	Statement json.RawMessage
}

type rawStatement struct {
	Sid                     string
	Effect                  string
	Principal, NotPrincipal json.RawMessage
	Action, NotAction       Values
	Resource, NotResource   Values
	Condition               map[string]map[string]Values
}

// Parse reads a document as AWS returns it, URL-encoded (RFC 3986) or plain, and
// as our own attributes hold it. An element that we do not know is an error:
// what it means for access cannot be told.
func Parse(text string) (Document, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "%7B") || strings.HasPrefix(text, "%7b") {
		plain, err := url.PathUnescape(text)
		if err != nil {
			return Document{}, fmt.Errorf("policy document: %w", err)
		}
		text = plain
	}
	var raw rawDocument
	if err := strict(text, &raw); err != nil {
		return Document{}, fmt.Errorf("policy document: %w", err)
	}
	d := Document{Version: raw.Version, ID: raw.ID}
	list := bytes.TrimSpace(raw.Statement)
	if len(list) == 0 {
		return d, errors.New("policy document: no Statement")
	}
	if !bytes.HasPrefix(list, []byte("[")) {
		list = slices.Concat([]byte("["), list, []byte("]"))
	}
	var statements []rawStatement
	if err := strict(string(list), &statements); err != nil {
		return d, fmt.Errorf("policy document: %w", err)
	}
	for i, one := range statements {
		s, err := one.statement()
		if err != nil {
			return d, fmt.Errorf("policy document: statement %d: %w", i+1, err)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

// Read is Parse for live documents: one that is not understood becomes a
// document with a Fault, so that the rest of the account can still be judged.
func Read(text string) Document {
	d, err := Parse(text)
	if err != nil {
		return Document{Fault: err.Error()}
	}
	return d
}

func strict(text string, into any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("data after its end")
	}
	return nil
}

func (r rawStatement) statement() (Statement, error) {
	s := Statement{
		Sid: r.Sid, Effect: r.Effect, Actions: r.Action.texts(), NotActions: r.NotAction.texts(),
		Resources: r.Resource, NotResources: r.NotResource, Conditions: r.Condition,
	}
	var err error
	if s.Principals, err = principals(r.Principal); err != nil {
		return s, err
	}
	if s.NotPrincipals, err = principals(r.NotPrincipal); err != nil {
		return s, err
	}
	switch {
	case r.Effect != Allow && r.Effect != Deny:
		return s, fmt.Errorf("effect %q is neither Allow nor Deny", r.Effect)
	case (len(s.Actions) == 0) == (len(s.NotActions) == 0):
		return s, errors.New("needs Action or NotAction")
	case s.Resources != nil && len(s.Resources) == 0 || s.NotResources != nil && len(s.NotResources) == 0:
		return s, errors.New("an empty list of resources")
	}
	return s, nil
}

// texts is Texts, and nil for no list at all.
func (v Values) texts() []string {
	if v == nil {
		return nil
	}
	return v.Texts()
}

func principals(data json.RawMessage) (map[string]Values, error) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || string(data) == "null":
		return nil, nil
	case string(data) == `"*"`:
		return map[string]Values{"AWS": Literals("*")}, nil
	}
	var byType map[string]Values
	if err := json.Unmarshal(data, &byType); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	return byType, nil
}

// UnmarshalJSON reads as Parse does, and what was not understood or holds no
// statement as it was written: live documents are carried whatever they say.
func (d *Document) UnmarshalJSON(data []byte) error {
	var odd struct {
		Version, Fault string
		ID             string `json:"Id"`
		Statement      json.RawMessage
	}
	if err := strict(string(data), &odd); err == nil && len(odd.Statement) == 0 {
		*d = Document{Version: odd.Version, ID: odd.ID, Fault: odd.Fault}
		return nil
	}
	parsed, err := Parse(string(data))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Text is the document as AWS reads it. A ref that is not resolved is an error,
// and so is a document that was not understood.
func (d Document) Text() (string, error) {
	if d.Fault != "" {
		return "", fmt.Errorf("policy document: it was not understood: %s", d.Fault)
	}
	for _, s := range d.Statements {
		for _, values := range s.lists() {
			for _, v := range values {
				if !v.Known() {
					return "", fmt.Errorf("policy document: %s is not known", v)
				}
			}
		}
	}
	data, err := resource.Canonical(d)
	return string(data), err
}

// lists gives every list of values in the statement.
func (s Statement) lists() []Values {
	lists := []Values{s.Resources, s.NotResources}
	for _, byType := range []map[string]Values{s.Principals, s.NotPrincipals} {
		for _, values := range byType {
			lists = append(lists, values)
		}
	}
	for _, byKey := range s.Conditions {
		for _, values := range byKey {
			lists = append(lists, values)
		}
	}
	return lists
}
