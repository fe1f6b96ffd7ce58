package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// door is an admission with a clock of its own, and what it has killed.
type door struct {
	*admission
	now    time.Time
	killed []int
}

func newDoor(limits admissionLimits) *door {
	d := &door{now: time.Unix(0, 0)}
	d.admission = newAdmission(limits, func(pid int) { d.killed = append(d.killed, pid) })
	return d
}

// enter admits a connection from an address, served by process pid.
func (d *door) enter(address string, pid int) (*visitor, string) {
	v, limit := d.admit(netip.PrefixFrom(netip.MustParseAddr(address), 32), d.now)
	if v != nil {
		d.started(v, pid)
	}
	return v, limit
}

func TestAdmissionLimits(t *testing.T) {
	for _, c := range []struct {
		limits admissionLimits
		limit  string
	}{
		{admissionLimits{3, 10, 10}, "--max-connections"},
		{admissionLimits{10, 3, 10}, "--max-per-address"},
		{admissionLimits{10, 10, 3}, "--max-handshakes"},
	} {
		t.Run(c.limit, func(t *testing.T) {
			d := newDoor(c.limits)
			var visitors []*visitor
			for pid := 1; pid <= 3; pid++ {
				v, limit := d.enter("192.0.2.1", pid)
				if limit != "" {
					t.Fatalf("number %d is refused: %s", pid, limit)
				}
				visitors = append(visitors, v)
			}
			// All are in their handshake, and none has had its time.
			if _, limit := d.enter("192.0.2.1", 4); limit != c.limit {
				t.Errorf("the fourth is refused by %q", limit)
			}
			if _, limit := d.enter("192.0.2.2", 5); (limit == "") != (c.limit == "--max-per-address") {
				t.Errorf("one from elsewhere is refused by %q", limit)
			}
			// The oldest makes room once it has, if it is not established.
			d.now = d.now.Add(handshakeGrace)
			d.established(visitors[0])
			if _, limit := d.enter("192.0.2.1", 6); limit != "" {
				t.Errorf("nobody made room: %s", limit)
			}
			if want := []int{2}; c.limit != "--max-handshakes" && !slices.Equal(d.killed, want) {
				t.Errorf("killed: %v, want %v", d.killed, want)
			}
		})
	}
}

// Established connections never make room, and one that has ended does.
func TestEstablishedStay(t *testing.T) {
	d := newDoor(admissionLimits{2, 2, 2})
	a, _ := d.enter("192.0.2.1", 1)
	b, _ := d.enter("192.0.2.1", 2)
	d.established(a)
	d.established(b)
	d.now = d.now.Add(time.Hour)
	if _, limit := d.enter("192.0.2.1", 3); limit == "" || d.killed != nil {
		t.Errorf("a third came in, by %q; killed: %v", limit, d.killed)
	}
	d.over(a)
	d.over(a) // its process has ended, too
	if _, limit := d.enter("192.0.2.1", 4); limit != "" {
		t.Errorf("refused by %s", limit)
	}
	if _, limit := d.enter("192.0.2.1", 5); limit == "" {
		t.Error("one departure made room for two")
	}
	d.over(b)
	if d.standing != 1 || len(d.from) != 1 || len(d.unfinished) != 1 {
		t.Errorf("%d stand, %v, %d unfinished", d.standing, d.from, len(d.unfinished))
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
		if n := strings.Count(string(said), "tlsify: refused a connection: "+limit+" is reached\n"); n != 1 {
			t.Errorf("%d lines about %s: %s", n, limit, said)
		}
	}
}

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
		conn.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a ClientHello
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
	if _, err := silent[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest unfinished handshake goes on: %v", err)
	}
	io.WriteString(early, "still here")
	if _, err := io.ReadFull(early, make([]byte, len("still here"))); err != nil {
		t.Errorf("an established connection is gone: %v", err)
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
