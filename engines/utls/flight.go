package utls

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/engines/brotli"
	"tlsify/engines/zlib"
	"tlsify/engines/zstd"
)

// mostOfCertificate is what the library allows a Certificate message that is not
// compressed.
const mostOfCertificate = 1 << 18

// flight is the library's stream, and reads what a server sends under the keys of the
// handshake for what the library lets pass of a compressed certificate (RFC 8879). It may
// say that it is 16 MiB long, which 30 bytes decompress to; a list of as many certificates
// as are in them takes half a gigabyte and seconds. One by zstd may want a window of half
// a gigabyte, for a certificate of any length.
type flight struct {
	net.Conn
	h *handshake

	record  []byte // the record that is being read, from its header on
	protect *record.Protection
	content []byte // handshake messages, of which the first is not judged yet
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
		alert := engine.AlertBadRecordMAC
		if wrong := new(record.Error); errors.As(err, &wrong) {
			alert = wrong.Alert
		}
		f.end(alert, err.Error())
	case kind == record.TypeHandshake:
		f.content = append(f.content, content...)
		f.messages()
	}
}

// messages passes over the messages that come before the certificate.
func (f *flight) messages() {
	const (
		headerLen                                    = 4
		encryptedExtensions, certRequest, compressed = 8, 13, 25
		limit                                        = 1 << 16 // the library's, for each of them
	)
	for len(f.content) >= headerLen && !f.over {
		length := int(f.content[1])<<16 + int(f.content[2])<<8 + int(f.content[3])
		kind, body := f.content[0], f.content[headerLen:]
		switch {
		case kind != encryptedExtensions && kind != certRequest && kind != compressed, length > limit:
			f.over = true // what comes in its place, or the library takes no such message
		case len(body) < length:
			return
		case kind == compressed:
			f.over = true
			f.certificate(body[:length])
		default:
			f.content = body[length:]
		}
	}
}

// certificate takes the content of a CompressedCertificate.
func (f *flight) certificate(in cryptobyte.String) {
	var algorithm uint16
	var length uint32
	var content cryptobyte.String
	if !in.ReadUint16(&algorithm) || !in.ReadUint24(&length) || !in.ReadUint24LengthPrefixed(&content) {
		return // the library takes no such message
	}
	f.h.compressed = compressed{algorithm, int(length), content}
	if length > mostOfCertificate {
		f.end(engine.AlertBadCertificate, fmt.Sprintf("a compressed certificate of %d bytes", length))
	} else if algorithm == zstd.ID {
		if err := zstd.Decompress(make([]byte, length), content); err != nil {
			f.end(engine.AlertBadCertificate, "a compressed certificate that does not decompress: "+err.Error())
		}
	}
}

// compressed is the content of a CompressedCertificate; its zero value is none.
type compressed struct {
	algorithm uint16
	length    int // of what it decompresses to
	content   []byte
}

// certificate is the Certificate message that the library has decompressed and does not
// give out, or nil.
func (c *compressed) certificate() []byte {
	if c.length > mostOfCertificate {
		return nil
	}
	certificate, err := make([]byte, c.length), errors.ErrUnsupported
	switch c.algorithm {
	case zlib.ID:
		err = zlib.Decompress(certificate, c.content)
	case brotli.ID:
		err = brotli.Decompress(certificate, c.content)
	case zstd.ID:
		err = zstd.Decompress(certificate, c.content)
	}
	if err != nil {
		return nil
	}
	return certificate
}

// end refuses what the server does, under the keys of the handshake.
func (f *flight) end(alert engine.Alert, what string) {
	h := f.h
	f.over = true
	f.refusal = &engine.PeerError{Fault: engine.FaultProtocol, Err: errors.New("the peer broke the protocol: " + what)}
	h.refusal = f.refusal
	h.records.Write(h.tap.ClientRefusal(&engine.State{Version: engine.TLS13, Cipher: engine.Cipher(h.hello.suite)}, alert))
}
