package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
	"golang.org/x/sync/errgroup"

	"github.com/crosschain-ops/reconcile/internal/attestation"
	"github.com/crosschain-ops/reconcile/internal/attestation/attestationtest"
	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/config"
)

// AttestOptions say how an instance of a validator runs.
type AttestOptions struct {
	// Networks to attest to; none: all on which it has an attestation key and where
	// messaging contracts are deployed.
	Networks []string
	// Once announces, signs what there is, and ends.
	Once bool
	// Every is the pause between two looks for messages; 0: a quarter of a second.
	Every time.Duration
	// Progress is told what was done and what is in the way, a line each; never nil.
	// It may be called by several goroutines.
	Progress func(string)
}

// Attest is an instance of a validator agent, "validator-0": it announces itself
// on each network as soon as it can pay for that, and signs what leaves it, with
// the keys and into the bucket that the environment declares. It runs until the
// context ends; what is in the way (a key or a bucket that is not there yet, no
// coins) is told once, and tried again, as real agents do.
func (s *Somebody) Attest(ctx context.Context, instance string, o AttestOptions) error {
	networks := o.Networks
	if len(networks) == 0 {
		networks = s.attestedBy(instance)
	}
	if len(networks) == 0 {
		return fmt.Errorf("%s: no validator %q has an attestation key on a network with messaging contracts\nhint: sandbox up %s --contracts", s.env.Name, instance, s.env.Name)
	}
	if o.Every <= 0 {
		o.Every = 250 * time.Millisecond
	}
	if !o.Once {
		var work errgroup.Group
		for _, network := range networks {
			work.Go(func() error {
				s.attest(ctx, instance, network, o)
				return nil
			})
		}
		return work.Wait()
	}
	failed := make([]error, len(networks))
	var work errgroup.Group
	for i, network := range networks {
		work.Go(func() error {
			if err := s.attestOnce(ctx, new(attesting), instance, network, o.Progress); err != nil {
				failed[i] = fmt.Errorf("%s on %s: %w", instance, network, err)
			}
			return nil
		})
	}
	return errors.Join(append(failed, work.Wait())...)
}

// attesting is an instance on one network, as far as it has come.
type attesting struct {
	validator *attestationtest.Validator
	client    *ethclient.Client
	announced bool
}

func (a *attesting) close() {
	if a.client != nil {
		a.client.Close()
	}
}

// attest keeps on until the context ends.
func (s *Somebody) attest(ctx context.Context, instance, network string, o AttestOptions) {
	var at attesting
	defer at.close()
	told := ""
	for {
		err := s.attestOnce(ctx, &at, instance, network, o.Progress)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			told = ""
		} else if line := fmt.Sprintf("%s on %s: %v", instance, network, err); line != told {
			told = line
			o.Progress(line)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(o.Every):
		}
	}
}

// attestOnce goes as far as it can.
func (s *Somebody) attestOnce(ctx context.Context, at *attesting, instance, network string, progress func(string)) (err error) {
	if at.validator == nil {
		if at.validator, err = s.validator(ctx, instance, network); err != nil {
			return err
		}
	}
	if at.client == nil {
		n, _ := s.env.Network(network)
		if len(n.RPC) == 0 {
			return errors.New("the sandbox has no endpoint for it")
		}
		if at.client, err = ethclient.DialContext(ctx, n.RPC[0]); err != nil {
			return err
		}
	}
	if !at.announced {
		sent, err := at.validator.Announce(ctx, at.client)
		if err != nil {
			return fmt.Errorf("announce: %w", err)
		}
		if at.announced = true; sent {
			progress(fmt.Sprintf("%s on %s: %s announced %s", instance, network, at.validator.Signer.Address, at.validator.Location))
		}
	}
	signed, err := at.validator.Attest(ctx, at.client)
	if signed > 0 {
		progress(fmt.Sprintf("%s on %s: signed %d", instance, network, signed))
	}
	return err
}

// attestedBy lists the networks of an instance that have messaging contracts.
func (s *Somebody) attestedBy(instance string) []string {
	var networks []string
	for _, n := range s.env.Networks {
		_, deployed := s.env.Deployment.Contract(n.Name, config.RoleMerkleTreeHook)
		if _, err := s.keyOf(instance, "attestation", n.Name); err == nil && deployed {
			networks = append(networks, n.Name)
		}
	}
	return networks
}

// keyOf finds the key of an instance for a use on a network: its own there, or
// the one that it has everywhere.
func (s *Somebody) keyOf(instance, use, network string) (config.Key, error) {
	for _, key := range s.env.Keys {
		named := key.Name == instance+"-"+use || key.Name == instance+"-"+use+"-"+network
		if named && key.Role == "validator" && key.Use == use && slices.Contains(key.Networks, network) {
			return key, nil
		}
	}
	return config.Key{}, fmt.Errorf("%s has no %s key on %s", instance, use, network)
}

// validator puts an instance together as its agent's configuration would.
func (s *Somebody) validator(ctx context.Context, instance, network string) (*attestationtest.Validator, error) {
	n, ok := s.env.Network(network)
	if !ok {
		return nil, fmt.Errorf("no network %q among %d", network, len(s.env.Networks))
	}
	contracts := map[string]common.Address{}
	for _, role := range []string{config.RoleMailbox, config.RoleMerkleTreeHook, config.RoleValidatorAnnounce} {
		c, ok := s.env.Deployment.Contract(network, role)
		if !ok {
			return nil, fmt.Errorf("the deployment has no %s", role)
		}
		contracts[role] = common.HexToAddress(c.Address)
	}
	signers := map[string]attestationtest.Signer{}
	for _, use := range []string{"attestation", "signer"} {
		key, err := s.keyOf(instance, use, network)
		if err != nil {
			return nil, err
		}
		address, sign, err := s.signer(ctx, key)
		if err != nil {
			return nil, err
		}
		signers[use] = attestationtest.Signer{Address: address, Sign: sign}
	}
	location, storage, err := s.storage(instance, network)
	if err != nil {
		return nil, err
	}
	return &attestationtest.Validator{
		Signer: signers["attestation"], Sender: signers["signer"],
		Origin: attestation.Origin{
			Domain: n.DomainID, Hook: contracts[config.RoleMerkleTreeHook], Mailbox: contracts[config.RoleMailbox],
		},
		ValidatorAnnounce: contracts[config.RoleValidatorAnnounce], Location: location, Storage: storage, Confirmations: n.Confirmations,
	}, nil
}

// storage is the instance's bucket, or without one a folder of the overlay's.
func (s *Somebody) storage(instance, network string) (attestation.Location, attestationtest.Storage, error) {
	var buckets []config.Bucket
	if s.env.Access != nil {
		buckets = s.env.Access.Buckets
	}
	for _, b := range buckets {
		l := attestation.Location{Storage: attestation.S3, Bucket: b.Bucket, Region: b.Region}
		switch b.Name {
		case instance + "-" + network:
		case instance:
			l.Folder = network
		default:
			continue
		}
		return l, bucket{s.session.S3(b.Region), l}, nil
	}
	if s.env.Overlay == nil || s.env.Overlay.Checkpoints == "" {
		return attestation.Location{}, nil, fmt.Errorf("%s has no bucket for %s, and the overlay names no folder for checkpoints", instance, network)
	}
	folder, err := filepath.Abs(filepath.Join(s.env.Overlay.Checkpoints, network, instance))
	return attestation.Location{Storage: attestation.File, Path: folder}, attestationtest.Folder(folder), err
}

// bucket is where an instance writes.
type bucket struct {
	api *s3.Client
	at  attestation.Location
}

// Put writes one object.
func (b bucket) Put(ctx context.Context, name string, data []byte) error {
	key := strings.TrimPrefix(b.at.Folder+"/"+name, "/")
	_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(b.at.Bucket), Key: aws.String(key), Body: bytes.NewReader(data), ContentType: aws.String("application/json"),
	})
	return cloud.Explain("s3:PutObject", b.at.Bucket+"/"+key, err)
}
