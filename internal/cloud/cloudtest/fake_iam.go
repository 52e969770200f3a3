package cloudtest

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// FakeIAM is the fake's IAM: one for the account, as in AWS. Rules and limits
// are those of the IAM API reference and of the IAM User Guide, "IAM and STS
// quotas", at their default values.
type FakeIAM struct{ fake *Fake }

// IAM is the client of the account's IAM.
func (f *Fake) IAM() *FakeIAM { return &FakeIAM{fake: f} }

// Lag makes IAM as slow to show things as AWS may be: after a write the next n
// readings still show the world before it, and a user or role made from now on
// is unknown to the first n policies that name it as a principal (trust, key
// and bucket policies). 0 ends it.
func (i *FakeIAM) Lag(n int) {
	i.fake.state.Lock()
	defer i.fake.state.Unlock()
	s := i.fake.iam
	s.lag, s.stale = n, nil
	for _, sort := range []string{userSort, roleSort} {
		for _, e := range s.now.entities[sort] {
			e.unseen = min(e.unseen, n)
		}
	}
}

// ShortPages bounds the pages of GetAccountAuthorizationDetails below what was
// asked for: IAM may return fewer than MaxItems. 0 ends it.
func (i *FakeIAM) ShortPages(most int) {
	i.fake.state.Lock()
	defer i.fake.state.Unlock()
	i.fake.iam.short = most
}

// The sorts of entities, as they stand in ARNs.
const (
	userSort  = "user"
	groupSort = "group"
	roleSort  = "role"
)

type iamState struct {
	now *iamWorld
	// stale is what readings still show, staleReads times.
	stale      *iamWorld
	staleReads int
	lag, short int
}

type iamWorld struct {
	account string
	// entities by sort and by name in lower case: names are not distinguished by
	// case.
	entities  map[string]map[string]*fakeEntity
	policies  map[string]*fakePolicy   // by ARN
	providers map[string]*fakeProvider // by ARN
}

func newIAM(account string) *iamState {
	return &iamState{now: &iamWorld{
		account:  account,
		entities: map[string]map[string]*fakeEntity{userSort: {}, groupSort: {}, roleSort: {}},
		policies: map[string]*fakePolicy{}, providers: map[string]*fakeProvider{},
	}}
}

// fakeEntity is a user, a group or a role.
type fakeEntity struct {
	sort, name, path, id string
	created              time.Time
	tags                 map[string]string
	boundary             string
	attached             []string
	inline               map[string]string
	// unseen is how many policies may still not name it.
	unseen int

	groups map[string]bool // of a user: names in lower case
	keys   []fakeAccessKey
	login  *time.Time

	trust, description string // of a role
	maxSession         int32
}

func (w *iamWorld) arn(e *fakeEntity) string {
	return "arn:aws:iam::" + w.account + ":" + e.sort + e.path + e.name
}

// copy is deep.
func (w *iamWorld) copy() *iamWorld {
	c := newIAM(w.account).now
	for sort, all := range w.entities {
		for key, entity := range all {
			e := *entity
			e.tags, e.inline, e.groups = maps.Clone(e.tags), maps.Clone(e.inline), maps.Clone(e.groups)
			e.attached, e.keys = slices.Clone(e.attached), slices.Clone(e.keys)
			c.entities[sort][key] = &e
		}
	}
	for arn, policy := range w.policies {
		p := *policy
		p.tags, p.versions = maps.Clone(p.tags), slices.Clone(p.versions)
		c.policies[arn] = &p
	}
	for arn, provider := range w.providers {
		p := *provider
		c.providers[arn] = &p
	}
	return c
}

// iamRead answers from what is shown.
func iamRead[O any](i *FakeIAM, operation string, run func(*iamWorld) (*O, error)) (*O, error) {
	return answer(i.fake, "iam."+operation, func() (*O, error) {
		s := i.fake.iam
		if s.stale == nil || i.fake.aside {
			return run(s.now)
		}
		shown := s.stale
		if s.staleReads--; s.staleReads <= 0 {
			s.stale = nil
		}
		return run(shown)
	})
}

// iamWrite changes what there is.
func iamWrite[O any](i *FakeIAM, operation string, run func(*iamWorld) (*O, error)) (*O, error) {
	return answer(i.fake, "iam."+operation, func() (*O, error) {
		s := i.fake.iam
		var before *iamWorld
		if s.lag > 0 {
			before = s.now.copy()
		}
		out, err := run(s.now)
		if err == nil && s.lag > 0 {
			if s.stale == nil {
				s.stale = before
			}
			s.staleReads = s.lag
		}
		return out, err
	})
}

// find gives an entity by its name.
func (w *iamWorld) find(sort string, name *string) (*fakeEntity, error) {
	if aws.ToString(name) == "" {
		return nil, invalid("a %s name is missing: who calls is no user here", sort)
	}
	if e, ok := w.entities[sort][strings.ToLower(*name)]; ok && e.name == *name {
		return e, nil
	}
	return nil, noSuch("The %s with name %s cannot be found.", sort, *name)
}

// sorted gives the entities of one sort, oldest first.
func (w *iamWorld) sorted(sort string) []*fakeEntity {
	return slices.SortedFunc(maps.Values(w.entities[sort]), func(a, b *fakeEntity) int { return cmp.Compare(a.id, b.id) })
}

// quota is the default number of entities of one sort in an account.
func quota(sort string) int {
	return map[string]int{userSort: 5000, groupSort: 300, roleSort: 1000}[sort]
}

// idPrefix begins unique ids (IAM User Guide, "IAM identifiers").
func idPrefix(sort string) string {
	return map[string]string{userSort: "AIDA", groupSort: "AGPA", roleSort: "AROA"}[sort]
}

// newEntity checks what all sorts have in common and adds nothing yet.
func (i *FakeIAM) newEntity(w *iamWorld, sort string, name, path *string) (*fakeEntity, error) {
	if err := checkName(sort, aws.ToString(name)); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if _, taken := w.entities[sort][strings.ToLower(*name)]; taken {
		return nil, nameTaken(sort, *name)
	}
	if most := quota(sort); len(w.entities[sort]) >= most {
		return nil, limit("Cannot exceed quota for %ssPerAccount: %d", sort, most)
	}
	serial, created := i.fake.next()
	return &fakeEntity{
		sort: sort, name: *name, path: cmp.Or(aws.ToString(path), "/"), id: fmt.Sprintf("%s%017d", idPrefix(sort), serial), created: created,
		tags: map[string]string{}, inline: map[string]string{}, groups: map[string]bool{}, unseen: i.fake.iam.lag,
	}, nil
}

func (w *iamWorld) add(e *fakeEntity) { w.entities[e.sort][strings.ToLower(e.name)] = e }

// remove forgets an entity. Policies that named it now hold its unique id, so
// that another entity of the same name has no part in them (IAM User Guide,
// "AWS JSON policy elements: Principal").
func (i *FakeIAM) remove(w *iamWorld, e *fakeEntity) {
	delete(w.entities[e.sort], strings.ToLower(e.name))
	i.fake.renamePrincipal(w.arn(e), e.id)
}

// rename gives an entity another name or path; it stays the same entity.
func (i *FakeIAM) rename(w *iamWorld, e *fakeEntity, name, path *string) error {
	old := w.arn(e)
	if name != nil {
		if err := checkName(e.sort, *name); err != nil {
			return err
		}
		if other, taken := w.entities[e.sort][strings.ToLower(*name)]; taken && other != e {
			return nameTaken(e.sort, *name)
		}
	}
	if err := checkPath(path); err != nil {
		return err
	}
	delete(w.entities[e.sort], strings.ToLower(e.name))
	before := strings.ToLower(e.name)
	e.name, e.path = cmp.Or(aws.ToString(name), e.name), cmp.Or(aws.ToString(path), e.path)
	w.add(e)
	if e.sort == groupSort {
		for _, user := range w.entities[userSort] {
			if user.groups[before] {
				delete(user.groups, before)
				user.groups[strings.ToLower(e.name)] = true
			}
		}
	}
	i.fake.renamePrincipal(old, w.arn(e))
	return nil
}

var (
	iamName = regexp.MustCompile(`^[\w+=,.@-]+$`)
	iamPath = regexp.MustCompile(`^(/|/[\x21-\x7e]+/)$`)
)

// checkName holds names to the pattern and length of their sort.
func checkName(sort, name string) error {
	most := 128
	if sort == userSort || sort == roleSort {
		most = 64
	}
	switch {
	case !iamName.MatchString(name):
		return invalid("The specified value for %sName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", sort)
	case len(name) > most:
		return invalid("1 validation error detected: Value at '%sName' failed to satisfy constraint: Member must have length less than or equal to %d", sort, most)
	}
	return nil
}

func checkPath(path *string) error {
	if path != nil && (!iamPath.MatchString(*path) || len(*path) > 512) {
		return invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return nil
}

func invalid(format string, args ...any) error {
	return failure("ValidationError", fmt.Sprintf(format, args...))
}

func noSuch(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func nameTaken(sort, name string) error {
	return &types.EntityAlreadyExistsException{Message: aws.String(fmt.Sprintf("%s with name %s already exists.", sort, name))}
}

func limit(format string, args ...any) error {
	return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func conflict(format string, args ...any) error {
	return &types.DeleteConflictException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func badInput(format string, args ...any) error {
	return &types.InvalidInputException{Message: aws.String(fmt.Sprintf(format, args...))}
}
