package evm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Event is an event of a contract whose arguments are single words each.
type Event struct {
	// Topic is the hash of the signature: the first topic of its logs.
	Topic   common.Hash
	plain   Method // the event as a method that returns what it tells
	indexed []bool
}

// ParseEvent reads "Set(uint32 indexed,address,bool)".
func ParseEvent(text string) (Event, error) {
	var e Event
	name, rest, _ := strings.Cut(text, "(")
	list := strings.TrimSuffix(rest, ")")
	for part := range strings.SplitSeq(list, ",") {
		e.indexed = append(e.indexed, strings.HasSuffix(part, " indexed"))
	}
	plain := strings.ReplaceAll(list, " indexed", "")
	m, err := ParseMethod(name + "()(" + plain + ")")
	if err != nil || len(m.Outputs) != len(e.indexed) {
		return Event{}, fmt.Errorf("%.120q is not an event of single words", text)
	}
	e.plain, e.Topic = m, crypto.Keccak256Hash([]byte(name+"("+types(m.Outputs)+")"))
	return e, nil
}

// Values reads a log in the order of the arguments. A log of another event, or one
// that is not spelled as this event's are, is an error.
func (e Event) Values(topics []common.Hash, data []byte) ([]any, error) {
	shape := errors.New("the log has another shape")
	if len(topics) == 0 || topics[0] != e.Topic {
		return nil, shape
	}
	topics = topics[1:]
	var words []byte
	for _, indexed := range e.indexed {
		switch {
		case indexed && len(topics) > 0:
			words, topics = append(words, topics[0][:]...), topics[1:]
		case !indexed && len(data) >= 32:
			words, data = append(words, data[:32]...), data[32:]
		default:
			return nil, shape
		}
	}
	values, err := e.plain.Unpack(Result{Data: words})
	if err != nil || len(topics)+len(data) > 0 {
		return nil, errors.Join(shape, err)
	}
	if again, err := e.plain.Outputs.Pack(values...); err != nil || !bytes.Equal(again, words) {
		return nil, shape
	}
	return values, nil
}
