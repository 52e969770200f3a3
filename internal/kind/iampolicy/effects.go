package iampolicy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
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

// About is the name of the policy that the step is about.
func (p parameters) About() string { return p.Name + p.ARN[strings.LastIndexByte(p.ARN, '/')+1:] }

func (k *policies) do(ctx context.Context, resolved kind.Resolved, prepared kind.Prepared) (resource.Outputs, error) {
	w, err := k.write(resolved, prepared)
	return kind.DoWrite(ctx, k.Directory, w, err)
}

func (k *policies) probe(ctx context.Context, resolved kind.Resolved, prepared []kind.Prepared) (kind.Happened, resource.Outputs, error) {
	w, err := k.write(resolved, prepared...)
	return kind.ProbeWrite(ctx, k.Directory, w, err)
}

// write is the call that a step is. Only a creation and an adoption give the ARN
// out: to write to a policy is not to have made it.
func (k *policies) write(resolved kind.Resolved, prepared ...kind.Prepared) (*cloud.Write, error) {
	step := resolved.Step
	p, err := kind.DecodeStep[parameters](step)
	if err != nil {
		return nil, err
	}
	w, arn := &cloud.Write{Op: step.Op, Name: p.ARN}, aws.String(p.ARN)
	w.Guard = func(ctx context.Context, all *access.Directory) error { return k.mayWrite(ctx, resolved, p, all) }
	switch step.Op {
	case opCreate:
		return w, k.create(w, resolved.Environment, p, prepared)
	case opWrite, opNarrow, opReturn, opNarrowBack:
		return w, k.putInForce(w, p)
	case opPrune:
		w.Action, w.Removes = "iam:DeletePolicyVersion", true
		w.Send = cloud.Sending(k.IAM.DeletePolicyVersion, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String(p.Version)})
		w.Shows = func(all *access.Directory) bool {
			live := all.Policy(p.ARN)
			return live == nil || !slices.Contains(live.Versions, p.Version)
		}
	case opDelete:
		w.Action, w.Removes = "iam:DeletePolicy", true
		w.Send = cloud.Sending(k.IAM.DeletePolicy, &iam.DeletePolicyInput{PolicyArn: arn})
		w.Shows = func(all *access.Directory) bool { return all.Policy(p.ARN) == nil }
	case opProtect, kind.AdoptOp:
		w.Action, w.Send = "iam:TagPolicy", cloud.Sending(k.IAM.TagPolicy, &iam.TagPolicyInput{PolicyArn: arn, Tags: cloud.IAMTags(p.Tags)})
		w.Asks = func(ctx context.Context) (bool, error) {
			tags, err := cloud.PolicyTags(ctx, k.IAM, p.ARN)
			return access.Entity{Tags: tags}.Tagged(p.Tags), err
		}
		if step.Op == kind.AdoptOp {
			w.Made = resource.Outputs{"arn": p.ARN}
		}
	default:
		return nil, fmt.Errorf("%s: no operation %q", step.ID, step.Op)
	}
	return w, nil
}

// putInForce writes a document as a new version, or puts the version that has it
// in force again.
func (k *policies) putInForce(w *cloud.Write, p parameters) error {
	text, err := p.Document.Text()
	arn := aws.String(p.ARN)
	w.Action = "iam:CreatePolicyVersion"
	w.Send = cloud.Sending(k.IAM.CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: &text, SetAsDefault: true})
	if p.Version != "" {
		w.Action = "iam:SetDefaultPolicyVersion"
		w.Send = cloud.Sending(k.IAM.SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String(p.Version)})
	}
	w.Shows = func(all *access.Directory) bool {
		live := all.Policy(p.ARN)
		if live == nil || !live.Document.Equivalent(p.Document) {
			return false
		}
		w.Made = resource.Outputs{"version": live.DefaultVersion}
		return true
	}
	return err
}

// create makes the policy with its tags, the attempt's intent among them, so
// that a lost reply can be told from somebody else's policy.
func (k *policies) create(w *cloud.Write, env *config.Environment, p parameters, prepared []kind.Prepared) error {
	attempts, err := kind.Intents(prepared...)
	if err != nil {
		return err
	}
	text, err := p.Document.Text()
	in := &iam.CreatePolicyInput{PolicyName: &p.Name, Path: &p.Path, PolicyDocument: &text, Tags: cloud.IAMTags(kind.WithIntent(p.Tags, attempts))}
	if p.Description != "" {
		in.Description = &p.Description
	}
	w.Action, w.Name, w.Guard, w.Send = "iam:CreatePolicy", p.Path+p.Name, nil, cloud.Sending(k.IAM.CreatePolicy, in)
	w.Named = func(all *access.Directory) string { return all.Taken("policy", p.Name) }
	w.Asks = func(ctx context.Context) (bool, error) {
		all, err := k.Directory.Fresh(ctx)
		if err != nil {
			return false, err
		}
		live := all.Policy(config.Policy{Name: p.Name, Path: p.Path}.ARN(env.AWS.Account))
		if live == nil {
			return false, nil
		}
		w.Made = outputsOf(*live)
		tags, err := cloud.PolicyTags(ctx, k.IAM, live.ARN)
		if cloud.NotFound(err) {
			return false, nil // its tags are not everywhere yet
		}
		return slices.Contains(attempts, tags[kind.TagIntent]), err
	}
	return err
}

// mayWrite says why the policy as it is now must not be written.
func (k *policies) mayWrite(ctx context.Context, resolved kind.Resolved, p parameters, all *access.Directory) error {
	live, env, step := all.Policy(p.ARN), resolved.Environment, resolved.Step
	if live == nil {
		return fmt.Errorf("%s is not there", p.ARN)
	}
	if !kind.InPath(env, live.Path) {
		tags, err := cloud.PolicyTags(ctx, k.IAM, p.ARN)
		if err != nil {
			return err
		}
		nobodys := kind.MarkOf(tags, env.Name, false)+kind.PathMark(env, live.Path) == ""
		if !kind.Marked(tags, env.Name, step.ID) && !(nobodys && step.Op == kind.AdoptOp) {
			return fmt.Errorf("%s does not carry the mark of %s", p.ARN, step.ID)
		}
	}
	switch by := all.Attachments()[p.ARN]; {
	case step.Op == opDelete && len(by) > 0:
		// The emulator deletes what is attached; AWS refuses.
		return fmt.Errorf("%s is attached to %s", p.ARN, strings.Join(by.Names(), ", "))
	case step.Op == opPrune && live.DefaultVersion == p.Version:
		return fmt.Errorf("version %s of %s is in force", p.Version, p.ARN)
	case p.From == "":
		return nil
	case live.DefaultVersion != p.From:
		// Whether it narrows was judged against that version and no other.
		return fmt.Errorf("%s: version %s is in force, planned was from %s", p.ARN, live.DefaultVersion, p.From)
	case (step.Op == opNarrow || step.Op == opNarrowBack) && !access.Narrows(live.Document, p.Document):
		return fmt.Errorf("%s: it gives something that the document in force does not", p.ARN)
	case p.Version != "" && !p.Document.Equivalent(live.Older[p.Version]):
		return fmt.Errorf("%s: version %s does not mean what was planned", p.ARN, p.Version)
	default:
		return nil
	}
}
