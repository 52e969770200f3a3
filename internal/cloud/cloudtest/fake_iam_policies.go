package cloudtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

type fakePolicy struct {
	name, path, id, arn, description string
	created, updated                 time.Time
	tags                             map[string]string
	versions                         []fakeVersion // oldest first
	// inForce and last are version numbers; numbers are never used again.
	inForce, last int
}

type fakeVersion struct {
	number   int
	document string
	created  time.Time
}

// awsPolicies are the AWS-managed policies that the fake knows, by what follows
// arn:aws:iam::aws:policy. ReadOnlyAccess is shortened, and so is what AWS
// itself attaches where a key has leaked.
func awsPolicies() map[string]string {
	document := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`
	}
	return map[string]string{
		"/AdministratorAccess":                      document(`"*"`),
		"/AWSCompromisedKeyQuarantineV3":            `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["iam:CreateUser","kms:Decrypt"],"Resource":"*"}]}`,
		"/PowerUserAccess":                          `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"}]}`,
		"/ReadOnlyAccess":                           document(`["iam:Get*","iam:List*","kms:Describe*","kms:Get*","kms:List*","s3:Get*","s3:List*"]`),
		"/SecurityAudit":                            document(`["iam:Get*","iam:List*","kms:Describe*","kms:Get*","kms:List*"]`),
		"/service-role/AWSLambdaBasicExecutionRole": document(`["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"]`),
	}
}

// policy finds one of the account's own policies.
func (w *iamWorld) policy(arn *string) (*fakePolicy, error) {
	if p, ok := w.policies[aws.ToString(arn)]; ok {
		return p, nil
	}
	return nil, noSuch("Policy %s does not exist or is not attachable.", aws.ToString(arn))
}

// anyPolicy finds AWS's too.
func (w *iamWorld) anyPolicy(arn *string) (*fakePolicy, error) {
	if name, ok := strings.CutPrefix(aws.ToString(arn), "arn:aws:iam::aws:policy"); ok {
		if document, known := awsPolicies()[name]; known {
			at := time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC)
			cut := strings.LastIndexByte(name, '/') + 1
			return &fakePolicy{
				name: name[cut:], path: name[:cut], arn: *arn, id: "ANPAAWS" + fmt.Sprintf("%014d", len(name)), created: at, updated: at,
				versions: []fakeVersion{{number: 1, document: document, created: at}}, inForce: 1, last: 1,
			}, nil
		}
	}
	return w.policy(arn)
}

// ownPolicy is for writes, which AWS's policies refuse.
func (w *iamWorld) ownPolicy(arn *string) (*fakePolicy, error) {
	if strings.HasPrefix(aws.ToString(arn), "arn:aws:iam::aws:policy/") {
		return nil, failure("AccessDenied", "Policy "+*arn+" is managed by AWS and cannot be changed.")
	}
	return w.policy(arn)
}

// uses counts who has the policy attached, and who has it as a boundary.
func (w *iamWorld) uses(arn string) (attached, boundaries int32) {
	for _, all := range w.entities {
		for _, e := range all {
			if slices.Contains(e.attached, arn) {
				attached++
			}
			if e.boundary == arn {
				boundaries++
			}
		}
	}
	return attached, boundaries
}

func (w *iamWorld) shownPolicy(p *fakePolicy) *types.Policy {
	attached, boundaries := w.uses(p.arn)
	return &types.Policy{
		PolicyName: aws.String(p.name), Path: aws.String(p.path), Arn: aws.String(p.arn), PolicyId: aws.String(p.id), Description: aws.String(p.description),
		CreateDate: aws.Time(p.created), UpdateDate: aws.Time(p.updated), IsAttachable: true, DefaultVersionId: aws.String(versionID(p.inForce)),
		AttachmentCount: aws.Int32(attached), PermissionsBoundaryUsageCount: aws.Int32(boundaries), Tags: iamTags(p.tags),
	}
}

func versionID(number int) string { return fmt.Sprintf("v%d", number) }

func (p *fakePolicy) version(v fakeVersion) types.PolicyVersion {
	return types.PolicyVersion{
		VersionId: aws.String(versionID(v.number)), IsDefaultVersion: v.number == p.inForce, CreateDate: aws.Time(v.created), Document: encoded(v.document),
	}
}

// find gives the place of a version.
func (p *fakePolicy) find(id *string) (int, error) {
	at := slices.IndexFunc(p.versions, func(v fakeVersion) bool { return versionID(v.number) == aws.ToString(id) })
	if at < 0 {
		return 0, noSuch("Policy %s version %s does not exist or is not attachable.", p.arn, aws.ToString(id))
	}
	return at, nil
}

func checkManaged(document *string) error {
	if err := checkPolicy(aws.ToString(document)); err != nil {
		return err
	}
	if size(*document) > managedSize {
		return limit("Cannot exceed quota for PolicySize: %d", managedSize)
	}
	return nil
}

// maxPolicies is the quota of customer managed policies in an account.
const maxPolicies = 1500

// CreatePolicy makes a policy; the path does not make a name free.
func (i *FakeIAM) CreatePolicy(_ context.Context, in *iam.CreatePolicyInput, _ ...func(*iam.Options)) (*iam.CreatePolicyOutput, error) {
	return iamWrite(i, "CreatePolicy", func(w *iamWorld) (*iam.CreatePolicyOutput, error) {
		name := aws.ToString(in.PolicyName)
		for _, err := range []error{checkName("policy", name), checkPath(in.Path), checkDescription(in.Description), checkManaged(in.PolicyDocument)} {
			if err != nil {
				return nil, err
			}
		}
		for _, p := range w.policies {
			if strings.EqualFold(p.name, name) {
				return nil, &types.EntityAlreadyExistsException{Message: aws.String("A policy called " + name + " already exists. Duplicate names are not allowed.")}
			}
		}
		if len(w.policies) >= maxPolicies {
			return nil, limit("Cannot exceed quota for PoliciesPerAccount: %d", maxPolicies)
		}
		tags, err := withTags("policy", nil, in.Tags)
		if err != nil {
			return nil, err
		}
		serial, now := i.fake.next()
		path := cmp.Or(aws.ToString(in.Path), "/")
		p := &fakePolicy{
			name: name, path: path, arn: "arn:aws:iam::" + w.account + ":policy" + path + name, id: fmt.Sprintf("ANPA%017d", serial),
			description: aws.ToString(in.Description), created: now, updated: now, tags: tags,
			versions: []fakeVersion{{number: 1, document: *in.PolicyDocument, created: now}}, inForce: 1, last: 1,
		}
		w.policies[p.arn] = p
		return &iam.CreatePolicyOutput{Policy: w.shownPolicy(p)}, nil
	})
}

// GetPolicy gives one policy without its document, AWS's own too.
func (i *FakeIAM) GetPolicy(_ context.Context, in *iam.GetPolicyInput, _ ...func(*iam.Options)) (*iam.GetPolicyOutput, error) {
	return iamRead(i, "GetPolicy", func(w *iamWorld) (*iam.GetPolicyOutput, error) {
		p, err := w.anyPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		return &iam.GetPolicyOutput{Policy: w.shownPolicy(p)}, nil
	})
}

// DeletePolicy wants it attached to nobody, nobody's boundary, and with the
// default version only (IAM API reference, DeletePolicy).
func (i *FakeIAM) DeletePolicy(_ context.Context, in *iam.DeletePolicyInput, _ ...func(*iam.Options)) (*iam.DeletePolicyOutput, error) {
	return iamWrite(i, "DeletePolicy", func(w *iamWorld) (*iam.DeletePolicyOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		if attached, boundaries := w.uses(p.arn); attached+boundaries > 0 {
			return nil, conflict("Cannot delete a policy attached to entities.")
		}
		if len(p.versions) > 1 {
			return nil, conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		delete(w.policies, p.arn)
		return &iam.DeletePolicyOutput{}, nil
	})
}

// maxVersions is the quota of versions of one policy.
const maxVersions = 5

// CreatePolicyVersion adds a sixth version never.
func (i *FakeIAM) CreatePolicyVersion(_ context.Context, in *iam.CreatePolicyVersionInput, _ ...func(*iam.Options)) (*iam.CreatePolicyVersionOutput, error) {
	return iamWrite(i, "CreatePolicyVersion", func(w *iamWorld) (*iam.CreatePolicyVersionOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		if err := checkManaged(in.PolicyDocument); err != nil {
			return nil, err
		}
		if len(p.versions) >= maxVersions {
			return nil, limit("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		_, now := i.fake.next()
		p.last++
		made := fakeVersion{number: p.last, document: *in.PolicyDocument, created: now}
		p.versions, p.updated = append(p.versions, made), now
		if in.SetAsDefault {
			p.inForce = made.number
		}
		shown := p.version(made)
		shown.Document = nil
		return &iam.CreatePolicyVersionOutput{PolicyVersion: &shown}, nil
	})
}

// SetDefaultPolicyVersion puts a version in force.
func (i *FakeIAM) SetDefaultPolicyVersion(_ context.Context, in *iam.SetDefaultPolicyVersionInput, _ ...func(*iam.Options)) (*iam.SetDefaultPolicyVersionOutput, error) {
	return iamWrite(i, "SetDefaultPolicyVersion", func(w *iamWorld) (*iam.SetDefaultPolicyVersionOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		at, err := p.find(in.VersionId)
		if err != nil {
			return nil, err
		}
		_, p.updated = i.fake.next()
		p.inForce = p.versions[at].number
		return &iam.SetDefaultPolicyVersionOutput{}, nil
	})
}

// DeletePolicyVersion keeps the version in force.
func (i *FakeIAM) DeletePolicyVersion(_ context.Context, in *iam.DeletePolicyVersionInput, _ ...func(*iam.Options)) (*iam.DeletePolicyVersionOutput, error) {
	return iamWrite(i, "DeletePolicyVersion", func(w *iamWorld) (*iam.DeletePolicyVersionOutput, error) {
		p, err := w.ownPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		at, err := p.find(in.VersionId)
		if err != nil {
			return nil, err
		}
		if p.versions[at].number == p.inForce {
			return nil, conflict("Cannot delete the default version of a policy.")
		}
		p.versions = slices.Delete(slices.Clone(p.versions), at, at+1)
		return &iam.DeletePolicyVersionOutput{}, nil
	})
}

// GetPolicyVersion gives one version; its document is URL-encoded.
func (i *FakeIAM) GetPolicyVersion(_ context.Context, in *iam.GetPolicyVersionInput, _ ...func(*iam.Options)) (*iam.GetPolicyVersionOutput, error) {
	return iamRead(i, "GetPolicyVersion", func(w *iamWorld) (*iam.GetPolicyVersionOutput, error) {
		p, err := w.anyPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		at, err := p.find(in.VersionId)
		if err != nil {
			return nil, err
		}
		shown := p.version(p.versions[at])
		return &iam.GetPolicyVersionOutput{PolicyVersion: &shown}, nil
	})
}

// ListPolicyVersions gives the versions, newest first, without documents.
func (i *FakeIAM) ListPolicyVersions(_ context.Context, in *iam.ListPolicyVersionsInput, _ ...func(*iam.Options)) (*iam.ListPolicyVersionsOutput, error) {
	return iamRead(i, "ListPolicyVersions", func(w *iamWorld) (*iam.ListPolicyVersionsOutput, error) {
		p, err := w.anyPolicy(in.PolicyArn)
		if err != nil {
			return nil, err
		}
		var list []types.PolicyVersion
		for _, v := range slices.Backward(p.versions) {
			shown := p.version(v)
			shown.Document = nil
			list = append(list, shown)
		}
		part, next, err := iamPage(list, in.Marker, in.MaxItems)
		return &iam.ListPolicyVersionsOutput{Versions: part, IsTruncated: next != nil, Marker: next}, err
	})
}
