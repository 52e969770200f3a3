package cloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Write is one call that changes IAM, and how one sees that it happened.
type Write struct {
	// Action is as in an IAM policy, Name what it is done to, Op what we call it.
	Action, Name, Op string
	Send             func(context.Context) error
	// Shows reports whether the directory shows the effect.
	Shows func(*access.Directory) bool
	// Asks replaces Shows for what the directory does not hold; nil otherwise.
	Asks func(context.Context) (bool, error)
	// Guard says why the call must not be made, by a directory read right before
	// it; nil: nothing is asked. Where there is one, a call whose effect the
	// directory shows already is not made again.
	Guard func(context.Context, *access.Directory) error
	// Named gives, of a call that creates, the ARN of whatever has the name. Where
	// IAM says that it exists already, it is what an earlier try of the call made, if
	// the effect is seen, or somebody else's.
	Named func(*access.Directory) string
	// Removes says that "no such entity" means that it is gone already.
	Removes bool
	// NamesPolicy and NamesPrincipals say that the call names a policy, or users
	// and roles in a document, that IAM may not know yet: it is sent again.
	NamesPolicy, NamesPrincipals bool
	// Made is what the object puts out; Shows or Asks fills it in when it sees the
	// effect.
	Made resource.Outputs
}

// Perform makes the call, waits until its effect is seen, and gives what was
// made. Refused says that the error proves that nothing happened; without it the
// effect is unknown, or was accepted and is not seen yet.
func (d *Directory) Perform(ctx context.Context, w *Write) (made resource.Outputs, refused bool, err error) {
	there, err := d.guard(ctx, w)
	if err != nil {
		return nil, true, err
	}
	if !there {
		err = d.send(ctx, w)
	}
	exists := w.Named != nil && Exists(err)
	if err != nil && !exists && !(w.Removes && NotFound(err)) {
		return nil, NotAccepted(err), Explain(w.Action, w.Name, err)
	}
	lost := d.await(ctx, w)
	switch unsettled := (*UnsettledError)(nil); {
	case lost == nil:
		return w.Made, false, nil
	case !errors.As(lost, &unsettled):
		return nil, false, fmt.Errorf("accepted, and then: %w", lost)
	case exists:
		return d.taken(ctx, w, Explain(w.Action, w.Name, err))
	default:
		return nil, false, lost
	}
}

// taken tells of a name that exists and is not ours.
func (d *Directory) taken(ctx context.Context, w *Write, exists error) (made resource.Outputs, refused bool, err error) {
	all, err := d.Fresh(ctx)
	if err != nil {
		return nil, true, exists
	}
	return nil, true, fmt.Errorf("%w: the name is taken by %s", exists, w.Named(all))
}

// Performed reports whether the effect of a write that may have happened is
// seen within the time that IAM takes to show one.
func (d *Directory) Performed(ctx context.Context, w *Write) (made resource.Outputs, there bool, err error) {
	err = d.await(ctx, w)
	if unsettled := (*UnsettledError)(nil); errors.As(err, &unsettled) {
		return nil, false, nil
	}
	return w.Made, err == nil, err
}

// guard asks whether the call is needed, and whether it may be made.
func (d *Directory) guard(ctx context.Context, w *Write) (there bool, err error) {
	if w.Guard == nil {
		return false, nil
	}
	all, err := d.Fresh(ctx)
	if err != nil {
		return false, err
	}
	if w.Asks == nil && w.Shows(all) {
		return true, nil
	}
	return false, w.Guard(ctx, all)
}

func (d *Directory) send(ctx context.Context, w *Write) error {
	if w.NamesPrincipals {
		return AwaitPrincipal(ctx, d.clock, func() error { return w.Send(ctx) })
	}
	err := w.Send(ctx)
	for _, wait := range d.waits {
		if !w.NamesPolicy || !NotFound(err) {
			return err
		}
		if asleep := d.clock.Sleep(ctx, wait); asleep != nil {
			return err
		}
		err = w.Send(ctx)
	}
	return err
}

func (d *Directory) await(ctx context.Context, w *Write) error {
	what := w.Op + " of " + w.Name
	if w.Asks == nil {
		return d.Settle(ctx, what, w.Shows)
	}
	begun := d.clock.Now()
	ok, err := d.clock.Await(ctx, d.waits, func() (bool, error) { return w.Asks(ctx) })
	if err == nil && !ok {
		err = &UnsettledError{What: what, Took: d.clock.Now().Sub(begun)}
	}
	return err
}

// IAMTags is tags as IAM takes them, sorted.
func IAMTags(tags map[string]string) []types.Tag {
	list := make([]types.Tag, 0, len(tags))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return list
}

// Sending is one call of the IAM API, as Write sends it.
func Sending[I, O any](operation func(context.Context, *I, ...func(*iam.Options)) (*O, error), in *I) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := operation(ctx, in)
		return err
	}
}
