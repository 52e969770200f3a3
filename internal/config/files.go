package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/resource"
)

// Folder is where environments live below a repository's root.
const Folder = "environments"

// Bounds on what is read from a revision that nobody reviewed yet. An
// environment of 150 networks and 1,050 keys is about 100 kB.
const (
	maxFiles     = 256
	maxFileBytes = 1 << 20
	maxBytes     = 8 << 20
)

// The files of an environment's folder that are not CUE and that we know.
const (
	addressesFile = "addresses.json"
	approversFile = "approvers"
	revokedFile   = "revoked"
)

// deploymentsFolder holds the deployments of an environment, <id>.json each.
const deploymentsFolder = "deployments"

// file is one file of an environment, its path relative to the root.
type file struct {
	path string
	data []byte
}

// readFolder reads all that counts for one environment. Of environments/<name>: the
// CUE files, addresses.json, approvers, revoked and deployments/*.json. After them
// what all environments share: environments/people.cue and policy/*.cue. Other
// files and folders are not looked at.
func readFolder(tree fs.FS, name string) ([]file, error) {
	if !validName(name) {
		return nil, Errors{{Pos: resource.Source{File: Folder}, Msg: fmt.Sprintf("%q is not a name of an environment", name)}}
	}
	folder := path.Join(Folder, name)
	here := resource.Source{File: folder}
	if info, err := fs.Lstat(tree, folder); err == nil && !info.IsDir() {
		return nil, Errors{{Pos: here, Msg: "not a folder (links are not followed)"}}
	}
	entries, err := fs.ReadDir(tree, folder)
	if errors.Is(err, fs.ErrNotExist) {
		known, _ := listFolder(tree)
		return nil, Errors{{Pos: here, Msg: "no such environment", Hint: meant(name, known)}}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: read: %w", folder, err)
	}
	r := folderReader{tree: tree, here: here}
	if err := r.take(folder, entries, counts); err != nil {
		return nil, err
	}
	if err := r.deployments(folder, entries); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(r.files, func(f file) bool { return strings.HasSuffix(f.path, ".cue") }) {
		r.add(here, "", "", "holds no .cue file")
	}
	if err := r.shared(); err != nil {
		return nil, err
	}
	return r.files, r.err()
}

// folderReader reads the files of one environment within their bounds.
type folderReader struct {
	faults
	tree  fs.FS
	here  resource.Source
	files []file
	total int
}

// take reads the files of one folder that are wanted.
func (r *folderReader) take(folder string, entries []fs.DirEntry, wanted func(name string) bool) error {
	for _, entry := range entries {
		if !wanted(entry.Name()) || entry.IsDir() {
			continue
		}
		at := resource.Source{File: path.Join(folder, entry.Name())}
		if !entry.Type().IsRegular() {
			r.add(at, "", "", "not a regular file (links are not followed)")
			continue
		}
		// An archive, which is what another process is handed, would read another path.
		if strings.Contains(entry.Name(), `\`) {
			r.add(at, "", "rename it", "has a backslash in its name")
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("%s: read: %w", at.File, err)
		}
		r.total += int(min(info.Size(), maxBytes+1))
		switch {
		case info.Size() > maxFileBytes:
			r.add(at, "", "split it", "has %d bytes, may have %d", info.Size(), maxFileBytes)
			continue
		case len(r.files) == maxFiles || r.total > maxBytes:
			r.add(r.here, "", "", "has more than %d files or %d bytes", maxFiles, maxBytes)
			return r.err()
		}
		data, err := fs.ReadFile(r.tree, at.File)
		if err != nil {
			return fmt.Errorf("%s: read: %w", at.File, err)
		}
		r.files = append(r.files, file{path: at.File, data: data})
	}
	return nil
}

// deployments reads deployments/*.json of the folder, where it has such a folder.
func (r *folderReader) deployments(folder string, entries []fs.DirEntry) error {
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == deploymentsFolder })
	if i < 0 {
		return nil
	}
	below := path.Join(folder, deploymentsFolder)
	if !entries[i].IsDir() {
		r.add(resource.Source{File: below}, "", "", "not a folder (links are not followed)")
		return nil
	}
	inside, err := fs.ReadDir(r.tree, below)
	if err != nil {
		return fmt.Errorf("%s: read: %w", below, err)
	}
	return r.take(below, inside, func(name string) bool {
		return strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_")
	})
}

// own tells the files of an environment's folder itself from those of
// deployments/ and from what all environments share.
func own(name string) bool {
	return strings.HasPrefix(name, Folder+"/") && strings.Count(name, "/") == 2
}

// counts tells the files that belong to an environment from notes beside it.
func counts(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return false
	}
	return strings.HasSuffix(name, ".cue") || slices.Contains([]string{addressesFile, approversFile, revokedFile}, name)
}

// listFolder lists the environments: folders that hold a CUE file.
func listFolder(tree fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(tree, Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: read: %w", Folder, err)
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() || !validName(entry.Name()) {
			continue
		}
		inside, err := fs.ReadDir(tree, path.Join(Folder, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("%s: read: %w", path.Join(Folder, entry.Name()), err)
		}
		if slices.ContainsFunc(inside, func(e fs.DirEntry) bool { return counts(e.Name()) && strings.HasSuffix(e.Name(), ".cue") }) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// validName is #Name of the schema, which a folder must satisfy before it is
// opened: no dots, no slashes.
func validName(name string) bool {
	if name == "" || len(name) > 40 || name[0] < 'a' || name[0] > 'z' || strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// find gives the bytes of environments/<name>/<base>, nil when absent.
func find(files []file, base string) *file {
	for i := range files {
		if path.Base(files[i].path) == base && own(files[i].path) {
			return &files[i]
		}
	}
	return nil
}

// digest of an environment's files: sha256 over each path, length and bytes.
func digest(files []file) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%d\x00", f.path, len(f.data))
		h.Write(f.data)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
