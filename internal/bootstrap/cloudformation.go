package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// JSON is the set as data, for other tools.
func (s *Set) JSON() ([]byte, error) { return indented(s) }

// CloudFormation is the set as a template. An account has one provider of an
// issuer: where another environment made it already, the stack is created with
// CreateProvider=no.
func (s *Set) CloudFormation() ([]byte, error) {
	resources := map[string]any{
		"ForgeProvider": map[string]any{
			"Type": "AWS::IAM::OIDCProvider", "Condition": "MakeProvider", "DeletionPolicy": "Retain",
			"Properties": map[string]any{"Url": "https://" + ForgeIssuer, "ClientIdList": []string{Audience}},
		},
	}
	addPolicy := func(p Policy, path string) string {
		name := logical(p.Name)
		resources[name] = map[string]any{"Type": "AWS::IAM::ManagedPolicy", "Properties": map[string]any{
			"ManagedPolicyName": p.Name, "Path": path, "Description": p.Description, "PolicyDocument": p.Document,
		}}
		return name
	}
	addPolicy(s.Boundary, "/")
	for _, r := range s.Roles {
		var attached []any
		for _, p := range r.Policies {
			attached = append(attached, map[string]string{"Ref": addPolicy(p, Path)})
		}
		resources["Role"+logical(r.Name)] = map[string]any{"Type": "AWS::IAM::Role", "Properties": map[string]any{
			"RoleName": r.Name, "Path": Path, "Description": r.Description, "AssumeRolePolicyDocument": r.Trust,
			"ManagedPolicyArns": attached, "MaxSessionDuration": r.SessionSeconds,
		}}
	}
	if s.Store != nil {
		s.addStore(resources)
	}
	return indented(map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Description":              fmt.Sprintf("What reconcile needs in account %s for %s. Then, with the same credentials: reconcile bootstrap %s --anchor", s.Account, s.Environment, s.Environment),
		"Parameters":               map[string]any{"CreateProvider": map[string]any{"Type": "String", "AllowedValues": []string{"yes", "no"}, "Default": "yes"}},
		"Conditions":               map[string]any{"MakeProvider": map[string]any{"Fn::Equals": []any{map[string]string{"Ref": "CreateProvider"}, "yes"}}},
		"Resources":                resources,
	})
}

func (s *Set) addStore(resources map[string]any) {
	resources["Store"] = map[string]any{
		"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
		"Properties": map[string]any{
			"BucketName":              s.Store.Bucket,
			"VersioningConfiguration": map[string]string{"Status": "Enabled"},
			"OwnershipControls":       map[string]any{"Rules": []any{map[string]string{"ObjectOwnership": "BucketOwnerEnforced"}}},
			"BucketEncryption": map[string]any{"ServerSideEncryptionConfiguration": []any{
				map[string]any{"ServerSideEncryptionByDefault": map[string]string{"SSEAlgorithm": "AES256"}},
			}},
			"PublicAccessBlockConfiguration": map[string]bool{
				"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
			},
		},
	}
	resources["StorePolicy"] = map[string]any{"Type": "AWS::S3::BucketPolicy", "Properties": map[string]any{
		"Bucket": map[string]string{"Ref": "Store"}, "PolicyDocument": s.Store.Policy,
	}}
}

// logical is a name as CloudFormation allows it for a resource: letters and
// digits.
func logical(name string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}

func indented(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
