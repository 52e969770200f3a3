package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// maxOverlayBytes bounds an overlay: 150 networks and 10,000 pins are 1 MB.
const maxOverlayBytes = 4 << 20

// LoadOverlay reads an overlay strictly. name is the path as the user gave it;
// it stands in errors and in the plan.
func LoadOverlay(name string, data []byte) (*Overlay, error) {
	if len(data) > maxOverlayBytes {
		return nil, fmt.Errorf("%s: overlay: has %d bytes, may have %d", name, len(data), maxOverlayBytes)
	}
	if err := uniqueNames(data); err != nil {
		return nil, fmt.Errorf("%s: overlay: %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var o Overlay
	if err := dec.Decode(&o); err != nil {
		line := 1 + bytes.Count(data[:min(dec.InputOffset(), int64(len(data)))], []byte("\n"))
		return nil, fmt.Errorf("%s:%d: overlay: %s", name, line, strings.TrimPrefix(jsonCause(err), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: overlay: holds something after its object", name)
	}
	o.Name, o.Digest = name, sum(data)
	var faults []string
	refuse := func(format string, args ...any) {
		faults = append(faults, name+": overlay: "+fmt.Sprintf(format, args...))
	}
	if !validName(o.Environment) {
		refuse("environment: %q is not a name of an environment", o.Environment)
	}
	for _, network := range slices.Sorted(maps.Keys(o.Networks)) {
		o.Networks[network].check(plainName(network), refuse)
	}
	if o.AWS.Endpoint != "" {
		if message := overlayURL(o.AWS.Endpoint); message != "" {
			refuse("aws.endpoint: %s", message)
		}
	}
	o.Store.check(refuse)
	o.checkOnChain(refuse)
	for _, key := range slices.Sorted(maps.Keys(o.Pins)) {
		if message, _ := checksum(o.Pins[key]); message != "" {
			refuse("pins.%s: %s", plainName(key), message)
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return &o, nil
}

// checkOnChain refuses a deployment that could not be read, and a folder of
// checkpoints that reaches above itself.
func (o *Overlay) checkOnChain(refuse func(string, ...any)) {
	if slices.Contains(strings.Split(o.Checkpoints, "/"), "..") {
		refuse("checkpoints: needs a path without ..")
	}
	if len(o.Deployment) == 0 {
		return
	}
	_, err := ParseDeployment(o.Name, o.Deployment)
	if all, ok := err.(Errors); ok {
		for _, e := range all {
			refuse("deployment: %s", strings.TrimPrefix(e.Path+": "+e.Msg, ": "))
		}
	}
}

// check refuses endpoints that are no URLs.
func (n OverlayNetwork) check(network string, refuse func(string, ...any)) {
	for i, endpoint := range n.RPC {
		if message := overlayURL(endpoint); message != "" {
			refuse("networks.%s.rpc[%d]: %s", network, i, message)
		}
	}
	if n.SafeService != "" {
		if message := overlayURL(n.SafeService); message != "" {
			refuse("networks.%s.safeService: %s", network, message)
		}
	}
}

func (s *OverlayStore) check(refuse func(string, ...any)) {
	switch {
	case s == nil:
	case s.Kind == "file" && (s.Path == "" || slices.Contains(strings.Split(s.Path, "/"), "..")):
		refuse("store: a store of kind file needs a path without ..")
	case s.Kind == "s3" && s.Bucket == "":
		refuse("store: a store of kind s3 needs bucket")
	case s.Kind != "file" && s.Kind != "s3":
		refuse("store.kind: %q is neither file nor s3", s.Kind)
	}
}

// overlayURL admits https anywhere and plain http on loopback only, so that no
// request leaves the machine in the clear. The URL is never repeated.
func overlayURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "is not an http or https URL"
	}
	if u.User != nil {
		return "carries a user name or password"
	}
	if u.Scheme == "https" {
		return ""
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return ""
	}
	return fmt.Sprintf("%s: plain http is for loopback only", u.Host)
}

// uniqueNames refuses an object that names a field twice: encoding/json would
// take the last in silence, a reader sees the first.
func uniqueNames(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	type level struct {
		object bool
		names  map[string]bool
		value  bool
	}
	var stack []level
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("is not JSON: %s", jsonCause(err))
		}
		top := len(stack) - 1
		if name, ok := token.(string); ok && top >= 0 && stack[top].object && !stack[top].value {
			// encoding/json matches names without regard to case.
			folded := strings.ToLower(name)
			if stack[top].names[folded] {
				return fmt.Errorf("%q stands twice in one object", name)
			}
			stack[top].names[folded], stack[top].value = true, true
			continue
		}
		switch token {
		case json.Delim('{'):
			if len(stack) > 16 {
				return fmt.Errorf("is nested too deeply")
			}
			stack = append(stack, level{object: true, names: map[string]bool{}})
			continue
		case json.Delim('['):
			if len(stack) > 16 {
				return fmt.Errorf("is nested too deeply")
			}
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			top--
		}
		if top >= 0 {
			stack[top].value = false
		}
	}
}

// Apply points an environment at what the overlay names; addresses of its
// deployment are in the environment already, which Load lowered by it. It refuses another
// environment's overlay, networks and keys that the environment does not have,
// and open gates where money or the account is real.
func (o *Overlay) Apply(env *Environment) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%s: overlay: %s", o.Name, fmt.Sprintf(format, args...))
	}
	if o.Environment != env.Name {
		return refuse("was written for %s, not for %s", o.Environment, env.Name)
	}
	if o.Open && env.Class != Testnet {
		return refuse("open: gates stay shut in an environment of class %s", env.Class)
	}
	if o.Open && o.AWS.Endpoint == "" {
		return refuse("open: gates stay shut before AWS itself, aws.endpoint names no other")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Networks)) {
		if _, ok := env.Network(name); !ok {
			return refuse("networks.%s: no such network in %s", plainName(name), env.Name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Pins)) {
		if _, ok := env.Key(key); !ok {
			return refuse("pins.%s: no such key in %s", plainName(key), env.Name)
		}
		if pinned, ok := env.Pins[key]; ok && pinned != o.Pins[key] && env.Class == Mainnet {
			return refuse("pins.%s: is pinned as %s, class mainnet admits no other", key, pinned)
		}
	}
	env.Networks = slices.Clone(env.Networks)
	for i, n := range env.Networks {
		if replaced, ok := o.Networks[n.Name]; ok && len(replaced.RPC) > 0 {
			env.Networks[i].RPC = slices.Clone(replaced.RPC)
		}
	}
	env.Safes = slices.Clone(env.Safes)
	for i, s := range env.Safes {
		if service := o.Networks[s.Network].SafeService; service != "" {
			env.Safes[i].Service, env.Safes[i].ServiceKey = service, ""
		}
	}
	if o.Store != nil {
		s := *o.Store
		env.Store = Store{Kind: s.Kind, Path: s.Path, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, Source: resource.Source{File: o.Name}}
	}
	if len(o.Pins) > 0 {
		env.Pins = maps.Clone(env.Pins)
		maps.Copy(env.Pins, o.Pins)
		// The keys that it pins are others, with ARNs of their own.
		env.PinnedARNs = maps.Clone(env.PinnedARNs)
		maps.DeleteFunc(env.PinnedARNs, func(key, _ string) bool { return o.Pins[key] != "" })
	}
	env.Overlay = o
	return nil
}
