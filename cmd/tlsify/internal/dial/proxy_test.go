package dial

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tlsify/engine/enginetest"
)

func TestProxy(t *testing.T) {
	for _, fast := range []bool{false, true} {
		for _, test := range proxyTests {
			t.Run(fmt.Sprintf("%s/fastopen=%v", test.name, fast), func(t *testing.T) {
				t.Parallel()
				proxy := &scripted{answers: test.answers}
				p := proxyAt(t, test.scheme, serve(t, "127.0.0.1:0", proxy.handle), test.user)
				limit := patience
				if strings.Contains(test.fails, "too late") {
					limit = 300 * time.Millisecond
				}
				ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errors.New("too late"))
				defer cancel()
				var dialed []string
				s, err := dialerWith(hosts{"six.test": "2001:db8::1"}).dial(ctx, Target{Network: "tcp", Address: test.target, Proxy: p, TCPFastOpen: fast,
					Dialed: func(a string) { dialed = append(dialed, a) }})
				if test.told != nil {
					if diff := cmp.Diff(test.told, proxy.told.take()); diff != "" {
						t.Error("what the proxy was told: " + diff)
					}
				}
				if test.fails != "" {
					checkProxyError(t, err, p, test.fails)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer s.FD.Close()
				if s.Conn != s.FD {
					t.Error("the stream is more than a descriptor")
				}
				if diff := cmp.Diff([]string{p.address()}, dialed); diff != "" {
					t.Error("what was dialled: " + diff)
				}
				cancel() // which must not matter any more
				echoes(t, s.Conn)
			})
		}
	}
}

func checkProxyError(t *testing.T, err error, p *Proxy, want string) {
	t.Helper()
	var failed *ProxyError
	if !errors.As(err, &failed) {
		t.Fatalf("a %T: %v", err, err)
	}
	if diff := cmp.Diff("proxy "+p.String()+": "+want, err.Error()); diff != "" {
		t.Error(diff)
	}
	noSecret(t, err.Error())
	noSecret(t, fmt.Sprintf("%v %+v %#v %s %q", err, failed, *failed, failed.Err, failed.Err))
}

// What follows a proxy's answer, in the same packet, belongs to the target.
func TestNothingIsReadBehindTheAnswer(t *testing.T) {
	for scheme, answers := range map[string][]string{
		"http":    {"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nbehind"},
		"socks5h": {"\x05\x00", socksYes + "behind"},
	} {
		proxy := &scripted{answers: answers}
		p := proxyAt(t, scheme, serve(t, "127.0.0.1:0", proxy.handle), false)
		fd, _, err := Open(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p})
		if err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
		fd.SetReadDeadline(time.Now().Add(patience))
		if got := takes(fd, 6); got != "behind" {
			t.Errorf("%s: %q", scheme, got)
		}
	}
}

// A name that is resolved here may have addresses that the proxy does not
// reach. Its refusal of us is not asked for again.
func TestSOCKSTriesAddressesInTurn(t *testing.T) {
	d := dialerWith(hosts{"two.test": "2001:db8::1 192.0.2.1"})
	const two = "two.test:443"
	var asked notes // types of addresses
	handle := func(replies map[byte]string) func(net.Conn) {
		return func(conn net.Conn) {
			r := bufio.NewReader(conn)
			readMessage(r, true)
			io.WriteString(conn, "\x05\x00")
			request, _ := readMessage(r, false)
			asked.add(fmt.Sprint(request[3]))
			io.WriteString(conn, replies[request[3]])
			io.Copy(conn, r)
		}
	}
	p := proxyAt(t, "socks5", serve(t, "127.0.0.1:0", handle(map[byte]string{4: "\x05\x03", 1: socksYes})), false)
	s, err := d.dial(within(t, patience), Target{Network: "tcp", Address: two, Proxy: p})
	if err != nil {
		t.Fatal(err)
	}
	defer s.FD.Close()
	echoes(t, s.Conn)
	if diff := cmp.Diff([]string{"4", "1"}, asked.take()); diff != "" {
		t.Error(diff)
	}

	p = proxyAt(t, "socks5", serve(t, "127.0.0.1:0", handle(map[byte]string{4: "\x05\x03", 1: "\x05\x05"})), false)
	_, err = d.dial(within(t, patience), Target{Network: "tcp", Address: two, Proxy: p})
	checkProxyError(t, err, p, "no address answers: [2001:db8::1]:443: it answers 3 (the network is unreachable); 192.0.2.1:443: it answers 5 (the connection was refused)")

	asked.take()
	p = proxyAt(t, "socks5", serve(t, "127.0.0.1:0", handle(map[byte]string{4: "\x05\x02"})), false)
	_, err = d.dial(within(t, patience), Target{Network: "tcp", Address: two, Proxy: p})
	checkProxyError(t, err, p, "it answers 2 (its rules do not allow it)")
	if diff := cmp.Diff([]string{"4"}, asked.take()); diff != "" {
		t.Error(diff)
	}

	p = proxyAt(t, "socks5", serve(t, "127.0.0.1:0", handle(map[byte]string{1: socksYes})), false)
	s, err = d.dial(within(t, patience), Target{Network: "tcp4", Address: two, Proxy: p})
	if err != nil {
		t.Fatal(err)
	}
	s.FD.Close()
	if diff := cmp.Diff([]string{"1"}, asked.take()); diff != "" {
		t.Error("with -4: " + diff)
	}
}

func TestProxyErrorsByKind(t *testing.T) {
	d := dialerWith(hosts{"proxy.test": "127.0.0.1"})
	parse := func(text string) *Proxy {
		p, err := ParseProxy(text, true)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	port := closedPort(t)

	// The proxy's own name and address are the proxy's matter.
	p := parse("http://none.test:3128")
	_, err := d.dial(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p})
	checkProxyError(t, err, p, "cannot look up none.test: no such host")
	if !errors.As(err, new(*net.DNSError)) {
		t.Error("the cause is not there")
	}
	p = parse("http://proxy.test:" + port)
	_, err = d.dial(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p})
	checkProxyError(t, err, p, "127.0.0.1:"+port+": connection refused")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error("the cause is not there")
	}

	// The target's name is not.
	_, err = d.dial(within(t, patience), Target{Network: "tcp", Address: "none.test:443", Proxy: parse("socks5://proxy.test:" + port)})
	if err == nil || err.Error() != "cannot look up none.test: no such host" || errors.As(err, new(*ProxyError)) {
		t.Errorf("error %v", err)
	}

	// Nor is a cancellation.
	proxy := &scripted{answers: []string{"SILENCE"}}
	p = proxyAt(t, "http", serve(t, "127.0.0.1:0", proxy.handle), false)
	ctx, cancel := context.WithCancelCause(context.Background())
	signal := errors.New("a signal")
	time.AfterFunc(50*time.Millisecond, func() { cancel(signal) })
	if _, err := d.dial(ctx, Target{Network: "tcp", Address: "peer.test:443", Proxy: p}); err != signal {
		t.Errorf("error %v", err)
	}

	p = parse("https://proxy.test:" + serve(t, "127.0.0.1:0", echo))
	_, err = d.dial(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p})
	checkProxyError(t, err, p, "no TLS can be had for it")
	_, err = d.dial(within(t, patience), Target{Network: "unix", Address: "/s", Proxy: p})
	checkProxyError(t, err, p, "no proxy leads to a unix socket")
}

// With fast open the proxy's addresses are tried until one of them answers.
func TestFastOpenFallsBackBetweenProxies(t *testing.T) {
	proxy := &scripted{answers: []string{yes}}
	port := serve(t, "127.0.0.4:0", proxy.handle)
	serve(t, "127.0.0.2:"+port, reset)
	serve(t, "127.0.0.3:"+port, func(conn net.Conn) { takes(conn, 20); conn.Close() })
	d := dialerWith(hosts{"proxy.test": "127.0.0.2 127.0.0.3 127.0.0.4"})
	p, err := ParseProxy("http://proxy.test:"+port, true)
	if err != nil {
		t.Fatal(err)
	}
	var dialed string
	s, err := d.dial(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p, TCPFastOpen: true,
		Dialed: func(a string) { dialed += a }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.FD.Close()
	if dialed != "127.0.0.4:"+port {
		t.Errorf("it dialled %s", dialed)
	}
	if s.Conn != s.FD {
		t.Error("the stream is more than a descriptor")
	}
	echoes(t, s.FD)
}

// proxyTLS is a ProxyTLS on crypto/tls.
func proxyTLS(roots *x509.CertPool) func(context.Context, net.Conn, string) (net.Conn, error) {
	return func(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
		c := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: roots})
		return c, c.HandshakeContext(ctx)
	}
}

// A proxy over TLS, and TLS with the target within that, which is what begins
// in the very bytes behind the proxy's answer.
func TestProxyOverTLS(t *testing.T) {
	set := enginetest.PKI(t)
	config := &tls.Config{Certificates: []tls.Certificate{enginetest.TLSCertificate(enginetest.Chain(t, "good"))}}
	for _, fast := range []bool{false, true} {
		proxy := &scripted{answers: []string{yes}}
		port := serve(t, "127.0.0.3:0", func(conn net.Conn) { proxy.handle(tls.Server(conn, config)) })
		serve(t, "127.0.0.2:"+port, func(conn net.Conn) {
			if !fast {
				tls.Server(conn, config).Handshake()
			}
		})
		addrs := "127.0.0.3"
		if fast {
			addrs = "127.0.0.2 127.0.0.3"
		}
		d := dialerWith(hosts{enginetest.Host: addrs})
		p, err := ParseProxy("https://jo%20smith:s3cret:p@ss@"+enginetest.Host+":"+port, false)
		if err != nil {
			t.Fatal(err)
		}
		target := Target{Network: "tcp", Address: "peer.test:443", Proxy: p, ProxyTLS: proxyTLS(set.Root.Pool()), TCPFastOpen: fast}
		s, err := d.dial(within(t, patience), target)
		if err != nil {
			t.Fatal(err)
		}
		defer s.FD.Close()
		if _, ok := s.Conn.(*tls.Conn); !ok {
			t.Errorf("the stream is a %T", s.Conn)
		}
		echoes(t, s.Conn)
		if told := proxy.told.take(); len(told) != 1 || !strings.Contains(told[0], "Proxy-Authorization: Basic "+basic()+"\r\n") {
			t.Errorf("the proxy was told %q", told)
		}

		target.ProxyTLS = proxyTLS(set.Other.Pool())
		_, err = d.dial(within(t, patience), target)
		if !errors.As(err, new(x509.UnknownAuthorityError)) {
			t.Errorf("the cause of %v is not there", err)
		}
		checkProxyError(t, err, p, "TLS with the proxy itself: tls: failed to verify certificate: x509: certificate signed by unknown authority")
	}
}

// A proxy that had not been asked was said not to have answered, where it was the DNS
// that had not.
func TestProxyLookupTimeLimit(t *testing.T) {
	d := newDialer()
	d.lookup = func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, c := range []struct{ proxy, want string }{
		{"socks5://127.0.0.1:1", "too late: no answer to the look-up of peer.test"},
		{"socks5h://proxy.test:1", "proxy socks5h://proxy.test:1: too late: no answer to the look-up of proxy.test"},
		{"http://proxy.test:1", "proxy http://proxy.test:1: too late: no answer to the look-up of proxy.test"},
	} {
		p, err := ParseProxy(c.proxy, false)
		if err != nil {
			t.Fatal(err)
		}
		late := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(context.Background(), 50*time.Millisecond, late)
		defer cancel()
		if _, err = d.dial(ctx, Target{Network: "tcp", Address: "peer.test:443", Proxy: p}); !errors.Is(err, late) || err.Error() != c.want {
			t.Errorf("through %s: error %v; want %s", c.proxy, err, c.want)
		}
	}
}

func TestProxyOverTLSTimeLimit(t *testing.T) {
	p := proxyAt(t, "https", serve(t, "127.0.0.1:0", func(conn net.Conn) { io.Copy(io.Discard, conn) }), false)
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, errors.New("too late"))
	defer cancel()
	_, err := Dial(ctx, Target{Network: "tcp", Address: "peer.test:443", Proxy: p, ProxyTLS: proxyTLS(nil)})
	checkProxyError(t, err, p, "no answer: too late")
}

// Crypto/tls closes the stream under it when its time is over, and may do so
// late. Neither closes the descriptor, whose number, like those that deadlines
// use, may be another connection's by then: this once put eight bytes of a
// deadline's into one, and closed two others.
func TestProxyTLSCannotCloseTheDescriptor(t *testing.T) {
	p := proxyAt(t, "https", serve(t, "127.0.0.1:0", echo), false)
	var below net.Conn
	_, err := Dial(within(t, patience), Target{Network: "tcp", Address: "peer.test:443", Proxy: p,
		ProxyTLS: func(_ context.Context, conn net.Conn, _ string) (net.Conn, error) {
			below = conn
			if err := conn.Close(); err != nil {
				return nil, err
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				return nil, err
			}
			echoes(t, conn) // it sets another deadline, and the descriptor is there
			return nil, errors.New("seen")
		}})
	checkProxyError(t, err, p, "TLS with the proxy itself: seen")
	for name, err := range map[string]error{
		"Close":            below.Close(),
		"SetDeadline":      below.SetDeadline(past),
		"SetReadDeadline":  below.SetReadDeadline(past),
		"SetWriteDeadline": below.SetWriteDeadline(past),
	} {
		if err != net.ErrClosed {
			t.Errorf("%s, late: %v", name, err)
		}
	}
}
