package record

import (
	"bytes"
	"encoding/hex"
	"io"

	"tlsify/engine"
)

// Tap takes the traffic secrets of one connection from the key log of a TLS
// library that has no other way to give them out: it is the library's
// KeyLogWriter (golang/go#44506), and an [engine.RecordConn] is its stream, so
// that nothing has been read beyond the handshake.
type Tap struct {
	// Next, where not nil, gets the key log as well.
	Next io.Writer

	client, server []byte // traffic secrets, generation 0
}

// Write takes a line of the key log.
func (t *Tap) Write(line []byte) (int, error) {
	if f := bytes.Fields(line); len(f) == 3 {
		switch string(f[0]) {
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

// ClientKeys are those of a client whose handshake has just ended: it has read
// up to the server's Finished, and has sent nothing behind its own. Nil says
// that there are none.
func (t *Tap) ClientKeys(records *engine.RecordConn, s *engine.State) *engine.Keys {
	keys := t.keys(records, s, t.server, t.client)
	if keys != nil {
		keys.Ticket = func([]byte) error { return nil } // nobody wants it
	}
	return keys
}

// ServerKeys are those of a server whose handshake has just ended: it has read
// up to the client's Finished. It may have sent tickets already, in records
// that look like those of the handshake: sent, which is all that it has sent,
// tells how many.
func (t *Tap) ServerKeys(records *engine.RecordConn, s *engine.State, sent []byte) *engine.Keys {
	keys := t.keys(records, s, t.client, t.server)
	if keys != nil {
		keys.Out.Sequence = countSealed(keys.Out, sent)
	}
	return keys
}

func (t *Tap) keys(records *engine.RecordConn, s *engine.State, in, out []byte) *engine.Keys {
	suite := SuiteOf(s.Cipher)
	if s.Version != engine.TLS13 || suite == nil || len(in) != suite.Hash().Size() || len(out) != len(in) {
		return nil
	}
	stream, received := records.TakeOver()
	return &engine.Keys{
		Stream:      stream,
		In:          engine.TrafficKey{Cipher: s.Cipher, Secret: in},
		Out:         engine.TrafficKey{Cipher: s.Cipher, Secret: out},
		Received:    received,
		RecordLimit: MaxPlaintext,
	}
}

// countSealed tells how many of the records at the end of sent have been sealed
// with a key that was then new.
func countSealed(key engine.TrafficKey, sent []byte) uint64 {
	p := New(SuiteOf(key.Cipher), bytes.Clone(key.Secret))
	scratch := make([]byte, MaxLen)
	for len(sent) > 0 {
		rec, err := Next(sent)
		if rec == nil || err != nil {
			break
		}
		sent = sent[len(rec):]
		if Type(rec[0]) == TypeApplicationData {
			// A record that does not open leaves the sequence number at 0: it
			// is still one of the handshake's.
			_, _, _ = p.Open(scratch, rec)
		}
	}
	return p.seq
}
