package cloud_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// caught is an HTTP client that keeps the request and answers nothing.
type caught struct{ request *http.Request }

func (c *caught) Do(r *http.Request) (*http.Response, error) {
	c.request = r
	return nil, errors.New("caught")
}

// net/http looks for the end of a body that was sent already; by then the SDK
// may have closed it. That must be its end, and no error that tears the
// connection down while the answer is read.
func TestABodyThatIsClosedEarlyEndsWithoutAnError(t *testing.T) {
	t.Parallel()
	session, _ := open(t, nil, func(http.ResponseWriter, string, int) {})
	client := &caught{}
	_, err := session.KMS("").DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("key")}, func(o *kms.Options) {
		o.HTTPClient, o.RetryMaxAttempts = client, 1
	})
	if err == nil || client.request == nil {
		t.Fatalf("nothing was caught: %v", err)
	}
	if have := client.request.ContentLength; have != int64(len(`{"KeyId":"key"}`)) {
		t.Errorf("content length %d", have)
	}
	if _, err := io.Copy(io.Discard, client.request.Body); err != nil {
		t.Errorf("the rest of a closed body: %v", err)
	}
}
