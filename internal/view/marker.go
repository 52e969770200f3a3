package view

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Marker is what the first line of a comment says to machines: one environment's
// plan, so that a bot finds its own comment again and knows whether it is of the
// same plan. It proves nothing: anybody may write a comment.
type Marker struct {
	Environment string `json:"env"`
	// Plan and Changes are the plan's two digests, Spec is its commit.
	Plan    string `json:"plan"`
	Changes string `json:"changes"`
	Spec    string `json:"spec"`
	// Truncated says that details were left out.
	Truncated bool `json:"truncated"`
}

// The marker's frame, and bounds on what ParseMarker looks at.
const (
	markerOpen       = "<!-- reconcile:v1 "
	markerClose      = " -->"
	longestMarker    = 32 << 10
	mostEnvironments = 50
)

// ParseMarker reads the marker of a comment's body, one for each environment. It
// takes only what Comment writes, byte for byte: everything else, a marker that is
// not the first line among it, is none.
func ParseMarker(body string) ([]Marker, bool) {
	line, _, _ := strings.Cut(body[:min(len(body), longestMarker)], "\n")
	// A forge may send bodies back with the line ends of its forms.
	line = strings.TrimSuffix(line, "\r")
	data, framed := strings.CutPrefix(line, markerOpen)
	data, closed := strings.CutSuffix(data, markerClose)
	if !framed || !closed {
		return nil, false
	}
	var markers []Marker
	if !strings.HasPrefix(data, "[") {
		data = "[" + data + "]"
	}
	if err := json.Unmarshal([]byte(data), &markers); err != nil || len(markers) == 0 || len(markers) > mostEnvironments {
		return nil, false
	}
	for _, m := range markers {
		if m.Environment == "" || !isDigest(m.Plan) || !isDigest(m.Changes) {
			return nil, false
		}
	}
	return markers, markerLine(markers) == line
}

// markerLine is the first line of a comment, without its end.
func markerLine(markers []Marker) string {
	for i := range markers {
		m := &markers[i]
		m.Environment, m.Plan, m.Changes, m.Spec = cut(m.Environment, longestName), cut(m.Plan, longestName), cut(m.Changes, longestName), cut(m.Spec, longestName)
	}
	var value any = markers
	if len(markers) == 1 {
		value = markers[0]
	}
	data, err := json.Marshal(value)
	if err != nil {
		data = []byte("[]")
	}
	// json.Marshal escapes < and >; two hyphens would still end the comment.
	safe := bytes.ReplaceAll(ascii(data), []byte("--"), []byte(`-\u002d`))
	return markerOpen + string(safe) + markerClose
}

// isDigest reports whether a text is sha256: and 64 hex digits.
func isDigest(s string) bool {
	const digits = 64
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == digits && strings.Trim(hex, "0123456789abcdef") == ""
}
