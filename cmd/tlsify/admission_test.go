package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// door is an admission with a clock of its own, and the names of those it has
// ended.
type door struct {
	*admission
	now   time.Time
	ended []string
}

func newDoor(limits admissionLimits) *door {
	d := &door{now: time.Unix(0, 0)}
	d.admission = newAdmission(limits, func() time.Time { return d.now })
	return d
}

// wait lets one in to wait for its first message.
func (d *door) wait(address, name string) (*visitor, string) {
	return d.enter(netip.PrefixFrom(netip.MustParseAddr(address), 32), func() { d.ended = append(d.ended, name) })
}

// shake lets one in, and its handshake begin.
func (d *door) shake(address, name string) (*visitor, string) {
	v, limit := d.wait(address, name)
	if limit != "" {
		return nil, limit
	}
	d.queue(v)
	if limit := d.refusal(v); limit != "" {
		return v, limit
	}
	d.started(v, func() { d.ended = append(d.ended, name) })
	return v, ""
}

func TestAdmissionLimits(t *testing.T) {
	for _, c := range []struct {
		limits admissionLimits
		limit  string
	}{
		{admissionLimits{3, 10, 10, 3}, "--max-connections"},
		{admissionLimits{10, 3, 10, 10}, "--max-per-address"},
		{admissionLimits{10, 10, 3, 10}, "--max-handshakes"},
	} {
		t.Run(c.limit, func(t *testing.T) {
			d := newDoor(c.limits)
			var visitors []*visitor
			for _, name := range []string{"a", "b", "c"} {
				v, limit := d.shake("192.0.2.1", name)
				if limit != "" {
					t.Fatalf("%s is refused: %s", name, limit)
				}
				visitors = append(visitors, v)
			}
			// All are in their handshake, and none has had its time.
			fourth, limit := d.shake("192.0.2.1", "d")
			if limit != c.limit {
				t.Errorf("the fourth is refused by %q", limit)
			}
			if fourth != nil {
				d.over(fourth)
			}
			if v, limit := d.shake("192.0.2.2", "e"); (limit == "") != (c.limit == "--max-per-address") {
				t.Errorf("one from elsewhere is refused by %q", limit)
			} else {
				d.over(v)
			}
			// The oldest makes room once it has, if it is not established.
			d.now = d.now.Add(handshakeGrace)
			d.established(visitors[0])
			if c.limit == "--max-handshakes" {
				d.shake("192.0.2.1", "another")
			}
			if _, limit := d.shake("192.0.2.1", "f"); limit != "" || !slices.Equal(d.ended, []string{"b"}) {
				t.Errorf("refused by %q; ended: %v", limit, d.ended)
			}
		})
	}
}

// The newest has the next turn, and one that waits gets it whoever makes room.
func TestTurns(t *testing.T) {
	d := newDoor(admissionLimits{10, 10, 1, 10})
	first, _ := d.shake("192.0.2.1", "first")
	older, _ := d.shake("192.0.2.1", "older")
	newer, _ := d.shake("192.0.2.1", "newer")
	for i, step := range []struct {
		happens func()
		turn    *visitor
	}{
		{func() { d.established(first) }, newer},
		{func() { d.over(newer) }, older},
	} {
		step.happens()
		select {
		case <-step.turn.turn:
		default:
			t.Errorf("step %d: it is not the turn of who it should be", i)
		}
		if limit := d.refusal(step.turn); limit != "" {
			t.Errorf("step %d: refused by %s", i, limit)
		}
	}
	// Without a word from anyone, it is the clock's.
	last, _ := d.shake("192.0.2.1", "last")
	d.now = d.now.Add(handshakeGrace)
	d.tick()
	if limit := d.refusal(last); limit != "" {
		t.Errorf("refused by %s", limit)
	}
}

// A flood that began in one moment is not followed by as much in one moment.
func TestTurnsArePaced(t *testing.T) {
	d := newDoor(admissionLimits{10, 10, 2, 10})
	for _, name := range []string{"a", "b", "c", "d"} {
		d.shake("192.0.2.1", name)
	}
	for _, want := range [][]string{{"a"}, {"a", "b"}} {
		d.now = d.now.Add(handshakeGrace)
		d.tick()
		d.tick()
		if !slices.Equal(d.ended, want) {
			t.Errorf("ended: %v, want %v", d.ended, want)
		}
	}
}

// An address that has left a handshake unfinished has the last turn, and makes
// room at once for others, until it has finished one or some time has passed.
func TestOffenders(t *testing.T) {
	d := newDoor(admissionLimits{10, 10, 1, 10})
	bad, _ := d.shake("192.0.2.1", "bad")
	d.over(bad)
	if len(d.offenders) != 1 {
		t.Fatalf("offenders: %v", d.offenders)
	}
	d.shake("192.0.2.1", "bad again")
	if _, limit := d.shake("192.0.2.1", "and again"); limit == "" {
		t.Error("an offender makes room at once for another")
	}
	good, limit := d.shake("192.0.2.2", "good")
	if limit != "" || !slices.Equal(d.ended, []string{"bad again"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	if older, limit := d.shake("192.0.2.3", "as good"); limit == "" {
		t.Error("one that is no offender makes room at once")
	} else if d.shake("192.0.2.1", "once more"); d.next() != older {
		t.Error("an offender has the next turn")
	}
	d.established(good)
	d.now = d.now.Add(offenceTime)
	if d.offends(bad) {
		t.Error("it is never forgotten")
	}
}

func TestOffendersAreBounded(t *testing.T) {
	d := newDoor(admissionLimits{10, 10, 10, 10})
	for i := range mostOffenders + 100 {
		d.remember(&visitor{origin: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)})
	}
	if len(d.offenders) > mostOffenders {
		t.Errorf("%d are remembered", len(d.offenders))
	}
}

// Where only established connections stand, nobody waits for them.
func TestNoWaitForEstablished(t *testing.T) {
	d := newDoor(admissionLimits{1, 10, 1, 10})
	first, _ := d.shake("192.0.2.1", "first")
	second, _ := d.shake("192.0.2.1", "second")
	d.established(first)
	select {
	case <-second.turn:
	default:
		t.Error("it waits")
	}
	if limit := d.refusal(second); limit != "--max-connections" {
		t.Errorf("refused by %q", limit)
	}
}

// Those that wait for their first message make room at once, the oldest first,
// and take none from those whose handshake has begun.
func TestWaitingMakeRoom(t *testing.T) {
	d := newDoor(admissionLimits{3, 3, 3, 3})
	d.wait("192.0.2.1", "a")
	d.wait("192.0.2.2", "b")
	d.wait("192.0.2.3", "c")
	if _, limit := d.wait("192.0.2.4", "d"); limit != "" || !slices.Equal(d.ended, []string{"a"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	if _, limit := d.shake("192.0.2.5", "e"); limit != "" || !slices.Equal(d.ended, []string{"a", "b"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	d.makeRoom()
	if !slices.Equal(d.ended, []string{"a", "b", "c"}) {
		t.Errorf("ended: %v", d.ended)
	}
}

// One that is ended between its first message and its process does not get one
// that stays.
func TestEndedBeforeItsProcess(t *testing.T) {
	d := newDoor(admissionLimits{1, 1, 1, 1})
	a, _ := d.wait("192.0.2.1", "a")
	d.wait("192.0.2.2", "b")
	d.queue(a)
	if limit := d.refusal(a); limit == "" {
		t.Error("one that has made room begins")
	}
	d = newDoor(admissionLimits{1, 1, 1, 1})
	a, _ = d.wait("192.0.2.1", "a")
	d.queue(a)
	d.now = d.now.Add(handshakeGrace)
	d.shake("192.0.2.2", "b")
	d.started(a, func() { d.ended = append(d.ended, "a's process") })
	if !slices.Equal(d.ended, []string{"a's process"}) {
		t.Errorf("ended: %v", d.ended)
	}
}

// Established connections never make room, and one that has ended does.
func TestEstablishedStay(t *testing.T) {
	d := newDoor(admissionLimits{2, 2, 2, 2})
	a, _ := d.shake("192.0.2.1", "a")
	b, _ := d.shake("192.0.2.1", "b")
	d.established(a)
	d.established(b)
	d.now = d.now.Add(time.Hour)
	if _, limit := d.shake("192.0.2.1", "c"); limit == "" || d.ended != nil {
		t.Errorf("a third came in, by %q; ended: %v", limit, d.ended)
	}
	d.over(a)
	d.over(a) // its process has ended, too
	if _, limit := d.shake("192.0.2.1", "d"); limit != "" {
		t.Errorf("refused by %s", limit)
	}
	if _, limit := d.shake("192.0.2.1", "e"); limit == "" {
		t.Error("one departure made room for two")
	}
	d.over(b)
	if d.processes != 1 || len(d.from) != 1 || len(d.unfinished) != 1 || len(d.waiting) != 0 {
		t.Errorf("%d processes, %v, %d unfinished, %d waiting", d.processes, d.from, len(d.unfinished), len(d.waiting))
	}
}

func TestOrigin(t *testing.T) {
	six := func(s string) unix.Sockaddr { return &unix.SockaddrInet6{Addr: netip.MustParseAddr(s).As16()} }
	for _, c := range []struct {
		client unix.Sockaddr
		want   string
	}{
		{&unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}}, "192.0.2.1/32"},
		{six("::ffff:192.0.2.1"), "192.0.2.1/32"},
		{six("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"},
		{&unix.SockaddrUnix{}, "invalid Prefix"},
		{nil, "invalid Prefix"},
	} {
		if got := originOf(c.client).String(); got != c.want {
			t.Errorf("%v counts as %s, want %s", c.client, got, c.want)
		}
	}
}

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
	l := listening(t, "--max-handshakes=4", "--handshake-timeout=1m", "127.0.0.1:0", "--", "prog", "cat")
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
		"another-message": append(append(slices.Clone(whole[:5]), 2), whole[6:]...), "no-length": {22, 3, 1, 0, 0, 1}, "too-long": {22, 3, 1, 0xff, 0xff, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := listening(t, "--handshake-timeout=1s", "127.0.0.1:0", "--", "prog", "cat")
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
