package attestation_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
)

// BenchmarkJudge judges three validators on each of 8, 50 and 150 origins, all of
// whom have signed the last message, over HTTP from a storage in memory.
func BenchmarkJudge(b *testing.B) {
	for _, origins := range []int{8, 50, 150} {
		b.Run(fmt.Sprintf("validators=%d", 3*origins), func(b *testing.B) {
			var buckets attestationtest.Buckets
			r := served(b, &buckets, attestation.Options{})
			questions, tips := publish(b, &buckets, origins)
			read := func(_ context.Context, o attestation.Origin) (attestation.Tip, error) { return tips[o.Domain], nil }
			b.ReportAllocs()
			for b.Loop() {
				for i, s := range r.Judge(b.Context(), questions, read) {
					if s.State != attestation.Live {
						b.Fatalf("%s is %s: %s", questions[i].Validator, s.State, s.Reason)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(questions)), "µs/validator")
		})
	}
}

// publish lets three validators of each origin sign one message.
func publish(tb testing.TB, buckets *attestationtest.Buckets, origins int) ([]attestation.Question, map[uint32]attestation.Tip) {
	tb.Helper()
	var questions []attestation.Question
	tips := map[uint32]attestation.Tip{}
	for i := range origins {
		origin := attestation.Origin{Domain: uint32(i) + 1, Hook: common.Address{1}, Mailbox: common.Address{2}}
		tips[origin.Domain] = attestation.Tip{Count: 1, Root: common.Hash{byte(i)}}
		for v := range 3 {
			signer := attestationtest.NamedSigner(fmt.Sprint(origin.Domain, " ", v))
			signed, err := signer.Checkpoint(tb.Context(), attestation.Checkpoint{Hook: origin.Hook, Domain: origin.Domain, Root: tips[origin.Domain].Root})
			if err != nil {
				tb.Fatal(err)
			}
			location := attestation.Location{Storage: attestation.S3, Bucket: fmt.Sprintf("validator-%d-%d", origin.Domain, v), Region: "us-west-2"}
			objects := location.Objects()
			buckets.Put(location.Bucket+"/"+objects.Latest, []byte("0"))
			buckets.Put(location.Bucket+"/"+objects.Checkpoint(0), attestationtest.EncodeCheckpoint(signed))
			questions = append(questions, attestation.Question{Origin: origin, Validator: signer.Address, Locations: []string{location.String()}})
		}
	}
	return questions, tips
}
