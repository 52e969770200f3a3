package cloudtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func malformedPolicy(format string, args ...any) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// encoded is a document as IAM returns it: URL-encoded by RFC 3986.
func encoded(document string) *string {
	return aws.String(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// size counts as quotas do: white space is free (IAM User Guide, "IAM and STS
// quotas").
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// The characters that documents may have, white space not counted.
const (
	managedSize = 6144
	trustSize   = 2048
)

// inlineSize bounds all inline policies of one entity together.
func inlineSize(sort string) int {
	return map[string]int{userSort: 2048, groupSort: 5120, roleSort: 10240}[sort]
}

type fakeStatement map[string]json.RawMessage

// statements reads a document's statements by the grammar of the IAM User
// Guide, "Grammar of the IAM JSON policy language".
func statements(text string) ([]fakeStatement, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, malformedPolicy("This policy contains invalid Json")
	}
	for element := range document {
		if !slices.Contains([]string{"Version", "Id", "Statement"}, element) {
			return nil, malformedPolicy("Syntax errors in policy.")
		}
	}
	if raw, ok := document["Version"]; ok && !slices.Contains([]string{`"2012-10-17"`, `"2008-10-17"`}, string(raw)) {
		return nil, malformedPolicy("The policy failed legacy parsing")
	}
	var list []fakeStatement
	if err := json.Unmarshal(document["Statement"], &list); err != nil {
		var one fakeStatement
		if err := json.Unmarshal(document["Statement"], &one); err != nil {
			return nil, malformedPolicy("Syntax errors in policy.")
		}
		list = []fakeStatement{one}
	}
	if len(list) == 0 {
		return nil, malformedPolicy("Syntax errors in policy.")
	}
	return list, nil
}

// strings gives one element as a list; ok is false when it is no text and no
// list of texts.
func (s fakeStatement) strings(element string) (list []string, ok bool) {
	raw, present := s[element]
	if !present {
		return nil, true
	}
	return textList(raw)
}

func textList(raw json.RawMessage) (list []string, ok bool) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, true
	}
	return list, json.Unmarshal(raw, &list) == nil
}

var (
	sidPattern    = regexp.MustCompile(`^[0-9A-Za-z]*$`)
	actionPattern = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)
	// operatorPattern is the list of the IAM User Guide, "Condition operators".
	operatorPattern = regexp.MustCompile(`^(ForAnyValue:|ForAllValues:)?(String(Not)?(Equals(IgnoreCase)?|Like)|Numeric((Not)?Equals|(Less|Greater)Than(Equals)?)|Date((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$`)
	arnPattern      = regexp.MustCompile(`^(\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+)$`)
)

// check holds one statement to what is true of all policies of IAM.
func (s fakeStatement) check() error {
	for element, raw := range s {
		if !slices.Contains([]string{"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}, element) {
			return malformedPolicy("Syntax errors in policy.")
		}
		if element == "Condition" {
			if err := checkConditions(raw); err != nil {
				return err
			}
		}
	}
	if effect := string(s["Effect"]); effect != `"Allow"` && effect != `"Deny"` {
		return malformedPolicy("Syntax errors in policy.")
	}
	sid, ok := s.strings("Sid")
	if !ok || len(sid) > 0 && !sidPattern.MatchString(sid[0]) {
		return malformedPolicy("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	actions, err := s.oneOf("Action", "NotAction", "Policy statement must contain actions.")
	if err != nil {
		return err
	}
	for _, action := range actions {
		if !actionPattern.MatchString(action) {
			return malformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	return nil
}

// oneOf is the list of the one element of two that must be there.
func (s fakeStatement) oneOf(element, not, missing string) ([]string, error) {
	list, ok := s.strings(element)
	other, okNot := s.strings(not)
	switch {
	case !ok || !okNot || len(list) > 0 && len(other) > 0:
		return nil, malformedPolicy("Syntax errors in policy.")
	case len(list)+len(other) == 0:
		return nil, malformedPolicy("%s", missing)
	}
	return append(list, other...), nil
}

func checkConditions(raw json.RawMessage) error {
	var conditions map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &conditions); err != nil {
		return malformedPolicy("Syntax errors in policy.")
	}
	for operator := range conditions {
		if !operatorPattern.MatchString(operator) {
			return malformedPolicy("Invalid Condition type : %s.", operator)
		}
	}
	return nil
}

// checkPolicy is what a managed or inline policy must be.
func checkPolicy(text string) error {
	list, err := statements(text)
	if err != nil {
		return err
	}
	sids := map[string]bool{}
	for _, s := range list {
		if err := s.check(); err != nil {
			return err
		}
		if s["Principal"] != nil || s["NotPrincipal"] != nil {
			return malformedPolicy("Policy document should not specify a principal.")
		}
		resources, err := s.oneOf("Resource", "NotResource", "Policy statement must contain resources.")
		if err != nil {
			return err
		}
		for _, resource := range resources {
			if !arnPattern.MatchString(resource) {
				return malformedPolicy("Resource %s must be in ARN format or \"*\".", resource)
			}
		}
		if sid := string(s["Sid"]); len(sid) > 2 {
			if sids[sid] {
				return malformedPolicy("Statement IDs (SID) in a single policy must be unique.")
			}
			sids[sid] = true
		}
	}
	return nil
}

// checkTrust is what a role's trust policy must be.
func (f *Fake) checkTrust(text string) error {
	list, err := statements(text)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := s.check(); err != nil {
			return err
		}
		if s["Resource"] != nil || s["NotResource"] != nil {
			return malformedPolicy("Has prohibited field Resource")
		}
		if s["Principal"] == nil && s["NotPrincipal"] == nil {
			return malformedPolicy("Missing required field Principal")
		}
		actions, _ := s.oneOf("Action", "NotAction", "")
		for _, action := range actions {
			if !strings.HasPrefix(strings.ToLower(action), "sts:") {
				return malformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		if err := s.checkShared(); err != nil {
			return err
		}
	}
	if size(text) > trustSize {
		return limit("Cannot exceed quota for ACLSizePerRole: %d", trustSize)
	}
	if wrong := f.invalidPrincipal(text); wrong != "" {
		return malformedPolicy("Invalid principal in policy: %s", wrong)
	}
	return nil
}

// checkShared asks for a condition on the subject where the provider serves
// many tenants (IAM User Guide, "Identity-provider controls for shared OIDC
// providers").
func (s fakeStatement) checkShared() error {
	const provider = "token.actions.githubusercontent.com"
	if !strings.Contains(string(s["Principal"]), "oidc-provider/"+provider) || string(s["Effect"]) != `"Allow"` {
		return nil
	}
	var conditions map[string]map[string]json.RawMessage
	_ = json.Unmarshal(s["Condition"], &conditions)
	for _, byKey := range conditions {
		for key, raw := range byKey {
			subjects, _ := textList(raw)
			if strings.EqualFold(key, provider+":sub") && len(subjects) > 0 && !slices.Contains(subjects, "*") {
				return nil
			}
		}
	}
	return malformedPolicy("Missing required condition on %s:sub", provider)
}
