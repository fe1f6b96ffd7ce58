package adapter

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"tlsify/engine"
	"tlsify/engine/record"
)

// Tap takes the traffic secrets of one connection from the key log of a TLS
// library that has no other way to give them out: it is the library's
// KeyLogWriter (golang/go#44506), and an [RecordConn] is its stream, so
// that nothing has been read beyond the handshake.
type Tap struct {
	// Next, where not nil, gets the key log as well.
	Next io.Writer
	// Decompressed, where not nil, gives the content of the peer's Certificate message
	// where that came compressed (RFC 8879), else nil.
	Decompressed func() []byte

	client, server                   []byte // traffic secrets, generation 0
	clientHandshake, serverHandshake []byte
}

// Write takes a line of the key log.
func (t *Tap) Write(line []byte) (int, error) {
	if f := bytes.Fields(line); len(f) == 3 {
		switch string(f[0]) {
		case "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
			t.clientHandshake, _ = hex.DecodeString(string(f[2]))
		case "SERVER_HANDSHAKE_TRAFFIC_SECRET":
			t.serverHandshake, _ = hex.DecodeString(string(f[2]))
		case "CLIENT_TRAFFIC_SECRET_0":
			t.client, _ = hex.DecodeString(string(f[2]))
		case "SERVER_TRAFFIC_SECRET_0":
			t.server, _ = hex.DecodeString(string(f[2]))
		}
	}
	if t.Next != nil {
		return t.Next.Write(line)
	}
	return len(line), nil
}

// LogResumed writes the line of a session of TLS 1.2 that was resumed, which crypto/tls
// and its fork leave out of their key logs. Hello is how the client's stream began, and
// session what the library's SessionState.Bytes gives.
func (t *Tap) LogResumed(s *engine.State, hello, session []byte) error {
	if t.Next == nil || s.Version != engine.TLS12 || !s.Resumed {
		return nil
	}
	random, secret := clientRandom(hello), masterSecret(session)
	if random == nil || secret == nil {
		return errors.New("the secret of a resumed session cannot be found")
	}
	_, err := fmt.Fprintf(t.Next, "CLIENT_RANDOM %x %x\n", random, secret)
	return err
}

// clientRandom is that of the ClientHello at the front of stream, or nil.
func clientRandom(stream []byte) []byte {
	const from, to = 4 + 2, 4 + 2 + 32 // behind the message's header and legacy_version
	var hello []byte
	for len(hello) < to {
		rec, err := record.Next(stream)
		if rec == nil || err != nil {
			return nil
		}
		hello, stream = append(hello, rec[record.HeaderLen:]...), stream[len(rec):]
	}
	return hello[from:to]
}

// masterSecret is in a session of TLS 1.2, or nil.
func masterSecret(session []byte) []byte {
	const from = 2 + 1 + 2 + 8 // version, role, cipher suite and time
	if len(session) <= from || len(session) <= from+int(session[from]) {
		return nil
	}
	return session[from+1 : from+1+int(session[from])]
}

// ServerHandshake is the secret of what the server sends in a TLS 1.3 handshake, or nil
// as long as there is none.
func (t *Tap) ServerHandshake() []byte { return t.serverHandshake }

// ClientRefusal is the record by which a server is told that Verify has refused
// it, while the library waits for Verify's word: the first under the client's
// key, or, before TLS 1.3, in clear. Nil: it cannot be made.
func (t *Tap) ClientRefusal(s *engine.State, alert engine.Alert) []byte {
	return refusalRecord(s, t.clientHandshake, nil, alert)
}

// ServerRefusal is the same for a client, whose server has sent its Finished by
// then, and perhaps tickets: sent is all that it has sent.
func (t *Tap) ServerRefusal(s *engine.State, sent []byte, alert engine.Alert) []byte {
	return refusalRecord(s, t.server, sent, alert)
}

func refusalRecord(s *engine.State, secret, sent []byte, alert engine.Alert) []byte {
	if s.Version < engine.TLS13 {
		return []byte{byte(record.TypeAlert), 3, 3, 0, 2, record.AlertFatal, byte(alert)}
	}
	suite := record.SuiteOf(s.Cipher)
	if suite == nil || len(secret) != suite.Hash().Size() {
		return nil
	}
	key := engine.TrafficKey{Cipher: s.Cipher, Secret: bytes.Clone(secret)}
	key.Sequence = countSealed(key, sent)
	slot := make([]byte, 2+record.Overhead)
	slot[record.HeaderLen], slot[record.HeaderLen+1] = record.AlertFatal, byte(alert)
	return record.Resume(key).Seal(slot, 2, record.TypeAlert)
}

// ClientKeys are those of a client whose handshake, by the engine of that name,
// has just ended: it has read up to the server's Finished, and has sent nothing
// behind its own. Where somebody wants the server's tickets, there are none: the
// library keeps the secret that the tickets are worth something with.
func (t *Tap) ClientKeys(name string, records *RecordConn, s *engine.State, tickets bool) (*engine.Keys, error) {
	if s.Version >= engine.TLS13 && tickets {
		return nil, unsupported(name, "a connection whose tickets are to be kept")
	}
	keys, err := t.keys(name, records, s, t.server, t.client)
	if err == nil {
		keys.Ticket = func([]byte) error { return nil } // nobody wants it
	}
	return keys, err
}

// ServerKeys are those of a server whose handshake has just ended: it has read
// up to the client's Finished. It may have sent tickets already, in records
// that look like those of the handshake: sent, which is all that it has sent,
// tells how many.
func (t *Tap) ServerKeys(name string, records *RecordConn, s *engine.State, sent []byte) (*engine.Keys, error) {
	keys, err := t.keys(name, records, s, t.client, t.server)
	if err == nil {
		keys.Out.Sequence = countSealed(keys.Out, sent)
	}
	return keys, err
}

// rest reads what a server sends behind the first records under its first key,
// which the library has opened. It is for the time between user_canceled and
// close_notify (RFC 8446, section 6.1): nothing is answered. Nil: it cannot be read.
func (t *Tap) rest(records *RecordConn, s *engine.State, opened uint64) io.Reader {
	suite := record.SuiteOf(s.Cipher)
	if s.Version < engine.TLS13 || suite == nil || len(t.server) != suite.Hash().Size() {
		return nil
	}
	return record.NewConn(&engine.Keys{
		Stream:      unanswered{records},
		In:          engine.TrafficKey{Cipher: s.Cipher, Secret: bytes.Clone(t.server), Sequence: opened},
		Out:         engine.TrafficKey{Cipher: s.Cipher, Secret: bytes.Clone(t.server)},
		RecordLimit: record.MaxPlaintext,
		Ticket:      func([]byte) error { return nil },
	})
}

// unanswered is a RecordConn whose sending side is the library's.
type unanswered struct{ *RecordConn }

func (unanswered) Write(p []byte) (int, error) { return len(p), nil }

func (t *Tap) keys(name string, records *RecordConn, s *engine.State, in, out []byte) (*engine.Keys, error) {
	if s.Version < engine.TLS13 {
		return nil, unsupported(name, "a TLS 1.2 connection")
	}
	suite := record.SuiteOf(s.Cipher)
	if suite == nil || len(in) != suite.Hash().Size() || len(out) != len(in) {
		return nil, unsupported(name, "this connection")
	}
	stream, received := records.TakeOver()
	return &engine.Keys{
		Stream:      stream,
		In:          engine.TrafficKey{Cipher: s.Cipher, Secret: in},
		Out:         engine.TrafficKey{Cipher: s.Cipher, Secret: out},
		Received:    received,
		RecordLimit: record.MaxPlaintext,
	}, nil
}

func unsupported(name, what string) error {
	return &engine.UnsupportedError{Engine: name, What: "the take-over of " + what}
}

// countSealed tells how many of the records at the end of sent have been sealed
// with a key that was then new.
func countSealed(key engine.TrafficKey, sent []byte) uint64 {
	p := record.New(record.SuiteOf(key.Cipher), bytes.Clone(key.Secret))
	scratch := make([]byte, record.MaxLen)
	for len(sent) > 0 {
		rec, err := record.Next(sent)
		if rec == nil || err != nil {
			break
		}
		sent = sent[len(rec):]
		if record.Type(rec[0]) == record.TypeApplicationData {
			// A record that does not open leaves the sequence number at 0: it
			// is still one of the handshake's.
			_, _, _ = p.Open(scratch, rec)
		}
	}
	return p.TrafficKey().Sequence
}

// Shown adds to the error of a handshake that failed for the peer's certificates
// whom the peer said it is. A TLS library parses the certificates before anyone
// may see them, and lets go of all where it can't, or can't use the key. Received
// is what came in the handshake; of a peer that is a client, the library has its
// secret by another name.
func (t *Tap) Shown(err error, received []byte, client bool) error {
	var peer *engine.PeerError
	if !errors.As(err, &peer) || peer.Fault != engine.FaultCertificate || peer.Shown != nil {
		return err
	}
	secret := t.serverHandshake
	if client {
		secret = t.clientHandshake
	}
	chain, staple := record.ShownChain(received, secret)
	if chain == nil && t.Decompressed != nil {
		chain, staple = record.ShownCertificate(t.Decompressed())
	}
	certs, malformed, parseErr := engine.ParseChain(chain)
	if parseErr == nil && len(certs) > 0 {
		peer.Shown = &engine.Peer{Certificates: certs, Malformed: malformed, Staple: staple}
	}
	return err
}

// ShownLimit is record.ShownLimit of a server.
func (t *Tap) ShownLimit(received []byte) int { return record.ShownLimit(received, t.serverHandshake) }
