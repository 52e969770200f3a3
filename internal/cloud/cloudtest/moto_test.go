package cloudtest

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

func TestTheEmulatorStartsResetsAndEnds(t *testing.T) {
	t.Parallel()
	m, err := StartMoto(MotoOptions{Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reset(); err != nil {
		t.Fatal(err)
	}
	folder := m.folder
	m.Close()
	m.Close()
	if _, err := http.Get(m.Endpoint()); err == nil {
		t.Error("it still answers after Close")
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Error("its folder is left behind")
	}
}

func TestTheEmulatorEndsWithItsStandardInput(t *testing.T) {
	t.Parallel()
	m, err := StartMoto(MotoOptions{Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	// The pipe closes by itself when the parent dies, however it dies.
	m.stdin.Close()
	if _, err := m.command.Process.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestAMissingEmulatorSaysSoInOneLine(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{empty, "/"} {
		_, err := StartMoto(MotoOptions{Account: "111122223333", Root: root})
		if err == nil || err.Error() != "moto is missing: run make setup" {
			t.Errorf("root %s: got %v", root, err)
		}
	}
}

func TestAnEmulatorThatCannotListenReportsWhy(t *testing.T) {
	t.Parallel()
	first, err := StartMoto(MotoOptions{Account: "111122223333"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := StartMoto(MotoOptions{Account: "111122223333", Port: first.port})
	if err == nil {
		second.Close()
		t.Fatal("two emulators on one port")
	}
}
