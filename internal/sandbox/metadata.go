package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/chain/chaintest/contractstest"
	"github.com/crosschain-ops/reconcile/internal/evm"
	"github.com/crosschain-ops/reconcile/internal/ism"
)

// maxDepth bounds how deeply modules are nested.
const maxDepth = 8

// proof collects what shows an ISM that a message left its origin.
type proof struct {
	message Message
	origin  *messenger
	client  *ethclient.Client // of the destination
	reader  *attestation.Reader
	rules   attestation.Rules
	// signatures are those that were found, shown those that were used.
	signatures map[common.Address][]byte
	shown      []common.Address
}

// ask builds the metadata for a module and asks it.
func (p *proof) ask(ctx context.Context, module common.Address) (Verdict, error) {
	metadata, err := p.metadata(ctx, module, maxDepth)
	v := Verdict{Signers: p.shown}
	if err == nil {
		v.Accepted, err = contractstest.Verify(ctx, p.client, module, metadata, p.message.Bytes)
	}
	switch {
	case refusal(err):
		v.Reason = err.Error()
	case err != nil:
		return Verdict{}, err
	case !v.Accepted:
		v.Reason = "its ISM says no"
	}
	return v, nil
}

// missingError says whose signatures are not there.
type missingError struct {
	module     common.Address
	have, need int
	why        []string
}

// Error names them all.
func (e *missingError) Error() string {
	return fmt.Sprintf("ISM %s: %d signatures, needs %d: %s", e.module, e.have, e.need, strings.Join(e.why, "; "))
}

// refusal reports an error that is an answer: a contract's no, or signatures that
// are not there.
func refusal(err error) bool {
	var missing *missingError
	var reverted *evm.RevertError
	return errors.As(err, &missing) || errors.As(err, &reverted)
}

// metadata is what a module asks for, as Hyperlane's relayer builds it.
func (p *proof) metadata(ctx context.Context, module common.Address, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("ISM %s: is nested more than %d deep", module, maxDepth)
	}
	values, err := contractstest.Read(ctx, p.client, module, "moduleType()(uint8)")
	if err != nil {
		return nil, fmt.Errorf("ISM %s: %w", module, err)
	}
	switch kind := ism.Type(values[0].(uint8)); kind {
	case ism.Routing:
		route, err := contractstest.Read(ctx, p.client, module, "route(bytes)(address)", p.message.Bytes)
		if err != nil {
			return nil, fmt.Errorf("ISM %s: %w", module, err)
		}
		return p.metadata(ctx, route[0].(common.Address), depth-1)
	case ism.Aggregation:
		return p.aggregated(ctx, module, depth)
	case ism.MessageIDMultisig, ism.MerkleRootMultisig:
		signatures, err := p.multisig(ctx, module)
		if err != nil {
			return nil, err
		}
		if kind == ism.MessageIDMultisig {
			return p.message.checkpoint.MessageIDMetadata(signatures), nil
		}
		leaves, err := contractstest.Leaves(ctx, p.origin.client, p.origin.hook)
		if err != nil {
			return nil, err
		}
		return p.message.checkpoint.MerkleRootMetadata(leaves, p.message.Index, signatures), nil
	case ism.Null:
		return []byte{}, nil
	default:
		return nil, fmt.Errorf("ISM %s: is of type %s, which no metadata is built for here", module, kind)
	}
}

// aggregated is for as many modules as the threshold asks, and for no more: the
// contract refuses one too many.
func (p *proof) aggregated(ctx context.Context, module common.Address, depth int) ([]byte, error) {
	values, err := contractstest.Read(ctx, p.client, module, "modulesAndThreshold(bytes)(address[],uint8)", p.message.Bytes)
	if err != nil {
		return nil, fmt.Errorf("ISM %s: %w", module, err)
	}
	modules, left := values[0].([]common.Address), int(values[1].(uint8))
	parts := make([][]byte, len(modules))
	var failed []error
	for i, below := range modules {
		if left == 0 {
			break
		}
		if parts[i], err = p.metadata(ctx, below, depth-1); err == nil {
			left--
		} else if failed = append(failed, err); !refusal(err) {
			return nil, err
		}
	}
	if left > 0 {
		return nil, errors.Join(failed...)
	}
	return contractstest.AggregationMetadata(parts...), nil
}

// multisig is the first signatures up to the threshold, in the module's own order.
func (p *proof) multisig(ctx context.Context, module common.Address) ([]byte, error) {
	values, err := contractstest.Read(ctx, p.client, module, "validatorsAndThreshold(bytes)(address[],uint8)", p.message.Bytes)
	if err != nil {
		return nil, fmt.Errorf("ISM %s: %w", module, err)
	}
	validators, threshold := values[0].([]common.Address), int(values[1].(uint8))
	missing := &missingError{module: module, need: threshold}
	var signatures []byte
	var shown []common.Address
	for _, validator := range validators {
		signature, why, err := p.signature(ctx, validator)
		if err != nil {
			return nil, err
		}
		if signature == nil {
			missing.why = append(missing.why, fmt.Sprintf("%s %s", validator, why))
			continue
		}
		signatures, shown = append(signatures, signature...), append(shown, validator)
		if len(shown) == threshold {
			p.show(shown)
			return signatures, nil
		}
	}
	missing.have = len(shown)
	return nil, missing
}

// show remembers whose signatures go into the metadata.
func (p *proof) show(signers []common.Address) {
	for _, signer := range signers {
		if !slices.Contains(p.shown, signer) {
			p.shown = append(p.shown, signer)
		}
	}
}

// signature is a validator's of the message's checkpoint, from where it announced;
// none: why there is none.
func (p *proof) signature(ctx context.Context, validator common.Address) (signature []byte, why string, err error) {
	if known, ok := p.signatures[validator]; ok {
		return known, "", nil
	}
	c := p.message.checkpoint
	want := attestation.Checkpoint{Domain: c.Origin, Hook: c.Hook, Root: c.Root, Index: c.Index, MessageID: c.MessageID}
	if own := throwAway(p.message.From); own.Address == validator {
		signed, err := own.Checkpoint(ctx, want)
		return signed.Signature[:], "", err
	}
	locations, err := attestationtest.Announced(ctx, p.origin.client, p.origin.announce, validator)
	if err != nil {
		return nil, "", err
	}
	why = "is not announced"
	for _, text := range slices.Backward(locations) {
		location, err := attestation.ParseLocation(text, p.rules)
		if err != nil {
			why = "announced: " + err.Error()
			continue
		}
		signed, err := p.reader.Checkpoint(ctx, location, c.Index)
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		if err != nil {
			why = "published: " + err.Error()
			continue
		}
		if by, err := signed.Signer(); err != nil || by != validator || signed.Checkpoint != want {
			why = "published at " + text + " another checkpoint"
			continue
		}
		p.signatures[validator] = signed.Signature[:]
		return signed.Signature[:], "", nil
	}
	return nil, why, nil
}
