package config

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Evaluation of CUE can take any time and memory, and a plan is made of what a
// stranger wrote. So it may be done elsewhere: a request holds the bytes of all
// files that count, and an answer the environment or its faults. Who evaluates
// needs no file, no network and no secret, and can be limited and killed.

// Bounds on a request: the environments that one is compared with, and the bytes
// of all their files.
const (
	maxEnvironments = 64
	maxRequestBytes = 32 << 20
)

// request is what Evaluate needs.
type request struct {
	Name    string          `json:"name"`
	Overlay *requestOverlay `json:"overlay,omitempty"`
	// Files is a zip archive of them, which reads like the folder itself.
	Files []byte `json:"files"`
}

// requestOverlay carries what an overlay's own JSON does not.
type requestOverlay struct {
	Overlay *Overlay `json:"overlay"`
	Name    string   `json:"name"`
	Digest  string   `json:"digest"`
}

// answer is what came of it: an environment, faults of files, or another error.
type answer struct {
	Environment *Environment    `json:"environment,omitempty"`
	Store       resource.Source `json:"store"`
	Faults      Errors          `json:"faults,omitempty"`
	Error       string          `json:"error,omitempty"`
}

// environment evaluates one environment and compares it with its neighbours,
// where o says.
func (from opened) environment(o Options) (*Environment, error) {
	if o.Evaluate == nil {
		return evaluated(from.tree, o.Name, o.Overlay)
	}
	asked, err := newRequest(from.tree, o)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	if data, err = o.Evaluate(data); err != nil {
		return nil, fmt.Errorf("%s/%s: evaluate: %w", Folder, o.Name, err)
	}
	return readAnswer(data)
}

func evaluated(tree fs.FS, name string, overlay *Overlay) (*Environment, error) {
	env, _, err := loadOne(tree, name, overlay)
	if err != nil {
		return nil, err
	}
	return env, compare(tree, env)
}

func readAnswer(data []byte) (*Environment, error) {
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("answer of the evaluation: %w", err)
	}
	switch {
	case len(a.Faults) > 0:
		return nil, a.Faults
	case a.Error != "":
		return nil, errors.New(a.Error)
	case a.Environment == nil:
		return nil, errors.New("answer of the evaluation: holds no environment")
	}
	a.Environment.Store.Source = a.Store
	return a.Environment, nil
}

// Evaluate answers a request of Options.Evaluate. It touches nothing but its
// argument.
func Evaluate(data []byte) ([]byte, error) {
	var asked request
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&asked); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	tree, err := zip.NewReader(bytes.NewReader(asked.Files), int64(len(asked.Files)))
	if err != nil {
		return nil, fmt.Errorf("request: files: %w", err)
	}
	var overlay *Overlay
	if o := asked.Overlay; o != nil {
		overlay = o.Overlay
		overlay.Name, overlay.Digest = o.Name, o.Digest
	}
	var a answer
	env, err := evaluated(tree, asked.Name, overlay)
	var faults Errors
	switch {
	case errors.As(err, &faults):
		a.Faults = faults
	case err != nil:
		a.Error = err.Error()
	default:
		a.Environment, a.Store = env, env.Store.Source
	}
	return json.Marshal(a)
}

// newRequest gathers the files of the environment and of those that it is
// compared with. What cannot be read of the environment itself is an error, as it
// is without a request; a neighbour that cannot be read has faults of its own, and
// goes along as one that cannot be evaluated either.
func newRequest(tree fs.FS, o Options) (request, error) {
	asked := request{Name: o.Name}
	// Of an overlay only its deployment takes part: without one, the request is that of
	// the files alone.
	if o.Overlay != nil && len(o.Overlay.Deployment) > 0 {
		asked.Overlay = &requestOverlay{Overlay: o.Overlay, Name: o.Overlay.Name, Digest: o.Overlay.Digest}
	}
	files, err := readFolder(tree, o.Name)
	if err != nil {
		return request{}, err
	}
	names, err := listFolder(tree)
	if err != nil {
		return request{}, err
	}
	if len(names) > maxEnvironments {
		return request{}, fmt.Errorf("%s: holds %d environments, may hold %d", Folder, len(names), maxEnvironments)
	}
	for _, name := range names {
		if name == o.Name {
			continue
		}
		others, err := readFolder(tree, name)
		if err != nil {
			others = []file{{path: path.Join(Folder, name, "unreadable.cue"), data: []byte("this folder cannot be read")}}
		}
		files = append(files, others...)
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	files = slices.CompactFunc(files, func(a, b file) bool { return a.path == b.path })
	total := 0
	for _, f := range files {
		total += len(f.data)
	}
	if total > maxRequestBytes {
		return request{}, fmt.Errorf("%s: all environments together have %d bytes, may have %d", Folder, total, maxRequestBytes)
	}
	asked.Files, err = archive(files)
	return asked, err
}

func archive(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.path, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
