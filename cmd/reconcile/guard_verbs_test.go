package main

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/kinds"
)

// guardVerbs are the words of scripts about the tool's own roles.
func guardVerbs() map[string]func(*world, bool, []string) {
	return map[string]func(*world, bool, []string){"runs": (*world).runsAs, "lets": (*world).letsIn, "writes": (*world).writesPolicy}
}

// writesPolicy makes a managed policy of nobody's: writes POLICY STATEMENT.
func (w *world) writesPolicy(_ bool, args []string) {
	document := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s]}`, args[1])
	_, err := w.session().IAM().CreatePolicy(w.ctx(), &iam.CreatePolicyInput{PolicyName: aws.String(args[0]), PolicyDocument: aws.String(document)})
	w.ts.Check(err)
}

// letsIn makes a role of nobody's that lets a principal in: lets ROLE ARN.
func (w *world) letsIn(_ bool, args []string) {
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}]}`, args[1])
	_, err := w.session().IAM().CreateRole(w.ctx(), &iam.CreateRoleInput{RoleName: aws.String(args[0]), AssumeRolePolicyDocument: aws.String(trust)})
	w.ts.Check(err)
}

// runsAs says as which of the tool's roles reconcile runs from now on: what that
// role may not do is refused: runs as ROLE, plan, apply or watch; runs as anybody.
func (w *world) runsAs(_ bool, args []string) {
	if len(args) != 2 || args[0] != "as" || !slices.Contains([]string{"plan", "apply", "watch", "anybody"}, args[1]) {
		w.ts.Fatalf("usage: runs as plan|apply|watch|anybody")
	}
	wire := w.at("aws")
	var guard *guard
	if args[1] != "anybody" {
		set, err := bootstrap.Make(w.environment(), kinds.Actions())
		w.ts.Check(err)
		guard, err = newGuard(set, args[1], newLookout(w.session()))
		w.ts.Check(err)
	}
	wire.mu.Lock()
	defer wire.mu.Unlock()
	wire.guard = guard
}
