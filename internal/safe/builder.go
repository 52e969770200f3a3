package safe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
)

// maxFile bounds a builder file that is read.
const maxFile = 1 << 20

// File is what a Transaction Builder file says: calls for one Safe of one chain.
// The Safe's own page gives them a nonce.
type File struct {
	ChainID uint64
	Safe    common.Address
	Name    string
	Calls   []evm.Call
}

// The written form, version 1.0, as the Transaction Builder of Safe reads it:
// apps/tx-builder in safe-global/safe-react-apps, typings/models.ts. Numbers that
// are no strings are refused there.
type builderFile struct {
	Version      string        `json:"version"`
	ChainID      string        `json:"chainId"`
	CreatedAt    int64         `json:"createdAt"`
	Meta         builderMeta   `json:"meta"`
	Transactions []builderCall `json:"transactions"`
}

type builderMeta struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Safe        string `json:"createdFromSafeAddress"`
	Owner       string `json:"createdFromOwnerAddress"`
	Checksum    string `json:"checksum,omitempty"`
}

type builderCall struct {
	To     string          `json:"to"`
	Value  string          `json:"value"`
	Data   string          `json:"data"`
	Method json.RawMessage `json:"contractMethod"`
	Inputs json.RawMessage `json:"contractInputsValues"`
}

// Builder writes calls as a Transaction Builder file. The same calls give the
// same bytes, so createdAt is zero; the checksum keeps the page from warning.
func Builder(chainID uint64, safe common.Address, name string, calls []evm.Call) ([]byte, error) {
	// What no batch can hold, the page could not make of it either.
	if _, err := Batch(common.Address{0xff}, calls, 0); err != nil {
		return nil, fmt.Errorf("builder file: %w", err)
	}
	if chainID == 0 || safe == (common.Address{}) || !utf8.ValidString(name) || len(name) > 200 {
		return nil, errors.New("builder file: it needs a chain id, the address of a Safe and a name of at most 200 bytes")
	}
	f := builderFile{
		Version: "1.0", ChainID: strconv.FormatUint(chainID, 10),
		Meta: builderMeta{Name: name, Safe: safe.Hex()},
	}
	for _, c := range calls {
		value := "0"
		if c.Value != nil {
			value = c.Value.String()
		}
		null := json.RawMessage("null")
		f.Transactions = append(f.Transactions, builderCall{To: c.To.Hex(), Value: value, Data: hexutil.Encode(c.Data), Method: null, Inputs: null})
	}
	var err error
	if f.Meta.Checksum, err = checksumOf(f); err != nil {
		return nil, fmt.Errorf("builder file: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(f); err != nil {
		return nil, fmt.Errorf("builder file: %w", err)
	}
	return out.Bytes(), nil
}

// checksumOf is the file's checksum with neither the checksum itself nor, since
// the page lets people rename batches, the name.
func checksumOf(f builderFile) (string, error) {
	f.Meta.Checksum = ""
	data, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		return "", err
	}
	return checksum(value)
}

// checksum is apps/tx-builder/src/lib/checksum.ts: keccak-256 over the members'
// names in order and then their values, at every level.
func checksum(file map[string]any) (string, error) {
	if meta, ok := file["meta"].(map[string]any); ok {
		meta["name"] = nil
	}
	var text strings.Builder
	if err := serialise(&text, file); err != nil {
		return "", err
	}
	return crypto.Keccak256Hash([]byte(text.String())).Hex(), nil
}

func serialise(out *strings.Builder, value any) error {
	switch v := value.(type) {
	case []any:
		out.WriteByte('[')
		for i, element := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := serialise(out, element); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		out.WriteByte('{')
		if err := plain(out, names); err != nil {
			return err
		}
		for _, name := range names {
			if err := serialise(out, v[name]); err != nil {
				return err
			}
			out.WriteByte(',')
		}
		out.WriteByte('}')
	case float64:
		out.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		return plain(out, value)
	}
	return nil
}

// plain is a value as JSON.stringify writes it.
func plain(out *strings.Builder, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	out.Write(bytes.TrimRight(text.Bytes(), "\n"))
	return nil
}

// ReadBuilder reads what Builder wrote. A file that says anything else, or says
// the same in other words, is refused: what is verified must be what the page of
// the Safe loads.
func ReadBuilder(data []byte) (File, error) {
	if len(data) > maxFile {
		return File{}, fmt.Errorf("builder file: it has %d bytes, at most %d are read", len(data), maxFile)
	}
	var f builderFile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return File{}, fmt.Errorf("builder file: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return File{}, errors.New("builder file: something follows its end")
	}
	file, err := f.read()
	if err != nil {
		return File{}, fmt.Errorf("builder file: %w", err)
	}
	again, err := Builder(file.ChainID, file.Safe, file.Name, file.Calls)
	if err != nil {
		return File{}, err
	}
	var have, need bytes.Buffer
	if err := json.Compact(&have, data); err != nil {
		return File{}, fmt.Errorf("builder file: %w", err)
	}
	if err := json.Compact(&need, again); err != nil {
		return File{}, fmt.Errorf("builder file: %w", err)
	}
	if !bytes.Equal(have.Bytes(), bytes.TrimSpace(need.Bytes())) {
		return File{}, fmt.Errorf("builder file: it is not as it was written here; first difference: %s", parting(have.Bytes(), need.Bytes()))
	}
	return file, nil
}

func (f builderFile) read() (File, error) {
	out := File{Name: f.Meta.Name}
	var err error
	if f.Version != "1.0" {
		return out, fmt.Errorf("version is %.40q, need \"1.0\"", f.Version)
	}
	if out.ChainID, err = strconv.ParseUint(f.ChainID, 10, 64); err != nil {
		return out, fmt.Errorf("chainId %.40q is no number", f.ChainID)
	}
	if out.Safe, err = evm.ParseAddress(f.Meta.Safe); err != nil {
		return out, fmt.Errorf("createdFromSafeAddress: %w", err)
	}
	for i, t := range f.Transactions {
		w := evm.Wire{To: t.To, Data: t.Data}
		if value, ok := new(big.Int).SetString(t.Value, 10); !ok {
			return out, fmt.Errorf("transaction %d: %.80q is no amount of wei", i+1, t.Value)
		} else if value.Sign() != 0 {
			w.Value = t.Value
		}
		c, err := w.Call()
		if err != nil {
			return out, fmt.Errorf("transaction %d: %w", i+1, err)
		}
		out.Calls = append(out.Calls, c)
	}
	return out, nil
}

// parting quotes both sides from where they differ.
func parting(have, need []byte) string {
	at := 0
	for at < min(len(have), len(need)) && have[at] == need[at] {
		at++
	}
	from := max(0, at-20)
	return fmt.Sprintf("%.60q, need %.60q", have[from:], need[from:])
}
