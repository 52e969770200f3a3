package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/observe"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// live adds what a person holds in the world as it was read: addresses of his in
// Safes, sets and contracts, and keys that his users and roles can sign with.
func (p *powers) live(ctx context.Context, s *session) error {
	if s.env.Access == nil {
		// Who can sign is a question about the account, whatever is declared.
		s.env.Access = &config.Access{}
		kinds, err := newKinds(s)
		if err != nil {
			return err
		}
		s.kinds = kinds
	}
	desired, err := observe.Declare(s.env, s.kinds)
	if err != nil {
		return err
	}
	world, err := observe.All(ctx, s.env, s.kinds, desired, s.progress.kind)
	if err != nil {
		return err
	}
	for _, u := range world.Unread {
		p.unknown("%s: %s: %s", u.Scope, u.Operation, u.Cause)
	}
	p.holdings(world)
	return p.signs(ctx, s, world)
}

// holdings finds the person's addresses in everything that was read from a network.
func (p *powers) holdings(world *observe.World) {
	his := map[string]string{}
	for _, address := range p.person.Addresses {
		his[strings.ToLower(address)] = address
	}
	for _, key := range p.env.Keys {
		if address := world.Owned[key.ResourceID()].Outputs["address"]; key.Operator == p.person.Name && address != "" {
			his[strings.ToLower(address)] = address + ", key " + key.Name
		}
	}
	for _, set := range []resource.Set{world.Owned, world.Foreign} {
		for _, id := range set.IDs() {
			if _, ok := p.env.Network(id.Scope); !ok || id.Kind == "funding" {
				continue
			}
			seen := map[string]bool{}
			find(plainly(set[id].Attrs), "", func(path, text string) {
				if whose := his[strings.ToLower(text)]; whose != "" && !seen[path+whose] {
					seen[path+whose] = true
					p.add("observed", id.String(), "%s is in its %s", whose, path)
				}
			})
		}
	}
}

// plainly is what attributes are in JSON: every sort of text is a string there.
func plainly(attrs resource.Attrs) (value any) {
	data, err := resource.Canonical(attrs)
	if err == nil {
		err = json.Unmarshal(data, &value)
	}
	if err != nil {
		return nil
	}
	return value
}

// find walks a value and tells every text in it, with the names on the way to it.
func find(value any, path string, tell func(path, text string)) {
	switch value := value.(type) {
	case string:
		tell(path, value)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			find(value[name], strings.TrimPrefix(path+"."+name, "."), tell)
		}
	case []any:
		for _, one := range value {
			find(one, path, tell)
		}
	}
}

// signs finds the keys that the person's users and roles can sign with today, or
// could come to.
func (p *powers) signs(ctx context.Context, s *session, world *observe.World) error {
	if len(p.person.Principals) == 0 {
		return nil
	}
	live, err := s.directory.All(ctx)
	if err != nil {
		return fmt.Errorf("who can sign with its keys: %w", err)
	}
	var names []string
	for _, u := range live.Users {
		names = append(names, u.ARN)
	}
	for _, r := range live.Roles {
		names = append(names, r.ARN)
	}
	there := map[string]bool{}
	for _, stated := range p.person.Principals {
		there[stated] = slices.ContainsFunc(names, func(arn string) bool { return sameIAM(stated, arn) })
		if !there[stated] && strings.HasPrefix(stated, "arn:") && !strings.HasPrefix(stated, "arn:aws:iam::"+p.env.AWS.Account+":") {
			there[stated] = true // of another account, which is not read
		} else if !there[stated] {
			p.add("observed", stated, "is not there")
		}
	}
	// What was only not declared was looked up now.
	p.unread = slices.DeleteFunc(p.unread, func(line string) bool { return strings.HasSuffix(line, undeclared) })
	report := s.accessReport(ctx, world, live, false)
	for _, key := range report.Keys {
		for _, stated := range p.person.Principals {
			for _, signer := range key.Signers {
				if sameIAM(stated, signer.Principal) {
					p.add("observed", "key "+key.Key, "%s can sign with it, by %s%s", stated, signer.Through, doubted(signer.Certain))
				}
			}
			for _, path := range key.CanBecome {
				if sameIAM(stated, path.Principal) {
					p.add("observed", "key "+key.Key, "%s could come to sign with it: %s%s", stated, path.Path, doubted(path.Certain))
				}
			}
		}
	}
	return nil
}

func doubted(certain bool) string {
	if certain {
		return ""
	}
	return " (not certain)"
}
