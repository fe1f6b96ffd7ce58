package pq

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engines/std"
)

// openssl's s_client and s_server as the peer: that in PATH, and one that
// TLSIFY_TEST_OPENSSL may name, from 3.5 on, which has ML-KEM and ML-DSA. It need
// not be installed: the crate openssl-src, for one, brings the source of 4.0.
//
// What has post-quantum keys or groups is tried with std, too.

func needOpenSSL(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl in PATH")
	}
	return path
}

func needNewOpenSSL(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TLSIFY_TEST_OPENSSL")
	if path == "" {
		t.Skip("no OpenSSL 3.5 or later (TLSIFY_TEST_OPENSSL)")
	}
	return path
}

// enginesWithMLDSA are those that the tests with post-quantum peers are run
// with.
var enginesWithMLDSA = []engine.ServerEngine{New(), std.New()}

// hasGroup tells whether an engine has a group.
func hasGroup(e engine.Engine, group string) bool {
	names, _ := e.Groups()
	return slices.Contains(names, group)
}

// program is a peer that runs beside the test.
type program struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second // for what it may have started itself
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, &stderr)
		}
	})
	return &program{in, bufio.NewReader(out)}
}

// expect reads lines until one has a prefix, and returns the rest of it.
func (p *program) expect(t *testing.T, prefix string) string {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		for {
			line, err := p.out.ReadString('\n')
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				found <- strings.TrimSpace(rest)
				return
			}
			if err != nil {
				close(found)
				return
			}
		}
	}()
	select {
	case rest, ok := <-found:
		if !ok {
			t.Fatalf("the peer ended without %q", prefix)
		}
		return rest
	case <-time.After(testTimeout):
		t.Fatalf("the peer does not say %q", prefix)
	}
	return ""
}

// dial connects our client to a program's port.
func dial(t *testing.T, port string, c *engine.ClientConfig) engine.Session {
	t.Helper()
	return dialBy(t, New(), port, c)
}

func dialBy(t *testing.T, e engine.Engine, port string, c *engine.ClientConfig) engine.Session {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	session, err := e.Client(ctx, conn, c)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// listen gives a port, and the session with whoever connects to it.
func listen(t *testing.T, s *engine.ServerConfig) (port string, accepted func() engine.Session) {
	t.Helper()
	return listenBy(t, New(), s)
}

func listenBy(t *testing.T, e engine.ServerEngine, s *engine.ServerConfig) (port string, accepted func() engine.Session) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() engine.Session {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		session, err := e.Server(ctx, conn, s)
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
}

func line(t *testing.T, s engine.Session, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || string(got) != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

// A pairing is what a handshake with a peer is made of.
type pairing struct {
	e           engine.ServerEngine
	group, kind string
}

func (p pairing) String() string { return p.e.Name() + " " + p.group + " " + p.kind }

// pairings are every group with one kind of key, and every kind of key with one
// group, by each of engines that has them.
func pairings(engines []engine.ServerEngine, groups []string) (all []pairing) {
	for _, e := range engines {
		for _, group := range groups {
			if hasGroup(e, group) {
				all = append(all, pairing{e, group, "mldsa44"})
			}
		}
		for _, kind := range testKinds {
			all = append(all, pairing{e, "X25519MLKEM768", kind})
		}
	}
	return all
}

func TestClientWithOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	for _, kind := range classicalKinds {
		for _, group := range []string{"x25519", "secp256r1", "secp384r1", "secp521r1", "x448"} {
			clientWithOpenSSL(t, openssl, pairing{New(), group, kind})
		}
	}
}

func TestClientWithNewOpenSSL(t *testing.T) {
	openssl := needNewOpenSSL(t)
	for _, p := range pairings(enginesWithMLDSA, openSSLGroups) {
		clientWithOpenSSL(t, openssl, p)
	}
}

// clientWithOpenSSL has a server that asks for our certificate, answers, and
// resumes.
func clientWithOpenSSL(t *testing.T, openssl string, with pairing) {
	t.Run(with.String(), func(t *testing.T) {
		cert, key := writeIdentity(t, testIdentity(with.kind))
		p := start(t, openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key,
			"-groups", openSSLName(with.group), "-verify", "1", "-verify_return_error", "-CAfile", cert, "-rev", "-alpn", "x,y")
		port := p.expect(t, "ACCEPT 127.0.0.1:")
		c, _ := configs(with.kind)
		c.ALPN, c.Identities, c.Groups = []string{"y"}, []*engine.Identity{testIdentity(with.kind)}, []string{with.group}
		c.KeepTicket = func(ticket []byte) { c.Ticket = ticket }
		for i := range 2 {
			session := dialBy(t, with.e, port, c)
			if state := session.State(); state.Group != with.group || state.ALPN != "y" || state.Resumed != (i > 0) {
				t.Errorf("connection %d: %+v", i, state)
			}
			fmt.Fprintln(session, "hello")
			line(t, session, "olleh\n")
			session.CloseWrite()
		}
	})
}

func TestServerWithOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	for _, kind := range classicalKinds {
		serverWithOpenSSL(t, openssl, pairing{New(), "x25519", kind})
	}
	for _, group := range []string{"secp521r1", "x448"} {
		serverWithOpenSSL(t, openssl, pairing{New(), group, "p256"})
	}
}

// The groups that have to be named, with the Open Quantum Safe project's provider in
// the openssl of PATH, which the file that TLSIFY_TEST_OQS names configures.
func TestOQS(t *testing.T) {
	openssl := needOpenSSL(t)
	config := os.Getenv("TLSIFY_TEST_OQS")
	if config == "" {
		t.Skip("no OpenSSL with oqs-provider (TLSIFY_TEST_OQS)")
	}
	t.Setenv("OPENSSL_CONF", config)
	for _, group := range []string{"p256_mlkem512", "p384_mlkem768", "p521_mlkem1024", "x25519_mlkem512", "x448_mlkem768", "FrodoKEM-640-SHAKE"} {
		t.Run("client", func(t *testing.T) { clientWithOpenSSL(t, openssl, pairing{New(), group, "p256"}) })
		t.Run("server", func(t *testing.T) { serverWithOpenSSL(t, openssl, pairing{New(), group, "p256"}) })
	}
}

func TestServerWithNewOpenSSL(t *testing.T) {
	openssl := needNewOpenSSL(t)
	for _, p := range pairings(enginesWithMLDSA, openSSLGroups) {
		serverWithOpenSSL(t, openssl, p)
	}
}

// serverWithOpenSSL has a client that shows a certificate, and resumes.
func serverWithOpenSSL(t *testing.T, openssl string, with pairing) {
	t.Run(with.String(), func(t *testing.T) {
		cert, key := writeIdentity(t, testIdentity(with.kind))
		_, s := configs(with.kind)
		s.ClientAuth, s.Verify, s.Groups = engine.ClientAuthRequire, expectPeer(testIdentity(with.kind)), []string{with.group}
		s.TicketKeys = [][32]byte{{5}}
		port, accepted := listenBy(t, with.e, s)
		file := t.TempDir() + "/session"
		for i, flag := range []string{"-sess_out", "-sess_in"} {
			p := start(t, openssl, "s_client", "-connect", "127.0.0.1:"+port, "-servername", testName, "-quiet", "-groups", openSSLName(with.group),
				"-CAfile", cert, "-verify_return_error", "-verify", "1", "-cert", cert, "-key", key, flag, file)
			session := accepted()
			if state := session.State(); state.Group != with.group || state.Resumed != (i > 0) || state.ServerName != testName {
				t.Errorf("connection %d: %+v", i, state)
			}
			fmt.Fprintln(p.in, "hello")
			line(t, session, "hello\n")
			fmt.Fprintln(session, "goodbye")
			p.expect(t, "goodbye")
			session.CloseWrite()
			p.in.Close()
		}
	})
}

// TestKeyUpdateWithOpenSSL has openssl ask for key updates: k does not want one
// in return, K does.
func TestKeyUpdateWithOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	cert, key := writeIdentity(t, testIdentity("p256"))
	talk := func(t *testing.T, p *program, session engine.Session) {
		for _, command := range []string{"k", "K", "K"} {
			fmt.Fprintln(p.in, command)
			time.Sleep(100 * time.Millisecond) // a command is alone in its read
			fmt.Fprintln(p.in, "after "+command)
			line(t, session, "after "+command+"\n")
			fmt.Fprintln(session, "reply "+command)
			p.expect(t, "reply "+command)
		}
	}
	t.Run("s_server", func(t *testing.T) {
		p := start(t, openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key)
		c, _ := configs("p256")
		talk(t, p, dial(t, p.expect(t, "ACCEPT 127.0.0.1:"), c))
	})
	t.Run("s_client", func(t *testing.T) {
		_, s := configs("p256")
		port, accepted := listen(t, s)
		p := start(t, openssl, "s_client", "-connect", "127.0.0.1:"+port, "-CAfile", cert)
		talk(t, p, accepted())
	})
}

// TestOldOpenSSL is a server with TLS 1.2 only.
func TestOldOpenSSL(t *testing.T) {
	openssl := needOpenSSL(t)
	cert, key := writeIdentity(t, testIdentity("p256"))
	p := start(t, openssl, "s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-cert", cert, "-key", key)
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.expect(t, "ACCEPT 127.0.0.1:"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, _ := configs("p256")
	_, err = New().Client(t.Context(), conn, c)
	wantFault(t, err, engine.FaultVersion)
}
