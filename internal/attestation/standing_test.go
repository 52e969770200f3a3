package attestation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
)

// scene is one origin with a tree, and the buckets of its validators.
type scene struct {
	t       *testing.T
	origin  attestation.Origin
	tree    attestationtest.Tree
	signed  []attestation.Checkpoint // by index
	buckets attestationtest.Buckets
	reader  *attestation.Reader
}

func newScene(t *testing.T, messages int) *scene {
	s := &scene{t: t, origin: attestation.Origin{Domain: 43113, Hook: common.Address{1}, Mailbox: common.Address{2}}}
	for range messages {
		s.message()
	}
	s.reader = served(t, &s.buckets, attestation.Options{})
	return s
}

// message leaves the origin.
func (s *scene) message() {
	index := s.tree.Count()
	id := common.BytesToHash([]byte(fmt.Sprintf("message %d", index)))
	s.tree.Insert(id)
	s.signed = append(s.signed, attestation.Checkpoint{Domain: s.origin.Domain, Hook: s.origin.Hook, Root: s.tree.Root(), Index: index, MessageID: id})
}

func (s *scene) tip() attestation.Tip {
	return attestation.Tip{Count: s.tree.Count(), Root: s.tree.Root()}
}

func location(name string) string { return "s3://" + name + "/us-east-1" }

// announce puts a validator's announcement into its bucket.
func (s *scene) announce(name string) {
	s.t.Helper()
	a, err := attestationtest.NamedSigner(name).Announcement(context.Background(), s.origin, location(name))
	if err != nil {
		s.t.Fatal(err)
	}
	s.buckets.Put(name+"/announcement.json", attestationtest.EncodeAnnouncement(a))
}

// sign puts a checkpoint into a bucket, signed by anybody.
func (s *scene) sign(bucket, signer string, c attestation.Checkpoint) {
	s.t.Helper()
	signed, err := attestationtest.NamedSigner(signer).Checkpoint(context.Background(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	s.buckets.Put(fmt.Sprintf("%s/checkpoint_%d_with_id.json", bucket, c.Index), attestationtest.EncodeCheckpoint(signed))
}

// latest says up to where a bucket says it holds checkpoints.
func (s *scene) latest(name, index string) {
	s.buckets.Put(name+"/checkpoint_latest_index.json", []byte(index))
}

// work announces a validator, and signs all up to and with an index.
func (s *scene) work(name string, upTo int) {
	s.announce(name)
	for _, c := range s.signed[:upTo+1] {
		s.sign(name, name, c)
	}
	s.latest(name, fmt.Sprint(upTo))
}

func (s *scene) question(name string) attestation.Question {
	return attestation.Question{
		Origin: s.origin, Validator: attestationtest.NamedSigner(name).Address, Locations: []string{"s3://old/us-east-1", location(name)},
	}
}

func (s *scene) judge(q attestation.Question) attestation.Standing {
	return s.reader.Judge(context.Background(), []attestation.Question{q}, func(context.Context, attestation.Origin) (attestation.Tip, error) {
		return s.tip(), nil
	})[0]
}

func (s *scene) expect(name string, want attestation.State, reason string) {
	s.t.Helper()
	check(s.t, name, s.judge(s.question(name)), want, reason)
}

func check(t *testing.T, name string, got attestation.Standing, want attestation.State, reason string) {
	t.Helper()
	if got.State != want || !strings.Contains(got.Reason, reason) || (want == attestation.Live) != (got.Reason == "") {
		t.Errorf("%s: %s: %q, want %s with %q", name, got.State, got.Reason, want, reason)
	}
}

func TestAValidatorAtTheTipIsLiveWhateverItsAge(t *testing.T) {
	t.Parallel()
	s := newScene(t, 5)
	s.work("val", 4)
	got := s.judge(s.question("val"))
	if want := (attestation.Standing{State: attestation.Live, Location: location("val"), Index: 4, Indexed: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestALagIsToleratedUpToItsBoundAndNamedBeyond(t *testing.T) {
	t.Parallel()
	s := newScene(t, 6)
	s.work("val", 3)
	for tolerance, want := range map[uint32]attestation.State{0: attestation.Behind, 1: attestation.Behind, 2: attestation.Live, 9: attestation.Live} {
		q := s.question("val")
		q.Tolerance = tolerance
		got := s.judge(q)
		if got.State != want || got.Lag != 2 || got.Index != 3 {
			t.Errorf("tolerance %d: %+v, want %s", tolerance, got, want)
		}
		if want == attestation.Behind && !strings.Contains(got.Reason, "2 behind") {
			t.Errorf("tolerance %d: %q", tolerance, got.Reason)
		}
	}
}

func TestWhatIsYoungerThanTheReorgPeriodNeedsNoSignatureYet(t *testing.T) {
	t.Parallel()
	s := newScene(t, 6)
	s.work("val", 3)
	s.announce("new")
	judge := func(name string, settling, tolerance uint32) attestation.Standing {
		q := s.question(name)
		q.Tolerance = tolerance
		return s.reader.Judge(context.Background(), []attestation.Question{q}, func(context.Context, attestation.Origin) (attestation.Tip, error) {
			tip := s.tip()
			tip.Settling = settling
			return tip, nil
		})[0]
	}
	for _, c := range []struct {
		name                string
		settling, tolerance uint32
		want                attestation.State
	}{
		{"val", 0, 0, attestation.Behind}, {"val", 1, 0, attestation.Behind}, {"val", 2, 0, attestation.Live},
		{"val", 1, 1, attestation.Live}, {"val", 4294967295, 4294967295, attestation.Live},
		{"new", 0, 9, attestation.Behind}, {"new", 5, 9, attestation.Behind}, {"new", 6, 0, attestation.Unproven},
	} {
		if got := judge(c.name, c.settling, c.tolerance); got.State != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

func TestAValidatorAheadOfOurBlockIsProvedAtOurTip(t *testing.T) {
	t.Parallel()
	s := newScene(t, 8)
	s.work("val", 7)
	early := attestation.Tip{Count: 6, Root: s.signed[5].Root}
	judge := func(tip attestation.Tip) attestation.Standing {
		return s.reader.Judge(context.Background(), []attestation.Question{s.question("val")}, func(context.Context, attestation.Origin) (attestation.Tip, error) { return tip, nil })[0]
	}
	if got := judge(early); got.State != attestation.Live || got.Lag != 0 || got.Index != 7 {
		t.Errorf("%+v", got)
	}
	early.Root[0]++
	check(t, "another tree", judge(early), attestation.Behind, "the hook has")
	s.buckets.Put("val/checkpoint_5_with_id.json", nil)
	early.Root[0]--
	check(t, "nothing at the tip", judge(early), attestation.Behind, "checkpoint_5_with_id.json: not there")
}

func TestAnIndexOfTheFutureProvesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	s.announce("val")
	far := attestation.Checkpoint{Domain: s.origin.Domain, Hook: s.origin.Hook, Index: 4294967295}
	s.sign("val", "val", far)
	s.latest("val", "4294967295")
	s.expect("val", attestation.Behind, "checkpoint_2_with_id.json: not there")
}

func TestACheckpointThatIsNotOfThisValidatorOriginAndTreeIsNone(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*scene, attestation.Checkpoint){
		"is signed by": func(s *scene, c attestation.Checkpoint) { s.sign("val", "other", c) },
		"is of domain 5, the origin is 43113": func(s *scene, c attestation.Checkpoint) {
			c.Domain = 5
			s.sign("val", "val", c)
		},
		"is of the hook": func(s *scene, c attestation.Checkpoint) {
			c.Hook = common.Address{9}
			s.sign("val", "val", c)
		},
		"has the root": func(s *scene, c attestation.Checkpoint) {
			c.Root[0]++
			s.sign("val", "val", c)
		},
		"is of index 1": func(s *scene, c attestation.Checkpoint) { // the right object of another index
			s.buckets.Put("val/checkpoint_2_with_id.json", s.buckets.Objects()["val/checkpoint_1_with_id.json"])
		},
		"no JSON object": func(s *scene, _ attestation.Checkpoint) {
			s.buckets.Put("val/checkpoint_2_with_id.json", []byte("gone"))
		},
		"more than 51200 bytes": func(s *scene, _ attestation.Checkpoint) {
			s.buckets.Put("val/checkpoint_2_with_id.json", make([]byte, 1<<20))
		},
		"not there":       func(s *scene, _ attestation.Checkpoint) { s.buckets.Put("val/checkpoint_2_with_id.json", nil) },
		"no whole number": func(s *scene, _ attestation.Checkpoint) { s.latest("val", `"2"`) },
		"the contracts take 27 and 28": func(s *scene, c attestation.Checkpoint) {
			signed, _ := attestationtest.NamedSigner("val").Checkpoint(context.Background(), c)
			signed.Signature[64] -= 27
			s.buckets.Put("val/checkpoint_2_with_id.json", attestationtest.EncodeCheckpoint(signed))
		},
	} {
		s := newScene(t, 3)
		s.work("val", 2)
		s.expect("val", attestation.Live, "")
		change(s, s.signed[2])
		s.expect("val", attestation.Behind, reason)
	}
}

func TestTheLastMessageIsComparedWhereItIsKnown(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2)
	s.work("val", 1)
	other := s.signed[1]
	other.MessageID[0]++
	s.sign("val", "val", other)
	tip := s.tip()
	judge := func() attestation.Standing {
		return s.reader.Judge(context.Background(), []attestation.Question{s.question("val")}, func(context.Context, attestation.Origin) (attestation.Tip, error) { return tip, nil })[0]
	}
	check(t, "message not known", judge(), attestation.Live, "")
	tip.MessageID = s.signed[1].MessageID
	check(t, "message known", judge(), attestation.Behind, "is of the message")
	s.sign("val", "val", s.signed[1])
	check(t, "the right message", judge(), attestation.Live, "")
}

func TestBeforeTheFirstMessageAnAnnouncementThatRecoversIsUnproven(t *testing.T) {
	t.Parallel()
	s := newScene(t, 0)
	s.announce("val")
	s.expect("val", attestation.Unproven, "no message of the origin is old enough")
	sign := func(change func(*attestation.SignedAnnouncement), signer, at string, origin attestation.Origin) {
		a, err := attestationtest.NamedSigner(signer).Announcement(context.Background(), origin, at)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&a)
		}
		s.buckets.Put("val/announcement.json", attestationtest.EncodeAnnouncement(a))
	}
	elsewhere, replayed := s.origin, s.origin
	elsewhere.Domain, replayed.Mailbox = 5, common.Address{9}
	sign(nil, "val", location("val"), elsewhere)
	s.expect("val", attestation.Behind, "is of domain 5")
	sign(nil, "val", location("val"), replayed)
	s.expect("val", attestation.Behind, "is of the mailbox")
	sign(nil, "val", location("other"), s.origin)
	s.expect("val", attestation.Behind, "s3://other/us-east-1")
	sign(nil, "other", location("val"), s.origin)
	s.expect("val", attestation.Behind, "is of the validator")
	sign(func(a *attestation.SignedAnnouncement) { a.Validator = attestationtest.NamedSigner("val").Address }, "other", location("val"), s.origin)
	s.expect("val", attestation.Behind, "is signed by")
	s.buckets.Put("val/announcement.json", nil)
	s.expect("val", attestation.Unreachable, "not there, or not public")
}

func TestAValidatorThatHasNotSignedIsToldFromAStorageThatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newScene(t, 4)
	s.expect("val", attestation.Unreachable, "nor is any checkpoint")
	s.announce("val")
	s.expect("val", attestation.Behind, "signed nothing yet, and the hook has 4")
	if got := s.judge(s.question("val")); got.Lag != 4 || got.Indexed {
		t.Errorf("%+v", got)
	}
}

func TestWhoHasNotAnnouncedTheDeclaredLocationIsUnannounced(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.work("val", 0)
	q := s.question("val")
	q.Expected = location("val")
	check(t, "as declared", s.judge(q), attestation.Live, "")
	q.Expected = "s3://old/us-east-1" // announced once, and not the last
	check(t, "declared otherwise", s.judge(q), attestation.Unannounced, "and not")
	q.Locations, q.Expected = nil, ""
	check(t, "nothing announced", s.judge(q), attestation.Unannounced, "no location")
}

func TestALocationOutsideTheGrammarIsNotAskedAnything(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	r := served(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }), attestation.Options{})
	q := attestation.Question{Locations: []string{"s3+http://169.254.169.254/latest\x1b[2J"}}
	got := r.Judge(context.Background(), []attestation.Question{q}, func(context.Context, attestation.Origin) (attestation.Tip, error) {
		return attestation.Tip{Count: 1}, nil
	})[0]
	check(t, "metadata service", got, attestation.Unreachable, `scheme is none of`)
	if requests.Load() != 0 || strings.Contains(got.Reason, "\x1b") || got.Location != "" {
		t.Errorf("%d requests, %+v", requests.Load(), got)
	}
}

func TestAReorgFlagIsNeverLookedPast(t *testing.T) {
	t.Parallel()
	for _, messages := range []int{0, 3} {
		for _, flag := range []string{"", "{}", "whatever", long("x", 60<<10)} {
			s := newScene(t, messages)
			s.announce("val")
			if messages > 0 {
				s.work("val", messages-1)
			}
			s.buckets.Put("val/reorg_flag.json", []byte(flag))
			s.expect("val", attestation.Behind, "reorg flag")
		}
	}
}

func TestAFlagThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	t.Parallel()
	s := newScene(t, 1)
	s.work("val", 0)
	s.reader = served(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if strings.HasSuffix(request.URL.Path, "reorg_flag.json") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		s.buckets.ServeHTTP(w, request)
	}), attestation.Options{})
	s.expect("val", attestation.Unreachable, "HTTP status 500")
}

func TestTheTipIsReadOncePerOriginAndAfterEveryCheckpoint(t *testing.T) {
	t.Parallel()
	s := newScene(t, 3)
	var questions []attestation.Question
	for i := range 12 {
		name := fmt.Sprintf("val-%d", i)
		s.work(name, 2)
		q := s.question(name)
		if i%3 == 0 { // of an origin whose tip cannot be read
			q.Origin.Domain = 1
		}
		questions = append(questions, q)
	}
	var checkpoints, early, most, now, tips atomic.Int64
	s.reader = served(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		if strings.HasSuffix(request.URL.Path, "_with_id.json") {
			checkpoints.Add(1)
		}
		s.buckets.ServeHTTP(w, request)
	}), attestation.Options{Parallel: 3})
	got := s.reader.Judge(context.Background(), questions, func(_ context.Context, o attestation.Origin) (attestation.Tip, error) {
		tips.Add(1)
		if checkpoints.Load() != 12 {
			early.Add(1)
		}
		if o.Domain == 1 {
			return attestation.Tip{}, errors.New("endpoint is down")
		}
		return s.tip(), nil
	})
	if tips.Load() != 2 || early.Load() != 0 || most.Load() > 3 {
		t.Errorf("%d tips, %d of them early, %d requests at once", tips.Load(), early.Load(), most.Load())
	}
	for i, standing := range got {
		if unread := i%3 == 0; unread != (standing.Err != nil) || unread != (standing.State == attestation.Unreachable) || standing.Index != 2 {
			t.Errorf("%d: %+v", i, standing)
		}
	}
}

// TestNobodyIsLiveWithoutHavingSignedTheTipOrNearIt tries every combination of
// what a storage can say with what the chain says.
func TestNobodyIsLiveWithoutHavingSignedTheTipOrNearIt(t *testing.T) {
	t.Parallel()
	for count := range uint32(5) {
		for claimed := range uint32(6) {
			for signed := range uint32(6) { // it signed indices 0 … signed-1
				for tolerance := range uint32(2) {
					s := newScene(t, int(count))
					s.announce("val")
					for _, c := range s.signed[:min(signed, count)] {
						s.sign("val", "val", c)
					}
					s.latest("val", fmt.Sprint(claimed))
					q := s.question("val")
					q.Tolerance = tolerance
					got := s.judge(q)
					at := min(claimed, max(count, 1)-1)
					proved := count > 0 && signed > at && at+tolerance >= count-1
					if (got.State == attestation.Live) != proved {
						t.Fatalf("count %d, claims %d, signed %d, tolerance %d: %+v", count, claimed, signed, tolerance, got)
					}
				}
			}
		}
	}
}
