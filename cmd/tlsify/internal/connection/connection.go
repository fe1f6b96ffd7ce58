// Package connection is the life of one connect or accept. It opens the network, starts
// the handshake, has the peer verified, reports the result, and starts the transfer of
// bytes. blame.go is the one place where an error becomes a CODE and a status.
//
// It must not know arguments and options, nor other connections. Start reading at
// [Run].
package connection

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/caller"
	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/privilege"
	"tlsify/cmd/tlsify/internal/program"
	"tlsify/cmd/tlsify/internal/sessions"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/engine/trustanchor"
	"tlsify/pump"
	"tlsify/stream"
	"tlsify/verify"
)

// connection is one connect or accept, from the dialling to the end.
type connection struct {
	inv    *acquire.Resources
	caller caller.Caller
	say    *status.Channel
	at     Phase
	facts  facts.Facts

	dialed  string           // the address
	offered []trustanchor.ID // what the server says to have certificates of
	asked   trustanchor.ID   // what it was asked for by a second connection

	door       *stream.FD // to the listener, or nil
	network    *network
	oneByOne   *pump.OneByOne // what the engine reads the network by, where the socket may be handed over
	clock      *clock         // of the handshake
	heard      atomic.Bool    // the peer has sent something of it
	session    engine.Session
	kept       *keptSession     // of --session, or nil
	shown      *engine.Peer     // what the peer has shown, or nil
	verdict    *verify.Result   // of the policy, or nil
	ticket     chan struct{}    // closed when the server has offered a session; of inspect
	carrier    pump.Carrier     // of session's bytes
	program    *program.Program // PROG, once it runs
	ends       [2]int           // of the socketpair that may be handed over, ours first
	pair       *stream.FD       // our end of one that was
	handedAway bool             // the network's socket was: there is no more to do
	spoken     atomic.Bool      // the peer has sent bytes of the stream
	out        *stream.FD       // where the stream is delivered
	closed     bool             // our close_notify went out
	rekeying   atomic.Int32     // commands that wait for a new key

	confinement *privilege.Confinement // nil: --sandbox off
	entered     bool                   // it was
	measures    []string               // those of it that hold
	confineErr  error                  // one of them must hold, and does not
	mayNarrow   bool                   // it leaves something that only the handshake takes
}

func newConnection(inv *acquire.Resources, who caller.Caller) *connection {
	c := &connection{inv: inv, say: inv.Say.Control, caller: who}
	if inv.In != nil {
		c.network = newNetwork(inv.In, inv.Out)
	}
	if inv.Session != nil {
		file := sessions.At(inv.Session.Path)
		if n := inv.Session.FD; n != 0 {
			file = sessions.Opened(n)
		}
		c.kept = &keptSession{file: file, key: inv.SessionKey, note: inv.Say.Note}
	}
	return c
}

// hasDialed tells where the connection leads to.
func (c *connection) hasDialed(address string) {
	c.dialed = address
	c.say.Say("dialed", address)
}

// startName is the name for STARTTLS: by itself, the address that we have here.
func (c *connection) startName() string {
	if name := c.inv.Starttls.Name; name != "" {
		return name
	}
	local, _ := unix.Getsockname(c.network.in.Number())
	return dial.AddressLiteral(facts.AddressOf(local).Addr())
}

// leaveAfter is how long a peer may be silent that has been told that its client
// leaves.
const leaveAfter = 10 * time.Second

// hasLeft tells whether the connection ended because the caller is one that
// leaves at its end of file: how the peer takes that is no failure.
func (c *connection) hasLeft(err error) bool {
	return c.caller.Leaves && c.closed && (err == engine.ErrTruncated || is[*engine.TransportError](err))
}

// certAsked tells whether we are a client that has shaken hands and whose server
// asked for a certificate: alerts about certificates are then about ours.
func (c *connection) certAsked() bool {
	return c.inv.Form.Connects() && c.session != nil && c.session.State().ClientCertRequested
}

// noteCert says why a server that asked for a certificate has got none of ours.
func (c *connection) noteCert() {
	t := c.inv.TLS
	if !c.certAsked() || len(t.Certs) == 0 || t.Raw || c.facts.State.Shown != nil {
		return
	}
	why := "it can check none of those of --cert"
	if !t.InClear && c.facts.State.Version < engine.TLS13 {
		why = "under TLS 1.2 one is sent only with --client-cert-in-clear"
	}
	c.inv.Say.Note("the server asked for a certificate and got none, because " + why)
}

// clock runs out once, after a time in which pauses do not count.
type clock struct {
	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	started time.Time
}

func startClock(limit time.Duration, out func()) *clock {
	return &clock{timer: time.AfterFunc(limit, out), left: limit, started: time.Now()}
}

func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer.Stop() {
		c.left -= time.Since(c.started)
	}
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = time.Now()
	c.timer.Reset(max(c.left, time.Millisecond))
}

// retries tells whether a second connection can become necessary, and can be
// made: by TCP straight to the server.
func (c *connection) retries() bool {
	return c.inv.Form.Connects() && c.inv.In == nil && c.inv.Target.Proxy == nil &&
		strings.HasPrefix(c.inv.Target.Network, "tcp") && c.inv.Policy.MTC != nil && len(c.inv.Policy.MTC.Landmarks) > 0
}
