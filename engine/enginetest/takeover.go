package enginetest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"sync"

	"tlsify/engine"
	"tlsify/engine/record"
)

// takeOvers are about when and how keys can be taken over. That the connection
// goes on as it should is for the other tables to test once more, on a
// connection that was taken over.
var takeOvers = []row{
	{"take-over-tls12", bothRoles, only12, testTakeOverTLS12},
	{"take-over-client-certificate", bothRoles, only13, testTakeOverClientCertificate},
	{"take-over-hello-retry", bothRoles, only13, testTakeOverHelloRetry},
	{"take-over-early-bytes", bothRoles, only13, testTakeOverEarlyBytes},
	{"take-over-tickets-sent", serverOnly, only13, testTakeOverTicketsSent},
	{"take-over-tickets-ignored", clientOnly, only13, testTakeOverTicketsIgnored},
	{"take-over-tickets-wanted", clientOnly, only13, testTakeOverTicketsWanted},
}

// taken is a session whose keys somebody else has.
type taken struct {
	engine.Session // for State and Export
	conn           *record.Conn
}

func (t *taken) Read(p []byte) (int, error)  { return t.conn.Read(p) }
func (t *taken) Write(p []byte) (int, error) { return t.conn.Write(p) }
func (t *taken) CloseWrite() error           { return t.conn.CloseWrite() }

func (r *rig) takeOver(s engine.Session) engine.Session {
	r.Helper()
	keyed, ok := s.(engine.KeyedSession)
	if !ok {
		r.Fatal("the session is no engine.KeyedSession")
	}
	keys, err := keyed.TakeOver()
	if err != nil {
		r.Fatal(err)
	}
	return &taken{s, record.NewConn(keys)}
}

// bothWays moves more than one batch in each direction, and ends both.
func (o *outcome) bothWays() {
	o.Helper()
	data := noise(3 * engine.BatchSize)
	for _, way := range []struct {
		from io.Writer
		to   io.Reader
	}{{o.session, o.peer}, {o.peer, o.session}} {
		var writer sync.WaitGroup // one at a time
		writer.Go(func() { way.from.Write(data) })
		got := make([]byte, len(data))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, data) {
			o.Fatalf("what was sent came wrong, or not: %v", err)
		}
		writer.Wait()
	}
	o.exchange("a", "b")
}

// A connection that cannot be taken over goes on.
func testTakeOverTLS12(r *rig) {
	o := r.trial().mustRun()
	if keyed, ok := o.session.(engine.KeyedSession); ok {
		_, err := keyed.TakeOver()
		if _, ok := errors.AsType[*engine.UnsupportedError](err); !ok {
			r.Errorf("%v (%T)", err, err)
		}
	}
	o.bothWays()
}

func testTakeOverClientCertificate(r *rig) {
	t := r.trial()
	t.taken = true
	if r.role == asClient {
		t.client.Identities = []*engine.Identity{Identity(Chain(r, "client"))}
		t.peer.ClientAuth = tls.RequireAnyClientCert
	} else {
		t.peerShows(TLSCertificate(Chain(r, "client")))
		t.server.TicketKeys = [][32]byte{{1}}
		t.peer.SessionTicketsDisabled, t.peer.ClientSessionCache = false, tls.NewLRUClientSessionCache(1)
	}
	t.mustRun().bothWays()
}

// ML-DSA-87 makes flights of more than one record.
func testMLDSATakenOver(r *rig) {
	t := r.trial()
	t.taken = true
	t.shows(Chain(r, "pq-mldsa87"), Chain(r, "pq-client"))
	if r.role == asServer {
		t.server.TicketKeys = [][32]byte{{1}}
		t.peer.SessionTicketsDisabled, t.peer.ClientSessionCache = false, tls.NewLRUClientSessionCache(1)
	}
	t.mustRun().bothWays()
}

func testTakeOverHelloRetry(r *rig) {
	t := r.trial()
	t.taken = true
	t.peer.CurvePreferences = []tls.CurveID{tls.CurveP384} // of which clients send no share at first
	if r.role == asServer {
		t.config.Groups = []string{"secp384r1"}
		t.peer.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
	}
	o := t.mustRun()
	if !o.peer.ConnectionState().HelloRetryRequest {
		r.Error("there was no HelloRetryRequest")
	}
	o.bothWays()
}

// What the peer has sent before the keys are taken is not lost.
func testTakeOverEarlyBytes(r *rig) {
	o := r.trial().mustRun()
	early := noise(50000)
	if _, err := o.peer.Write(early); err != nil {
		r.Fatal(err)
	}
	o.session = r.takeOver(o.session)
	got := make([]byte, len(early))
	if _, err := io.ReadFull(o.session, got); err != nil || !bytes.Equal(got, early) {
		r.Fatalf("what was sent early came wrong, or not: %v", err)
	}
	o.bothWays()
}

// A server's tickets are records under the keys that are taken over.
func testTakeOverTicketsSent(r *rig) {
	cache := tls.NewLRUClientSessionCache(1)
	for _, resumed := range []bool{false, true} {
		t := r.trial()
		t.taken = true
		t.server.TicketKeys = [][32]byte{{1}}
		t.peer.SessionTicketsDisabled, t.peer.ClientSessionCache = false, cache
		o := t.mustRun()
		if o.session.State().Resumed != resumed {
			r.Errorf("resumed: %v", !resumed)
		}
		o.bothWays()
	}
}

func testTakeOverTicketsIgnored(r *rig) {
	t := r.trial()
	t.taken = true
	t.peer.SessionTicketsDisabled = false
	t.mustRun().bothWays()
}

// Who wants tickets gets them, or no keys.
func testTakeOverTicketsWanted(r *rig) {
	t := r.trial()
	var tickets [][]byte
	t.client.KeepTicket = func(ticket []byte) { tickets = append(tickets, ticket) }
	t.peer.SessionTicketsDisabled = false
	o := t.mustRun()
	keyed, ok := o.session.(engine.KeyedSession)
	if !ok {
		r.Fatal("the session is no engine.KeyedSession")
	}
	keys, err := keyed.TakeOver()
	var unsupported *engine.UnsupportedError
	switch {
	case err == nil:
		o.session = &taken{o.session, record.NewConn(keys)}
	case !errors.As(err, &unsupported):
		r.Errorf("%v (%T)", err, err)
	}
	o.bothWays()
	if len(tickets) == 0 {
		r.Error("no tickets")
	}
}
