package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Kind is what an entry records.
type Kind string

// The kinds of entry. A plan is open from its first entry to its close or
// abandon.
const (
	Anchor  Kind = "anchor"  // the commit whose rules are in force, set by a bootstrap
	Open    Kind = "open"    // a plan begins
	Intent  Kind = "intent"  // an effect is about to happen
	Outcome Kind = "outcome" // what is known of an intent
	Reading Kind = "reading" // balances that were read
	Close   Kind = "close"   // a plan is done
	Abandon Kind = "abandon" // a plan was given up by a person
)

// The answers an outcome gives.
const (
	Happened    = "yes"
	NotHappened = "no"
	Unknown     = "unknown"
)

// MaxPreparedBytes bounds what a kind may record before an effect.
const MaxPreparedBytes = 256 << 10

// Entry is one line of the journal. It holds no secret.
type Entry struct {
	// Seq counts from 1 without gaps.
	Seq int64 `json:"seq"`
	// Time is UTC, to the millisecond.
	Time time.Time `json:"time"`
	// Term is the lease's term under which it was written; it never falls.
	Term        int64  `json:"term"`
	Kind        Kind   `json:"kind"`
	Environment string `json:"environment"`
	// Plan is the digest of the plan it belongs to.
	Plan   string `json:"plan,omitempty"`
	Commit string `json:"commit,omitempty"`
	// ID and Op name the step, StepDigest identifies it.
	ID         resource.ID `json:"id,omitzero"`
	Op         string      `json:"op,omitempty"`
	StepDigest string      `json:"stepDigest,omitempty"`
	// Intent is the unique id of one try.
	Intent   string          `json:"intent,omitempty"`
	Prepared json.RawMessage `json:"prepared,omitempty"`
	// Happened is yes, no or unknown, on outcomes only.
	Happened string           `json:"happened,omitempty"`
	Outputs  resource.Outputs `json:"outputs,omitempty"`
	Error    string           `json:"error,omitempty"`
	Spend    *resource.Spend  `json:"spend,omitempty"`
	// Readings are balances in wei, by resource ID.
	Readings map[string]string `json:"readings,omitempty"`
	Owner    string            `json:"owner,omitempty"`
	Why      string            `json:"why,omitempty"`
	// Advances says that a close moves the commit whose rules are in force, and,
	// unless RulesOnly, the last applied commit with it.
	Advances bool `json:"advances,omitempty"`
	// RulesOnly says of a close that advances: something that its commit declares was
	// not made (deferred, unread, proposed, or left), so it was not applied.
	RulesOnly bool `json:"rulesOnly,omitempty"`
	// Settles says that a close looked at everything afterwards: what its commit
	// declares was as declared at some time, but for what Owed lists.
	Settles bool `json:"settles,omitempty"`
	// Owed are the ids of resources that the commit declares and that never were so.
	Owed []string `json:"owed,omitempty"`
	// Approvals are the ids of the approvals that an open plan spends: each
	// authorises one apply.
	Approvals []string `json:"approvals,omitempty"`
	// Prev is the hash of the entry before, Hash that of this one without Hash.
	Prev string `json:"prev"`
	Hash string `json:"hash"`
}

// seal chains the entry to the one before it and returns its bytes, which it
// has read back: what is written can be read again, and is what was meant.
func (e *Entry) seal(prev string) ([]byte, error) {
	e.tidy()
	e.Prev = prev
	hash, err := e.hash()
	if err != nil {
		return nil, err
	}
	e.Hash = hash
	data, err := resource.Canonical(e)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	again, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("journal: %s entry is not written: %w", e.Kind, err)
	}
	*e = again
	return data, nil
}

func (e *Entry) hash() (string, error) {
	bare := *e
	bare.Hash = ""
	data, err := resource.Canonical(bare)
	if err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// decode reads one entry and checks that it is whole and its own.
func decode(data []byte) (Entry, error) {
	var e Entry
	if len(data) > MaxObjectBytes {
		return Entry{}, fmt.Errorf("has %d bytes, may have %d", len(data), MaxObjectBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Entry{}, err
	}
	again, err := resource.Canonical(e)
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, data) {
		return Entry{}, fmt.Errorf("not in canonical form")
	}
	hash, err := e.hash()
	if err != nil {
		return Entry{}, err
	}
	if hash != e.Hash {
		return Entry{}, fmt.Errorf("states hash %s, its content has %s", e.Hash, hash)
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}
