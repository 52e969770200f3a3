package approve

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// LineError is what is wrong with one line of a file.
type LineError struct {
	Line   int
	Reason string
}

// Error begins with the line's number.
func (e LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// LineErrors are all that is wrong with a file, in its order.
type LineErrors []LineError

// Error has one line an error.
func (e LineErrors) Error() string {
	lines := make([]string, 0, len(e))
	for _, one := range e {
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// Signers is an allowed_signers file (OpenSSH, ssh-keygen(1), ALLOWED SIGNERS).
type Signers struct{ lines []line }

// line admits one key, or whom one authority certifies.
type line struct {
	number     int
	principals string
	key        key
	authority  bool
	// namespaces are patterns; nil admits any.
	namespaces *string
	// after and before are zero where the line says nothing.
	after, before time.Time
}

// ParseSigners reads an allowed_signers file. A line that is not understood admits
// nobody: it is left out, and told in the error, which is of type LineErrors. The
// signers that are given beside an error are those of the other lines.
func ParseSigners(data []byte) (Signers, error) {
	var signers Signers
	var wrong LineErrors
	for number, text := range lines(data) {
		l, err := parseLine(text)
		if err != nil {
			wrong = append(wrong, LineError{Line: number, Reason: err.Error()})
			continue
		}
		l.number = number
		signers.lines = append(signers.lines, l)
	}
	if wrong != nil {
		return signers, wrong
	}
	return signers, nil
}

// lines gives the lines that say something, by number.
func lines(data []byte) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for text := range strings.Lines(string(data)) {
			number++
			text = strings.Trim(text, " \t\r\n")
			if text != "" && text[0] != '#' && !yield(number, text) {
				return
			}
		}
	}
}

func parseLine(text string) (line, error) {
	for _, r := range text {
		if r == utf8.RuneError || (r < ' ' && r != '\t') || r == 0x7f {
			return line{}, fmt.Errorf("holds %q, which is no text", r)
		}
	}
	principals, rest, err := cutPrincipals(text)
	if err != nil {
		return line{}, err
	}
	l := line{principals: principals}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return line{}, fmt.Errorf("has no key")
	}
	if !isKind(words[0]) {
		if rest, err = l.options(rest); err != nil {
			return line{}, err
		}
	}
	l.key, err = readKey(rest)
	return l, err
}

// isKind tells a key's kind from options.
func isKind(word string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-", "sk-", "rsa-", "webauthn-"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

// cutPrincipals takes the first word, which may stand in quotes.
func cutPrincipals(text string) (principals, rest string, err error) {
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		end := strings.IndexByte(inner, '"')
		if end < 0 {
			return "", "", fmt.Errorf("the quote of the principals does not end")
		}
		principals, rest = inner[:end], inner[end+1:]
		if rest != "" && !strings.ContainsAny(rest[:1], " \t") {
			return "", "", fmt.Errorf("need a space behind the quoted principals")
		}
	} else {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			return "", "", fmt.Errorf("has principals and no key")
		}
		principals, rest = text[:end], text[end:]
	}
	if principals == "" || strings.Contains(principals, `"`) {
		return "", "", fmt.Errorf("%q is no list of principals", principals)
	}
	return principals, strings.Trim(rest, " \t"), nil
}

// options reads the options before a key and gives what stands behind them.
func (l *line) options(text string) (string, error) {
	for {
		end := strings.IndexAny(text, "=, \t")
		if end < 0 {
			return "", fmt.Errorf("has no key, or an option %q that is not known", text)
		}
		name := strings.ToLower(text[:end])
		value, has := "", text[end] == '='
		text = text[end:]
		if has {
			var err error
			if value, text, err = dequote(text[1:]); err != nil {
				return "", fmt.Errorf("option %s: %w", name, err)
			}
		}
		if err := l.option(name, value, has); err != nil {
			return "", err
		}
		switch {
		case text == "":
			return "", fmt.Errorf("has no key")
		case text[0] == ' ' || text[0] == '\t':
			if !l.after.IsZero() && !l.before.IsZero() && !l.before.After(l.after) {
				return "", fmt.Errorf("valid-before is not later than valid-after")
			}
			return text, nil
		case text[0] != ',':
			return "", fmt.Errorf("option %s: need a comma or a space behind it, have %q", name, text[:1])
		}
		text = text[1:]
	}
}

func (l *line) option(name, value string, has bool) error {
	var err error
	switch {
	case name == "cert-authority" && !has:
		l.authority = true
	case name == "namespaces" && has:
		if l.namespaces != nil {
			return fmt.Errorf("option namespaces: stands twice")
		}
		l.namespaces = &value
	case name == "valid-after" && has:
		l.after, err = instant(name, value, l.after)
	case name == "valid-before" && has:
		l.before, err = instant(name, value, l.before)
	default:
		return fmt.Errorf("option %q is not known: the line admits nobody", name)
	}
	return err
}

// dequote takes a value in quotes, in which \" stands for a quote.
func dequote(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		return "", "", fmt.Errorf("need a value in quotes")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", fmt.Errorf("its quote does not end")
}

// instant reads YYYYMMDD[HHMM[SS]]Z. OpenSSH reads a time without Z in the local
// time of whoever verifies; who may approve must not depend on the machine, so such
// a line is refused.
func instant(name, value string, before time.Time) (time.Time, error) {
	if !before.IsZero() {
		return time.Time{}, fmt.Errorf("option %s: stands twice", name)
	}
	digits, utc := strings.CutSuffix(strings.ToUpper(value), "Z")
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	t, err := time.Parse(layout, digits)
	if layout == "" || err != nil || t.Unix() <= 0 {
		return time.Time{}, fmt.Errorf("option %s: %q is no time, need YYYYMMDDZ or YYYYMMDDHHMMSSZ", name, value)
	}
	if !utc {
		return time.Time{}, fmt.Errorf("option %s: %q is another instant on each machine, write %sZ for UTC", name, value, value)
	}
	return t, nil
}

// admits says why the line does not count for a namespace at a time; empty: it does.
func (l line) admits(namespace string, now time.Time) string {
	switch {
	case l.namespaces != nil && !matchList(namespace, *l.namespaces):
		return fmt.Sprintf("line %d of the approvers admits it for namespaces %q, not for %q", l.number, *l.namespaces, namespace)
	case !l.after.IsZero() && now.Before(l.after):
		return fmt.Sprintf("line %d of the approvers admits it from %s", l.number, l.after.Format(time.RFC3339))
	case !l.before.IsZero() && now.After(l.before):
		return fmt.Sprintf("line %d of the approvers admitted it until %s", l.number, l.before.Format(time.RFC3339))
	}
	return ""
}

// holders are the names under which the lines admit a signature; with none, the
// reason. Known are the names of whoever holds the key. Line by line as OpenSSH does:
// an authority's line is for certificates alone, and a plain line for the plain key
// alone. ssh-keygen -Y verify accepts each of the names as its -I.
func (s Signers) holders(sig signature, known []string, namespace string, now time.Time) (names []string, reason string) {
	reason = "key " + sig.key.fingerprint + " is not among the approvers"
	for _, l := range s.lines {
		var found []string
		var why string
		switch {
		case !l.authority && sig.certificate == nil && l.key.text == sig.key.text:
			found, why = l.held(known)
		case l.authority && sig.certificate != nil && sameKey(sig.certificate.SignatureKey, l.key):
			found, why = certified(sig.certificate, l, now)
		default:
			continue
		}
		if refused := l.admits(namespace, now); refused != "" {
			why = refused
		}
		if why != "" {
			reason = why
			continue
		}
		names = append(names, found...)
	}
	if len(names) > 0 {
		reason = ""
	}
	return names, reason
}

// held lists those of the holder's names that the line's principals match. A line of
// patterns alone does not say who holds the key.
func (l line) held(known []string) (names []string, reason string) {
	for _, name := range known {
		if matchList(name, l.principals) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Sprintf("line %d of the approvers admits %q, and no known name of the key's holder is among them: give the key to a person in environments/people.cue", l.number, l.principals)
	}
	return names, ""
}

func sameKey(public ssh.PublicKey, k key) bool {
	other, err := sound(public)
	return err == nil && other.text == k.text
}

// certified lists the principals of a certificate that the authority's line admits;
// with none, the reason. OpenSSH, PROTOCOL.certkeys.
func certified(c *ssh.Certificate, l line, now time.Time) (names []string, reason string) {
	if c.CertType != ssh.UserCert {
		return nil, "its certificate is not a user's"
	}
	if c.Signature.Format == ssh.KeyAlgoRSA {
		return nil, "its certificate is signed with SHA-1"
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return now }}
	for _, name := range c.ValidPrincipals {
		if strings.ContainsAny(name, `*?!,"`) || !matchList(name, l.principals) {
			continue
		}
		if err := checker.CheckCert(name, c); err != nil {
			return nil, "its certificate does not count: " + strings.TrimPrefix(err.Error(), "ssh: ")
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Sprintf("its certificate is for %q, and line %d of the approvers admits %q", c.ValidPrincipals, l.number, l.principals)
	}
	return names, ""
}
