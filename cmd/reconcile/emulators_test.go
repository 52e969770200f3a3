package main

import (
	"sync"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

// emulators lends AWS emulators to scripts, one at a time and empty: starting
// one and its first answers cost seconds, emptying one costs nothing.
type emulators struct {
	mu      sync.Mutex
	all     []*cloudtest.Moto
	idle    map[string][]*cloudtest.Moto // by account
	account map[*cloudtest.Moto]string
}

func newEmulators() *emulators {
	return &emulators{idle: map[string][]*cloudtest.Moto{}, account: map[*cloudtest.Moto]string{}}
}

func (e *emulators) borrow(account string) (*cloudtest.Moto, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if idle := e.idle[account]; len(idle) > 0 {
		e.idle[account] = idle[1:]
		return idle[0], idle[0].Reset()
	}
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account, Root: checkout})
	if err != nil {
		return nil, err
	}
	e.all, e.account[moto] = append(e.all, moto), account
	return moto, nil
}

func (e *emulators) giveBack(moto *cloudtest.Moto) {
	e.mu.Lock()
	defer e.mu.Unlock()
	account := e.account[moto]
	e.idle[account] = append(e.idle[account], moto)
}

func (e *emulators) close() {
	for _, moto := range e.all {
		moto.Close()
	}
}
