package cloud

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// SecretAPI is what a secret signer needs of Secrets Manager.
type SecretAPI interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// SecretSigner signs with the hex key that a secret holds. The value is read
// for each signature and not kept; its address is derived and compared before
// anything is signed, because a tag is never enough to pay.
func SecretSigner(api SecretAPI, secretID string, address common.Address) Sign {
	return func(ctx context.Context, digest [32]byte) (signature [65]byte, err error) {
		out, err := api.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(secretID)})
		if err != nil {
			return signature, Explain("secretsmanager:GetSecretValue", secretID, err)
		}
		value := out.SecretBinary
		if out.SecretString != nil {
			value = []byte(*out.SecretString)
		}
		defer clear(value)
		key, err := DecodeSecretKey(value)
		if err != nil {
			return signature, fmt.Errorf("secret %s: %w", secretID, err)
		}
		defer ZeroKey(key)
		if have := crypto.PubkeyToAddress(key.PublicKey); have != address {
			return signature, fmt.Errorf("secret %s: holds the key of %s, need %s", secretID, have, address)
		}
		made, err := crypto.Sign(digest[:], key)
		if err != nil {
			return signature, fmt.Errorf("secret %s: sign: %w", secretID, err)
		}
		copy(signature[:], made)
		return signature, nil
	}
}

// EncodeSecretKey is the value that a secret-key holds: a JSON object with
// "address" (EIP-55) and "privateKey" (0x and 64 hex digits), the two fields
// that Hyperlane's own tools read. The caller clears it after use.
func EncodeSecretKey(key *ecdsa.PrivateKey) []byte {
	scalar := crypto.FromECDSA(key)
	defer clear(scalar)
	value := make([]byte, 0, 160)
	value = append(value, `{"address":"`...)
	value = append(value, crypto.PubkeyToAddress(key.PublicKey).Hex()...)
	value = append(value, `","privateKey":"0x`...)
	value = hex.AppendEncode(value, scalar)
	return append(value, `"}`...)
}

// DecodeSecretKey reads what EncodeSecretKey writes; other fields are allowed
// and 0x may be missing. Its errors say nothing of the value.
func DecodeSecretKey(value []byte) (*ecdsa.PrivateKey, error) {
	// RawMessage, because a Go string cannot be cleared.
	var object struct {
		PrivateKey json.RawMessage `json:"privateKey"`
	}
	defer func() { clear(object.PrivateKey) }()
	if err := json.Unmarshal(value, &object); err != nil {
		return nil, errors.New("the value is not a JSON object with a privateKey")
	}
	digits := bytes.TrimPrefix(bytes.Trim(object.PrivateKey, `"`), []byte("0x"))
	if len(digits) != 64 {
		return nil, fmt.Errorf("privateKey has %d hex digits, need 64", len(digits))
	}
	var scalar [32]byte
	defer clear(scalar[:])
	if _, err := hex.Decode(scalar[:], digits); err != nil {
		return nil, errors.New("privateKey is not hexadecimal")
	}
	key, err := crypto.ToECDSA(scalar[:])
	if err != nil {
		return nil, errors.New("privateKey is not a secp256k1 scalar")
	}
	return key, nil
}

// ZeroKey overwrites the scalar. Copies that the SDK's decoder or the garbage
// collector made are out of reach; this shortens the time, no more.
func ZeroKey(key *ecdsa.PrivateKey) {
	//lint:ignore SA1019 the words of D are the only way to overwrite the scalar
	clear(key.D.Bits())
}
