package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine/enginetest"
)

// patience bounds what should not take any time.
const patience = 20 * time.Second

// What package net says of a DNS server that is not reached are the names of its calls.
func TestNameError(t *testing.T) {
	for _, c := range []struct {
		err  net.DNSError
		want string
	}{
		{net.DNSError{Err: "no such host", Name: "a.test", Server: "192.0.2.1:53", IsNotFound: true}, "no such host, says the DNS server 192.0.2.1:53"},
		{net.DNSError{Err: "dial udp 192.0.2.1:53: connect: network is unreachable", Name: "a.test", Server: "192.0.2.1:53"}, "the DNS server 192.0.2.1:53: network is unreachable"},
		{net.DNSError{Err: "read udp [::1]:5->[::1]:53: i/o timeout", Name: "a.test", Server: "[::1]:53", IsTimeout: true}, "the DNS server [::1]:53 does not answer"},
		{net.DNSError{Err: "no IPv6 address", Name: "a.test", IsNotFound: true}, "no IPv6 address"},
	} {
		if text := (&NameError{&c.err}).Error(); text != "cannot look up a.test: "+c.want {
			t.Errorf("%s", text)
		}
	}
}

func within(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// hosts is a lookup that knows names by their addresses, space-separated.
type hosts map[string]string

func (h hosts) lookup(_ context.Context, network, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	for _, text := range strings.Fields(h[host]) {
		addr := netip.MustParseAddr(text)
		if addr.Is4() == (network == "ip4") {
			list = append(list, addr)
		}
	}
	if list == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, nil
}

func dialerWith(h hosts) *dialer {
	d := newDialer()
	d.lookup = h.lookup
	return d
}

// serve accepts connections on address until the test ends, and handles each
// in a goroutine of its own. It returns the port.
func serve(t testing.TB, address string, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// A target may say which address of ours to connect from.
func TestFrom(t *testing.T) {
	seen := make(chan string, 1)
	port := serve(t, "127.0.0.1:0", func(c net.Conn) { seen <- c.RemoteAddr().String() })
	s, err := Dial(t.Context(), Target{Network: "tcp", Address: "localhost:" + port, From: netip.MustParseAddrPort("127.0.0.9:0")})
	if err != nil {
		t.Fatal(err)
	}
	s.FD.Close()
	if from := <-seen; !strings.HasPrefix(from, "127.0.0.9:") {
		t.Errorf("it came from %s", from)
	}
}

// notes are what servers have seen, in order.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(note string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, note)
}

// take returns the notes and begins anew.
func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

func echo(conn net.Conn) { io.Copy(conn, conn) }

// echoes checks that the stream leads to an echo.
func echoes(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	const text = "to and fro"
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("the echo is %q, %v", got, err)
	}
}

// closedPort is a port on which nothing listens on 127.0.0.0/8, as far as can
// be known, and which nobody has had from here: a proxy was on the one that had to
// stay closed.
func closedPort(t testing.TB) string {
	t.Helper()
	for {
		port := enginetest.FreePort(t)
		if _, had := closedPorts.LoadOrStore(port, true); !had {
			return port
		}
	}
}

var closedPorts sync.Map

func TestOpen(t *testing.T) {
	port := serve(t, "127.0.0.1:0", echo)
	for _, network := range []string{"tcp", "tcp4"} {
		fd, address, err := Open(within(t, patience), Target{Network: network, Address: "127.0.0.1:" + port})
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		if address != "127.0.0.1:"+port {
			t.Errorf("it dialled %s", address)
		}
		echoes(t, fd)
	}
}

func TestOpenUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err == nil {
			echo(conn)
		}
	}()
	fd, address, err := Open(within(t, patience), Target{Network: "unix", Address: path})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if address != "unix:"+path {
		t.Errorf("it dialled %s", address)
	}
	echoes(t, fd)

	_, _, err = Open(within(t, patience), Target{Network: "unix", Address: path + "-"})
	if want := "unix:" + path + "-: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
	if !errors.As(err, new(*Error)) {
		t.Errorf("a %T", err)
	}
}

// The zone of a link-local address reaches the kernel; that there is none, or no
// such interface, the kernel would call an invalid argument.
func TestZone(t *testing.T) {
	for address, want := range map[string]string{
		"[fe80::1%nonesuch]:443": "[fe80::1%nonesuch]:443: there is no interface nonesuch",
		"[fe80::1]:443":          "[fe80::1]:443: a link-local address needs its interface, as in fe80::1%eth0",
	} {
		if _, _, err := Open(within(t, patience), Target{Network: "tcp", Address: address}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Skip("there is no interface")
	}
	for _, address := range []string{"fe80::1%" + interfaces[0].Name, "fe80::1%1", "169.254.1.1", "fd00::1"} {
		if err := zoneFault(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	port := serve(t, "[::1]:0", echo)
	fd, address, err := Open(within(t, patience), Target{Network: "tcp6", Address: "[::1%lo]:" + port})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if address != "[::1]:"+port { // a loopback address needs no zone, and gets none back
		t.Errorf("it dialled %s", address)
	}
}

func TestErrors(t *testing.T) {
	port := closedPort(t)
	d := dialerWith(hosts{
		"two.test":  "127.0.0.1 127.0.0.2",
		"four.test": "127.0.0.1",
		"many.test": strings.Repeat("127.0.0.1 ", attemptsShown+3),
	})
	for name, test := range map[string]struct {
		target Target
		kind   any
		text   string
	}{
		"refused":   {Target{Network: "tcp", Address: "127.0.0.1:PORT"}, new(*Error), "127.0.0.1:PORT: connection refused"},
		"refused-2": {Target{Network: "tcp", Address: "two.test:PORT"}, new(*Error), "two.test:PORT: no address answers: 127.0.0.1:PORT: connection refused; 127.0.0.2:PORT: connection refused"},
		"many":      {Target{Network: "tcp", Address: "many.test:PORT"}, new(*Error), "many.test:PORT: no address answers: " + strings.Repeat("127.0.0.1:PORT: connection refused; ", attemptsShown) + "and 3 more"},
		"fast-open": {Target{Network: "tcp", Address: "two.test:PORT", TCPFastOpen: true}, new(*Error), "two.test:PORT: no address answers: 127.0.0.1:PORT: connection refused; 127.0.0.2:PORT: connection refused"},
		"no-name":   {Target{Network: "tcp", Address: "none.test:PORT"}, new(*net.DNSError), "cannot look up none.test: no such host"},
		"no-name-f": {Target{Network: "tcp", Address: "none.test:PORT", TCPFastOpen: true}, new(*net.DNSError), "cannot look up none.test: no such host"},
		"only-4":    {Target{Network: "tcp6", Address: "four.test:PORT"}, new(*net.DNSError), "cannot look up four.test: no such host with an IPv6 address"},
		"not-4":     {Target{Network: "tcp4", Address: "[::1]:PORT"}, new(*Error), "::1: not an IPv4 address"},
		"not-6":     {Target{Network: "tcp6", Address: "127.0.0.1:PORT"}, new(*Error), "127.0.0.1: not an IPv6 address"},
		"mapped":    {Target{Network: "tcp6", Address: "[::ffff:127.0.0.1]:PORT"}, new(*Error), "127.0.0.1: not an IPv6 address"},
		"no-port":   {Target{Network: "tcp", Address: "127.0.0.1"}, new(*Error), "127.0.0.1: address 127.0.0.1: missing port in address"},
		"bad-port":  {Target{Network: "tcp", Address: "127.0.0.1:nonesuch"}, new(*Error), "127.0.0.1:nonesuch: no such port"},
		"no-host":   {Target{Network: "tcp", Address: ":PORT"}, new(*Error), ":PORT: no host"},
	} {
		t.Run(name, func(t *testing.T) {
			test.target.Address = strings.ReplaceAll(test.target.Address, "PORT", port)
			_, err := d.dial(within(t, patience), test.target)
			if want := strings.ReplaceAll(test.text, "PORT", port); err == nil || err.Error() != want {
				t.Fatalf("error %v\nwant  %s", err, want)
			}
			if !errors.As(err, test.kind) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
	_, err := d.dial(within(t, patience), Target{Network: "tcp", Address: "two.test:" + port})
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Error("errors.Is does not find what the addresses said")
	}
}

// A hosts file may have a name with addresses of one family only, for which
// package net has an error that is no DNSError.
func TestNameWithoutTheFamily(t *testing.T) {
	d := newDialer()
	d.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return nil, &net.AddrError{Err: "no suitable address found", Addr: "six.test"}
	}
	_, err := d.dial(within(t, patience), Target{Network: "tcp4", Address: "six.test:443"})
	var dns *net.DNSError
	if !errors.As(err, &dns) || dns.Err != "no IPv4 address" {
		t.Errorf("error %v", err)
	}
}

// Where nobody could be asked for one family, that is worth more than that the
// other is not there.
func TestServerFailureIsReported(t *testing.T) {
	for _, failing := range []string{"ip4", "ip6"} {
		d := newDialer()
		d.lookup = func(_ context.Context, network, host string) ([]netip.Addr, error) {
			if network == failing {
				return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		for _, fast := range []bool{false, true} {
			_, err := d.dial(within(t, patience), Target{Network: "tcp", Address: "a.test:443", TCPFastOpen: fast})
			if err == nil || !strings.Contains(err.Error(), "server misbehaving") {
				t.Errorf("%s, fast open %v: error %v", failing, fast, err)
			}
		}
	}
}

func TestOpenRefusesMoreThanADescriptor(t *testing.T) {
	port := serve(t, "127.0.0.1:0", echo)
	if _, _, err := Open(within(t, patience), Target{Network: "tcp", Address: "127.0.0.1:" + port, TCPFastOpen: true}); err == nil {
		t.Error("it returned what would not fall back")
	}
}

// A name below localhost is this machine's, whatever DNS says (RFC 6761).
func TestBelowLocalhost(t *testing.T) {
	port := serve(t, "127.0.0.1:0", echo)
	for _, host := range []string{"app.localhost", "a.b.LOCALHOST.", "localhost."} {
		fd, address, err := Open(within(t, patience), Target{Network: "tcp", Address: host + ":" + port})
		if err != nil {
			t.Error(err)
			continue
		}
		if address != "127.0.0.1:"+port {
			t.Errorf("%s: it dialled %s", host, address)
		}
		fd.Close()
	}
	port = serve(t, "[::1]:0", echo)
	fd, address, err := Open(within(t, patience), Target{Network: "tcp", Address: "app.localhost:" + port})
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if address != "[::1]:"+port {
		t.Errorf("it dialled %s", address)
	}
}
