package connection

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/sessions"
	"tlsify/engine"
	"tlsify/verify"
)

// keptSession is the client's side of --session: the session that this
// connection offers, and the tickets that it was given.
type keptSession struct {
	file sessions.File
	key  [32]byte
	note func(string) // for -v

	mu      sync.Mutex // guards what follows
	tickets [][]byte   // the newest last
	offered bool
	peer    *engine.Peer // whom the policy has accepted, or nil
}

// offer makes config offer the session in the file, if there is one that this
// invocation's policy accepts as it stands now, and keep those that come.
func (k *keptSession) offer(config *engine.ClientConfig, policy *verify.Policy) {
	config.KeepTicket = func(ticket []byte) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.tickets = append(k.tickets, bytes.Clone(ticket))
		k.tickets = k.tickets[max(0, len(k.tickets)-sessions.MaxTickets):]
	}
	session, err := sessions.Take(k.file, k.key)
	if err == nil {
		var evidence verify.Evidence
		if evidence, err = evidenceOf(session); err == nil {
			_, err = policy.Check(evidence)
		}
	}
	if err != nil {
		k.note("no session to resume: " + err.Error())
		return
	}
	config.Ticket, k.offered = session.Tickets[0], true
}

func evidenceOf(s *sessions.Session) (verify.Evidence, error) {
	certificates, malformed, err := engine.ParseChain(s.Certificates)
	peer := &engine.Peer{Certificates: certificates, Malformed: malformed, Staple: s.Staple, SCTs: s.Timestamps}
	return EvidenceFrom(peer), err
}

// verified keeps the peer that was judged, in whose certificates the session is
// worth something; k may be nil.
func (k *keptSession) verified(peer *engine.Peer) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.peer = peer
}

// ended saves the new tickets, unless a fatal alert of either side has ended the stream.
func (k *keptSession) ended(err error) {
	if alerted(err) {
		k.forget()
	} else {
		k.save()
	}
}

// alerted tells whether a fatal alert of either side has ended the connection, which must
// not be resumed then (RFC 5246, section 7.2.2; RFC 8446, section 6.2). There are servers
// that say one to each client that offers their ticket.
func alerted(err error) bool {
	return is[*engine.AlertError](err) || is[*engine.PeerError](err)
}

// hungUp tells whether the peer has ended a handshake without a word, as there may be servers
// that do to each client that offers their ticket. Whoever else cuts a line costs us a
// session, and no more.
func hungUp(err error) bool {
	transport, ok := errors.AsType[*engine.TransportError](err)
	return ok && (transport.Err == io.EOF || errors.Is(transport.Err, unix.ECONNRESET) || errors.Is(transport.Err, unix.EPIPE))
}

// forget removes the session that was offered, with all its tickets.
func (k *keptSession) forget() {
	if k == nil || !k.offered {
		return
	}
	if err := sessions.Drop(k.file, k.key); err != nil && !errors.Is(err, os.ErrNotExist) {
		k.note("the session that failed is still there: " + err.Error())
	}
}

// save puts the new tickets into the file, of a peer that was verified; k may be nil.
func (k *keptSession) save() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.peer == nil:
		k.note("no session is kept of a peer that was not verified")
		return
	case k.tickets == nil && k.offered:
		return // some servers give none where one was used
	case k.tickets == nil:
		k.note("no session is kept: the server gave none (tlsify listen gives them with --ticket-key)")
		return
	}
	s := &sessions.Session{Tickets: k.tickets, Staple: k.peer.Staple, Timestamps: k.peer.SCTs}
	if state := k.peer.State; state != nil {
		s.Again = state.Version < engine.TLS13
	}
	for _, certificate := range k.peer.Certificates {
		s.Certificates = append(s.Certificates, certificate.Raw)
	}
	if err := sessions.Put(k.file, k.key, s); err != nil {
		k.note("the session is not kept: " + err.Error())
	}
	k.tickets = nil
}

// EvidenceFrom is what a peer has shown, for a policy.
func EvidenceFrom(peer *engine.Peer) verify.Evidence {
	e := verify.Evidence{Certificates: peer.Certificates, Staple: peer.Staple, SCTs: peer.SCTs, RawKey: peer.RawKey}
	for _, m := range peer.Malformed {
		e.Unparsed = append(e.Unparsed, verify.Unparsed(m))
	}
	return e
}
