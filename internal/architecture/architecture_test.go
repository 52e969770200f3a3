// Package architecture holds the house rules that a compiler does not: who may
// import whom, what the pure rooms may reach, and how large anything may grow.
// It has tests and nothing else.
package architecture

import (
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayImport says, per room, which of our packages it may import. A room that is
// not listed is judged by the other rules alone.
func mayImport() map[string][]string {
	return map[string][]string{
		"schema":                 {},
		"internal/resource":      {},
		"internal/cuefile":       {"internal/resource"},
		"internal/config":        {"internal/cuefile", "internal/resource", "internal/evm", "internal/ism", "schema"},
		"internal/policy":        {"internal/cuefile", "internal/resource", "internal/plan"},
		"internal/access":        {"internal/resource"},
		"internal/proof":         {"internal/resource", "internal/access", "internal/plan"},
		"internal/bootstrap":     {"internal/resource", "internal/access", "internal/config", "internal/kind"},
		"internal/plan":          {"internal/resource"},
		"internal/gate":          {"internal/plan", "internal/resource", "internal/access"},
		"internal/approve":       {"internal/plan", "internal/resource"},
		"internal/approvals":     {"internal/bounded", "internal/approve", "internal/plan", "internal/resource"},
		"internal/bounded":       {},
		"internal/forge":         {},
		"internal/view":          {"internal/plan", "internal/resource", "internal/gate", "internal/access"},
		"internal/evm":           {},
		"internal/ism":           {"internal/evm"},
		"internal/safe":          {"internal/evm"},
		"internal/safeservice":   {"internal/evm", "internal/safe"},
		"internal/attestation":   {"internal/evm"},
		"internal/call":          {"internal/evm", "internal/safe", "internal/kind", "internal/config", "internal/resource", "internal/chain"},
		"internal/validators":    {"internal/config", "internal/kind", "internal/resource", "internal/evm", "internal/ism", "internal/attestation", "internal/call", "internal/chain"},
		"internal/kind":          {"internal/config", "internal/resource", "internal/access"},
		"internal/kind/kindtest": {"internal/kind", "internal/config", "internal/resource"},
		"internal/observe":       {"internal/kind", "internal/config", "internal/resource"},
		"internal/journal":       {"internal/resource"},
		"internal/apply":         {"internal/kind", "internal/config", "internal/plan", "internal/journal", "internal/observe", "internal/resource"},
		"internal/cloud":         {"internal/config", "internal/resource", "internal/access"},
		"internal/chain":         {"internal/config", "internal/resource", "internal/evm"},
	}
}

// pure rooms do no I/O and know no clock.
func pure() []string {
	return []string{"internal/resource", "internal/access", "internal/proof", "internal/plan", "internal/gate", "internal/approve", "internal/view"}
}

// reckoning rooms do no I/O and know no clock either, and may reach the parts of
// go-ethereum that only reckon: words, hashes, curves and the contract ABI.
func reckoning() []string {
	return []string{"internal/evm", "internal/ism", "internal/safe"}
}

// support reports packages that tests and sandboxes are made of: they start
// processes and read their environment, and the shipped binary has none of them.
func support(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || pkg == "internal/sandbox" || pkg == "cmd/sandbox"
}

// isKind reports the folder of one kind.
func isKind(pkg string) bool {
	return strings.HasPrefix(pkg, "internal/kind/") && !support(pkg)
}

func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	rules := mayImport()
	for _, s := range sources(t) {
		allowed, listed := rules[s.pkg]
		if isKind(s.pkg) {
			allowed, listed = []string{"internal/kind", "internal/config", "internal/resource", "internal/access", "internal/cloud", "internal/chain",
				"internal/evm", "internal/ism", "internal/safe", "internal/attestation", "internal/call", "internal/safeservice", "internal/validators"}, true
		}
		for _, other := range s.ours() {
			switch {
			case listed && !slices.Contains(allowed, other):
				t.Errorf("%s imports %s; %s may import %v", s.file, other, s.pkg, allowed)
			case strings.HasPrefix(other, "cmd/"):
				t.Errorf("%s imports %s: nobody imports a command", s.file, other)
			case support(other) && !support(s.pkg):
				t.Errorf("%s imports %s, which is for tests and sandboxes", s.file, other)
			}
		}
	}
}

func TestOnlyTheirOwnersReachTheGreatLibraries(t *testing.T) {
	t.Parallel()
	owners := map[string]func(pkg string) bool{
		"cuelang.org/go": func(pkg string) bool {
			return pkg == "internal/config" || pkg == "internal/policy" || pkg == "internal/cuefile" || pkg == "schema"
		},
		"github.com/go-git/go-git": func(pkg string) bool { return pkg == "internal/config" },
		"github.com/aws/": func(pkg string) bool {
			return pkg == "internal/cloud" || pkg == "internal/journal" || isKind(pkg) || support(pkg)
		},
		"github.com/ethereum/go-ethereum/ethclient": func(pkg string) bool { return pkg == "internal/chain" || isKind(pkg) || support(pkg) },
		"github.com/ethereum/go-ethereum/rpc":       func(pkg string) bool { return pkg == "internal/chain" || support(pkg) },
		"github.com/spf13/cobra":                    func(pkg string) bool { return strings.HasPrefix(pkg, "cmd/") },
		"testing":                                   func(pkg string) bool { return strings.HasSuffix(pkg, "test") },
	}
	for _, s := range sources(t) {
		for _, name := range s.imports() {
			for library, owns := range owners {
				if strings.HasPrefix(name, library) && !owns(s.pkg) {
					t.Errorf("%s imports %s", s.file, name)
				}
			}
		}
	}
}

func TestThePureRoomsDoNoIOAndKnowNoClock(t *testing.T) {
	t.Parallel()
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTicker", "NewTimer", "Local"}
	for _, s := range sources(t) {
		if !slices.Contains(slices.Concat(pure(), reckoning()), s.pkg) {
			continue
		}
		for _, name := range s.imports() {
			first, _, _ := strings.Cut(name, "/")
			if name == "net/url" || name == "net/netip" {
				continue // they read text and open nothing
			}
			if slices.Contains([]string{"context", "os", "net", "syscall", "log", "math/rand", "math/rand/v2", "crypto/rand"}, name) || slices.Contains([]string{"net", "os"}, first) {
				t.Errorf("%s imports %s: a pure room takes what it needs as an argument", s.file, name)
			}
		}
		for name, n := range s.used("time") {
			if slices.Contains(clock, name) {
				t.Errorf("%s uses time.%s: the time is an argument", s.at(n), name)
			}
		}
	}
}

func TestThePureRoomsReachNoLibraryButTheStandardOne(t *testing.T) {
	t.Parallel()
	there := packages(sources(t))
	for _, room := range pure() {
		if !slices.Contains(there, room) {
			continue
		}
		var outside []string
		for _, name := range dependencies(t, room) {
			first, _, _ := strings.Cut(name, "/")
			signs := room == "internal/approve" && (strings.HasPrefix(name, "golang.org/x/crypto/") || strings.HasPrefix(name, "golang.org/x/sys/") || name == "github.com/hiddeco/sshsig")
			if strings.Contains(first, ".") && !strings.HasPrefix(name, module+"/") && !signs {
				outside = append(outside, name)
			}
		}
		if len(outside) > 0 {
			t.Errorf("%s reaches %d packages outside, %s among them", room, len(outside), outside[0])
		}
	}
}

func TestTheReckoningRoomsReachNoNode(t *testing.T) {
	t.Parallel()
	there := packages(sources(t))
	for _, room := range reckoning() {
		if !slices.Contains(there, room) {
			continue
		}
		for _, name := range dependencies(t, room) {
			if part, ok := strings.CutPrefix(name, "github.com/ethereum/go-ethereum/"); ok && (part == "rpc" || part == "ethclient" || part == "node" || part == "eth") {
				t.Errorf("%s reaches %s", room, name)
			}
		}
	}
}

func TestTheShippedBinaryHoldsNoSandbox(t *testing.T) {
	t.Parallel()
	for _, name := range dependencies(t, "cmd/reconcile") {
		rest, ours := strings.CutPrefix(name, module+"/")
		if ours && support(rest) {
			t.Errorf("cmd/reconcile reaches %s", rest)
		}
		for _, node := range []string{"eth", "node", "core/vm", "p2p"} {
			if name == "github.com/ethereum/go-ethereum/"+node {
				t.Errorf("cmd/reconcile reaches %s, a whole node", name)
			}
		}
	}
}

func TestOnlyCommandsPrintExitAndReadTheEnvironment(t *testing.T) {
	t.Parallel()
	theirs := map[string][]string{
		"os":  {"Exit", "Getenv", "LookupEnv", "Environ", "Setenv", "Unsetenv", "ExpandEnv", "Args", "Stdin", "Stdout", "Stderr"},
		"fmt": {"Print", "Printf", "Println", "Scan", "Scanln", "Scanf"},
	}
	for _, s := range sources(t) {
		if strings.HasPrefix(s.pkg, "cmd/") || support(s.pkg) {
			continue
		}
		for _, name := range s.imports() {
			if name == "flag" || name == "log" || name == "log/slog" || name == "os/signal" {
				t.Errorf("%s imports %s", s.file, name)
			}
		}
		for pkg, names := range theirs {
			for name, n := range s.used(pkg) {
				if slices.Contains(names, name) {
					t.Errorf("%s uses %s.%s", s.at(n), pkg, name)
				}
			}
		}
	}
}

func TestThereIsOneCallOfDo(t *testing.T) {
	t.Parallel()
	var calls []string
	for _, s := range sources(t) {
		if support(s.pkg) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Do" {
				calls = append(calls, s.at(call))
			}
			return true
		})
	}
	if len(calls) != 1 || !strings.HasPrefix(calls[0], "internal/apply/") {
		t.Errorf("Do is called at %v; only apply writes, and in one place", calls)
	}
}

// reviewed are the package-level variables that are no constants to Go and that
// nobody assigns to.
func reviewed() []string {
	return []string{
		"internal/chain/fees.go maxPerGas",       // a bound on prices, only compared with
		"internal/sandbox/folder.go credentials", // a stateless provider of fixed test credentials
	}
}

func TestThereIsNoHiddenState(t *testing.T) {
	t.Parallel()
	var odd []string
	for _, s := range sources(t) {
		for _, decl := range s.tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init runs behind the reader's back", s.at(f))
			}
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				value := spec.(*ast.ValueSpec)
				for i, name := range value.Names {
					if !constantInSpirit(general, value, i) {
						odd = append(odd, s.file+" "+name.Name)
					}
				}
			}
		}
	}
	for _, name := range reviewed() {
		if !slices.Contains(odd, name) {
			t.Errorf("%s was reviewed and is not there any more", name)
		}
	}
	for _, name := range odd {
		if !slices.Contains(reviewed(), name) {
			t.Errorf("%s is a package-level variable: pass it, or make it a function", name)
		}
	}
}

// constantInSpirit accepts interface assertions, sentinels, compiled patterns,
// addresses and embedded files.
func constantInSpirit(general *ast.GenDecl, value *ast.ValueSpec, i int) bool {
	if value.Names[i].Name == "_" {
		return true
	}
	for _, doc := range []*ast.CommentGroup{general.Doc, value.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	if len(value.Values) != len(value.Names) {
		return false
	}
	call, ok := value.Values[i].(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && slices.Contains([]string{"errors.New", "regexp.MustCompile", "common.HexToAddress"}, pkg.Name+"."+selector.Sel.Name)
}

// Budgets, there to notice and not to game.
const (
	fileLines       = 400
	functionLines   = 60
	ownMethods      = 6
	consumerMethods = 10
	kindLines       = 600
)

// largerKinds are the kinds that have outgrown their folder's budget, with the
// lines that a person has granted them and why. A reason is reviewed; the number
// only ever goes down.
func largerKinds() map[string]int {
	return map[string]int{
		// Money needs a journalled transaction, its replacement by fee and its recovery:
		// half of the folder, and of no use to another kind.
		"internal/kind/funding": 1290,
		// Any contract by configuration alone: what other kinds get from a client that
		// knows its objects is asked here value by value, also behind proxies and
		// beacons and from events, and nothing that a contract answers is believed.
		"internal/kind/contract": 1450,
		// A key is three things with one life: the key, its alias and its policy, each
		// with attacks of its own to be refused. Reading and writing KMS is in cloud.
		"internal/kind/kmskey": 920,
	}
}

func TestAKindsFolderStaysInItsBudget(t *testing.T) {
	t.Parallel()
	lines, larger := map[string]int{}, largerKinds()
	for _, s := range sources(t) {
		if isKind(s.pkg) {
			lines[s.pkg] += s.lines
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(lines)) {
		most, granted := larger[pkg]
		switch {
		case !granted && lines[pkg] > kindLines:
			t.Errorf("%s has %d lines, at most %d: what it shares with another kind belongs to internal/kind or internal/cloud", pkg, lines[pkg], kindLines)
		case granted && lines[pkg] > most:
			t.Errorf("%s has %d lines, at most %d were granted", pkg, lines[pkg], most)
		case granted && lines[pkg] <= kindLines:
			t.Errorf("%s has %d lines and needs no grant any more", pkg, lines[pkg])
		}
	}
	for pkg := range larger {
		if lines[pkg] == 0 {
			t.Errorf("%s is granted lines and is not there", pkg)
		}
	}
}

func TestNothingOutgrowsItsBudget(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > fileLines {
			t.Errorf("%s has %d lines, at most %d", s.file, s.lines, fileLines)
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := s.fset.Position(n.End()).Line - s.fset.Position(n.Pos()).Line + 1; lines > functionLines {
					t.Errorf("%s: %s has %d lines, at most %d", s.at(n), n.Name.Name, lines, functionLines)
				}
			case *ast.InterfaceType:
				most := ownMethods
				if isKind(s.pkg) || s.pkg == "internal/cloud" || s.pkg == "internal/chain" || support(s.pkg) {
					most = consumerMethods
				}
				if methods := len(n.Methods.List); methods > most {
					t.Errorf("%s: an interface of %d methods, at most %d", s.at(n), methods, most)
				}
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	comments := map[string]int{}
	for _, s := range sources(t) {
		comments[s.pkg] += 0
		if s.tree.Doc != nil {
			comments[s.pkg]++
			want := "Package " + s.tree.Name.Name + " "
			if s.tree.Name.Name != "main" && !strings.HasPrefix(s.tree.Doc.Text(), want) {
				t.Errorf("%s: the package comment does not begin with %q", s.file, want)
			}
		}
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "manager", "types", "misc"}, s.tree.Name.Name) {
			t.Errorf("%s: a package called %s says nothing", s.file, s.tree.Name.Name)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(comments)) {
		if comments[pkg] != 1 {
			t.Errorf("%s has %d package comments, want 1", pkg, comments[pkg])
		}
	}
}

func TestEveryKindIsRegisteredAndDescribed(t *testing.T) {
	t.Parallel()
	all := sources(t)
	words := ""
	for _, name := range []string{"README.md", "docs/add-a-kind.md"} {
		data, err := os.ReadFile(filepath.Join(root(t), name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		words += string(data)
	}
	kinds := 0
	for _, pkg := range packages(all) {
		if !isKind(pkg) {
			continue
		}
		kinds++
		registered := slices.ContainsFunc(all, func(s source) bool { return s.pkg == "internal/kinds" && slices.Contains(s.ours(), pkg) })
		if !registered {
			t.Errorf("%s is not registered in internal/kinds", pkg)
		}
		name := nameOf(all, pkg)
		if name == "" {
			t.Errorf("%s: no constant or field names its kind", pkg)
		} else if !strings.Contains(words, "`"+name+"`") {
			t.Errorf("%s: neither README.md nor docs/add-a-kind.md says `%s`", pkg, name)
		}
	}
	if kinds == 0 {
		t.Error("there is no kind at all")
	}
}

// nameOf finds the name that a kind gives itself: the Name of its Definition, as
// a literal or by a constant of its package.
func nameOf(all []source, pkg string) string {
	constants, name := map[string]string{}, ""
	var value ast.Expr
	for _, s := range all {
		if s.pkg != pkg {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if literal, ok := v.(*ast.BasicLit); ok && i < len(n.Names) {
						constants[n.Names[i].Name] = strings.Trim(literal.Value, `"`)
					}
				}
			case *ast.CompositeLit:
				if strings.Contains(typeName(n.Type), "Definition") {
					for _, element := range n.Elts {
						if pair, ok := element.(*ast.KeyValueExpr); ok && typeName(pair.Key) == "Name" {
							value = pair.Value
						}
					}
				}
			}
			return true
		})
	}
	switch v := value.(type) {
	case *ast.BasicLit:
		name = strings.Trim(v.Value, `"`)
	case *ast.Ident:
		name = constants[v.Name]
	}
	return name
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return typeName(e.X)
	}
	return ""
}

// TestDirectDependenciesAreReviewed compares go.mod with the list that a person
// keeps, one line with a reason for each module.
func TestDirectDependenciesAreReviewed(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	require := regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+) v\S+( // indirect)?$`)
	var direct []string
	for _, match := range require.FindAllStringSubmatch(string(mod), -1) {
		if match[2] == "" {
			direct = append(direct, match[1])
		}
	}
	list, err := os.ReadFile("testdata/dependencies.txt")
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for line := range strings.Lines(string(list)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, _ := strings.Cut(line, " ")
		if strings.TrimSpace(reason) == "" {
			t.Errorf("%s has no reason", name)
		}
		known = append(known, name)
	}
	for _, name := range direct {
		if !slices.Contains(known, name) {
			t.Errorf("go.mod requires %s, which testdata/dependencies.txt does not give a reason for", name)
		}
	}
	for _, name := range known {
		if !slices.Contains(direct, name) {
			t.Errorf("testdata/dependencies.txt lists %s, which go.mod does not require", name)
		}
	}
}
