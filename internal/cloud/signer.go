package cloud

import (
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Sign signs a 32-byte digest. The signature is r‖s‖v with v 0 or 1 and s in
// the lower half of the order (EIP-2), as Ethereum demands.
type Sign = func(ctx context.Context, digest [32]byte) (signature [65]byte, err error)

// SignAPI is what a KMS signer needs of KMS.
type SignAPI interface {
	Sign(context.Context, *kms.SignInput, ...func(*kms.Options)) (*kms.SignOutput, error)
}

// KMSSigner signs with the KMS key keyID (id, ARN or alias), whose address is
// known from its public key. A signature of any other key is an error, so a
// retargeted alias cannot sign unseen.
func KMSSigner(api SignAPI, keyID string, address common.Address) Sign {
	return func(ctx context.Context, digest [32]byte) ([65]byte, error) {
		out, err := api.Sign(ctx, &kms.SignInput{
			KeyId:   aws.String(keyID),
			Message: digest[:],
			// The digest is signed as it is; RAW would hash it once more.
			MessageType:      kmstypes.MessageTypeDigest,
			SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256,
		})
		if err != nil {
			return [65]byte{}, Explain("kms:Sign", keyID, err)
		}
		signature, err := EthereumSignature(out.Signature, digest, address)
		if err != nil {
			return [65]byte{}, fmt.Errorf("kms:Sign on %s: %w", keyID, err)
		}
		return signature, nil
	}
}

// EthereumSignature turns a DER signature (ECDSA-Sig-Value, RFC 3279 §2.2.3)
// into r‖s‖v. KMS does not choose the lower s and gives no v: s is brought to
// the lower half, and v is the one that recovers the address.
func EthereumSignature(der []byte, digest [32]byte, address common.Address) ([65]byte, error) {
	var signature [65]byte
	var point struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &point)
	if err != nil {
		return signature, fmt.Errorf("signature is not DER: %w", err)
	}
	if len(rest) > 0 {
		return signature, fmt.Errorf("signature has %d bytes after its end", len(rest))
	}
	order := crypto.S256().Params().N
	for _, n := range []*big.Int{point.R, point.S} {
		if n.Sign() <= 0 || n.Cmp(order) >= 0 {
			return signature, errors.New("signature has r or s outside 1..n-1")
		}
	}
	if point.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		point.S.Sub(order, point.S)
	}
	point.R.FillBytes(signature[:32])
	point.S.FillBytes(signature[32:64])
	for v := range byte(2) {
		signature[64] = v
		public, err := crypto.SigToPub(digest[:], signature[:])
		if err == nil && crypto.PubkeyToAddress(*public) == address {
			return signature, nil
		}
	}
	return [65]byte{}, fmt.Errorf("signature is not of %s: another key signed", address)
}

// subjectPublicKeyInfo is RFC 5280 §4.1 with the curve of RFC 5480 §2.1.1.
type subjectPublicKeyInfo struct {
	Algorithm struct {
		Algorithm asn1.ObjectIdentifier
		Curve     asn1.ObjectIdentifier
	}
	PublicKey asn1.BitString
}

// AddressFromSPKI derives the Ethereum address of a secp256k1 public key in
// DER SubjectPublicKeyInfo, the form of kms:GetPublicKey. crypto/x509 does not
// know the curve.
func AddressFromSPKI(der []byte) (common.Address, error) {
	var spki subjectPublicKeyInfo
	rest, err := asn1.Unmarshal(der, &spki)
	if err != nil {
		return common.Address{}, fmt.Errorf("public key is not DER SubjectPublicKeyInfo: %w", err)
	}
	if len(rest) > 0 {
		return common.Address{}, fmt.Errorf("public key has %d bytes after its end", len(rest))
	}
	// id-ecPublicKey (RFC 5480) and secp256k1 (SEC 2).
	if have, need := spki.Algorithm.Algorithm, (asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}); !have.Equal(need) {
		return common.Address{}, fmt.Errorf("public key algorithm is %s, need %s (id-ecPublicKey)", have, need)
	}
	if have, need := spki.Algorithm.Curve, (asn1.ObjectIdentifier{1, 3, 132, 0, 10}); !have.Equal(need) {
		return common.Address{}, fmt.Errorf("curve is %s, need %s (secp256k1)", have, need)
	}
	if spki.PublicKey.BitLength != 65*8 {
		return common.Address{}, fmt.Errorf("public key has %d bits, need 520 (an uncompressed point)", spki.PublicKey.BitLength)
	}
	// UnmarshalPubkey refuses a point that is not on the curve.
	public, err := crypto.UnmarshalPubkey(spki.PublicKey.Bytes)
	if err != nil {
		return common.Address{}, fmt.Errorf("public key: %w", err)
	}
	return crypto.PubkeyToAddress(*public), nil
}
