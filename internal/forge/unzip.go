package forge

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"regexp"
)

// A file's name in an artifact: one plain word, no folder.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$`)

// Unzip reads a zip file that a stranger may have made, in memory: plain names
// only, no folders, no links, none twice, and never more than the limits, whatever
// the archive says of its own sizes.
func Unzip(data []byte, limits Limits) (map[string][]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("is no zip file: %s", cut(err.Error()))
	}
	if len(archive.File) > limits.Files {
		return nil, fmt.Errorf("holds %d files, at most %d are read", len(archive.File), limits.Files)
	}
	files, left := map[string][]byte{}, limits.Total
	for _, entry := range archive.File {
		switch _, twice := files[entry.Name]; {
		case !nameForm.MatchString(entry.Name) || !entry.Mode().IsRegular():
			return nil, fmt.Errorf("holds %q, which is no plain file", cut(entry.Name))
		case twice:
			return nil, fmt.Errorf("holds %q twice", entry.Name)
		}
		most := min(left, limits.File)
		text, err := readEntry(entry, most)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name, err)
		}
		files[entry.Name] = text
		left -= int64(len(text))
	}
	return files, nil
}

func readEntry(entry *zip.File, most int64) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("does not read: %s", cut(err.Error()))
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("does not read: %s", cut(err.Error()))
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("is longer than %d bytes", most)
	}
	return text, nil
}
