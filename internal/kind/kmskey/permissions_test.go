package kmskey_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
	"github.com/crosschain-ops/reconcile/internal/resource"
)

func TestAPolicyThatMayNotBeReadLeavesTheKeyUnread(t *testing.T) {
	t.Parallel()
	for operation, action := range map[string]string{"kms.GetKeyPolicy": "kms:GetKeyPolicy", "kms.ListGrants": "kms:ListGrants"} {
		b := newBench(t, false, guarded(zero))
		b.create()
		b.faults.Break(cloudtest.Denied, 0, cloudtest.Is(operation))
		seen := b.kind.Observe(t.Context(), b.env, nil)
		if len(seen.Owned) != 0 || len(seen.Unread) != 1 || !seen.Unread[0].Covers(id(zero)) || !strings.HasPrefix(seen.Unread[0].Operation, action+" on 0000") {
			t.Errorf("owned %v, unread %+v", seen.Owned, seen.Unread)
		}
	}
}

func TestGrantsAndAliasesAreToldWholeAndNeverMended(t *testing.T) {
	t.Parallel()
	b := newBench(t, false, guarded(zero))
	b.create()
	keyID := b.keyOf(t, zeroAlias)
	const grants = 130
	for i := range grants {
		out, err := b.admin.CreateGrant(t.Context(), &kms.CreateGrantInput{
			KeyId: keyID, GranteePrincipal: aws.String(contractor), RetiringPrincipal: aws.String(signer),
			Operations: []types.GrantOperation{types.GrantOperationSign, types.GrantOperationGetPublicKey}, Name: aws.String(fmt.Sprint(i)),
		})
		must(t, out, err)
	}
	b.alias("alias/legacy", keyID)
	have := b.observe().Owned[0]
	list, _ := have.Attrs["grants"].([]any)
	if len(list) != grants {
		t.Fatalf("%d grants, want %d", len(list), grants)
	}
	first, _ := list[0].(map[string]any)
	want := map[string]any{"id": first["id"], "name": first["name"], "grantee": contractor, "retiring": signer, "operations": []any{"GetPublicKey", "Sign"}}
	if diff := cmp.Diff(want, first); diff != "" || first["id"] == "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]any{"alias/legacy", zeroAlias}, have.Attrs["aliases"]); diff != "" {
		t.Error(diff)
	}
	narrow := b.kind.Read(t.Context(), b.env, []resource.ID{id(zero)}, nil)
	if diff := cmp.Diff(have.Attrs, narrow.Owned[0].Attrs); diff != "" {
		t.Error(diff)
	}
	if _, steps, deferred := b.judge(); len(steps)+len(deferred) != 0 {
		t.Errorf("steps %v, deferred %q", ops(steps), deferred)
	}
}

func TestAPlanWherePoliciesAreDeclaredAsksThreeTimesForAKey(t *testing.T) {
	t.Parallel()
	const keys = 230
	var names []string
	for i := range keys {
		names = append(names, fmt.Sprintf("validator-%03d-signer-fuji", i))
	}
	b := newBench(t, false, guarded(names...))
	b.create()
	b.fake.Forget()
	if seen := b.observe(); len(seen.Owned) != keys || len(seen.Facts) != 0 {
		t.Fatalf("owned %d, facts %v", len(seen.Owned), seen.Facts)
	}
	want := map[string]int{
		"kms.ListAliases": pages(keys + 1), "tagging.GetResources": pages(keys), "kms.DescribeKey": keys, "kms.GetKeyPolicy": keys, "kms.ListGrants": keys,
	}
	if diff := cmp.Diff(want, b.fake.Calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
