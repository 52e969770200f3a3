package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// signingVerbs are the words of scripts about who signs.
func signingVerbs() map[string]func(*world, bool, []string) {
	return map[string]func(*world, bool, []string){
		"approver": (*world).approver,
		"person":   (*world).person,
		"remote":   (*world).remote,
		"resign":   (*world).resign,
		"verified": (*world).verified,
		"push":     (*world).push,
		"signs":    (*world).signs,
	}
}

// makeKey makes a key with ssh-keygen, once, and gives its public half.
func (w *world) makeKey(name string) string {
	path := w.ts.MkAbs(name + ".key")
	if _, err := os.Stat(path); err != nil {
		w.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
	}
	return strings.Join(strings.Fields(w.ts.ReadFile(path + ".pub"))[:2], " ")
}

// approver lets somebody sign an environment's plans, with the key NAME.key, or
// takes a key's power away: approver ENV NAME [OPTIONS] | approver ENV NAME revoked.
func (w *world) approver(_ bool, args []string) {
	file, line := "approvers", args[1]+"@example.org "
	switch {
	case len(args) == 3 && args[2] == "revoked":
		file, line = "revoked", ""
	case len(args) == 3:
		line += args[2] + " "
	default:
		line += `namespaces="` + approve.Namespace + `" `
	}
	w.add(filepath.Join("environments", args[0], file), line+w.makeKey(args[1])+"\n")
}

// person ties keys and e-mails together in people.cue: person NAME [KEY...].
func (w *world) person(_ bool, args []string) {
	var keys []string
	for _, key := range slices.Concat(args[:1], args[1:]) {
		keys = append(keys, fmt.Sprintf("%q", w.makeKey(key)))
	}
	path := filepath.Join("environments", "people.cue")
	if _, err := os.Stat(w.ts.MkAbs(path)); err != nil {
		w.add(path, "package environments\n\n")
	}
	w.add(path, fmt.Sprintf("people: %s: {keys: [%s], emails: [%q]}\n", args[0], strings.Join(keys, ", "), args[0]+"@example.org"))
}

func (w *world) add(path, text string) {
	w.ts.Check(os.MkdirAll(filepath.Dir(w.ts.MkAbs(path)), 0o755))
	file, err := os.OpenFile(w.ts.MkAbs(path), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	w.ts.Check(err)
	_, err = file.WriteString(text)
	w.ts.Check(err)
	w.ts.Check(file.Close())
}

// remote makes the repository that all share, and a clone of it for each name:
// remote [NAME...].
func (w *world) remote(_ bool, names []string) {
	w.must("git", "init", "-q", "--bare", "-b", "main", w.ts.MkAbs("remote.git"))
	w.must("git", "remote", "add", "origin", w.ts.MkAbs("remote.git"))
	w.must("git", "push", "-q", "origin", "main")
	for _, name := range names {
		w.must("git", "clone", "-q", w.ts.MkAbs("remote.git"), w.ts.MkAbs(name))
	}
}

// resign signs an approval's statement anew, changed, as somebody with a key and a
// text editor would: resign FROM TO KEY NAMESPACE [OLD NEW].
func (w *world) resign(_ bool, args []string) {
	signed, err := approve.ParseSigned([]byte(w.ts.ReadFile(args[0])))
	w.ts.Check(err)
	if len(args) == 6 {
		old := regexp.MustCompile(args[4])
		if !old.Match(signed.Statement) {
			w.ts.Fatalf("%q is not in %s", args[4], signed.Statement)
		}
		signed.Statement = old.ReplaceAll(signed.Statement, []byte(args[5]))
	}
	file := w.ts.MkAbs(args[1] + ".statement")
	w.ts.Check(os.WriteFile(file, signed.Statement, 0o600))
	w.must("ssh-keygen", "-q", "-Y", "sign", "-f", w.ts.MkAbs(args[2]+".key"), "-n", args[3], file)
	if signed.Signature, err = os.ReadFile(file + ".sig"); err == nil {
		var data []byte
		if data, err = signed.Encode(); err == nil {
			err = os.WriteFile(w.ts.MkAbs(args[1]), data, 0o600)
		}
	}
	w.ts.Check(err)
}

// verified asks ssh-keygen itself whether an approval is good: verified FILE ENV WHO.
func (w *world) verified(_ bool, args []string) {
	var kept struct{ Statement, Signature string }
	w.ts.Check(json.Unmarshal([]byte(w.ts.ReadFile(args[0])), &kept))
	signature := w.ts.MkAbs(args[0] + ".sig")
	w.ts.Check(os.WriteFile(signature, []byte(kept.Signature), 0o600))
	statement := w.ts.MkAbs(args[0] + ".statement")
	w.ts.Check(os.WriteFile(statement, []byte(kept.Statement), 0o600))
	w.must("sh", "-c", fmt.Sprintf("ssh-keygen -Y verify -f environments/%s/approvers -I %s@example.org -n %s -s %s <%s", args[1], args[2], approve.Namespace, signature, statement))
}

// push adds a file to every set of approvals in the remote, as anybody could who
// may push: push FILE.
func (w *world) push(_ bool, args []string) {
	name := args[0]
	if strings.HasSuffix(name, ".approval") {
		name = strings.Repeat("ff", 16) + ".json"
	}
	script := `set -e
cd remote.git
for ref in $(git for-each-ref --format='%(refname)' refs/reconcile); do
	blob=$(git hash-object -w ../` + args[0] + `)
	tree=$( (git ls-tree $ref; printf '100644 blob %s\t%s\n' $blob ` + name + `) | git mktree)
	git update-ref $ref $(git commit-tree $tree -p $ref -m pushed)
done`
	w.must("sh", "-c", script)
}

// signs has all commits signed from now on: signs NAME.
func (w *world) signs(_ bool, args []string) {
	w.must("git", "config", "gpg.format", "ssh")
	w.must("git", "config", "user.signingKey", w.ts.MkAbs(args[0]+".key"))
	w.must("git", "config", "commit.gpgSign", "true")
}
