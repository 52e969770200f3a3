package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// contracted is generated with owner keys.
func contracted(n int) map[string]string {
	files := generated(n)
	files["environments/wide/owners.cue"] = `package wide

keys: owner: use: "owner"
funding: [=~"^chain"]: keys: owner: "none"
`
	return files
}

func TestUpWithContractsDeliversMessagesAndTakesAllOfItDown(t *testing.T) {
	t.Parallel()
	root := repository(t, contracted(3))
	w := up(t, root, "wide", "--contracts", "--shape", "aggregation")
	env := w.load(root)
	requireChains(t, env)
	w.requireBanks(env)
	if d := env.Deployment; d == nil || len(d.Networks) != 3 {
		t.Fatalf("deployment is %+v", d)
	}
	if status := w.do("status"); !strings.Contains(status, "contracts: Hyperlane and Safe 1.4.1 on 3 networks, owned by key owner") {
		t.Errorf("status says %q", status)
	}
	id := strings.TrimSpace(w.do("dispatch", "wide", "chain0", "chain2", "--body", "ahoy"))
	if said := w.do("verify", "wide", "chain0", id); said != "chain2 takes it, by 1 signatures\n" {
		t.Errorf("verify says %q", said)
	}
	for args, want := range map[string]string{
		"verify wide chain1 " + id: "chain1: no message " + id + " among 0",
		"verify wide chain0 0x12":  `"0x12" is not the id of a message`,
		"dispatch wide chain0 sea": `wide: no network "sea" among 3`,
	} {
		_, stderr, code := sandboxed(t, "", append(strings.Fields(args), "--dir", w.folder)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, says %q, want %q", args, code, stderr, want)
		}
	}
	if info, err := os.Stat(w.path("deployment.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("deployment.json: %v %v", info, err)
	}
	w.requireGoesDown(env, syscall.SIGTERM)
}

func TestAnEnvironmentWithoutAnOwnerKeyIsToldWhatToDeclare(t *testing.T) {
	t.Parallel()
	root := repository(t, generated(2))
	for args, want := range map[string]string{
		"--contracts":                       `hint: declare it: keys: owner: use: "owner"`,
		"--contracts --owner safe":          "0 keys of use owner, a 2-of-3 Safe needs 3",
		"--owner safe":                      "hint: add --contracts",
		"--contracts --shape triangle":      `shape "triangle" is neither routing nor aggregation`,
		"--contracts --owner nobody":        `owner "nobody" is none of eoa, safe and safe:NAME`,
		"--contracts --owner safe:treasury": `no Safe "treasury" among 0`,
	} {
		_, stderr, code := sandboxed(t, "", append([]string{"up", "wide", "-C", root, "--dir", t.TempDir()}, strings.Fields(args)...)...)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("up %s: exit %d, says %q, want %q", args, code, stderr, want)
		}
	}
}
