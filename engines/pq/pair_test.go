package pq

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest/raced"
)

// testTimeout bounds every test handshake. Under the race detector one by SLH-DSA takes
// seconds of the processor.
var testTimeout = time.Duration(raced.Times()) * 20 * time.Second

// pair gives the two ends of a TCP connection over loopback.
func pair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

type result struct {
	session engine.Session
	err     error
}

// handshakes runs both sides against each other.
func handshakes(t testing.TB, c *engine.ClientConfig, s *engine.ServerConfig) (client, server result) {
	t.Helper()
	clientConn, serverConn := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	done := make(chan result)
	go func() {
		session, err := New().Server(ctx, serverConn, s)
		if err != nil {
			serverConn.(*net.TCPConn).CloseWrite()
		}
		done <- result{session, err}
	}()
	session, err := New().Client(ctx, clientConn, c)
	if err != nil {
		clientConn.(*net.TCPConn).CloseWrite()
	}
	return result{session, err}, <-done
}

// connected is handshakes that must succeed.
func connected(t testing.TB, c *engine.ClientConfig, s *engine.ServerConfig) (client, server engine.Session) {
	t.Helper()
	rc, rs := handshakes(t, c, s)
	if rc.err != nil || rs.err != nil {
		t.Fatalf("client: %v; server: %v", rc.err, rs.err)
	}
	return rc.session, rs.session
}

// configs gives a client and a server that fit.
func configs(kind string) (*engine.ClientConfig, *engine.ServerConfig) {
	id := testIdentity(kind)
	return &engine.ClientConfig{Config: engine.Config{Verify: expectPeer(id)}, ServerName: testName},
		&engine.ServerConfig{Config: engine.Config{Verify: expectPeer(nil)}, Identities: []*engine.Identity{id}}
}

// half is what both an engine.Session and a *tls.Conn can do.
type half interface {
	io.ReadWriter
	CloseWrite() error
}

// exchange sends data of several sizes both ways, then close_notify both ways.
func exchange(t testing.TB, a, b half) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	send := func(from half, n int) {
		if _, err := from.Write(data[:n]); err != nil {
			t.Errorf("write %d bytes: %v", n, err)
		}
	}
	for _, n := range []int{1, 100, 16383, 16384, 16385, 1 << 20} {
		for _, way := range [][2]half{{a, b}, {b, a}} {
			var writer sync.WaitGroup // one at a time
			writer.Go(func() { send(way[0], n) })
			got := make([]byte, n)
			if _, err := io.ReadFull(way[1], got); err != nil {
				t.Fatalf("read %d bytes: %v", n, err)
			}
			if !bytes.Equal(got, data[:n]) {
				t.Fatalf("%d bytes came wrong", n)
			}
			writer.Wait()
		}
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read after close_notify: %d, %v", n, err)
	}
	if err := b.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read after close_notify: %d, %v", n, err)
	}
}

// stdServer is a crypto/tls server on one end; ready gives its connection.
func stdServer(conn net.Conn, c *tls.Config) (ready chan *tls.Conn, failed chan error) {
	ready, failed = make(chan *tls.Conn, 1), make(chan error, 1)
	go func() {
		tc := tls.Server(conn, c)
		if err := tc.Handshake(); err != nil {
			failed <- err
			return
		}
		ready <- tc
	}()
	return ready, failed
}
