package access

import "github.com/crosschain-ops/reconcile/internal/resource"

// World is what was read of one account, and all that this room knows. What
// AWS also weighs and we never read stands in Blind.
type World struct {
	// Account is the account's id, 12 digits.
	Account string
	// Environment names the deployment whose aliases begin with
	// alias/<environment>-; empty: none is looked for.
	Environment string
	// Managed are the ARNs of the users, groups, roles and policies that the
	// configuration declares. Only these, and what expected principals carry, are
	// judged by their form.
	Managed   []string
	Directory Directory
	Keys      []Key
	Buckets   []Bucket
	Providers []Provider
	// Unread says what could not be read, in words for a person.
	Unread []string
}

// Key is one KMS key and everything that decides who may use it.
type Key struct {
	ID  resource.ID
	ARN string
	// Aliases are whole: alias/staging-relayer-signer-sepolia.
	Aliases []string
	Tags    map[string]string
	Policy  Document
	Grants  []Grant
	// PolicyUnread, GrantsUnread and TagsUnread: what is missing here is not known.
	PolicyUnread, GrantsUnread, TagsUnread bool
}

// Grant gives operations of one key to one principal, beside all policies (KMS
// Developer Guide, "Grants in AWS KMS").
type Grant struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Grantee and Retiring are ARNs or service names; Retiring may be empty.
	Grantee  string `json:"grantee"`
	Retiring string `json:"retiring,omitempty"`
	// Operations as KMS names them: Sign, GetPublicKey.
	Operations []string `json:"operations"`
	// Constrained: the grant holds only for some encryption contexts.
	Constrained bool `json:"constrained,omitempty"`
}

// Bucket is one S3 bucket and its policy.
type Bucket struct {
	ID  resource.ID
	ARN string
	// Policy has no statements where the bucket has no policy.
	Policy Document
	// PolicyUnread: whether it has one is not known.
	PolicyUnread bool
	// RestrictPublic is the block "restrict public buckets": a public policy then
	// admits nobody outside the account.
	RestrictPublic bool
}

// Provider is an OIDC or SAML identity provider of the account.
type Provider struct {
	ARN string
}

// Blind says what AWS weighs and this package does not: every "allowed" is
// under the reservation that none of these takes it away.
func Blind() []string {
	return []string{
		"service and resource control policies of the organization",
		"session policies",
		"policies of VPC endpoints",
		"IAM of other accounts",
		"code and machines that already run with a role",
	}
}
