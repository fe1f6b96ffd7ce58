package bench

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"
)

// A tap stands between contestants and a server that is not ours, and sees of
// what passes the kinds of records alone: when a handshake begins and ends. It
// has no keys, and the server is as it is.
type tap struct {
	listener net.Listener
	server   string
	seen     chan handshakeSeen
}

// handshakeSeen is how long a connection's beginnings took.
type handshakeSeen struct {
	connect   time.Duration // TCP's, to the server
	handshake time.Duration // from the ClientHello to the client's first record under its keys
}

// newTap begins to listen on loopback.
func newTap(server string) (*tap, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tap{listener, server, make(chan handshakeSeen, 1)}
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go t.pass(conn)
		}
	}()
	return t, nil
}

// pass carries one connection.
func (t *tap) pass(client net.Conn) {
	defer client.Close()
	began := time.Now()
	server, err := net.Dial("tcp", t.server)
	if err != nil {
		return
	}
	defer server.Close()
	seen := handshakeSeen{connect: time.Since(began)}
	go func() {
		io.Copy(client, server)
		client.(*net.TCPConn).CloseWrite()
	}()
	var hello time.Time
	var records recordKinds
	buffer := make([]byte, 64<<10)
	for done := false; ; {
		n, err := client.Read(buffer)
		if at := time.Now(); n > 0 && !done {
			if hello.IsZero() {
				hello = at
			}
			if done = records.see(buffer[:n]); done {
				seen.handshake = at.Sub(hello)
				select {
				case t.seen <- seen:
				default: // nobody has asked for the last
				}
			}
		}
		if _, failed := server.Write(buffer[:n]); failed != nil || err != nil {
			server.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// next gives what was seen of a connection that has brought an answer.
func (t *tap) next() (handshakeSeen, error) {
	select {
	case seen := <-t.seen:
		return seen, nil
	case <-time.After(endGrace):
		return handshakeSeen{}, errors.New("no handshake went by")
	}
}

// recordKinds is a place in a stream of records.
type recordKinds struct {
	header []byte
	left   int // of the record's content
}

// see tells whether a record of application data begins in the bytes that come
// next: under TLS 1.3 that has the client's Finished in it, and under TLS 1.2 it
// comes after.
func (r *recordKinds) see(p []byte) bool {
	const headerLen, applicationData = 5, 23
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			p, r.left = p[n:], r.left-n
			continue
		}
		n := min(headerLen-len(r.header), len(p))
		r.header, p = append(r.header, p[:n]...), p[n:]
		if r.header[0] == applicationData {
			return true
		}
		if len(r.header) == headerLen {
			r.left = int(binary.BigEndian.Uint16(r.header[3:]))
			r.header = r.header[:0]
		}
	}
	return false
}
