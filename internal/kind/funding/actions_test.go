package funding_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/kind/kindtest"
)

func TestABankOfEitherSortSignsWithTheActionsThatAreDeclared(t *testing.T) {
	t.Parallel()
	fake := cloudtest.NewFake("111122223333")
	keys, secrets := fake.KMS("us-west-2"), fake.SecretsManager("us-west-2")
	made, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: types.KeySpecEccSecgP256k1, KeyUsage: types.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	public, err := keys.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: made.KeyMetadata.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	address, err := cloud.AddressFromSPKI(public.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hex, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("bank"), SecretString: aws.String(string(cloud.EncodeSecretKey(hex))), ClientRequestToken: aws.String("0123456789abcdef0123456789abcdef"),
	}); err != nil {
		t.Fatal(err)
	}
	fake.Forget()
	for _, sign := range []cloud.Sign{
		cloud.KMSSigner(keys, *made.KeyMetadata.KeyId, address),
		cloud.SecretSigner(secrets, "bank", crypto.PubkeyToAddress(hex.PublicKey)),
	} {
		if _, err := sign(t.Context(), common.HexToHash("0x01")); err != nil {
			t.Fatal(err)
		}
	}
	var log kindtest.CallLog
	log.Add(fake.Calls())
	log.Require(t, newKind(t, options(newFake().place())), nil)
}
