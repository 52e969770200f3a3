package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// maxTextBytes bounds one text that came from outside: a server's answer must
// not make an entry that is too long to be read again.
const maxTextBytes = 8 << 10

// tidy makes texts from outside fit to be written and read again unchanged:
// valid UTF-8 and of bounded length. A server's broken bytes must not make a
// record that nobody can read.
func (e *Entry) tidy() {
	for _, text := range []*string{&e.Error, &e.Why, &e.Owner} {
		*text = tidied(*text)
	}
	if len(e.Outputs) == 0 {
		e.Outputs = nil
		return
	}
	outputs := make(resource.Outputs, len(e.Outputs))
	for name, value := range e.Outputs {
		outputs[tidied(name)] = tidied(value)
	}
	e.Outputs = outputs
}

func tidied(text string) string {
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// check refuses an entry whose fields do not make sense for its kind. It holds
// for what is written and for what is read: the ledger counts money by it.
func (e *Entry) check() error {
	if len(e.Prepared) > MaxPreparedBytes {
		return fmt.Errorf("prepared has %d bytes, may have %d", len(e.Prepared), MaxPreparedBytes)
	}
	if e.Seq < 1 || e.Term < 0 || e.Term > maxTerm {
		return fmt.Errorf("sequence %d and term %d are out of range", e.Seq, e.Term)
	}
	if e.Time.Location() != time.UTC || !e.Time.Equal(e.Time.Truncate(time.Millisecond)) {
		return fmt.Errorf("time %s is not UTC to the millisecond", e.Time)
	}
	if e.Environment == "" {
		return fmt.Errorf("has no environment")
	}
	if lacks := e.lacks(); lacks != "" {
		return fmt.Errorf("%s entry has no %s", e.Kind, lacks)
	}
	if err := e.checkHappened(); err != nil {
		return err
	}
	if e.Prepared != nil && e.Kind != Intent {
		return fmt.Errorf("%s entry has prepared bytes", e.Kind)
	}
	return e.checkMoney()
}

// lacks names the first field that the kind needs and the entry does not have.
func (e *Entry) lacks() string {
	needs := []struct{ name, value string }{}
	plan := struct{ name, value string }{"plan", e.Plan}
	intent := struct{ name, value string }{"intent", e.Intent}
	step := struct{ name, value string }{"stepDigest", e.StepDigest}
	switch e.Kind {
	case Anchor:
		needs = append(needs, struct{ name, value string }{"commit", e.Commit})
	case Open, Close:
		needs = append(needs, plan)
	case Abandon:
		needs = append(needs, plan, struct{ name, value string }{"why", e.Why})
	case Intent, Outcome:
		needs = append(needs, plan, step, intent)
	case Reading:
	default:
		return "known kind"
	}
	for _, need := range needs {
		if need.value == "" {
			return need.name
		}
	}
	return ""
}

func (e *Entry) checkHappened() error {
	if e.Kind != Outcome {
		if e.Happened != "" {
			return fmt.Errorf("%s entry says happened: %q", e.Kind, e.Happened)
		}
		return nil
	}
	switch e.Happened {
	case Happened, NotHappened, Unknown:
		return nil
	default:
		return fmt.Errorf("outcome says happened: %q, not yes, no or unknown", e.Happened)
	}
}

// checkMoney refuses amounts that are no decimal numbers: a cap must never
// count something unreadable as nothing.
func (e *Entry) checkMoney() error {
	if e.Spend != nil {
		if e.Spend.Network == "" {
			return fmt.Errorf("spend has no network")
		}
		if !isAmount(e.Spend.Wei) || !isAmount(e.Spend.Fee) {
			return fmt.Errorf("spend of wei %q and fee %q is not two decimal numbers", e.Spend.Wei, e.Spend.Fee)
		}
	}
	for id, wei := range e.Readings {
		if _, err := resource.ParseID(id); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if !isAmount(wei) {
			return fmt.Errorf("reading of %s: %q is not a decimal number", id, wei)
		}
	}
	return nil
}

// isAmount reports whether text is a decimal number that fits 256 bits'
// 78 digits, without sign or leading zero.
func isAmount(text string) bool {
	if text == "" || len(text) > 78 || len(text) > 1 && text[0] == '0' {
		return false
	}
	return strings.Trim(text, "0123456789") == ""
}
