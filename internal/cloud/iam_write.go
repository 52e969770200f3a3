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
	// Taken reports, of a call that creates, that the name is somebody else's.
	// "Already exists" means otherwise that an earlier try of the call made it.
	Taken func(*access.Directory) bool
	// Removes says that "no such entity" means that it is gone already.
	Removes bool
	// NamesPolicy and NamesPrincipals say that the call names a policy, or users
	// and roles in a document, that IAM may not know yet: it is sent again.
	NamesPolicy, NamesPrincipals bool
}

// Perform makes the call and waits until its effect is seen. Refused says that
// the error proves that nothing happened; without it the effect is unknown, or
// was accepted and is not seen yet.
func (d *Directory) Perform(ctx context.Context, w Write) (refused bool, err error) {
	err = d.send(ctx, w)
	switch {
	case w.Taken != nil && Exists(err):
		all, lost := d.Fresh(ctx)
		if lost != nil {
			return false, fmt.Errorf("%s exists, and then: %w", w.Name, lost)
		}
		if w.Taken(all) {
			return true, Explain(w.Action, w.Name, err)
		}
	case w.Removes && NotFound(err):
	case err != nil:
		return NotAccepted(err), Explain(w.Action, w.Name, err)
	}
	return false, d.await(ctx, w)
}

// Performed reports whether the effect of a write that may have happened is
// seen within the time that IAM takes to show one.
func (d *Directory) Performed(ctx context.Context, w Write) (bool, error) {
	err := d.await(ctx, w)
	if unsettled := (*UnsettledError)(nil); errors.As(err, &unsettled) {
		return false, nil
	}
	return err == nil, err
}

func (d *Directory) send(ctx context.Context, w Write) error {
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

func (d *Directory) await(ctx context.Context, w Write) error {
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
