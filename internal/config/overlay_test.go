package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/config"
)

const sandbox = `{
  "environment": "staging",
  "networks": {"fuji": {"rpc": ["http://127.0.0.1:8545"]}},
  "aws": {"endpoint": "http://localhost:5000", "unlimited": true},
  "open": true,
  "store": {"kind": "file", "path": ".sandbox/staging/store"},
  "pins": {"bank": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}
}`

func TestAnOverlayPointsAnEnvironmentAtASandbox(t *testing.T) {
	t.Parallel()
	overlay, err := config.LoadOverlay("overlay.json", []byte(sandbox))
	if err != nil {
		t.Fatal(err)
	}
	root := write(t, base(t))
	plain, plainRevision := load(t, root, "staging")
	env, revision, err := config.Load(config.Options{Root: root, Name: "staging", Overlay: overlay})
	if err != nil {
		t.Fatal(err)
	}
	fuji, _ := env.Network("fuji")
	sepolia, _ := env.Network("sepolia")
	got := []any{fuji.RPC, sepolia.RPC, env.Store.Path, env.Pins["bank"], env.Overlay == overlay, revision == plainRevision, overlay.Name}
	want := []any{
		[]string{"http://127.0.0.1:8545"}, []string{"https://sepolia.drpc.org"}, ".sandbox/staging/store",
		"0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", true, true, "overlay.json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment under the overlay differs (-want +got):\n%s", diff)
	}
	if fuji, _ := plain.Network("fuji"); fuji.RPC[0] != "https://api.avax-test.network/ext/bc/C/rpc" {
		t.Errorf("the plain environment has changed: %v", fuji.RPC)
	}
	other, err := config.LoadOverlay("overlay.json", []byte(sandbox+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest == overlay.Digest || !strings.HasPrefix(overlay.Digest, "sha256:") {
		t.Errorf("digests are %s and %s", overlay.Digest, other.Digest)
	}
}

func TestAnOverlayThatIsNotOneIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ data, want string }{
		{`{"environment": "staging", "network": {}}`, `o.json:1: overlay: unknown field "network"`},
		{"{\n\"environment\": 5}", `o.json:2: overlay: cannot unmarshal number into Go struct field Overlay.environment of type string`},
		{`{"environment": "staging"`, "o.json:1: overlay: unexpected EOF"},
		{`[]`, "o.json:1: overlay: cannot unmarshal array into Go value of type config.Overlay"},
		{`{"environment": "staging"} {}`, "o.json: overlay: holds something after its object"},
		{`{"environment": "staging", "open": false, "Open": true}`, `o.json: overlay: "Open" stands twice in one object`},
		{`{"environment": "Staging"}`, `o.json: overlay: environment: "Staging" is not a name of an environment`},
		{`{"environment": "staging", "networks": {"fuji": {"rpc": ["http://10.0.0.7:8545/hunter2"]}}}`, "o.json: overlay: networks.fuji.rpc[0]: 10.0.0.7:8545: plain http is for loopback only"},
		{`{"environment": "staging", "networks": {"fuji": {"rpc": ["file:///etc/passwd", "http://u:hunter2@127.0.0.1"]}}}`, "o.json: overlay: networks.fuji.rpc[0]: is not an http or https URL\no.json: overlay: networks.fuji.rpc[1]: carries a user name or password"},
		{`{"environment": "staging", "aws": {"endpoint": "http://example.org"}}`, "o.json: overlay: aws.endpoint: example.org: plain http is for loopback only"},
		{`{"environment": "staging", "store": {"kind": "s3"}}`, "o.json: overlay: store: a store of kind s3 needs bucket"},
		{`{"environment": "staging", "store": {"kind": "file", "path": "../x"}}`, "o.json: overlay: store: a store of kind file needs a path without .."},
		{`{"environment": "staging", "store": {"kind": "ftp"}}`, `o.json: overlay: store.kind: "ftp" is neither file nor s3`},
		{`{"environment": "staging", "pins": {"bank": "0x12"}}`, `o.json: overlay: pins.bank: "0x12" is not an address: 0x and 40 hexadecimal digits`},
		{`{"environment": "staging", "pins": {"\u001b[2J": "0x12"}}`, `o.json: overlay: pins."\x1b[2J": "0x12" is not an address: 0x and 40 hexadecimal digits`},
		{strings.Repeat(`{"a":`, 40), "o.json: overlay: is nested too deeply"},
		{strings.Repeat(" ", 4<<20) + "{}", "o.json: overlay: has 4194306 bytes, may have 4194304"},
	} {
		_, err := config.LoadOverlay("o.json", []byte(c.data))
		if err == nil || err.Error() != c.want {
			t.Errorf("%.80s:\n got %v\nwant %s", c.data, err, c.want)
		}
	}
}

func TestAnOverlayServesItsOwnEnvironmentOnly(t *testing.T) {
	t.Parallel()
	test, _ := load(t, roots()[0], "staging")
	main, _ := load(t, roots()[0], "production")
	for _, c := range []struct {
		env        *config.Environment
		data, want string
	}{
		{test, `{"environment": "production"}`, "o.json: overlay: was written for production, not for staging"},
		{test, `{"environment": "staging", "networks": {"ethereum": {"rpc": []}}}`, "o.json: overlay: networks.ethereum: no such network in staging"},
		{test, `{"environment": "staging", "pins": {"bnak": "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"}}`, "o.json: overlay: pins.bnak: no such key in staging"},
		{test, `{"environment": "staging", "open": true}`, "o.json: overlay: open: gates stay shut before AWS itself, aws.endpoint names no other"},
		{main, `{"environment": "production", "open": true}`, "o.json: overlay: open: gates stay shut in an environment of class mainnet"},
	} {
		overlay, err := config.LoadOverlay("o.json", []byte(c.data))
		if err != nil {
			t.Fatal(err)
		}
		if err := overlay.Apply(c.env); err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.data, err, c.want)
		}
	}
}

// FuzzLoadOverlay: whatever is accepted keeps its promises, and a second
// reading of what was accepted gives the same.
func FuzzLoadOverlay(f *testing.F) {
	f.Add([]byte(sandbox))
	f.Add([]byte(`{"environment": "staging", "networks": {"fuji": {"rpc": ["https://a"]}}}`))
	f.Add([]byte(`{"environment": "a", "Environment": "b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		overlay, err := config.LoadOverlay("o.json", data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x1b") {
				t.Fatalf("control bytes in %q", err)
			}
			return
		}
		for name, n := range overlay.Networks {
			for _, endpoint := range n.RPC {
				if !strings.HasPrefix(strings.ToLower(endpoint), "http") {
					t.Fatalf("%s: endpoint %q accepted", name, endpoint)
				}
			}
		}
		again, err := json.Marshal(overlay)
		if err != nil {
			t.Fatal(err)
		}
		second, err := config.LoadOverlay("o.json", again)
		if err != nil {
			t.Fatalf("%s: its own form %s: %v", data, again, err)
		}
		second.Digest = overlay.Digest
		if diff := cmp.Diff(overlay, second, cmp.Transformer("form", func(o *config.Overlay) string { b, _ := json.Marshal(o); return string(b) })); diff != "" {
			t.Fatalf("a second reading differs:\n%s", diff)
		}
	})
}
