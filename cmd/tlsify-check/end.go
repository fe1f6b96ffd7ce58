package main

import (
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
)

// end is our end of a TLS connection to PROGRAM, as a client or a server.
type end struct {
	*tls.Conn
	wire     *wire
	isServer bool
	secrets  strings.Builder // its key log
}

// hear reads to the end, and tells how that came: "close_notify", "fin", or an
// error.
func (e *end) hear() (got, ended string) {
	all, err := io.ReadAll(e.Conn)
	return string(all), e.ending(err)
}

func (e *end) ending(err error) string {
	switch {
	case (err == nil || errors.Is(err, io.EOF)) && !e.wire.ended.Load():
		return "close_notify"
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "fin"
	}
	return err.Error()
}

// ask sends something, ends its half, and hears the answer.
func (e *end) ask(text string) (got, ended string) {
	io.WriteString(e.Conn, text)
	e.CloseWrite()
	return e.hear()
}

// secret is a line of the key log: its two values.
func (e *end) secret(label string) (random, secret []byte) {
	for line := range strings.Lines(e.secrets.String()) {
		if words := strings.Fields(line); words[0] == label {
			random, _ = hex.DecodeString(words[1])
			secret, _ = hex.DecodeString(words[2])
		}
	}
	return random, secret
}

// wire is the stream below TLS.
type wire struct {
	net.Conn
	// ended: crypto/tls has the same io.EOF for a close_notify and for a bare
	// FIN.
	ended atomic.Bool
	// What came first, and what went: enough of it for a ServerHello's random.
	firstIn, firstOut []byte
	// What came last: a record that has an alert in clear.
	lastIn []byte
}

const (
	firstBytes = 64
	lastBytes  = 5 + 2
)

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err == io.EOF {
		w.ended.Store(true)
	}
	w.lastIn = append(w.lastIn, p[max(0, n-lastBytes):n]...)
	w.lastIn = slices.Clone(w.lastIn[max(0, len(w.lastIn)-lastBytes):])
	w.firstIn = append(w.firstIn, p[:min(n, firstBytes-len(w.firstIn))]...)
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.firstOut = append(w.firstOut, p[:min(len(p), firstBytes-len(w.firstOut))]...)
	return w.Conn.Write(p)
}
