package cloud_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/cloud"
	"github.com/crosschain-ops/reconcile/internal/cloud/cloudtest"
)

const applyRole = "arn:aws:iam::" + account + ":role/reconcile-tool/reconcile-apply-harbour"

func TestARoleIsTakenOnBesideTheFirstSession(t *testing.T) {
	t.Parallel()
	moto, err := cloudtest.StartMoto(cloudtest.MotoOptions{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(moto.Close)
	s, err := cloud.Open(t.Context(), options(moto.Endpoint()))
	if err != nil {
		t.Fatal(err)
	}
	assumed, err := s.Assume(t.Context(), applyRole, "plan-1", `{"Version":"2012-10-17"}`)
	if err != nil {
		t.Fatal(err)
	}
	if have := assumed.Identity().ARN; !strings.Contains(have, "assumed-role/") || !strings.HasSuffix(have, "/plan-1") {
		t.Errorf("runs as %s", have)
	}
	if s.Identity().ARN == assumed.Identity().ARN {
		t.Error("the first session is another one now")
	}
}

// TestARoleOfAnotherAccountIsNotTakenOn: whoever answers after the role was taken
// on must be of the declared account again.
func TestARoleOfAnotherAccountIsNotTakenOn(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, operation string, nth int) {
		switch {
		case operation == "AssumeRole":
			fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
		case nth == 1:
			identity(w, account)
		default:
			identity(w, "999900001111")
		}
	})
	session, err := cloud.Open(t.Context(), options(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Assume(t.Context(), applyRole, "plan-1", "")
	if other := (*cloud.AccountError)(nil); !errors.As(err, &other) || other.Have != "999900001111" || !strings.Contains(err.Error(), applyRole) {
		t.Errorf("%v", err)
	}
	if s.count("AssumeRole") != 1 || s.count("GetCallerIdentity") != 2 {
		t.Errorf("%v", s.asked)
	}
}

func TestARefusedRoleSaysSo(t *testing.T) {
	t.Parallel()
	session, s := open(t, nil, func(w http.ResponseWriter, _ string, _ int) { failXML(w, http.StatusForbidden, "AccessDenied") })
	if _, err := session.Assume(t.Context(), applyRole, "plan-1", ""); err == nil || !strings.Contains(err.Error(), "sts:AssumeRole") || !cloud.NotAccepted(err) {
		t.Errorf("%v after %d requests", err, s.count("AssumeRole"))
	}
}
