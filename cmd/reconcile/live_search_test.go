package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

// The canary script says nothing unless the search behind it finds a key that
// is there.
func TestTheSearchFindsAPrivateKeyInEveryFormThatAProgramPrints(t *testing.T) {
	t.Parallel()
	private, err := crypto.HexToECDSA(strings.Repeat("1f", 32))
	if err != nil {
		t.Fatal(err)
	}
	key := crypto.FromECDSA(private)
	canaries := formsOf(key)
	for name, leak := range map[string]string{
		"hex":              fmt.Sprintf("%x", key),
		"hex with 0x":      "0x" + hex.EncodeToString(key),
		"capitals":         fmt.Sprintf("%X", key),
		"base64":           base64.StdEncoding.EncodeToString(key),
		"base64 of hex":    base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(key))),
		"base64 of 0x hex": base64.StdEncoding.EncodeToString([]byte("0x" + hex.EncodeToString(key))),
		"decimal":          new(big.Int).SetBytes(key).String(),
		"a byte slice":     fmt.Sprintf("%v", key),
		"raw":              string(key),
		"in a JSON string": `{"value":"` + hex.EncodeToString(key) + `"}`,
	} {
		if silent("it", "before "+leak+" after", canaries) == nil {
			t.Errorf("a key printed as %s is not found", name)
		}
	}
	if err := silent("it", crypto.PubkeyToAddress(private.PublicKey).Hex(), canaries); err != nil {
		t.Errorf("an address is no private key: %v", err)
	}
}
