package attestationtest

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Storage is where a validator publishes; names are those of
// attestation.Objects, without a folder.
type Storage interface {
	Put(ctx context.Context, name string, data []byte) error
}

// Folder is a storage on this machine.
type Folder string

// Put writes a file at once and whole: who reads meanwhile sees the old one.
func (f Folder) Put(_ context.Context, name string, data []byte) error {
	if err := os.MkdirAll(string(f), 0o755); err != nil {
		return err
	}
	draft, err := os.CreateTemp(string(f), ".draft-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // gone already if all went well
	if _, err := draft.Write(data); err != nil {
		_ = draft.Close()
		return err
	}
	if err := draft.Close(); err != nil {
		return err
	}
	return os.Rename(draft.Name(), filepath.Join(string(f), name))
}

// Buckets are S3-compatible buckets in memory, by path: "bucket/folder/name". It
// serves them as a handler, to anybody and to read only.
type Buckets struct {
	mutex   sync.Mutex
	objects map[string][]byte
}

// Put sets an object by its whole path; nil data takes it away.
func (b *Buckets) Put(path string, data []byte) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.objects == nil {
		b.objects = map[string][]byte{}
	}
	if b.objects[path] = data; data == nil {
		delete(b.objects, path)
	}
}

// Objects is a copy of what there is.
func (b *Buckets) Objects() map[string][]byte {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return maps.Clone(b.objects)
}

// ServeHTTP answers a GET.
func (b *Buckets) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	data, ok := b.Objects()[strings.TrimPrefix(request.URL.Path, "/")]
	if !ok {
		w.WriteHeader(http.StatusForbidden) // as S3 says it to whoever may not list
		return
	}
	_, _ = w.Write(data) // who has gone needs no answer
}

// At is the storage of one validator: everything below "bucket" or
// "bucket/folder".
func (b *Buckets) At(prefix string) Storage { return within{b, prefix} }

type within struct {
	buckets *Buckets
	prefix  string
}

func (w within) Put(_ context.Context, name string, data []byte) error {
	w.buckets.Put(w.prefix+"/"+name, data)
	return nil
}
