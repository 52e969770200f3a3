package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/crypto"
)

// locked KEY FILE PASSPHRASE makes an encrypted key file and pins its address
// as the nursery's key.
func (w *world) locked(not bool, args []string) {
	if not || len(args) != 3 {
		w.ts.Fatalf("usage: locked KEY FILE PASSPHRASE")
	}
	private, err := crypto.GenerateKey()
	w.ts.Check(err)
	w.ts.Check(writeKeystore(w.ts.MkAbs(args[1]), private, args[2]))
	pins, err := json.Marshal(map[string]string{args[0]: crypto.PubkeyToAddress(private.PublicKey).Hex()})
	w.ts.Check(err)
	w.ts.Check(os.WriteFile(w.ts.MkAbs("environments/nursery/addresses.json"), pins, 0o600))
}

func writeKeystore(path string, private *ecdsa.PrivateKey, passphrase string) error {
	folder, err := os.MkdirTemp(filepath.Dir(path), "keys")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	// Light scrypt: a test's key guards nothing.
	account, err := keystore.NewKeyStore(folder, keystore.LightScryptN, keystore.LightScryptP).ImportECDSA(private, passphrase)
	if err != nil {
		return err
	}
	return os.Rename(account.URL.Path, path)
}
