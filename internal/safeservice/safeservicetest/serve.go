package safeservicetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/safe"
)

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.reply != nil && s.reply(w, r) {
		return
	}
	if len(s.busy) > 0 {
		status := s.busy[0]
		s.busy = s.busy[1:]
		fail(w, status, "Request was throttled.")
		return
	}
	if s.key != "" && r.Header.Get("Authorization") != "Bearer "+s.key {
		fail(w, http.StatusUnauthorized, "no API key matches "+r.Header.Get("Authorization"))
		return
	}
	// /api/v2/safes/0x…/multisig-transactions/
	parts := strings.Split(r.URL.Path, "/")
	if len(parts) != 7 || parts[1] != "api" || (parts[2] != "v1" && (parts[2] != "v2" || s.old)) || parts[3] != "safes" || parts[5] != "multisig-transactions" || parts[6] != "" {
		fail(w, http.StatusNotFound, "Not found.")
		return
	}
	// The real one refuses an address without its checksum.
	account := common.HexToAddress(parts[4])
	if account.Hex() != parts[4] {
		fail(w, http.StatusUnprocessableEntity, "Checksum address validation failed")
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.list(w, r, account, parts[2] == "v1")
	case http.MethodPost:
		s.post(w, r, account)
	default:
		fail(w, http.StatusMethodNotAllowed, "Method not allowed.")
	}
}

func fail(w http.ResponseWriter, status int, text string) {
	write(w, status, map[string]any{"detail": text})
}

func write(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, account common.Address, numbers bool) {
	query := r.URL.Query()
	from, _ := strconv.ParseUint(query.Get("nonce__gte"), 10, 64)
	var all []Entry
	for _, e := range s.entries {
		if e.Safe == account && e.Tx.Nonce >= from && (query.Get("executed") != "false" || !e.Executed) {
			all = append(all, e)
		}
	}
	switch query.Get("ordering") {
	case "nonce":
		slices.SortStableFunc(all, func(a, b Entry) int {
			return big.NewInt(0).SetUint64(a.Tx.Nonce).Cmp(big.NewInt(0).SetUint64(b.Tx.Nonce))
		})
	default: // the real one lists the newest first
		slices.Reverse(all)
	}
	offset, _ := strconv.Atoi(query.Get("offset"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	if limit <= 0 || limit > s.page {
		limit = s.page
	}
	offset = min(max(offset, 0), len(all))
	end := min(offset+limit, len(all))
	var next any
	if end < len(all) {
		query.Set("offset", strconv.Itoa(end))
		query.Set("limit", strconv.Itoa(limit))
		next = (&url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: query.Encode()}).String()
	}
	results := []any{}
	for _, e := range all[offset:end] {
		results = append(results, shown(e, numbers))
	}
	write(w, http.StatusOK, map[string]any{"count": len(all), "next": next, "previous": nil, "results": results, "countUniqueNonce": len(all)})
}

// shown is an entry as the API writes it (SafeMultisigTransactionResponse).
func shown(e Entry, numbers bool) map[string]any {
	amount := func(v *big.Int) any {
		if v == nil {
			v = new(big.Int)
		}
		if numbers {
			return v
		}
		return v.String()
	}
	text := func(v any) string { return strings.Trim(fmt.Sprint(v), `"`) }
	confirmations := []any{}
	for owner, signature := range e.Signatures {
		confirmations = append(confirmations, map[string]any{
			"owner": owner.Hex(), "submissionDate": "2026-01-01T00:00:00Z", "transactionHash": nil, "signature": hexOrNull(signature), "signatureType": "EOA",
		})
	}
	var proposer any
	if e.Proposer != (common.Address{}) {
		proposer = e.Proposer.Hex()
	}
	return map[string]any{
		"safe": e.Safe.Hex(), "to": e.Tx.To.Hex(), "value": text(amount(e.Tx.Value)), "data": hexOrNull(e.Tx.Data), "operation": e.Tx.Operation,
		"gasToken": e.Tx.GasToken.Hex(), "safeTxGas": amount(e.Tx.SafeTxGas), "baseGas": amount(e.Tx.BaseGas), "gasPrice": text(amount(e.Tx.GasPrice)),
		"refundReceiver": e.Tx.RefundReceiver.Hex(), "nonce": amount(new(big.Int).SetUint64(e.Tx.Nonce)), "safeTxHash": e.Hash.Hex(),
		"executionDate": nil, "submissionDate": "2026-01-01T00:00:00Z", "proposer": proposer, "proposedByDelegate": nil, "executor": nil,
		"isExecuted": e.Executed, "isSuccessful": nil, "origin": `{"name":"x"}`, "dataDecoded": nil,
		"confirmationsRequired": 2, "confirmations": confirmations, "trusted": true, "signatures": nil,
	}
}

func hexOrNull(data []byte) any {
	if len(data) == 0 {
		return nil
	}
	return hexutil.Encode(data)
}

type posted struct {
	To, Value, Data, SafeTxGas, BaseGas, GasPrice, GasToken, RefundReceiver string
	Operation                                                               uint8
	Nonce                                                                   uint64
	ContractTransactionHash, Sender, Signature, Origin                      string
}

// post has the real one's rules: the hash is that of the fields, the signature is
// the sender's, and the sender is an owner or a delegate.
func (s *Server) post(w http.ResponseWriter, r *http.Request, account common.Address) {
	var p posted
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	tx := safe.Tx{To: common.HexToAddress(p.To), Data: common.FromHex(p.Data), Operation: p.Operation, Nonce: p.Nonce,
		GasToken: common.HexToAddress(p.GasToken), RefundReceiver: common.HexToAddress(p.RefundReceiver)}
	for text, to := range map[*string]**big.Int{&p.Value: &tx.Value, &p.SafeTxGas: &tx.SafeTxGas, &p.BaseGas: &tx.BaseGas, &p.GasPrice: &tx.GasPrice} {
		*to, _ = new(big.Int).SetString(*text, 10)
	}
	hashes, err := safe.HashesOf(s.chainID, account, tx)
	if err != nil || hashes.SafeTx.Hex() != p.ContractTransactionHash {
		fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("Contract-transaction-hash=%s does not match provided contract-tx-hash=%s", hashes.SafeTx.Hex(), p.ContractTransactionHash))
		return
	}
	sender, signature := common.HexToAddress(p.Sender), common.FromHex(p.Signature)
	if len(signature) != 65 || (signature[64] != 27 && signature[64] != 28) {
		fail(w, http.StatusUnprocessableEntity, "Signature is not supported")
		return
	}
	raw := bytes.Clone(signature)
	raw[64] -= 27
	key, err := crypto.SigToPub(hashes.SafeTx[:], raw)
	owner := slices.Contains(s.owners[account], sender)
	if err != nil || crypto.PubkeyToAddress(*key) != sender || (!owner && !slices.Contains(s.delegates[account], sender)) {
		fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("Sender=%s is not an owner or delegate", sender.Hex()))
		return
	}
	if i := slices.IndexFunc(s.entries, func(e Entry) bool { return e.Hash == hashes.SafeTx }); i >= 0 {
		if s.entries[i].Executed {
			fail(w, http.StatusUnprocessableEntity, "Tx with safe-tx-hash was already executed")
			return
		}
		w.WriteHeader(http.StatusCreated)
		return
	}
	e := Entry{Safe: account, Tx: tx, Hash: hashes.SafeTx, Proposer: sender}
	if owner {
		e.Signatures = map[common.Address][]byte{sender: signature}
	}
	s.entries = append(s.entries, e)
	w.WriteHeader(http.StatusCreated)
}
