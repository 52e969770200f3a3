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
// first, because AWS keeps no more (IAM quotas). What else a role of the tool has
// is taken off: nobody needs it, and somebody may have widened it.
const words = `
provider() { # ARN HOST AUDIENCE
  local known
  if ! known=$(aws iam get-open-id-connect-provider --open-id-connect-provider-arn "$1" --query ClientIDList --output text 2>/dev/null); then
    aws iam create-open-id-connect-provider --url "https://$2" --client-id-list "$3" >/dev/null
    return
  fi
  case " ${known//$'\t'/ } " in *" $3 "*) ;; *) aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn "$1" --client-id "$3" ;; esac
}

policy() { # ARN PATH NAME DESCRIPTION DOCUMENT
  if ! aws iam get-policy --policy-arn "$1" >/dev/null 2>&1; then
    aws iam create-policy --path "$2" --policy-name "$3" --description "$4" --policy-document "$5" >/dev/null
    return
  fi
  local old
  old=$(aws iam list-policy-versions --policy-arn "$1" --query 'sort_by(Versions[?!IsDefaultVersion], &CreateDate)[-4].VersionId' --output text)
  if [ "$old" != None ]; then aws iam delete-policy-version --policy-arn "$1" --version-id "$old"; fi
  aws iam create-policy-version --policy-arn "$1" --set-as-default --policy-document "$5" >/dev/null
}

role() { # PATH NAME DESCRIPTION SECONDS TRUST POLICY-ARN...
  local name=$2 found one
  if aws iam get-role --role-name "$name" >/dev/null 2>&1; then
    aws iam update-assume-role-policy --role-name "$name" --policy-document "$5"
  else
    aws iam create-role --path "$1" --role-name "$name" --description "$3" --max-session-duration "$4" --assume-role-policy-document "$5" >/dev/null
  fi
  shift 5
  for one in "$@"; do aws iam attach-role-policy --role-name "$name" --policy-arn "$one"; done
  found=$(aws iam list-attached-role-policies --role-name "$name" --query 'AttachedPolicies[].PolicyArn' --output text)
  for one in $found; do
    case " $* " in *" $one "*) ;; *) echo "$name: takes off $one"; aws iam detach-role-policy --role-name "$name" --policy-arn "$one" ;; esac
  done
  found=$(aws iam list-role-policies --role-name "$name" --query 'PolicyNames[]' --output text)
  for one in $found; do echo "$name: removes $one"; aws iam delete-role-policy --role-name "$name" --policy-name "$one"; done
}
`

// Script is the set as commands of the AWS CLI. It makes what is missing and
// brings back what differs, and touches nothing that is not the tool's; it may
// run twice.
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
	// The anchor is written by the tool, which need not be where this runs.
	w.line("\necho 'done; next: reconcile bootstrap %s --anchor, once, and reconcile bootstrap %s --check'", s.Environment, s.Environment)
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
