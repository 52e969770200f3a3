// Package fetched finds what `make setup` fetched into .cache: emulators and
// contract code that tests and the sandbox need and the shipped binary does not.
package fetched

import (
	"fmt"
	"os"
	"path/filepath"
)

// MissingError says that something was not fetched yet.
type MissingError struct{ What string }

// Error names it and the command that fetches it.
func (e *MissingError) Error() string { return e.What + " is missing: run make setup" }

// Path finds a file below the .cache of the checkout that holds the working
// directory, or else the running program (bin/ lies in the checkout). what
// names it in the error, which is a *MissingError.
func Path(what string, parts ...string) (string, error) {
	var from []string
	if here, err := os.Getwd(); err == nil {
		from = append(from, here)
	}
	if program, err := os.Executable(); err == nil {
		from = append(from, filepath.Dir(program))
	}
	for _, start := range from {
		if path, err := Below(start, what, parts...); err == nil {
			return path, nil
		}
	}
	return "", &MissingError{What: what}
}

// Below is Path that looks from one folder only: upwards to the one that holds
// go.mod, and there below .cache.
func Below(folder, what string, parts ...string) (string, error) {
	here, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	for {
		if _, err := os.Stat(filepath.Join(here, "go.mod")); err == nil {
			path := filepath.Join(append([]string{here, ".cache"}, parts...)...)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
			return "", &MissingError{What: what}
		}
		up := filepath.Dir(here)
		if up == here {
			return "", &MissingError{What: what}
		}
		here = up
	}
}
