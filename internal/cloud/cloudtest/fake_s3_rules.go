package cloudtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// bucketName keeps the rules of the S3 User Guide, "General purpose bucket
// naming rules".
func bucketName(name string) error {
	allowed := regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	_, noAddress := netip.ParseAddr(name)
	reserved := hasPrefix(name, []string{"xn--", "sthree-", "amzn-s3-demo-"}) ||
		slices.ContainsFunc([]string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}, func(end string) bool { return strings.HasSuffix(name, end) })
	if !allowed.MatchString(name) || strings.Contains(name, "..") || noAddress == nil || reserved {
		return failure("InvalidBucketName", "The specified bucket is not valid.")
	}
	return nil
}

// bucketTags are the tags that a bucket will have: at most 50, none twice, and
// those of AWS's services as they are.
func bucketTags(have map[string]string, set []types.Tag) (map[string]string, error) {
	tags := map[string]string{}
	for _, tag := range set {
		key := aws.ToString(tag.Key)
		if _, twice := tags[key]; twice {
			return nil, failure("InvalidTag", "Cannot provide multiple Tags with the same key")
		}
		tags[key] = aws.ToString(tag.Value)
	}
	system := func(tags map[string]string) map[string]string {
		tags = maps.Clone(tags)
		maps.DeleteFunc(tags, func(key, _ string) bool { return !strings.HasPrefix(key, "aws:") })
		return tags
	}
	if !maps.Equal(system(have), system(tags)) {
		return nil, failure("InvalidTag", "System tags cannot be added, changed or removed by requester")
	}
	characters := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	for key, value := range tags {
		if key == "" || len(key) > 128 || len(value) > 256 || !characters.MatchString(key) || !characters.MatchString(value) {
			return nil, failure("InvalidTag", fmt.Sprintf("tag %q is not valid", key))
		}
	}
	if len(tags) > maxTags {
		return nil, failure("BadRequest", fmt.Sprintf("%d tags, at most %d", len(tags), maxTags))
	}
	return tags, nil
}

func tagSet(tags map[string]string) []types.Tag {
	var set []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return set
}

// policyBytes is the longest bucket policy (S3 User Guide, "Bucket policies").
const policyBytes = 20 * 1024

func badBucketPolicy(format string, args ...any) error {
	return failure("MalformedPolicy", fmt.Sprintf(format, args...))
}

// bucketPolicy checks a policy as PutBucketPolicy does, and says whether S3
// counts it as public.
func (f *Fake) bucketPolicy(text, bucket string) (public bool, err error) {
	if len(text) > policyBytes {
		return false, badBucketPolicy("Policy exceeds the maximum allowed size of %d bytes", policyBytes)
	}
	list, err := statements(text)
	if err != nil {
		return false, badBucketPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	for _, s := range list {
		if err := s.checkBucket(bucket); err != nil {
			return false, err
		}
		public = public || s.public()
	}
	if wrong := f.invalidPrincipal(text); wrong != "" {
		return false, badBucketPolicy("Invalid principal in policy")
	}
	return public, nil
}

// checkBucket holds one statement to what is true of all bucket policies.
func (s fakeStatement) checkBucket(bucket string) error {
	if err := s.check(); err != nil {
		return badBucketPolicy("%v", err)
	}
	if (s["Principal"] == nil) == (s["NotPrincipal"] == nil) {
		return badBucketPolicy("Missing required field Principal")
	}
	actions, err := s.oneOf("Action", "NotAction", "")
	if err != nil {
		return badBucketPolicy("Missing required field Action")
	}
	for _, action := range actions {
		if action != "*" && !strings.HasPrefix(strings.ToLower(action), "s3:") {
			return badBucketPolicy("Policy has invalid action")
		}
	}
	resources, err := s.oneOf("Resource", "NotResource", "")
	if err != nil {
		return badBucketPolicy("Missing required field Resource")
	}
	own := "arn:aws:s3:::" + bucket
	objects := slices.ContainsFunc(resources, func(r string) bool { return strings.HasPrefix(r, own+"/") })
	for _, resource := range resources {
		if resource != own && !strings.HasPrefix(resource, own+"/") {
			return badBucketPolicy("Policy has invalid resource")
		}
	}
	for _, action := range actions {
		ofObjects, ofBucket := slices.Contains(objectActions(), action), action == "s3:ListBucket"
		if s["NotAction"] == nil && (ofObjects && !objects || ofBucket && !slices.Contains(resources, own)) {
			return badBucketPolicy("Action does not apply to any resource(s) in statement")
		}
	}
	return nil
}

// objectActions are actions that mean something on objects only.
func objectActions() []string {
	return []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
}

// public reports an Allow for everybody that no condition ties to somebody (S3
// User Guide, "The meaning of public").
func (s fakeStatement) public() bool {
	var byType map[string]json.RawMessage
	var byOperator map[string]map[string]json.RawMessage
	_ = json.Unmarshal(s["Principal"], &byType)
	_ = json.Unmarshal(s["Condition"], &byOperator)
	names, _ := textList(byType["AWS"])
	if string(s["Effect"]) != `"Allow"` || string(s["Principal"]) != `"*"` && !slices.Contains(names, "*") {
		return false
	}
	for _, byKey := range byOperator {
		for key := range byKey {
			if slices.Contains([]string{"aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceaccount",
				"aws:principalorgid", "aws:principalarn", "aws:principalaccount", "aws:userid", "s3:dataaccesspointarn"}, strings.ToLower(key)) {
				return false
			}
		}
	}
	return true
}
