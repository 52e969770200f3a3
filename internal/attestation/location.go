package attestation

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Storage is a sort of place.
type Storage string

// The storages that are read. Others exist (on chain, S3 at an announced host,
// which would let a stranger choose what we connect to) and are refused.
const (
	S3   Storage = "s3"
	GCS  Storage = "gs"
	File Storage = "file"
)

// Location is where a validator publishes, in the form that it announced.
type Location struct {
	Storage Storage
	// Bucket and Region are of S3; Google's has no region.
	Bucket, Region string
	// Folder within the bucket, without slashes at its ends; empty: none.
	Folder string
	// Path of a folder on this machine, absolute and clean.
	Path string
}

// Rules bound the locations that are read.
type Rules struct {
	// Region admits AWS regions; nil is KnownRegion.
	Region func(string) bool
	// FileRoot is the folder below which file:// may point, absolute; empty: no
	// file is read. Only an overlay names one.
	FileRoot string
}

// maxLocation bounds an announced text; a key in S3 has at most 1,024 bytes.
const maxLocation = 512

// Names of buckets: S3 User Guide, "General purpose bucket naming rules";
// Cloud Storage documentation, "Bucket names". A folder's parts are a strict
// selection of what both allow.
var (
	s3Bucket   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	gcsBucket  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$`)
	ipv4       = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}$`)
	folderPart = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
)

// ParseLocation reads an announced location. What it accepts, String writes back
// to the letter; what it refuses is quoted with at most 80 characters.
func ParseLocation(text string, rules Rules) (Location, error) {
	location, err := parseLocation(text, rules)
	if err != nil {
		return Location{}, fmt.Errorf("location %s: %w", Quote(text), err)
	}
	return location, nil
}

func parseLocation(text string, rules Rules) (Location, error) {
	if len(text) > maxLocation {
		return Location{}, fmt.Errorf("it has %d bytes, at most %d are read", len(text), maxLocation)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Location{}, errors.New("it has no scheme such as s3://")
	}
	switch Storage(scheme) {
	case S3:
		return parseS3(rest, rules)
	case GCS:
		return parseGCS(rest)
	case File:
		return parseFile(rest, rules)
	default:
		return Location{}, errors.New("its scheme is none of s3, gs and file")
	}
}

// parseS3 reads bucket/region[/folder…].
func parseS3(rest string, rules Rules) (Location, error) {
	parts := strings.Split(rest, "/")
	if len(parts) < 2 {
		return Location{}, errors.New("it has no region after its bucket")
	}
	known := rules.Region
	if known == nil {
		known = KnownRegion
	}
	switch {
	case !s3Bucket.MatchString(parts[0]) || oddDots(parts[0]):
		return Location{}, errors.New("its bucket is not a name that S3 gives")
	case !known(parts[1]):
		return Location{}, errors.New("its region is not known")
	}
	folder, err := parseFolder(parts[2:])
	return Location{Storage: S3, Bucket: parts[0], Region: parts[1], Folder: folder}, err
}

// gcsLast ends every location in Google's storage: its agents announce the
// object of the announcement itself, and relayers leave that last part out.
const gcsLast = "gcsAnnouncementKey"

// parseGCS reads bucket[/folder]/gcsAnnouncementKey. Relayers take one folder at
// most.
func parseGCS(rest string) (Location, error) {
	parts := strings.Split(rest, "/")
	switch {
	case !gcsBucket.MatchString(parts[0]) || oddDots(parts[0]):
		return Location{}, errors.New("its bucket is not a name that Cloud Storage gives")
	case len(parts) == 1 || parts[len(parts)-1] != gcsLast:
		return Location{}, fmt.Errorf("it does not end with /%s, which agents announce and relayers cut off", gcsLast)
	case len(parts) > 3:
		return Location{}, errors.New("it has more than one folder, which no relayer reads")
	}
	folder, err := parseFolder(parts[1 : len(parts)-1])
	return Location{Storage: GCS, Bucket: parts[0], Folder: folder}, err
}

// oddDots reports dots that would make a name an address or an empty label.
func oddDots(bucket string) bool {
	return strings.Contains(bucket, "..") || strings.Contains(bucket, ".-") || strings.Contains(bucket, "-.") || ipv4.MatchString(bucket)
}

func parseFolder(parts []string) (string, error) {
	for _, part := range parts {
		switch {
		case part == "":
			return "", errors.New("its folder has an empty part: a slash too many")
		case part == "." || part == "..":
			return "", errors.New("its folder climbs")
		case !folderPart.MatchString(part):
			return "", errors.New("its folder has characters other than letters, digits, dot, dash and underscore, or a part above 128")
		}
	}
	return strings.Join(parts, "/"), nil
}

// parseFile reads an absolute path below the root.
func parseFile(path string, rules Rules) (Location, error) {
	root := rules.FileRoot
	if root == "" {
		return Location{}, errors.New("it is a file, and no overlay names a folder for files")
	}
	if !filepath.IsAbs(root) || filepath.Clean(root) != root {
		return Location{}, errors.New("it is a file, and the folder that the overlay names is not absolute and plain")
	}
	below, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/")
	if !ok || below == "" {
		return Location{}, errors.New("it is not below the folder that the overlay names")
	}
	if _, err := parseFolder(strings.Split(below, "/")); err != nil {
		return Location{}, err
	}
	return Location{Storage: File, Path: path}, nil
}

// String is the announced text.
func (l Location) String() string {
	switch l.Storage {
	case S3:
		return "s3://" + joined(l.Bucket, l.Region, l.Folder)
	case GCS:
		return "gs://" + joined(l.Bucket, l.Folder, gcsLast)
	default:
		return string(l.Storage) + "://" + l.Path
	}
}

// joined leaves empty parts out.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "/")
}

// Objects are the names of what a validator publishes, without the folder. Each
// storage of Hyperlane's agents has its own (hyperlane-base, types/s3_storage.rs,
// gcs_storage.rs, local_storage.rs).
type Objects struct {
	Latest, Announcement, Metadata, ReorgFlag string

	checkpoint string
}

// Checkpoint is the name of the signed checkpoint at an index.
func (o Objects) Checkpoint(index uint32) string {
	return o.checkpoint + strconv.FormatUint(uint64(index), 10) + "_with_id.json"
}

// Objects of the location's storage.
func (l Location) Objects() Objects {
	switch l.Storage {
	case GCS:
		return Objects{
			Latest: "gcsLatestIndexKey", Announcement: gcsLast, Metadata: "gcsMetadataKey",
			ReorgFlag: "gcsReorgFlagKey", checkpoint: "checkpoint_",
		}
	case File:
		return Objects{
			Latest: "index.json", Announcement: "announcement.json", Metadata: "metadata_latest.json",
			ReorgFlag: "reorg_flag.json",
		}
	default:
		return Objects{
			Latest: "checkpoint_latest_index.json", Announcement: "announcement.json", Metadata: "metadata_latest.json",
			ReorgFlag: "reorg_flag.json", checkpoint: "checkpoint_",
		}
	}
}

// KnownRegion reports an AWS region of the commercial partition (AWS General
// Reference, "Amazon S3 endpoints and quotas"). Those of China have hosts under
// another name, and no validator is known in the government's.
func KnownRegion(name string) bool {
	return slices.Contains([]string{
		"af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
		"ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
		"ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1",
		"eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1",
		"mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}, name)
}

// Quote escapes a stranger's text for any sink, with at most 80 characters
// between the quotes.
func Quote(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most]
	} else if quoted := strconv.QuoteToASCII(text); len(quoted) <= most+2 {
		return quoted
	}
	quoted := strconv.QuoteToASCII(text)
	quoted = quoted[1 : len(quoted)-1]
	if len(quoted) > most-3 {
		quoted = quoted[:most-3]
	}
	return `"` + quoted + `..."`
}
