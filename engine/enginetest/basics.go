package enginetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"tlsify/engine"
)

// basics are what an engine says of itself, what it refuses before there is
// any traffic, and how it ends with its context.
var basics = []row{
	{"description", clientOnly, anyVersion, testDescription},
	{"unknown-group", bothRoles, anyVersion, testUnknownGroup},
	{"pq-without-pq-groups", bothRoles, anyVersion, testPQWithoutPQGroups},
	{"no-identity", serverOnly, anyVersion, testNoIdentity},
	{"context-cancelled", bothRoles, anyVersion, testContextCancelled},
	{"context-deadline", bothRoles, anyVersion, testContextDeadline},
	{"context-over-before", bothRoles, anyVersion, testContextOverBefore},
	{"context-mid-record", bothRoles, anyVersion, testContextMidRecord},
	{"context-over-after", bothRoles, eachVersion, testContextOverAfter},
}

func testDescription(r *rig) {
	name := r.engine.Name()
	if name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " %\t\n") {
		r.Errorf("Name %q is not one lower-case word", name)
	}
	if r.engine.Library() == "" {
		r.Error("no Library")
	}
	groups, defaults := r.engine.Groups()
	if defaults < 1 || defaults > len(groups) {
		r.Fatalf("%d defaults of %d groups", defaults, len(groups))
	}
	for i, g := range groups {
		if engine.CanonicalGroup(g) != g || slices.Contains(groups[:i], g) {
			r.Errorf("group %q is there twice, or not in the registry's spelling", g)
		}
	}
	groups[0] = "scribbled over"
	if again, _ := r.engine.Groups(); again[0] == groups[0] {
		r.Error("Groups hands out its own memory")
	}
}

// wantUnsupported checks that the configuration is refused, by the check as by
// the handshake, before there is any traffic.
func (t *trial) wantUnsupported(what string) {
	t.Helper()
	end, peerEnd := TCPPair(t)
	_, err := t.start(t.ctx, end)
	for call, err := range map[string]error{"check": t.check(), "handshake": err} {
		if blame, ok := errors.AsType[*engine.UnsupportedError](err); !ok {
			t.Errorf("%s: error %s, want an UnsupportedError", call, describe(err))
		} else if blame.Engine != t.engine.Name() || !strings.Contains(blame.What, what) {
			t.Errorf("%s: UnsupportedError says %q", call, blame)
		}
	}
	wantNothingSent(t, end, peerEnd)
}

func testUnknownGroup(r *rig) {
	t := r.trial()
	t.config.Groups = []string{"x25519", "no-such-group"}
	t.wantUnsupported("no-such-group")
}

func testPQWithoutPQGroups(r *rig) {
	t := r.trial()
	t.config.Groups, t.config.Level = []string{"x25519"}, engine.LevelPQ
	t.wantUnsupported("")
}

func testNoIdentity(r *rig) {
	t := r.trial()
	t.server.Identities = nil
	end, peerEnd := TCPPair(r)
	if _, err := t.start(t.ctx, end); err == nil || t.check() == nil {
		r.Errorf("a server without a certificate: %v, %v", err, t.check())
	}
	wantNothingSent(r, end, peerEnd)
}

var errCause = errors.New("the test's own cause")

// wantCause checks that the handshake with a peer that says nothing ends soon
// after want, with the cause of the context.
func (t *trial) wantCause(cause error, want time.Duration) {
	t.Helper()
	end, _ := TCPPair(t)
	begin := time.Now()
	session, err := t.start(t.ctx, end)
	if session != nil || !errors.Is(err, cause) {
		t.Errorf("error %s, want the cause %v", describe(err), cause)
	}
	if took := time.Since(begin); took > want+2*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

func testContextCancelled(r *rig) {
	t := r.trial()
	ctx, cancel := context.WithCancelCause(t.ctx)
	t.ctx = ctx
	time.AfterFunc(100*time.Millisecond, func() { cancel(errCause) })
	t.wantCause(errCause, 100*time.Millisecond)
}

func testContextDeadline(r *rig) {
	t := r.trial()
	ctx, cancel := context.WithTimeoutCause(t.ctx, 100*time.Millisecond, errCause)
	defer cancel()
	t.ctx = ctx
	t.wantCause(errCause, 100*time.Millisecond)
}

func testContextOverBefore(r *rig) {
	t := r.trial()
	ctx, cancel := context.WithCancelCause(t.ctx)
	cancel(errCause)
	t.ctx = ctx
	t.wantCause(errCause, 0)
}

// The context ends while the peer owes the rest of its first record.
func testContextMidRecord(r *rig) {
	t := r.trial()
	end, peerEnd := TCPPair(r)
	ctx, cancel := context.WithCancelCause(t.ctx)
	first := []byte{typeHandshake, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3}
	if r.role == asServer {
		first[5] = 1 // client_hello
	}
	peerEnd.Write(first)
	time.AfterFunc(100*time.Millisecond, func() { cancel(errCause) })
	begin := time.Now()
	if _, err := t.start(ctx, end); !errors.Is(err, errCause) {
		r.Errorf("error %s, want the cause", describe(err))
	}
	if took := time.Since(begin); took > 3*time.Second {
		r.Errorf("it took %v to end", took)
	}
}

// After the handshake the context means nothing, whenever it ends.
func testContextOverAfter(r *rig) {
	t := r.trial()
	ctx, cancel := context.WithCancelCause(t.ctx)
	t.ctx = ctx
	o := t.mustRun()
	cancel(errCause)
	time.Sleep(50 * time.Millisecond)
	o.exchange("after", "the end")
	o.peer.CloseWrite()
	if _, err := o.session.Read(make([]byte, 1)); err != io.EOF {
		r.Errorf("read at the end: %v", err)
	}
}
