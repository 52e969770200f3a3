package config

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"github.com/ethereum/go-ethereum/common"
)

// TestEveryFieldOfTheSchemaHasASentenceAndIsDocumented walks the whole vocabulary: an
// operator who breaks a rule reads a sentence, never a pattern.
func TestEveryFieldOfTheSchemaHasASentenceAndIsDocumented(t *testing.T) {
	t.Parallel()
	schema, _, err := buildSchema(cuecontext.New(), build.NewContext())
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "environment.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var visit func(v cue.Value, path string)
	visit = func(v cue.Value, path string) {
		admitted := fieldsOf(v)
		for name, field := range admitted.named {
			at := path + "." + name
			if !strings.Contains(string(document), name) {
				t.Errorf("%s: docs/environment.md does not name it", at)
			}
			if below := fieldsOf(field); below.entry.Exists() && field.IncompleteKind() == cue.StructKind {
				if attribute(below.entry, "keys") == "" {
					t.Errorf("%s: no sentence for its keys", at)
				}
			} else if attribute(field, "says") == "" {
				t.Errorf("%s: no sentence", at)
			}
			if list, ok := arm(field, cue.ListKind); ok {
				element := list.LookupPath(cue.MakePath(cue.AnyIndex))
				if element.IncompleteKind() == cue.StructKind {
					visit(element, at+"[]")
				} else if attribute(field, "each") == "" {
					t.Errorf("%s: no sentence for its elements", at)
				}
			}
			seen++
			if object, ok := arm(field, cue.StructKind); ok {
				visit(object, at)
			}
		}
		if admitted.entry.Exists() {
			if object, ok := arm(admitted.entry, cue.StructKind); ok {
				visit(object, path+".*")
			} else if attribute(admitted.entry, "says") == "" {
				t.Errorf("%s.*: no sentence", path)
			}
		}
	}
	visit(schema.LookupPath(cue.ParsePath("#Environment")), "")
	visit(schema.LookupPath(cue.ParsePath("#People")), "")
	if seen < 70 {
		t.Errorf("%d fields seen, the vocabulary has more", seen)
	}
}

// TestEveryPatternOfTheSchemaCompiles: CUE finds a faulty one only when a value
// meets it, and then blames the value.
func TestEveryPatternOfTheSchemaCompiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "schema", "*.cue"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	patterns := regexp.MustCompile(`[=!]~("(?:[^"\\]|\\.)*")`)
	seen := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range patterns.FindAllStringSubmatch(string(data), -1) {
			pattern, err := strconv.Unquote(found[1])
			if err == nil {
				_, err = regexp.Compile(pattern)
			}
			if err != nil {
				t.Errorf("%s: %s: %v", path, found[1], err)
			}
			seen++
		}
	}
	if seen < 40 {
		t.Errorf("%d patterns seen, the vocabulary has more", seen)
	}
}

func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		decimals int
		want     string
	}{
		{"0.25", 18, "250000000000000000"},
		{"1", 0, "1"},
		{"0", 18, "0"},
		{"0.000000000000000001", 18, "1"},
		{"123456789012345678901.000001", 6, "123456789012345678901000001"},
	} {
		if got, err := parseAmount(c.text, c.decimals); err != nil || got.String() != c.want {
			t.Errorf("%s with %d decimals is %v, %v, want %s", c.text, c.decimals, got, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"0.1234567": `"0.1234567" has 7 decimals, the token has 6`,
		"1.":        `"1." is not an amount: a decimal string such as 0.25`,
		".5":        `".5" is not an amount: a decimal string such as 0.25`,
		"-1":        `"-1" is not an amount: a decimal string such as 0.25`,
		"1e18":      `"1e18" is not an amount: a decimal string such as 0.25`,
		"0x10":      `"0x10" is not an amount: a decimal string such as 0.25`,
		"":          `"" is not an amount: a decimal string such as 0.25`,
		"1.2.3":     `"1.2.3" is not an amount: a decimal string such as 0.25`,
	} {
		if got, err := parseAmount(text, 6); err == nil || err.Error() != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
}

// FuzzAmount: what is accepted equals the rational number that was written.
func FuzzAmount(f *testing.F) {
	f.Add("0.25", 18)
	f.Add("1.000", 2)
	f.Fuzz(func(t *testing.T, text string, decimals int) {
		if decimals < 0 || decimals > 36 || len(text) > 80 {
			return
		}
		wei, err := parseAmount(text, decimals)
		if err != nil {
			return
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
		want, ok := new(big.Rat).SetString(text)
		if !ok || want.Mul(want, new(big.Rat).SetInt(scale)).Cmp(new(big.Rat).SetInt(wei)) != 0 {
			t.Fatalf("%q with %d decimals is %s", text, decimals, wei)
		}
	})
}

// FuzzAddresses: whatever is accepted is pinned once, with its checksum.
func FuzzAddresses(f *testing.F) {
	f.Add([]byte(`{"bank": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}`))
	f.Add([]byte("{\n\"a\": \"0x12\",\n\"a\": {}}"))
	f.Add([]byte(`{"bank": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"`))
	f.Add([]byte(`{"bank": {"arn": "arn:aws:kms:us-west-2:1:key/a", "address": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}}`))
	f.Add([]byte(`{"bank": {"address": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", "arn": "\u0000"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var faults faults
		pins := parseAddresses("addresses.json", data, &faults)
		if faults.err() != nil {
			return
		}
		named := map[string]Pin{}
		for _, p := range pins {
			if common.HexToAddress(p.Address).Hex() != p.Address {
				t.Fatalf("%s: %q accepted", p.key, p.Address)
			}
			if _, twice := named[p.key]; twice {
				t.Fatalf("%s accepted twice", p.key)
			}
			named[p.key] = p.Pin
		}
		again, err := ParsePins("addresses.json", FormatPins(named))
		if err != nil || !maps.Equal(again, named) {
			t.Fatalf("its own form reads as %v, is %v: %v", again, named, err)
		}
	})
}

func TestURLsAreCutDownToTheirHosts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`x "https://a.b/v3/hunter2" y`:               `x "https://a.b/…" y`,
		"https://user:hunter2@a.b":                   "https://a.b",
		"wss://a.b?key=hunter2 and http://c/hunter2": "wss://a.b/… and http://c/…",
		"no url":   "no url",
		"https://": "https://",
	} {
		if got := hidePaths(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTheNearestWordIsMeant(t *testing.T) {
	t.Parallel()
	known := []string{"threshold", "target", "floor"}
	for word, want := range map[string]string{
		"treshold": `did you mean "threshold"?`, "tagret": `did you mean "target"?`, "Floor": `did you mean "floor"?`,
		"validators": "known: floor, target, threshold", "": "known: floor, target, threshold",
	} {
		if got := meant(word, known); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

// large is an environment of n networks with the seven roles at work on each.
func large(networks int) []file {
	var b strings.Builder
	b.WriteString(`package large

name: "large", purpose: "to be large", class: "testnet", accounts: "kms"
aws: {account: "111122223333", region: "us-west-2"}
agentSet: "nomad"
agents: {
	watcher: attestation: "perNetwork"
	updater: attestation: "perNetwork"
}
keys: bank: use: "bank"
gates: {routine: "auto", sensitive: "auto", destructive: "auto"}
`)
	for i := range networks {
		fmt.Fprintf(&b, `
networks: n%[1]d: {
	chainId: %[2]d, domainId: %[2]d, class: "testnet", confirmations: 1
	nativeToken: symbol: "ETH"
	rpc: ["https://rpc%[1]d.example.org"]
}
funding: n%[1]d: {
	caps: {transaction: "1", plan: "2", day: "3"}
	roles: {
		watcher: {floor: "0.1", target: "0.2"}
		updater: {floor: "0.1", target: "0.2"}
		processor: {floor: "0.1", target: "0.2"}
		relayer: {floor: "0.1", target: "0.2"}
		kathy: {floor: "0.1", target: "0.2"}
	}
}
`, i, 1000+i)
	}
	return []file{{path: "environments/large/large.cue", data: []byte(b.String())}}
}

// BenchmarkLoad150 evaluates, lowers and checks 150 networks × 7 keys.
func BenchmarkLoad150(b *testing.B) {
	files := large(150)
	for b.Loop() {
		d, err := evaluate("environments/large", files)
		if err != nil {
			b.Fatal(err)
		}
		env, err := lower(d, "large", files, nil)
		if err != nil {
			b.Fatal(err)
		}
		if len(env.Keys) != 150*7+1 {
			b.Fatalf("%d keys, want %d", len(env.Keys), 150*7+1)
		}
	}
}

func TestOrderInTheFilesDoesNotMatter(t *testing.T) {
	t.Parallel()
	files := large(12)
	blocks := strings.Split(string(files[0].data), "\nnetworks: ")
	form := func(f []file) string {
		d, err := evaluate("environments/large", f)
		if err != nil {
			t.Fatal(err)
		}
		env, err := lower(d, "large", f, nil)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := governanceDigest(env)
		if err != nil {
			t.Fatal(err)
		}
		names := make([]string, 0, len(env.Keys))
		for _, k := range env.Keys {
			names = append(names, k.Name+"="+k.Alias)
		}
		return digest + strings.Join(names, ",")
	}
	want := form(files)
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		rest := blocks[1:]
		random.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		shuffled := blocks[0] + "\nnetworks: " + strings.Join(rest, "\nnetworks: ")
		if got := form([]file{{path: files[0].path, data: []byte(shuffled)}}); got != want {
			t.Fatalf("another order gives another environment")
		}
	}
}
