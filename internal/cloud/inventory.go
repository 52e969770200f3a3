package cloud

import (
	"context"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// TaggingAPI is what finding resources by their tags needs.
type TaggingAPI interface {
	GetResources(context.Context, *resourcegroupstaggingapi.GetResourcesInput, ...func(*resourcegroupstaggingapi.Options)) (*resourcegroupstaggingapi.GetResourcesOutput, error)
}

// tagPage is the largest page of GetResources (Resource Groups Tagging API
// reference).
const tagPage = 100

// Tagged lists the resources of some types (kms:key, secretsmanager:secret)
// that carry all the tags: ARN to tags. The list lags behind the resources.
func Tagged(ctx context.Context, api TaggingAPI, region string, filters []types.TagFilter, kinds ...string) (map[string]map[string]string, error) {
	found := map[string]map[string]string{}
	in := &resourcegroupstaggingapi.GetResourcesInput{ResourceTypeFilters: kinds, ResourcesPerPage: aws.Int32(tagPage), TagFilters: filters}
	for {
		out, err := api.GetResources(ctx, in)
		if err != nil {
			return nil, Explain("tag:GetResources", region, err)
		}
		for _, mapping := range out.ResourceTagMappingList {
			tags := map[string]string{}
			for _, tag := range mapping.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			found[aws.ToString(mapping.ResourceARN)] = tags
		}
		if in.PaginationToken = out.PaginationToken; aws.ToString(in.PaginationToken) == "" {
			return found, nil
		}
	}
}

// Inventory lists what carries one tag, once per region for all kinds that
// ask: one walk over the pages serves keys and secrets alike. Make a new one
// for every reading of the world.
type Inventory struct {
	api        func(region string) TaggingAPI
	key, value string
	kinds      []string

	mu    sync.Mutex
	walks map[string]*inventoryWalk
}

// inventoryWalk is the walk of one region.
type inventoryWalk struct {
	turn  chan struct{} // one at a time
	ended bool
	found map[string]map[string]string
	err   error
}

// NewInventory lists resources of the given types whose tag key has the value.
func NewInventory(api func(region string) TaggingAPI, key, value string, kinds ...string) *Inventory {
	return &Inventory{api: api, key: key, value: value, kinds: kinds, walks: map[string]*inventoryWalk{}}
}

// Of gives the resources of one type in one region: ARN to tags. Whoever calls
// off his own walk leaves it to the next.
func (i *Inventory) Of(ctx context.Context, region, kind string) (map[string]map[string]string, error) {
	all, err := i.walk(ctx, region)
	if err != nil {
		return nil, err
	}
	service, _, _ := strings.Cut(kind, ":")
	found := map[string]map[string]string{}
	for arn, tags := range all {
		// arn:partition:service:region:account:resource
		if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[2] == service {
			found[arn] = tags
		}
	}
	return found, nil
}

func (i *Inventory) walk(ctx context.Context, region string) (map[string]map[string]string, error) {
	i.mu.Lock()
	walk := i.walks[region]
	if walk == nil {
		walk = &inventoryWalk{turn: make(chan struct{}, 1)}
		i.walks[region] = walk
	}
	i.mu.Unlock()
	select {
	case walk.turn <- struct{}{}:
		defer func() { <-walk.turn }()
	case <-ctx.Done():
		return nil, Explain("tag:GetResources", region, ctx.Err())
	}
	if walk.ended {
		return walk.found, walk.err
	}
	filter := types.TagFilter{Key: aws.String(i.key), Values: []string{i.value}}
	found, err := Tagged(ctx, i.api(region), region, []types.TagFilter{filter}, i.kinds...)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	walk.ended, walk.found, walk.err = true, found, err
	return found, err
}
