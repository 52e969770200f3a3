package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
	"github.com/crosschain-ops/reconcile/internal/kind"
	"github.com/crosschain-ops/reconcile/internal/kind/kmskey"
	"github.com/crosschain-ops/reconcile/internal/kind/secretkey"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

// makeKeys makes the purses' keys, as a bootstrap would: through the kinds
// themselves, so that a plan finds nothing to mend. It fills in the addresses.
func makeKeys(ctx context.Context, env *config.Environment, session *cloud.Session, root string, purses []*purse) error {
	makers, err := keyKinds(session)
	if err != nil {
		return err
	}
	for _, p := range purses {
		if p.address, err = makeKey(ctx, env, makers, p.key, root); err != nil {
			return err
		}
	}
	return nil
}

// keyKinds are those that make keys.
func keyKinds(session *cloud.Session) (map[string]kind.Kind, error) {
	kms, err := kmskey.New(kmskey.Options{
		KMS:     func(region string) kmskey.API { return session.KMS(region) },
		Tagging: func(region string) kmskey.TaggingAPI { return session.Tagging(region) },
	})
	if err != nil {
		return nil, err
	}
	secret, err := secretkey.New(secretkey.Options{
		Secrets: func(region string) secretkey.API { return session.SecretsManager(region) },
	})
	if err != nil {
		return nil, err
	}
	return map[string]kind.Kind{kms.Name: kms, secret.Name: secret}, nil
}

// makeKey makes one key and gives its address. A keystore file is the user's
// own and is only read.
func makeKey(ctx context.Context, env *config.Environment, makers map[string]kind.Kind, key config.Key, root string) (common.Address, error) {
	if key.Holder == "keystore" {
		return keystoreAddress(filepath.Join(root, key.Path))
	}
	id := key.ResourceID()
	maker, ok := makers[id.Kind]
	if !ok {
		return common.Address{}, fmt.Errorf("%s: no kind makes it", id)
	}
	outputs, err := create(ctx, env, maker, id)
	if err != nil {
		return common.Address{}, err
	}
	if !common.IsHexAddress(outputs["address"]) {
		return common.Address{}, fmt.Errorf("%s: made, but has address %q", id, outputs["address"])
	}
	return common.HexToAddress(outputs["address"]), nil
}

// create brings one declared resource from nothing into being.
func create(ctx context.Context, env *config.Environment, maker kind.Kind, id resource.ID) (resource.Outputs, error) {
	// A pin names the key of the real world, which is not here.
	unpinned := *env
	unpinned.Pins = nil
	declared, err := maker.Declare(&unpinned)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(declared, func(r resource.Resource) bool { return r.ID == id })
	if at < 0 {
		return nil, fmt.Errorf("%s: not declared", id)
	}
	steps, err := maker.Steps(nil, &declared[at], nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	made := resource.Outputs{}
	for n, step := range steps {
		params, missing := step.Params.Resolve(func(ref resource.Ref) (string, bool) {
			value, ok := made[ref.Output]
			return value, ok && ref.ID == id
		})
		if len(missing) > 0 {
			return nil, fmt.Errorf("%s: %s: needs %s, which no step before it gives", id, step.Op, missing[0])
		}
		step.Params = params
		resolved := kind.Resolved{Step: step, Intent: fmt.Sprintf("bootstrap-%s-%d", id.Name, n), Environment: &unpinned}
		prepared, err := maker.Prepare(ctx, resolved)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", id, step.Op, err)
		}
		outputs, err := maker.Do(ctx, resolved, prepared)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", id, step.Op, err)
		}
		maps.Copy(made, outputs)
	}
	return made, nil
}

// keystoreAddress reads the address of an encrypted key file (Web3 Secret
// Storage, version 3), which stands in it in the clear.
func keystoreAddress(path string) (common.Address, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return common.Address{}, fmt.Errorf("keystore: %w", err)
	}
	var file struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(data, &file); err != nil || !common.IsHexAddress(file.Address) {
		return common.Address{}, fmt.Errorf("%s: keystore: no address in it", path)
	}
	return common.HexToAddress(file.Address), nil
}
