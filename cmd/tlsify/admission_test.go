package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tlsify/engine/enginetest/raced"
)

// dialFrom connects to a listener from an address of our own.
func dialFrom(t *testing.T, from, to string) (net.Conn, error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp4", to)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn, nil
}

// admitted makes the handshake from an address, and tells whether it was let.
func admitted(t *testing.T, from, to string) (c *client, ok bool) {
	t.Helper()
	conn, err := dialFrom(t, from, to)
	if err == nil {
		c, err = newClient(conn, clientConfig(t))
	}
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a connection that is refused is to see a reset, and sees %v", err)
	}
	return c, err == nil
}

// A client that is refused sees a reset; a line tells of it, once for many; and
// it is let in when another one leaves.
func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListener(log, os.Environ(), append(identity(t), "--max-connections=2", "--max-per-address=1", "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	a, ok := admitted(t, "127.0.0.1", l.address)
	if !ok {
		t.Fatal("the first is refused")
	}
	// The listener may hear of the handshake's end after the client.
	becomes(func() bool { _, ok = admitted(t, "127.0.0.1", l.address); return !ok })
	b, ok := admitted(t, "127.0.0.2", l.address)
	if !ok {
		t.Fatal("one from another address is refused")
	}
	// The listener has heard that a handshake is over, or is about to, when its
	// bytes move.
	for _, c := range []*client{a, b} {
		io.WriteString(c, "x")
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok = admitted(t, "127.0.0.3", l.address); ok {
		t.Error("a third is let in")
	}
	// One that has sent nothing sees a reset, too.
	silent, err := dialFrom(t, "127.0.0.1", l.address)
	if err == nil {
		_, err = silent.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("one that is refused and has sent nothing sees %v", err)
	}
	for i, c := range []*client{a, b} {
		if got, how := c.talk("still here"); got != "still here" || how != "close_notify" {
			t.Errorf("connection %d: got %q, end %s", i, got, how)
		}
		c.noter.Close()
	}
	var c *client
	if !becomes(func() bool { c, ok = admitted(t, "127.0.0.3", l.address); return ok }) {
		t.Fatal("nobody is let in any more")
	}
	c.noter.Close()
	said, _ := os.ReadFile(log.Name())
	for _, limit := range []string{"--max-per-address", "--max-connections"} {
		if !regexp.MustCompile(`(?m)^tlsify: \S+Z 127\.0\.0\.[13]:\d+: ` + limit + ` is reached$`).Match(said) {
			t.Errorf("no line about %s: %s", limit, said)
		}
	}
}

// Where the system's limits allow fewer than --max-connections, the line about a client
// that is refused says so; it named --max-connections, which helped nobody.
func TestRefusedForTheSystemsLimits(t *testing.T) {
	t.Parallel()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("needs prlimit")
	}
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListenerBy(log, os.Environ(), []string{prlimit, "--nofile=28"}, append(identity(t), "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	first, ok := admitted(t, "127.0.0.1", l.address)
	if !ok {
		t.Fatal("the first is refused")
	}
	defer first.noter.Close()
	if _, ok := admitted(t, "127.0.0.2", l.address); ok {
		t.Error("a second is let in")
	}
	want := regexp.MustCompile(`(?m)^tlsify: \S+Z 127\.0\.0\.2:\d+: what the system allows, 1 at a time by its limits on descriptors and threads, is reached$`)
	if !becomes(func() bool { said, _ := os.ReadFile(log.Name()); return want.Match(said) }) {
		said, _ := os.ReadFile(log.Name())
		t.Errorf("it says %s", said)
	}
}

// hello is a ClientHello as it goes over the wire.
func hello(t *testing.T) []byte {
	t.Helper()
	r := new(recorder)
	tls.Client(r, clientConfig(t)).Handshake()
	if len(r.sent) == 0 {
		t.Fatal("no ClientHello")
	}
	return r.sent
}

// recorder is a stream that takes down the first of what is sent, and is at its
// end then.
type recorder struct {
	net.Conn
	sent []byte
}

func (r *recorder) Write(p []byte) (int, error)      { r.sent = slices.Clone(p); return len(p), nil }
func (r *recorder) Read([]byte) (int, error)         { return 0, io.EOF }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
func (r *recorder) Close() error                     { return nil }

// Whoever shakes hands is served, however many do not: unfinished handshakes
// make room, and established connections stay.
func TestUnfinishedHandshakesMakeRoom(t *testing.T) {
	t.Parallel()
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l, err := startListener(log, os.Environ(), append(identity(t), "--max-handshakes=4", "--handshake-timeout=1m", "127.0.0.1:0", "--", "prog", "cat")...)
	if err != nil {
		t.Fatal(err)
	}
	defer l.stop()
	early, ok := admitted(t, "127.0.0.1", l.address)
	if !ok {
		t.Fatal("the first is refused")
	}
	defer early.noter.Close()
	var silent []net.Conn
	for range 4 {
		conn, err := dialFrom(t, "127.0.0.1", l.address)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(hello(t))
		if _, err := conn.Read(make([]byte, 1)); err != nil { // its answer has begun
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	// They have their time; then the oldest goes.
	if !becomes(func() bool {
		c, ok := admitted(t, "127.0.0.2", l.address)
		if ok {
			c.noter.Close()
		}
		return ok
	}) {
		t.Fatal("nobody is let in")
	}
	if _, err := io.Copy(io.Discard, silent[0]); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the oldest unfinished handshake goes on")
	}
	line := "127.0.0.1:" + strconv.Itoa(silent[0].LocalAddr().(*net.TCPAddr).Port) + ": the handshake was not over when others needed the room"
	if !becomes(func() bool { said, _ := os.ReadFile(log.Name()); return strings.Contains(string(said), line) }) {
		t.Error("no line tells of it")
	}
	io.WriteString(early, "still here")
	if _, err := io.ReadFull(early, make([]byte, len("still here"))); err != nil {
		t.Errorf("an established connection is gone: %v", err)
	}
}

// A connection without its first message has no process, ends when it leaves
// or after --handshake-timeout, and makes room for others before.
func TestNoProcessBeforeTheFirstMessage(t *testing.T) {
	t.Parallel()
	whole := hello(t)
	for name, first := range map[string][]byte{
		"nothing": nil, "part-of-a-header": whole[:3], "all-but-a-byte": whole[:len(whole)-1],
		// What cannot be TLS is over at once.
		"a-byte": []byte("G"), "http": []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "ssh": []byte("SSH-2.0-x\r\n"),
		"proxied": append([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n"), whole...), "ssl2": {0x80, 0x2e, 1, 3, 1, 0, 0x15},
		"another-record": append([]byte{23}, whole[1:]...), "an-alert": {21, 3, 3, 0, 2, 1, 0},
		"another-message": append(append(slices.Clone(whole[:5]), 2), whole[6:]...), "no-length": {22, 3, 1, 0, 0, 1}, "too-long": {22, 3, 1, 0xff, 0xff, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listening(t, "--handshake-timeout="+strconv.Itoa(raced.Times())+"s", "127.0.0.1:0", "--", "prog", "cat")
			conns := make([]net.Conn, 2)
			for i := range conns {
				var err error
				if conns[i], err = dialFrom(t, "127.0.0.1", l.address); err != nil {
					t.Fatal(err)
				}
				conns[i].Write(first)
			}
			conns[0].(*net.TCPConn).CloseWrite()
			for i, conn := range conns { // the second by the time limit
				if n, err := io.Copy(io.Discard, conn); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("connection %d: %d bytes, %v", i, n, err)
				}
			}
			if list := childrenOf(l.process.Pid); len(list) > 0 {
				t.Errorf("processes: %v", list)
			}
			if c, ok := admitted(t, "127.0.0.1", l.address); !ok {
				t.Error("nobody is let in any more")
			} else {
				c.noter.Close()
			}
		})
	}
}

// The options of listen alone are not for its accepts, however they come.
func TestLimitsByDescriptor(t *testing.T) {
	t.Parallel()
	l := newLaunch(t)
	options := l.feed(9)
	pki := pkiFiles(t)
	tlsify := l.start("listen", "--options-fd", "9", "127.0.0.1:0", "--", "prog", "cat")
	io.WriteString(options, "cert "+pki+"/good.pem\nkey "+pki+"/good.key\nmax-connections 1\n\n")
	address := tlsify.await("listening")
	c, ok := admitted(t, "127.0.0.1", address)
	if !ok {
		t.Fatal("refused")
	}
	becomes(func() bool { _, ok = admitted(t, "127.0.0.1", address); return !ok })
	if got, how := c.talk("one"); got != "one" || how != "close_notify" || ok {
		t.Errorf("got %q, end %s; a second is let in: %v", got, how, ok)
	}
	c.noter.Close()
	tlsify.signal(syscall.SIGTERM)
	if status := tlsify.wait(); status != 143 {
		t.Errorf("status %d", status)
	}
}
