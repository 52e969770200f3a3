package cloudtest

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/aws/smithy-go"
)

// Fault is a way in which a call goes wrong.
type Fault string

// The faults. Denied, Throttled and Expired are answers without effect. Dropped
// is a request that never arrives. Lost is an effect whose reply never comes
// back.
const (
	Denied    Fault = "denied"
	Throttled Fault = "throttled"
	Expired   Fault = "expired"
	Dropped   Fault = "dropped"
	Lost      Fault = "lost"
)

// Switch counts calls by "service.Operation" and makes some of them fail. Fake
// and Proxy both have one, so that a test reads the same on either.
type Switch struct {
	mu    sync.Mutex
	calls map[string]int
	rules []*rule
}

type rule struct {
	match func(operation string) bool
	fault Fault
	left  int // -1: until healed
}

// Break makes calls that match fail until heal is called; times bounds how
// many, 0 means all.
func (s *Switch) Break(fault Fault, times int, match func(operation string) bool) (heal func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if times == 0 {
		times = -1
	}
	r := &rule{match: match, fault: fault, left: times}
	s.rules = append(s.rules, r)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rules = slices.DeleteFunc(s.rules, func(have *rule) bool { return have == r })
	}
}

// Calls counts the calls so far.
func (s *Switch) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// Total is the number of calls so far.
func (s *Switch) Total() int {
	total := 0
	for _, n := range s.Calls() {
		total += n
	}
	return total
}

// Forget sets all counts to zero.
func (s *Switch) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

// arrive counts a call and says which fault it meets, if any.
func (s *Switch) arrive(operation string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[operation]++
	for _, r := range s.rules {
		if r.left != 0 && r.match(operation) {
			if r.left > 0 {
				r.left--
			}
			return r.fault
		}
	}
	return ""
}

// Is matches one operation.
func Is(operation string) func(string) bool {
	return func(have string) bool { return have == operation }
}

// Reads matches what changes nothing; signing counts as neither.
func Reads(operation string) bool {
	_, name, _ := strings.Cut(operation, ".")
	for _, prefix := range []string{"List", "Get", "Describe", "Head"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Writes matches what changes something.
func Writes(operation string) bool {
	return !Reads(operation) && !strings.HasSuffix(operation, ".Sign")
}

// before is the error of a fault that keeps the call from having an effect.
func before(fault Fault, operation string) error {
	switch fault {
	case Denied:
		return failure("AccessDeniedException", "User: arn:aws:iam::111122223333:user/plan is not authorized to perform: "+operation)
	case Throttled:
		return failure("ThrottlingException", "Rate exceeded")
	case Expired:
		return failure("ExpiredTokenException", "The security token included in the request is expired")
	case Dropped:
		return cut()
	default:
		return nil
	}
}

// after is the error of a fault that hides an effect.
func after(fault Fault) error {
	if fault == Lost {
		return cut()
	}
	return nil
}

func cut() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
}

func failure(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}
