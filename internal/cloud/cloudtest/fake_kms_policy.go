package cloudtest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// keyPolicySize is the most bytes of a key policy (KMS Developer Guide,
// "Resource quotas").
const keyPolicySize = 32 * 1024

// keyPolicyName is the only name of a key policy (KMS API reference,
// PutKeyPolicy).
const keyPolicyName = "default"

// newKeyPolicy is the policy that a new key gets: the given one, or the one that
// leaves everything to the account's IAM (KMS Developer Guide, "Default key
// policy").
func (f *Fake) newKeyPolicy(given *string, bypass bool) (string, error) {
	if given == nil {
		return `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"Enable IAM User Permissions","Effect":"Allow",` +
			`"Principal":{"AWS":"arn:aws:iam::` + f.account + `:root"},"Action":"kms:*","Resource":"*"}]}`, nil
	}
	return *given, f.checkKeyPolicy(*given, bypass)
}

// checkKeyPolicy is what a key policy must be: well formed, of principals that
// exist, and leaving its writer the right to write another one. Whoever calls
// the fake is an administrator by IAM, so that delegation to the account leaves
// it to him.
func (f *Fake) checkKeyPolicy(text string, bypass bool) error {
	if len(text) > keyPolicySize {
		return &types.LimitExceededException{Message: aws.String(fmt.Sprintf("the key policy has %d bytes, at most %d", len(text), keyPolicySize))}
	}
	list, err := statements(text)
	if err != nil {
		return badKeyPolicy(err.Error())
	}
	kept := bypass
	for _, s := range list {
		if err := s.check(); err != nil && !strings.Contains(err.Error(), "SID") {
			return badKeyPolicy(err.Error())
		}
		if s["Principal"] == nil && s["NotPrincipal"] == nil {
			return badKeyPolicy("a key policy names its principals")
		}
		if resources, ok := s.strings("Resource"); !ok || len(resources) == 0 && s["NotResource"] == nil {
			return badKeyPolicy("a statement names its resources")
		}
		kept = kept || s.keepsWriter(f.account)
	}
	if wrong := f.invalidPrincipal(text); wrong != "" {
		return badKeyPolicy("Policy contains a statement with one or more invalid principals: " + wrong)
	}
	if !kept {
		return badKeyPolicy("The new key policy will not allow you to update the key policy in the future.")
	}
	return nil
}

func badKeyPolicy(message string) error {
	return &types.MalformedPolicyDocumentException{Message: aws.String(message)}
}

// keepsWriter reports whether the statement lets the account change the policy
// again. Conditions may not hold the next time.
func (s fakeStatement) keepsWriter(account string) bool {
	actions, _ := s.strings("Action")
	writes := slices.ContainsFunc(actions, func(a string) bool {
		a = strings.ToLower(a)
		head, wild := strings.CutSuffix(a, "*")
		return a == "kms:putkeypolicy" || wild && strings.HasPrefix("kms:putkeypolicy", head)
	})
	who := string(s["Principal"])
	admits := strings.Contains(who, account+":root") || strings.Contains(who, `"`+account+`"`) || strings.Contains(who, `"*"`)
	return string(s["Effect"]) == `"Allow"` && s["Condition"] == nil && writes && admits
}

// GetKeyPolicy gives the document as it was put.
func (k *KMS) GetKeyPolicy(_ context.Context, in *kms.GetKeyPolicyInput, _ ...func(*kms.Options)) (*kms.GetKeyPolicyOutput, error) {
	return answer(k.fake, "kms.GetKeyPolicy", func() (*kms.GetKeyPolicyOutput, error) {
		key, err := k.named(in.KeyId)
		if err != nil {
			return nil, err
		}
		if name := aws.ToString(in.PolicyName); name != "" && name != keyPolicyName {
			return nil, &types.NotFoundException{Message: aws.String("No such policy exists")}
		}
		return &kms.GetKeyPolicyOutput{Policy: aws.String(key.policy), PolicyName: aws.String(keyPolicyName)}, nil
	})
}

// PutKeyPolicy replaces the document. A key that waits for its deletion keeps
// its policy changeable (KMS Developer Guide, "Key states of AWS KMS keys").
func (k *KMS) PutKeyPolicy(_ context.Context, in *kms.PutKeyPolicyInput, _ ...func(*kms.Options)) (*kms.PutKeyPolicyOutput, error) {
	return answer(k.fake, "kms.PutKeyPolicy", func() (*kms.PutKeyPolicyOutput, error) {
		key, err := k.named(in.KeyId)
		if err != nil {
			return nil, err
		}
		if name := aws.ToString(in.PolicyName); name != "" && name != keyPolicyName {
			return nil, failure("ValidationException", "the only valid policy name is default")
		}
		if err := k.fake.checkKeyPolicy(aws.ToString(in.Policy), in.BypassPolicyLockoutSafetyCheck); err != nil {
			return nil, err
		}
		key.policy = aws.ToString(in.Policy)
		return &kms.PutKeyPolicyOutput{}, nil
	})
}

// named is find for operations that take a key's id or ARN and no alias (KMS API
// reference: GetKeyPolicy, PutKeyPolicy, ListGrants, CreateGrant).
func (k *KMS) named(name *string) (*fakeKey, error) {
	if strings.Contains(aws.ToString(name), "alias/") {
		return nil, failure("InvalidArnException", *name+" is no key id")
	}
	return k.find(aws.ToString(name))
}
