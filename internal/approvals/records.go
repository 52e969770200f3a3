package approvals

import (
	"bufio"
	"bytes"
	"io"
)

// maxRecordBytes bounds one record: a name in a tree may be long, and ours are
// not.
const maxRecordBytes = 8 << 10

// newRecords reads records that a NUL ends.
func newRecords(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxRecordBytes)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if end := bytes.IndexByte(data, 0); end >= 0 {
			return end + 1, data[:end], nil
		}
		if atEOF && len(data) > 0 {
			return 0, nil, io.ErrUnexpectedEOF
		}
		return 0, nil, nil
	})
	return s
}
