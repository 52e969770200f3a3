package proof

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// RuleInUse is the rule of a key that would lose its access, or be retired,
// while its address still stands somewhere.
const RuleInUse = "key-in-use"

// The kinds that say something of who acts, and nothing of policies.
const (
	kindSecretKey = "secret-key"
	kindAccessKey = "access-key"
)

// Actions that a key's agent needs: to sign, to read a key of hex digits, to
// publish.
const (
	actRead    = "secretsmanager:GetSecretValue"
	actPublish = "s3:PutObject"
)

// Bearer is a key that must be able to sign, because its address still stands
// somewhere.
type Bearer struct {
	Key resource.ID
	// Why says where it stands. A bearer without a reason is free to go.
	Why []string
	// Runs are ARNs of the principals that use the key by the configuration, Ran
	// those that did so by the one that was applied last.
	Runs, Ran []string
	// Anyone: neither configuration knows the key, so that whoever of
	// Input.Managed can sign counts.
	Anyone bool
	// Writes are objects (ARNs, may end in *) that a principal publishes to with it.
	Writes map[string][]string
}

// Kept is a plan without what would take a key's access too early.
type Kept struct {
	Changes  []plan.Change
	Deferred []plan.Deferred
	Findings []resource.Finding
}

// Keep puts off the changes after which nobody who runs a key in use could do
// its work any more, and those that wait for them. Who is replaced by another
// declared principal that can, is let go. Retiring such a key is refused.
func Keep(in Input, bearers []Bearer) Kept {
	bearers = slices.DeleteFunc(slices.Clone(bearers), func(b Bearer) bool { return len(b.Why) == 0 })
	k := keeper{in: in, bearers: bearers, why: map[resource.ID]string{}, after: map[resource.ID]resource.ID{}}
	out := Kept{Changes: in.Changes}
	if len(bearers) == 0 || !slices.ContainsFunc(in.Changes, func(c plan.Change) bool { return Bears(c) || c.ID.Kind == kindSecretKey }) {
		return out
	}
	out.Findings = k.retired()
	k.now = newProjection(in)
	k.moves = k.now.moves(in.Changes)
	k.hold()
	for more := true; more; {
		for k.round() {
		}
		// What waits for those may have been what replaced somebody.
		more = k.followers()
	}
	return k.result(out)
}

func (k *keeper) result(out Kept) Kept {
	out.Changes = slices.DeleteFunc(slices.Clone(k.in.Changes), func(c plan.Change) bool { return k.why[c.ID] != "" })
	for _, c := range k.in.Changes {
		why, after := k.why[c.ID], k.after[c.ID]
		switch {
		case why == "":
			continue
		case !after.IsZero():
			out.Deferred = append(out.Deferred, plan.Deferred{ID: c.ID, Reason: "waits for " + after.String() + ": " + why})
			continue
		}
		out.Deferred = append(out.Deferred, plan.Deferred{ID: c.ID, Reason: why})
		out.Findings = append(out.Findings, resource.Finding{
			Rule: RuleInUse, Severity: resource.Acknowledge, ID: c.ID, Reason: why, Hint: "plan again once nothing names the key and its grace is over",
		})
	}
	slices.SortFunc(out.Findings, resource.Finding.Compare)
	return out
}

// Bears reports a change that may take access from somebody.
func Bears(c plan.Change) bool {
	return c.Before != nil && (isAccess(c.ID.Kind) || c.ID.Kind == kindAccessKey) && !onlyAdopts(c)
}

// keeper works out what must wait.
type keeper struct {
	in      Input
	bearers []Bearer
	now     *projection
	moves   []move
	held    []claim
	// why says of each change that waits which key it is about; after names the
	// change that it waits for, where it takes nothing away itself.
	why   map[resource.ID]string
	after map[resource.ID]resource.ID
}

// claim is a right that a bearer's work needs and that somebody has now.
type claim struct {
	bearer    int
	principal string
	action    string
	on        string
	// is the answer now; whoever takes over must have as good a one.
	is int
}

// retired refuses to disable or remove the key itself.
func (k *keeper) retired() []resource.Finding {
	var found []resource.Finding
	for _, c := range k.in.Changes {
		if c.ID.Kind != kindKey && c.ID.Kind != kindSecretKey {
			continue
		}
		ends := c.Action == plan.Delete || slices.ContainsFunc(c.Steps, func(s resource.Step) bool {
			return strings.HasPrefix(s.Op, "disable") || strings.HasPrefix(s.Op, "retire") || strings.HasPrefix(s.Op, "schedule")
		})
		for _, b := range k.bearers {
			if ends && b.Key == c.ID {
				found = append(found, resource.Finding{
					Rule: RuleInUse, Severity: resource.Refuse, ID: c.ID, Reason: b.reason(), Hint: "take it out of what names it first, in a plan of its own",
				})
			}
		}
	}
	return found
}

// reason tells one place, and how many more there are.
func (b Bearer) reason() string {
	more := ""
	if len(b.Why) > 1 {
		more = fmt.Sprintf(", and %d more reasons", len(b.Why)-1)
	}
	return fmt.Sprintf("%s: %s%s", b.Key.Name, b.Why[0], more)
}

func (k *keeper) put(id resource.ID, b Bearer) {
	if k.why[id] == "" {
		k.why[id] = b.reason()
	}
}

// hold lists the rights that are there now.
func (k *keeper) hold() {
	q := k.now.world().Inquire()
	for i, b := range k.bearers {
		for _, principal := range k.people(b) {
			for _, c := range k.claims(i, principal) {
				if c.is = answer(q, c); c.is > 0 {
					k.held = append(k.held, c)
				}
			}
		}
		k.unknown(b)
	}
}

// people are those whose rights on a key count.
func (k *keeper) people(b Bearer) []string {
	people := slices.Concat(b.Runs, b.Ran)
	if b.Anyone {
		people = slices.DeleteFunc(slices.Clone(k.in.Managed), func(arn string) bool {
			return !strings.Contains(arn, ":role/") && !strings.Contains(arn, ":user/")
		})
	}
	slices.Sort(people)
	return slices.Compact(people)
}

func (k *keeper) claims(at int, principal string) []claim {
	b := k.bearers[at]
	var list []claim
	if arn := k.now.keyARN(b.Key); arn != "" {
		list = append(list, claim{bearer: at, principal: principal, action: access.ActSign, on: arn})
	}
	if arn := k.in.Observed[b.Key].Outputs["arn"]; b.Key.Kind == kindSecretKey && arn != "" {
		list = append(list, claim{bearer: at, principal: principal, action: actRead, on: arn})
	}
	for _, object := range b.Writes[principal] {
		list = append(list, claim{bearer: at, principal: principal, action: actPublish, on: object})
	}
	return list
}

// unknown puts off what touches a bearer of which too little was read to tell
// what it would lose: its key or all of IAM.
func (k *keeper) unknown(b Bearer) {
	if k.in.Live == nil {
		for _, c := range k.in.Changes {
			policy := slices.ContainsFunc(c.Fields, func(f plan.FieldChange) bool { return f.Path == "policy" })
			if Bears(c) && policy && (c.ID == b.Key || c.ID.Kind == kindBucket) {
				k.put(c.ID, b)
			}
		}
	}
	if b.Key.Kind != kindKey || k.now.keyARN(b.Key) != "" {
		return
	}
	for _, m := range k.moves {
		if touches(m) && slices.Contains(k.people(b), m.arn) && !slices.Contains(b.Runs, m.arn) {
			k.put(m.ID, b)
		}
	}
}

// answer ranks a verdict. What cannot be told now may be a right; later it is
// none of those that were sure.
func answer(q *access.Inquiry, c claim) int {
	d := q.Decide(access.Request{Principal: c.principal, Action: c.action, Resource: c.on, Context: map[string][]string{"aws:SecureTransport": {"true"}}})
	switch {
	case d.Verdict == access.Allowed || d.Admitted:
		return 2 // of somebody in another account no more can be told
	case d.Verdict == access.Unknown:
		return 1
	default:
		return 0
	}
}

// round plays what does not wait, and lets the first changes wait without which
// nothing would be lost. It reports whether it found any.
func (k *keeper) round() bool {
	left := slices.DeleteFunc(slices.Clone(k.moves), func(m move) bool { return k.why[m.ID] != "" })
	lost := k.lost(k.played(left))
	before := len(k.why)
	if len(lost) > 0 {
		k.choose(left, lost)
	} else if m, b, found := k.moment(left); found {
		k.put(m.ID, k.bearers[b])
	}
	k.idle(left)
	return len(k.why) > before
}

func (k *keeper) played(moves []move) *projection {
	p := k.now.copied()
	for _, m := range moves {
		p.play(m)
	}
	return p
}

// lost lists the claims that nobody has any more.
func (k *keeper) lost(p *projection) []claim { return k.gone(p, k.held) }

func (k *keeper) gone(p *projection, of []claim) []claim {
	q := p.world().Inquire()
	return slices.DeleteFunc(slices.Clone(of), func(c claim) bool { return answer(q, c) >= c.is || k.replaced(q, c) })
}

// replaced reports that somebody who runs the key can do the same. To publish
// where another one did, it may have a place of its own.
func (k *keeper) replaced(q *access.Inquiry, c claim) bool {
	b := k.bearers[c.bearer]
	return slices.ContainsFunc(b.Runs, func(principal string) bool {
		if principal == c.principal {
			return false
		}
		objects := []string{c.on}
		if c.action == actPublish {
			objects = b.Writes[principal]
		}
		return slices.ContainsFunc(objects, func(on string) bool {
			return answer(q, claim{principal: principal, action: c.action, on: on}) >= c.is
		})
	})
}

// choose plays the changes that concern the losers one by one: those that take
// are put off. What others lose meanwhile the next round sees.
func (k *keeper) choose(left []move, lost []claim) {
	p, touched := k.small(lost)
	before := len(k.why)
	for _, m := range left {
		if !touched(m) {
			continue
		}
		next := p.copied()
		next.play(m)
		if gone := k.gone(next, lost); len(gone) > 0 {
			k.put(m.ID, k.bearers[gone[0].bearer])
			continue
		}
		p = next
	}
	if len(k.why) > before {
		return
	}
	// What takes is not among what concerns them: nothing is let through.
	for _, m := range left {
		k.put(m.ID, k.bearers[lost[0].bearer])
	}
}

// small is the account with what bears on claims alone, and tells which changes
// do.
func (k *keeper) small(claims []claim) (*projection, func(move) bool) {
	objects, keys := k.concerned(claims)
	p := k.now.about(objects)
	for id := range keys {
		if key, read := k.now.keys[id]; read {
			p.keys[id] = key
		}
	}
	p.buckets = maps.Clone(k.now.buckets)
	return p, func(m move) bool { return objects[m.object()] || keys[m.ID] || m.ID.Kind == kindBucket }
}

// concerned lists what bears on claims: the principals, what they are in and
// have, now or later, and the keys.
func (k *keeper) concerned(lost []claim) (map[object]bool, map[resource.ID]bool) {
	r := rehearsal{byARN: map[string]*person{}}
	all, keys := &person{objects: map[object]bool{}}, map[resource.ID]bool{}
	for _, c := range lost {
		keys[k.bearers[c.bearer].Key] = true
		for _, arn := range append([]string{c.principal}, k.bearers[c.bearer].Runs...) {
			r.byARN[arn] = all
		}
	}
	states := []*projection{k.now, k.played(k.moves)}
	for _, account := range states {
		r.know(account)
	}
	for o := range maps.Clone(all.objects) {
		for _, account := range states {
			if o.kind == kindGroup {
				all.has(account.groups[o.name].Entity)
			}
		}
	}
	return all.objects, keys
}

// followers puts off what waits for something that waits, and reports whether
// there was any.
func (k *keeper) followers() bool {
	before := plan.Dependencies(k.in.Changes, k.in.Previous)
	byID := map[resource.ID]plan.Change{}
	for _, c := range k.in.Changes {
		byID[c.ID] = c
	}
	found := false
	for again := true; again; {
		again = false
		for _, c := range k.in.Changes {
			for _, first := range before[c.ID] {
				needed := slices.Contains(c.Waits, first) || c.Action == plan.Delete || byID[first].Action == plan.Replace || byID[first].Before == nil
				if k.why[first] != "" && k.why[c.ID] == "" && needed {
					k.why[c.ID], k.after[c.ID] = k.why[first], first
					again, found = true, true
				}
			}
		}
	}
	return found
}
