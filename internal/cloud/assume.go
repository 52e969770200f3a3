package cloud

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Assume takes a role on, with no more rights than the session policy leaves it,
// and asserts the account again. The new session takes the role on once more
// when its credentials end, with the credentials of this one: an hour is the
// longest that AWS gives a role that was reached from another role (IAM User
// Guide, "Roles terms and concepts", role chaining).
func (s *Session) Assume(ctx context.Context, role, name, policy string) (*Session, error) {
	client := sts.NewFromConfig(s.base, func(o *sts.Options) { o.BaseEndpoint = s.endpoint() })
	provider := aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = name
		if policy != "" {
			o.Policy = aws.String(policy)
		}
	}))
	if _, err := provider.Retrieve(ctx); err != nil {
		return nil, Explain("sts:AssumeRole", role, err)
	}
	options := s.options
	options.Credentials = provider
	assumed, err := Open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("as %s: %w", role, err)
	}
	return assumed, nil
}
