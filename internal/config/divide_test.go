package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// spread is an environment of n networks whose access is declared.
func spread(t *testing.T, networks int, access string) *Environment {
	t.Helper()
	files := large(networks)
	files[0].data = append(files[0].data, access...)
	d, err := evaluate("environments/large", files)
	if err != nil {
		t.Fatal(err)
	}
	env, err := lower(d, "large", files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// text is the policy's text with ids of the length that AWS gives.
func text(t *testing.T, env *Environment, p Policy) string {
	t.Helper()
	type statement struct {
		Sid, Effect      string
		Action, Resource []string
		Condition        map[string]map[string][]string `json:",omitempty"`
	}
	document := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for _, s := range p.Statements {
		written := statement{Sid: s.Sid, Effect: "Allow", Action: s.Actions, Resource: slices.Clone(s.Resources)}
		for _, name := range s.Keys {
			key, known := env.Key(name)
			switch {
			case !known:
				t.Fatalf("policy %s names key %q, which there is not", p.Name, name)
			case key.Holder == "hex":
				written.Resource = append(written.Resource, "arn:aws:secretsmanager:"+key.Region+":"+env.AWS.Account+":secret:"+key.Alias+"-AbCdEf")
			default:
				written.Resource = append(written.Resource, "arn:aws:kms:"+key.Region+":"+env.AWS.Account+":key/1234abcd-12ab-34cd-56ef-1234567890ab")
			}
		}
		if len(s.Aliases) > 0 {
			written.Condition = map[string]map[string][]string{"ForAnyValue:StringLike": {"kms:ResourceAliases": s.Aliases}}
		}
		document.Statement = append(document.Statement, written)
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEveryPolicyFitsAndEveryKeyStandsInOne(t *testing.T) {
	t.Parallel()
	const trust = `trust: irsa: {provider: "oidc.example.org/id/1", namespace: "agents"}, organization: "acme"`
	for name, access := range map[string]string{
		"exact":   "access: {" + trust + "}",
		"aliases": `access: {keys: "aliases", ` + trust + "}",
		"hex":     `access: {` + trust + `, agents: {}}` + strings.Repeat("\n", 2) + `keys: {` + hexKeys(60) + `}`,
		"users":   `access: {shape: "users", organization: "acme"}`,
		"groups":  `access: {shape: "groups", organization: "acme", keys: "aliases"}`,
		"storage": "access: {" + trust + "}\nagents: watcher: storage: \"perNetwork\"\nagents: relayer: storage: \"perInstance\"",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			networks := 150
			if name == "groups" || name == "hex" {
				networks = 60
			}
			env := spread(t, networks, "\n"+access+"\n")
			stands := map[string]int{}
			for _, p := range env.Access.Policies {
				if have := len(text(t, env, p)); have > 6144 {
					t.Errorf("policy %s has %d characters, may have 6144", p.Name, have)
				}
				for _, s := range p.Statements {
					for _, key := range s.Keys {
						stands[key]++
					}
					for _, alias := range s.Aliases {
						stands[strings.TrimPrefix(alias, "alias/large-")]++
					}
				}
			}
			for _, key := range env.Keys {
				if want := min(len(key.Agent), 1); stands[key.Name] != want {
					t.Errorf("key %s stands in %d policies, want %d", key.Name, stands[key.Name], want)
				}
			}
			for _, r := range env.Access.Roles {
				attachedOnce(t, "role "+r.Name, r.Policies)
			}
			for _, u := range env.Access.Users {
				attachedOnce(t, "user "+u.Name, u.Policies)
			}
		})
	}
}

func attachedOnce(t *testing.T, who string, policies []string) {
	t.Helper()
	if len(policies) > 10 || !slices.IsSorted(policies) || len(slices.Compact(slices.Clone(policies))) != len(policies) {
		t.Errorf("%s has policies %v", who, policies)
	}
}

func hexKeys(networks int) string {
	var b strings.Builder
	for i := range networks {
		fmt.Fprintf(&b, "\"watcher-signer-n%d\": {holder: \"hex\", alias: \"a/rather/long/name/that/somebody/once/gave/it/%d\"}\n", i, i)
	}
	return b.String()
}

func TestAPolicyIsFilledBeforeTheNextIsBegun(t *testing.T) {
	t.Parallel()
	env := spread(t, 71, "\naccess: {trust: ecs: {}, organization: \"acme\"}\n")
	var names []string
	sizes := map[string]int{}
	for _, p := range env.Access.Policies {
		if strings.Contains(p.Name, "relayer") {
			names = append(names, p.Name)
			sizes[p.Name] = keysIn(p.Statements)
		}
	}
	if !slices.Equal(names, []string{"large-relayer-signer", "large-relayer-signer-2"}) || sizes[names[0]] != 70 || sizes[names[1]] != 1 {
		t.Errorf("policies hold %v", sizes)
	}
}
