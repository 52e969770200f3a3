package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/call"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// makeStatic is how the factories of static ISMs are called (StaticThresholdAddressSetFactory,
// @hyperlane-xyz/core 12.1.0).
const makeStatic = "deploy(address[],uint8)"

// explainer says in words what calldata does, with the environment's own names:
// the methods that internal/safe knows, those that governance lists, and how an
// ISM is made.
func explainer(env *config.Environment) func(network, to, data string) string {
	if env == nil {
		return nil
	}
	names := map[string]safe.Names{}
	signatures := append(slices.Sorted(maps.Keys(env.Governance.Calls)), makeStatic)
	return func(network, to, data string) string {
		c, err := evm.Wire{To: to, Data: data}.Call()
		if err != nil {
			return ""
		}
		if names[network] == nil {
			names[network] = call.Names(env, network)
		}
		e := safe.EffectOf(c, names[network])
		if strings.Contains(e.Text, ": unknown method ") {
			e.Text = spelled(c, signatures, names[network], e.Text)
		}
		if e.Danger != "" {
			e.Text += "; danger: " + e.Danger
		}
		return e.Text
	}
}

// spelled writes a call as name(arguments) where one of the signatures fits all
// of its data, and is otherwise what was said of it already.
func spelled(c evm.Call, signatures []string, known safe.Names, otherwise string) string {
	for _, signature := range signatures {
		m, err := evm.ParseMethod(signature)
		if err != nil {
			continue
		}
		values, ours := m.Arguments(c.Data)
		if !ours {
			continue
		}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = evm.Format(value)
		}
		name, _, _ := strings.Cut(signature, "(")
		to := c.To.Hex()
		if called := known(c.To); called != "" {
			to += " (" + called + ")"
		}
		return to + ": " + name + "(" + strings.Join(texts, ", ") + ")"
	}
	return otherwise
}
