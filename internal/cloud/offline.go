package cloud

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ErrOffline is what every call of an offline session ends with.
var ErrOffline = errors.New("aws: this session asks nobody anything")

// Offline is a session that reaches nothing and has no credentials: for what is
// computed of an environment alone. Its identity is the account as declared.
func Offline(account, region string) *Session {
	o := withDefaults(Options{Account: account, Region: region, Unlimited: true})
	return &Session{
		options: o, meter: newMeter(), limits: newLimits(o), clients: map[string]any{}, identity: Identity{Account: account},
		base: aws.Config{
			Region: region, HTTPClient: nobody{}, Credentials: aws.AnonymousCredentials{},
			Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		},
	}
}

type nobody struct{}

// Do sends nothing.
func (nobody) Do(*http.Request) (*http.Response, error) { return nil, ErrOffline }
