package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// inNamespace runs the test once more, in a process of its own in a network
// namespace of its own, and returns false where this is not that process. In
// the namespace there are
//
//	127.0.0.0/8 and ::1, on which everything accepts fast open
//	2001:db8::2 and 192.0.2.2, to which every packet vanishes
//
// and the names of the file hosts, in the form of /etc/hosts.
func inNamespace(t *testing.T, hosts string) bool {
	t.Helper()
	const mark = "DIAL_TEST_NAMESPACE"
	if os.Getenv(mark) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip")
	}
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil {
		t.Fatal(err)
	}
	const setUp = `set -e
		mount --make-rprivate / && mount --bind "$HOSTS" /etc/hosts
		ip link set lo up
		ip link add void type veth peer name other || exit 77
		ip link set void up && ip link set other up
		ip addr add 192.0.2.1/24 dev void && ip -6 addr add 2001:db8::1/64 dev void nodad
		for a in 192.0.2.2 2001:db8::2; do ip neigh add $a lladdr 02:00:00:00:00:01 dev void nud permanent; done
		echo 1027 >/proc/sys/net/ipv4/tcp_fastopen
		exec "$0" "$@"`
	cmd := exec.CommandContext(within(t, time.Minute), "sh", "-c", setUp, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1", "HOSTS="+file)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM):
		t.Skip("needs the right to make a network namespace")
	case cmd.ProcessState.ExitCode() == 77:
		t.Skip("needs a kernel with veth interfaces")
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the test did not run in its namespace:\n%s", out)
	}
	return false
}

// Everything real: the resolver, and an address whose SYNs vanish.
func TestBlackHoledIPv6(t *testing.T) {
	if !inNamespace(t, "2001:db8::2 a.test\n127.0.0.1 a.test\n2001:db8::2 void.test\n192.0.2.2 void.test\n::1 half.test\n192.0.2.2 half.test\n") {
		return
	}
	port := serve(t, "127.0.0.1:0", echo)
	begun := time.Now()
	fd, address, err := Open(within(t, patience), Target{Network: "tcp", Address: "a.test:" + port})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if took := time.Since(begun); took < attemptDelay || took > attemptDelay+2*time.Second {
		t.Errorf("it took %v", took)
	}
	if address != "127.0.0.1:"+port {
		t.Errorf("it dialled %s", address)
	}
	echoes(t, fd)

	fd, _, err = Open(within(t, patience), Target{Network: "tcp4", Address: "a.test:" + port})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()

	late := errors.New("too late")
	for _, c := range []struct {
		target Target
		lacks  string
	}{
		{Target{Network: "tcp6", Address: "a.test:443"}, "from [2001:db8::2]:443"},
		{Target{Network: "tcp", Address: "void.test:443"}, "from [2001:db8::2]:443, 192.0.2.2:443"},
		{Target{Network: "tcp", Address: "void.test:443", TCPFastOpen: true}, "from [2001:db8::2]:443"},
		{Target{Network: "tcp", Address: "half.test:443"}, "from 192.0.2.2:443"},
	} {
		ctx, cancel := context.WithTimeoutCause(context.Background(), 400*time.Millisecond, late)
		defer cancel()
		if _, err := Dial(ctx, c.target); !errors.Is(err, late) || err.Error() != "too late: no answer "+c.lacks {
			t.Errorf("%+v: error %v", c.target, err)
		}
	}
}

// An IPv6 without a route, as where there is none, costs nothing.
func TestNoRoute(t *testing.T) {
	if !inNamespace(t, "2001:db8:ffff::2 a.test\n127.0.0.1 a.test\n") {
		return
	}
	port := serve(t, "127.0.0.1:0", echo)
	quickest := time.Hour // of several: the machine may be busy
	for range 5 {
		begun := time.Now()
		fd, _, err := Open(within(t, patience), Target{Network: "tcp", Address: "a.test:" + port})
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		quickest = min(quickest, time.Since(begun))
		echoes(t, fd)
	}
	if quickest >= attemptDelay {
		t.Errorf("it took %v", quickest)
	}
}

// Without a hosts file that has it localhost was asked of the DNS, which may say anything.
func TestLocalhostWithoutHosts(t *testing.T) {
	if !inNamespace(t, "127.0.0.2 two.test\n") {
		return
	}
	port := serve(t, "127.0.0.1:0", echo)
	for _, host := range []string{"localhost", "LocalHost"} {
		fd, address, err := Open(within(t, patience), Target{Network: "tcp", Address: host + ":" + port})
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		if address != "127.0.0.1:"+port {
			t.Errorf("%s: it dialled %s", host, address)
		}
	}
}

// A hosts file has the last word on what localhost is.
func TestLocalhostOfHosts(t *testing.T) {
	if !inNamespace(t, "127.0.0.2 localhost\nfe80::1 link.test\n") {
		return
	}
	port := serve(t, "127.0.0.2:0", echo)
	fd, address, err := Open(within(t, patience), Target{Network: "tcp", Address: "localhost:" + port})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if address != "127.0.0.2:"+port {
		t.Errorf("it dialled %s", address)
	}
	_, _, err = Open(within(t, patience), Target{Network: "tcp6", Address: "localhost:" + port})
	if want := "cannot look up localhost: no IPv6 address"; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
	// What a name leads to was only an invalid argument.
	_, _, err = Open(within(t, patience), Target{Network: "tcp", Address: "link.test:443"})
	if want := "[fe80::1]:443: a link-local address needs its interface, as in fe80::1%eth0"; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

// sentInSYN tells whether the peer has taken bytes that the SYN had.
func sentInSYN(t *testing.T, fd int) bool {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	const synData = 32 // TCPI_OPT_SYN_DATA of linux/tcp.h
	return info.Options&synData != 0
}

// talk says a word over fast open and returns the stream after the answer.
func talk(t *testing.T, address string) (s *Stream, answer string, dialed []string) {
	t.Helper()
	s = fastStream(t, newDialer(), address, &dialed)
	if _, err := io.WriteString(s.Conn, "hello"); err != nil {
		t.Fatal(err)
	}
	answer = takes(s.Conn, 5)
	return s, answer, dialed
}

func TestFastOpen(t *testing.T) {
	if !inNamespace(t, "127.0.0.2 two.test\n") {
		return
	}
	port := serve(t, "127.0.0.2:0", echo)

	// The first connection brings the cookie, the second uses it.
	s, answer, _ := talk(t, "two.test:"+port)
	if answer != "hello" || sentInSYN(t, s.FD.Number()) {
		t.Errorf("without a cookie the answer is %q, and bytes in the SYN: %v", answer, sentInSYN(t, s.FD.Number()))
	}
	s, answer, dialed := talk(t, "two.test:"+port)
	if answer != "hello" || !sentInSYN(t, s.FD.Number()) {
		t.Errorf("with a cookie the answer is %q, and bytes in the SYN: %v", answer, sentInSYN(t, s.FD.Number()))
	}
	if diff := cmp.Diff([]string{"127.0.0.2:" + port}, dialed); diff != "" {
		t.Error(diff)
	}

	// More than a SYN can carry.
	s = fastStream(t, newDialer(), "two.test:"+port, &dialed)
	long := strings.Repeat("0123456789abcdef", 2000)
	if _, err := io.WriteString(s.Conn, long); err != nil {
		t.Fatal(err)
	}
	if takes(s.Conn, len(long)) != long {
		t.Error("a long first write is not echoed")
	}
}

// With a cookie connect(2) succeeds at once although nobody is there any more.
func TestFastOpenDeadAddress(t *testing.T) {
	if !inNamespace(t, "127.0.0.2 a.test\n127.0.0.3 a.test\n127.0.0.2 two.test\n2001:db8::2 void.test\n127.0.0.3 void.test\n") {
		return
	}
	port := serve(t, "127.0.0.3:0", func(conn net.Conn) { takes(conn, 5); io.WriteString(conn, "other") })
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := l.Accept(); err == nil {
			echo(conn)
		}
	}()
	talk(t, "two.test:"+port) // which brings the cookie
	l.Close()
	_, answer, dialed := talk(t, "a.test:"+port)
	if diff := cmp.Diff([]string{"127.0.0.3:" + port, "other"}, append(dialed, answer)); diff != "" {
		t.Error("after the first address has died: " + diff)
	}
	// Alone it gives the ordinary error, late.
	s := fastStream(t, newDialer(), "two.test:"+port, &dialed)
	if _, err = io.WriteString(s.Conn, "hello"); err == nil {
		_, err = s.Conn.Read(make([]byte, 5))
	}
	if want := "127.0.0.2:" + port + ": connection refused"; err == nil || err.Error() != want || !errors.As(err, new(*Error)) {
		t.Errorf("error %v (%T); want %s", err, err, want)
	}

	// An address whose SYNs vanish is given up before the last one is.
	begun := time.Now()
	_, answer, dialed = talk(t, "void.test:"+port)
	if diff := cmp.Diff([]string{"127.0.0.3:" + port, "other"}, append(dialed, answer)); diff != "" {
		t.Error("with a black-holed first address: " + diff)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A server that speaks first, behind a SYN that waits for bytes to send.
func TestFastOpenServerSpeaksFirst(t *testing.T) {
	if !inNamespace(t, "127.0.0.2 a.test\n") {
		return
	}
	port := serve(t, "127.0.0.2:0", func(conn net.Conn) { io.WriteString(conn, "220 !"); echo(conn) })
	talk(t, "a.test:"+port)
	var dialed []string
	s := fastStream(t, newDialer(), "a.test:"+port, &dialed)
	if greeting := takes(s.Conn, 5); greeting != "220 !" {
		t.Fatalf("it greets with %q", greeting)
	}
	echoes(t, s.Conn)
}
