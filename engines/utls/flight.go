package utls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"tlsify/engine"
	"tlsify/engine/record"
)

// mostOfCertificate is what the library allows a Certificate message that is not
// compressed.
const mostOfCertificate = 1 << 18

// flight is the library's stream, and reads what a server sends under the keys of the
// handshake for the one thing that the library lets pass: how long a compressed
// certificate (RFC 8879) says it is. That may be 16 MiB, which 30 bytes decompress to;
// a list of as many certificates as are in them takes half a gigabyte and seconds.
type flight struct {
	net.Conn
	h *handshake

	record  []byte // the record that is being read, from its header on
	protect *record.Protection
	content []byte // handshake messages, of which the first is not known yet
	over    bool
	refusal error
}

func (f *flight) Read(p []byte) (int, error) {
	if f.refusal != nil {
		return 0, f.refusal
	}
	n, err := f.Conn.Read(p)
	if f.look(p[:n]); f.refusal != nil {
		return 0, f.refusal
	}
	return n, err
}

// look takes the next bytes of the stream, which hold no more than one record.
func (f *flight) look(b []byte) {
	if f.over {
		return
	}
	f.record = append(f.record, b...)
	if rec, err := record.Next(f.record); err != nil {
		f.over = true // the library takes no such record
	} else if rec != nil {
		if record.Type(rec[0]) == record.TypeApplicationData {
			f.open(rec)
		}
		f.record = f.record[:0]
	}
}

// open takes a record that is protected.
func (f *flight) open(rec []byte) {
	if f.protect == nil {
		secret, suite := f.h.tap.ServerHandshake(), record.SuiteOf(engine.Cipher(f.h.hello.suite))
		if secret == nil { // the library takes none before it has keys, and of TLS 1.2 this is none of the handshake's
			f.over = true
			return
		}
		if suite == nil || len(secret) != suite.Hash().Size() {
			f.end(engine.AlertUnexpectedMessage, "a protected record of a cipher suite that is not known")
			return
		}
		f.protect = record.New(suite, bytes.Clone(secret))
	}
	kind, content, err := f.protect.Open(nil, rec)
	switch {
	case err != nil:
		f.end(engine.AlertBadRecordMAC, err.Error())
	case kind == record.TypeHandshake:
		f.content = append(f.content, content...)
		f.messages()
	}
}

// messages passes over the messages that come before the certificate.
func (f *flight) messages() {
	const (
		headerLen                        = 4
		certificate, compressed          = 11, 25
		encryptedExtensions, certRequest = 8, 13
		mostOfOthers                     = 1 << 16 // of the library's
		atLength                         = headerLen + 2
	)
	for len(f.content) >= headerLen && !f.over {
		length := headerLen + int(f.content[1])<<16 + int(f.content[2])<<8 + int(f.content[3])
		switch kind := f.content[0]; {
		case kind == compressed && len(f.content) < atLength+3 && length >= atLength+3:
			return
		case kind == compressed && length >= atLength+3:
			f.over = true
			if n := binary.BigEndian.Uint32(f.content[atLength-1:]) & 0xffffff; n > mostOfCertificate {
				f.end(engine.AlertBadCertificate, fmt.Sprintf("a compressed certificate of %d bytes", n))
			}
		case kind != encryptedExtensions && kind != certRequest, length > headerLen+mostOfOthers:
			f.over = true // what comes in its place, or the library takes no such message
		case len(f.content) < length:
			return
		default:
			f.content = bytes.Clone(f.content[length:])
		}
	}
}

// end refuses what the server does, under the keys of the handshake.
func (f *flight) end(alert engine.Alert, what string) {
	h := f.h
	f.over = true
	f.refusal = &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("the peer broke the protocol: " + what)}
	h.refusal = f.refusal
	h.records.Write(h.tap.ClientRefusal(&engine.State{Version: engine.TLS13, Cipher: engine.Cipher(h.hello.suite)}, alert))
}
