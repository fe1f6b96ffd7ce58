package enginetest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"

	"tlsify/engine"
)

// spans is about handshake messages that span a change of keys: what is behind
// the last message of the old keys, in its record, was not protected by the new
// ones (RFC 8446, section 5.1). Each is a handshake that would succeed if nobody
// looked, or a message that would count as one of the new keys'.
var spans = []row{
	{"span-hello", clientOnly, only13, testSpanServerHello},
	{"span-hello", serverOnly, only13, testSpanClientHello},
	{"span-hello-retry", clientOnly, only13, testSpanHelloRetry},
	{"span-finished", bothRoles, only13, testSpanFinished},
}

// EncryptedExtensions that are not encrypted: all of them, and their beginning.
func testSpanServerHello(r *rig) {
	for _, early := range []int{1 << 24, 3} {
		r.repacked(nil, func(flight []part) []part { return moved(flight, early) })
	}
}

// The same behind the ServerHello that follows a HelloRetryRequest.
func testSpanHelloRetry(r *rig) {
	retry := func(t *trial) { t.peer.CurvePreferences = []tls.CurveID{tls.CurveP384} } // of which clients send no share at first
	r.repacked(retry, func(flight []part) []part {
		if len(flight) > 0 && flight[len(flight)-1].sealed {
			return moved(flight, 1<<24)
		}
		return flight
	})
}

// moved has the first bytes of what is protected follow the ServerHello in its
// record, up to a whole message.
func moved(flight []part, most int) []part {
	for i := range flight {
		if !flight[i].sealed {
			continue
		}
		n := min(most, len(flight[i].content))
		flight[0].content = append(bytes.Clone(flight[0].content), flight[i].content[:n]...)
		if flight[i].content = flight[i].content[n:]; len(flight[i].content) == 0 {
			flight = append(flight[:i:i], flight[i+1:]...)
		}
		return flight
	}
	return flight
}

// The beginning of the client's Finished, which is always the same, is not
// protected.
func testSpanClientHello(r *rig) {
	const finished = "\x14\x00\x00"
	r.repacked(nil, func(flight []part) []part {
		switch last := &flight[len(flight)-1]; {
		case !last.sealed && last.typ == typeHandshake:
			last.content = append(bytes.Clone(last.content), finished...)
		case last.sealed:
			last.content = last.content[len(finished):]
		}
		return flight
	})
}

// A KeyUpdate, and the beginning of one.
func testSpanFinished(r *rig) {
	for _, more := range [][]byte{keyUpdate(0), keyUpdate(0)[:2]} {
		r.repacked(nil, func(flight []part) []part {
			if last := &flight[len(flight)-1]; last.sealed {
				last.content = append(bytes.Clone(last.content), more...)
			}
			return flight
		})
	}
}

// repacked makes a handshake, after tune where not nil, whose peer has its
// flights in other records, and checks that it fails, and that the peer is told.
func (r *rig) repacked(tune func(*trial), edit func(flight []part) []part) {
	r.Helper()
	t := r.trial()
	p := &repacker{log: new(syncBuffer), label: "SERVER_HANDSHAKE_TRAFFIC_SECRET", edit: edit, rig: r}
	if r.role == asServer {
		p.label = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	}
	if tune != nil {
		tune(t)
	}
	t.peer.KeyLogWriter = p.log
	t.wrap = func(c net.Conn) net.Conn { p.Conn = c; return p }
	o := t.run()
	if o.err == nil {
		r.Error("a message that spans a change of keys is taken")
		return
	}
	wantFault(r, o.err, engine.FaultProtocol)
	var op *net.OpError
	clear := clearRecord(typeAlert, []byte{2, byte(engine.AlertUnexpectedMessage)})
	if err := o.peerFailure(); !(errors.As(err, &op) && op.Op == "remote error") && !bytes.HasSuffix(p.in.Bytes(), clear) {
		r.Errorf("the peer was told by no alert: %v", err)
	}
}

// part is a record's worth of a flight.
type part struct {
	typ     byte
	sealed  bool // under the handshake's keys
	content []byte
}

// A repacker puts the flights that crypto/tls writes into other records, under
// the keys that it has.
type repacker struct {
	tap
	rig   *rig
	log   *syncBuffer
	label string
	edit  func([]part) []part
	hello []byte // the first that it writes, a server's hello
}

func (p *repacker) Write(b []byte) (int, error) {
	if p.hello == nil {
		p.hello = bytes.Clone(b)
	}
	flight, opened := p.open(b)
	if !opened {
		return p.Conn.Write(b)
	}
	var out []byte
	sealer := p.keys()
	for _, part := range p.edit(flight) {
		if part.sealed {
			out = append(out, sealer.seal(part.typ, part.content, 0)...)
		} else {
			out = append(out, clearRecord(part.typ, part.content)...)
		}
	}
	_, err := p.Conn.Write(out)
	return len(b), err
}

// open takes a flight apart. It is no flight of the handshake's where a record
// does not open.
func (p *repacker) open(b []byte) (flight []part, ok bool) {
	var keys *forger
	for len(b) > 0 {
		n := 5 + int(binary.BigEndian.Uint16(b[3:]))
		record := b[:n]
		b = b[n:]
		if record[0] != typeApplicationData {
			flight = append(flight, part{typ: record[0], content: record[5:]})
			continue
		}
		if keys == nil {
			keys = p.keys()
		}
		nonce := bytes.Clone(keys.iv)
		for i, b := range binary.BigEndian.AppendUint64(nil, keys.seq) {
			nonce[4+i] ^= b
		}
		keys.seq++
		inner, err := keys.aead.Open(nil, nonce, record[5:], record[:5])
		if err != nil {
			return nil, false // under the keys of what follows
		}
		inner = bytes.TrimRight(inner, "\x00")
		flight = append(flight, part{typ: inner[len(inner)-1], sealed: true, content: inner[:len(inner)-1]})
	}
	return flight, true
}

// keys are those of the handshake.
func (p *repacker) keys() *forger {
	f := &forger{outcome: &outcome{rig: p.rig}}
	hello := p.hello
	if p.rig.role == asServer {
		hello = p.in.Bytes()
	}
	for line := range bytes.Lines([]byte(p.log.String())) {
		if !bytes.HasPrefix(line, []byte(p.label+" ")) {
			continue
		}
		f.under(suiteIn(hello))
		_, f.secret = p.log.line(p.rig, p.label)
		f.keys13()
	}
	return f
}
