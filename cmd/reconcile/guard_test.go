package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/crosschain-ops/reconcile/internal/access"
	"github.com/crosschain-ops/reconcile/internal/bootstrap"
	"github.com/crosschain-ops/reconcile/internal/kind"
)

// A guard stands in front of the emulator, which lets everybody do everything,
// and answers as AWS would: it works out which actions on which resources a call
// asks for, and whether the role that bootstrap makes for it is allowed each.
type guard struct {
	role  string
	world access.World
	live  *lookout

	mu      sync.Mutex
	refused []string
	asked   map[string]bool
}

// wanted is one action on one resource that a call asks for, with what
// conditions look at beside the resource itself.
type wanted struct {
	action, arn string
	given       map[string][]string
	key         *access.Key
	bucket      *access.Bucket
}

// newGuard lets through what one of the tool's roles (plan, apply, watch) may do.
func newGuard(set *bootstrap.Set, which string, live *lookout) (*guard, error) {
	g := &guard{live: live, asked: map[string]bool{}, world: access.World{Account: set.Account, Environment: set.Environment}}
	d := &g.world.Directory
	d.Policies = append(d.Policies, access.Policy{ARN: set.Boundary.ARN, Name: set.Boundary.Name, Document: set.Boundary.Document})
	for _, r := range set.Roles {
		role := access.Role{Entity: access.Entity{ARN: r.ARN, Name: r.Name}, Trust: r.Trust}
		for _, p := range r.Policies {
			role.Attached = append(role.Attached, p.ARN)
			d.Policies = append(d.Policies, access.Policy{ARN: p.ARN, Name: p.Name, Document: p.Document})
		}
		d.Roles = append(d.Roles, role)
		if r.Name == "reconcile-"+which+"-"+set.Environment {
			g.role = r.ARN
		}
	}
	if g.role == "" {
		return nil, fmt.Errorf("the tool has no role %q", which)
	}
	return g, nil
}

// admits reports whether a call goes through; otherwise it has been answered.
func (g *guard) admits(reply http.ResponseWriter, r *http.Request, body []byte) bool {
	list, err := g.wants(context.WithoutCancel(r.Context()), r, body)
	if err != nil {
		list = []wanted{{action: "guard:" + err.Error()}}
	}
	for _, w := range list {
		decision := g.decide(w)
		if decision.Verdict == access.Allowed || onlyItsPolicyIsUnread(decision, w.arn) {
			g.note(w.action, "")
			continue
		}
		text := fmt.Sprintf("%s on %s: %s (%s)", w.action, w.arn, decision.Verdict, decision.Reason)
		g.note(w.action, text)
		denyCall(reply, serviceOf(r), text)
		return false
	}
	return true
}

// onlyItsPolicyIsUnread: a secret's own policy is nothing that access reads, and
// nobody writes one here.
func onlyItsPolicyIsUnread(d access.Decision, arn string) bool {
	return strings.HasPrefix(arn, "arn:aws:secretsmanager:") && d.Reason == "cannot tell whether it is denied: policy of "+arn+": its document was not read"
}

func (g *guard) decide(w wanted) access.Decision {
	world := g.world
	if w.key != nil {
		world.Keys = []access.Key{*w.key}
	}
	if w.bucket != nil {
		world.Buckets = []access.Bucket{*w.bucket}
	}
	given := map[string][]string{"aws:SecureTransport": {"true"}}
	maps.Copy(given, w.given)
	return world.Decide(access.Request{Principal: g.role, Action: w.action, Resource: w.arn, Context: given})
}

func (g *guard) note(action, refused string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[action] = true
	if refused != "" && !slices.Contains(g.refused, refused) {
		g.refused = append(g.refused, refused)
	}
}

// refusals gives what was refused, and forgets it.
func (g *guard) refusals() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	refused := g.refused
	g.refused = nil
	return refused
}

// wants lists what a call asks for, by the protocol that it comes in.
func (g *guard) wants(ctx context.Context, r *http.Request, body []byte) ([]wanted, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	region := scopeOf(r, 2)
	switch service := serviceOf(r); service {
	case "kms":
		return g.wantsOfKMS(ctx, region, operation, body)
	case "secretsmanager":
		return g.wantsOfSecrets(ctx, region, operation, body)
	case "tagging":
		return []wanted{{action: "tag:" + operation, arn: "*"}}, nil
	case "s3":
		return g.wantsOfS3(ctx, region, r, body)
	case "sts":
		return nil, nil // GetCallerIdentity needs no right
	case "iam":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		return g.wantsOfIAM(ctx, form)
	default:
		return nil, fmt.Errorf("a call of service %q", service)
	}
}

// serviceOf is the service that a request is signed for.
func serviceOf(r *http.Request) string { return scopeOf(r, 3) }

// scopeOf is one part of the scope of a request's signature:
// key/date/region/service/aws4_request (IAM User Guide, "Signature Version 4").
func scopeOf(r *http.Request, part int) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	if parts := strings.Split(scope, "/"); len(parts) == 5 {
		return parts[part]
	}
	return ""
}

// denyCall answers "access denied" in the form of the service's protocol.
func denyCall(reply http.ResponseWriter, service, text string) {
	plain := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	switch service {
	case "iam", "sts":
		reply.Header().Set("Content-Type", "text/xml")
		reply.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(reply, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>%s</Message></Error></ErrorResponse>`, plain)
	case "s3":
		reply.Header().Set("Content-Type", "application/xml")
		reply.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(reply, `<Error><Code>AccessDenied</Code><Message>%s</Message></Error>`, plain)
	default:
		reply.Header().Set("Content-Type", "application/x-amz-json-1.1")
		reply.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		reply.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(reply, `{"__type":"AccessDeniedException","message":%q}`, text)
	}
}

// tagged is what conditions see of tags in a request.
func tagged(tags map[string]string) map[string][]string {
	given := map[string][]string{"aws:RequestTag/" + kind.TagEnvironment: nil, "aws:TagKeys": nil}
	for name, value := range tags {
		given["aws:RequestTag/"+name] = []string{value}
		given["aws:TagKeys"] = append(given["aws:TagKeys"], name)
	}
	slices.Sort(given["aws:TagKeys"])
	return given
}

// standsTagged adds what conditions see of the mark that an object has.
func standsTagged(given map[string][]string, tags map[string]string) map[string][]string {
	given = maps.Clone(given)
	given["aws:ResourceTag/"+kind.TagEnvironment] = nil
	if value, there := tags[kind.TagEnvironment]; there {
		given["aws:ResourceTag/"+kind.TagEnvironment] = []string{value}
	}
	return given
}

// decoded reads a body of the JSON protocols.
func decoded[T any](body []byte) (T, error) {
	var in T
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&in)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return in, err
}
