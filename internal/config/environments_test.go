package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// roots hold the environments that this project ships.
func roots() []string {
	return []string{filepath.Join("..", ".."), filepath.Join("..", "..", "examples", "nomad")}
}

func load(t testing.TB, root, name string) (*config.Environment, config.Revision) {
	t.Helper()
	env, revision, err := config.Load(config.Options{Root: root, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return env, revision
}

func TestEveryEnvironmentThatWeShipLoadsClean(t *testing.T) {
	t.Parallel()
	for _, root := range roots() {
		names, err := config.Environments(config.Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"development", "production", "staging"}, names); diff != "" {
			t.Errorf("%s: environments differ (-want +got):\n%s", root, diff)
		}
		for _, name := range names {
			env, _ := load(t, root, name)
			for _, f := range env.Funding {
				for _, w := range f.Wallets {
					if w.Target.Cmp(f.CapTransaction) > 0 {
						t.Errorf("%s: %s/%s: target %s is above the cap of a transaction, %s: it could never be filled at once", name, f.Network, w.Name, w.Target, f.CapTransaction)
					}
				}
				if need := sumOfTargets(f); need.Cmp(f.CapPlan) > 0 {
					t.Errorf("%s: %s: the first plan needs %s, the cap of a plan is %s", name, f.Network, need, f.CapPlan)
				}
			}
		}
	}
}

func sumOfTargets(f config.Funding) *big.Int {
	total := new(big.Int)
	for _, w := range f.Wallets {
		total.Add(total, w.Target)
	}
	return total
}

func TestEveryCUEFileIsFormattedAndUsesValuesOnly(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"schema/*.cue", "environments/*/*.cue", "examples/*/environments/*/*.cue"} {
		found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(found))
		}
		files = append(files, found...)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := format.Source(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(string(formatted), string(data)); diff != "" {
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, formatted, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			t.Errorf("%s is not formatted, UPDATE=1 formats it (-want +got):\n%s", path, diff)
		}
		if strings.Contains(path, "schema") {
			continue
		}
		syntax, err := parser.ParseFile(path, data)
		if err != nil {
			t.Fatal(err)
		}
		ast.Walk(syntax, func(n ast.Node) bool {
			_, templates := n.(*ast.Comprehension)
			// What is demanded of contracts is the same on every network: templates.
			if _, imports := n.(*ast.ImportDecl); imports || templates && filepath.Base(path) != "contracts.cue" {
				t.Errorf("%s: holds more than values", path)
			}
			return true
		}, nil)
	}
}

// counts of keys per role and use, as the tables that operators kept by hand.
func counts(env *config.Environment) map[string]int {
	of := map[string]int{}
	for _, k := range env.Keys {
		of[strings.TrimPrefix(k.Role+"-"+k.Use, "-")]++
	}
	return of
}

func TestKeysAreThoseOfTheOperatorsTables(t *testing.T) {
	t.Parallel()
	nomad := roots()[1]
	for _, c := range []struct {
		root, name string
		want       map[string]int
	}{
		{nomad, "production", map[string]int{"bank": 1, "watcher-signer": 3, "watcher-attestation": 3, "updater-signer": 3, "updater-attestation": 3, "processor-signer": 3, "relayer-signer": 3}},
		{nomad, "staging", map[string]int{"bank": 1, "watcher-signer": 3, "watcher-attestation": 3, "updater-signer": 3, "updater-attestation": 3, "processor-signer": 3, "relayer-signer": 3, "kathy-signer": 3}},
		{nomad, "development", map[string]int{"bank": 1, "watcher-signer": 2, "watcher-attestation": 1, "updater-signer": 2, "updater-attestation": 1, "processor-signer": 2, "relayer-signer": 2, "kathy-signer": 2}},
		{roots()[0], "development", map[string]int{"bank": 1, "owner": 1, "validator-signer": 9, "validator-attestation": 9, "relayer-signer": 3}},
		{roots()[0], "staging", map[string]int{"bank": 1, "owner": 1, "validator-signer": 24, "validator-attestation": 24, "relayer-signer": 8}},
		{roots()[0], "production", map[string]int{"bank": 1, "validator-signer": 24, "validator-attestation": 24, "relayer-signer": 8}},
	} {
		env, _ := load(t, c.root, c.name)
		if diff := cmp.Diff(c.want, counts(env)); diff != "" {
			t.Errorf("%s %s: keys differ (-want +got):\n%s", c.root, c.name, diff)
		}
	}
}

func TestAliasesFollowTheFormThatIsStated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ root, name, key, alias string }{
		{roots()[1], "production", "watcher-attestation-evmos", "alias/production-evmos-watcher-attestation"},
		{roots()[1], "production", "bank", "alias/production-bank"},
		{roots()[1], "development", "watcher-attestation", "development-watcher-attestation"},
		{roots()[0], "staging", "validator-2-attestation-fuji", "alias/staging-validator-2-attestation-fuji"},
	} {
		env, _ := load(t, c.root, c.name)
		if key, ok := env.Key(c.key); !ok || key.Alias != c.alias {
			t.Errorf("%s %s: alias of %s is %q, want %q", c.root, c.name, c.key, key.Alias, c.alias)
		}
	}
}

func TestFactsOfNetworksAreThoseOfTheRegistry(t *testing.T) {
	t.Parallel()
	var want struct {
		Networks map[string]struct {
			ChainID  uint64 `json:"chainId"`
			DomainID uint32 `json:"domainId"`
			Symbol   string `json:"symbol"`
			Stack    string `json:"stack"`
		} `json:"networks"`
	}
	data, err := os.ReadFile(filepath.Join("testdata", "networks.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range []string{"development", "staging", "production"} {
		env, _ := load(t, roots()[0], name)
		for _, n := range env.Networks {
			fact := want.Networks[n.Name]
			if n.ChainID != fact.ChainID || n.DomainID != fact.DomainID || n.Symbol != fact.Symbol || n.Stack != fact.Stack {
				t.Errorf("%s: %s: %+v, want %+v", name, n.Name, n, fact)
			}
			seen[n.Name] = true
		}
	}
	if len(seen) != len(want.Networks) {
		t.Errorf("%d networks are used, %d are known", len(seen), len(want.Networks))
	}
}

func TestEachEnvironmentAsksForWhatItsPurposeNeeds(t *testing.T) {
	t.Parallel()
	auto, one, two := config.Requirement{Auto: true}, config.Requirement{Approvals: 1}, config.Requirement{Approvals: 2}
	for name, want := range map[string]map[resource.Risk]config.Requirement{
		"development": {resource.Protective: auto, resource.Routine: auto, resource.Sensitive: auto, resource.Destructive: auto},
		"staging":     {resource.Protective: auto, resource.Routine: auto, resource.Sensitive: one, resource.Destructive: one},
		"production":  {resource.Protective: two, resource.Routine: two, resource.Sensitive: two, resource.Destructive: two},
	} {
		env, _ := load(t, roots()[0], name)
		if diff := cmp.Diff(want, env.Governance.Requirements); diff != "" {
			t.Errorf("%s: requirements differ (-want +got):\n%s", name, diff)
		}
		if paysByItself := env.Governance.TopUp != nil && env.Governance.TopUp.Auto; paysByItself != (name == "production") {
			t.Errorf("%s: top-ups stated as automatic: %v", name, paysByItself)
		}
		if pinned := env.Addresses == "pinned"; pinned != (name == "production") {
			t.Errorf("%s: addresses are %s", name, env.Addresses)
		}
	}
}

func TestFundingFollowsFromWhoSignsWhere(t *testing.T) {
	t.Parallel()
	env, _ := load(t, roots()[0], "staging")
	for _, f := range env.Funding {
		var names []string
		for _, w := range f.Wallets {
			names = append(names, w.Name)
		}
		want := []string{"owner", "relayer-signer-" + f.Network, "validator-0-signer-" + f.Network, "validator-1-signer-" + f.Network, "validator-2-signer-" + f.Network}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("%s: wallets differ (-want +got):\n%s", f.Network, diff)
		}
	}
	fuji := env.Funding[slices.IndexFunc(env.Funding, func(f config.Funding) bool { return f.Network == "fuji" })]
	got := map[string]string{
		"bank": fuji.Bank, "reserve": fuji.Reserve.String(), "day": fuji.CapDay.String(),
		"floor": fuji.Wallets[1].Floor.String(), "target": fuji.Wallets[1].Target.String(), "burn": fuji.Wallets[1].BurnPerDay.String(),
		"source": fuji.Wallets[1].Source.String(), "network": fuji.Source.String(),
	}
	want := map[string]string{
		"bank": "bank", "reserve": "500000000000000000", "day": "16000000000000000000",
		"floor": "500000000000000000", "target": "2000000000000000000", "burn": "250000000000000000",
		"source": "environments/staging/funding.cue:38", "network": "environments/staging/funding.cue:34",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("funding of fuji differs (-want +got):\n%s", diff)
	}
}

// places lists the labels of all fields of a file, with their offsets.
type label struct {
	path   string
	offset int
	text   string
}

func labels(t *testing.T, path string, data []byte) []label {
	t.Helper()
	syntax, err := parser.ParseFile(path, data)
	if err != nil {
		t.Fatal(err)
	}
	var all []label
	ast.Walk(syntax, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok {
			if name, ok := field.Label.(*ast.Ident); ok {
				all = append(all, label{path, name.Pos().Offset(), name.Name})
			}
			if name, ok := field.Label.(*ast.BasicLit); ok && name.Kind == token.STRING {
				all = append(all, label{path, name.Pos().Offset() + 1, strings.Trim(name.Value, `"`)})
			}
		}
		return true
	}, nil)
	return all
}

// misspell swaps two letters, or doubles the last one.
func misspell(word string) string {
	for i := len(word) / 2; i+1 < len(word); i++ {
		if word[i] != word[i+1] {
			return word[:i] + string(word[i+1]) + string(word[i]) + word[i+2:]
		}
	}
	return word + word[len(word)-1:]
}

func TestEveryFieldOfStagingThatIsMisspeltIsRefusedWhereItStands(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, name := range []string{"staging", "production"} {
		found, err := filepath.Glob(filepath.Join(roots()[0], "environments", name, "*.cue"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files["environments/"+name+"/"+filepath.Base(path)] = string(data)
		}
	}
	root := write(t, files)
	tried := 0
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasPrefix(path, "environments/staging/") {
			continue
		}
		original := files[path]
		for _, l := range labels(t, path, []byte(original)) {
			tried++
			wrong := misspell(l.text)
			changed := original[:l.offset] + wrong + original[l.offset+len(l.text):]
			onDisk := filepath.Join(root, filepath.FromSlash(path))
			if err := os.WriteFile(onDisk, []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
			line := 1 + strings.Count(original[:l.offset], "\n")
			_, _, err := config.Load(config.Options{Root: root, Name: "staging"})
			switch {
			case err == nil:
				t.Errorf("%s:%d: %s for %s loads", path, line, wrong, l.text)
			case !strings.Contains(err.Error(), fmt.Sprintf("%s:%d: ", path, line)):
				t.Errorf("%s:%d: %s for %s is refused elsewhere:\n%v", path, line, wrong, l.text, err)
			}
			if err := os.WriteFile(onDisk, []byte(original), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tried < 250 {
		t.Fatalf("tried %d fields, staging has more", tried)
	}
}
