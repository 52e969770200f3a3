package kind_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

const (
	// The examples of EIP-55, in lower case.
	first  = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
	second = "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359"
	third  = "0xdbf03b407c01e7cd3cbea99509d93f8dddc8c6fb"
)

func resourceOf(kind, name, attrs string) resource.Resource {
	parsed, err := resource.ParseAttrs([]byte(attrs))
	if err != nil {
		panic(err)
	}
	return resource.Resource{ID: resource.ID{Kind: kind, Scope: "fuji", Name: name}, Attrs: parsed}
}

func TestWhatSomebodyMadeIsDeclaredWithWhatStaysAsItIsWritten(t *testing.T) {
	t.Parallel()
	env := &config.Environment{Access: &config.Access{Policies: []config.Policy{{Name: "ours"}}}}
	for name, c := range map[string]struct {
		accept     kind.Accept
		have, want string
		edits      string
	}{
		"a Safe's owners": {kind.AcceptQuorum("safes", "owners"),
			`{"owners": ["` + second + `", "` + third + `"], "threshold": 2}`, `{"owners": ["` + first + `", "` + strings.ToUpper(second[2:]) + `", "` + second + `"], "threshold": 1}`,
			`[{"Path":["safes","x","owners"],"Value":[{"Index":2},{"address":"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"}]},{"Path":["safes","x","threshold"],"Value":2}]`},
		"a set's members": {kind.AcceptQuorum("validatorSets", "members", "alias"),
			`{"members": ["` + third + `"], "threshold": 1}`, `{"members": ["` + first + `"], "threshold": 1}`,
			`[{"Path":["validatorSets","x","members"],"Value":[{"address":"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB","alias":"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"}]},{"Path":["validatorSets","x","threshold"],"Value":1}]`},
		"a contract's parameters and owner": {kind.AcceptValues,
			`{"parameters": {"a": "7", "b": "` + first + `", "c": "same"}, "owner": "` + second + `"}`, `{"parameters": {"a": "8", "b": "x", "c": "same"}, "owner": "y"}`,
			`[{"Path":["contracts","x","parameters","a","want"],"Value":"7"},{"Path":["contracts","x","parameters","b","want"],"Value":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},` +
				`{"Path":["contracts","x","owner"],"Value":{"address":"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"}}]`},
		"a group": {kind.AcceptGroup,
			`{"members": ["arn:aws:iam::1:user/a/bob", "arn:aws:iam::1:user/ann"], "policies": ["arn:aws:iam::1:policy/ours", "arn:aws:iam::aws:policy/Theirs"]}`, `{"members": ["arn:aws:iam::1:user/ann"], "policies": []}`,
			`[{"Path":["access","groups","x","members"],"Value":["bob","ann"]},{"Path":["access","groups","x","policies"],"Value":["ours","arn:aws:iam::aws:policy/Theirs"]}]`},
		"a policy": {kind.AcceptStatements,
			`{"document": {"Statement": [{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["*"]}, {"Sid": "Other", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}]}}`,
			`{"document": {"Statement": [{"Effect": "Allow", "Action": ["kms:Sign"], "Resource": ["*"]}, {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}]}}`,
			`[{"Path":["access","policies","x","statements"],"Value":[{"Index":1},{"actions":["s3:PutObject"],"resources":["*"]}]}]`},
	} {
		edits, err := c.accept(env, resourceOf("k", "x", c.have), resourceOf("k", "x", c.want))
		have, _ := resource.Canonical(edits)
		if err != nil || string(have) != c.edits {
			t.Errorf("%s: %v\nhave %s\nwant %s", name, err, have, c.edits)
		}
	}
}

func TestWhatHasNoFormIsSaidByName(t *testing.T) {
	t.Parallel()
	env := &config.Environment{Access: &config.Access{}}
	for name, c := range map[string]struct {
		accept           kind.Accept
		have, want, says string
	}{
		"no quorum":        {kind.AcceptQuorum("safes", "owners"), `{"owners": [], "threshold": 0}`, `{}`, "no quorum"},
		"no threshold":     {kind.AcceptQuorum("safes", "owners"), `{"owners": ["` + first + `"]}`, `{}`, "no quorum"},
		"no address":       {kind.AcceptQuorum("safes", "owners"), `{"owners": ["x"], "threshold": 1}`, `{}`, `"x" is no address`},
		"half an address":  {kind.AcceptQuorum("safes", "owners"), `{"owners": ["` + first[2:] + `"], "threshold": 1}`, `{}`, "is no address"},
		"a ref":            {kind.AcceptQuorum("safes", "owners"), `{"owners": ["` + first + `"], "threshold": 1}`, `{"owners": [{"$ref": "k/s/n#address"}]}`, "is not known yet"},
		"code":             {kind.AcceptValues, `{"codeHash": "0x01"}`, `{"codeHash": "0x02"}`, "a person reads the new code"},
		"no owner":         {kind.AcceptValues, `{}`, `{"owner": "y"}`, "its owner: "},
		"inline documents": {kind.AcceptGroup, `{"inline": {"debug": {}}}`, `{}`, "make a policy of it"},
		"a denial":         {kind.AcceptStatements, `{"document": {"Statement": [{"Effect": "Deny", "Action": ["s3:*"], "Resource": ["*"]}]}}`, `{"document": {"Statement": []}}`, "denies, excepts or has conditions is never declared: Deny s3:*"},
		"a condition":      {kind.AcceptStatements, `{"document": {"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"], "Condition": {"Bool": {"a": ["true"]}}}]}}`, `{"document": {}}`, "has conditions"},
		"an exception":     {kind.AcceptStatements, `{"document": {"Statement": [{"Effect": "Allow", "NotAction": ["s3:*"], "Resource": ["*"]}]}}`, `{"document": {}}`, "excepts"},
		"a faulty one":     {kind.AcceptStatements, `{"document": {"Fault": "not JSON"}}`, `{"document": {}}`, "not JSON"},
	} {
		if edits, err := c.accept(env, resourceOf("k", "x", c.have), resourceOf("k", "x", c.want)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v", name, edits, err)
		}
	}
}
