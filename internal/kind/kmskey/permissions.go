package kmskey

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// policyName is the only name that a key's policy can have (KMS API reference).
const policyName = "default"

// grantPage is the largest page of ListGrants (KMS API reference).
const grantPage = 100

// permissions fills in who may do what with the key, where access is declared.
func (r *region) permissions(ctx context.Context, s *survey, c candidate, spec *Spec, m *types.KeyMetadata) error {
	if r.env.Access == nil {
		return nil
	}
	live, err := policyOf(ctx, r.kms, c.keyID)
	if err != nil {
		return err
	}
	spec.Policy = &live
	if spec.Grants, err = grantsOf(ctx, r.kms, c.keyID); err != nil {
		return err
	}
	spec.Aliases = s.pointing[c.keyID]
	if r.narrow {
		if spec.Aliases, err = aliasesOf(ctx, r.kms, c.keyID); err != nil {
			return err
		}
	}
	r.noteSigners(ctx, c, s, *spec, aws.ToString(m.Arn))
	return nil
}

// noteSigners says which principals could do without the key's own policy: of
// those whom it names and whom the declared access wants to sign by IAM. Where
// IAM cannot be read nobody is known to.
func (r *region) noteSigners(ctx context.Context, c candidate, s *survey, spec Spec, arn string) {
	named := slices.DeleteFunc(slices.Clone(r.rights.byIAM[r.declared[c.id].Name]), func(who string) bool { return !names(spec.Policy, who) })
	if len(named) == 0 || r.Directory == nil {
		return
	}
	read := r.Directory.All
	if r.narrow {
		read = r.Directory.Fresh
	}
	directory, err := read(ctx)
	if err != nil {
		return
	}
	everything := rights{account: r.env.AWS.Account}.policy(&config.KeyPolicy{Delegate: config.DelegateAll})
	world := &access.World{Account: r.env.AWS.Account, Directory: *directory, Keys: []access.Key{{
		ID: c.id, ARN: arn, Aliases: spec.Aliases, Tags: s.tags[c.keyID], Policy: *everything,
	}}}
	able := slices.DeleteFunc(named, func(who string) bool {
		return world.Decide(access.Request{Principal: who, Action: actSign, Resource: arn}).Verdict != access.Allowed
	})
	if len(able) > 0 {
		r.note(c.id, factByIAM, strings.Join(able, " "))
	}
}

// policyOf reads a key's policy; one that is not understood has a Fault.
func policyOf(ctx context.Context, api API, keyID string) (access.Document, error) {
	out, err := api.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String(keyID), PolicyName: aws.String(policyName)})
	if err != nil {
		return access.Document{}, cloud.Explain("kms:GetKeyPolicy", keyID, err)
	}
	return access.Read(aws.ToString(out.Policy)), nil
}

// grantsOf reads all grants of a key, in order of their ids.
func grantsOf(ctx context.Context, api API, keyID string) ([]access.Grant, error) {
	var grants []access.Grant
	in := &kms.ListGrantsInput{KeyId: aws.String(keyID), Limit: aws.Int32(grantPage)}
	for {
		out, err := api.ListGrants(ctx, in)
		if err != nil {
			return nil, cloud.Explain("kms:ListGrants", keyID, err)
		}
		for _, entry := range out.Grants {
			grant := access.Grant{
				ID: aws.ToString(entry.GrantId), Name: aws.ToString(entry.Name), Grantee: aws.ToString(entry.GranteePrincipal),
				Retiring: aws.ToString(entry.RetiringPrincipal), Constrained: entry.Constraints != nil,
			}
			for _, operation := range entry.Operations {
				grant.Operations = append(grant.Operations, string(operation))
			}
			slices.Sort(grant.Operations)
			grants = append(grants, grant)
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			slices.SortFunc(grants, func(a, b access.Grant) int { return strings.Compare(a.ID, b.ID) })
			return grants, nil
		}
	}
}

// aliasesOf lists the aliases of one key, in order.
func aliasesOf(ctx context.Context, api API, keyID string) ([]string, error) {
	var aliases []string
	in := &kms.ListAliasesInput{KeyId: aws.String(keyID), Limit: aws.Int32(aliasPage)}
	for {
		out, err := api.ListAliases(ctx, in)
		if err != nil {
			return nil, cloud.Explain("kms:ListAliases", keyID, err)
		}
		for _, alias := range out.Aliases {
			aliases = append(aliases, aws.ToString(alias.AliasName))
		}
		if in.Marker = out.NextMarker; !out.Truncated || in.Marker == nil {
			slices.Sort(aliases)
			return aliases, nil
		}
	}
}

// putPolicy replaces a key's policy. A principal that was made a moment ago may
// not be known everywhere yet, which KMS reports as a malformed document.
// BypassPolicyLockoutSafetyCheck is never set, and what would lock everybody
// out is not even sent.
func (k *kmsKey) putPolicy(ctx context.Context, api API, p parameters) error {
	if p.Policy == nil || !administered(p.Policy) {
		return &kind.NotAcceptedError{Err: errors.New("the policy leaves nobody who could change it again")}
	}
	text, err := p.Policy.Text()
	if err != nil {
		return &kind.NotAcceptedError{Err: err}
	}
	in := &kms.PutKeyPolicyInput{KeyId: aws.String(p.Key), PolicyName: aws.String(policyName), Policy: aws.String(text)}
	err = cloud.AwaitPrincipal(ctx, k.Clock, func() error {
		_, err := api.PutKeyPolicy(ctx, in)
		return err
	})
	return refused(cloud.Explain("kms:PutKeyPolicy", p.Key, err))
}
