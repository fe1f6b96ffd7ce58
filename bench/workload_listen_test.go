package bench

import (
	"net"
	"strconv"
	"testing"
)

// Whoever listens at a port already was taken for the server that was started.
func TestFreePort(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	everywhere, err := net.Listen("tcp4", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	ports := []net.Addr{taken.Addr(), everywhere.Addr(), free.Addr()}
	got := freePort(func() int {
		port := ports[0].(*net.TCPAddr).Port
		ports = ports[1:]
		return port
	})
	if want := strconv.Itoa(free.Addr().(*net.TCPAddr).Port); got != want {
		t.Errorf("port %s, not %s", got, want)
	}
}
