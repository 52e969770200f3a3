package contractstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/fetched"
)

// Names of EVM versions, oldest first, as the compiler knows them. PUSH0 comes with
// shanghai, so code for london and paris runs on every chain since 2021.
const (
	London   = "london"
	Paris    = "paris"
	Shanghai = "shanghai"
	Cancun   = "cancun"
)

//go:embed testdata/*.sol
var sources embed.FS

// Doubles are the contracts of testdata, compiled for an EVM version: creation code
// by contract name.
func Doubles(ctx context.Context, version string) (map[string][]byte, error) {
	paths, err := fs.Glob(sources, "testdata/*.sol")
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := sources.ReadFile(path)
		if err != nil {
			return nil, err
		}
		texts[path] = string(text)
	}
	return compile(ctx, texts, version)
}

// Compile compiles Solidity for an EVM version and returns the creation code of
// each contract by its name. What was compiled once is kept in .cache/solc. It is a
// *fetched.MissingError where the set-up has not run.
func Compile(ctx context.Context, source, version string) (map[string][]byte, error) {
	return compile(ctx, map[string]string{"source.sol": source}, version)
}

func compile(ctx context.Context, texts map[string]string, version string) (map[string][]byte, error) {
	compiler, err := fetched.Path("the Solidity compiler", "npm", "node_modules", "solc", "package.json")
	if err != nil {
		return nil, err
	}
	about, err := os.ReadFile(compiler)
	if err != nil {
		return nil, fmt.Errorf("solc: %w", err)
	}
	input, err := standardInput(texts, version)
	if err != nil {
		return nil, fmt.Errorf("solc: %w", err)
	}
	digest := sha256.Sum256(append(about, input...))
	kept := filepath.Join(filepath.Dir(compiler), "..", "..", "..", "solc", hex.EncodeToString(digest[:])+".json")
	output, err := os.ReadFile(kept)
	if errors.Is(err, fs.ErrNotExist) {
		if output, err = solc(ctx, filepath.Dir(compiler), input); err == nil {
			err = keep(kept, output)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("solc: %w", err)
	}
	return compiled(output)
}

// standardInput is what the compiler calls its standard JSON input.
func standardInput(texts map[string]string, version string) ([]byte, error) {
	files := map[string]any{}
	for name, text := range texts {
		files[name] = map[string]string{"content": text}
	}
	return json.Marshal(map[string]any{
		"language": "Solidity",
		"sources":  files,
		"settings": map[string]any{
			"evmVersion": version,
			"optimizer":  map[string]any{"enabled": true, "runs": 200},
			// Without the digest of the source, a comment changes no code hash.
			"metadata":        map[string]any{"bytecodeHash": "none", "appendCBOR": false},
			"outputSelection": map[string]any{"*": map[string]any{"*": []string{"evm.bytecode.object"}}},
		},
	})
}

// script runs the compiler's JavaScript build from standard input to output.
const script = `const solc = require(process.argv[1]);
process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")))`

func solc(ctx context.Context, folder string, input []byte) ([]byte, error) {
	command := exec.CommandContext(ctx, "node", "-e", script, folder)
	command.Stdin = bytes.NewReader(input)
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %.400s", err, said.String())
	}
	if _, err := compiled(output); err != nil {
		return nil, err
	}
	return output, nil
}

// keep writes a file whole: tests of several packages compile at once.
func keep(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// compiled reads the compiler's standard JSON output.
func compiled(output []byte) (map[string][]byte, error) {
	var told struct {
		Errors []struct {
			Severity         string `json:"severity"`
			FormattedMessage string `json:"formattedMessage"`
		} `json:"errors"`
		Contracts map[string]map[string]struct {
			EVM struct {
				Bytecode struct {
					Object string `json:"object"`
				} `json:"bytecode"`
			} `json:"evm"`
		} `json:"contracts"`
	}
	if err := json.Unmarshal(output, &told); err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	for _, e := range told.Errors {
		if e.Severity == "error" {
			return nil, errors.New(strings.TrimSpace(e.FormattedMessage))
		}
	}
	code := map[string][]byte{}
	for _, file := range told.Contracts {
		for name, contract := range file {
			if contract.EVM.Bytecode.Object == "" {
				continue // an interface or an abstract contract
			}
			raw, err := hex.DecodeString(contract.EVM.Bytecode.Object)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			code[name] = raw
		}
	}
	return code, nil
}
