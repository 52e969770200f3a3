package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// The end of every entry, as resource.Canonical writes it: two hashes, of which
// the first is empty in the first entry.
const (
	prevMark   = `,"prev":"`
	hashMark   = `","hash":"`
	hashLength = len("sha256:") + 64
)

// tears reports whether the store may keep part of an object after a crash.
func (j *Journal) tears() bool {
	store, ok := j.store.(interface{ Tears() bool })
	return ok && store.Tears()
}

// torn reports whether data is the beginning of an entry and no more, which is
// what a power cut leaves. An entry that was whole and then edited is not torn:
// one changed byte does not make it shorter, and where its last fields begin
// tells how long it was. first says that no entry comes before.
func torn(data []byte, first bool) bool {
	rest := bytes.TrimRight(data, "\x00")
	if len(rest) == 0 {
		return true
	}
	var whole json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(rest)).Decode(&whole); !errors.Is(err, io.ErrUnexpectedEOF) {
		return false
	}
	// A file system may keep the length and lose the content: a tail of zeros.
	if zeros := len(data) - len(rest); zeros > 0 {
		return zeros > 1
	}
	tail := len(prevMark) + hashLength + len(hashMark) + hashLength + len(`"}`)
	if first {
		tail -= hashLength
	}
	at := bytes.LastIndex(data, []byte(prevMark))
	return at < 0 || len(data) != at+tail
}
