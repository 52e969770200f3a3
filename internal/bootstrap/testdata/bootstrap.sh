#!/usr/bin/env bash
# What reconcile needs in account 111122223333 for harbour. Read it, then run it once with
# administrator rights. It may run twice.
set -euo pipefail

account=$(aws sts get-caller-identity --query Account --output text)
if [ "$account" != '111122223333' ]; then echo "these credentials are of account $account, need 111122223333" >&2; exit 1; fi

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
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-*"
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
      "Sid": "NothingElse",
      "Effect": "Deny",
      "NotAction": [
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListAliases",
        "kms:ListGrants",
        "kms:ListKeys",
        "kms:ListResourceTags",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetObject",
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "secretsmanager:DescribeSecret",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "NowhereElse1",
      "Effect": "Deny",
      "Action": [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags"
      ],
      "NotResource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "NowhereElse2",
      "Effect": "Deny",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "NotResource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "NowhereElse3",
      "Effect": "Deny",
      "Action": [
        "s3:GetObject"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    },
    {
      "Sid": "NowhereElse4",
      "Effect": "Deny",
      "Action": [
        "s3:ListBucket"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal",
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    },
    {
      "Sid": "NowhereElse5",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "kms:ListKeys",
        "s3:ListAllMyBuckets",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadIAM",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccessKeyLastUsed",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags"
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
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadSecretNames",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "ReadOwnBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
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
      "Sid": "NothingElse",
      "Effect": "Deny",
      "NotAction": [
        "iam:AddUserToGroup",
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:CreateAccessKey",
        "iam:CreateGroup",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:CreateRole",
        "iam:CreateUser",
        "iam:DeleteAccessKey",
        "iam:DeleteGroup",
        "iam:DeleteGroupPolicy",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:DeleteUser",
        "iam:DeleteUserPolicy",
        "iam:DetachGroupPolicy",
        "iam:DetachRolePolicy",
        "iam:DetachUserPolicy",
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags",
        "iam:PutRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary",
        "iam:RemoveUserFromGroup",
        "iam:SetDefaultPolicyVersion",
        "iam:TagPolicy",
        "iam:TagRole",
        "iam:TagUser",
        "iam:UpdateAccessKey",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateGroup",
        "iam:UpdateRole",
        "kms:CreateAlias",
        "kms:CreateKey",
        "kms:DescribeKey",
        "kms:EnableKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListAliases",
        "kms:ListGrants",
        "kms:ListKeys",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:Sign",
        "kms:TagResource",
        "kms:UpdateKeyDescription",
        "s3:CreateBucket",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetObject",
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutObject",
        "s3:TagResource",
        "secretsmanager:CreateSecret",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecrets",
        "secretsmanager:PutSecretValue",
        "secretsmanager:TagResource",
        "secretsmanager:UpdateSecret",
        "sts:AssumeRole",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "NowhereElse1",
      "Effect": "Deny",
      "Action": [
        "kms:CreateAlias"
      ],
      "NotResource": [
        "arn:aws:kms:eu-west-1:111122223333:alias/harbour-*",
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:alias/harbour-*",
        "arn:aws:kms:us-east-1:111122223333:alias/legacy-key",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "NowhereElse2",
      "Effect": "Deny",
      "Action": [
        "kms:DescribeKey",
        "kms:EnableKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:TagResource",
        "kms:UpdateKeyDescription"
      ],
      "NotResource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "NowhereElse3",
      "Effect": "Deny",
      "Action": [
        "kms:Sign"
      ],
      "NotResource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "NowhereElse4",
      "Effect": "Deny",
      "Action": [
        "s3:CreateBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:TagResource"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    },
    {
      "Sid": "NowhereElse5",
      "Effect": "Deny",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "NotResource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "NowhereElse6",
      "Effect": "Deny",
      "Action": [
        "s3:GetObject"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    },
    {
      "Sid": "NowhereElse7",
      "Effect": "Deny",
      "Action": [
        "s3:ListBucket"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal",
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    },
    {
      "Sid": "NowhereElse8",
      "Effect": "Deny",
      "Action": [
        "s3:PutObject"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*",
        "arn:aws:s3:::acme-harbour-journal/harbour/lease.json",
        "arn:aws:s3:::acme-harbour-journal/harbour/stop.json"
      ]
    },
    {
      "Sid": "NowhereElse9",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:CreateSecret",
        "secretsmanager:TagResource",
        "secretsmanager:UpdateSecret"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-*"
      ]
    },
    {
      "Sid": "NowhereElse10",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "NowhereElse11",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:GetSecretValue"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-hexbank-??????"
      ]
    },
    {
      "Sid": "NowhereElse12",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:PutSecretValue"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????"
      ]
    },
    {
      "Sid": "NowhereElse13",
      "Effect": "Deny",
      "Action": [
        "sts:AssumeRole"
      ],
      "NotResource": [
        "arn:aws:iam::111122223333:role/reconcile-tool/reconcile-apply-harbour"
      ]
    },
    {
      "Sid": "SignWithNoOtherKey",
      "Effect": "Deny",
      "Action": [
        "kms:Sign"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*"
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
        "iam:List*",
        "sts:AssumeRole"
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
        "kms:ImportKeyMaterial",
        "kms:ReplicateKey",
        "kms:ScheduleKeyDeletion",
        "kms:UpdateAlias"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "KeepAWayBackIn",
      "Effect": "Deny",
      "Action": [
        "kms:CreateKey",
        "kms:PutKeyPolicy"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "Bool": {
          "kms:BypassPolicyLockoutSafetyCheck": [
            "true"
          ]
        }
      }
    },
    {
      "Sid": "KeepNames",
      "Effect": "Deny",
      "Action": [
        "kms:CreateAlias"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "Null": {
          "kms:ResourceAliases": [
            "false"
          ]
        }
      }
    }
  ]
}'
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour-2' '/reconcile-tool/' 'reconcile-apply-harbour-2' 'applies reviewed plans in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "KeepOtherKeys",
      "Effect": "Deny",
      "Action": [
        "kms:EnableKey",
        "kms:PutKeyPolicy",
        "kms:UpdateKeyDescription"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "StringNotEquals": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "KeepOtherMarks",
      "Effect": "Deny",
      "Action": [
        "iam:TagPolicy",
        "iam:TagRole",
        "iam:TagUser",
        "kms:TagResource",
        "secretsmanager:TagResource",
        "kms:CreateAlias"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "Null": {
          "aws:ResourceTag/reconcile:environment": [
            "false"
          ]
        },
        "StringNotEquals": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "MarkAsOurs",
      "Effect": "Deny",
      "Action": [
        "iam:TagPolicy",
        "iam:TagRole",
        "iam:TagUser",
        "kms:TagResource",
        "secretsmanager:TagResource"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "Null": {
          "aws:RequestTag/reconcile:environment": [
            "false"
          ]
        },
        "StringNotEquals": {
          "aws:RequestTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "TagAsKinds",
      "Effect": "Deny",
      "Action": [
        "iam:TagPolicy",
        "iam:TagRole",
        "iam:TagUser",
        "kms:TagResource",
        "secretsmanager:TagResource"
      ],
      "Resource": [
        "*"
      ],
      "Condition": {
        "ForAnyValue:StringNotEquals": {
          "aws:TagKeys": [
            "agent",
            "network",
            "operator",
            "reconcile:access-key",
            "reconcile:address",
            "reconcile:environment",
            "reconcile:id",
            "reconcile:intent",
            "reconcile:protect",
            "role",
            "use"
          ]
        }
      }
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
    },
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "kms:ListKeys",
        "s3:ListAllMyBuckets",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadIAM",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccessKeyLastUsed",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags"
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
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadSecretNames",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "ReadOwnBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
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
          ],
          "kms:KeySpec": [
            "ECC_SECG_P256K1"
          ]
        }
      }
    },
    {
      "Sid": "GiveAliases",
      "Effect": "Allow",
      "Action": [
        "kms:CreateAlias"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:alias/harbour-*",
        "arn:aws:kms:us-east-1:111122223333:alias/harbour-*",
        "arn:aws:kms:us-east-1:111122223333:alias/legacy-key"
      ]
    },
    {
      "Sid": "NameKeys",
      "Effect": "Allow",
      "Action": [
        "kms:CreateAlias"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "StringEquals": {
          "kms:KeySpec": [
            "ECC_SECG_P256K1"
          ]
        },
        "StringEqualsIfExists": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ]
        }
      }
    },
    {
      "Sid": "MarkNewKeys",
      "Effect": "Allow",
      "Action": [
        "kms:TagResource"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "Null": {
          "kms:ResourceAliases": [
            "true"
          ]
        },
        "StringEqualsIfExists": {
          "aws:ResourceTag/reconcile:environment": [
            "harbour"
          ],
          "kms:KeySpec": [
            "ECC_SECG_P256K1"
          ]
        }
      }
    },
    {
      "Sid": "MarkNamedKeys",
      "Effect": "Allow",
      "Action": [
        "kms:TagResource"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ],
      "Condition": {
        "ForAnyValue:StringLike": {
          "kms:ResourceAliases": [
            "alias/harbour-*",
            "alias/legacy-key"
          ]
        },
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
        "kms:EnableKey",
        "kms:PutKeyPolicy",
        "kms:UpdateKeyDescription"
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
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-*"
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
      "Sid": "MarkSecrets",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:TagResource"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-*"
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
      "Sid": "DescribeSecrets",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:UpdateSecret"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-*"
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
      "Sid": "RotateSecrets",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:PutSecretValue"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:boat-access-key-??????"
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
      "Sid": "CreatePrincipals",
      "Effect": "Allow",
      "Action": [
        "iam:CreateRole",
        "iam:CreateUser",
        "iam:PutRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ],
      "Condition": {
        "StringEquals": {
          "iam:PermissionsBoundary": [
            "arn:aws:iam::111122223333:policy/reconcile-boundary-harbour"
          ]
        }
      }
    }
  ]
}'
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour-3' '/reconcile-tool/' 'reconcile-apply-harbour-3' 'applies reviewed plans in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "AttachPolicies",
      "Effect": "Allow",
      "Action": [
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ],
      "Condition": {
        "ArnLike": {
          "iam:PolicyARN": [
            "arn:aws:iam::111122223333:policy/legacy-policy",
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
      "Sid": "AttachGroupPolicies",
      "Effect": "Allow",
      "Action": [
        "iam:AttachGroupPolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:group/reconcile/harbour/*"
      ],
      "Condition": {
        "ArnLike": {
          "iam:PolicyARN": [
            "arn:aws:iam::111122223333:policy/legacy-policy",
            "arn:aws:iam::111122223333:policy/reconcile/harbour/*"
          ]
        }
      }
    },
    {
      "Sid": "MarkPrincipals",
      "Effect": "Allow",
      "Action": [
        "iam:TagRole",
        "iam:TagUser"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
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
      "Sid": "TakePrincipals",
      "Effect": "Allow",
      "Action": [
        "iam:DeleteRole",
        "iam:DeleteUser"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
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
      "Sid": "WriteTrust",
      "Effect": "Allow",
      "Action": [
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
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
      "Sid": "TakePolicies",
      "Effect": "Allow",
      "Action": [
        "iam:DeleteRolePolicy",
        "iam:DeleteUserPolicy",
        "iam:DetachRolePolicy",
        "iam:DetachUserPolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*",
        "arn:aws:iam::111122223333:role/legacy-role",
        "arn:aws:iam::111122223333:role/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "MakeAccessKeys",
      "Effect": "Allow",
      "Action": [
        "iam:CreateAccessKey"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/reconcile/harbour/boat"
      ]
    },
    {
      "Sid": "TakeAccessKeys",
      "Effect": "Allow",
      "Action": [
        "iam:DeleteAccessKey",
        "iam:UpdateAccessKey"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:user/legacy",
        "arn:aws:iam::111122223333:user/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "WriteGroups",
      "Effect": "Allow",
      "Action": [
        "iam:AddUserToGroup",
        "iam:CreateGroup",
        "iam:UpdateGroup"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:group/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "TakeGroups",
      "Effect": "Allow",
      "Action": [
        "iam:DeleteGroup",
        "iam:DeleteGroupPolicy",
        "iam:DetachGroupPolicy",
        "iam:RemoveUserFromGroup"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:group/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "WritePolicies",
      "Effect": "Allow",
      "Action": [
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:SetDefaultPolicyVersion"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:policy/legacy-policy",
        "arn:aws:iam::111122223333:policy/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "MarkPolicies",
      "Effect": "Allow",
      "Action": [
        "iam:TagPolicy"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:policy/legacy-policy",
        "arn:aws:iam::111122223333:policy/reconcile/harbour/*"
      ]
    },
    {
      "Sid": "WriteBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:CreateBucket",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:TagResource"
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
      "Sid": "AppendJournal",
      "Effect": "Allow",
      "Action": [
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ],
      "Condition": {
        "Null": {
          "s3:if-none-match": [
            "false"
          ]
        }
      }
    },
    {
      "Sid": "MoveLease",
      "Effect": "Allow",
      "Action": [
        "s3:PutObject"
      ],
      "Resource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/lease.json",
        "arn:aws:s3:::acme-harbour-journal/harbour/stop.json"
      ],
      "Condition": {
        "Null": {
          "s3:if-match": [
            "false"
          ]
        }
      }
    },
    {
      "Sid": "SignWithBanks",
      "Effect": "Allow",
      "Action": [
        "kms:Sign"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*"
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
      "Sid": "ReadBanks",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:GetSecretValue"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:harbour-hexbank-??????"
      ]
    },
    {
      "Sid": "NarrowItself",
      "Effect": "Allow",
      "Action": [
        "sts:AssumeRole"
      ],
      "Resource": [
        "arn:aws:iam::111122223333:role/reconcile-tool/reconcile-apply-harbour"
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
    },
    {
      "Sid": "Itself",
      "Effect": "Allow",
      "Principal": {
        "AWS": [
          "arn:aws:iam::111122223333:root"
        ]
      },
      "Action": [
        "sts:AssumeRole"
      ],
      "Condition": {
        "ArnEquals": {
          "aws:PrincipalArn": [
            "arn:aws:iam::111122223333:role/reconcile-tool/reconcile-apply-harbour"
          ]
        }
      }
    }
  ]
}' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour-2' \
  'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-apply-harbour-3'

# reconcile-watch-harbour: reads what verify needs and writes nothing in harbour.
policy 'arn:aws:iam::111122223333:policy/reconcile-tool/reconcile-watch-harbour' '/reconcile-tool/' 'reconcile-watch-harbour' 'reads what verify needs and writes nothing in harbour' '{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "NothingElse",
      "Effect": "Deny",
      "NotAction": [
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListAliases",
        "kms:ListGrants",
        "kms:ListKeys",
        "kms:ListResourceTags",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetObject",
        "s3:ListAllMyBuckets",
        "s3:ListBucket",
        "secretsmanager:DescribeSecret",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "NowhereElse1",
      "Effect": "Deny",
      "Action": [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags"
      ],
      "NotResource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "NowhereElse2",
      "Effect": "Deny",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "NotResource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "NowhereElse3",
      "Effect": "Deny",
      "Action": [
        "s3:GetObject"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal/harbour/*"
      ]
    },
    {
      "Sid": "NowhereElse4",
      "Effect": "Deny",
      "Action": [
        "s3:ListBucket"
      ],
      "NotResource": [
        "arn:aws:s3:::acme-harbour-journal",
        "arn:aws:s3:::acme-harbour-proofs",
        "arn:aws:s3:::acme-harbour-validator-*"
      ]
    },
    {
      "Sid": "NowhereElse5",
      "Effect": "Deny",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "NotResource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "ReadLists",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccountAuthorizationDetails",
        "kms:ListAliases",
        "kms:ListKeys",
        "s3:ListAllMyBuckets",
        "secretsmanager:ListSecrets",
        "tag:GetResources"
      ],
      "Resource": [
        "*"
      ]
    },
    {
      "Sid": "ReadIAM",
      "Effect": "Allow",
      "Action": [
        "iam:GetAccessKeyLastUsed",
        "iam:GetLoginProfile",
        "iam:GetRole",
        "iam:ListAccessKeys",
        "iam:ListPolicyTags"
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
        "kms:GetKeyPolicy",
        "kms:GetPublicKey",
        "kms:ListGrants",
        "kms:ListResourceTags"
      ],
      "Resource": [
        "arn:aws:kms:eu-west-1:111122223333:key/*",
        "arn:aws:kms:us-east-1:111122223333:key/*"
      ]
    },
    {
      "Sid": "ReadSecretNames",
      "Effect": "Allow",
      "Action": [
        "secretsmanager:DescribeSecret"
      ],
      "Resource": [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:*",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:*"
      ]
    },
    {
      "Sid": "ReadBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration"
      ],
      "Resource": [
        "arn:aws:s3:::*"
      ]
    },
    {
      "Sid": "ReadOwnBuckets",
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
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

echo 'done; next: reconcile bootstrap harbour --anchor, once, and reconcile bootstrap harbour --check'
