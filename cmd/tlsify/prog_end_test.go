package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// commits is a PROG that takes what comes for whole only where the peer said so.
const commits = `cat >upload; read -r how <&5 || how=nothing; echo "$how: $(cat upload)" >&8`

// PROG reads how the peer's stream has ended when it sees the end: the peer's own,
// a cut, an error, or nothing where tlsify itself was killed, which looks like an end of file.
func TestProgLearnsTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(c *client, accept *child)
		want string
	}{
		"close_notify": {func(c *client, _ *child) { c.CloseWrite() }, "closed peer"},
		"fin":          {func(c *client, _ *child) { c.noter.Close() }, "truncated"},
		"reset":        {func(c *client, _ *child) { c.noter.Conn.(*net.TCPConn).SetLinger(0); c.noter.Close() }, "error network-io"},
		"no record":    {func(c *client, _ *child) { c.noter.Conn.Write(make([]byte, 5)) }, "error tls-protocol"},
		"killed":       {func(_ *client, accept *child) { accept.signal(syscall.SIGKILL) }, "nothing"},
		"stopped":      {func(_ *client, accept *child) { accept.signal(syscall.SIGTERM) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLaunch(t)
			ours, theirs := tcpPair(t)
			l.give(4, rawOf(t, theirs))
			theirs.Close()
			said := l.capture(8)
			args := append([]string{"accept", "--net-fd", "4", "--prog-fds", "0,1,5"}, identity(t)...)
			accept := l.start(append(args, "--", "sh", "-c", "cd "+t.TempDir()+"; "+commits)...)
			peer, err := newClient(ours, clientConfig(t))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(peer, "all of it")
			accept.await("ready")
			time.Sleep(100 * time.Millisecond)
			c.ends(peer, accept)
			got := said.all()
			if want := c.want + ": all of it\n"; got != want && (c.want != "" || strings.Contains(got, "closed peer")) {
				t.Errorf("PROG says %q, and not %q", got, want)
			}
			peer.noter.Close()
			accept.wait()
		})
	}
}

// wget and Python's urllib reset the connection when they have their page, with our
// close_notify unread. A server's line named --eof hold, which changes nothing where PROG
// has left, and was said with that option, too.
func TestClientResetsBehindTheEnd(t *testing.T) {
	const had = "; it may have had all that it wanted"
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"left":   {[]string{"--", "true"}, 107, had},
		"hold":   {[]string{"--eof", "hold", "--", "true"}, 107, had},
		"halved": {nil, 7, "; the peer .*--eof hold .*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var accept *child
			for range 10 { // PROG's stream has its end where the reset takes longer than a moment
				if accept = leaveBehindTheEnd(t, c.args, resets); accept.wait() != 0 {
					break
				}
			}
			accept.expect(c.status, "closed local", "error network-io .*reset by peer, behind our close_notify"+c.want)
		})
	}
}

// Python's clients close the connection when they have their answer, without a close_notify.
// The line named --eof hold alone, with which a client that waits for the end waits for ever.
func TestClientHangsUpBehindTheEnd(t *testing.T) {
	leaveBehindTheEnd(t, nil, func(*net.TCPConn) {}).expect(6, "closed local", "truncated",
		"error truncated .*, behind ours; .*--tolerate-truncation .*--eof hold .*")
}

func resets(c *net.TCPConn) { c.SetLinger(0) }

func leaveBehindTheEnd(t *testing.T, args []string, how func(*net.TCPConn)) *child {
	l := newLaunch(t)
	ours, theirs := tcpPair(t)
	l.give(4, rawOf(t, theirs))
	theirs.Close()
	if args == nil {
		l.socket(0, 1).CloseWrite()
	}
	accept := l.start(append(append([]string{"accept", "--net-fd", "4"}, identity(t)...), args...)...)
	peer, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(peer)
	how(ours)
	ours.Close()
	return accept
}

// What PROG wrote before its end is on its way for longer than PROG is there, to a
// client that reads slowly. One that says something then, as its close_notify, got a
// reset of a socket that nobody had any more, and lost all that was still to come.
func TestProgEndsBeforeItsClientHasAll(t *testing.T) {
	const size = 150000
	l := newLaunch(t)
	ours, theirs := tcpPair(t)
	theirs.SetWriteBuffer(size)
	ours.SetReadBuffer(4096)
	l.give(4, rawOf(t, theirs))
	theirs.Close()
	args := append([]string{"accept", "--net-fd", "4"}, identity(t)...)
	accept := l.start(append(args, "--", "head", "-c", strconv.Itoa(size), "/dev/zero")...)
	peer, err := newClient(ours, clientConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	accept.await("closed")
	time.Sleep(300 * time.Millisecond)
	io.WriteString(peer, "late")
	if got, err := io.ReadAll(peer); len(got) != size || err != nil {
		t.Errorf("the client has %d bytes of %d: %v", len(got), size, err)
	}
	accept.expect(0, "closed local")
}
