package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// onchain is the base environment with what there must be on chains.
func onchain(t testing.TB) map[string]string {
	t.Helper()
	files := base(t)
	for name, data := range unpack(t, filepath.Join("testdata", "onchain.txtar")) {
		files[name] = data
	}
	return files
}

// lowered is the chain side of an environment, as the golden file holds it.
func lowered(t *testing.T, env *config.Environment) string {
	t.Helper()
	data, err := json.MarshalIndent(map[string]any{
		"deployment": env.Deployment, "validatorSets": env.ValidatorSets, "safes": env.Safes, "contracts": env.Contracts,
		"floor": env.Floor, "sender": env.Sender, "calls": env.Governance.Calls,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

func TestTheChainSideIsLoweredToWhatKindsNeed(t *testing.T) {
	t.Parallel()
	env, _ := load(t, write(t, onchain(t)), "staging")
	golden := filepath.Join("testdata", "onchain.json")
	got := lowered(t, env)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got), UPDATE=1 rewrites:\n%s", golden, diff)
	}
}

// TestWhatCannotBeOnAChainIsRefusedInSentences runs the cases of
// onchain_faults.txtar: lines of edits, a line of dashes, and the errors.
func TestWhatCannotBeOnAChainIsRefusedInSentences(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "onchain_faults.txtar")
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	update := os.Getenv("UPDATE") != ""
	for i, c := range archive.Files {
		edits, want, _ := strings.Cut(string(c.Data), "---\n")
		files := onchain(t)
		edit(t, files, edits)
		_, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
		if err == nil {
			t.Errorf("%s: loads, want errors", c.Name)
			continue
		}
		var all config.Errors
		if !errors.As(err, &all) {
			t.Errorf("%s: %T is not config.Errors: %v", c.Name, err, err)
			continue
		}
		sorted(t, all)
		got := err.Error() + "\n"
		archive.Files[i].Data = []byte(edits + "---\n" + got)
		if diff := cmp.Diff(want, got); diff != "" && !update {
			t.Errorf("%s: errors differ (-want +got), UPDATE=1 rewrites:\n%s", c.Name, diff)
		}
	}
	if update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsDemandedOfWhatIsNotDeployed(t *testing.T) {
	t.Parallel()
	files := onchain(t)
	edit(t, files, `onchain.cue | deployment: "2026-11" | deployment: "not deployed"`)
	env, _ := load(t, write(t, files), "staging")
	if env.Deployment != nil {
		t.Errorf("deployment is %+v, want none", env.Deployment)
	}
	for _, c := range env.Contracts {
		if c.Name == "replica" && (c.Address != "" || c.Beacon != "" || c.CodeHash != "" || c.Implementation != "") {
			t.Errorf("%s is at %q with code %q, want nowhere", c.Name, c.Address, c.CodeHash)
		}
	}
	for _, s := range env.Safes {
		if s.Name == "council" && s.Address != "" {
			t.Errorf("Safe %s on %s is at %s, want nowhere", s.Name, s.Network, s.Address)
		}
	}
	if len(env.ValidatorSets) != 2 || len(env.Safes) != 4 || len(env.Contracts) != 3 {
		t.Errorf("%d sets, %d Safes, %d contracts, want 2, 4, 3", len(env.ValidatorSets), len(env.Safes), len(env.Contracts))
	}
}

func TestTheDeploymentIsOfTheRevisionAndOfItsDigest(t *testing.T) {
	t.Parallel()
	h := newHistory(t, onchain(t))
	first := h.commit("a@x", "a@x", "first")
	tree, fromTree := load(t, h.root, "staging")
	at, fromRev, err := config.Load(config.Options{Root: h.root, Rev: "HEAD", Name: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lowered(t, tree), lowered(t, at)); diff != "" {
		t.Errorf("the revision differs from the tree (-tree +revision):\n%s", diff)
	}
	if diff := cmp.Diff(fromTree, fromRev); diff != "" || fromRev.Dirty {
		t.Errorf("revisions differ, or it is dirty (-tree +revision):\n%s", diff)
	}
	name := "environments/staging/deployments/2026-11.json"
	h.write(name, strings.Replace(onchain(t)[name], "0x2222", "0x4444", 1))
	_, changed := load(t, h.root, "staging")
	if !changed.Dirty {
		t.Error("another code hash does not make it dirty")
	}
	if changed.Config == fromTree.Config || changed.Governance != fromTree.Governance {
		t.Errorf("config %s to %s, governance %s to %s: want the first changed only", fromTree.Config, changed.Config, fromTree.Governance, changed.Governance)
	}
	h.commit("a@x", "a@x", "another hash")
	old, err := config.ConfigDigestAt(config.Options{Root: h.root}, first, "staging")
	if err != nil || old != fromTree.Config {
		t.Errorf("the digest of the first commit is %s, %v, want %s", old, err, fromTree.Config)
	}
	h.write("environments/staging/deployments/notes.md", "notes")
	h.write("environments/staging/deployments/_old.json", "{")
	if _, beside := load(t, h.root, "staging"); beside.Dirty {
		t.Error("notes beside the deployment make it dirty")
	}
	h.write("environments/staging/deployments/addresses.json", "not pins")
	if env, _ := load(t, h.root, "staging"); len(env.Pins) != 1 {
		t.Errorf("a file among the deployments pins %v", env.Pins)
	}
}

func TestALinkIsNoDeployment(t *testing.T) {
	t.Parallel()
	files := onchain(t)
	delete(files, "environments/staging/deployments/2026-11.json")
	root := write(t, files)
	elsewhere := t.TempDir()
	link := filepath.Join(root, "environments", "staging", "deployments")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	_, _, err := config.Load(config.Options{Root: root, Name: "staging"})
	if err == nil || !strings.Contains(err.Error(), "environments/staging/deployments: not a folder") {
		t.Errorf("a linked folder: %v", err)
	}
}

func TestAnOverlayBringsItsOwnDeploymentAndService(t *testing.T) {
	t.Parallel()
	root := write(t, onchain(t))
	const deployed = `{"format": "reconcile.deployment/1", "id": "sandbox", "networks": {"fuji": {"contracts": {
		"replica": {"address": "0xd4d4d4D4D4d4d4d4d4D4d4D4d4d4d4d4d4d4D4d4"}, "factory": {"address": "0xc3c3c3c3c3c3c3c3c3C3C3c3C3C3C3c3C3C3c3c3"}, "replicaBeacon": {"address": "0xd2D2D2D2d2d2d2d2D2d2d2d2D2d2D2d2D2d2D2d2"}},
		"safes": {"council": "0xb3B3b3B3b3b3B3b3B3b3B3b3B3B3B3B3b3b3B3B3"}}}}`
	open := func(deployment string) (*config.Environment, error) {
		overlay, err := config.LoadOverlay("o.json", []byte(`{"environment": "staging", "networks": {"fuji": {"rpc": [], "safeService": "http://127.0.0.1:9"}}, "deployment": `+deployment+`}`))
		if err != nil {
			return nil, err
		}
		env, _, err := config.Load(config.Options{Root: root, Name: "staging", Overlay: overlay})
		return env, err
	}
	env, err := open(deployed)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(env.Contracts, func(c config.Contract) bool { return c.Name == "replica" })
	if c := env.Contracts[i]; c.Address != "0xd4d4d4D4D4d4d4d4d4D4d4D4d4d4d4d4d4d4D4d4" || c.CodeHash != "" || env.Deployment.ID != "sandbox" {
		t.Errorf("replica is at %s with code %q of %s, want that of the overlay", c.Address, c.CodeHash, env.Deployment.ID)
	}
	for _, s := range env.Safes {
		if s.Name == "governance" && s.Network == "fuji" && (s.Service != "http://127.0.0.1:9" || s.ServiceKey != "") {
			t.Errorf("its service is %s with key %q, want the overlay's with none", s.Service, s.ServiceKey)
		}
	}
	for deployment, want := range map[string]string{
		strings.Replace(deployed, `"fuji"`, `"fij"`, 1):        `o.json:1: networks.fij: no network "fij" in this environment`,
		strings.Replace(deployed, "replica\"", "relpica\"", 1): `has no contract "replica" on fuji`,
		strings.Replace(deployed, "0xd4d4", "0xD4d4", 1):       `o.json: overlay: deployment: networks.fuji.contracts.replica.address: "0xD4d4`,
		deployed + `, "checkpoints": "/tmp/../etc"`:            "o.json: overlay: checkpoints: needs a path without ..",
		"[]": "o.json: overlay: deployment: ",
		"{}": "o.json: overlay: deployment: format: ",
	} {
		if _, err := open(deployment); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s:\n got %v\nwant %s", deployment, err, want)
		}
	}
}

func TestAnOverlayMovesNoDeploymentOfMainnet(t *testing.T) {
	t.Parallel()
	overlay, err := config.LoadOverlay("o.json", []byte(`{"environment": "staging", "networks": {}, "deployment": {"format": "reconcile.deployment/1", "id": "sandbox", "networks": {}}}`))
	if err != nil {
		t.Fatal(err)
	}
	edits := `environment.cue | class:    "testnet" | class: "mainnet"\nstore: {kind: "s3", bucket: "acme-store"}` + "\n" +
		`networks.cue | class:    "testnet" | class: "mainnet"` + "\n" + `onchain.cue | execute:   true | execute: false`
	files := onchain(t)
	edit(t, files, edits)
	_, _, err = config.Load(config.Options{Root: write(t, files), Name: "staging", Overlay: overlay})
	if err == nil || !strings.Contains(err.Error(), "deployment: is 2026-11, class mainnet admits no other by overlay o.json") {
		t.Errorf("a deployment in place of mainnet's: %v", err)
	}
	edit(t, files, `onchain.cue | deployment: "2026-11" | deployment: "not deployed"`)
	env, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging", Overlay: overlay})
	if err != nil || env.Deployment.ID != "sandbox" {
		t.Errorf("a fork's deployment where there is none: %v", err)
	}
}

func TestAWrittenDeploymentIsReadBackTheSame(t *testing.T) {
	t.Parallel()
	name := "environments/staging/deployments/2026-11.json"
	data := []byte(onchain(t)[name])
	d, err := config.ParseDeployment(name, data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), string(again)); diff != "" {
		t.Errorf("written otherwise (-read +written):\n%s", diff)
	}
	if c, ok := d.Contract("fuji", "replica"); !ok || c.ImplementationHash == "" {
		t.Errorf("replica is %+v", c)
	}
	d.Networks["fuji"]["replica"] = config.Deployed{Address: "0xd3"}
	if data, err := d.JSON(); err == nil {
		t.Errorf("a bad address is written:\n%s", data)
	}
}

// FuzzParseDeployment: nothing crashes, errors hold no control bytes, and what is
// accepted is written and read back as the same.
func FuzzParseDeployment(f *testing.F) {
	f.Add([]byte(onchain(f)["environments/staging/deployments/2026-11.json"]))
	f.Add([]byte(`{"format": "reconcile.deployment/1", "id": "a", "networks": {}}`))
	f.Add([]byte(`{"format": "reconcile.deployment/1", "id": "a", "ID": "b"}`))
	f.Add([]byte(`{"format": "reconcile.deployment/1", "id": "a", "networks": {"x\u001b": {"contracts": {"\u202e": {"address": "\u0007"}}}}}`))
	f.Add([]byte(`{"networks": [[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := config.ParseDeployment("d.json", data)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x00\x07\x1b\u202e") {
				t.Fatalf("control bytes in %q", err)
			}
			return
		}
		written, err := d.JSON()
		if err != nil {
			t.Fatalf("accepted, and not written: %v", err)
		}
		again, err := config.ParseDeployment("d.json", written)
		if err != nil {
			t.Fatalf("written, and not read: %v", err)
		}
		if diff := cmp.Diff(d, again, cmp.Comparer(func(a, b resource.Source) bool { return true })); diff != "" {
			t.Fatalf("read back otherwise:\n%s", diff)
		}
		second, err := again.JSON()
		if err != nil || string(second) != string(written) {
			t.Fatalf("written twice, it differs: %v", err)
		}
	})
}
