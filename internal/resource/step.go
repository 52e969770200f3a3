package resource

// Risk is how much a change could harm. The order of the constants is the
// order of danger.
type Risk string

// The four risks. Protective only takes power away; routine creates what gives
// nobody power yet or moves money inside standing limits; sensitive moves
// access, keys' state or thresholds; destructive removes.
const (
	Protective  Risk = "protective"
	Routine     Risk = "routine"
	Sensitive   Risk = "sensitive"
	Destructive Risk = "destructive"
)

// Rank is the danger of a risk from 0 up. An unknown risk ranks above all:
// what nobody classified is not safe.
func (r Risk) Rank() int {
	switch r {
	case Protective:
		return 0
	case Routine:
		return 1
	case Sensitive:
		return 2
	case Destructive:
		return 3
	default:
		return 4
	}
}

// Step is one effect on the world, as data: printed, digested, signed,
// journalled and replayed. Never a closure.
type Step struct {
	// Op is the kind's name for the effect, for example create-key.
	Op string `json:"op"`
	// ID is the resource that changes.
	ID ID `json:"id"`
	// Params is all that Do needs beyond its client; refs are filled in by
	// apply before Prepare sees them.
	Params Attrs `json:"params,omitempty"`
	// Annotations are for the reader and for nobody else: amounts computed from
	// a balance that moves, for example. They are in no digest of intent, and no
	// code decides on them.
	Annotations Attrs `json:"annotations,omitempty"`
	// Needs lists outputs that must exist before this step, beyond the refs in
	// Params.
	Needs []Ref `json:"needs,omitempty"`
	// Pre lists what must be true of the live world right before the effect.
	Pre []Precondition `json:"pre,omitempty"`
	// Lane names a stream that must not run two steps at once, such as one
	// sender's nonces on one network. Empty: no stream.
	Lane string `json:"lane,omitempty"`
	// Spend is the most that the step may take out of a network's bank.
	Spend *Spend `json:"spend,omitempty"`
	// Batch names what must be done in one: the steps of a plan with one batch are
	// one effect, such as all calls that one Safe must sign. Every one of them holds
	// the whole: the plan joins their lists CallsParam in BatchParam.
	Batch string `json:"batch,omitempty"`
	// Risk is the least risk of the step, and Person that it asks for a person, where
	// its operation alone does not tell: a proposal of a call that hands over ownership.
	Risk   Risk `json:"risk,omitempty"`
	Person bool `json:"person,omitempty"`
}

// The parameters of a step that belongs to a batch: its own list, and the joined
// list of all steps of the batch in the order of the plan's changes.
const (
	CallsParam = "calls"
	BatchParam = "batch"
)

// Propose is the operation of a step that asks others to sign. The change it
// belongs to is proposed and not done.
const Propose = "propose"

// Spend is money that a step may move, at most, fees included.
type Spend struct {
	Network string `json:"network"`
	// From is the resource ID or address text of the payer.
	From string `json:"from"`
	// Wei is the ceiling of the value moved, Fee the ceiling of its fee; decimal
	// strings in the network's smallest unit.
	Wei string `json:"wei"`
	Fee string `json:"fee"`
}

// PreOp is the comparison of a Precondition.
type PreOp string

// The comparisons. AtLeast and AtMost compare decimal integers.
const (
	Equals   PreOp = "equals"
	Absent   PreOp = "absent"
	AtLeast  PreOp = "atLeast"
	AtMost   PreOp = "atMost"
	CodeHash PreOp = "codeHash"
)

// Precondition is a claim about one attribute of one live resource. With
// Absent and an empty path it claims that the resource does not exist.
type Precondition struct {
	ID    ID     `json:"id"`
	Path  string `json:"path,omitempty"`
	Op    PreOp  `json:"op"`
	Value string `json:"value,omitempty"`
}

// Traits are what the pure rooms know of a kind.
type Traits struct {
	// Immutable lists top-level attributes whose change means replace.
	Immutable []string
	// Sensitive lists attributes that must never be printed, even as digests.
	Sensitive []string
	// Moving lists attributes that move by themselves (balances): their
	// observed value is an annotation and is in no digest of intent.
	Moving []string
	// Computed lists attributes that only observation fills in and that are
	// never desired; they inform Steps and the reader.
	Computed []string
	// Steering lists attributes that say how to treat a resource (adopt: true)
	// and are never compared.
	Steering []string
	// Satisfies overrides equality of one top-level attribute. It is asked only
	// when the canonical forms differ; nil means they must be equal.
	Satisfies func(path string, desired, observed Attrs) bool
	// Risks gives the risk of each step operation. An operation that is not
	// listed is destructive.
	Risks map[string]Risk
	// Person lists operations that ask for a person in every environment, the
	// ones where everything is automatic included.
	Person []string
	// Verbs gives the word to print for an action where the plain one would
	// mislead: {"update": "top up"}.
	Verbs map[string]string
	// Symbol is printed before a change in place of the action's own ("$").
	Symbol string
	// Alone says that Observe asks for no other kind's outputs, whatever is
	// declared: it is read at once, and waits for nobody.
	Alone bool
	// Gives says that resources of the kind give principals rights: what only takes
	// away then waits for everything in the plan that gives, so that a right which
	// moves from one place to another is never in neither.
	Gives bool
	// Keys says that resources of the kind are keys: a removal, and an operation
	// that begins with disable, retire or schedule, ends the use of one.
	Keys bool
	// Quorum names the attributes of a kind whose resources decide by a threshold
	// among members; the zero value: they do not.
	Quorum Quorum
	// DeleteOff says that this kind never removes anything: what is observed
	// and not desired becomes a finding of rule "undeclared", not a change.
	DeleteOff bool
	// Accepts says that the configuration can be made to declare what somebody else
	// made of a resource: reconcile accept.
	Accepts bool
	// Facts names what Steps of a resource look at facts of: resources, or with an
	// empty Name all of a kind and scope. nil: any facts. Where there are many
	// resources, a look at all facts for each of them is what takes the time.
	Facts func(ID) []ID
}

// Quorum names two top-level attributes: the threshold, a number, and the members,
// a list of addresses.
type Quorum struct{ Threshold, Members string }

// DeferredError says that a change cannot be planned in this plan and why. A
// kind's Steps returns it; the change is then listed as deferred, with no step.
type DeferredError struct{ Reason string }

// Error is the reason.
func (e *DeferredError) Error() string { return e.Reason }

// PendingError says that a change was proposed already and waits for others. A
// kind's Steps returns it; the change is then listed as pending, with no step.
type PendingError struct{ Reason string }

// Error is the reason.
func (e *PendingError) Error() string { return e.Reason }
