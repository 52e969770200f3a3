package gate

import (
	"fmt"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// inventory refuses to remove what only says that it is ours: a mark is a tag,
// and whoever may tag could aim a removal at somebody else's object. The journal
// must name that very object as one that we made or took over.
func (j *judge) inventory() {
	for _, c := range j.in.Plan.Changes {
		if c.Action != plan.Delete || c.Before == nil {
			continue
		}
		arn := c.Before.Outputs["arn"]
		if arn == "" || j.in.Ledger.Made[arn] {
			continue
		}
		j.find(RuleInventory, resource.Refuse, c.ID, NotMade(arn), NotMadeHint)
	}
}

// RuleInventory is the rule of a removal that the journal knows nothing of,
// NotMadeHint what to do about it.
const (
	RuleInventory = "not-in-inventory"
	NotMadeHint   = "if it is ours, adopt it with a plan first; if not, take the mark off by hand"
)

// NotMade says what is wrong with removing an object.
func NotMade(arn string) string {
	return fmt.Sprintf("%s carries our mark, and the journal never made or adopted it: a forged mark may not aim a removal", arn)
}
