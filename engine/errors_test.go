package engine

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// A peer that had ended and then resets is a broken pipe to the write behind that, as a
// caller's pipe is whose reader has gone: the line says whose it was.
func TestBrokenPipeIsThePeers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer.Close()
	for range 100 {
		if _, err = client.Write([]byte("x")); err != nil {
			break
		}
		time.Sleep(20 * time.Millisecond) // until the reset has come
	}
	const want = "the peer closed the connection, and takes nothing more"
	if got := (&TransportError{Err: err}).Error(); got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
}

// A reset was "read: connection reset by peer".
func TestTransportErrorWithoutCall(t *testing.T) {
	err := &TransportError{Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	if err.Error() != "connection reset by peer" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}
