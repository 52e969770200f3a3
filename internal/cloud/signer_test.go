package cloud

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// holder signs as KMS does: DER, and a high s as often as not. It counts what
// it was made to show.
type holder struct {
	key            *ecdsa.PrivateKey
	high           bool
	highs, shorts  int
	last           *kms.SignInput
	err            error
	otherSignature []byte
}

func (h *holder) Sign(_ context.Context, in *kms.SignInput, _ ...func(*kms.Options)) (*kms.SignOutput, error) {
	h.last = in
	if h.err != nil {
		return nil, h.err
	}
	if h.otherSignature != nil {
		return &kms.SignOutput{Signature: h.otherSignature}, nil
	}
	signature, err := crypto.Sign(in.Message, h.key)
	if err != nil {
		return nil, err
	}
	s := new(big.Int).SetBytes(signature[32:64])
	if h.high {
		s.Sub(crypto.S256().Params().N, s)
		h.highs++
	}
	der := derOf(new(big.Int).SetBytes(signature[:32]), s)
	if len(der) < 70 {
		h.shorts++
	}
	return &kms.SignOutput{Signature: der}, nil
}

func derOf(r, s *big.Int) []byte {
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		panic(err)
	}
	return der
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTenThousandTransactionsSignedAsKMSSignsRecoverTheirSender(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	h := &holder{}
	signer := types.LatestSignerForChainID(big.NewInt(43113))
	for i := range 10_000 {
		// A new key now and then; making one costs more than a signature.
		if i%10 == 0 {
			h.key = newKey(t)
		}
		h.high = i%2 == 1
		address := crypto.PubkeyToAddress(h.key.PublicKey)
		to := common.BigToAddress(new(big.Int).SetUint64(random.Uint64()))
		unsigned := types.NewTx(&types.DynamicFeeTx{
			ChainID: big.NewInt(43113), Nonce: random.Uint64() >> 1, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(int64(i) + 2),
			Gas: 21000, To: &to, Value: new(big.Int).SetUint64(random.Uint64()),
		})
		signature, err := KMSSigner(h, "key", address)(t.Context(), signer.Hash(unsigned))
		if err != nil {
			t.Fatalf("signature %d: %v", i, err)
		}
		signed, err := unsigned.WithSignature(signer, signature[:])
		if err != nil {
			t.Fatalf("signature %d: %v", i, err)
		}
		// types.Sender refuses a high s (EIP-2).
		if sender, err := types.Sender(signer, signed); err != nil || sender != address {
			t.Fatalf("signature %d: sender %v %v, want %v", i, sender, err, address)
		}
	}
	if h.highs != 5000 || h.shorts == 0 {
		t.Errorf("the test showed %d signatures with a high s and %d short ones, want 5000 and some", h.highs, h.shorts)
	}
}

func TestShortNumbersInASignatureArePadded(t *testing.T) {
	t.Parallel()
	h := &holder{key: newKey(t)}
	address := crypto.PubkeyToAddress(h.key.PublicKey)
	sign := KMSSigner(h, "key", address)
	var digest [32]byte
	// About one signature in 128 has a zero byte in front of r or s.
	for shown := 0; shown < 3; {
		copy(digest[:], crypto.Keccak256(digest[:]))
		signature, err := sign(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if signature[0] == 0 || signature[32] == 0 {
			shown++
			public, err := crypto.SigToPub(digest[:], signature[:])
			if err != nil || crypto.PubkeyToAddress(*public) != address {
				t.Fatalf("a short number does not recover: %v", err)
			}
		}
	}
}

func TestTheSignerAsksForTheDigestAsItIs(t *testing.T) {
	t.Parallel()
	h := &holder{key: newKey(t)}
	digest := [32]byte(crypto.Keccak256([]byte("message")))
	if _, err := KMSSigner(h, "alias/staging-bank", crypto.PubkeyToAddress(h.key.PublicKey))(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if h.last.MessageType != kmstypes.MessageTypeDigest || h.last.SigningAlgorithm != kmstypes.SigningAlgorithmSpecEcdsaSha256 ||
		[32]byte(h.last.Message) != digest || aws.ToString(h.last.KeyId) != "alias/staging-bank" {
		t.Errorf("asked %+v", h.last)
	}
}

func TestABadSignatureIsNamedAndNeverReturned(t *testing.T) {
	t.Parallel()
	key, digest := newKey(t), [32]byte{1}
	address := crypto.PubkeyToAddress(key.PublicKey)
	order := crypto.S256().Params().N
	one := big.NewInt(1)
	for _, test := range []struct {
		name, want string
		holder     *holder
	}{
		{"another key signed", "signature is not of " + address.Hex(), &holder{key: newKey(t)}},
		{"not DER", "signature is not DER", &holder{otherSignature: []byte{1, 2, 3}}},
		{"bytes after the end", "2 bytes after its end", &holder{otherSignature: append(derOf(one, one), 0, 0)}},
		{"r is zero", "outside 1..n-1", &holder{otherSignature: derOf(new(big.Int), one)}},
		{"r is negative", "outside 1..n-1", &holder{otherSignature: derOf(big.NewInt(-1), one)}},
		{"r is the order", "outside 1..n-1", &holder{otherSignature: derOf(order, one)}},
		{"s is the order", "outside 1..n-1", &holder{otherSignature: derOf(one, order)}},
		{"s is longer than the order", "outside 1..n-1", &holder{otherSignature: derOf(one, new(big.Int).Lsh(one, 300))}},
		{"no permission", "kms:Sign on key-1: access denied (AccessDeniedException): no", &holder{err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			signature, err := KMSSigner(test.holder, "key-1", address)(t.Context(), digest)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "key-1") {
				t.Errorf("error %v, want %q and the key", err, test.want)
			}
			if signature != [65]byte{} {
				t.Error("a signature came with the error")
			}
		})
	}
}

type vectors struct {
	Vectors   []struct{ PublicKey, Digest, Signature string }
	P256, RSA string
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/openssl.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	data, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestKeysAndSignaturesOfOpenSSLAreUnderstood(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	if len(v.Vectors) != 40 {
		t.Fatalf("%d vectors, want 40", len(v.Vectors))
	}
	for i, vector := range v.Vectors {
		der := unhex(t, vector.PublicKey)
		address, err := AddressFromSPKI(der)
		if err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
		// The point is the last 64 bytes; its hash's last 20 are the address.
		if want := common.BytesToAddress(crypto.Keccak256(der[len(der)-64:])); address != want {
			t.Fatalf("vector %d: address %s, want %s", i, address, want)
		}
		if _, err := EthereumSignature(unhex(t, vector.Signature), [32]byte(unhex(t, vector.Digest)), address); err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
	}
}

func TestAPublicKeyThatIsNotSecp256k1IsRefused(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	good := unhex(t, v.Vectors[0].PublicKey)
	offCurve := append([]byte(nil), good...)
	offCurve[len(offCurve)-1] ^= 1
	for _, test := range []struct {
		name, want string
		der        []byte
	}{
		{"another curve", "curve is 1.2.840.10045.3.1.7, need 1.3.132.0.10", unhex(t, v.P256)},
		{"RSA", "public key", unhex(t, v.RSA)},
		{"a point off the curve", "public key: ", offCurve},
		{"cut short", "not DER", good[:60]},
		{"bytes after the end", "1 bytes after its end", append(append([]byte(nil), good...), 0)},
		{"nothing", "not DER", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, err := AddressFromSPKI(test.der)
			if err == nil || !strings.Contains(err.Error(), test.want) || address != (common.Address{}) {
				t.Errorf("got %v and %v, want an error with %q", address, err, test.want)
			}
		})
	}
}

// safe is a secret with a value, and the error of reading it.
type safe struct {
	value  string
	binary []byte
	err    error
}

func (s *safe) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.binary != nil {
		return &secretsmanager.GetSecretValueOutput{SecretBinary: s.binary}, nil
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: aws.String(s.value)}, nil
}

func TestASecretSignsOnlyAsTheAddressThatIsExpected(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	address := crypto.PubkeyToAddress(key.PublicKey)
	value := string(EncodeSecretKey(key))
	digest := [32]byte(crypto.Keccak256([]byte("message")))
	for _, s := range []*safe{{value: value}, {binary: []byte(value)}, {value: strings.Replace(value, "0x"+hex.EncodeToString(crypto.FromECDSA(key)), hex.EncodeToString(crypto.FromECDSA(key)), 1)}} {
		signature, err := SecretSigner(s, "development-bank", address)(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		public, err := crypto.SigToPub(digest[:], signature[:])
		if err != nil || crypto.PubkeyToAddress(*public) != address {
			t.Errorf("the signature is not of %s: %v", address, err)
		}
		if s.binary != nil && strings.Trim(string(s.binary), "\x00") != "" {
			t.Error("the value was not cleared")
		}
	}
	other := common.HexToAddress("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
	signature, err := SecretSigner(&safe{value: value}, "development-bank", other)(t.Context(), digest)
	if err == nil || signature != [65]byte{} || !strings.Contains(err.Error(), "holds the key of "+address.Hex()+", need "+other.Hex()) {
		t.Errorf("a key of another address signed: %v", err)
	}
}

func TestAnUnreadableSecretNeverShowsItsValue(t *testing.T) {
	t.Parallel()
	const canary = "c0ffee254729296a45a3885639ac7e10f9d54979"
	for _, test := range []struct {
		name, want string
		safe       *safe
	}{
		{"not JSON", "not a JSON object", &safe{value: canary}},
		{"no key in it", "privateKey has 0 hex digits, need 64", &safe{value: `{"address":"` + canary + `"}`}},
		{"too short", "privateKey has 40 hex digits, need 64", &safe{value: `{"privateKey":"` + canary + `"}`}},
		{"not hexadecimal", "privateKey is not hexadecimal", &safe{value: `{"privateKey":"` + canary + `c0ffee254729296a45a388zz"}`}},
		{"zero", "not a secp256k1 scalar", &safe{value: `{"note":"` + canary + `","privateKey":"` + strings.Repeat("0", 64) + `"}`}},
		{"a number", "hex digits, need 64", &safe{value: `{"privateKey":12,"note":"` + canary + `"}`}},
		{"no permission", "secretsmanager:GetSecretValue on development-bank: access denied", &safe{err: &smithy.GenericAPIError{Code: "AccessDeniedException"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := SecretSigner(test.safe, "development-bank", common.Address{})(t.Context(), [32]byte{})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "development-bank") {
				t.Fatalf("error %v, want %q and the name", err, test.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Error("the error shows the value")
			}
		})
	}
}

func TestAStoredKeyIsReadBackAndZeroedAfterUse(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	value := EncodeSecretKey(key)
	var fields map[string]string
	if err := json.Unmarshal(value, &fields); err != nil {
		t.Fatal(err)
	}
	if fields["address"] != crypto.PubkeyToAddress(key.PublicKey).Hex() || fields["privateKey"] != "0x"+hex.EncodeToString(crypto.FromECDSA(key)) || len(fields) != 2 {
		t.Error("the stored form is not address and privateKey")
	}
	back, err := DecodeSecretKey(value)
	if err != nil || !back.Equal(key) {
		t.Fatalf("the key does not come back: %v", err)
	}
	ZeroKey(back)
	if !bytes.Equal(crypto.FromECDSA(back), make([]byte, 32)) {
		t.Error("the scalar is still in memory")
	}
	if _, err := DecodeSecretKey(nil); err == nil || errors.Is(err, context.Canceled) {
		t.Error("an empty value is a key")
	}
}
