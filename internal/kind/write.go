package kind

import (
	"context"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Writer makes calls that change something and waits until their effect is
// seen, as cloud.Directory does for IAM.
type Writer[W any] interface {
	// Perform makes one call and gives what was made. Refused says that the error
	// proves that nothing happened.
	Perform(context.Context, W) (made resource.Outputs, refused bool, err error)
	// Performed reports whether the effect of a call is there.
	Performed(context.Context, W) (made resource.Outputs, there bool, err error)
}

// DoWrite is Do of a step that is one call; wrong is why there is none.
func DoWrite[W any](ctx context.Context, by Writer[W], call W, wrong error) (resource.Outputs, error) {
	if wrong != nil {
		return nil, &NotAcceptedError{Err: wrong}
	}
	made, refused, err := by.Perform(ctx, call)
	return made, Refused(refused, err)
}

// Refused marks an error that proves that nothing happened, if it does.
func Refused(proved bool, err error) error {
	if proved && err != nil {
		return &NotAcceptedError{Err: err}
	}
	return err
}

// ProbeWrite is Probe of a step that is one call which may be made twice without
// harm: what is not seen counts as not done. Wrong is why there is none.
func ProbeWrite[W any](ctx context.Context, by Writer[W], call W, wrong error) (Happened, resource.Outputs, error) {
	if wrong != nil {
		return Unknown, nil, wrong
	}
	made, there, err := by.Performed(ctx, call)
	happened, err := Sighted(there, err)
	return happened, made, err
}

// Writing is an action that changes something, for some operations.
func Writing(name string, ops ...string) Action {
	return Action{Name: name, Writes: true, Ops: ops}
}
