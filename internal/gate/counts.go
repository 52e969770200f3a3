package gate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// counts holds the belts on how much of an environment one plan may touch.
// Top-ups are left out: what moves by itself is held by the money belts.
func (j *judge) counts() {
	belts := j.in.Governance.Belts
	updates, deletes := 0, 0
	var keys []string
	for _, c := range j.in.Plan.Changes {
		if c.ID.Kind == plan.GovernanceKind {
			continue
		}
		traits := j.in.Traits[c.ID.Kind]
		switch {
		case c.Action == plan.Delete:
			deletes++
		case c.Action != plan.Create && !onlyMoving(traits, c):
			updates++
		}
		if traits.Keys && retires(c) {
			keys = append(keys, c.ID.Name)
		}
	}
	if j.in.Total >= belts.MinResources {
		j.share("belt-update-share", "updates", updates, belts.UpdateShare, "updateShare")
		j.share("belt-delete-share", "deletes", deletes, belts.DeleteShare, "deleteShare")
	}
	j.count("belt-updates", "updates "+resources(updates), updates, belts.Updates, "updates")
	j.count("belt-deletes", "removes "+resources(deletes), deletes, belts.Deletes, "deletes")
	j.count("belt-keys", fmt.Sprintf("disables or retires %d keys (%s)", len(keys), some(keys)), len(keys), belts.KeysRetired, "keysRetired")
	widened := j.widened()
	j.count("belt-access", fmt.Sprintf("gives %d principals what they could not do before (%s)", len(widened), some(widened)), len(widened), belts.AccessWidened, "accessWidened")
}

func (j *judge) share(rule, what string, count, limit int, field string) {
	// What is declared may be less than what goes: 100 % is all there is.
	if count == 0 || limit >= 100 || count*100 <= limit*j.in.Total {
		return
	}
	percent := "all"
	if j.in.Total > 0 {
		percent = fmt.Sprintf("%d%%", (count*100+j.in.Total-1)/j.in.Total)
	}
	j.find(rule, resource.Refuse, resource.ID{},
		fmt.Sprintf("the plan %s %d of %d resources (%s), the limit is %d%%", what, count, j.in.Total, percent, limit), inParts(field))
}

func (j *judge) count(rule, what string, count int, limit *int, field string) {
	if limit == nil || count <= *limit {
		return
	}
	j.find(rule, resource.Refuse, resource.ID{}, fmt.Sprintf("the plan %s, the limit is %d in one plan", what, *limit), inParts(field))
}

// inParts is what an operator can do about a belt that counts.
func inParts(field string) string {
	return "apply it in parts (--only), or raise belts." + field + " by a reviewed line in the environment's governance"
}

func resources(n int) string { return fmt.Sprintf("%d %s", n, plural(n, "resource")) }

// some prints the first of a list, and how many more there are.
func some(list []string) string {
	const shown = 4
	if len(list) <= shown {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:shown], "; "), len(list)-shown)
}

// retires reports a change that ends the use of a key.
func retires(c plan.Change) bool {
	return c.Action == plan.Delete || slices.ContainsFunc(c.Steps, func(s resource.Step) bool {
		return strings.HasPrefix(s.Op, "disable") || strings.HasPrefix(s.Op, "retire") || strings.HasPrefix(s.Op, "schedule")
	})
}

// widened lists every principal that gains something once, with the first of what.
func (j *judge) widened() []string {
	gains := slices.Clone(j.in.Widened)
	slices.SortFunc(gains, func(a, b Gain) int {
		return strings.Compare(a.Principal+"\x00"+a.Action+"\x00"+a.On, b.Principal+"\x00"+b.Action+"\x00"+b.On)
	})
	var all []string
	for i := 0; i < len(gains); {
		first, more := gains[i], 0
		for i++; i < len(gains) && gains[i].Principal == first.Principal; i++ {
			if gains[i] != gains[i-1] {
				more++
			}
		}
		text := fmt.Sprintf("%s: %s on %s", first.Principal, first.Action, first.On)
		if more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, text)
	}
	return all
}

// quorums holds the belts on who decides: a set or a Safe moves in steps that a
// reviewer can follow.
func (j *judge) quorums() {
	belts := j.in.Governance.Belts
	for _, c := range j.in.Plan.Changes {
		of := j.in.Traits[c.ID.Kind].Quorum
		if of == (resource.Quorum{}) || c.Before == nil || c.After == nil {
			continue
		}
		if move, moved := j.thresholdMove(of.Threshold, c); moved && belts.ThresholdMove != nil && move.by > *belts.ThresholdMove {
			j.find("belt-threshold", resource.Refuse, c.ID,
				fmt.Sprintf("the threshold moves from %s to %s; the limit is %d in one plan", move.from, move.to, *belts.ThresholdMove), inSteps("thresholdMove"))
		}
		joining, leaving := j.memberMoves(of.Members, c)
		if limit := belts.MemberMoves; limit != nil && joining+leaving > *limit {
			j.find("belt-members", resource.Refuse, c.ID,
				fmt.Sprintf("%d join and %d leave, %d together; the limit is %d in one plan", joining, leaving, joining+leaving, *limit), inSteps("memberMoves"))
		}
	}
}

func inSteps(field string) string {
	return "move it in steps, each a plan of its own, or raise belts." + field + " by a reviewed line in the environment's governance"
}

// moved is a threshold before and after.
type moved struct {
	from, to string
	by       int
}

// farther is more than any limit: what cannot be read as a number.
const farther = 1 << 30

// thresholdMove is how far the threshold moves; false where either side has none:
// there was no quorum before, or none is declared.
func (j *judge) thresholdMove(path string, c plan.Change) (moved, bool) {
	before, had := c.Before.Attrs[path]
	after, has := c.After[path]
	if !had || !has || before == nil || after == nil {
		return moved{}, false
	}
	m := moved{from: fmt.Sprint(before), to: fmt.Sprint(after), by: farther}
	from, errFrom := strconv.Atoi(m.from)
	to, errTo := strconv.Atoi(m.to)
	if errFrom == nil && errTo == nil {
		m.by = max(from-to, to-from)
	}
	return m, true
}

// memberMoves counts who joins and who leaves; nobody, where either side has no
// list. A member whose address is not known yet joins.
func (j *judge) memberMoves(path string, c plan.Change) (joining, leaving int) {
	before, had := members(c.Before.Attrs[path], nil)
	after, has := members(c.After[path], j.in.Plan.Resolved)
	if !had || !has {
		return 0, 0
	}
	for member := range after {
		if !before[member] {
			joining++
		}
	}
	for member := range before {
		if !after[member] {
			leaving++
		}
	}
	return joining, leaving
}

// members reads a list of addresses and refs, in lower case.
func members(list any, resolved map[string]string) (map[string]bool, bool) {
	values, ok := list.([]any)
	all := map[string]bool{}
	for _, v := range values {
		text := fmt.Sprint(v)
		if ref, is := v.(resource.Ref); is && resolved[text] != "" {
			text = resolved[ref.String()]
		}
		all[strings.ToLower(text)] = true
	}
	return all, ok
}
