package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/params"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// sink is where burned coins go: an address that nobody has the key of.
var sink = common.HexToAddress("0x000000000000000000000000000000000000dEaD")

// receiptLimit bounds the wait for one payment to be mined.
const receiptLimit = time.Minute

// Burn pays amount from the wallets of the named keys (none: of every key that
// is filled on the network) to the sink: real transactions, signed by the
// keys, as agents' own would be. The amount is in whole coins, or a share of
// the balance such as 40%. It says what was burned, a line per wallet, also
// before an error.
func (s *Somebody) Burn(ctx context.Context, network string, keys []string, amount string) ([]string, error) {
	n, ok := s.env.Network(network)
	if !ok {
		return nil, fmt.Errorf("%s: no network %q among %d", s.env.Name, network, len(s.env.Networks))
	}
	if len(keys) == 0 {
		keys = s.filled(network)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no key is filled on %s", s.env.Name, network)
	}
	if len(n.RPC) == 0 {
		return nil, fmt.Errorf("%s: the sandbox has no endpoint for %s", s.env.Name, network)
	}
	client, err := ethclient.DialContext(ctx, n.RPC[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", network, err)
	}
	defer client.Close()
	var burned []string
	for _, name := range keys {
		line, err := s.burn(ctx, client, n, name, amount)
		if err != nil {
			return burned, fmt.Errorf("%s/%s: %w", network, name, err)
		}
		burned = append(burned, line)
	}
	return burned, nil
}

// filled lists the keys that funding fills on a network.
func (s *Somebody) filled(network string) []string {
	var names []string
	for _, f := range s.env.Funding {
		if f.Network != network {
			continue
		}
		for _, w := range f.Wallets {
			if w.Address == "" {
				names = append(names, w.Name)
			}
		}
	}
	return names
}

func (s *Somebody) burn(ctx context.Context, client *ethclient.Client, n config.Network, name, amount string) (string, error) {
	key, err := s.key(name)
	if err != nil {
		return "", err
	}
	from, sign, err := s.signer(ctx, key)
	if err != nil {
		return "", err
	}
	balance, err := client.BalanceAt(ctx, from, nil)
	if err != nil {
		return "", err
	}
	wei, err := amountOf(amount, balance, n.Decimals)
	if err != nil {
		return "", err
	}
	if err := pay(ctx, client, n, from, wei, sign); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%s: burned %s of %s %s", n.Name, name, coins(wei, n.Decimals), coins(balance, n.Decimals), n.Symbol), nil
}

// signer gives the address of a key and signs with it.
func (s *Somebody) signer(ctx context.Context, key config.Key) (common.Address, cloud.Sign, error) {
	switch key.Holder {
	case "kms":
		api := s.session.KMS(key.Region)
		out, err := api.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(key.Alias)})
		if err != nil {
			return common.Address{}, nil, explain(key, "kms:GetPublicKey", err)
		}
		address, err := cloud.AddressFromSPKI(out.PublicKey)
		return address, cloud.KMSSigner(api, key.Alias, address), err
	case "hex":
		api := s.session.SecretsManager(key.Region)
		out, err := api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(key.Alias)})
		if err != nil {
			return common.Address{}, nil, explain(key, "secretsmanager:DescribeSecret", err)
		}
		for _, tag := range out.Tags {
			if aws.ToString(tag.Key) == kind.TagAddress {
				address := common.HexToAddress(aws.ToString(tag.Value))
				return address, cloud.SecretSigner(api, key.Alias, address), nil
			}
		}
		return common.Address{}, nil, fmt.Errorf("%s: has no tag %s", key.ResourceID(), kind.TagAddress)
	default:
		return common.Address{}, nil, fmt.Errorf("%s: the sandbox cannot sign with a key in a file", key.ResourceID())
	}
}

// pay sends one transaction and waits until it is mined.
func pay(ctx context.Context, client *ethclient.Client, n config.Network, from common.Address, wei *big.Int, sign cloud.Sign) error {
	nonce, err := client.NonceAt(ctx, from, nil)
	if err != nil {
		return err
	}
	price, err := client.SuggestGasPrice(ctx)
	if err != nil {
		return err
	}
	// Twice the price of now: the base fee may rise before the block.
	signer := types.LatestSignerForChainID(new(big.Int).SetUint64(n.ChainID))
	tx := types.NewTx(&types.LegacyTx{Nonce: nonce, GasPrice: price.Lsh(price, 1), Gas: params.TxGas, To: &sink, Value: wei})
	signature, err := sign(ctx, signer.Hash(tx))
	if err != nil {
		return err
	}
	if tx, err = tx.WithSignature(signer, signature[:]); err != nil {
		return err
	}
	if err := client.SendTransaction(ctx, tx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, receiptLimit)
	defer cancel()
	for {
		receipt, err := client.TransactionReceipt(ctx, tx.Hash())
		switch {
		case err == nil && receipt.Status != types.ReceiptStatusSuccessful:
			return fmt.Errorf("transaction %s reverted", tx.Hash())
		case err == nil:
			return nil
		case !errors.Is(err, ethereum.NotFound) && !strings.Contains(err.Error(), "indexing is in progress"):
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("transaction %s is not mined: %w", tx.Hash(), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// amountOf reads whole coins (0.25) or a share of a balance (40%).
func amountOf(text string, balance *big.Int, decimals int) (*big.Int, error) {
	number, share := strings.CutSuffix(text, "%")
	if !share {
		return coinsOf(text, decimals)
	}
	value, err := decimal(number)
	if err != nil {
		return nil, fmt.Errorf("%q is not a share such as 40%%", text)
	}
	value.Mul(value, new(big.Rat).SetFrac(balance, big.NewInt(100)))
	return new(big.Int).Quo(value.Num(), value.Denom()), nil
}

// coinsOf reads whole coins, exactly.
func coinsOf(text string, decimals int) (*big.Int, error) {
	value, err := decimal(text)
	if err != nil {
		return nil, err
	}
	if value.Mul(value, new(big.Rat).SetInt(unit(decimals))); !value.IsInt() {
		return nil, fmt.Errorf("%q has more than %d decimals", text, decimals)
	}
	return value.Num(), nil
}

// decimal reads a plain positive number.
func decimal(text string) (*big.Rat, error) {
	value, ok := new(big.Rat).SetString(text)
	if !ok || value.Sign() <= 0 || strings.ContainsAny(text, "/eEpPxX_") {
		return nil, fmt.Errorf("%q is not an amount in whole coins such as 0.25", text)
	}
	return value, nil
}

// coins prints an amount in whole coins, cut to six decimals.
func coins(wei *big.Int, decimals int) string {
	return strings.TrimSuffix(strings.TrimRight(new(big.Rat).SetFrac(wei, unit(decimals)).FloatString(6), "0"), ".")
}

// unit is how many of the smallest unit make one coin.
func unit(decimals int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
}
