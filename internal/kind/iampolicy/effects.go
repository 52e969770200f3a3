package iampolicy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// parameters of every operation; each uses its own part.
type parameters struct {
	ARN         string            `json:"arn"`
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	Description string            `json:"description"`
	Document    access.Document   `json:"document,omitzero"`
	Tags        map[string]string `json:"tags"`
	// From is the version in force that was planned from, Version the one that is
	// put in force or deleted.
	From    string `json:"from"`
	Version string `json:"version"`
}

// intent is what the journal holds of an attempt.
type intent struct {
	Intent string `json:"intent"`
}

func prepare(_ context.Context, resolved kind.Resolved) (kind.Prepared, error) {
	if _, err := decode(resolved.Step); err != nil {
		return nil, err
	}
	data, err := resource.Canonical(intent{resolved.Intent})
	return kind.Prepared(data), err
}

func decode(step resource.Step) (parameters, error) {
	var p parameters
	if err := step.Params.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %s: parameters: %w", step.ID, step.Op, err)
	}
	named := p.ARN != ""
	if step.Op == opCreate {
		named = p.Name != "" && p.Path != ""
	}
	if !named {
		return p, fmt.Errorf("%s: %s: no policy is named", step.ID, step.Op)
	}
	return p, nil
}

func notAccepted(format string, args ...any) error {
	return &kind.NotAcceptedError{Err: fmt.Errorf(format, args...)}
}

// explain words a failed write, and marks the error that proves that nothing
// happened.
func explain(action, on string, err error) error {
	if cloud.NotAccepted(err) {
		return &kind.NotAcceptedError{Err: cloud.Explain(action, on, err)}
	}
	return cloud.Explain(action, on, err)
}

func (k *policies) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	if step.Op == opCreate {
		return k.create(ctx, p, prepared)
	}
	directory, live, err := k.ours(ctx, resolved, p)
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	by := attachments(directory)[p.ARN]
	switch {
	case live == nil && step.Op != opDelete && step.Op != opPrune:
		return nil, notAccepted("%s is not there", p.ARN)
	case step.Op == opDelete && len(by) > 0:
		// The emulator deletes what is attached; AWS refuses.
		return nil, notAccepted("%s is attached to %s", p.ARN, strings.Join(by, ", "))
	case live != nil && step.Op != opProtect && step.Op != kind.AdoptOp && !shows(step.Op, p, live):
		if err := k.write(ctx, step.Op, p, live); err != nil {
			return nil, err
		}
	case step.Op == opProtect || step.Op == kind.AdoptOp:
		_, err := k.IAM.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: aws.String(p.ARN), Tags: cloud.IAMTags(p.Tags)})
		if err != nil {
			return nil, explain("iam:TagPolicy", p.ARN, err)
		}
	}
	there, outputs, err := k.seen(ctx, step.Op, p)
	switch {
	case err != nil:
		return nil, fmt.Errorf("accepted, and then: %w", err)
	case !there:
		return nil, fmt.Errorf("%s was accepted and cannot be seen yet", step.Op)
	}
	return outputs, nil
}

// ours reads the policy anew and refuses one that is not ours to write; nil: it
// is not there. An adoption asks for one that is nobody's.
func (k *policies) ours(ctx context.Context, resolved kind.Resolved, p parameters) (*access.Directory, *access.Policy, error) {
	directory, err := k.Directory.Fresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	live := byARN(directory, p.ARN)
	env, id := resolved.Environment, resolved.Step.ID
	if live == nil || within(env, live.Path) {
		return directory, live, nil
	}
	tags, err := k.tagsOf(ctx, p.ARN)
	free := resolved.Step.Op == kind.AdoptOp && markOf(env, live.Path, tags, false) == ""
	switch {
	case cloud.NotFound(err):
		return directory, nil, nil
	case err != nil:
		return nil, nil, err
	case free || marked(env, id, tags):
		return directory, live, nil
	default:
		return nil, nil, fmt.Errorf("%s does not carry the mark of %s", p.ARN, id)
	}
}

// write makes the one call that changes a live policy.
func (k *policies) write(ctx context.Context, op string, p parameters, live *access.Policy) error {
	arn := aws.String(p.ARN)
	switch op {
	case opWrite, opNarrow, opReturn, opNarrowBack:
		return k.putInForce(ctx, op, p, live)
	case opPrune:
		if live.DefaultVersion == p.Version {
			return notAccepted("version %s of %s is in force", p.Version, p.ARN)
		}
		_, err := k.IAM.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String(p.Version)})
		if cloud.NotFound(err) {
			return nil
		}
		return explain("iam:DeletePolicyVersion", p.ARN+" "+p.Version, err)
	case opDelete:
		_, err := k.IAM.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
		if cloud.NotFound(err) {
			return nil
		}
		return explain("iam:DeletePolicy", p.ARN, err)
	default:
		return notAccepted("no operation %q", op)
	}
}

// putInForce writes a document over the one that was planned from, and over no
// other: whether it narrows was judged against that one.
func (k *policies) putInForce(ctx context.Context, op string, p parameters, live *access.Policy) error {
	if live.DefaultVersion != p.From {
		return notAccepted("%s: version %s is in force, planned was from %s", p.ARN, live.DefaultVersion, p.From)
	}
	if (op == opNarrow || op == opNarrowBack) && !access.Narrows(live.Document, p.Document) {
		return notAccepted("%s: it gives something that the document in force does not", p.ARN)
	}
	if op == opReturn || op == opNarrowBack {
		if !p.Document.Equivalent(live.Older[p.Version]) {
			return notAccepted("%s: version %s does not mean what was planned", p.ARN, p.Version)
		}
		_, err := k.IAM.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: aws.String(p.ARN), VersionId: aws.String(p.Version)})
		return explain("iam:SetDefaultPolicyVersion", p.ARN, err)
	}
	text, err := p.Document.Text()
	if err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	in := &iam.CreatePolicyVersionInput{PolicyArn: aws.String(p.ARN), PolicyDocument: aws.String(text), SetAsDefault: true}
	_, err = k.IAM.CreatePolicyVersion(ctx, in)
	return explain("iam:CreatePolicyVersion", p.ARN, err)
}

// create makes the policy with its tags, the attempt's intent among them, so
// that a lost reply can be told from somebody else's policy.
func (k *policies) create(ctx context.Context, p parameters, prepared kind.Prepared) (resource.Outputs, error) {
	attempts, err := intents([]kind.Prepared{prepared})
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	text, err := p.Document.Text()
	if err != nil {
		return nil, &kind.NotAcceptedError{Err: err}
	}
	tags := maps.Clone(p.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[kind.TagIntent] = attempts[0]
	in := &iam.CreatePolicyInput{PolicyName: aws.String(p.Name), Path: aws.String(p.Path), PolicyDocument: aws.String(text), Tags: cloud.IAMTags(tags)}
	if p.Description != "" {
		in.Description = aws.String(p.Description)
	}
	_, err = k.IAM.CreatePolicy(ctx, in)
	if err != nil && !cloud.Exists(err) {
		return nil, explain("iam:CreatePolicy", p.Path+p.Name, err)
	}
	exists := err != nil
	happened, outputs, err := k.made(ctx, p, attempts)
	switch {
	case err != nil:
		return nil, fmt.Errorf("accepted, and then: %w", err)
	case happened == kind.Yes:
		return outputs, nil
	case exists && outputs != nil:
		return nil, notAccepted("iam:CreatePolicy on %s%s: the name is taken by %s", p.Path, p.Name, outputs["arn"])
	default:
		return nil, fmt.Errorf("%s was accepted and cannot be seen yet", opCreate)
	}
}

func intents(prepared []kind.Prepared) ([]string, error) {
	var attempts []string
	for _, one := range prepared {
		var attempt intent
		if err := json.Unmarshal(one, &attempt); err != nil || attempt.Intent == "" {
			return nil, errors.New("create-policy: the journal's record holds no intent")
		}
		attempts = append(attempts, attempt.Intent)
	}
	return attempts, nil
}

// made waits for a policy of the name and says whether one of the attempts
// made it. Outputs are those of whatever has the name.
func (k *policies) made(ctx context.Context, p parameters, attempts []string) (kind.Happened, resource.Outputs, error) {
	var live *access.Policy
	err := k.Directory.Settle(ctx, p.Path+p.Name, func(d *access.Directory) bool {
		live = named(d, p)
		return live != nil
	})
	if unsettled := (*cloud.UnsettledError)(nil); errors.As(err, &unsettled) {
		return kind.No, nil, nil
	}
	if err != nil {
		return kind.Unknown, nil, err
	}
	tags, err := k.tagsOf(ctx, live.ARN)
	switch {
	case err != nil:
		return kind.Unknown, nil, err
	case slices.Contains(attempts, tags[kind.TagIntent]):
		return kind.Yes, outputsOf(*live), nil
	default:
		return kind.No, outputsOf(*live), nil
	}
}

// shows reports whether the effect of an operation can be seen in the policy as
// the directory has it; nil: it is not there.
func shows(op string, p parameters, live *access.Policy) bool {
	switch op {
	case opWrite, opNarrow, opReturn, opNarrowBack:
		return live != nil && live.Document.Equivalent(p.Document)
	case opPrune:
		return live == nil || !slices.Contains(live.Versions, p.Version)
	case opDelete:
		return live == nil
	default:
		return false
	}
}

// seen waits until the effect of an operation is seen. Only an adoption gives
// the ARN out: to write to a policy is not to have made it.
func (k *policies) seen(ctx context.Context, op string, p parameters) (bool, resource.Outputs, error) {
	if op == opProtect || op == kind.AdoptOp {
		ok, err := k.Clock.Await(ctx, k.Waits, func() (bool, error) {
			tags, err := k.tagsOf(ctx, p.ARN)
			for name, value := range p.Tags {
				if tags[name] != value {
					return false, err
				}
			}
			return err == nil, err
		})
		if op == kind.AdoptOp {
			return ok, resource.Outputs{"arn": p.ARN}, err
		}
		return ok, nil, err
	}
	var version string
	err := k.Directory.Settle(ctx, op+" of "+p.ARN, func(d *access.Directory) bool {
		live := byARN(d, p.ARN)
		if live != nil {
			version = live.DefaultVersion
		}
		return shows(op, p, live)
	})
	if unsettled := (*cloud.UnsettledError)(nil); errors.As(err, &unsettled) {
		return false, nil, nil
	}
	if err != nil || op == opPrune || op == opDelete {
		return err == nil, nil, err
	}
	return true, resource.Outputs{"version": version}, nil
}

func (k *policies) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	step := resolved.Step
	p, err := decode(step)
	if err != nil {
		return kind.Unknown, nil, err
	}
	if step.Op == opCreate {
		attempts, err := intents(prepared)
		if err != nil {
			return kind.Unknown, nil, err
		}
		happened, outputs, err := k.made(ctx, p, attempts)
		if happened != kind.Yes {
			outputs = nil
		}
		return happened, outputs, err
	}
	there, outputs, err := k.seen(ctx, step.Op, p)
	switch {
	case err != nil:
		return kind.Unknown, nil, err
	case !there:
		// Each of these may be done twice without harm.
		return kind.No, nil, nil
	default:
		return kind.Yes, outputs, nil
	}
}

func byARN(directory *access.Directory, arn string) *access.Policy {
	for i := range directory.Policies {
		if directory.Policies[i].ARN == arn {
			return &directory.Policies[i]
		}
	}
	return nil
}

// named finds the policy that has the name: at the path that was asked for, or
// the one that keeps it from being taken.
func named(directory *access.Directory, p parameters) *access.Policy {
	var found *access.Policy
	for i, live := range directory.Policies {
		if strings.HasPrefix(live.ARN, awsOwned) || !strings.EqualFold(live.Name, p.Name) {
			continue
		}
		if found == nil || live.Path == p.Path {
			found = &directory.Policies[i]
		}
	}
	return found
}
