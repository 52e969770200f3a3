package safeservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Proposal is a transaction as the service says it is pending. None of it is
// proved: Tx decides, by the hash that safe.HashesOf gives of it.
type Proposal struct {
	Tx safe.Tx
	// SafeTxHash is the service's claim.
	SafeTxHash common.Hash
	// Confirmations are claims too; see Confirmation.By.
	Confirmations []Confirmation
	// Proposer is zero where the service names none.
	Proposer common.Address
}

// Confirmation is an owner's signature as the service says.
type Confirmation struct {
	Owner     common.Address
	Signature []byte
}

// By reports whether the signature is really the owner's over a safeTxHash that
// was computed here: plain, or as eth_sign makes it (v of 31 and 32). Contracts'
// signatures are not told here.
func (c Confirmation) By(safeTxHash common.Hash) bool {
	if len(c.Signature) != 65 {
		return false
	}
	raw, digest := bytes.Clone(c.Signature), safeTxHash[:]
	switch v := raw[64]; v {
	case 27, 28:
		raw[64] -= 27
	case 31, 32:
		raw[64] -= 31
		digest = crypto.Keccak256([]byte("\x19Ethereum Signed Message:\n32"), safeTxHash[:])
	default:
		return false
	}
	key, err := crypto.SigToPub(digest, raw)
	return err == nil && crypto.PubkeyToAddress(*key) == c.Owner
}

// Bounds on what one transaction lists.
const (
	maxConfirmations = 200
	maxSignature     = 8 << 10
)

type page struct {
	proposals []pending
	// next is where the next page begins; zero for none.
	next int
}

type pending struct {
	Proposal
	executed bool
}

type wirePage struct {
	Next    *string `json:"next"`
	Results []wire  `json:"results"`
}

// wire is a transaction of a list (SafeMultisigTransactionResponse). Amounts and
// nonces are numbers in the first version of the API and text in the second.
type wire struct {
	Safe           string             `json:"safe"`
	To             string             `json:"to"`
	Value          amount             `json:"value"`
	Data           *string            `json:"data"`
	Operation      *uint8             `json:"operation"`
	GasToken       *string            `json:"gasToken"`
	SafeTxGas      amount             `json:"safeTxGas"`
	BaseGas        amount             `json:"baseGas"`
	GasPrice       amount             `json:"gasPrice"`
	RefundReceiver *string            `json:"refundReceiver"`
	Nonce          amount             `json:"nonce"`
	SafeTxHash     string             `json:"safeTxHash"`
	Proposer       *string            `json:"proposer"`
	IsExecuted     bool               `json:"isExecuted"`
	Confirmations  []wireConfirmation `json:"confirmations"`
}

type wireConfirmation struct {
	Owner     string  `json:"owner"`
	Signature *string `json:"signature"`
}

// amount is a whole number, written as a number or as text.
type amount struct{ value *big.Int }

// UnmarshalJSON takes decimal digits and nothing else.
func (a *amount) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 1 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	if len(text) > 78 {
		return fmt.Errorf("%.80q is no amount", text)
	}
	value, ok := new(big.Int).SetString(text, 10)
	if !ok || value.Sign() < 0 || value.BitLen() > 256 || value.String() != text {
		return fmt.Errorf("%.80q is no amount", text)
	}
	a.value = value
	return nil
}

// read is strict: a transaction whose hash could be ours has no second reading.
func (w wire) read(account common.Address) (pending, error) {
	p := pending{executed: w.IsExecuted}
	var of common.Address
	r := reader{}
	r.address(&of, "safe", &w.Safe)
	r.address(&p.Tx.To, "to", &w.To)
	r.address(&p.Tx.GasToken, "gasToken", w.GasToken)
	r.address(&p.Tx.RefundReceiver, "refundReceiver", w.RefundReceiver)
	r.address(&p.Proposer, "proposer", w.Proposer)
	r.bytes(&p.Tx.Data, "data", w.Data, evm.MaxCalldata)
	for _, f := range []struct {
		name string
		from amount
		to   **big.Int
	}{{"value", w.Value, &p.Tx.Value}, {"safeTxGas", w.SafeTxGas, &p.Tx.SafeTxGas}, {"baseGas", w.BaseGas, &p.Tx.BaseGas}, {"gasPrice", w.GasPrice, &p.Tx.GasPrice}} {
		if *f.to = f.from.value; f.from.value == nil {
			r.fail(f.name, errors.New("it is missing"))
		}
	}
	if w.Nonce.value == nil || !w.Nonce.value.IsInt64() {
		r.fail("nonce", errors.New("it is missing or too large"))
	} else {
		p.Tx.Nonce = w.Nonce.value.Uint64()
	}
	if w.Operation == nil {
		r.fail("operation", errors.New("it is missing"))
	} else {
		p.Tx.Operation = *w.Operation
	}
	var hash []byte
	if r.bytes(&hash, "safeTxHash", &w.SafeTxHash, 32); len(hash) == 32 {
		p.SafeTxHash = common.Hash(hash)
	} else {
		r.fail("safeTxHash", errors.New("it has not 32 bytes"))
	}
	r.confirmations(&p.Proposal, w.Confirmations)
	if r.err == nil && of != account {
		r.fail("safe", fmt.Errorf("it is of %s", of.Hex()))
	}
	return p, r.err
}

// reader keeps the first fault.
type reader struct{ err error }

func (r *reader) fail(name string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

// address reads one; an absent one is zero.
func (r *reader) address(into *common.Address, name string, text *string) {
	if text == nil {
		return
	}
	address, err := evm.ParseAddress(*text)
	if err != nil {
		r.fail(name, err)
	}
	*into = address
}

func (r *reader) bytes(into *[]byte, name string, text *string, most int) {
	if text == nil || *text == "0x" {
		return
	}
	data, err := hexutil.Decode(*text)
	if err != nil || len(data) > most {
		r.fail(name, fmt.Errorf("%.60q is not at most %d bytes in hex", *text, most))
		return
	}
	*into = data
}

func (r *reader) confirmations(p *Proposal, all []wireConfirmation) {
	if len(all) > maxConfirmations {
		r.fail("confirmations", fmt.Errorf("there are %d, at most %d are read", len(all), maxConfirmations))
		return
	}
	for _, w := range all {
		var c Confirmation
		r.address(&c.Owner, "owner of a confirmation", &w.Owner)
		r.bytes(&c.Signature, "signature of a confirmation", w.Signature, maxSignature)
		if !slices.ContainsFunc(p.Confirmations, func(other Confirmation) bool { return other.Owner == c.Owner }) {
			p.Confirmations = append(p.Confirmations, c)
		}
	}
}

// sorted is by nonce, and by hash where several wait for one nonce.
func sorted(all []Proposal) []Proposal {
	slices.SortFunc(all, func(a, b Proposal) int {
		switch {
		case a.Tx.Nonce < b.Tx.Nonce:
			return -1
		case a.Tx.Nonce > b.Tx.Nonce:
			return 1
		}
		return a.SafeTxHash.Cmp(b.SafeTxHash)
	})
	return all
}

// wirePost is a proposal as it is posted.
type wirePost struct {
	To             string `json:"to"`
	Value          string `json:"value"`
	Data           string `json:"data"`
	Operation      uint8  `json:"operation"`
	SafeTxGas      string `json:"safeTxGas"`
	BaseGas        string `json:"baseGas"`
	GasPrice       string `json:"gasPrice"`
	GasToken       string `json:"gasToken"`
	RefundReceiver string `json:"refundReceiver"`
	Nonce          uint64 `json:"nonce"`
	Hash           string `json:"contractTransactionHash"`
	Sender         string `json:"sender"`
	Signature      string `json:"signature"`
	Origin         string `json:"origin"`
}

func post(tx safe.Tx, hash common.Hash, sender common.Address, signature []byte) ([]byte, error) {
	if !(Confirmation{Owner: sender, Signature: signature}).By(hash) {
		return nil, fmt.Errorf("the signature is not by %s over %s", sender.Hex(), hash.Hex())
	}
	decimal := func(v *big.Int) string {
		if v == nil {
			return "0"
		}
		return v.String()
	}
	return json.Marshal(wirePost{
		To: tx.To.Hex(), Value: decimal(tx.Value), Data: hexutil.Encode(tx.Data), Operation: tx.Operation,
		SafeTxGas: decimal(tx.SafeTxGas), BaseGas: decimal(tx.BaseGas), GasPrice: decimal(tx.GasPrice),
		GasToken: tx.GasToken.Hex(), RefundReceiver: tx.RefundReceiver.Hex(), Nonce: tx.Nonce,
		Hash: hash.Hex(), Sender: sender.Hex(), Signature: hexutil.Encode(signature), Origin: "reconcile",
	})
}
