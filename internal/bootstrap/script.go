package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// words are the commands that the script repeats: each makes what is missing
// and brings back what differs. Of five versions of a policy the oldest goes
// first, because AWS keeps no more (IAM quotas).
const words = `
provider() { # ARN HOST AUDIENCE
  aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$1" >/dev/null 2>&1 ||
    aws iam create-open-id-connect-provider --url "https://$2" --client-id-list "$3" >/dev/null
}

policy() { # ARN PATH NAME DESCRIPTION DOCUMENT
  if ! aws iam get-policy --policy-arn "$1" >/dev/null 2>&1; then
    aws iam create-policy --path "$2" --policy-name "$3" --description "$4" --policy-document "$5" >/dev/null
    return
  fi
  local old
  old=$(aws iam list-policy-versions --policy-arn "$1" --query 'Versions[?!IsDefaultVersion].VersionId | [3]' --output text)
  if [ "$old" != None ]; then aws iam delete-policy-version --policy-arn "$1" --version-id "$old"; fi
  aws iam create-policy-version --policy-arn "$1" --set-as-default --policy-document "$5" >/dev/null
}

role() { # PATH NAME DESCRIPTION SECONDS TRUST POLICY-ARN...
  if aws iam get-role --role-name "$2" >/dev/null 2>&1; then
    aws iam update-assume-role-policy --role-name "$2" --policy-document "$5"
  else
    aws iam create-role --path "$1" --role-name "$2" --description "$3" --max-session-duration "$4" --assume-role-policy-document "$5" >/dev/null
  fi
  local name=$2 arn
  shift 5
  for arn in "$@"; do aws iam attach-role-policy --role-name "$name" --policy-arn "$arn"; done
}
`

// Script is the set as commands of the AWS CLI. It makes what is missing,
// brings what differs back, and removes nothing; it may run twice.
func (s *Set) Script() ([]byte, error) {
	w := &script{}
	w.line("#!/usr/bin/env bash")
	w.line("# What reconcile needs in account %s for %s. Read it, then run it once with", s.Account, s.Environment)
	w.line("# administrator rights. It may run twice.")
	w.line("set -euo pipefail")
	w.line("")
	w.line("account=$(aws sts get-caller-identity --query Account --output text)")
	w.line(`if [ "$account" != %s ]; then echo "these credentials are of account $account, need %s" >&2; exit 1; fi`, quote(s.Account), s.Account)
	w.text.WriteString(words)
	w.line("\n# The forge's identities.")
	w.line("provider %s %s %s", quote(s.Provider), ForgeIssuer, Audience)
	w.line("\n# The most that whatever apply creates may do.")
	w.policy(s.Boundary, "/")
	for _, r := range s.Roles {
		w.line("\n# %s: %s.", r.Name, r.Description)
		arns := make([]string, len(r.Policies))
		for i, p := range r.Policies {
			w.policy(p, Path)
			arns[i] = quote(p.ARN)
		}
		w.line("role %s %s %s %d %s \\\n  %s", quote(Path), quote(r.Name), quote(r.Description), r.SessionSeconds, w.json(r.Trust), strings.Join(arns, " \\\n  "))
	}
	if s.Store != nil {
		w.store(s.Store)
	}
	w.line("\n# The first anchor: the commit whose rules judge the first plan.")
	w.line("reconcile bootstrap %s --anchor", s.Environment)
	return []byte(w.text.String()), w.err
}

type script struct {
	text strings.Builder
	err  error
}

func (w *script) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// quote makes one word of the shell of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// json is a document as one word of the shell, laid out for a reader.
func (w *script) json(d access.Document) string {
	text, err := d.Text()
	var laid bytes.Buffer
	if err == nil {
		err = json.Indent(&laid, []byte(text), "", "  ")
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	return quote(laid.String())
}

func (w *script) policy(p Policy, path string) {
	w.line("policy %s %s %s %s %s", quote(p.ARN), quote(path), quote(p.Name), quote(p.Description), w.json(p.Document))
}

func (w *script) store(s *Store) {
	bucket := quote(s.Bucket)
	location := ""
	if s.Region != "us-east-1" {
		// us-east-1 is the region that CreateBucket wants unnamed (S3 API reference).
		location = " --create-bucket-configuration LocationConstraint=" + s.Region
	}
	w.line("\n# The journal's bucket: private, versioned, over TLS only.")
	w.line("aws s3api head-bucket --bucket %s >/dev/null 2>&1 ||\n  aws s3api create-bucket --bucket %s --region %s%s >/dev/null", bucket, bucket, s.Region, location)
	w.line("aws s3api put-public-access-block --bucket %s --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true", bucket)
	w.line("aws s3api put-bucket-ownership-controls --bucket %s --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'", bucket)
	w.line("aws s3api put-bucket-versioning --bucket %s --versioning-configuration Status=Enabled", bucket)
	w.line("aws s3api put-bucket-policy --bucket %s --policy %s", bucket, w.json(s.Policy))
}
