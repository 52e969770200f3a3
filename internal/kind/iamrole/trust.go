package iamrole

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// What trusts are made of (IAM User Guide, "Create a role for OpenID Connect
// federation", "Third-party access: external ID"; ECS Developer Guide, "Amazon
// ECS task IAM role").
const (
	tokenAudience  = "sts.amazonaws.com"
	taskService    = "ecs-tasks.amazonaws.com"
	githubProvider = "token.actions.githubusercontent.com"
	byToken        = "sts:AssumeRoleWithWebIdentity"
	byCredentials  = "sts:AssumeRole"
)

// trustOf is the document that admits exactly who is listed, one statement each.
func trustOf(aws config.AWS, list []config.Trust) (access.Document, error) {
	if len(list) == 0 {
		return access.Document{}, errors.New("nobody is admitted, need at least one way in")
	}
	d := access.Document{Version: access.Version}
	for i, way := range list {
		s, err := statementOf(aws, way)
		if err != nil {
			return access.Document{}, fmt.Errorf("way %d (%s): %w", i+1, way.Kind, err)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func statementOf(aws config.AWS, way config.Trust) (access.Statement, error) {
	switch way.Kind {
	case config.TrustIRSA:
		fields := []field{{"provider", way.Provider}, {"namespace", way.Namespace}, {"service account", way.ServiceAccount}}
		return byOIDC(aws.Account, way.Provider, "system:serviceaccount:"+way.Namespace+":"+way.ServiceAccount), exact(fields...)
	case config.TrustGitHub:
		fields := make([]field, 0, len(way.Subjects))
		for _, subject := range way.Subjects {
			fields = append(fields, field{"subject", subject})
		}
		if len(fields) == 0 {
			return access.Statement{}, errors.New("no subject is named")
		}
		return byOIDC(aws.Account, githubProvider, way.Subjects...), exact(fields...)
	case config.TrustECS:
		account := way.Account
		if account == "" {
			account = aws.Account
		}
		return access.Statement{
			Effect: access.Allow, Actions: []string{byCredentials}, Principals: map[string]access.Values{"Service": access.Literals(taskService)},
			Conditions: map[string]map[string]access.Values{
				"StringEquals": {"aws:SourceAccount": access.Literals(account)},
				"ArnLike":      {"aws:SourceArn": access.Literals("arn:aws:ecs:" + aws.Region + ":" + account + ":*")},
			},
		}, exact(field{"account", account}, field{"region", aws.Region})
	case config.TrustAccount:
		return byAccount(way)
	default:
		return access.Statement{}, fmt.Errorf("not one of %s, %s, %s, %s", config.TrustIRSA, config.TrustECS, config.TrustAccount, config.TrustGitHub)
	}
}

// byOIDC admits the tokens of one provider that were made for us and are of one
// of the subjects.
func byOIDC(account, provider string, subjects ...string) access.Statement {
	subjects = slices.Sorted(slices.Values(subjects))
	return access.Statement{
		Effect: access.Allow, Actions: []string{byToken},
		Principals: map[string]access.Values{"Federated": access.Literals("arn:aws:iam::" + account + ":oidc-provider/" + provider)},
		Conditions: map[string]map[string]access.Values{"StringEquals": {
			provider + ":aud": access.Literals(tokenAudience), provider + ":sub": access.Literals(subjects...),
		}},
	}
}

// byAccount admits a principal of another account, or whom that account chooses,
// if the external id is presented.
func byAccount(way config.Trust) (access.Statement, error) {
	principal := way.Principal
	if principal == "" {
		principal = "arn:aws:iam::" + way.Account + ":root"
	}
	s := access.Statement{
		Effect: access.Allow, Actions: []string{byCredentials}, Principals: map[string]access.Values{"AWS": access.Literals(principal)},
		Conditions: map[string]map[string]access.Values{"StringEquals": {"sts:ExternalId": access.Literals(way.ExternalID)}},
	}
	if err := exact(field{"account", way.Account}, field{"principal", principal}, field{"external id", way.ExternalID}); err != nil {
		return s, err
	}
	if !strings.HasPrefix(principal, "arn:aws:iam::"+way.Account+":") {
		return s, fmt.Errorf("principal %s is not of account %s", principal, way.Account)
	}
	return s, nil
}

type field struct{ name, value string }

// exact refuses what is missing and what could stand for more than itself: a
// wildcard, or a policy variable such as ${aws:username}.
func exact(fields ...field) error {
	for _, f := range fields {
		switch {
		case f.value == "":
			return fmt.Errorf("the %s is missing", f.name)
		case strings.ContainsAny(f.value, "*?") || strings.Contains(f.value, "${"):
			return fmt.Errorf("the %s %q holds a wildcard or a variable: a trust names exactly whom it admits", f.name, f.value)
		}
	}
	return nil
}
