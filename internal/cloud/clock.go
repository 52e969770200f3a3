package cloud

import (
	"context"
	"time"
)

// Clock is time as an argument: tests bring their own.
type Clock struct {
	// Now is the current time.
	Now func() time.Time
	// Sleep waits, or returns the context's error.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Wall is the machine's clock.
func Wall() Clock { return Clock{Now: time.Now, Sleep: sleep} }

func (c Clock) orWall() Clock {
	wall := Wall()
	if c.Now == nil {
		c.Now = wall.Now
	}
	if c.Sleep == nil {
		c.Sleep = wall.Sleep
	}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Await reads until done has been true twice in a row, because a reply from
// one replica says nothing about the next (KMS and tags are eventually
// consistent), and waits longer each time. It gives up with ok false when the
// waits are used up, and at once on an error.
func (c Clock) Await(ctx context.Context, waits []time.Duration, done func() (bool, error)) (ok bool, err error) {
	c = c.orWall()
	inARow := 0
	for i := 0; ; {
		seen, err := done()
		if err != nil {
			return false, err
		}
		if !seen {
			inARow = 0
		} else if inARow++; inARow == 2 {
			return true, nil
		}
		wait := confirmAfter
		if !seen {
			if i == len(waits) {
				return false, nil
			}
			wait = waits[i]
			i++
		}
		if err := c.Sleep(ctx, wait); err != nil {
			return false, err
		}
	}
}

// confirmAfter is the pause before a first good answer is asked for again.
const confirmAfter = 20 * time.Millisecond

// SettleWaits is how long an effect may take to be seen everywhere: 31 seconds
// in growing steps. AWS says of KMS that most changes are seen within seconds.
func SettleWaits() []time.Duration {
	return []time.Duration{
		200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond,
		3 * time.Second, 5 * time.Second, 10 * time.Second, 10 * time.Second,
	}
}
