#!/usr/bin/env bash
# What reconcile needs in account 111122223333 for harbour. Read it, then run it once with
# administrator rights. It may run twice.
set -euo pipefail

account=$(aws sts get-caller-identity --query Account --output text)
if [ "$account" != '111122223333' ]; then echo "these credentials are of account $account, need 111122223333" >&2; exit 1; fi

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

# The forge's identities.
provider 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' token.actions.githubusercontent.com sts.amazonaws.com

# The most that whatever apply creates may do.
policy 'arn:aws:iam::111122223333:policy/reconcile-boundary-harbour' '/' 'reconcile-boundary-harbour' 'the most that principals of harbour may do' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "UseKeys",
      "Effect": "Allow",
      "Action": [
        "kms:DescribeKey",
        "kms:GetPublicKey",
        "kms:Sign"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "ReadSecrets",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:GetSecretValue"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "WriteObjects",
      "Effect": "Allow",
      "Action": [
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-proofs/*",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    }
  ]
}'

# reconcile-plan-harbour: reads what a plan needs and writes nothing in harbour.
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-plan-harbour' '/reconcile-tool/' 'reconcile-plan-harbour' 'reads what a plan needs and writes nothing in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadKeys",
      "Effect": "Allow",
      "Action": [
        "kms:DescribeKey",
        "kms:GetKeyPolicy"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketPolicy"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "ListJournal",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal"
      ]
    },
    {
      "Sid": "ReadJournal",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    }
  ]
}'
role '/reconcile-tool/' 'reconcile-plan-harbour' 'reads what a plan needs and writes nothing in harbour' 3600 '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Forge",
      "Effect": "Allow",
      "Principal": {
        "Federated": [
          "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
        ]
      },
      "Action": [
        "sts:AssumeRoleWithWebIdentity"
      ],
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": [
            "sts.amazonaws.com"
          ],
          "token.actions.githubusercontent.com:sub": [
            "repo:acme/environments:pull_request"
          ]
        }
      }
    }
  ]
}' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-plan-harbour'

# reconcile-apply-harbour: applies reviewed plans in harbour.
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour' '/reconcile-tool/' 'reconcile-apply-harbour' 'applies reviewed plans in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadKeys",
      "Effect": "Allow",
      "Action": [
        "kms:DescribeKey",
        "kms:GetKeyPolicy"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketPolicy"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "CreateKeys",
      "Effect": "Allow",
      "Action": [
        "kms:CreateKey"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:RequestTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "NameKeys",
      "Effect": "Allow",
      "Action": [
        "kms:CreateAlias"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:alias/harbour-*",
        "arn:aws:kms:us-east-1:111122223333:alias/legacy-key",
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "MarkKeys",
      "Effect": "Allow",
      "Action": [
        "kms:TagResource"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "StringEqualsIfExists": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "WriteKeys",
      "Effect": "Allow",
      "Action": [
        "kms:PutKeyPolicy"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "CreateSecrets",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:CreateSecret"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ],
      "Condition": {
        "StringEquals": {
          "aws:RequestTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "CreatePrincipals",
      "Effect": "Allow",
      "Action": [
        "iam:CreateRole",
        "iam:CreateUser"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ],
      "Condition": {
        "StringEquals": {
          "iam:PermissionsBoundary": [
            "arn:aws:iam::111122223333:policy/reconcile-boundary-harbour"
          ]
        }
      }
    },
    {
      "Sid": "AttachPolicies",
      "Effect": "Allow",
      "Action": [
        "iam:AttachUserPolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ],
      "Condition": {
        "ArnLike": {
          "iam:PolicyARN": [
            "arn:aws:iam::111122223333:policy/reconcile/harbour/*"
          ]
        },
        "StringEquals": {
          "iam:PermissionsBoundary": [
            "arn:aws:iam::111122223333:policy/reconcile-boundary-harbour"
          ]
        }
      }
    },
    {
      "Sid": "WritePrincipals",
      "Effect": "Allow",
      "Action": [
        "iam:UpdateAssumeRolePolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "WritePolicies",
      "Effect": "Allow",
      "Action": [
        "iam:CreatePolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:policy/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "WriteBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:PutBucketPolicy"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    },
    {
      "Sid": "ListJournal",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal"
      ]
    },
    {
      "Sid": "ReadJournal",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    },
    {
      "Sid": "WriteJournal",
      "Effect": "Allow",
      "Action": [
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    },
    {
      "Sid": "SignWithBanks",
      "Effect": "Allow",
      "Action": [
        "kms:Sign"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "ForAnyValue:StringEquals": {
          "kms:ResourceAliases": [
            "alias/harbour-bank"
          ]
        }
      }
    },
    {
      "Sid": "SignWithNothingElse",
      "Effect": "Deny",
      "Action": [
        "kms:Sign"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "ForAllValues:StringNotEquals": {
          "kms:ResourceAliases": [
            "alias/harbour-bank"
          ]
        }
      }
    },
    {
      "Sid": "LeaveTheToolAlone",
      "Effect": "Deny",
      "NotAction": [
        "iam:Get*",
        "iam:List*"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:role/reconcile-tool/*",
        "arn:aws:iam::111122223333:policy/reconcile-tool/*",
        "arn:aws:iam::111122223333:policy/reconcile-boundary-*",
        "arn:aws:iam::111122223333:oidc-provider/*"
      ]
    },
    {
      "Sid": "KeepBoundaries",
      "Effect": "Deny",
      "Action": [
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "KeepKeys",
      "Effect": "Deny",
      "Action": [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DeleteAlias",
        "kms:ScheduleKeyDeletion",
        "kms:UpdateAlias"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "KeepTheStore",
      "Effect": "Deny",
      "NotAction": [
        "s3:Get*",
        "s3:List*",
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal",
        "arn:aws:s3:::acme-harbour-journal/*"
      ]
    }
  ]
}'
role '/reconcile-tool/' 'reconcile-apply-harbour' 'applies reviewed plans in harbour' 3600 '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Forge",
      "Effect": "Allow",
      "Principal": {
        "Federated": [
          "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
        ]
      },
      "Action": [
        "sts:AssumeRoleWithWebIdentity"
      ],
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": [
            "sts.amazonaws.com"
          ],
          "token.actions.githubusercontent.com:sub": [
            "repo:acme/environments:environment:harbour"
          ]
        }
      }
    }
  ]
}' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour'

# reconcile-watch-harbour: reads what verify needs and writes nothing in harbour.
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-watch-harbour' '/reconcile-tool/' 'reconcile-watch-harbour' 'reads what verify needs and writes nothing in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadKeys",
      "Effect": "Allow",
      "Action": [
        "kms:DescribeKey",
        "kms:GetKeyPolicy"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketPolicy"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "ListJournal",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal"
      ]
    },
    {
      "Sid": "ReadJournal",
      "Effect": "Allow",
      "Action": [
        "s3:GetObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    }
  ]
}'
role '/reconcile-tool/' 'reconcile-watch-harbour' 'reads what verify needs and writes nothing in harbour' 3600 '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Forge",
      "Effect": "Allow",
      "Principal": {
        "Federated": [
          "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
        ]
      },
      "Action": [
        "sts:AssumeRoleWithWebIdentity"
      ],
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": [
            "sts.amazonaws.com"
          ],
          "token.actions.githubusercontent.com:sub": [
            "repo:acme/environments:ref:refs/heads/main"
          ]
        }
      }
    }
  ]
}' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-watch-harbour'

# The journal's bucket: private, versioned, over TLS only.
aws s3api head-bucket --bucket 'acme-harbour-journal' >/dev/null 2>&1 ||
  aws s3api create-bucket --bucket 'acme-harbour-journal' --region eu-west-1 --create-bucket-configuration LocationConstraint=eu-west-1 >/dev/null
aws s3api put-public-access-block --bucket 'acme-harbour-journal' --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
aws s3api put-bucket-ownership-controls --bucket 'acme-harbour-journal' --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'
aws s3api put-bucket-versioning --bucket 'acme-harbour-journal' --versioning-configuration Status=Enabled
aws s3api put-bucket-policy --bucket 'acme-harbour-journal' --policy '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "OnlyOverTLS",
      "Effect": "Deny",
      "Principal": {
        "AWS": [
          "*"
        ]
      },
      "Action": [
        "s3:*"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal",
        "arn:aws:s3:::acme-harbour-journal/*"
      ],
      "Condition": {
        "Bool": {
          "aws:SecureTransport": [
            "false"
          ]
        }
      }
    }
  ]
}'

# The first anchor: the commit whose rules judge the first plan.
reconcile bootstrap harbour --anchor
