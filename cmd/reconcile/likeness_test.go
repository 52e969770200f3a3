package main

import (
	"fmt"
	"os"
)

// likeness writes a CUE file with a recipient whose address begins and ends like
// that of a key: likeness KEY FILE.
func (w *world) likeness(_ bool, args []string) {
	address := w.address(args[0])
	address[10] ^= 0xff
	network := w.key(args[0]).Networks[0]
	text := fmt.Sprintf("package %s\n\nfunding: %s: wallets: cold: {address: %q, floor: \"1\", target: \"2\"}\n", w.name, network, address.Hex())
	w.ts.Check(os.WriteFile(w.ts.MkAbs(args[1]), []byte(text), 0o600))
}
