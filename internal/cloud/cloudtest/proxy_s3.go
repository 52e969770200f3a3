package cloudtest

import (
	"fmt"
	"net/http"
	"strings"
)

// ofS3 reports a request that is signed for S3.
func ofS3(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request")
}

// subresources are the parts of a bucket's configuration, by the parameter that
// names them in a request.
func subresources() map[string]string {
	return map[string]string{
		"acl": "BucketAcl", "encryption": "BucketEncryption", "ownershipControls": "BucketOwnershipControls",
		"policy": "BucketPolicy", "publicAccessBlock": "PublicAccessBlock", "tagging": "BucketTagging", "versioning": "BucketVersioning",
	}
}

// bucketOperation names what is asked of a bucket or of the list of buckets;
// empty for objects and for anything else.
func bucketOperation(r *http.Request) string {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !ofS3(r) || key != "" {
		return ""
	}
	verb := map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[r.Method]
	query := r.URL.Query()
	for parameter, part := range subresources() {
		if query.Has(parameter) && verb != "" {
			return "s3." + verb + part
		}
	}
	switch {
	case bucket == "" && verb == "Get":
		return "s3.ListBuckets"
	case r.Method == http.MethodHead:
		return "s3.HeadBucket"
	case verb == "Put":
		return "s3.CreateBucket"
	case verb == "Delete":
		return "s3.DeleteBucket"
	default:
		return ""
	}
}

// refuseS3 answers in S3's own form: XML, 403 or 503.
func refuseS3(w http.ResponseWriter, fault Fault) {
	code, status := "SlowDown", http.StatusServiceUnavailable
	switch fault {
	case Denied:
		code, status = "AccessDenied", http.StatusForbidden
	case Expired:
		code, status = "ExpiredToken", http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>by the proxy</Message></Error>", code)
}
