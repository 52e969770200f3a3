package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// stopKey is the object that a stop is kept in. It is not an entry: whoever stops
// at three in the morning need not wait for the lease of the apply that he stops.
const stopKey = "stop.json"

// StopScope is what is stopped.
type StopScope string

// The scopes. StopChanges leaves top-ups within the standing limits and what only
// takes power away; StopAll leaves the latter alone; StopNothing: nothing is stopped.
const (
	StopNothing StopScope = ""
	StopChanges StopScope = "changes"
	StopAll     StopScope = "all"
)

// What a stop's object holds at most.
const (
	maxStopHistory = 20
	maxStopWhy     = 400
	maxStopOwner   = 200
)

// Stopped is one change of a stop: somebody stopped, or resumed (an empty scope).
type Stopped struct {
	Scope StopScope `json:"scope"`
	Why   string    `json:"why"`
	// By is user@host as the machine says: a name to ask, and no proof.
	By string `json:"by"`
	// At is UTC, to the millisecond.
	At time.Time `json:"at"`
}

// Stop says whether an environment is stopped, and what was said of it before.
type Stop struct {
	Environment string `json:"environment"`
	// Now is the last change; the zero value where nobody ever stopped anything.
	Now Stopped `json:"now"`
	// Before are those before it, newest first, 20 at most.
	Before []Stopped `json:"before"`
	// Hash is that of the object without it.
	Hash string `json:"hash"`

	// Damaged says why nobody knows whether it is stopped: then all of it is.
	Damaged string `json:"-"`
	version string
}

// Scope is what is stopped. What cannot be read or does not verify has stopped all.
func (s Stop) Scope() StopScope {
	if s.Damaged != "" {
		return StopAll
	}
	return s.Now.Scope
}

// ReadStop reads whether an environment is stopped. It never fails: what cannot be
// read is a Stop that is Damaged, and stops all.
func ReadStop(ctx context.Context, store Store, environment string) Stop {
	data, version, err := store.Get(ctx, stopKey)
	if errors.Is(err, ErrNotFound) {
		return Stop{Environment: environment}
	}
	if err != nil {
		return Stop{Environment: environment, Damaged: fmt.Sprintf("%s cannot be read: %v", stopKey, err)}
	}
	s, err := decodeStop(data)
	if err == nil && s.Environment != environment {
		err = fmt.Errorf("is of environment %q, not %q", s.Environment, environment)
	}
	if err != nil {
		return Stop{Environment: environment, Damaged: fmt.Sprintf("%s: %v", stopKey, err), version: version}
	}
	s.version = version
	return s
}

// WriteStop stops an environment, or with an empty scope resumes it. It needs no
// lease; a change of somebody else in between is ErrConflict or ErrExists, and
// then nothing was written. What was damaged is written anew, and says so in
// its history.
func WriteStop(ctx context.Context, store Store, was Stop, next Stopped) (Stop, error) {
	if err := next.check(); err != nil {
		return Stop{}, err
	}
	next.At = next.At.UTC().Truncate(time.Millisecond)
	s := Stop{Environment: was.Environment, Now: next, Before: []Stopped{}}
	switch {
	case was.Damaged != "":
		s.Before = []Stopped{{Scope: StopAll, Why: "what stood here before was damaged", By: "reconcile", At: next.At}}
	case !was.Now.At.IsZero():
		s.Before = append([]Stopped{was.Now}, was.Before...)
	}
	s.Before = s.Before[:min(len(s.Before), maxStopHistory)]
	data, err := s.seal()
	if err != nil {
		return Stop{}, err
	}
	if was.version == "" {
		if was.Damaged != "" {
			return Stop{}, errors.New(was.Damaged)
		}
		return s, store.Create(ctx, stopKey, data)
	}
	return s, store.Replace(ctx, stopKey, was.version, data)
}

func (s *Stop) seal() ([]byte, error) {
	var err error
	if s.Hash, err = s.hash(); err != nil {
		return nil, err
	}
	data, err := resource.Canonical(s)
	if err != nil {
		return nil, err
	}
	if _, err := decodeStop(data); err != nil {
		return nil, fmt.Errorf("not written: %w", err)
	}
	return data, nil
}

func (s Stop) hash() (string, error) {
	s.Hash = ""
	data, err := resource.Canonical(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// decodeStop reads the one form that seal writes, and refuses every other.
func decodeStop(data []byte) (Stop, error) {
	var s Stop
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return Stop{}, err
	}
	again, err := resource.Canonical(s)
	if err != nil {
		return Stop{}, err
	}
	if !bytes.Equal(again, data) {
		return Stop{}, errors.New("not in canonical form")
	}
	hash, err := s.hash()
	if err != nil {
		return Stop{}, err
	}
	if hash != s.Hash {
		return Stop{}, fmt.Errorf("states hash %s, its content has %s", s.Hash, hash)
	}
	if len(s.Before) > maxStopHistory {
		return Stop{}, fmt.Errorf("holds %d changes, may hold %d", len(s.Before), maxStopHistory)
	}
	for _, one := range slices.Concat([]Stopped{s.Now}, s.Before) {
		if err := one.check(); err != nil {
			return Stop{}, err
		}
	}
	return s, nil
}

func (s Stopped) check() error {
	if s.Scope != StopNothing && s.Scope != StopChanges && s.Scope != StopAll {
		return fmt.Errorf("scope %q is neither %s nor %s", s.Scope, StopChanges, StopAll)
	}
	if err := sentence("why", s.Why, maxStopWhy); err != nil {
		return err
	}
	if err := sentence("by", s.By, maxStopOwner); err != nil {
		return err
	}
	if s.At.IsZero() {
		return errors.New("has no time")
	}
	return nil
}

// sentence refuses what is empty, long or not to be printed on one line.
func sentence(field, text string, limit int) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("%s is empty", field)
	case len(text) > limit:
		return fmt.Errorf("%s has %d bytes, may have %d", field, len(text), limit)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%s is not one line of text", field)
	}
	return nil
}
