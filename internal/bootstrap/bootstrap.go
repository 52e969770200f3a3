// Package bootstrap says what a person with administrator rights makes once, so
// that this tool can work in an account and can do no more than its work: three
// roles, the boundary that whatever the tool creates must carry, the trust in
// the forge's identities, and the store. The tool itself never changes any of
// it. Nothing here is asked of AWS.
package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// ForgeIssuer is the host of GitHub's OIDC issuer for jobs, Audience what AWS
// asks for (GitHub documentation, "Configuring OpenID Connect in Amazon Web
// Services").
const (
	ForgeIssuer = "token.actions.githubusercontent.com"
	Audience    = "sts.amazonaws.com"
)

// Path is where the tool's own roles live: nothing that the tool writes is
// below it.
const Path = "/reconcile-tool/"

// sessionSeconds is the longest session of the tool's roles: one hour, IAM's
// default. A longer apply takes new credentials.
const sessionSeconds = 3600

// Set is all that a bootstrap makes for one environment.
type Set struct {
	Environment string
	Account     string
	Region      string
	// Provider is the ARN of the forge's OIDC provider.
	Provider string
	// Boundary is the most that any user or role made by the tool may do.
	Boundary Policy
	// Roles are plan, apply and watch.
	Roles []Role
	// Store is where the journal lives; nil where it is a folder.
	Store *Store
}

// Policy is a managed policy.
type Policy struct {
	Name, ARN, Description string
	Document               access.Document
}

// Role is one of the tool's roles with the policies that it has.
type Role struct {
	Name, ARN, Description string
	Trust                  access.Document
	// Policies are managed policies of the role's own; there are several where
	// one would be too long.
	Policies       []Policy
	SessionSeconds int
}

// Store is the bucket of the journal.
type Store struct {
	Bucket, Prefix, Region string
	Policy                 access.Document
}

// BoundaryName is the name of the boundary of an environment's principals.
func BoundaryName(environment string) string { return "reconcile-boundary-" + environment }

// The names of the tool's roles begin with these.
const (
	planRole  = "reconcile-plan-"
	applyRole = "reconcile-apply-"
	watchRole = "reconcile-watch-"
)

// Make works out the set from what the kinds say that they ask of AWS. It is an
// error when an action has no scope here: nobody gets a right by accident.
func Make(env *config.Environment, actions []kind.Action) (*Set, error) {
	if env.Tool == nil {
		return nil, errors.New("the environment does not say which repository may assume the tool's roles\nhint: tool: repository: \"owner/name\"")
	}
	m := &maker{env: env, account: env.AWS.Account}
	set := &Set{
		Environment: env.Name, Account: m.account, Region: env.AWS.Region,
		Provider: "arn:aws:iam::" + m.account + ":oidc-provider/" + ForgeIssuer,
		Boundary: m.boundary(), Store: m.store(),
	}
	reads, writes := split(actions)
	for _, r := range []struct {
		prefix, description string
		subjects            []string
		actions             []string
		more                []access.Statement
	}{
		{planRole, "reads what a plan needs and writes nothing", env.Tool.PlanSubjects, reads, m.journalReading()},
		{applyRole, "applies reviewed plans", env.Tool.ApplySubjects, slices.Concat(reads, writes), slices.Concat(m.journalWriting(), m.signing(), m.narrowing(), m.forbidden(set))},
		{watchRole, "reads what verify needs and writes nothing", env.Tool.WatchSubjects, reads, m.journalReading()},
	} {
		statements, err := m.scoped(r.actions)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", r.prefix, env.Name, err)
		}
		role := Role{
			Name: r.prefix + env.Name, Description: r.description + " in " + env.Name,
			ARN:   roleARN(m.account, r.prefix+env.Name),
			Trust: m.trust(set.Provider, r.subjects), SessionSeconds: sessionSeconds,
		}
		if r.prefix == applyRole {
			role.Trust.Statements = append(role.Trust.Statements, trustItself(m.account, role.ARN))
		}
		if role.Policies, err = m.policies(role, fenced(append(statements, r.more...))); err != nil {
			return nil, err
		}
		set.Roles = append(set.Roles, role)
	}
	return set, nil
}

// Actions joins what all kinds declare.
func Actions(kinds []kind.Kind) []kind.Action {
	var all []kind.Action
	for _, k := range kinds {
		all = append(all, k.Actions...)
	}
	return all
}

// split sorts actions into those that read and those that write, each once.
// What gives a secret or a signature is no reading, whatever a kind says.
func split(actions []kind.Action) (reads, writes []string) {
	for _, a := range actions {
		switch {
		case slices.Contains(powers(), a.Name):
			// The apply role's own statements give these, narrower.
		case a.Writes:
			writes = append(writes, a.Name)
		default:
			reads = append(reads, a.Name)
		}
	}
	slices.Sort(reads)
	slices.Sort(writes)
	return slices.Compact(reads), slices.Compact(writes)
}

// powers are the actions that are given by name and never by a kind's list.
func powers() []string { return []string{"kms:Sign", "kms:Decrypt", "secretsmanager:GetSecretValue"} }

type maker struct {
	env     *config.Environment
	account string
}

// trust admits exactly the stated subjects of the forge.
func (m *maker) trust(provider string, subjects []string) access.Document {
	return document(access.Statement{
		Sid: "Forge", Effect: access.Allow, Actions: []string{"sts:AssumeRoleWithWebIdentity"},
		Principals: map[string]access.Values{"Federated": access.Literals(provider)},
		Conditions: map[string]map[string]access.Values{"StringEquals": {
			ForgeIssuer + ":aud": access.Literals(Audience),
			ForgeIssuer + ":sub": access.Literals(slices.Sorted(slices.Values(subjects))...),
		}},
	})
}

// policyCharacters is the most that a managed policy may hold, white space not
// counted (IAM User Guide, "IAM and AWS STS quotas").
const policyCharacters = 6144

// policies packs statements into as few managed policies as hold them.
func (m *maker) policies(role Role, statements []access.Statement) ([]Policy, error) {
	var packed []Policy
	var current []access.Statement
	flush := func() {
		if len(current) == 0 {
			return
		}
		name := role.Name
		if len(packed) > 0 {
			name = fmt.Sprintf("%s-%d", role.Name, len(packed)+1)
		}
		packed = append(packed, Policy{
			Name: name, ARN: "arn:aws:iam::" + m.account + ":policy" + Path + name,
			Description: role.Description, Document: document(current...),
		})
		current = nil
	}
	for _, s := range statements {
		if size(document(s)) > policyCharacters {
			return nil, fmt.Errorf("%s: statement %s has %d characters, a policy holds %d", role.Name, s.Sid, size(document(s)), policyCharacters)
		}
		if len(current) > 0 && size(document(append(slices.Clone(current), s)...)) > policyCharacters {
			flush()
		}
		current = append(current, s)
	}
	flush()
	return packed, nil
}

func size(d access.Document) int {
	text, err := d.Text()
	if err != nil {
		return policyCharacters + 1
	}
	return len(strings.Join(strings.Fields(text), ""))
}

func document(statements ...access.Statement) access.Document {
	return access.Document{Version: access.Version, Statements: statements}
}

// ApplyRoleARN is the role that applies plans in an environment.
func ApplyRoleARN(account, environment string) string {
	return roleARN(account, applyRole+environment)
}

// RoleARNs are all of the tool's roles in an environment.
func RoleARNs(account, environment string) []string {
	return []string{roleARN(account, applyRole+environment), roleARN(account, planRole+environment), roleARN(account, watchRole+environment)}
}

func roleARN(account, name string) string { return "arn:aws:iam::" + account + ":role" + Path + name }
