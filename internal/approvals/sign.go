package approvals

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/approve"
	"github.com/crosschain-ops/reconcile/internal/bounded"
)

// grace is how long a program that was told to end may keep its output open.
const grace = 2 * time.Second

// SignOptions say with which key, and who is there to be asked.
type SignOptions struct {
	// Key is a file: a private key, one that stands for a hardware key, or a public
	// key whose other half an agent holds.
	Key string
	// Terminal says that somebody sits at one: a passphrase is then asked for there,
	// and not in a window.
	Terminal bool
	// Messages is where ssh-keygen asks to touch a hardware key.
	Messages io.Writer
}

// Sign gives the armoured signature over a statement, made by ssh-keygen under
// the namespace of plans. The key never enters this process.
func Sign(ctx context.Context, statement []byte, o SignOptions) ([]byte, error) {
	if _, err := os.Stat(o.Key); err != nil {
		return nil, fmt.Errorf("sign: %w\nhint: --key PATH names the key, or its .pub file where an agent holds it", err)
	}
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-Y", "sign", "-f", o.Key, "-n", approve.Namespace)
	cmd.WaitDelay = grace
	cmd.Env = cmd.Environ()
	if o.Terminal && !slices.ContainsFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "SSH_ASKPASS_REQUIRE=") }) {
		cmd.Env = append(cmd.Env, "SSH_ASKPASS_REQUIRE=never")
	}
	out, said := &bounded.Buffer{Most: approve.MaxApprovalBytes}, &bounded.Buffer{Most: maxMessageBytes}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(statement), out, said
	if o.Messages != nil {
		cmd.Stderr = io.MultiWriter(said, o.Messages)
	}
	switch err := cmd.Run(); {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("sign: ssh-keygen is not installed\nhint: install OpenSSH 8.2 or newer")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("sign: %w", ctx.Err())
	case err != nil:
		return nil, signError(o.Key, said.String(), err)
	case out.Cut:
		return nil, fmt.Errorf("sign: the signature is longer than %d bytes", approve.MaxApprovalBytes)
	}
	return out.Bytes(), nil
}

// signError says what ssh-keygen meant, and what helps.
func signError(key, said string, err error) error {
	hint := ""
	switch {
	case strings.Contains(said, "too open"):
		said, hint = "the key's file can be read by others, and OpenSSH does not use it", "chmod 600 "+key
	case strings.Contains(said, "incorrect passphrase"):
		said, hint = "the passphrase of "+key+" is not the right one", "without a terminal, add the key to an agent (ssh-add) and name its .pub file"
	case strings.Contains(said, "No private key found for"):
		said, hint = "neither an agent nor the folder has the private key of "+key, "ssh-add the key, or --key names the private one"
	case strings.Contains(said, "device not found"):
		said, hint = "the hardware key of "+key+" is not plugged in", "plug it in and touch it when it blinks"
	case strings.Contains(said, "Couldn't load public key"):
		said, hint = key+" is no key that OpenSSH knows", "--key PATH names an OpenSSH key"
	default:
		said = firstLine(said, err.Error())
	}
	text := "sign: " + said
	if hint != "" {
		text += "\nhint: " + hint
	}
	return errors.New(text)
}

// maxMessageBytes bounds what is kept of what a program says.
const maxMessageBytes = 4 << 10

// firstLine is the first line of a text that says something.
func firstLine(text, otherwise string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && line != "Signing data on standard input" {
			return line
		}
	}
	return otherwise
}

// SigningKey is the key file that signs commits in the repository of dir, by
// git's own settings (gpg.format ssh, user.signingKey); empty where none is named
// or none is a file.
func SigningKey(ctx context.Context, dir string) string {
	g := git{dir: dir}
	format, err := g.line(ctx, "config", "--get", "gpg.format")
	if err != nil || format != "ssh" {
		return ""
	}
	path, err := g.line(ctx, "config", "--get", "--type=path", "user.signingKey")
	if err != nil {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
