package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/plan"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// shape is how large an environment is.
type shape struct {
	// networks × (2 × validators + 1 relayer) keys and a bank are in KMS.
	networks, validators int
	// secrets are in Secrets Manager.
	secrets int
	// gated asks for people.
	gated bool
	// access is the shape of access: roles or users; empty: it is not managed.
	// Every agent has a principal, and every validator a bucket.
	access string
	// sessions: every role declares how long one lasts.
	sessions bool
	// strangers are users, groups, roles and policies that are not ours.
	strangers int
	// sets says which validators the networks ask for; empty: no set is declared.
	sets string
}

// keys is how many keys of the shape are in KMS.
func (s shape) keys() int { return s.networks*(2*s.validators+1) + 1 }

// wallets is how many wallets one network has.
func (s shape) wallets() int { return s.validators + 1 }

// large is an environment of any size with all that it talks to on loopback:
// an AWS account in memory and networks that answer from a table. It counts
// every request and can hold each of them back.
type large struct {
	shape
	root  string
	env   *config.Environment
	fake  *cloudtest.Fake
	delay time.Duration

	mu       sync.Mutex
	calls    map[string]int    // to AWS, by service.Operation
	requests map[string]int    // over HTTP, by network
	longest  int               // elements in one batch
	replies  map[string][]byte // of AWS: what does not change is answered once
	poor     map[string]int    // by network: how many wallets hold nothing

	// arns are those of what was made.
	arns map[resource.ID]string
	// addresses are those of keys that were made, contracts what is asked of them.
	addresses map[resource.ID]common.Address
	contracts *sets
}

const largeName = "large"

func newLarge(tb testing.TB, s shape) *large {
	tb.Helper()
	l := &large{shape: s, root: tb.TempDir(), fake: cloudtest.NewFake("111122223333"), poor: map[string]int{}, arns: map[resource.ID]string{}, addresses: map[resource.ID]common.Address{}}
	l.forget()
	l.write(tb, filepath.Join("environments", largeName, "large.cue"), l.declare())
	aws, chains := httptest.NewServer(l.aws()), httptest.NewServer(l.chains())
	tb.Cleanup(aws.Close)
	tb.Cleanup(chains.Close)
	overlay := config.Overlay{
		Environment: largeName, AWS: config.OverlayAWS{Endpoint: aws.URL, Unlimited: true},
		Networks: map[string]config.OverlayNetwork{}, Store: &config.OverlayStore{Kind: "file", Path: filepath.Join(l.root, ".reconcile")},
	}
	for i := range s.networks {
		overlay.Networks[networkName(i)] = config.OverlayNetwork{RPC: []string{chains.URL + "/" + networkName(i)}}
	}
	if s.sets != "" {
		overlay.Deployment, overlay.Checkpoints = l.deployment(tb), l.checkpoints()
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		tb.Fatal(err)
	}
	l.write(tb, "overlay.json", string(text))
	read, err := config.ReadOverlay(filepath.Join(l.root, "overlay.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if l.env, _, err = config.Load(config.Options{Root: l.root, Name: largeName, Overlay: read}); err != nil {
		tb.Fatal(err)
	}
	return l
}

func (l *large) write(tb testing.TB, path, text string) {
	tb.Helper()
	path = filepath.Join(l.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func networkName(i int) string { return fmt.Sprintf("n%d", i) }

// declare is the environment in CUE.
func (l *large) declare() string {
	var b strings.Builder
	people, store, storage := `"auto"`, `kind: "file", path: ".reconcile/large"`, "none"
	if l.access != "" {
		storage = "perInstance"
	}
	if l.gated {
		people, store = "1", `kind: "s3", bucket: "large-journal"`
	}
	fmt.Fprintf(&b, `package large

name: "large", purpose: "to be large", class: "testnet", accounts: "kms", operator: "core"
aws: {account: "111122223333", region: "us-west-2"}
store: {%s}
agents: {
	validator: {instances: %d, storage: %q}
	relayer: {}
}
keys: bank: use: "bank"
gates: {routine: "auto", sensitive: %s, destructive: "auto"}
`, store, l.validators, storage, people)
	b.WriteString(l.declareAccess())
	b.WriteString(l.declareSets())
	for i := range l.secrets {
		fmt.Fprintf(&b, "keys: \"paper-%d\": {use: \"attestation\", holder: \"hex\"}\n", i)
	}
	for i := range l.networks {
		fmt.Fprintf(&b, `
networks: n%[1]d: {
	chainId: %[2]d, domainId: %[2]d, class: "testnet", confirmations: 1
	nativeToken: symbol: "ETH"
	rpc: ["https://rpc%[1]d.example.org"]
}
funding: n%[1]d: {
	caps: {transaction: "1", plan: "1000", day: "1000"}
	roles: {
		validator: {floor: "0.1", target: "0.2", burnPerDay: "0.1"}
		relayer: {floor: "0.1", target: "0.2", burnPerDay: "0.1"}
	}
}
`, i, chainIDOf(i))
	}
	return b.String()
}

func chainIDOf(i int) int { return 100_000 + i }

// forget sets all counts to zero and keeps no answer.
func (l *large) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls, l.requests, l.replies, l.longest = map[string]int{}, map[string]int{}, map[string][]byte{}, 0
}

// arrived holds a request back and counts it.
func (l *large) arrived(count func()) {
	time.Sleep(l.delay)
	l.mu.Lock()
	defer l.mu.Unlock()
	count()
}

// awsCalls adds up the calls to AWS.
func (l *large) awsCalls() int {
	total := 0
	for _, n := range l.calls {
		total += n
	}
	return total
}

// describeCalls lists the counts for a message.
func (l *large) describeCalls() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(l.calls)) {
		lines = append(lines, fmt.Sprintf("%d %s", l.calls[name], name))
	}
	return strings.Join(lines, ", ")
}

// took is what one run of the program needed.
type took struct {
	wall time.Duration
	// cpu is the processors' time, which other work on the machine does not
	// lengthen.
	cpu time.Duration
	// peak is the most memory that the process ever held, in bytes.
	peak int64
}

// reconcile runs the program as users do, in a process of its own.
func (l *large) reconcile(tb testing.TB, args ...string) (string, took) {
	tb.Helper()
	binary, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	var said, complained strings.Builder
	cmd := &exec.Cmd{
		Path: binary, Args: append([]string{"measured", "-C", l.root, "--overlay", filepath.Join(l.root, "overlay.json")}, args...),
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + l.root, "AWS_ACCESS_KEY_ID=large", "AWS_SECRET_ACCESS_KEY=large",
			peakFile + "=" + filepath.Join(l.root, "peak"),
			"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
		},
		Stdout: &said, Stderr: &complained,
	}
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		tb.Fatalf("reconcile %s: %v\n%s", strings.Join(args, " "), err, complained.String())
	}
	t := took{wall: time.Since(begun), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	peak, err := os.ReadFile(filepath.Join(l.root, "peak"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(peak), "%d kB", &t.peak); err != nil {
		tb.Fatalf("peak %q: %v", peak, err)
	}
	t.peak <<= 10
	return said.String(), t
}

// peakFile names the variable with the file that measured writes to.
const peakFile = "RECONCILE_TEST_PEAK"

// measured is run, and tells the most memory that this process ever held: what
// its parent could ask the system for counts the parent's own memory too.
func measured() int {
	code := run()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	if err := os.WriteFile(os.Getenv(peakFile), []byte(strings.TrimSpace(line)), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// plan runs plan and reads what it says.
func (l *large) plan(tb testing.TB) *plan.Plan {
	tb.Helper()
	file := filepath.Join(l.root, "large.plan.json")
	l.reconcile(tb, "plan", largeName, "--out", file)
	p, err := readPlan(file)
	if err != nil {
		tb.Fatal(err)
	}
	for _, u := range p.Unread {
		tb.Fatalf("unread: %+v", u)
	}
	return p
}
