// Package bounded keeps what another program says, and no more of it than there is
// room for.
package bounded

import "bytes"

// Buffer keeps the first Most bytes that are written to it.
type Buffer struct {
	bytes.Buffer
	Most int
	// Cut says that there were more.
	Cut bool
}

// Write never fails, so that the program is not blamed for our limit.
func (b *Buffer) Write(data []byte) (int, error) {
	room := max(0, b.Most-b.Len())
	b.Cut = b.Cut || len(data) > room
	b.Buffer.Write(data[:min(len(data), room)])
	return len(data), nil
}
