// Package safeservicetest is a Safe Transaction Service in memory, with the real
// one's rules about who may propose and what, its pages, and ways to make it lie.
package safeservicetest

import (
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/safe"
)

// Entry is a transaction as the service shows it.
type Entry struct {
	Safe common.Address
	Tx   safe.Tx
	// Hash is what the service says the safeTxHash is.
	Hash     common.Hash
	Proposer common.Address
	// Signatures by owner; a zero-length one shows as null.
	Signatures map[common.Address][]byte
	Executed   bool
}

// Server is a service for one chain.
type Server struct {
	// URL of its root, to which /txs/ or /api may be added.
	URL     string
	chainID uint64
	http    *httptest.Server

	mu        sync.Mutex
	entries   []Entry
	owners    map[common.Address][]common.Address
	delegates map[common.Address][]common.Address
	page      int
	key       string
	busy      []int
	old       bool
	reply     func(w http.ResponseWriter, r *http.Request) bool
	requests  int
}

// Start a service; Close ends it.
func Start(chainID uint64) *Server {
	s := &Server{chainID: chainID, page: 100, owners: map[common.Address][]common.Address{}, delegates: map[common.Address][]common.Address{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Close ends the service.
func (s *Server) Close() { s.http.Close() }

// Owners may propose to a Safe; what one proposes he also confirms.
func (s *Server) Owners(account common.Address, owners ...common.Address) {
	s.locked(func() { s.owners[account] = owners })
}

// Delegates may propose to a Safe, and confirm nothing.
func (s *Server) Delegates(account common.Address, delegates ...common.Address) {
	s.locked(func() { s.delegates[account] = delegates })
}

// Pages are at most so long from now on.
func (s *Server) Pages(size int) { s.locked(func() { s.page = size }) }

// Require an API key.
func (s *Server) Require(key string) { s.locked(func() { s.key = key }) }

// Busy turns the next requests away with these statuses, 429 for one.
func (s *Server) Busy(statuses ...int) { s.locked(func() { s.busy = append(s.busy, statuses...) }) }

// Old leaves the service with the first version of the API only, where amounts
// are numbers.
func (s *Server) Old() { s.locked(func() { s.old = true }) }

// Answer lets a test answer instead; it gives false to leave a request alone.
func (s *Server) Answer(f func(http.ResponseWriter, *http.Request) bool) {
	s.locked(func() { s.reply = f })
}

// Requests that came so far.
func (s *Server) Requests() (n int) {
	s.locked(func() { n = s.requests })
	return n
}

// Add shows an entry, whatever it says.
func (s *Server) Add(e Entry) { s.locked(func() { s.entries = append(s.entries, e) }) }

// Entries are what is shown of a Safe, in the order in which it came.
func (s *Server) Entries(account common.Address) (all []Entry) {
	s.locked(func() {
		for _, e := range s.entries {
			if e.Safe == account {
				all = append(all, e)
			}
		}
	})
	return all
}

// Confirm adds an owner's signature; false where there is no such transaction.
func (s *Server) Confirm(hash common.Hash, owner common.Address, signature []byte) bool {
	return s.change(hash, func(e *Entry) {
		signatures := map[common.Address][]byte{owner: signature}
		for o, old := range e.Signatures {
			signatures[o] = old
		}
		e.Signatures = signatures
	})
}

// Execute marks a transaction as executed; false where there is none.
func (s *Server) Execute(hash common.Hash) bool {
	return s.change(hash, func(e *Entry) { e.Executed = true })
}

func (s *Server) change(hash common.Hash, f func(*Entry)) (found bool) {
	s.locked(func() {
		if i := slices.IndexFunc(s.entries, func(e Entry) bool { return e.Hash == hash }); i >= 0 {
			f(&s.entries[i])
			found = true
		}
	})
	return found
}

func (s *Server) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Spoof is a way to look like somebody's transaction.
type Spoof string

// The look-alikes. All but the last have their own true hash.
const (
	// SpoofDelegatecall is the same with the other operation, to a MultiSend of the
	// attacker's where it was a batch.
	SpoofDelegatecall Spoof = "operation 1"
	// SpoofRefund pays the executor.
	SpoofRefund Spoof = "refund fields"
	// SpoofMore has one more call, which enables a module.
	SpoofMore Spoof = "one more call"
	// SpoofHash is another call under the hash of the real one.
	SpoofHash Spoof = "hash that does not fit"
)

// Spoofs are all of them.
func Spoofs() []Spoof { return []Spoof{SpoofDelegatecall, SpoofRefund, SpoofMore, SpoofHash} }

// Spoof adds a look-alike of a transaction and returns it. multiSend is the real
// MultiSendCallOnly.
func (s *Server) Spoof(how Spoof, account, multiSend common.Address, tx safe.Tx) (Entry, error) {
	real, err := safe.HashesOf(s.chainID, account, tx)
	if err != nil {
		return Entry{}, err
	}
	attacker := common.HexToAddress("0xbAD0000000000000000000000000000000000bad")
	switch how {
	case SpoofDelegatecall:
		if tx.Operation == safe.OperationDelegateCall {
			tx.To = attacker
		}
		tx.Operation = safe.OperationDelegateCall
	case SpoofRefund:
		tx.GasPrice, tx.RefundReceiver = big.NewInt(1), attacker
	case SpoofMore:
		calls, err := safe.Unbatch(tx, multiSend)
		if err != nil {
			return Entry{}, err
		}
		module := evm.MustMethod("enableModule(address)").Call(account, attacker)
		if tx, err = safe.Batch(multiSend, append(calls, module), tx.Nonce); err != nil {
			return Entry{}, err
		}
	case SpoofHash:
		tx.To, tx.Operation, tx.Data = attacker, safe.OperationCall, nil
	}
	hashes, err := safe.HashesOf(s.chainID, account, tx)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Safe: account, Tx: tx, Hash: hashes.SafeTx, Proposer: attacker}
	if how == SpoofHash {
		e.Hash = real.SafeTx
	}
	s.Add(e)
	return e, nil
}
