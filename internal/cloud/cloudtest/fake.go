package cloudtest

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
)

// Fake is an AWS account in memory: the operations that the kinds use, with
// AWS's own rules for paging, key states, names that are taken, and tags. Its
// clients have the SDK's signatures.
type Fake struct {
	Switch
	*fakeAccount
	// aside: whoever looks here is nobody's business, and sees the present.
	aside bool
}

type fakeAccount struct {
	account string

	state   sync.Mutex
	frozen  bool
	regions map[string]*region
	iam     *iamState
	s3      fakeBuckets
	serial  int

	// writing is held by a write until after has seen what it did.
	writing sync.Mutex
	after   func(operation string)
}

// NewFake is an empty account.
func NewFake(account string) *Fake {
	return &Fake{fakeAccount: &fakeAccount{account: account, regions: map[string]*region{}, iam: newIAM(account)}}
}

// Aside is the same account for somebody who looks on: his calls are counted
// apart, meet no faults, and are answered by IAM from the present.
func (f *Fake) Aside() *Fake { return &Fake{fakeAccount: f.fakeAccount, aside: true} }

// AfterWrite has a look after every single write that had an effect, before the
// next one can begin; look may read the account by Aside. Nil ends it.
func (f *Fake) AfterWrite(look func(operation string)) {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.after = look
}

type region struct {
	keys    map[string]*fakeKey
	order   []string // key ids, oldest first
	aliases map[string]string
	secrets map[string]*fakeSecret
	// stale is what lists still show while they are frozen.
	stale *region
}

func newRegion() *region {
	return &region{keys: map[string]*fakeKey{}, aliases: map[string]string{}, secrets: map[string]*fakeSecret{}}
}

// listed is the region as lists show it.
func (r *region) listed() *region {
	if r.stale != nil {
		return r.stale
	}
	return r
}

// Freeze makes ListAliases, ListSecrets, ListBuckets and GetResources show what
// is there now, whatever happens afterwards: lists are eventually consistent.
// Questions about one object are answered from the present.
func (f *Fake) Freeze() {
	f.state.Lock()
	defer f.state.Unlock()
	f.frozen = true
	f.s3.freeze()
	for _, r := range f.regions {
		r.stale = r.copy()
	}
}

// Thaw lets lists show the present again.
func (f *Fake) Thaw() {
	f.state.Lock()
	defer f.state.Unlock()
	f.frozen = false
	f.s3.stale = nil
	for _, r := range f.regions {
		r.stale = nil
	}
}

func (r *region) copy() *region {
	c := newRegion()
	c.order, c.aliases = slices.Clone(r.order), maps.Clone(r.aliases)
	for id, key := range r.keys {
		k := *key
		k.tags, k.grants = maps.Clone(key.tags), slices.Clone(key.grants)
		c.keys[id] = &k
	}
	for name, secret := range r.secrets {
		s := *secret
		s.tags = maps.Clone(secret.tags)
		c.secrets[name] = &s
	}
	return c
}

type fakeKey struct {
	id, arn, description string
	spec, usage, origin  string
	state                string
	multiRegion          bool
	tags                 map[string]string
	policy               string
	grants               []fakeGrant // oldest first
	created              time.Time
	private              *ecdsa.PrivateKey
}

type fakeSecret struct {
	name, arn, description string
	value, token           string
	tags                   map[string]string
	created                time.Time
	deleted                *time.Time
}

func (f *Fake) region(name string) *region {
	r, ok := f.regions[name]
	if !ok {
		r = newRegion()
		if f.frozen {
			r.stale = newRegion()
		}
		f.regions[name] = r
	}
	return r
}

// next is a number that never repeats, and the time that goes with it.
func (f *Fake) next() (int, time.Time) {
	f.serial++
	return f.serial, time.Date(2026, 1, 1, 0, 0, f.serial, 0, time.UTC)
}

// answer runs one operation under the faults of the switch.
func answer[O any](f *Fake, operation string, run func() (O, error)) (O, error) {
	var none O
	fault := f.arrive(operation)
	if err := before(fault, operation); err != nil {
		return none, err
	}
	if Writes(operation) && !f.aside {
		f.writing.Lock()
		defer f.writing.Unlock()
	}
	out, err := alone(f, run)
	if err != nil {
		return none, err
	}
	if Writes(operation) && !f.aside && f.after != nil {
		f.after(operation)
	}
	if err := after(fault); err != nil {
		return none, err
	}
	return out, nil
}

// alone runs one operation while nothing else happens.
func alone[O any](f *Fake, run func() (O, error)) (O, error) {
	f.state.Lock()
	defer f.state.Unlock()
	return run()
}

// Keys counts the KMS keys of all regions, orphans included.
func (f *Fake) Keys() int {
	f.state.Lock()
	defer f.state.Unlock()
	n := 0
	for _, r := range f.regions {
		n += len(r.keys)
	}
	return n
}

// Secrets lists the stored values of all regions, for tests that search for
// them where they must not be.
func (f *Fake) Secrets() []string {
	f.state.Lock()
	defer f.state.Unlock()
	var values []string
	for _, r := range f.regions {
		for _, s := range r.secrets {
			values = append(values, s.value)
		}
	}
	slices.Sort(values)
	return values
}

// page cuts a list at a marker that is the index of the next element.
func page[T any](all []T, marker string, limit int) (part []T, next string, err error) {
	start := 0
	if marker != "" {
		if _, err := fmt.Sscanf(marker, "next-%d", &start); err != nil || start > len(all) {
			return nil, "", failure("InvalidMarkerException", "invalid marker")
		}
	}
	end := min(start+limit, len(all))
	if end < len(all) {
		next = fmt.Sprintf("next-%d", end)
	}
	return all[start:end], next, nil
}

// limitOf checks a page size against AWS's bounds.
func limitOf(asked *int32, usual, most int) (int, error) {
	switch {
	case asked == nil:
		return usual, nil
	case *asked < 1 || int(*asked) > most:
		return 0, failure("ValidationException", fmt.Sprintf("page size %d, must be from 1 to %d", *asked, most))
	default:
		return int(*asked), nil
	}
}

// maxTags is the quota of tags on one resource.
const maxTags = 50

func mergeTags(have, add map[string]string) (map[string]string, error) {
	merged := map[string]string{}
	for _, tags := range []map[string]string{have, add} {
		for key, value := range tags {
			if key == "" || strings.HasPrefix(key, "aws:") || len(key) > 128 || len(value) > 256 {
				return nil, failure("TagException", fmt.Sprintf("tag key %q is not valid", key))
			}
			merged[key] = value
		}
	}
	if len(merged) > maxTags {
		return nil, failure("LimitExceededException", fmt.Sprintf("%d tags, at most %d", len(merged), maxTags))
	}
	return merged, nil
}

// spki is DER SubjectPublicKeyInfo of a secp256k1 key, as kms:GetPublicKey
// gives it.
func spki(public *ecdsa.PublicKey) ([]byte, error) {
	type algorithm struct{ Algorithm, Curve asn1.ObjectIdentifier }
	return asn1.Marshal(struct {
		Algorithm algorithm
		PublicKey asn1.BitString
	}{
		algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 3, 132, 0, 10}},
		asn1.BitString{Bytes: crypto.FromECDSAPub(public), BitLength: 65 * 8},
	})
}
