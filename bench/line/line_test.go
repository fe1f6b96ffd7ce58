package line

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// echoServer returns everything and, when the client has ended, ends too.
func echoServer(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	echoes(t, listener)
	return listener.Addr().String()
}

// echoes has a listener be that of an echo server.
func echoes(t *testing.T, listener net.Listener) {
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
}

// Data takes the delay there and back and no less than the rate allows, nothing
// is lost or changed, and the end gets through.
func TestLink(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	link := Link{Delay: 30 * time.Millisecond, Rate: 1 << 20}
	to := echoServer(t)
	go link.Relay(ctx, listener, to)

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make([]byte, 200<<10)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	began := time.Now()
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	back, err := io.ReadAll(conn)
	took := time.Since(began)
	if err != nil || string(back) != string(sent) {
		t.Fatalf("%d of %d bytes, or other ones, came back: %v", len(back), len(sent), err)
	}
	// 200 KiB at 1 MiB/s, and two delays.
	if least := 195*time.Millisecond + 60*time.Millisecond; took < least {
		t.Errorf("it took %v, and the link allows no less than %v", took, least)
	}
}
