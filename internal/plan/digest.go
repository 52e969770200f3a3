package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// digestOf is sha256 over the canonical JSON of a value.
func digestOf(v any) (string, error) {
	data, err := resource.Canonical(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// digestInParts is digestOf for a struct with long lists.
func digestInParts(v any) (string, error) {
	sum := sha256.New()
	if err := writeJSON(sum, v, false); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// StepDigest identifies a step by what it does, annotations left out. Journal
// and approvals know steps by it.
func StepDigest(s resource.Step) (string, error) {
	s.Annotations = nil
	return digestOf(s)
}

// ObservedDigest covers everything that was read.
func ObservedDigest(owned, foreign resource.Set, facts []resource.Fact, unread []resource.Unread) (string, error) {
	type seen struct {
		ID      resource.ID      `json:"id"`
		Attrs   resource.Attrs   `json:"attrs"`
		Outputs resource.Outputs `json:"outputs"`
	}
	list := func(set resource.Set) []seen {
		all := []seen{}
		for _, id := range set.IDs() {
			all = append(all, seen{id, set[id].Attrs, set[id].Outputs})
		}
		return all
	}
	return digestInParts(struct {
		Owned   []seen            `json:"owned"`
		Foreign []seen            `json:"foreign"`
		Facts   []resource.Fact   `json:"facts"`
		Unread  []resource.Unread `json:"unread"`
	}{list(owned), list(foreign), sorted(facts, resource.Fact.Compare), sorted(unread, resource.Unread.Compare)})
}

// Seal sorts what has no order of its own, counts, and writes both digests.
// moving names, per kind, the attributes whose observed value is no intent.
func (p *Plan) Seal(moving map[string][]string) error {
	bundle(p.Changes)
	p.normalise()
	if err := p.respell(); err != nil {
		return err
	}
	changes, err := p.changesDigest(moving)
	if err != nil {
		return fmt.Errorf("changes digest: %w", err)
	}
	p.ChangesDigest = changes
	whole, err := p.wholeDigest()
	if err != nil {
		return fmt.Errorf("plan digest: %w", err)
	}
	p.Digest = whole
	return nil
}

// normalise gives every list an order and no list the value null, so that the
// same world gives the same bytes.
func (p *Plan) normalise() {
	p.Created, p.Expires = p.Created.UTC(), p.Expires.UTC()
	slices.SortFunc(p.Facts, resource.Fact.Compare)
	slices.SortFunc(p.Unread, resource.Unread.Compare)
	slices.SortFunc(p.Findings, resource.Finding.Compare)
	slices.SortFunc(p.Deferred, func(a, b Deferred) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(p.Pending, func(a, b Pending) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(p.Spend, func(a, b Spend) int { return strings.Compare(a.Network, b.Network) })
	p.Facts, p.Unread, p.Findings = nonNil(p.Facts), nonNil(p.Unread), nonNil(p.Findings)
	p.Changes, p.Deferred, p.Pending, p.Spend = nonNil(p.Changes), nonNil(p.Deferred), nonNil(p.Pending), nonNil(p.Spend)
	p.Revision.Authors = nonNil(p.Revision.Authors)
	if p.Resolved == nil {
		p.Resolved = map[string]string{}
	}
	if p.Identity.Chains == nil {
		p.Identity.Chains = map[string]uint64{}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		c.Fields, c.Steps, c.Why = nonNil(c.Fields), nonNil(c.Steps), nonNil(c.Why)
	}
	p.count()
}

// respell makes texts that are not UTF-8 (a node's error, a tag) read as they
// will be read back from the file. JSON cannot hold them as they are, and the
// digest must be that of what the file says.
func (p *Plan) respell() error {
	var texts misspelt
	if err := writeJSON(&texts, p, false); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	if !texts.found {
		return nil
	}
	data, err := resource.Canonical(p)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	again, err := decodeStrict(data)
	if err != nil {
		return err
	}
	*p = *again
	return nil
}

func (p *Plan) count() {
	s := Summary{Unchanged: p.Summary.Unchanged, Deferred: len(p.Deferred), Pending: len(p.Pending), Unread: len(p.Unread)}
	for _, c := range p.Changes {
		switch c.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Replace:
			s.Replace++
		case Delete:
			s.Delete++
		case Propose:
			s.Propose++
		}
	}
	p.Summary = s
}

func (p *Plan) wholeDigest() (string, error) {
	bare := *p
	bare.Digest = ""
	return digestInParts(bare)
}

// sorted is an ordered copy.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	return nonNil(slices.SortedFunc(slices.Values(list), compare))
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
