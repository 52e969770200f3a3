package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// PlayValidator is Attest in a running sandbox, until the context or the sandbox
// ends. ready is called once nobody else plays the instance.
func PlayValidator(ctx context.Context, parent, name, instance string, o AttestOptions, ready func()) error {
	release, err := StartValidator(parent, name, instance)
	if err != nil {
		return err
	}
	defer release()
	somebody, err := Visit(ctx, parent, name)
	if err != nil {
		return err
	}
	ready()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(250 * time.Millisecond):
			}
			if _, err := Running(parent, name); err != nil {
				cancel()
			}
		}
	}()
	return somebody.Attest(ctx, instance, o)
}

// validatorFile says which process plays an instance; its lock is held meanwhile.
func validatorFile(parent, name, instance string) string {
	return filepath.Join(parent, name, "validator-of-"+instance)
}

// StartValidator takes an instance for this process, until release. A second one
// would sign with the same key, and is refused.
func StartValidator(parent, name, instance string) (release func(), err error) {
	if _, err := Running(parent, name); err != nil {
		return nil, err
	}
	if instance == "" || strings.ContainsAny(instance, `/\`) {
		return nil, fmt.Errorf("%q is no instance of a validator", instance)
	}
	path := validatorFile(parent, name, instance)
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", instance, err)
	}
	if err := take(lock); err != nil {
		_ = lock.Close() // nothing was written to it
		return nil, fmt.Errorf("%s: it is running already\nhint: sandbox validator stop %s %s", instance, name, instance)
	}
	if err := os.WriteFile(path, strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o600); err != nil {
		_ = lock.Close() // the first error counts
		return nil, fmt.Errorf("%s: %w", instance, err)
	}
	return func() {
		_ = lock.Truncate(0) // so that nobody signals this process after its end
		_ = lock.Close()     // the file stays: taking it away would race with the next
	}, nil
}

// StopValidator asks the process that plays an instance to end, and waits until
// it has.
func StopValidator(ctx context.Context, parent, name, instance string) error {
	path := validatorFile(parent, name, instance)
	held, err := locked(path)
	if err != nil {
		return err
	}
	data, failed := os.ReadFile(path)
	pid, odd := strconv.Atoi(string(data))
	if !held || failed != nil || odd != nil {
		return fmt.Errorf("%s: it is not running\nhint: sandbox validator start %s %s", instance, name, instance)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: signal process %d: %w", instance, pid, err)
	}
	for held {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: process %d has not ended: %w", instance, pid, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
		if held, err = locked(path); err != nil {
			return err
		}
	}
	return nil
}
