package attestation_test

import (
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/attestation"
)

func TestAnnouncedLocationsAreReadAndWrittenBackToTheLetter(t *testing.T) {
	t.Parallel()
	rules := attestation.Rules{FileRoot: "/srv/check points"}
	for text, want := range map[string]attestation.Location{
		"s3://hyperlane-testnet3-goerli-validator-0/us-east-1": {Storage: attestation.S3, Bucket: "hyperlane-testnet3-goerli-validator-0", Region: "us-east-1"},
		"s3://abc/eu-west-1/sepolia/v0":                        {Storage: attestation.S3, Bucket: "abc", Region: "eu-west-1", Folder: "sepolia/v0"},
		"s3://a.b.c/eu-west-1/..a":                             {Storage: attestation.S3, Bucket: "a.b.c", Region: "eu-west-1", Folder: "..a"},
		"gs://some_bucket/gcsAnnouncementKey":                  {Storage: attestation.GCS, Bucket: "some_bucket"},
		"gs://some-bucket/sepolia/gcsAnnouncementKey":          {Storage: attestation.GCS, Bucket: "some-bucket", Folder: "sepolia"},
		"file:///srv/check points/validator-0":                 {Storage: attestation.File, Path: "/srv/check points/validator-0"},
	} {
		got, err := attestation.ParseLocation(text, rules)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v: want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("%q is written back as %q", text, got)
		}
	}
}

func TestOddLocationsAreRefusedWithWhatIsOdd(t *testing.T) {
	t.Parallel()
	rules := attestation.Rules{FileRoot: "/srv/points"}
	for text, want := range map[string]string{
		"":                                          "no scheme",
		"bucket/us-east-1":                          "no scheme",
		"s3:///bucket/us-east-1":                    "bucket is not a name", // a known fault of Hyperlane's own SDK
		"s3://bucket":                               "no region",
		"s3://bucket/":                              "region is not known",
		"s3://bucket/us-east-9":                     "region is not known",
		"s3://bucket/cn-north-1":                    "region is not known",
		"s3://bucket/us-east-1.evil.example":        "region is not known",
		"s3://bucket/us-east-1/":                    "empty part",
		"s3://bucket/us-east-1//a":                  "empty part",
		"s3://bucket/us-east-1/a/../b":              "climbs",
		"s3://bucket/us-east-1/.":                   "climbs",
		"s3://bucket/us-east-1/a b":                 "characters",
		"s3://bucket/us-east-1/a?x=1":               "characters",
		"s3://bucket/us-east-1/a%2f":                "characters",
		"s3://bucket/us-east-1/a#b":                 "characters",
		"s3://Bucket/us-east-1":                     "bucket is not a name",
		"s3://bu/us-east-1":                         "bucket is not a name",
		"s3://127.0.0.1/us-east-1":                  "bucket is not a name",
		"s3://evil.example#/us-east-1":              "bucket is not a name",
		"s3://user@host/us-east-1":                  "bucket is not a name",
		"s3://bucket:80/us-east-1":                  "bucket is not a name",
		"s3://a..b/us-east-1":                       "bucket is not a name",
		"s3+http://127.0.0.1:9000/bucket/x":         "scheme is none of",
		"S3://bucket/us-east-1":                     "scheme is none of",
		"https://bucket.s3.amazonaws.com/":          "scheme is none of",
		"onchain://sepolia/0x00":                    "scheme is none of",
		"gs://bucket":                               "does not end with",
		"gs://bucket/folder":                        "does not end with",
		"gs://bucket/a/b/gcsAnnouncementKey":        "more than one folder",
		"gs://bucket//gcsAnnouncementKey":           "empty part",
		"gs://-bucket/gcsAnnouncementKey":           "bucket is not a name",
		"file:///etc":                               "not below",
		"file:///srv/points":                        "not below",
		"file:///srv/points/":                       "not below",
		"file:///srv/points2/a":                     "not below",
		"file:///srv/points/../../etc":              "climbs",
		"file:///srv/points/a/":                     "empty part",
		"file:///srv//points/a":                     "not below",
		"file://srv/points/a":                       "not below",
		"file://host/srv/points/a":                  "not below",
		"file:///srv/points/a\x00":                  "characters",
		"s3://bucket/us-east-1/" + long("a", 129):   "characters",
		"s3://bucket/us-east-1" + long("/aaa", 200): "821 bytes",
	} {
		got, err := attestation.ParseLocation(text, rules)
		if err == nil || !strings.Contains(err.Error(), want) || got != (attestation.Location{}) {
			t.Errorf("%q: %+v, %v: want an error with %q", text, got, err, want)
		}
	}
	if _, err := attestation.ParseLocation("file:///srv/points/a", attestation.Rules{}); err == nil {
		t.Error("a file is read although no overlay names a folder")
	}
	for _, root := range []string{"points", "/srv/../etc", "/srv/"} {
		if _, err := attestation.ParseLocation("file://"+root+"/a", attestation.Rules{FileRoot: root}); err == nil {
			t.Errorf("a file below the odd root %q is read", root)
		}
	}
}

func long(text string, times int) string { return strings.Repeat(text, times) }

func TestTheCallerSaysWhichRegionsAreKnown(t *testing.T) {
	t.Parallel()
	rules := attestation.Rules{Region: func(name string) bool { return name == "moon-1" }}
	if _, err := attestation.ParseLocation("s3://bucket/moon-1", rules); err != nil {
		t.Error(err)
	}
	if _, err := attestation.ParseLocation("s3://bucket/us-east-1", rules); err == nil {
		t.Error("a region that the caller does not know is taken")
	}
}

func TestAStrangersTextIsQuotedShortAndInASCII(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "\x1b[31m\u202e@everyone\n", long("\x00", 300), long("a", 80), long("a", 81), long("\"", 79)} {
		got := attestation.Quote(text)
		if len(got) > 82 || got[0] != '"' || got[len(got)-1] != '"' {
			t.Errorf("%q has %d characters", got, len(got))
		}
		for _, c := range got {
			if c < ' ' || c > '~' {
				t.Errorf("%q holds %q", got, c)
			}
		}
	}
	if got := attestation.Quote(long("a", 80)); got != `"`+long("a", 80)+`"` {
		t.Errorf("80 characters are cut: %s", got)
	}
}

func FuzzAParsedLocationIsWrittenBackAndPointsNowhereElse(f *testing.F) {
	for _, seed := range []string{"s3://abc/us-east-1/f", "gs://abc/f/gcsAnnouncementKey", "file:///srv/points/a", "s3://abc/us-east-1/../x", "://", "file:///srv/points/.."} {
		f.Add(seed)
	}
	rules := attestation.Rules{FileRoot: "/srv/points"}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := attestation.ParseLocation(text, rules)
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		if got.String() != text {
			t.Errorf("%q is written back as %q", text, got)
		}
		for part := range strings.SplitSeq(got.Bucket+"/"+got.Folder+got.Path, "/") {
			if part == ".." || strings.ContainsAny(part, "@:?#%\\ \t\r\n") {
				t.Errorf("%q has the part %q", text, part)
			}
		}
	})
}
