package line

import (
	"net"
	"testing"
	"time"
)

// The way to the listener takes the delay, and TCP's handshake does too.
func TestNetem(t *testing.T) {
	link := Link{Delay: 40 * time.Millisecond, Netem: true}
	listener, err := link.Listen()
	if err != nil {
		t.Skip("needs root, iproute2 and a kernel with netem: ", err)
	}
	echoes(t, listener)
	began := time.Now()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("connected after %v", took)
	}
	conn.Write([]byte("x"))
	if n, err := conn.Read(make([]byte, 1)); n != 1 {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 160*time.Millisecond {
		t.Errorf("there and back after %v", took)
	}
}
