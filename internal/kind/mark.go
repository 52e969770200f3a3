package kind

import (
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// The tags that carry our mark on an AWS object. Environment and ID say whose
// it is, Intent which attempt created it, Address what a key's Ethereum address
// is (for display and for plans that decide nothing; never enough to pay).
const (
	TagEnvironment = "reconcile:environment"
	TagID          = "reconcile:id"
	TagIntent      = "reconcile:intent"
	TagAddress     = "reconcile:address"
)

// MarkTags is the mark of one resource of one environment.
func MarkTags(environment string, id resource.ID) map[string]string {
	return map[string]string{TagEnvironment: environment, TagID: id.String()}
}

// PeopleTags are the tags that help people find a key: whose it is and for
// what. An empty value gets no tag; a key of several networks names none.
func PeopleTags(k config.Key) map[string]string {
	tags := map[string]string{}
	add := func(name, value string) {
		if value != "" {
			tags[name] = value
		}
	}
	add("agent", k.Agent)
	add("role", k.Role)
	add("use", k.Use)
	if len(k.Networks) == 1 {
		add("network", k.Networks[0])
	}
	return tags
}
