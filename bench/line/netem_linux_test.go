package line

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kernelLine lays a line, and gives its number.
func kernelLine(t *testing.T, form string) (net.Listener, int) {
	t.Helper()
	link, err := Parse(form)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := link.Listen()
	if err != nil {
		t.Skip("needs root, iproute2 and a kernel with netem: ", err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, int(lines.Load())
}

// The way to the listener takes the delay, and TCP's handshake does too; and each
// of TCP's segments is a packet.
func TestKernelLine(t *testing.T) {
	listener, number := kernelLine(t, "40ms")
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
	const size = 100_000
	go conn.Write(make([]byte, size))
	if _, err := io.ReadFull(conn, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 160*time.Millisecond {
		t.Errorf("there and back after %v", took)
	}
	said, err := exec.Command("tc", "-s", "qdisc", "show", "dev", nearDevice(number)).Output()
	var bytes, packets int
	_, counts, _ := strings.Cut(string(said), " Sent ")
	if _, failed := fmt.Sscanf(counts, "%d bytes %d pkt", &bytes, &packets); err != nil || failed != nil || bytes < size || bytes > 1514*packets {
		t.Errorf("%d bytes in %d packets of at most 1514: %v, %v\n%s", bytes, packets, err, failed, said)
	}
}

// A listener's connections begin with the initial window that is asked for.
func TestKernelWindow(t *testing.T) {
	listener, _ := kernelLine(t, "1ms,iw=32")
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := accepted.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO); err != nil || info.Snd_cwnd != 32 {
			t.Errorf("%+v, %v", info, err)
		}
	})
}
