// The printer computes the digests of the plans in ../vectors anew, from what they
// say, and prints them. It asks nothing of the machine, so that it can run on any.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/crosschain-ops/reconcile/internal/plan"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads plan files one after another: they must read, and seal to what they were.
func run(in io.Reader, out io.Writer) error {
	dec := json.NewDecoder(in)
	for i := 1; ; i++ {
		var file json.RawMessage
		if err := dec.Decode(&file); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		p, err := plan.Decode(append(file, '\n'))
		if err != nil {
			return fmt.Errorf("plan %d: %w", i, err)
		}
		p.Digest, p.ChangesDigest = "", ""
		if err := p.Seal(map[string][]string{"funding": {"balance"}}); err != nil {
			return fmt.Errorf("plan %d: %w", i, err)
		}
		line := []string{fmt.Sprintf("%02d", i), p.Digest, p.ChangesDigest}
		for _, s := range p.Steps() {
			digest, err := plan.StepDigest(s)
			if err != nil {
				return fmt.Errorf("plan %d: %w", i, err)
			}
			line = append(line, digest[len("sha256:"):][:16])
		}
		fmt.Fprintln(out, strings.Join(line, " "))
	}
}
