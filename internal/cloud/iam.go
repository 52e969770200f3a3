package cloud

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crosschain-ops/reconcile/internal/access"
)

// DirectoryAPI is what reading all of IAM needs.
type DirectoryAPI interface {
	GetAccountAuthorizationDetails(context.Context, *iam.GetAccountAuthorizationDetailsInput, ...func(*iam.Options)) (*iam.GetAccountAuthorizationDetailsOutput, error)
}

// directoryPage is the largest page of GetAccountAuthorizationDetails (IAM API
// reference, MaxItems).
const directoryPage = 1000

// Directory reads all of an account's IAM in one walk that all IAM kinds share.
// Its methods may be called from many goroutines.
type Directory struct {
	api   DirectoryAPI
	clock Clock
	waits []time.Duration

	// first is what All gives, nil until it was read; who has put something into
	// firstly may look.
	firstly chan struct{}
	first   *directoryWalk

	mu sync.Mutex
	// next is the walk that has not begun and that everybody who asks now shares.
	next *directoryWalk
	// busy holds something while a walk runs.
	busy chan struct{}
}

type directoryWalk struct {
	done   chan struct{}
	result *access.Directory
	err    error
	// calledOff says that it failed because who made it did not want it any more:
	// that is no answer for the others.
	calledOff bool
}

// run walks, on behalf of one caller.
func (w *directoryWalk) run(ctx context.Context, api DirectoryAPI) {
	w.result, w.err = walkDirectory(ctx, api)
	w.calledOff = w.err != nil && ctx.Err() != nil
}

// NewDirectory reads through the API. Waits are how long a write may take to be
// seen; nil means SettleWaits. Make a new one for every reading of the world.
func NewDirectory(api DirectoryAPI, clock Clock, waits []time.Duration) *Directory {
	if waits == nil {
		waits = SettleWaits()
	}
	return &Directory{api: api, clock: clock.orWall(), waits: waits, firstly: make(chan struct{}, 1), busy: make(chan struct{}, 1)}
}

// All is the directory as the first caller found it: one walk for a whole
// reading of the world.
func (d *Directory) All(ctx context.Context) (*access.Directory, error) {
	select {
	case d.firstly <- struct{}{}:
		defer func() { <-d.firstly }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.first == nil {
		walk := &directoryWalk{}
		if walk.run(ctx, d.api); walk.calledOff {
			return nil, walk.err
		}
		d.first = walk
	}
	return d.first.result, d.first.err
}

// Fresh is the directory by a walk that began after the call. Callers who wait
// at the same time share one.
func (d *Directory) Fresh(ctx context.Context) (*access.Directory, error) {
	d.mu.Lock()
	walk := d.next
	mine := walk == nil
	if mine {
		walk = &directoryWalk{done: make(chan struct{})}
		d.next = walk
	}
	d.mu.Unlock()
	if mine {
		d.lead(ctx, walk)
	}
	select {
	case <-walk.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !mine && walk.calledOff && ctx.Err() == nil {
		return d.Fresh(ctx)
	}
	return walk.result, walk.err
}

// lead runs a walk that others may wait for, after the one that runs now.
func (d *Directory) lead(ctx context.Context, walk *directoryWalk) {
	defer close(walk.done)
	begin := func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.next = nil
	}
	select {
	case d.busy <- struct{}{}:
		defer func() { <-d.busy }()
		begin()
		walk.run(ctx, d.api)
	case <-ctx.Done():
		begin()
		walk.err, walk.calledOff = ctx.Err(), true
	}
}

// UnsettledError says that IAM does not show a write that it accepted.
type UnsettledError struct {
	What string
	Took time.Duration
}

// Error says what was waited for.
func (e *UnsettledError) Error() string {
	return fmt.Sprintf("IAM accepted it, and does not show it after %s: %s", e.Took.Round(time.Second), e.What)
}

// Settle waits until two readings in a row show what was written: IAM answers
// from replicas that disagree for some seconds. A write that is not seen in time
// is an *UnsettledError: it may still appear.
func (d *Directory) Settle(ctx context.Context, what string, shows func(*access.Directory) bool) error {
	begun := d.clock.Now()
	ok, err := d.clock.Await(ctx, d.waits, func() (bool, error) {
		now, err := d.Fresh(ctx)
		return err == nil && shows(now), err
	})
	if err == nil && !ok {
		err = &UnsettledError{What: what, Took: d.clock.Now().Sub(begun)}
	}
	return err
}

// walkDirectory reads all pages. The AWS-managed policies among them are those
// in use.
func walkDirectory(ctx context.Context, api DirectoryAPI) (*access.Directory, error) {
	d := &access.Directory{}
	in := &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(directoryPage)}
	for {
		out, err := api.GetAccountAuthorizationDetails(ctx, in)
		if err != nil {
			return nil, Explain("iam:GetAccountAuthorizationDetails", "account", err)
		}
		addPage(d, out)
		if !out.IsTruncated {
			break
		}
		if aws.ToString(out.Marker) == "" || aws.ToString(out.Marker) == aws.ToString(in.Marker) {
			return nil, Explain("iam:GetAccountAuthorizationDetails", "account", errNoMarker)
		}
		in.Marker = out.Marker
	}
	finish(d)
	return d, nil
}

func addPage(d *access.Directory, out *iam.GetAccountAuthorizationDetailsOutput) {
	for _, u := range out.UserDetailList {
		d.Users = append(d.Users, access.User{
			Entity: access.Entity{
				ARN: aws.ToString(u.Arn), Name: aws.ToString(u.UserName), Path: aws.ToString(u.Path), ID: aws.ToString(u.UserId),
				Tags: tagMap(u.Tags), Boundary: boundary(u.PermissionsBoundary), Attached: attached(u.AttachedManagedPolicies), Inline: inline(u.UserPolicyList),
			},
			Groups: slices.Sorted(slices.Values(u.GroupList)),
		})
	}
	for _, g := range out.GroupDetailList {
		d.Groups = append(d.Groups, access.Group{Entity: access.Entity{
			ARN: aws.ToString(g.Arn), Name: aws.ToString(g.GroupName), Path: aws.ToString(g.Path), ID: aws.ToString(g.GroupId),
			Attached: attached(g.AttachedManagedPolicies), Inline: inline(g.GroupPolicyList),
		}})
	}
	for _, r := range out.RoleDetailList {
		d.Roles = append(d.Roles, access.Role{
			Entity: access.Entity{
				ARN: aws.ToString(r.Arn), Name: aws.ToString(r.RoleName), Path: aws.ToString(r.Path), ID: aws.ToString(r.RoleId),
				Tags: tagMap(r.Tags), Boundary: boundary(r.PermissionsBoundary), Attached: attached(r.AttachedManagedPolicies), Inline: inline(r.RolePolicyList),
			},
			Trust: access.Read(aws.ToString(r.AssumeRolePolicyDocument)),
		})
	}
	for _, p := range out.Policies {
		d.Policies = append(d.Policies, managed(p))
	}
}
