package chaintest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// poll is how often a local chain is asked again.
const poll = 2 * time.Millisecond

// mined waits for a transaction and is an error when it reverted.
func (c *Chain) mined(ctx context.Context, hash common.Hash) error {
	for {
		receipt, err := c.client.TransactionReceipt(ctx, hash)
		switch {
		case err == nil && receipt.Status != types.ReceiptStatusSuccessful:
			return fmt.Errorf("%s: reverted", hash)
		case err == nil:
			return nil
		case !errors.Is(err, ethereum.NotFound) && err.Error() != indexing:
			return fmt.Errorf("%s: receipt: %w", hash, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not mined: %w", hash, ctx.Err())
		case <-time.After(poll):
		}
	}
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
