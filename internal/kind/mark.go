package kind

import (
	"maps"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The tags that carry our mark on an AWS object. Environment and ID say whose
// it is, Intent which attempt created it, Address what a key's Ethereum address
// is (for display and for plans that decide nothing; never enough to pay).
// Protect ("true") keeps an object from being removed, even when nobody declares
// it any more; a person takes it off by hand.
const (
	TagEnvironment = "reconcile:environment"
	TagID          = "reconcile:id"
	TagIntent      = "reconcile:intent"
	TagAddress     = "reconcile:address"
	TagProtect     = "reconcile:protect"
)

// The AWS resource types that carry our mark, as the tagging API calls them.
const (
	TypeKey    = "kms:key"
	TypeSecret = "secretsmanager:secret"
	TypeBucket = "s3:bucket"
)

// MarkTags is the mark of one resource of one environment.
func MarkTags(environment string, id resource.ID) map[string]string {
	return map[string]string{TagEnvironment: environment, TagID: id.String()}
}

// PeopleTags are the tags that help people find a key: whose it is and for
// what. A key of several networks names none.
func PeopleTags(k config.Key) map[string]string {
	tags := map[string]string{"agent": k.Agent, "role": k.Role, "use": k.Use}
	if len(k.Networks) == 1 {
		tags["network"] = k.Networks[0]
	}
	return Filled(tags)
}

// Filled leaves the tags without a value out.
func Filled(tags map[string]string) map[string]string {
	maps.DeleteFunc(tags, func(_, value string) bool { return value == "" })
	return tags
}

// KeyTags are the tags that a key must have beside our mark: those for people,
// and the one that protects it.
func KeyTags(k config.Key) map[string]string {
	return Protected(PeopleTags(k), k.Protect)
}

// Protected is tags with the one that protects, where it is wanted.
func Protected(tags map[string]string, protect bool) map[string]string {
	all := map[string]string{}
	maps.Copy(all, tags)
	if protect {
		all[TagProtect] = "true"
	}
	return all
}

// MarkedFor is the id that an object's tags mark it for; ok is false when it
// does not carry the environment's mark. A mark whose id cannot be one of this
// kind and scope stands for the object itself, under its own name, so that it
// is seen and reported as undeclared.
func MarkedFor(tags map[string]string, environment, kind, scope, name string) (id resource.ID, ok bool) {
	if tags[TagEnvironment] != environment {
		return resource.ID{}, false
	}
	id, err := resource.ParseID(tags[TagID])
	if err != nil || id.Kind != kind || id.Scope != scope {
		id = resource.ID{Kind: kind, Scope: scope, Name: name}
	}
	return id, true
}

// Marked reports whether tags say that an object is exactly this resource.
func Marked(tags map[string]string, environment string, id resource.ID) bool {
	return tags[TagEnvironment] == environment && tags[TagID] == id.String()
}

// InPath reports whether an IAM path is the environment's own or lies below it.
func InPath(env *config.Environment, path string) bool {
	return env.Access != nil && env.Access.Path != "" && strings.HasPrefix(path, env.Access.Path)
}

// PathMark is whose an IAM object is by its path: the environment where it is
// ours, the path where it is another environment's, empty where it is nobody's.
func PathMark(env *config.Environment, path string) string {
	switch {
	case InPath(env, path):
		return env.Name
	case strings.HasPrefix(path, "/reconcile/"):
		return path
	default:
		return ""
	}
}

// Owns reports whether a live user or role carries our mark for itself, or a
// group, which has no tags, lies in our path. Noun is user, role or group.
func Owns(env *config.Environment, noun string, e access.Entity) bool {
	if noun == "group" {
		return InPath(env, e.Path)
	}
	return Marked(e.Tags, env.Name, resource.ID{Kind: "iam-" + noun, Scope: config.Global, Name: e.Name})
}

// MarkParams is the mark as a parameter of a step, with the tag that protects.
func MarkParams(environment string, id resource.ID, protect bool) map[string]any {
	tags := tagAttrs(MarkTags(environment, id))
	if protect {
		tags[TagProtect] = "true"
	}
	return tags
}

// Claims are what must hold before any effect on a live object: it carries the
// mark that was seen (empty: none), and it is still that very one by some of its
// outputs.
func Claims(id resource.ID, mark string, outputs resource.Outputs, names ...string) []resource.Precondition {
	pre := []resource.Precondition{{ID: id, Path: "mark", Op: resource.Equals, Value: mark}}
	if mark == "" {
		pre[0].Op = resource.Absent
	}
	for _, name := range names {
		pre = append(pre, resource.Precondition{ID: id, Path: "outputs." + name, Op: resource.Equals, Value: outputs[name]})
	}
	return pre
}

// MarkOf is the text of a mark: the environment where it is ours, "environment
// id" where it is somebody else's, empty where there is none.
func MarkOf(tags map[string]string, environment string, ours bool) string {
	if ours {
		return environment
	}
	return strings.TrimSpace(tags[TagEnvironment] + " " + tags[TagID])
}

// TaggedAddress is the address that a key's tags say it has. Only the EIP-55 form
// counts: what somebody typed by hand is not good enough.
func TaggedAddress(tags map[string]string) (address string, ok bool) {
	address = tags[TagAddress]
	if !common.IsHexAddress(address) || common.HexToAddress(address).Hex() != address {
		return "", false
	}
	return address, true
}

// ShownTags keeps of an object's tags those that are declared; of an undeclared
// object those that we would have written. Others are nobody's business here.
func ShownTags(live, want map[string]string, declared bool) map[string]string {
	names := slices.Collect(maps.Keys(want))
	if !declared {
		names = []string{"agent", "role", "use", "network", TagProtect}
	}
	tags := map[string]string{}
	for _, name := range names {
		if value, ok := live[name]; ok {
			tags[name] = value
		}
	}
	return tags
}

// KeysOf lists the environment's keys that are resources of one kind, by scope.
// The keys of an agent that a contracted party runs are among them: they stay in
// our account, and the party is granted their use. The environment's own region
// is always there: what nobody declares any more is looked for in it.
func KeysOf(env *config.Environment, kind string) map[string]map[resource.ID]config.Key {
	scopes := map[string]map[resource.ID]config.Key{env.AWS.Region: {}}
	for _, key := range env.Keys {
		id := key.ResourceID()
		if id.Kind != kind {
			continue
		}
		if scopes[id.Scope] == nil {
			scopes[id.Scope] = map[resource.ID]config.Key{}
		}
		scopes[id.Scope][id] = key
	}
	return scopes
}
