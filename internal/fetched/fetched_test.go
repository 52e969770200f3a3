package fetched_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/fetched"
)

func TestWhatWasFetchedIsFoundFromAnyFolderOfTheCheckout(t *testing.T) {
	t.Parallel()
	checkout := t.TempDir()
	deep := filepath.Join(checkout, "internal", "kind")
	for _, folder := range []string{deep, filepath.Join(checkout, ".cache", "venv")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", ".cache/venv/python"} {
		if err := os.WriteFile(filepath.Join(checkout, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := fetched.Below(deep, "moto", "venv", "python")
	if want := filepath.Join(checkout, ".cache", "venv", "python"); err != nil || got != want {
		t.Errorf("have %q, %v; want %q", got, err, want)
	}
	for name, folder := range map[string]string{"in the checkout": deep, "outside of any": t.TempDir()} {
		_, err := fetched.Below(folder, "anvil", "npm", "anvil")
		if err == nil || err.Error() != "anvil is missing: run make setup" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
