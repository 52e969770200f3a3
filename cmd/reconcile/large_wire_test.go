package main

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

// byQuery calls an operation with what stands in a form: the protocol of IAM
// and STS (AWS query).
func byQuery[I, O, P any](do operation[I, O, P]) func(body []byte) (any, error) {
	return func(body []byte) (any, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		var in I
		fillIn(reflect.ValueOf(&in).Elem(), form.Get)
		return do(aside(), &in)
	}
}

// byPath calls an operation of S3 with what stands in the address.
func byPath[I, O, P any](do operation[I, O, P]) func(r *http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var in I
		bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		query := r.URL.Query()
		fillIn(reflect.ValueOf(&in).Elem(), func(name string) string {
			switch name {
			case "Bucket":
				return bucket
			case "ExpectedBucketOwner":
				return r.Header.Get("X-Amz-Expected-Bucket-Owner")
			case "MaxBuckets":
				return query.Get("max-buckets")
			case "ContinuationToken":
				return query.Get("continuation-token")
			}
			return ""
		})
		return do(aside(), &in)
	}
}

// fillIn sets the texts and numbers of a request.
func fillIn(in reflect.Value, value func(name string) string) {
	for i := range in.NumField() {
		text := ""
		if field := in.Type().Field(i); field.IsExported() {
			text = value(field.Name)
		}
		if text == "" {
			continue
		}
		switch p := in.Field(i).Addr().Interface().(type) {
		case **string:
			*p = &text
		case **int32:
			n, _ := strconv.ParseInt(text, 10, 32)
			small := int32(n)
			*p = &small
		}
	}
}

// inXML writes what the SDK's structs hold as AWS does. List elements are called
// member, where S3 gives them no other name.
func inXML(b *strings.Builder, name string, v reflect.Value, element func(list string) string) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	at, isTime := v.Interface().(time.Time)
	switch {
	case isTime:
		fmt.Fprintf(b, "<%s>%s</%s>", name, at.UTC().Format(time.RFC3339), name)
	case v.Kind() == reflect.Struct:
		fmt.Fprintf(b, "<%s>", name)
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Name != "ResultMetadata" {
				inXML(b, field.Name, v.Field(i), element)
			}
		}
		fmt.Fprintf(b, "</%s>", name)
	case v.Kind() == reflect.Slice:
		inner := element(name)
		if inner != "" {
			fmt.Fprintf(b, "<%s>", name)
		}
		for i := range v.Len() {
			inXML(b, cmp.Or(inner, strings.TrimSuffix(name, "s")), v.Index(i), element)
		}
		if inner != "" {
			fmt.Fprintf(b, "</%s>", name)
		}
	case v.Kind() == reflect.String && v.Len() == 0:
	default:
		fmt.Fprintf(b, "<%s>", name)
		_ = xml.EscapeText(b, fmt.Append(nil, v.Interface()))
		fmt.Fprintf(b, "</%s>", name)
	}
}

// member is how IAM calls the elements of all lists.
func member(string) string { return "member" }

// ofBuckets is how S3 calls the elements of the lists that plans read; rules
// stand in no list of their own.
func ofBuckets(list string) string {
	return map[string]string{"Buckets": "Bucket", "TagSet": "Tag"}[list]
}

// iamReply wraps the result of an operation of IAM.
func iamReply(name string, out any) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<%sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">`, name)
	inXML(&b, name+"Result", reflect.ValueOf(out), member)
	fmt.Fprintf(&b, "</%sResponse>", name)
	return b.String()
}

// bucketReply is the result of an operation of S3: the policy is plain text, all
// else is one element.
func bucketReply(name string, out any) string {
	v := reflect.ValueOf(out).Elem()
	if policy := v.FieldByName("Policy"); policy.IsValid() {
		return policy.Elem().String()
	}
	var b strings.Builder
	switch name {
	case "GetPublicAccessBlock":
		inXML(&b, "PublicAccessBlockConfiguration", v.FieldByName("PublicAccessBlockConfiguration"), ofBuckets)
	case "GetBucketOwnershipControls":
		inXML(&b, "OwnershipControls", v.FieldByName("OwnershipControls"), ofBuckets)
	case "GetBucketEncryption":
		inXML(&b, "ServerSideEncryptionConfiguration", v.FieldByName("ServerSideEncryptionConfiguration"), ofBuckets)
	case "GetBucketTagging":
		inXML(&b, "Tagging", v, ofBuckets)
	case "GetBucketVersioning":
		inXML(&b, "VersioningConfiguration", v, ofBuckets)
	default:
		inXML(&b, name+"Result", v, ofBuckets)
	}
	return b.String()
}

// refusalInXML answers with an error of AWS's as IAM and S3 do.
func refusalInXML(w http.ResponseWriter, wrap string, err error) {
	code, message := "InternalError", err.Error()
	if refused := smithy.APIError(nil); errors.As(err, &refused) {
		code, message = refused.ErrorCode(), refused.ErrorMessage()
	}
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message))
	status := http.StatusBadRequest
	if strings.HasPrefix(code, "NoSuch") || code == "NotFound" {
		status = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	body := "<Error><Code>" + code + "</Code><Message>" + text.String() + "</Message></Error>"
	if wrap != "" {
		body = "<" + wrap + ">" + body + "</" + wrap + ">"
	}
	fmt.Fprint(w, body)
}

// bucketOperation names what a plan asks of S3; another question has no name.
func bucketOperation(r *http.Request) string {
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/":
		return "ListBuckets"
	case r.Method == http.MethodHead:
		return "HeadBucket"
	}
	for part, name := range map[string]string{
		"tagging": "BucketTagging", "policy": "BucketPolicy", "publicAccessBlock": "PublicAccessBlock",
		"ownershipControls": "BucketOwnershipControls", "versioning": "BucketVersioning", "encryption": "BucketEncryption",
	} {
		if r.URL.Query().Has(part) && r.Method == http.MethodGet {
			return "Get" + name
		}
	}
	return r.Method + " " + r.URL.String()
}
