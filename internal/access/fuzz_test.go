package access_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/access"
)

func seeds() []string {
	return []string{
		`{"Version":"2012-10-17","Statement":[` + signAny + `,` + delegates + `,` + signByAlias + `]}`,
		`{"Statement":{"Effect":"Deny","NotPrincipal":"*","NotAction":"a","NotResource":["b"],"Condition":{"Bool":{"x":true},"NumericLessThan":{"y":[1,-2.5]}}}}`,
		`%7B%22Statement%22%3A%5B%5D%7D`, `{"Statement":[]}`, `{"Statement":null}`, `{}`, `[]`, ``, `{"Statement":[{}]}`, `{"Statement":[1]}`, `{"Statement":[]} {}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":{"$ref":"kms-key/us-west-2/a#arn"}}}`,
		`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/${aws:username, 'x'}${*}${","Condition":{"StringLike":{"aws:username":["${","\u0000*","${aws:x}"]}}}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":["","*","arn:","arn:aws:sts::111122223333:assumed-role/agent/","AIDA"],"Moon":"x"},"Resource":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"":{"":[]},"ForAnyValue:":{"a":"b"},"IpAddress":{"aws:SourceIp":["::","1/2/3"]},"Null":{"a":[]},"ArnLike":{"aws:PrincipalArn":["","a:b","*"]}}}}`,
	}
}

// FuzzParse holds that what reads has a text, which reads as the same, plain and
// as IAM encodes it.
func FuzzParse(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := access.Parse(text)
		if live := access.Read(text); (live.Fault != "") != (err != nil) {
			t.Fatalf("Read and Parse differ: %q, %v", live.Fault, err)
		}
		if err != nil || len(d.Statements) == 0 {
			return // AWS takes no document without a statement
		}
		if !d.Equivalent(d.Canonical()) || !access.Narrows(d, d) {
			t.Errorf("%s is not like itself", text)
		}
		plain, err := d.Text()
		if err != nil {
			return // a ref stands in it
		}
		for _, form := range []string{plain, url.PathEscape(plain), " " + plain + "\n"} {
			back, err := access.Parse(form)
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if again, err := back.Text(); err != nil || again != plain || !back.Equivalent(d) {
				t.Errorf("%s became %s, %v", plain, again, err)
			}
		}
	})
}

// FuzzDecide holds that no document makes the evaluator fall over, that each
// answer has a reason, and that a document that is not understood allows
// nothing.
func FuzzDecide(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text, text, "kms:Sign", keyARN, user("alice"))
		f.Add(text, seeds()[0], "s3:GetObject", bucketARN+"/x", "")
		f.Add(seeds()[0], text, "sts:AssumeRole", role("agent"), "arn:aws:sts::"+account+":assumed-role/agent/x")
	}
	f.Fuzz(func(t *testing.T, identity, around, action, arn, principal string) {
		w := setting{aliases: []string{"alias/staging-relayer"}}.build()
		own, policy := access.Read(identity), access.Read(around)
		w.Directory.Users[0].Inline = map[string]access.Document{"own": own}
		w.Directory.Roles[0].Inline = w.Directory.Users[0].Inline
		w.Directory.Roles[0].Trust = policy
		w.Keys[0].Policy = policy
		w.Buckets = []access.Bucket{{ARN: bucketARN, Policy: policy}}
		got := w.Decide(access.Request{Principal: principal, Action: action, Resource: arn})
		if got.Reason == "" || rankOf(got.Verdict) < 0 {
			t.Errorf("%+v", got)
		}
		if own.Fault != "" && policy.Fault != "" && got.Verdict == access.Allowed && !strings.HasSuffix(principal, ":root") {
			t.Errorf("allowed by nothing that is understood: %+v", got)
		}
		w.Who(action, arn)
		for _, p := range w.Become(keyARN) {
			if len(p.Hops) == 0 || len(p.Hops) > 4 {
				t.Errorf("%+v", p)
			}
		}
		access.Judge(w, []access.Expectation{{Key: w.Keys[0].ID, KeyARN: keyARN, Agent: "relayer", Principals: []string{principal}, External: true}})
	})
}
