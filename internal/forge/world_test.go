package forge_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crosschain-ops/reconcile/internal/forge"
	"github.com/crosschain-ops/reconcile/internal/forge/forgetest"
)

const token = forge.Token("ghs_a-token-nobody-may-see")

// ticking is a clock that moves only when somebody sleeps.
type ticking struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *ticking) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

type world struct {
	*testing.T
	server *forgetest.Server
	client *forge.Client
	clock  *ticking
	self   forge.User
}

// start is a forge with one pull request and a client that is the bot.
func start(t *testing.T) *world {
	t.Helper()
	clock := &ticking{now: time.Unix(1_800_000_000, 0)}
	server := forgetest.Start(clock.Now)
	t.Cleanup(server.Close)
	server.Set(func(s *forgetest.State) { s.Accounts[string(token)] = forgetest.Bot() })
	w := &world{T: t, server: server, clock: clock, self: forgetest.Bot().User}
	w.client = w.as(token)
	return w
}

func (w *world) as(t forge.Token) *forge.Client {
	w.Helper()
	client, err := forge.New(forge.Options{API: w.server.URL(), Repository: forgetest.Repository, Token: t, Clock: forge.Clock{Now: w.clock.Now, Sleep: w.clock.Sleep}})
	if err != nil {
		w.Fatal(err)
	}
	return client
}

// breaks lines up what the next requests are answered.
func (w *world) breaks(how ...int) {
	w.server.Set(func(s *forgetest.State) { s.Broken = append(s.Broken, how...) })
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// refused demands an error that says something, and does not say the token.
func (w *world) refused(err error, want string) {
	w.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		w.Fatalf("%v, want %q", err, want)
	}
	if strings.Contains(err.Error(), string(token)) || strings.Contains(err.Error(), "secret-of-the-store") {
		w.Fatalf("%v shows a secret", err)
	}
}

type file struct{ name, text string }

func zipped(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		entry, err := w.Create(f.name)
		if err == nil {
			_, err = entry.Write([]byte(f.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func commit(digit int) string { return strings.Repeat(fmt.Sprint(digit), 40) }
