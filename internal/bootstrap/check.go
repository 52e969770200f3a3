package bootstrap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Rules of the findings about the tool's own rights.
const (
	RuleMissing = "not-bootstrapped"
	RuleDiffers = "bootstrap-differs"
)

// Check compares what IAM holds with what a person should have made there. What
// is missing is a note; what differs may be somebody who gives the tool, or
// himself, more than it needs, and is to be acknowledged.
func (s *Set) Check(live *access.Directory) []resource.Finding {
	c := &checker{policies: map[string]access.Policy{}, roles: map[string]access.Role{}, hint: "reconcile bootstrap " + s.Environment + " --check"}
	for _, p := range live.Policies {
		c.policies[p.ARN] = p
	}
	for _, r := range live.Roles {
		c.roles[r.ARN] = r
	}
	c.policy(s.Boundary)
	for _, r := range s.Roles {
		for _, p := range r.Policies {
			c.policy(p)
		}
		c.role(r)
	}
	slices.SortFunc(c.found, resource.Finding.Compare)
	return c.found
}

type checker struct {
	policies map[string]access.Policy
	roles    map[string]access.Role
	hint     string
	found    []resource.Finding
}

func (c *checker) missing(id resource.ID, arn string) {
	c.found = append(c.found, resource.Finding{Rule: RuleMissing, Severity: resource.Note, ID: id, Reason: arn + " is not there", Hint: c.hint})
}

func (c *checker) differs(id resource.ID, format string, args ...any) {
	c.found = append(c.found, resource.Finding{Rule: RuleDiffers, Severity: resource.Acknowledge, ID: id, Reason: fmt.Sprintf(format, args...), Hint: c.hint})
}

func (c *checker) policy(want Policy) {
	id := config.PolicyID(want.Name)
	have, there := c.policies[want.ARN]
	switch {
	case !there:
		c.missing(id, want.ARN)
	case !have.Document.Equivalent(want.Document):
		c.differs(id, "%s says something else than the tool needs", want.ARN)
	}
}

func (c *checker) role(want Role) {
	id := config.RoleID(want.Name)
	have, there := c.roles[want.ARN]
	if !there {
		c.missing(id, want.ARN)
		return
	}
	var attached []string
	for _, p := range want.Policies {
		attached = append(attached, p.ARN)
	}
	slices.Sort(attached)
	switch {
	case !have.Trust.Equivalent(want.Trust):
		c.differs(id, "%s trusts others than the declared repository", want.ARN)
	case !slices.Equal(have.Attached, attached):
		c.differs(id, "%s has the policies %s, need %s", want.ARN, names(have.Attached), names(attached))
	case len(have.Inline) > 0:
		c.differs(id, "%s has %d inline policies, need none", want.ARN, len(have.Inline))
	}
}

// names are ARNs without what they all begin with.
func names(arns []string) string {
	if len(arns) == 0 {
		return "none"
	}
	short := make([]string, len(arns))
	for i, arn := range arns {
		short[i] = arn[strings.LastIndexByte(arn, '/')+1:]
	}
	return strings.Join(short, ", ")
}
