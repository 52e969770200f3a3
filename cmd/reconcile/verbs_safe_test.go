package main

import (
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

func safeVerbs() map[string]func(*world, bool, []string) {
	return map[string]func(*world, bool, []string){"proposal": (*world).proposal, "exchange": (*world).exchange}
}

// proposal puts the hash of the last proposal to a Safe into $HASH: proposal SAFE NETWORK.
func (w *world) proposal(_ bool, args []string) {
	store, err := w.bare().store()
	w.ts.Check(err)
	for _, s := range w.environment().Safes {
		if s.Name != args[0] || s.Network != args[1] {
			continue
		}
		records, err := book{store}.Records(w.ctx(), s.Network, common.HexToAddress(s.Address), 0)
		w.ts.Check(err)
		if len(records) == 0 {
			w.ts.Fatalf("nothing was proposed to %s on %s", s.Name, s.Network)
		}
		w.ts.Setenv("HASH", records[len(records)-1].Hash)
	}
}

// exchange puts another call into a Transaction Builder file: exchange FILE.
func (w *world) exchange(_ bool, args []string) {
	path := w.ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	w.ts.Check(err)
	before, after, found := strings.Cut(string(data), `"data": "0x`)
	if !found {
		w.ts.Fatalf("%s holds no call", args[0])
	}
	w.ts.Check(os.WriteFile(path, []byte(before+`"data": "0xdeadbeef`+after), 0o600))
}
