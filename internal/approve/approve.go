// Package approve reads what people signed and says who approved a plan, and
// whether that is enough. It is pure: keys, rules, signatures and the time are
// arguments. An approval is an OpenSSH signature over a small statement that names
// one plan; `ssh-keygen -Y verify` accepts what this package accepts.
package approve

import (
	"time"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

// Namespace is what approvals are signed under, so that no signature made for
// something else (a commit, a file) is one. OpenSSH, PROTOCOL.sshsig.
const Namespace = "reconcile-plan@v1"

// CommitNamespace is what git signs commits under (gpg.format = ssh).
const CommitNamespace = "git"

// Format is the statement's format: name/major.
const Format = "reconcile.approval/1"

// Bounds on what strangers may push: how many approvals of one plan are read, and
// how many bytes one of them may have.
const (
	MaxApprovals     = 100
	MaxApprovalBytes = 8 << 10
)

// Statement is what an approver signs: one plan, for one environment, until an
// instant. It says nothing that the plan does not cover.
type Statement struct {
	Format      string `json:"format"`
	Environment string `json:"environment"`
	// Digest and ChangesDigest are the plan's. An approval counts for every plan
	// with the same ChangesDigest.
	Digest        string `json:"digest"`
	ChangesDigest string `json:"changesDigest"`
	// Expires is when the approval counts no more (UTC, to the second), at the latest
	// when the plan that was signed expired.
	Expires time.Time `json:"expires"`
	// Replanned says that the approver planned again with credentials and endpoints
	// of his own and got the same ChangesDigest.
	Replanned bool `json:"replanned"`
	// ID is 128 random bits in hex. The journal remembers it: one approval
	// authorises one apply.
	ID string `json:"id"`
}

// Signed is an approval as it is kept: the very bytes that were signed, and the
// armoured signature.
type Signed struct {
	Statement []byte
	Signature []byte
	// Origin says where it was found, for messages: a file, a ref.
	Origin string
}

// Person is somebody who approves and writes: one person, however many keys.
type Person struct {
	Name string
	// Keys are OpenSSH public keys, Emails those of commits (lower case), Forge the
	// login at the forge.
	Keys   []string
	Emails []string
	Forge  string
}

// Rules are what approvals are judged by: those in force, never those of the
// change under review.
type Rules struct {
	// Approvers is an allowed_signers file.
	Approvers []byte
	// Revoked lists public keys that count no more, one a line.
	Revoked []byte
	// People says which keys and names are one person's. A key that is nobody's
	// there stands for a person of its own, by its principal.
	People []Person
	// SecurityKeys admits hardware keys (sk-) alone.
	SecurityKeys bool
	// Replan asks that one of the approvals that count is Replanned.
	Replan bool
}

// Ballot is what was signed about one plan.
type Ballot struct {
	Plan   *plan.Plan
	Signed []Signed
	// Spent says which plan (by Digest) an approval was used for, by its ID.
	Spent map[string]string
	// Now is UTC.
	Now time.Time
}

// Approval is one that counts.
type Approval struct {
	Person string
	// Fingerprint is SHA256:… of the key.
	Fingerprint string
	Statement   Statement
	// Carried says that another plan with the same changes was signed.
	Carried bool
	// Hardware says that a security key signed, with somebody touching it.
	Hardware bool
	Origin   string
}

// Rejected is one that does not count, and why.
type Rejected struct {
	// Person or, where that is not known, the key's fingerprint; may be empty.
	Who    string
	Origin string
	// Rule names the reason: not-an-approver, revoked, author, expired, spent,
	// namespace, signature, other-plan, twice, security-key, format.
	Rule   string
	Reason string
}

// Tally is who approved.
type Tally struct {
	// Approvals that count, one a person, by name.
	Approvals []Approval
	Rejected  []Rejected
	// Need is how many the plan asks for, Have how many there are.
	Need, Have int
	// LacksReplan says that there are enough, and none of somebody who planned again.
	LacksReplan bool
	// Eligible are the people who may approve this plan and have not, by name;
	// Authors those who may not because they wrote it.
	Eligible, Authors []string
}

// Enough reports whether the plan may be applied.
func (t Tally) Enough() bool { return t.Have >= t.Need && !t.LacksReplan }

// IDs lists the ids of the approvals that count: what an apply spends.
func (t Tally) IDs() []string {
	ids := make([]string, 0, len(t.Approvals))
	for _, a := range t.Approvals {
		ids = append(ids, a.Statement.ID)
	}
	return ids
}
