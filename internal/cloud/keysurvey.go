package cloud

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"
)

// KeySurvey is what aliases and tags of one region say, before any key is looked
// at. Lists lag behind; what was asked of an alias or a key itself is sure.
type KeySurvey struct {
	ring Keyring
	// narrow surveys know only what was looked for.
	narrow bool

	mu sync.Mutex
	// target maps an alias to the key id that it points to, tags a key id to its
	// tags.
	target map[string]string
	tags   map[string]map[string]string
	// sure holds the key ids whose tags were read from the key itself.
	sure map[string]bool
	// pointing maps a key id to its aliases, made of target when it is first asked
	// for.
	pointing func() map[string][]string
}

func (k Keyring) newSurvey(narrow bool) *KeySurvey {
	s := &KeySurvey{ring: k, narrow: narrow, target: map[string]string{}, tags: map[string]map[string]string{}, sure: map[string]bool{}}
	s.pointing = sync.OnceValue(func() map[string][]string {
		s.mu.Lock()
		defer s.mu.Unlock()
		pointing := map[string][]string{}
		for _, alias := range slices.Sorted(maps.Keys(s.target)) {
			pointing[s.target[alias]] = append(pointing[s.target[alias]], alias)
		}
		return pointing
	})
	return s
}

// Survey lists all aliases and all keys that carry the tag, page by page; shared
// may be a walk over the same tag that others share. The two lists are
// independent, so that one waits for the slower one only.
func (k Keyring) Survey(ctx context.Context, mark Tag, shared *Inventory) (*KeySurvey, error) {
	s := k.newSurvey(false)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.target, err = k.Aliases(ctx, "")
		return err
	})
	group.Go(func() (err error) {
		if shared == nil {
			s.tags, err = k.tagged(ctx, filter(mark.Key, mark.Value))
			return err
		}
		found, err := shared.Of(ctx, k.Region, typeKey)
		s.tags = byKeyID(found)
		return err
	})
	return s, group.Wait()
}

// Look finds keys that carry the tag and one of the values of another, and those
// behind some aliases, without listing anything else.
func (k Keyring) Look(ctx context.Context, mark Tag, key string, values, aliases []string) (*KeySurvey, error) {
	s := k.newSurvey(true)
	for chunk := range slices.Chunk(values, tagValues) {
		found, err := k.tagged(ctx, filter(mark.Key, mark.Value), filter(key, chunk...))
		if err != nil {
			return nil, err
		}
		maps.Copy(s.tags, found)
	}
	if err := k.each(ctx, aliases, s.resolve); err != nil {
		return nil, err
	}
	// The tagging API may still show a tag that was removed.
	return s, k.each(ctx, slices.Collect(maps.Keys(s.tags)), s.confirm)
}

// Settle asks some aliases where they point to, and the keys behind them for
// their tags: nothing is planned on a list that may lag.
func (s *KeySurvey) Settle(ctx context.Context, aliases []string) error {
	return s.ring.each(ctx, aliases, func(ctx context.Context, alias string) error {
		if !s.narrow {
			if err := s.resolve(ctx, alias); err != nil {
				return err
			}
		}
		if target := s.Target(alias); target != "" {
			return s.confirm(ctx, target)
		}
		return nil
	})
}

// Target is the key id behind an alias; empty when there is none.
func (s *KeySurvey) Target(alias string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target[alias]
}

// Keys are the ids of the keys whose tags are known, in order.
func (s *KeySurvey) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tags))
}

// Tags are a key's tags as far as they are known, and whether the key itself
// said so.
func (s *KeySurvey) Tags(keyID string) (tags map[string]string, sure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tags[keyID], s.sure[keyID]
}

// Aliases are all aliases that point to a key, in order. Ask when the survey is
// settled.
func (s *KeySurvey) Aliases(ctx context.Context, keyID string) ([]string, error) {
	if !s.narrow {
		return s.pointing()[keyID], nil
	}
	target, err := s.ring.Aliases(ctx, keyID)
	return slices.Sorted(maps.Keys(target)), err
}

// resolve asks where one alias points to.
func (s *KeySurvey) resolve(ctx context.Context, alias string) error {
	m, err := s.ring.Describe(ctx, alias)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case NotFound(err):
		delete(s.target, alias)
		return nil
	case err != nil:
		return err
	}
	s.target[alias] = aws.ToString(m.KeyId)
	return nil
}

// confirm reads a key's tags from the key itself.
func (s *KeySurvey) confirm(ctx context.Context, keyID string) error {
	tags, err := s.ring.Tags(ctx, keyID)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case NotFound(err):
		// The tagging API lists what is long deleted.
		delete(s.tags, keyID)
		return nil
	case err != nil:
		return err
	}
	s.tags[keyID], s.sure[keyID] = tags, true
	return nil
}
