package access_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
)

func TestWhoWouldBeCutOffFromABucket(t *testing.T) {
	t.Parallel()
	const arn, object = "arn:aws:s3:::checkpoints", "arn:aws:s3:::checkpoints/fuji/x"
	const names = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:user/validator"},"Action":"s3:PutObject","Resource":"` + arn + `/*"CONDITION}`
	const nobody = `{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket","Resource":"` + arn + `"}`
	const when = `,"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`
	for name, c := range map[string]struct {
		before, after, iam string
		lost               bool
	}{
		"he is named before and not after":                      {names, nobody, "", true},
		"he is named before and after":                          {names, names, "", false},
		"IAM lets him":                                          {names, nobody, "fuji/*", false},
		"IAM lets him write elsewhere":                          {names, nobody, "sepolia/*", true},
		"he never could":                                        {nobody, nobody, "", false},
		"whether he could before cannot be told":                {names + when, nobody, "", true},
		"whether he can after it cannot be told":                {names, names + when, "", true},
		"he could by IAM, and the bucket's policy says nothing": {nobody, nobody, "*", false},
	} {
		w := &access.World{Account: account}
		who := access.User{Entity: access.Entity{ARN: user("validator"), Name: "validator"}}
		if c.iam != "" {
			who.Inline = map[string]access.Document{"write": doc(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"` + arn + `/` + c.iam + `"}`)}
		}
		w.Directory.Users = []access.User{who}
		policy := func(text string) access.Document {
			text, conditional := strings.CutSuffix(text, when)
			condition := ""
			if conditional {
				condition = when
			}
			return doc(strings.ReplaceAll(text, "CONDITION", condition))
		}
		lost := access.CutOffFrom(*w, access.Bucket{ARN: arn, Policy: policy(c.before)}, policy(c.after), map[string][]string{who.ARN: {object}})
		if (len(lost) == 1 && slices.Contains(lost, who.ARN)) != c.lost {
			t.Errorf("%s: lost %v", name, lost)
		}
		if len(w.Buckets) != 0 {
			t.Errorf("%s: the world was written to", name)
		}
	}
}
