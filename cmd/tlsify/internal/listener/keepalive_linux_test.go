package listener

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/stream"
)

// A client that lost power kept its process, its place and its PROG for ever: sshd and
// PostgreSQL have the kernel ask after silent clients, and behind us they cannot. A socket
// that somebody else has opened stays as that has it.
func TestVanishedClientsAreNoticed(t *testing.T) {
	own, err := open(t.Context(), invocation.Target{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	n, err := stream.Duplicate(other.(*net.TCPListener), invocation.FirstGiven)
	if err != nil {
		t.Fatal(err)
	}
	given, err := open(t.Context(), invocation.Target{Given: []int{n}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		socket *stream.FD
		asks   int
	}{{own[0], 1}, {given[0], 0}} {
		client, err := net.Dial("tcp", boundAddress(c.socket.Number()))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := c.socket.WaitReadable(); err != nil {
			t.Fatal(err)
		}
		conn, _, err := acceptOn(c.socket.Number())
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(conn)
		if got, err := unix.GetsockoptInt(conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || got != c.asks {
			t.Errorf("SO_KEEPALIVE is %d, %v, want %d", got, err, c.asks)
		}
		if c.asks == 0 {
			continue
		}
		for name, want := range map[int]int{unix.TCP_KEEPIDLE: askAfter, unix.TCP_KEEPINTVL: askAfter, unix.TCP_KEEPCNT: unanswered} {
			if got, err := unix.GetsockoptInt(conn, unix.IPPROTO_TCP, name); err != nil || got != want {
				t.Errorf("option %d is %d, %v, want %d", name, got, err, want)
			}
		}
	}
}

// A client of MPTCP was served by it, since Go 1.24 made its listeners so: kernel TLS does not
// take such a socket, and one that had vanished was noticed a minute late. It has TCP.
func TestMultipathClientsHaveTCP(t *testing.T) {
	own, err := open(t.Context(), invocation.Target{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer own[0].Close()
	var dialer net.Dialer
	dialer.SetMultipathTCP(true) // where there is none it is TCP
	client, err := dialer.Dial("tcp", boundAddress(own[0].Number()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := own[0].WaitReadable(); err != nil {
		t.Fatal(err)
	}
	conn, _, err := acceptOn(own[0].Number())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	for _, n := range []int{own[0].Number(), conn} {
		if protocol, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
			t.Errorf("its protocol is %d, %v", protocol, err)
		}
	}
}
