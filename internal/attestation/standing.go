package attestation

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"
)

// State is how a validator stands. It is all that a fact holds of a Standing:
// index and lag move by themselves.
type State string

// The states. Only Live counts as a signer.
const (
	// Live: it is announced, and a checkpoint near the hook's tip recovers to it.
	Live State = "live"
	// Behind: its storage can be read, and holds nothing of it near the tip.
	Behind State = "behind"
	// Unreachable: it is announced, and its storage cannot be read.
	Unreachable State = "unreachable"
	// Unproven: no message that could be signed has left the origin; it is announced,
	// and its storage holds an announcement that recovers to it.
	Unproven State = "unproven"
	// Unannounced: no relayer could find its signatures.
	Unannounced State = "unannounced"
)

// Origin is one deployment that validators attest to.
type Origin struct {
	Domain        uint32
	Hook, Mailbox common.Address
}

// Question asks how one validator stands on one origin.
type Question struct {
	Origin    Origin
	Validator common.Address
	// Locations are those of ValidatorAnnounce, in its order: the last one holds.
	Locations []string
	// Expected is the declared location; empty: whatever is announced.
	Expected string
	// Tolerance is by how many messages a live validator may lag, besides those that
	// are settling (see Tip).
	Tolerance uint32
}

// Tip is the state of a MerkleTreeHook at one block.
type Tip struct {
	// Count of messages inserted, count().
	Count uint32
	// Root of the tree with all of them, root(). Not looked at with Count 0.
	Root common.Hash
	// MessageID of the last one (the hook's event InsertedIntoTree); zero: not
	// known, and not compared.
	MessageID common.Hash
	// Settling is how many of them left within the origin's reorg period (events
	// InsertedIntoTree of its last blocks): nobody needs to have signed those yet. 0
	// is right where the block is as old as that.
	Settling uint32
}

// ReadTip reads the tip of an origin. Judge calls it once for each origin, from
// several goroutines.
type ReadTip func(context.Context, Origin) (Tip, error)

// Standing is the answer to a Question.
type Standing struct {
	State State
	// Reason says why the state is not Live, in one sentence without a stop.
	Reason string
	// Location that was read, in its announced form; empty: none could be.
	Location string
	// Index is the latest that the storage claims; meaningful where Indexed.
	Index   uint32
	Indexed bool
	// Lag is how many messages before the tip it is; 0 also for who is ahead of
	// the block that was looked at.
	Lag uint32
	// Err is the tip's, where that could not be read: the validator was not judged,
	// and is unread rather than unreachable. State is then Unreachable.
	Err error
}

// Judge says how each validator stands. All that an origin's validators have
// published is read before the origin's tip: a tip read first grows old, and who
// signed on meanwhile would seem to be ahead of it, who fell back not behind.
// A validator that is ahead of the tip all the same, since its node saw a block
// that ours did not, is not believed by its own number: the checkpoint at the tip
// is asked for, with the hook's root. So nobody passes with an index of the future.
//
// A validator at the tip is live whatever its age: without messages there is
// nothing to sign. One that lags within the tolerance is believed by signature,
// domain, hook and index; its root cannot be compared with an earlier tree.
func (r *Reader) Judge(ctx context.Context, questions []Question, tip ReadTip) []Standing {
	if len(questions) == 0 {
		return nil // nobody to ask, with whatever reader
	}
	readings := make([]reading, len(questions))
	var first errgroup.Group
	first.SetLimit(r.options.Parallel)
	for i, q := range questions {
		first.Go(func() error {
			readings[i] = r.gather(ctx, q)
			return nil
		})
	}
	_ = first.Wait() // no reading fails; it says what it found

	tips := r.tips(ctx, questions, tip)
	standings := make([]Standing, len(questions))
	var second errgroup.Group
	second.SetLimit(r.options.Parallel)
	for i, q := range questions {
		second.Go(func() error {
			standings[i] = r.stand(ctx, q, readings[i], tips[q.Origin])
			return nil
		})
	}
	_ = second.Wait()
	return standings
}

type tipOrError struct {
	Tip
	err error
}

func (r *Reader) tips(ctx context.Context, questions []Question, tip ReadTip) map[Origin]*tipOrError {
	tips := map[Origin]*tipOrError{}
	var work errgroup.Group
	work.SetLimit(r.options.Parallel)
	for _, q := range questions {
		if tips[q.Origin] != nil {
			continue
		}
		at := new(tipOrError)
		tips[q.Origin] = at
		work.Go(func() error {
			at.Tip, at.err = tip(ctx, q.Origin)
			return nil
		})
	}
	_ = work.Wait()
	return tips
}

// reading is what one validator's storage says, before the tip is known.
type reading struct {
	location Location
	// state is set where no tip can change it any more, with its reason.
	state  State
	reason string

	latest  uint32
	indexed bool
	// nothing says that no latest index is there.
	nothing bool
	// signed is the checkpoint at latest, or fault why there is none that counts.
	signed SignedCheckpoint
	fault  error
}

func (r *Reader) gather(ctx context.Context, q Question) reading {
	var out reading
	if len(q.Locations) == 0 {
		out.state, out.reason = Unannounced, "it has announced no location on the origin"
		return out
	}
	current := q.Locations[len(q.Locations)-1]
	if q.Expected != "" && q.Expected != current {
		out.state = Unannounced
		out.reason = fmt.Sprintf("it has announced %s and not %s, as declared", Quote(current), Quote(q.Expected))
		return out
	}
	var err error
	if out.location, err = ParseLocation(current, r.options.Rules); err != nil {
		out.state, out.reason = Unreachable, err.Error()
		return out
	}
	reorged, err := r.Reorged(ctx, out.location)
	switch {
	case err != nil:
		out.state, out.reason = Unreachable, err.Error()
		return out
	case reorged:
		out.state = Behind
		out.reason = "it has stopped by itself: its reorg flag says that the origin took back what it had signed; a person looks into it before anybody takes the flag away"
	}
	out.latest, err = r.LatestIndex(ctx, out.location)
	out.indexed, out.nothing = err == nil, errors.Is(err, Absent)
	switch {
	case out.state != "" || out.nothing:
	case err != nil:
		out.state, out.reason = stateOf(err), err.Error()
	default:
		out.signed, out.fault = r.Checkpoint(ctx, out.location, out.latest)
	}
	return out
}

// stateOf an error of reading: what is there and no good is the validator's
// doing, so that it is behind and not out of reach.
func stateOf(err error) State {
	if errors.Is(err, Silent) {
		return Unreachable
	}
	return Behind
}

func (r *Reader) stand(ctx context.Context, q Question, read reading, tip *tipOrError) Standing {
	out := Standing{State: read.state, Reason: read.reason, Index: read.latest, Indexed: read.indexed}
	if read.location != (Location{}) {
		out.Location = read.location.String()
	}
	if read.indexed && tip.err == nil {
		out.Lag = lag(tip.Count, read.latest)
	}
	switch {
	case read.state != "":
		return out
	case tip.err != nil:
		out.State, out.Reason, out.Err = Unreachable, "the origin's hook could not be read", tip.err
		return out
	case tip.Count == 0, read.nothing && tip.Count <= tip.Settling:
		out.State, out.Reason = r.unproven(ctx, q, read.location)
		return out
	case read.nothing:
		out.Lag = tip.Count
		out.State, out.Reason = r.idle(ctx, q, read.location, tip.Count)
		return out
	}
	if err := r.proof(ctx, q, read, tip.Tip); err != nil {
		out.State, out.Reason = stateOf(err), err.Error()
		return out
	}
	out.State = Live
	if most := uint64(q.Tolerance) + uint64(tip.Settling); uint64(out.Lag) > most {
		out.State = Behind
		out.Reason = fmt.Sprintf("its latest checkpoint is %d, the hook's is %d: %d behind, at most %d are tolerated", read.latest, tip.Count-1, out.Lag, most)
	}
	return out
}

// lag counts messages between the latest index and the tip's.
func lag(count, latest uint32) uint32 {
	if count == 0 || latest >= count-1 {
		return 0
	}
	return count - 1 - latest
}

// proof finds nothing wrong with the checkpoint that shows the validator at work.
func (r *Reader) proof(ctx context.Context, q Question, read reading, tip Tip) error {
	signed, fault, at := read.signed, read.fault, read.latest
	if last := tip.Count - 1; at > last {
		at = last
		signed, fault = r.Checkpoint(ctx, read.location, last)
	}
	if fault != nil {
		return fault
	}
	switch c := signed.Checkpoint; {
	case c.Domain != q.Origin.Domain:
		return fmt.Errorf("checkpoint %d is of domain %d, the origin is %d", at, c.Domain, q.Origin.Domain)
	case c.Hook != q.Origin.Hook:
		return fmt.Errorf("checkpoint %d is of the hook %s, the origin's is %s", at, c.Hook, q.Origin.Hook)
	case c.Index != at:
		return fmt.Errorf("checkpoint %d is of index %d", at, c.Index)
	case at == tip.Count-1 && c.Root != tip.Root:
		return fmt.Errorf("checkpoint %d has the root %s, the hook has %s", at, c.Root, tip.Root)
	case at == tip.Count-1 && tip.MessageID != (common.Hash{}) && c.MessageID != tip.MessageID:
		return fmt.Errorf("checkpoint %d is of the message %s, the hook has %s", at, c.MessageID, tip.MessageID)
	}
	signer, err := signed.Signer()
	if err != nil {
		return fmt.Errorf("checkpoint %d: %w", at, err)
	}
	if signer != q.Validator {
		return fmt.Errorf("checkpoint %d is signed by %s", at, signer)
	}
	return nil
}

// unproven judges before the first message.
func (r *Reader) unproven(ctx context.Context, q Question, l Location) (State, string) {
	if err := r.announced(ctx, q, l); err != nil {
		return stateOf(err), err.Error()
	}
	return Unproven, "no message of the origin is old enough to be signed yet: it is announced, and nothing can show that it signs"
}

// idle tells a validator that has not signed from a storage that is not there.
func (r *Reader) idle(ctx context.Context, q Question, l Location, count uint32) (State, string) {
	if err := r.announced(ctx, q, l); err != nil {
		return stateOf(err), err.Error()
	}
	return Behind, fmt.Sprintf("it has signed nothing yet, and the hook has %d", count)
}

// announced checks the announcement in the storage against the announced one. It
// is the first object that agents write: without it there is no such storage.
func (r *Reader) announced(ctx context.Context, q Question, l Location) error {
	signed, err := r.Announcement(ctx, l)
	if errors.Is(err, Absent) {
		return &ReadError{Location: l, Object: l.Objects().Announcement, Trouble: Silent, Cause: "not there, or not public, nor is any checkpoint"}
	}
	if err != nil {
		return err
	}
	want := Announcement{Validator: q.Validator, Domain: q.Origin.Domain, Mailbox: q.Origin.Mailbox, Location: l.String()}
	switch a := signed.Announcement; {
	case a.Domain != want.Domain:
		return fmt.Errorf("its announcement is of domain %d, the origin is %d", a.Domain, want.Domain)
	case a.Mailbox != want.Mailbox:
		return fmt.Errorf("its announcement is of the mailbox %s, the origin's is %s", a.Mailbox, want.Mailbox)
	case a.Location != want.Location:
		return fmt.Errorf("its announcement is of %s, and it has announced %s", Quote(a.Location), Quote(want.Location))
	case a.Validator != want.Validator:
		return fmt.Errorf("its announcement is of the validator %s", a.Validator)
	}
	signer, err := signed.Signer()
	if err != nil {
		return fmt.Errorf("its announcement: %w", err)
	}
	if signer != q.Validator {
		return fmt.Errorf("its announcement is signed by %s", signer)
	}
	return nil
}
