// Package approvals has approvals signed and keeps them: it calls ssh-keygen,
// which knows people's keys, and git, which knows how their repositories are
// reached, and it reads and writes approval files. Whether a signature counts is
// for internal/approve to say.
package approvals

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/approve"
)

// prefix is where approvals are kept among the refs of a repository.
const prefix = "refs/reconcile/approvals/"

// Collected is what was found of one plan's approvals. None of it was judged.
type Collected struct {
	Signed []approve.Signed
	// Ignored says what lies there and is no approval, a line each.
	Ignored []string
	// Places are where it was looked, as people call them.
	Places []string
}

var errPlace = errors.New("is no place of approvals")

// Ref is where the approvals of one set of changes are kept: environment is its
// name, changes the plan's ChangesDigest (sha256:<hex>). Anything that could be
// read as another ref, or as an option of git, is refused.
func Ref(environment, changes string) (string, error) {
	hex, ours := strings.CutPrefix(changes, "sha256:")
	if !regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`).MatchString(environment) || !ours || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(hex) {
		return "", fmt.Errorf("approvals: %q of %q %w", changes, environment, errPlace)
	}
	return prefix + environment + "/" + hex, nil
}

// ReadFile reads an approval file, as approve --out wrote it.
func ReadFile(path string) (approve.Signed, error) {
	file, err := os.Open(path)
	if err != nil {
		return approve.Signed{}, fmt.Errorf("approval: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, approve.MaxApprovalBytes+1))
	if err != nil {
		return approve.Signed{}, fmt.Errorf("approval: %w", err)
	}
	if len(data) > approve.MaxApprovalBytes {
		return approve.Signed{}, fmt.Errorf("%s: approval: is longer than %d bytes", path, approve.MaxApprovalBytes)
	}
	signed, err := approve.ParseSigned(data)
	if err != nil {
		return approve.Signed{}, fmt.Errorf("%s: %w", path, err)
	}
	signed.Origin = path
	return signed, nil
}

// WriteFile writes an approval to a file that was not there.
func WriteFile(path string, signed approve.Signed) error {
	data, err := signed.Encode()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("approval: %w", err)
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("approval: %w", err), os.Remove(path))
	}
	return nil
}
