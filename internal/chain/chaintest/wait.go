package chaintest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
)

// poll is how often a local chain is asked again.
const poll = 2 * time.Millisecond

// Receipt waits until a local chain has mined a transaction and its head holds it. A
// reverted one has a receipt as well: its status says so.
func Receipt(ctx context.Context, client *ethclient.Client, hash common.Hash) (*types.Receipt, error) {
	for {
		receipt, err := client.TransactionReceipt(ctx, hash)
		switch {
		case err == nil:
			// geth has a receipt a moment before its head: a read must see the effect.
			head, err := client.BlockNumber(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: head: %w", hash, err)
			}
			if head >= receipt.BlockNumber.Uint64() {
				return receipt, nil
			}
		case !errors.Is(err, ethereum.NotFound) && err.Error() != indexing:
			return nil, fmt.Errorf("%s: receipt: %w", hash, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: not mined: %w", hash, ctx.Err())
		case <-time.After(poll):
		}
	}
}

// mined waits for a transaction and is an error when it reverted.
func (c *Chain) mined(ctx context.Context, hash common.Hash) error {
	receipt, err := Receipt(ctx, c.client, hash)
	if err == nil && receipt.Status != types.ReceiptStatusSuccessful {
		return fmt.Errorf("%s: reverted", hash)
	}
	return err
}

// indexing is what geth answers while its index of transactions lags behind.
const indexing = "transaction indexing is in progress"

// indexed waits until geth's index of transactions has reached the head.
func (c *Chain) indexed() error {
	for limit := time.Now().Add(time.Minute); !c.backend.BlockChain().TxIndexDone(); time.Sleep(poll / 4) {
		if time.Now().After(limit) {
			return errors.New("geth does not index its first block")
		}
	}
	return nil
}
