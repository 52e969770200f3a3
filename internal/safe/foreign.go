package safe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// ReadForeign reads the calls of a Transaction Builder file that somebody else
// wrote, as the page of the Safe reads them: members by their exact names, and of
// one that stands there twice the last. odd is what it says beyond its calls, or
// otherwise than Builder does. A call without data is an error: the page makes
// its data of a method and arguments, and what it makes is not told here.
func ReadForeign(data []byte) (f File, odd []string, err error) {
	if own, err := ReadBuilder(data); err == nil {
		return own, nil, nil
	}
	if len(data) > maxFile {
		return f, nil, fmt.Errorf("builder file: it has %d bytes, at most %d are read", len(data), maxFile)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var file map[string]any
	if err := decoder.Decode(&file); err != nil {
		return f, nil, fmt.Errorf("builder file: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return f, nil, errors.New("builder file: something follows its end")
	}
	if f, err = foreign(file); err != nil {
		return f, nil, fmt.Errorf("builder file: %w", err)
	}
	meta, _ := file["meta"].(map[string]any)
	switch said, has := meta["checksum"].(string); {
	case !has:
		odd = append(odd, "the file has no checksum: it was not written here, or was changed since")
	default:
		if sum, err := checksum(plainNumbers(file)); err != nil || sum != said {
			odd = append(odd, "the file's checksum is not that of what it says: it was changed since it was written")
		}
	}
	return f, odd, nil
}

func foreign(file map[string]any) (File, error) {
	var f File
	meta, _ := file["meta"].(map[string]any)
	f.Name, _ = meta["name"].(string)
	chainID, _ := file["chainId"].(string)
	var err error
	if f.ChainID, err = strconv.ParseUint(chainID, 10, 64); err != nil {
		return f, fmt.Errorf("chainId %.40q is no number", chainID)
	}
	safe, _ := meta["createdFromSafeAddress"].(string)
	if f.Safe, err = evm.ParseAddress(safe); err != nil {
		return f, fmt.Errorf("createdFromSafeAddress: %w", err)
	}
	list, _ := file["transactions"].([]any)
	for i, element := range list {
		t, _ := element.(map[string]any)
		to, _ := t["to"].(string)
		value, _ := t["value"].(string)
		data, has := t["data"].(string)
		if !has {
			return f, fmt.Errorf("transaction %d has no data: what the page would make of its method is not told here", i+1)
		}
		w := evm.Wire{To: to, Data: data}
		if value != "" && value != "0" {
			w.Value = value
		}
		c, err := w.Call()
		if err != nil {
			return f, fmt.Errorf("transaction %d: %w", i+1, err)
		}
		f.Calls = append(f.Calls, c)
	}
	if len(f.Calls) == 0 {
		return f, errors.New("it holds no transactions")
	}
	return f, nil
}

// plainNumbers are the file's values with numbers as JavaScript has them. It takes
// the checksum out, as whoever wrote it had none yet.
func plainNumbers(file map[string]any) map[string]any {
	data, err := json.Marshal(file)
	var out map[string]any
	if err != nil || json.Unmarshal(data, &out) != nil {
		return nil
	}
	if meta, ok := out["meta"].(map[string]any); ok {
		delete(meta, "checksum")
	}
	return out
}
