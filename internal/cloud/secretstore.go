package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// SecretStoreAPI is what storing a value needs of Secrets Manager in one region.
type SecretStoreAPI interface {
	CreateSecret(context.Context, *secretsmanager.CreateSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.CreateSecretOutput, error)
	PutSecretValue(context.Context, *secretsmanager.PutSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error)
	TagResource(context.Context, *secretsmanager.TagResourceInput, ...func(*secretsmanager.Options)) (*secretsmanager.TagResourceOutput, error)
}

// StoredSecret is a value on its way into Secrets Manager. The caller clears the
// value.
type StoredSecret struct {
	Name, Description string
	// Attempt is what the request token is made of, which makes the call safe to
	// send twice: the SDK may repeat it after a lost reply, value and all.
	Attempt string
	Tags    map[string]string
	Value   []byte
}

// StoreSecret puts a value into a new secret, or, where one of the name is there,
// makes it the version that readers get. Then the tags are written after the
// value: a tag never promises what is not there.
func StoreSecret(ctx context.Context, api SecretStoreAPI, s StoredSecret, there bool) error {
	// The token has 32 to 64 characters (Secrets Manager API reference,
	// ClientRequestToken).
	sum := sha256.Sum256([]byte(s.Attempt))
	name, token, value := aws.String(s.Name), aws.String(hex.EncodeToString(sum[:])), aws.String(string(s.Value))
	if !there {
		_, err := api.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: name, Description: aws.String(s.Description), ClientRequestToken: token, SecretString: value, Tags: SecretTags(s.Tags),
		})
		return Explain("secretsmanager:CreateSecret", s.Name, err)
	}
	if _, err := api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: name, ClientRequestToken: token, SecretString: value}); err != nil {
		return Explain("secretsmanager:PutSecretValue", s.Name, err)
	}
	_, err := api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: name, Tags: SecretTags(s.Tags)})
	return Explain("secretsmanager:TagResource", s.Name, err)
}
